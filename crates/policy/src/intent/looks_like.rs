//! What data that no parser reads could still be taken for.
//!
//! A rule for raw data knows no user and no host. So it must never get a signature that a server, a
//! client or a tool accepts as something else. Other programs read more loosely than we do, and some begin
//! elsewhere: for a client that calls itself `3.0 SecureCRT`, OpenSSH's sshd leaves out the length of the
//! session id (`SSH_OLD_SESSIONID` in its compat.c), and dropbear takes services that it does not know.
//! The tests here therefore ask for little, at any offset.
//!
//! What they cost: one pass over the data for each, with at most 200 comparisons of bytes for each byte.
//!
//! How often they hit by chance: in text without NUL bytes only where it spells one of the names below; in
//! 32 random bytes with a probability below 2^-70, in 256 KiB of them below 2^-30. Of 78 000 pieces of up to
//! 256 KiB of the programs and documents of Debian 12, 2 were taken for a login, and about 30 held a name.

use std::fmt;

use wire::key::PublicKey;
use wire::plain_key::PlainKey;
use wire::reader::Reader;

word_enum! {
    /// Why data is never signed, whatever rules for raw data say.
    pub enum LooksLike {
        /// A userauth request of any method, with anything before it.
        Login = "login",
        /// A request of pam_ssh_agent_auth.
        Sudo = "sudo",
        /// An SSHSIG.
        Sshsig = "sshsig",
        /// A certificate of any version.
        Certificate = "certificate",
        /// A server's proof that it owns a host key, `hostkeys-prove-00@openssh.com`.
        HostKeyProof = "host-key-proof",
        /// What a server signs in a key exchange.
        ExchangeHash = "exchange-hash",
        /// A key revocation list.
        RevocationList = "revocation-list",
        /// A protocol that we do not know, in which this key is named as the signer.
        RequestOfThisKey = "request-of-this-key",
        /// A proper login, certificate or sudo request that names another key as the signer.
        RequestOfAnotherKey = "request-of-another-key",
    }
}

/// `SSH_MSG_USERAUTH_REQUEST` (RFC 4252) and pam_ssh_agent_auth's `SSH2_MSG_USERAUTH_TRUST_REQUEST`.
const NUMBERS: [(u8, LooksLike); 2] = [(50, LooksLike::Login), (54, LooksLike::Sudo)];

/// Names that only the structures of SSH hold, at any offset.
const NAMES: [(&[u8], LooksLike); 2] = [
    (b"pam_ssh_agent_auth", LooksLike::Sudo),
    (b"hostkeys-prove", LooksLike::HostKeyProof),
];

/// What follows the plain type in a certificate's, before the digits of the version.
const CERTIFICATE: &[u8] = b"-cert-v";

/// What data begins with, in any case.
const MAGICS: [(&[u8], LooksLike); 2] = [
    (b"SSHSIG", LooksLike::Sshsig),
    (b"SSHKRL", LooksLike::RevocationList),
];

/// Bytes of SHA-1, SHA-384 and SHA-512. A hash of 32 bytes cannot be told from the challenges that
/// PAM modules have signed.
const EXCHANGE_HASHES: [usize; 3] = [20, 48, 64];

/// Bytes of text in a row that no hash holds.
const TEXT: usize = 20;

/// The longest name of a method that is looked at: RFC 4251 §6 allows no longer one.
const LONGEST_NAME: usize = 64;

/// Bytes of the signing key that name it. Fewer could be there by chance.
const KEY_BYTES: usize = 32;

impl LooksLike {
    /// What `untrusted_data`, which the key in `key_blob` is asked to sign, could be taken for.
    pub(super) fn find(untrusted_data: &[u8], key_blob: &[u8]) -> Option<Self> {
        magic(untrusted_data)
            .or_else(|| request(untrusted_data))
            .or_else(|| name(untrusted_data))
            .or_else(|| certificate(untrusted_data))
            .or_else(|| exchange_hash(untrusted_data))
            .or_else(|| names_key(untrusted_data, key_blob))
    }
}

