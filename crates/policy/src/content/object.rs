use super::git::{Commit, Push, Tag};
use crate::facts::ContentFacts;

/// Lines of a text that a question shows.
const MAX_LINES: usize = 6;
/// The longest of them, in bytes.
const MAX_LINE: usize = 160;

/// What a content is. Every value is the client's: it is what will be signed, not what is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    Commit(Commit),
    Tag(Tag),
    /// The certificate of `git push --signed`.
    Push(Push),
    Text {
        /// The first lines.
        lines: Vec<Vec<u8>>,
        /// There is more than these.
        has_more: bool,
    },
    /// Bytes, of the type that they begin like, if it is one that people meet.
    Binary(Option<&'static str>),
}

/// What files of some types begin with.
const TYPES: [(&[u8], &str); 9] = [
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "zip"),
    (b"%PDF-", "PDF"),
    (b"\x7fELF", "ELF program"),
    (b"!<arch>\n", "Debian package or archive"),
    (b"\xed\xab\xee\xdb", "RPM package"),
];

impl Object {
    /// Reads the `kept` first bytes of a content of `total`. Only what is to be signed for git is one of its objects.
    pub(super) fn of(namespace: &[u8], kept: &[u8], total: u64) -> Self {
        let is_whole = u64::try_from(kept.len()) == Ok(total);
        if namespace == b"git" {
            if let Some(commit) = Commit::parse(kept, is_whole) {
                return Self::Commit(commit);
            }
            if let Some(tag) = Tag::parse(kept, is_whole) {
                return Self::Tag(tag);
            }
            if let Some(push) = Push::parse(kept, is_whole) {
                return Self::Push(push);
            }
        }
        if let Some((_, name)) = TYPES.iter().find(|(magic, _)| kept.starts_with(magic)) {
            return Self::Binary(Some(name));
        }
        match is_text(kept, is_whole) {
            true => Self::text(kept, is_whole),
            false => Self::Binary(None),
        }
    }

    fn text(kept: &[u8], is_whole: bool) -> Self {
        let mut lines = kept.split(|byte| *byte == b'\n');
        let mut has_more = !is_whole;
        let first: Vec<Vec<u8>> = lines
            .by_ref()
            .take(MAX_LINES)
            .map(|line| {
                has_more |= line.len() > MAX_LINE;
                line.get(..MAX_LINE).unwrap_or(line).to_vec()
            })
            .collect();
        has_more |= lines.any(|line| !line.is_empty());
        Self::Text {
            lines: first,
            has_more,
        }
    }

    /// What rules see. A tag has one person, who stands for both.
    pub(super) fn facts(&self) -> ContentFacts {
        let (author, committer) = match self {
            Self::Commit(commit) => (Some(&commit.author), Some(&commit.committer)),
            Self::Tag(tag) => (Some(&tag.tagger), Some(&tag.tagger)),
            Self::Push(_) | Self::Text { .. } | Self::Binary(_) => (None, None),
        };
        ContentFacts {
            author: author.map(|person| person.mail.clone()),
            committer: committer.map(|person| person.mail.clone()),
        }
    }
}

/// UTF-8 without control characters but those of lines. The end may stand within a character where it was cut.
fn is_text(kept: &[u8], is_whole: bool) -> bool {
    let text = match std::str::from_utf8(kept) {
        Ok(text) => text,
        Err(error) if !is_whole && error.error_len().is_none() => {
            let valid = kept.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars()
        .all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}
