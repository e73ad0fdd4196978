//! A record as JSON of printable ASCII. Every signature waits for one, so texts are copied in one go where nothing
//! in them is to be escaped, and nothing is allocated beside the line.

use crate::facts::{ContentProof, IntentKind, Proof};
use crate::intent::LooksLike;
use crate::judgement::Verdict;

use super::{DecidedBy, Escaped, Record};

impl Record {
    /// Appends the record as one JSON object, in which every character outside printable ASCII is escaped.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = Object {
            out,
            is_empty: true,
        };
        object.number("v", u64::from(self.v));
        object.bytes("time", &self.time.to_text());
        object.number("seq", self.seq);
        if !self.boot.is_empty() {
            object.text("boot", &self.boot);
        }
        object.text("event", self.event.word());
        object.text("outcome", self.outcome.word());

        object.optional("qube", self.qube.as_deref());
        object.optional("keyring", self.keyring.as_deref());
        object.maybe_number("connection", self.connection);

        object.optional("request", self.request.as_deref());
        object.optional("request_sha256", self.request_sha256.as_deref());
        object.maybe_number("bytes", self.bytes);
        object.maybe_number("listed", self.listed);

        object.optional("key", self.key.as_deref());
        object.optional("key_algorithm", self.key_algorithm.as_deref());
        object.optional("comment", self.comment.as_ref().map(Escaped::as_str));
        object.optional("label", self.label.as_ref().map(Escaped::as_str));

        object.optional("kind", self.kind.map(IntentKind::word));
        object.optional("looks_like", self.looks_like.map(LooksLike::word));
        object.flag("sha1", self.sha1);
        object.optional("user", self.user.as_ref().map(Escaped::as_str));
        object.list("host", &self.host);
        object.optional("host_key", self.host_key.as_deref());
        object.optional("host_algorithm", self.host_algorithm.as_deref());
        object.optional("host_ca", self.host_ca.as_deref());
        object.optional("host_label", self.host_label.as_ref().map(Escaped::as_str));
        object.list("host_could_be", &self.host_could_be);
        object.flag("host_revoked", self.host_revoked);
        object.optional("proof", self.proof.map(Proof::word));
        if let Some(forwarded) = self.forwarded {
            object.boolean("forwarded", forwarded);
        }
        object.optional("namespace", self.namespace.as_ref().map(Escaped::as_str));
        object.optional("content", self.content.map(ContentProof::word));
        object.optional("author", self.author.as_ref().map(Escaped::as_str));
        object.optional("committer", self.committer.as_ref().map(Escaped::as_str));
        object.optional("subject", self.subject.as_ref().map(Escaped::as_str));
        object.optional("object", self.object.as_deref());
        object.maybe_number("local_minute", self.local_minute.map(u64::from));

        object.optional("verdict", self.verdict.map(Verdict::word));
        object.optional("rule", self.rule.as_deref());
        object.optional("rule_place", self.rule_place.as_deref());
        object.optional("reason", self.reason.as_deref());
        object.optional("decided_by", self.decided_by.map(DecidedBy::word));
        object.maybe_number("wait_ms", self.wait_ms);
        object.maybe_number("sign_ms", self.sign_ms);
        object.optional("policy", self.policy.as_deref());

        object.maybe_number("count", self.count);
        if let Some(since) = self.since {
            object.bytes("since", &since.to_text());
        }
        object.text("previous", &self.previous);
        object.out.push(b'}');
    }
}

/// A JSON object that is being written.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl Object<'_> {
    fn key(&mut self, key: &str) {
        let before: &[u8] = if self.is_empty { b"{\"" } else { b",\"" };
        self.is_empty = false;
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        quote(text, self.out);
    }

    /// A text that needs no escapes.
    fn bytes(&mut self, key: &str, plain: &[u8]) {
        self.key(key);
        self.out.push(b'"');
        self.out.extend_from_slice(plain);
        self.out.push(b'"');
    }

    fn optional(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    fn list(&mut self, key: &str, texts: &[Escaped]) {
        for (place, text) in texts.iter().enumerate() {
            match place {
                0 => {
                    self.key(key);
                    self.out.push(b'[');
                }
                _ => self.out.push(b','),
            }
            quote(text.as_str(), self.out);
        }
        if !texts.is_empty() {
            self.out.push(b']');
        }
    }

    fn number(&mut self, key: &str, mut number: u64) {
        self.key(key);
        let mut digits = [b'0'; 20]; // of the greatest u64
        let mut length = 0;
        for digit in digits.iter_mut().rev() {
            // Below 10, so that nothing is lost.
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            length += 1;
            if number == 0 {
                break;
            }
        }
        let start = digits.len().saturating_sub(length);
        self.out
            .extend_from_slice(digits.get(start..).unwrap_or_default());
    }

    fn maybe_number(&mut self, key: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.number(key, number);
        }
    }

    fn boolean(&mut self, key: &str, value: bool) {
        self.key(key);
        let word: &[u8] = if value { b"true" } else { b"false" };
        self.out.extend_from_slice(word);
    }

    /// Left out if it is false.
    fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.boolean(key, value);
        }
    }
}

fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    // No early end, so that many bytes are looked at in one go.
    if text.bytes().filter(|byte| !is_plain(byte)).count() == 0 {
        out.extend_from_slice(text.as_bytes());
    } else {
        text.chars().for_each(|character| escape(character, out));
    }
    out.push(b'"');
}

fn escape(character: char, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let short = match character {
        '"' | '\\' => Some(character),
        '\n' => Some('n'),
        '\r' => Some('r'),
        '\t' => Some('t'),
        '\u{8}' => Some('b'),
        '\u{c}' => Some('f'),
        _ => None,
    };
    match (short, character) {
        (Some(short), _) => out.extend_from_slice(&[b'\\', short as u8]),
        (None, ' '..='~') => out.push(character as u8),
        (None, _) => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(b"\\u");
                for shift in [12, 8, 4, 0] {
                    let digit = usize::from(*unit >> shift & 15);
                    out.extend(DIGITS.get(digit));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_characters_come_back_as_printable_ascii() {
        let all: String = ('\0'..='\u{120}')
            .chain("\u{202e}\u{1f600}\u{ffff}".chars())
            .collect();
        for text in ["", "plain", "a \"quoted\" \\ one", &all] {
            let mut out = Vec::new();
            quote(text, &mut out);
            assert!(
                out.iter().all(|byte| (b' '..=b'~').contains(byte)),
                "{text:?}"
            );
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn numbers_are_whole() {
        for number in [0, 1, 9, 10, 1_234_567_890, u64::MAX] {
            let mut out = Vec::new();
            let mut object = Object {
                out: &mut out,
                is_empty: true,
            };
            object.number("n", number);
            assert_eq!(out, format!("{{\"n\":{number}").into_bytes());
        }
    }
}
