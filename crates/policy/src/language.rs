//! The texts that a fact can have: names of qubes, keyrings and hosts, printable text. A pattern that matches none of
//! them is a mistake: its rule covers nothing, so a rule that was meant to deny would deny nothing.

use std::cmp::Ordering;
use std::collections::{HashSet, VecDeque};

use crate::caller::{MAX_CALLER_NAME, MAX_KEYRING_NAME, MAX_QUBE_NAME};
use crate::glob::{Glob, Token};

/// Bytes of a host's name; DNS allows 253.
pub const MAX_HOST_NAME: usize = 255;
/// Bytes of a user's name, a namespace or a comment that anybody would write a rule for.
const MAX_TEXT: usize = 255;

/// A set of texts. A finite automaton reads a text byte by byte and says whether it belongs to the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `[A-Za-z][A-Za-z0-9_.-]*`
    QubeName,
    /// `[A-Za-z0-9][A-Za-z0-9_.-]*`
    KeyringName,
    /// The same, of a caller that is no qube.
    CallerName,
    /// A uid in plain decimal.
    Uid,
    /// A host as known hosts write it: `host`, `[host]:port`, an address. Lower case; port 22 is never written.
    HostName,
    /// One line without control characters and without blanks at its ends: users, namespaces, comments.
    Line,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Start,
    /// Inside a name. What a host's name may become depends on what it began with.
    Name,
    Host {
        in_brackets: bool,
        part: HostPart,
    },
    /// `[` was read.
    Bracket,
    /// `]` was read.
    Closed,
    /// `]:` was read.
    PortStart,
    Number(Number),
    /// The last byte was a blank.
    Blank,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum HostPart {
    /// Letters and digits that an IPv6 address may begin with, so that `:` may follow.
    Hex,
    Name,
    /// After a dot, which may not be the last byte.
    Dot,
    /// An address with one colon so far.
    OneColon,
    Address,
    /// An address after a dot.
    AddressDot,
    /// `%` was read, and the name of an interface must follow.
    ZoneStart,
    Zone,
}

/// A decimal number, compared with the largest one that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Number {
    digits: u8,
    /// Of the digits so far, with as many of the largest number's.
    order: Ordering,
    is_zero: bool,
    /// `2` once or twice and nothing else.
    is_port_22: bool,
}

const MAX_PORT: &[u8] = b"65535";
const MAX_UID: &[u8] = b"4294967295";

impl Number {
    const NONE: Self = Self {
        digits: 0,
        order: Ordering::Equal,
        is_zero: false,
        is_port_22: true,
    };

    fn push(self, byte: u8, most: &[u8]) -> Option<Self> {
        if !byte.is_ascii_digit() || self.is_zero {
            return None;
        }
        let against = *most.get(usize::from(self.digits))?;
        Some(Self {
            digits: self.digits + 1,
            order: self.order.then(byte.cmp(&against)),
            is_zero: self.digits == 0 && byte == b'0',
            is_port_22: self.is_port_22 && byte == b'2',
        })
    }

    fn is_at_most(self, most: &[u8]) -> bool {
        usize::from(self.digits) < most.len() || self.order != Ordering::Greater
    }
}

impl Language {
    /// Whether `text` is one of these texts.
    pub fn contains(self, text: &[u8]) -> bool {
        let mut state = State::Start;
        for byte in text {
            match self.step(state, *byte) {
                Some(next) => state = next,
                None => return false,
            }
        }
        text.len() <= self.max_length() && self.accepts(state)
    }

