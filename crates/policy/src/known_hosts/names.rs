//! The first field of a known_hosts line: whom it speaks of (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::Crypto;
use crate::glob::Glob;
use crate::language::{Language, MAX_HOST_NAME};

/// Salt and hash of a hashed name: one SHA-1 each.
const HASH_LEN: usize = 20;

/// Stands for a hashed name that none of the names tried is.
pub const HASHED: &str = "(hashed)";

/// Stands for names, more than are listed, of which any could be meant.
pub const ANY: &str = "(any)";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    Patterns(Vec<Pattern>),
    /// `|1|salt|hash`: HMAC-SHA1 of one name, keyed with the salt.
    Hashed {
        salt: [u8; HASH_LEN],
        hash: [u8; HASH_LEN],
    },
    /// Of a `@revoked` line: names that cannot be read, or are too long. The line holds for every name anyway.
    Unread,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pub negated: bool,
    /// Lower case; `*` and `?` are wildcards, a backslash is itself.
    pub text: String,
    glob: Glob,
}

impl Pattern {
    pub fn is_literal(&self) -> bool {
        !self.text.contains(['*', '?'])
    }
}

impl Names {
    /// # Errors
    /// What is wrong with the field, for a warning.
    pub fn parse(field: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(field).map_err(|_| "the names are not UTF-8")?;
        if text.chars().any(char::is_control) {
            return Err("the names contain control characters");
        }
        if text.starts_with('|') {
            return Self::parse_hashed(text).ok_or("the hashed name is not |1|salt|hash");
        }
        let parts = text.split(',').filter(|part| !part.is_empty());
        let patterns: Option<Vec<Pattern>> = parts.map(parse_pattern).collect();
        let patterns = patterns.ok_or("a name is longer than 512 bytes, or only a `!`")?;
        if patterns.is_empty() {
            return Err("there is no name");
        }
        Ok(Self::Patterns(patterns))
    }

    fn parse_hashed(text: &str) -> Option<Self> {
        let (salt, hash) = text.strip_prefix("|1|")?.split_once('|')?;
        let part = |part: &str| STANDARD.decode(part).ok()?.try_into().ok();
        Some(Self::Hashed {
            salt: part(salt)?,
            hash: part(hash)?,
        })
    }

    /// Whether the field speaks of `name` (normalised). One negated match outweighs every other.
    pub fn match_name(&self, name: &str, crypto: &dyn Crypto) -> bool {
        match self {
            Self::Unread => false,
            Self::Hashed { salt, hash } => {
                crypto.hmac_sha1_for_known_hosts(salt, name.as_bytes()) == *hash
            }
            Self::Patterns(patterns) => {
                let hit = |pattern: &&Pattern| pattern.glob.matches(name.as_bytes());
                let mut hits = patterns.iter().filter(hit).peekable();
                hits.peek().is_some() && hits.all(|pattern| !pattern.negated)
            }
        }
    }

    fn patterns(&self) -> &[Pattern] {
        match self {
            Self::Patterns(patterns) => patterns,
            Self::Hashed { .. } | Self::Unread => &[],
        }
    }

    /// The names spelled out in the field, in its order, without wildcards and negations.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.texts(true)
    }

    /// The patterns with wildcards in the field, without negations.
    pub fn wildcards(&self) -> impl Iterator<Item = &str> {
        self.texts(false)
    }

    fn texts(&self, literal: bool) -> impl Iterator<Item = &str> {
        self.patterns()
            .iter()
            .filter(move |pattern| !pattern.negated && pattern.is_literal() == literal)
            .map(|pattern| pattern.text.as_str())
    }

    pub fn is_hashed(&self) -> bool {
        matches!(self, Self::Hashed { .. })
    }

    /// The field speaks of its [`Self::literals`], all of them and nothing else.
    pub fn is_all_spelled_out(&self) -> bool {
        matches!(self, Self::Patterns(patterns) if patterns.iter().all(|pattern| !pattern.negated && pattern.is_literal()))
    }

    /// The ports of the `[…]:port` patterns.
    pub(super) fn ports(&self) -> impl Iterator<Item = &str> {
        let patterns = self.patterns().iter();
        patterns.filter_map(|pattern| Some(split_port(&pattern.text)?.1))
    }
}

fn parse_pattern(part: &str) -> Option<Pattern> {
    let (negated, text) = match part.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, part),
    };
    let text = normalise(text);
    Some(Pattern {
        negated,
        glob: glob(&text)?,
        text,
    })
}

impl fmt::Display for Names {
    /// As in the file, but for normalisation; a hashed name as `(hashed)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = match self {
            Self::Patterns(patterns) => patterns,
            Self::Hashed { .. } => return f.write_str("(hashed)"),
            Self::Unread => return f.write_str("(not read)"),
        };
        let patterns = patterns.iter().map(|pattern| {
            let negation = if pattern.negated { "!" } else { "" };
            format!("{negation}{}", pattern.text)
        });
        f.write_str(&patterns.collect::<Vec<_>>().join(","))
    }
}

