//! One line of a known_hosts file: `[@marker] names keytype base64 [comment]`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::key::PublicKey;

use super::names::Names;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Marker {
    /// A host's own key.
    Plain,
    /// `@cert-authority`: certificates by this key name hosts that match.
    Authority,
    /// `@revoked`: never to be trusted, neither as a host's key nor as a CA's.
    Revoked,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub marker: Marker,
    pub names: Names,
    /// The key's own type, `ssh-ed25519` for one.
    pub algorithm: String,
    /// A plain key's blob, never a certificate's.
    pub key: Vec<u8>,
}

impl Line {
    /// `None` for an empty line or a comment.
    ///
    /// # Errors
    /// What is wrong with the line, for a warning.
    pub fn parse(line: &[u8]) -> Result<Option<Self>, &'static str> {
        let line = line.trim_ascii();
        if line.first().is_none_or(|&byte| byte == b'#') {
            return Ok(None);
        }
        let (marker, rest) = marker(line)?;
        let (names, rest) = word(rest);
        let names = Names::parse(names)?;
        let (algorithm, rest) = word(rest);
        let (encoded, _comment) = word(rest);
        let (algorithm, key) = key(algorithm, encoded)?;
        Ok(Some(Self {
            marker,
            names,
            algorithm,
            key,
        }))
    }
}

fn marker(line: &[u8]) -> Result<(Marker, &[u8]), &'static str> {
    if line.first() != Some(&b'@') {
        return Ok((Marker::Plain, line));
    }
    match word(line) {
        (b"@cert-authority", rest) => Ok((Marker::Authority, rest)),
        (b"@revoked", rest) => Ok((Marker::Revoked, rest)),
        _ => Err("the marker is neither @cert-authority nor @revoked"),
    }
}

/// The first word, and what follows it without the blanks between.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t'))
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_ascii_start())
}

/// Reads `keytype base64`, as in known_hosts and in `.pub` files: the type's name and the key's blob.
///
/// # Errors
/// What is wrong with the key, for a warning.
pub fn key(algorithm: &[u8], encoded: &[u8]) -> Result<(String, Vec<u8>), &'static str> {
    if algorithm.is_empty() || encoded.is_empty() {
        return Err("the key is missing");
    }
    let blob = STANDARD
        .decode(encoded)
        .map_err(|_| "the key is not base64")?;
    let key = PublicKey::parse(&blob).map_err(|_| "the key is malformed")?;
    if matches!(key, PublicKey::Certificate(_)) {
        return Err("a certificate stands where a plain key is expected");
    }
    if key.algorithm().as_bytes() != algorithm {
        return Err("the key is not of the type that stands before it");
    }
    let algorithm = key.algorithm().to_owned();
    Ok((algorithm, blob))
}