    /// A shortest text of this language that `pattern` matches; none if it matches none.
    pub fn witness(self, pattern: &Glob) -> Option<Vec<u8>> {
        let tokens: Vec<Token> = pattern.tokens().collect();
        let mut seen = HashSet::new();
        let mut queue = VecDeque::from([(0_usize, State::Start, Vec::new())]);
        while let Some((at, state, text)) = queue.pop_front() {
            if text.len() > self.max_length() {
                return None;
            }
            if !seen.insert((at, state)) {
                continue;
            }
            let token = tokens.get(at).copied();
            if token == Some(Token::Star) {
                // In front of the queue, as it adds nothing to the text.
                queue.push_front((at + 1, state, text.clone()));
            }
            let (bytes, next): (&[u8], usize) = match &token {
                None if self.accepts(state) => return Some(text),
                None => continue,
                Some(Token::Byte(byte)) => (std::slice::from_ref(byte), at + 1),
                Some(Token::One) => (self.alphabet(), at + 1),
                Some(Token::Star) => (self.alphabet(), at),
            };
            for byte in bytes {
                if let Some(state) = self.step(state, *byte) {
                    let longer = [text.as_slice(), &[*byte]].concat();
                    queue.push_back((next, state, longer));
                }
            }
        }
        None
    }

    fn max_length(self) -> usize {
        match self {
            Self::QubeName => MAX_QUBE_NAME,
            Self::KeyringName => MAX_KEYRING_NAME,
            Self::CallerName => MAX_CALLER_NAME,
            Self::Uid => MAX_UID.len(),
            Self::HostName => MAX_HOST_NAME,
            Self::Line => MAX_TEXT,
        }
    }

    /// Bytes for wildcards: one for each way to go on.
    fn alphabet(self) -> &'static [u8] {
        match self {
            Self::QubeName | Self::KeyringName | Self::CallerName | Self::Line => b"a",
            Self::Uid => b"0123456789",
            Self::HostName => b"ag0123456789.:%[]",
        }
    }

    fn step(self, state: State, byte: u8) -> Option<State> {
        match (self, state) {
            (Self::QubeName, State::Start) => byte.is_ascii_alphabetic().then_some(State::Name),
            (Self::KeyringName | Self::CallerName, State::Start) => {
                byte.is_ascii_alphanumeric().then_some(State::Name)
            }
            (Self::QubeName | Self::KeyringName | Self::CallerName, _) => {
                (byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)).then_some(State::Name)
            }
            (Self::Uid, State::Number(number)) => number.push(byte, MAX_UID).map(State::Number),
            (Self::Uid, _) => Number::NONE.push(byte, MAX_UID).map(State::Number),
            (Self::Line, state) => match byte {
                b' ' if state == State::Start => None,
                b' ' => Some(State::Blank),
                0..b' ' | 0x7f => None,
                _ => Some(State::Name),
            },
            (Self::HostName, state) => host_step(state, byte),
        }
    }

    fn accepts(self, state: State) -> bool {
        match (self, state) {
            (Self::Uid, State::Number(number)) => number.is_at_most(MAX_UID),
            (_, State::Number(number)) => {
                let is_port_22 = number.is_port_22 && number.digits == 2;
                number.is_at_most(MAX_PORT) && !number.is_zero && !is_port_22
            }
            (_, State::Host { in_brackets, part }) => !in_brackets && part.may_end(),
            (_, state) => state == State::Name,
        }
    }
}

fn host_step(state: State, byte: u8) -> Option<State> {
    let host =
        |in_brackets, part: Option<HostPart>| part.map(|part| State::Host { in_brackets, part });
    match state {
        State::Start if byte == b'[' => Some(State::Bracket),
        State::Start => host(false, HostPart::first(byte)),
        State::Bracket => host(true, HostPart::first(byte)),
        State::Host {
            in_brackets: true,
            part,
        } if byte == b']' => part.may_end().then_some(State::Closed),
        State::Host { in_brackets, part } => host(in_brackets, part.step(byte)),
        State::Closed => (byte == b':').then_some(State::PortStart),
        State::PortStart => Number::NONE.push(byte, MAX_PORT).map(State::Number),
        State::Number(number) => number.push(byte, MAX_PORT).map(State::Number),
        State::Name | State::Blank => None,
    }
}

