//! Bytes from the other side as plain ASCII that can be turned back.

use serde::{Deserialize, Serialize};

/// Bytes of one text that a record keeps: four times a user's longest name; what is longer is cut,
/// so that nobody fills the disk with one request.
pub const MAX_TEXT: usize = 1024;

/// Printable ASCII stands for itself, `\\` for a backslash, `\xNN` for any other byte. A text that was
/// cut ends in `\+N`, N being the number of bytes that are missing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Escaped(String);

impl Escaped {
    pub fn from_bytes(untrusted: &[u8]) -> Self {
        let kept = untrusted.get(..MAX_TEXT).unwrap_or(untrusted);
        let mut text = String::with_capacity(kept.len());
        let mut rest = kept;
        while let Some(odd) = rest.iter().position(|byte| !stands_for_itself(*byte)) {
            let (clean, after) = rest.split_at(odd);
            push_ascii(&mut text, clean);
            let (byte, after) = after.split_first().unwrap_or((&b'\\', &[]));
            match byte {
                b'\\' => text.push_str("\\\\"),
                _ => text.push_str(&format!("\\x{byte:02x}")),
            }
            rest = after;
        }
        push_ascii(&mut text, rest);
        if untrusted.len() > kept.len() {
            text.push_str(&format!("\\+{}", untrusted.len() - kept.len()));
        }
        Self(text)
    }

    /// The bytes again. `None` if the text was cut, or was not written by [`Escaped::from_bytes`].
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let mut bytes = Vec::with_capacity(self.0.len());
        let mut rest = self.0.bytes();
        while let Some(byte) = rest.next() {
            if byte != b'\\' {
                bytes.push(byte);
                continue;
            }
            bytes.push(match rest.next()? {
                b'x' => u8::try_from(digit(rest.next()?)? << 4 | digit(rest.next()?)?).ok()?,
                other => other,
            });
        }
        // One way to write each text, so that equal bytes are equal lines.
        (Self::from_bytes(&bytes) == *self).then_some(bytes)
    }

    /// As it stands in the log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'\\'
}

fn push_ascii(text: &mut String, ascii: &[u8]) {
    text.push_str(std::str::from_utf8(ascii).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        let text = Escaped::from_bytes(&all);
        assert!(
            text.as_str()
                .bytes()
                .all(|byte| (b' '..=b'~').contains(&byte))
        );
        assert_eq!(text.to_bytes().unwrap(), all);
        assert_eq!(Escaped::from_bytes(b"a\\x41\n").as_str(), "a\\\\x41\\x0a");
    }

    #[test]
    fn a_cut_text_says_so_and_cannot_pass_for_a_whole_one() {
        let text = Escaped::from_bytes(&[b'a'; MAX_TEXT + 7]);
        assert!(text.as_str().ends_with("a\\+7"));
        assert_eq!(text.to_bytes(), None);
        assert!(Escaped::from_bytes(&[b'a'; MAX_TEXT]).to_bytes().is_some());
    }

    #[test]
    fn what_we_did_not_write_is_no_text() {
        for odd in ["\\", "\\x", "\\x4", "\\x41", "\\xC3", "\\n", "\u{e4}", "\t"] {
            assert_eq!(Escaped(odd.to_owned()).to_bytes(), None, "{odd:?}");
        }
    }
}
