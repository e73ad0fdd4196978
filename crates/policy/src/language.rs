//! The texts that a fact can have: names of qubes, keyrings and hosts, printable text. A pattern that matches none of
//! them is a mistake: its rule covers nothing, so a rule that was meant to deny would deny nothing.

use crate::caller::{Caller, Keyring};
use crate::glob::Glob;

/// Bytes of a host's name; DNS allows 253.
pub const MAX_HOST_NAME: usize = 255;
/// Bytes of a user's name, a namespace or a comment that anybody would write a rule for.
const MAX_TEXT: usize = 255;

/// What `*` is tried with: nothing, a name, a number, a part of an IPv6 address, and what stands around a host with a
/// port.
const FOR_STAR: [&str; 7] = ["", "a", "1", "::", "[a", "a]", "a]:1"];
/// What `?` is tried with.
const FOR_ONE: &[u8] = b"a10:";

/// A set of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// See [`Caller::parse`].
    QubeName,
    /// See [`Keyring::from_argument`].
    KeyringName,
    /// Of a caller that is no qube.
    CallerName,
    /// A uid in plain decimal.
    Uid,
    /// A host as known hosts write it: `host`, `[host]:port`, an address. Lower case; port 22 is never written.
    HostName,
    /// One line without control characters and without blanks at its ends: users, namespaces, comments.
    Line,
}

impl Language {
    /// Whether `text` is one of these texts.
    pub fn contains(self, text: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(text) else {
            return false;
        };
        match self {
            Self::QubeName => matches!(Caller::parse(text), Ok(Caller::Qube(_))),
            Self::KeyringName => !text.is_empty() && Keyring::from_argument(text).is_ok(),
            Self::CallerName => Caller::sandbox(text).is_ok(),
            Self::Uid => Caller::parse(&format!("local:{text}")).is_ok(),
            Self::HostName => text.len() <= MAX_HOST_NAME && is_host_name(text),
            Self::Line => {
                let is_printable = !text.bytes().any(|byte| byte.is_ascii_control());
                let has_blank_ends = text.starts_with(' ') || text.ends_with(' ');
                (1..=MAX_TEXT).contains(&text.len()) && is_printable && !has_blank_ends
            }
        }
    }

    /// A text of this language that `pattern` matches. All `*` but the last are filled alike, and so are all `?`; a
    /// pattern that matches other texts alone has no witness here.
    pub fn witness(self, pattern: &Glob) -> Option<Vec<u8>> {
        let fillings = FOR_STAR.iter().flat_map(|star| {
            let with_last = move |last| FOR_ONE.iter().map(move |one| (star, last, *one));
            FOR_STAR.iter().flat_map(with_last)
        });
        fillings
            .map(|(star, last, one)| pattern.filled(star, last, one))
            .find(|text| self.contains(text))
    }
}

fn is_host_name(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('[') else {
        return is_name(text) || is_address(text);
    };
    inside.split_once("]:").is_some_and(|(host, port)| {
        let number: u16 = port.parse().unwrap_or_default();
        let is_number = number.to_string() == port && number != 0 && number != 22;
        is_number && (is_name(host) || is_address(host))
    })
}

fn is_name(text: &str) -> bool {
    let is_in_name = |byte: u8| is_name_byte(byte) || byte == b'.';
    text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(is_in_name)
        && !text.ends_with('.')
}

/// Loosely an IPv6 address: hexadecimal digits and two colons or more, perhaps an IPv4 address at the end, and a zone.
fn is_address(text: &str) -> bool {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    let Some((groups, last)) = address.rsplit_once(':') else {
        return false;
    };
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    groups.contains(':')
        && groups.bytes().all(|byte| is_hex(byte) || byte == b':')
        && last.bytes().all(|byte| is_hex(byte) || byte == b'.')
        && !last.starts_with('.')
        && !last.ends_with('.')
        && zone.is_none_or(|zone| !zone.is_empty() && zone.bytes().all(is_name_byte))
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known_hosts::check_name;

    #[test]
    fn names_of_hosts() {
        for text in [
            "a",
            "0",
            "a.b",
            "work-dev",
            "1work",
            "00",
            "web.example",
            "[web.example]:2222",
            "[web.example]:65535",
            "::1",
            "[::1]:2222",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "fe80::1%eth0",
        ] {
            assert!(Language::HostName.contains(text.as_bytes()), "{text}");
            assert_eq!(check_name(text).as_deref(), Ok(text));
        }
        for text in [
            "",
            "A",
            "-",
            ".",
            "_",
            "a.",
            "a b",
            "[web.example]:22",
            "[web.example]:0",
            "[web.example]:65536",
            "[web]:022",
            "[web]:+1",
            "[web.]:1",
            "[[web]]:1",
            "web:22",
            "[]:1",
            "[web]",
            "web%x",
            "fe80::1%",
            "::1.",
            "a:b",
            "unn\u{e9}",
        ] {
            assert!(!Language::HostName.contains(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_pattern_has_a_witness_or_matches_nothing() {
        let witness = |language: Language, pattern: &str| {
            let glob = Glob::new(pattern).unwrap();
            let found = language.witness(&glob);
            let is_witness = |text: &Vec<u8>| glob.matches(text) && language.contains(text);
            assert!(found.iter().all(is_witness), "{pattern}");
            found.map(|text| String::from_utf8(text).unwrap())
        };
        for (language, pattern, expected) in [
            (Language::HostName, "*.example", Some("a.example")),
            (Language::HostName, "[*]:*", Some("[a]:1")),
            (Language::HostName, "[*:*]:*", Some("[:::::]:1")),
            (Language::HostName, "[web]:2?", Some("[web]:21")),
            (Language::HostName, "[web]:22*", Some("[web]:221")),
            (Language::HostName, "[web*", Some("[weba]:1")),
            (Language::HostName, "*]:2222", Some("[a]:2222")),
            (Language::HostName, "[*:2222", Some("[a]:2222")),
            (Language::HostName, "2001:*", Some("2001:::")),
            (Language::HostName, "10.?.*", Some("10.a.a")),
            (Language::HostName, ".example", None),
            (Language::HostName, "web.example:*", None),
            (Language::HostName, "[web]:9????", None),
            (Language::HostName, "[web]:0*", None),
            (Language::HostName, "*.", None),
            (Language::QubeName, "?*-dev", Some("a-dev")),
            (Language::QubeName, "1*", None),
            (Language::Uid, "42949672??", Some("4294967211")),
            (Language::Uid, "43949672??", None),
            (Language::Uid, "0*", Some("0")),
            (Language::Uid, "0?", None),
            (Language::Line, "* ", None),
            (Language::Line, "a\u{1b}*", None),
            (Language::Line, "caf\u{e9}*", Some("caf\u{e9}")),
        ] {
            assert_eq!(witness(language, pattern).as_deref(), expected, "{pattern}");
        }
        let long = format!("*{}", "a".repeat(255));
        assert!(witness(Language::HostName, &long).is_some());
        assert_eq!(witness(Language::HostName, &format!("?{long}")), None);
    }
}