/// A host's name as OpenSSH looks it up: lower case, and plain `host` for `[host]:22`.
pub fn normalise(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match split_port(&lower) {
        Some((host, "22")) => host.to_owned(),
        _ => lower,
    }
}

/// Checks a name that a person gives a host, and normalises it.
///
/// # Errors
/// The rule that it breaks: it must be able to stand in a known_hosts line and in a rule, as itself.
pub fn check_name(untrusted: &str) -> Result<String, &'static str> {
    let name = normalise(untrusted);
    if name.len() > MAX_HOST_NAME {
        return Err("it is longer than 255 bytes");
    }
    let host = split_port(&name).map_or(name.as_str(), |(host, _)| host);
    if host.ends_with('.') {
        return Err("it ends in a dot, and would look like the name without it");
    }
    if is_port_without_brackets(&name) {
        return Err("a port is written as in known_hosts: [host]:port");
    }
    if !Language::HostName.contains(name.as_bytes()) {
        return Err(
            "a host is a letter or digit, then letters, digits, `.`, `-` and `_`; or an IPv6 address; or [host]:port",
        );
    }
    if matches!(name.as_str(), "unnamed" | "unproven") {
        return Err("rules use this word for hosts without a name or proof");
    }
    Ok(name)
}

/// Whether somebody wrote `host:port`, where known hosts write `[host]:port`. Patterns count, too.
pub fn is_port_without_brackets(name: &str) -> bool {
    let Some((host, port)) = name.split_once(':') else {
        return false;
    };
    let is_port = |byte: u8| byte.is_ascii_digit() || b"*?".contains(&byte);
    let is_address_start = |byte: u8| byte.is_ascii_hexdigit() || byte == b'?';
    let has_digit = port.bytes().any(|byte| byte.is_ascii_digit());
    !host.starts_with('[')
        && !port.is_empty()
        && port.bytes().all(is_port)
        // `2001:*` is for addresses.
        && (has_digit || host.is_empty() || host.len() > 4 || !host.bytes().all(is_address_start))
}

/// `host` and `port` of `[host]:port`.
pub(super) fn split_port(name: &str) -> Option<(&str, &str)> {
    let (host, port) = name.strip_prefix('[')?.rsplit_once("]:")?;
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && !host.is_empty()).then_some((host, port))
}

/// A pattern as OpenSSH's `match_pattern` reads it: `*` and `?` are wildcards, a backslash is itself.
/// `None` if it is empty or too long to be one.
pub fn glob(pattern: &str) -> Option<Glob> {
    Glob::new(&pattern.replace('\\', "\\\\")).ok()
}

/// The host of a name with a port, `[host]:port`.
pub fn host_of_port(name: &str) -> Option<&str> {
    Some(split_port(name)?.0)
}

/// The same of a pattern, whose port may have wildcards: `[*.example]:2222`, `*:22??`.
pub fn host_of_any_port(pattern: &str) -> Option<&str> {
    let (host, port) = pattern.rsplit_once(':')?;
    let is_port = |byte: u8| byte.is_ascii_digit() || b"*?".contains(&byte);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    port.bytes().all(is_port).then_some(host)
}

/// Whether a name of an identity is a hashed one or a pattern, which leaves open which name it is.
pub fn is_open(name: &str) -> bool {
    name == HASHED || name.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_port_22_is_dropped() {
        for (name, expected) in [
            ("Host", "host"),
            ("[Host]:22", "host"),
            ("[host]:2222", "[host]:2222"),
            ("[::1]:22", "::1"),
            ("[host]", "[host]"),
            ("[host]:022", "[host]:022"),
            ("[]:22", "[]:22"),
            ("host:22", "host:22"),
        ] {
            assert_eq!(normalise(name), expected);
        }
    }

    #[test]
    fn given_names_stand_for_themselves() {
        for (name, expected) in [
            ("Prod", "prod"),
            ("[a.b]:2222", "[a.b]:2222"),
            ("[a]:22", "a"),
            ("::1", "::1"),
        ] {
            assert_eq!(check_name(name).as_deref(), Ok(expected));
        }
        for name in [
            "",
            "*",
            "a b",
            "a,b",
            "!a",
            "|1|x|y",
            "#a",
            "@a",
            "-a",
            "caf\u{e9}",
            "unnamed",
            "[a",
            "[]:3",
            "a:2222",
            "github.com.",
            "[github.com.]:2222",
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn broken_fields_are_named() {
        for field in [
            "",
            ",",
            "!",
            "|1|",
            "|1|a|b",
            "|2|AAAA|AAAA",
            "a\u{7}b",
            "|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAA",
        ] {
            assert!(Names::parse(field.as_bytes()).is_err(), "{field:?}");
        }
        assert!(Names::parse(b"caf\xe9").is_err());
        assert!(Names::parse("x".repeat(513).as_bytes()).is_err());
    }
}