impl HostPart {
    fn first(byte: u8) -> Option<Self> {
        match byte {
            b'0'..=b'9' | b'a'..=b'f' => Some(Self::Hex),
            b'g'..=b'z' => Some(Self::Name),
            b':' => Some(Self::OneColon),
            _ => None,
        }
    }

    fn step(self, byte: u8) -> Option<Self> {
        let is_hex = byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let in_name = byte.is_ascii_digit() || byte.is_ascii_lowercase() || b"_-".contains(&byte);
        match self {
            Self::Hex if is_hex => Some(Self::Hex),
            Self::Hex if byte == b':' => Some(Self::OneColon),
            Self::Hex | Self::Name | Self::Dot if byte == b'.' => Some(Self::Dot),
            Self::Hex | Self::Name | Self::Dot => in_name.then_some(Self::Name),
            Self::OneColon if byte == b':' => Some(Self::Address),
            Self::OneColon => is_hex.then_some(Self::OneColon),
            Self::Address if byte == b'%' => Some(Self::ZoneStart),
            Self::Address if byte == b'.' => Some(Self::AddressDot),
            Self::Address => (is_hex || byte == b':').then_some(Self::Address),
            Self::AddressDot => byte.is_ascii_digit().then_some(Self::Address),
            Self::ZoneStart | Self::Zone => in_name.then_some(Self::Zone),
        }
    }

    fn may_end(self) -> bool {
        match self {
            Self::Hex | Self::Name | Self::Address | Self::Zone => true,
            Self::Dot | Self::OneColon | Self::AddressDot | Self::ZoneStart => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::{Caller, Keyring};
    use crate::known_hosts::check_name;

    #[test]
    fn texts_that_the_other_parsers_take() {
        let texts = [
            "",
            "a",
            "A",
            "0",
            "-",
            ".",
            "_",
            "a.b",
            "a.",
            "a b",
            "work-dev",
            "1work",
            "00",
            "01",
            "42",
            "4294967295",
            "4294967296",
            "99999999999",
            "web.example",
            "[web.example]:2222",
            "[web.example]:22",
            "[web.example]:0",
            "[web.example]:65535",
            "[web.example]:65536",
            "[web]:022",
            "web:22",
            "::1",
            "[::1]:2222",
            "2001:db8::1",
            "fe80::1%eth0",
            "[]:1",
            "[web]",
            "web%x",
            "a:b",
            "unn\u{e9}",
        ];
        for text in texts {
            let is = |language: Language| language.contains(text.as_bytes());
            let qube = matches!(Caller::parse(text), Ok(Caller::Qube(_)));
            assert_eq!(is(Language::QubeName), qube, "{text}");
            let uid = Caller::parse(&format!("local:{text}")).is_ok();
            assert_eq!(is(Language::Uid), uid, "{text}");
            let ssh = Caller::parse(&format!("ssh:{text}")).is_ok();
            assert_eq!(is(Language::CallerName), ssh, "{text}");
            assert_eq!(Caller::sandbox(text).is_ok(), ssh, "{text}");
            let keyring = !text.is_empty() && Keyring::from_argument(text).is_ok();
            assert_eq!(is(Language::KeyringName), keyring, "{text}");
            let host = check_name(text).is_ok_and(|name| name == text);
            assert_eq!(is(Language::HostName), host, "{text}");
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
            (Language::HostName, "[web]:2?", Some("[web]:20")),
            (Language::HostName, "[web*", Some("[web]:1")),
            (Language::HostName, "2001:*", Some("2001::")),
            (Language::HostName, ".example", None),
            (Language::HostName, "web.example:*", None),
            (Language::HostName, "[web]:9????", None),
            (Language::HostName, "[web]:0*", None),
            (Language::HostName, "*.", None),
            (Language::QubeName, "?*-dev", Some("a-dev")),
            (Language::QubeName, "1*", None),
            (Language::Uid, "42949672??", Some("4294967200")),
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
