//! One line of a known_hosts file: `[@marker] names keytype base64 [comment]`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::key::PublicKey;

use super::names::Names;

/// Bytes of one line that is not `@revoked`: the largest key in use (RSA 16384, under
/// 3 KiB of base64) with a page of names.
pub const MAX_LINE: usize = 16 << 10;

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

/// What is wrong with a line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    pub what: &'static str,
    /// It is a `@revoked` line, or may have been meant as one: some key is not to be trusted.
    pub may_revoke: bool,
    /// The hosts that it speaks of, if it revokes and that much can be read.
    pub names: Option<Names>,
}

impl Line {
    /// `None` for an empty line or a comment. A `@revoked` line may have any length, and holds whatever its names
    /// are: ssh looks at them, and the guard is stricter.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn parse(line: &[u8]) -> Result<Option<Self>, BadLine> {
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        let line = line.trim_ascii();
        if line.first().is_none_or(|&byte| byte == b'#') {
            return Ok(None);
        }
        let bad = |what| BadLine {
            what,
            may_revoke: may_revoke(line),
            names: None,
        };
        let (marker, rest) = marker(line).map_err(bad)?;
        if marker == Marker::Revoked {
            return revoked(rest).map(Some);
        }
        if line.len() > MAX_LINE {
            return Err(bad("the line is longer than 16 KiB"));
        }
        let (names, rest) = word(rest);
        let names = Names::parse(names).map_err(bad)?;
        let (algorithm, encoded) = key_words(rest);
        let (algorithm, key) = key(algorithm, encoded).map_err(bad)?;
        Ok(Some(Self {
            marker,
            names,
            algorithm,
            key,
        }))
    }
}

/// Some editors put it before the text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What follows the marker. A certificate stands for the key inside it, as for ssh.
fn revoked(rest: &[u8]) -> Result<Line, BadLine> {
    let (names, rest) = word(rest);
    let names = match names.len() {
        // A second marker leaves open what is meant.
        0..=MAX_LINE if names.first() != Some(&b'@') => {
            Names::parse(names).unwrap_or(Names::Unread)
        }
        _ => Names::Unread,
    };
    let (algorithm, encoded) = key_words(rest);
    match any_key(algorithm, encoded, true) {
        Ok((algorithm, key)) => Ok(Line {
            marker: Marker::Revoked,
            names,
            algorithm,
            key,
        }),
        Err(what) => Err(BadLine {
            what,
            may_revoke: true,
            names: Some(names).filter(|names| *names != Names::Unread),
        }),
    }
}

/// Whether a line that cannot be read could have been meant to revoke a key: it has a marker that nobody knows, or
/// the word where another mistake hides it.
fn may_revoke(line: &[u8]) -> bool {
    let words = line.split(|byte| matches!(byte, b' ' | b'\t'));
    let is_revoked = |word: &[u8]| {
        let start = word.get(..MAX_WORD).unwrap_or(word).to_ascii_lowercase();
        start.windows(REVOKED.len()).any(|part| part == REVOKED)
    };
    let has_marker = line.first() == Some(&b'@') && !line.starts_with(b"@cert-authority ");
    has_marker || words.take(3).any(is_revoked)
}

const REVOKED: &[u8] = b"@revoked";
/// Bytes of a word that are looked at.
const MAX_WORD: usize = 512;

fn marker(line: &[u8]) -> Result<(Marker, &[u8]), &'static str> {
    if line.first() != Some(&b'@') {
        return Ok((Marker::Plain, line));
    }
    match word(line) {
        (b"@cert-authority", rest) => Ok((Marker::Authority, rest)),
        (REVOKED, rest) => Ok((Marker::Revoked, rest)),
        _ => Err("the marker is neither @cert-authority nor @revoked"),
    }
}

/// `keytype base64`, without the comment.
fn key_words(rest: &[u8]) -> (&[u8], &[u8]) {
    let (algorithm, rest) = word(rest);
    let (encoded, _comment) = word(rest);
    (algorithm, encoded)
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
    any_key(algorithm, encoded, false)
}

/// The same; where it `may_be_certified`, a certificate stands for the key inside.
fn any_key(
    algorithm: &[u8],
    encoded: &[u8],
    may_be_certified: bool,
) -> Result<(String, Vec<u8>), &'static str> {
    if algorithm.is_empty() || encoded.is_empty() {
        return Err("the key is missing");
    }
    let blob = STANDARD
        .decode(encoded)
        .map_err(|_| "the key is not base64")?;
    let key = PublicKey::parse(&blob).map_err(|_| "the key is malformed")?;
    if key.algorithm().as_bytes() != algorithm {
        return Err("the key is not of the type that stands before it");
    }
    let is_unread = key.is_unread_certificate();
    if !may_be_certified && (is_unread || key.certificate().is_some()) {
        return Err("a certificate stands where a plain key is expected");
    }
    if is_unread {
        return Err("the certificate is of a type that cannot be read");
    }
    Ok((key.plain().algorithm().to_owned(), key.plain_blob()))
}