impl fmt::Display for LooksLike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "a server could take this data for a login, which it is not in every byte",
            Self::Sudo => {
                "pam_ssh_agent_auth could take this data for its request, which it is not in every byte"
            }
            Self::Sshsig => "this data begins like an SSHSIG, which it is not in every byte",
            Self::Certificate => "this data names a certificate type, and is no certificate that we can read",
            Self::HostKeyProof => "with this signature a server could pass your key off as its host key",
            Self::ExchangeHash => {
                "this data has the form of a key exchange's hash, which only a server's host key signs"
            }
            Self::RevocationList => "this data begins like a key revocation list",
            Self::RequestOfThisKey => {
                "this data names the key that is to sign it, as logins do, and has no form that we know"
            }
            Self::RequestOfAnotherKey => {
                "the login, certificate or sudo request names another key than the one asked to sign it"
            }
        })
    }
}

fn magic(data: &[u8]) -> Option<LooksLike> {
    let begins = |magic: &[u8]| {
        data.get(..magic.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(magic))
    };
    let found = MAGICS.iter().find(|(magic, _)| begins(magic));
    found.map(|(_, looks_like)| *looks_like)
}

/// Anywhere: a request's number, a user, a service and a method. Nothing is asked of user and service, for
/// some servers do not ask either. The method, or the algorithm behind it, is a name.
fn request(data: &[u8]) -> Option<LooksLike> {
    data.iter().enumerate().find_map(|(at, byte)| {
        let (_, looks_like) = NUMBERS.iter().find(|(number, _)| number == byte)?;
        let mut rest = Reader::new(data.get(at.saturating_add(1)..)?);
        rest.string("a user").ok()?;
        rest.string("a service").ok()?;
        let method = rest.string("a method").ok()?;
        let mut algorithm = || {
            rest.u8("the mark that a signature follows").ok()?;
            rest.string("an algorithm").ok()
        };
        let named = is_name(method) || algorithm().is_some_and(is_name);
        named.then_some(*looks_like)
    })
}

fn is_name(text: &[u8]) -> bool {
    let shown = text.get(..LONGEST_NAME).unwrap_or(text);
    !shown.is_empty() && shown.iter().all(u8::is_ascii_graphic)
}

fn name(data: &[u8]) -> Option<LooksLike> {
    NAMES
        .iter()
        .find(|(name, _)| contains(data, name))
        .map(|(_, looks_like)| *looks_like)
}

fn contains(data: &[u8], part: &[u8]) -> bool {
    data.windows(part.len()).any(|window| window == part)
}

/// The versions of certificates that OpenSSH had, and those of drafts: `ssh-rsa-cert-v00@openssh.com`
/// anywhere, or another type with `-cert` in its name at the start, as `ssh-ed25519-cert`.
fn certificate(data: &[u8]) -> Option<LooksLike> {
    let versioned = data
        .windows(CERTIFICATE.len().saturating_add(1))
        .any(|window| {
            window.starts_with(CERTIFICATE) && window.last().is_some_and(u8::is_ascii_digit)
        });
    let at_start = || {
        let first = Reader::new(data).string("the name of a type").ok()?;
        let is_short = first.len() <= LONGEST_NAME && is_name(first);
        (is_short && contains(&first.to_ascii_lowercase(), b"-cert")).then_some(())
    };
    (versioned || at_start().is_some()).then_some(LooksLike::Certificate)
}

/// A hash holds no text, but by a chance of one in ten million.
fn exchange_hash(data: &[u8]) -> Option<LooksLike> {
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let is_hash = EXCHANGE_HASHES.contains(&data.len())
        && !data.windows(TEXT).any(|run| run.iter().all(is_text));
    is_hash.then_some(LooksLike::ExchangeHash)
}

/// Every request that a server or sudo verifies holds the key to verify it with.
fn names_key(data: &[u8], key_blob: &[u8]) -> Option<LooksLike> {
    let key = PublicKey::parse(key_blob).ok()?;
    let named = match key.plain() {
        PlainKey::Ed25519 { point } | PlainKey::SkEd25519 { point, .. } => point.as_slice(),
        // After the byte that says how the point is written.
        PlainKey::Ecdsa { point, .. } | PlainKey::SkEcdsa { point, .. } => point.get(1..)?,
        PlainKey::Mldsa44Ed25519 { key } => key.as_slice(),
        PlainKey::Rsa { n, .. } => n,
        PlainKey::Dsa { y, .. } => y,
        PlainKey::Opaque { rest, .. } => rest.get(rest.len().saturating_sub(KEY_BYTES)..)?,
    };
    let found = contains(data, named.get(..KEY_BYTES)?);
    found.then_some(LooksLike::RequestOfThisKey)
}
