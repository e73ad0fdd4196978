//! Patterns of rules: `*` is any run of bytes, `?` any one byte, `\` takes the next character as it
//! is. All else is compared byte by byte. A match takes at most one pass over the text for each byte
//! between two `*`, never more: no pattern and text can make it explode.

use std::fmt;

/// Longer patterns name nothing: users are at most 256 bytes, host names 255, qubes 31.
pub const MAX_PATTERN: usize = 512;

const LONE_ESCAPE: &str = "the `\\` at the end escapes nothing";

/// A pattern, compiled. Two are equal if they were written the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    written: String,
    /// The parts around and between `*`; those in the middle are not empty.
    parts: Vec<Part>,
}

/// Bytes between two `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part {
    /// Zero where a `?` stands.
    bytes: Vec<u8>,
    /// Where `?` stands, in order.
    any: Vec<usize>,
}

impl Glob {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// An empty or overlong pattern, or a lone `\` at its end.
    pub fn new(written: &str) -> Result<Self, &'static str> {
        if written.is_empty() {
            return Err("an empty pattern matches nothing of use");
        }
        if written.len() > MAX_PATTERN {
            return Err("a pattern has at most 512 bytes");
        }
        let mut parts = Vec::new();
        let mut part = Part::default();
        let mut bytes = written.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                // Two `*` beside each other are one.
                b'*' if part.bytes.is_empty() && !parts.is_empty() => {}
                b'*' => parts.push(std::mem::take(&mut part)),
                b'?' => {
                    part.any.push(part.bytes.len());
                    part.bytes.push(0);
                }
                b'\\' => part.bytes.push(bytes.next().ok_or(LONE_ESCAPE)?),
                _ => part.bytes.push(byte),
            }
        }
        parts.push(part);
        Ok(Self {
            written: written.to_owned(),
            parts,
        })
    }

    /// Whether the pattern covers the whole of `text`.
    #[inline]
    pub fn matches(&self, text: &[u8]) -> bool {
        match self.parts.as_slice() {
            [whole] => whole.is(text),
            [first, middle @ .., last] => around_stars(first, middle, last, text),
            [] => false,
        }
    }

    /// The text that this pattern alone matches, if it has no wildcard.
    pub fn literal(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [whole] if whole.any.is_empty() => Some(&whole.bytes),
            _ => None,
        }
    }

    /// A text that this pattern matches: `last_star` in place of its last `*`, `star` of all others, and `one` of each
    /// `?`.
    pub fn filled(&self, star: &str, last_star: &str, one: u8) -> Vec<u8> {
        let mut text = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                let is_last = index + 1 == self.parts.len();
                text.extend_from_slice(if is_last { last_star } else { star }.as_bytes());
            }
            let bytes = part.bytes.iter().enumerate();
            text.extend(bytes.map(|(at, byte)| if part.any.contains(&at) { one } else { *byte }));
        }
        text
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether the pattern is `*`, which matches every text.
    pub fn is_any(&self) -> bool {
        self.written.bytes().all(|byte| byte == b'*')
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Part {
    fn is(&self, text: &[u8]) -> bool {
        self.bytes.len() == text.len() && self.starts(text)
    }

    /// Parts are short: most texts differ in the first byte.
    fn starts(&self, text: &[u8]) -> bool {
        let mut pairs = self.bytes.iter().zip(text);
        match self.any.as_slice() {
            [] => pairs.all(|(a, b)| a == b),
            any => pairs
                .enumerate()
                .all(|(at, (a, b))| a == b || any.contains(&at)),
        }
    }
}

fn around_stars(first: &Part, middle: &[Part], last: &Part, text: &[u8]) -> bool {
    let Some((head, rest)) = text.split_at_checked(first.bytes.len()) else {
        return false;
    };
    let Some(tail_at) = rest.len().checked_sub(last.bytes.len()) else {
        return false;
    };
    let (mut rest, tail) = rest.split_at(tail_at);
    if !first.is(head) || !last.is(tail) {
        return false;
    }
    // The leftmost place for each part leaves the most for those after it.
    for part in middle {
        let length = part.bytes.len();
        let Some(at) = rest.windows(length).position(|window| part.starts(window)) else {
            return false;
        };
        rest = rest.get(at + length..).unwrap_or_default();
    }
    true
}

/// `text` as a pattern that matches it alone.
pub fn escape(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern).unwrap().matches(text.as_bytes())
    }

    #[test]
    fn wildcards_and_escapes() {
        for (pattern, text) in [
            ("git", "git"),
            ("*", ""),
            ("*", "anything"),
            ("work-*", "work-"),
            ("*.example", "a.b.example"),
            ("a*b*c", "a-b-b-c"),
            ("a?c", "abc"),
            ("?*?", "ab"),
            ("\\*", "*"),
            ("a\\?", "a?"),
            ("\\\\", "\\"),
            ("*aab*", "aaab"),
            ("**", "x"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("git", "Git"),
            ("git", "git "),
            ("work-*", "work"),
            ("a?c", "ac"),
            ("?*?", "a"),
            ("\\*", "x"),
            ("a*a", "a"),
            ("*ab*ba*", "aba"),
            ("a*b*c", "acb"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn bad_patterns_are_refused() {
        for pattern in ["", "a\\", &"a".repeat(MAX_PATTERN + 1)] {
            assert!(Glob::new(pattern).is_err(), "{pattern}");
        }
        assert!(Glob::new(&"a".repeat(MAX_PATTERN)).is_ok());
    }

    /// The textbook definition, exponential and obviously right.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
            ([b'?', pattern @ ..], [_, text @ ..]) => naive(pattern, text),
            ([b'\\', p, pattern @ ..], [t, text @ ..]) => p == t && naive(pattern, text),
            ([p, pattern @ ..], [t, text @ ..]) => p == t && naive(pattern, text),
            _ => false,
        }
    }

    #[test]
    fn agrees_with_the_textbook() {
        let (mut hits, mut misses) = (0, 0);
        let is_whole = seeded::cases(50_000, |random| {
            let mut next = |below| random.below(below);
            let pattern: String = (0..1 + next(7))
                .map(|_| ["a", "b", "*", "?", "\\*"][next(5)])
                .collect();
            let text: String = (0..next(8)).map(|_| ["a", "b", "*"][next(3)]).collect();
            let expected = naive(pattern.as_bytes(), text.as_bytes());
            assert_eq!(matches(&pattern, &text), expected, "{pattern} {text}");
            if expected { hits += 1 } else { misses += 1 }
        });
        assert!(
            !is_whole || hits > 1000 && misses > 1000,
            "both answers are exercised"
        );
    }

    #[test]
    fn an_escaped_text_matches_itself_alone() {
        for text in ["*", "a?b", "back\\slash", "plain"] {
            let glob = Glob::new(&escape(text)).unwrap();
            assert_eq!(glob.literal(), Some(text.as_bytes()));
        }
    }
}
