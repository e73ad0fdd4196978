//! What git has signed: commits, tags, and the certificates of signed pushes (gitformat-signature, git's commit.c,
//! tag.c and send-pack.c).
//!
//! The parsers are stricter than git: what has its headers in another order, twice, or with a NUL is shown as text
//! and has no author.

/// The longest line with a person. Git has no bound; a person has no longer name.
const MAX_PERSON: usize = 1024;
/// Bytes of a message's first paragraph that are kept.
const MAX_SUBJECT: usize = 1024;
/// Bytes of the rest of a message that are kept.
const MAX_BODY: usize = 2048;
/// The longest name of a tag or reference, or address of a repository, that is kept.
const MAX_NAME: usize = 512;
/// References of a push that are kept; the rest are counted.
const MAX_UPDATES: usize = 6;

/// A commit, as it is signed: without its signature, and so without its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The id, in hexadecimal digits, as are all ids here.
    pub tree: String,
    /// The first two, and how many there are.
    pub parents: Vec<String>,
    pub parent_count: usize,
    pub author: Person,
    pub committer: Person,
    pub message: Message,
}

/// An annotated tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub object: String,
    /// `commit`, `tree`, `blob` or `tag`.
    pub object_type: &'static str,
    pub name: Vec<u8>,
    pub tagger: Person,
    pub message: Message,
}

/// What `git push --signed` asserts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The repository, if it says which.
    pub to: Option<Vec<u8>>,
    /// What the server is told to do beside it, by `git push -o`.
    pub options: Vec<Vec<u8>>,
    pub updates: Vec<RefUpdate>,
    /// More references than these.
    pub has_more: bool,
}

/// One reference that a push changes. An id of zeros is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    pub old: String,
    pub new: String,
    pub name: Vec<u8>,
}

/// Who, and when by their own word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: Vec<u8>,
    pub mail: Vec<u8>,
    /// Seconds since 1970.
    pub time: i64,
    /// Minutes east of UTC.
    pub zone: i32,
}

/// A commit's or tag's text, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The first paragraph, which git shows as the subject.
    pub subject: Vec<u8>,
    /// What follows.
    pub body: Vec<u8>,
    /// There is more of either.
    pub is_cut: bool,
}

impl Commit {
    pub(super) fn parse(kept: &[u8], is_whole: bool) -> Option<Self> {
        let (headers, message) = split_headers(kept)?;
        let mut lines = headers.split(is_newline).peekable();
        let tree = id(lines.next()?.strip_prefix(b"tree ")?)?;
        let (mut parents, mut parent_count) = (Vec::new(), 0_usize);
        while let Some(parent) = lines.next_if(|line| line.starts_with(b"parent ")) {
            let parent = id(parent.strip_prefix(b"parent ")?)?;
            if parents.len() < 2 {
                parents.push(parent);
            }
            parent_count = parent_count.checked_add(1)?;
        }
        let author = Person::parse(lines.next()?.strip_prefix(b"author ")?)?;
        let committer = Person::parse(lines.next()?.strip_prefix(b"committer ")?)?;
        has_only_other_headers(lines)?;
        Some(Self {
            tree,
            parents,
            parent_count,
            author,
            committer,
            message: Message::of(message, is_whole),
        })
    }
}

impl Tag {
    pub(super) fn parse(kept: &[u8], is_whole: bool) -> Option<Self> {
        const TYPES: [&str; 4] = ["commit", "tree", "blob", "tag"];
        let (headers, message) = split_headers(kept)?;
        let mut lines = headers.split(is_newline);
        let object = id(lines.next()?.strip_prefix(b"object ")?)?;
        let named = lines.next()?.strip_prefix(b"type ")?;
        let object_type = TYPES.into_iter().find(|known| known.as_bytes() == named)?;
        let name = short(lines.next()?.strip_prefix(b"tag ")?)?;
        let tagger = Person::parse(lines.next()?.strip_prefix(b"tagger ")?)?;
        has_only_other_headers(lines)?;
        Some(Self {
            object,
            object_type,
            name,
            tagger,
            message: Message::of(message, is_whole),
        })
    }
}

impl Push {
    pub(super) fn parse(kept: &[u8], is_whole: bool) -> Option<Self> {
        let (headers, updates) = split_headers(kept)?;
        let mut lines = headers.split(is_newline).peekable();
        if lines.next()? != b"certificate version 0.1" {
            return None;
        }
        // By SSH keys it is the key's fingerprint, which the question has already.
        lines.next()?.strip_prefix(b"pusher ")?;
        let to = match lines.next_if(|line| line.starts_with(b"pushee ")) {
            Some(to) => Some(short(to.strip_prefix(b"pushee ")?)?),
            None => None,
        };
        lines.next_if(|line| line.starts_with(b"nonce "));
        let options = lines.map(|line| short(line.strip_prefix(b"push-option ")?));
        let options = options.collect::<Option<_>>()?;
        let (mut kept, mut has_more) = (Vec::new(), !is_whole);
        for line in updates.split(is_newline).filter(|line| !line.is_empty()) {
            match RefUpdate::parse(line) {
                _ if kept.len() == MAX_UPDATES => has_more = true,
                Some(update) => kept.push(update),
                // The last line of what was kept may be half a line.
                None if !is_whole && !kept.is_empty() => break,
                None => return None,
            }
        }
        Some(Self {
            to,
            options,
            updates: kept,
            has_more,
        })
    }
}

impl RefUpdate {
    fn parse(line: &[u8]) -> Option<Self> {
        let (old, rest) = split_once(line, b' ')?;
        let (new, name) = split_once(rest, b' ')?;
        Some(Self {
            old: id(old)?,
            new: id(new)?,
            name: short(name)?,
        })
    }
}

impl Person {
    /// `Ann <ann@example.org> 1795290000 +0100`
    fn parse(line: &[u8]) -> Option<Self> {
        if line.len() > MAX_PERSON {
            return None;
        }
        let (who, when) = line.split_at_checked(line.iter().rposition(|b| *b == b'>')?)?;
        let (name, mail) = split_once(who, b'<')?;
        if mail.contains(&b'<') || name.contains(&b'>') || mail.contains(&b'>') {
            return None;
        }
        let name = match name {
            [] => name,
            _ => name.strip_suffix(b" ")?,
        };
        let when = std::str::from_utf8(when.strip_prefix(b"> ")?).ok()?;
        let (time, zone) = when.split_once(' ')?;
        if time.starts_with('+') {
            return None;
        }
        Some(Self {
            name: name.to_vec(),
            mail: mail.to_vec(),
            time: time.parse().ok()?,
            zone: minutes(zone)?,
        })
    }
}

impl Message {
    fn of(text: &[u8], is_whole: bool) -> Self {
        let text = text.trim_ascii_start();
        // As git does: white space makes no line.
        let lines = text.split_inclusive(is_newline);
        let end: usize = lines
            .take_while(|line| !line.trim_ascii().is_empty())
            .map(<[u8]>::len)
            .sum();
        let (subject, body) = text.split_at_checked(end).unwrap_or((text, b""));
        let (subject, body) = (subject.trim_ascii(), body.trim_ascii());
        let kept = |part: &[u8], most: usize| part.get(..most).unwrap_or(part).to_vec();
        Self {
            subject: kept(subject, MAX_SUBJECT),
            body: kept(body, MAX_BODY),
            is_cut: !is_whole || subject.len() > MAX_SUBJECT || body.len() > MAX_BODY,
        }
    }
}

/// The headers, without a NUL, and what follows the first empty line.
fn split_headers(kept: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = kept.windows(2).position(|pair| pair == b"\n\n")?;
    let (headers, rest) = kept.split_at_checked(end)?;
    let is_plain = !headers.iter().any(|byte| matches!(byte, 0 | b'\r'));
    is_plain.then_some((headers, rest.get(2..)?))
}

/// What may follow the headers that we read: others, each with a value that may go on in lines after a space.
fn has_only_other_headers<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<()> {
    const READ: &str = "tree parent author committer object type tag tagger";
    let mut may_go_on = false;
    for line in lines {
        if line.starts_with(b" ") && may_go_on {
            continue;
        }
        let (name, _) = split_once(line, b' ')?;
        let is_name =
            |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        if name.is_empty()
            || !name.iter().all(is_name)
            || READ.split(' ').any(|read| read.as_bytes() == name)
        {
            return None;
        }
        may_go_on = true;
    }
    Some(())
}

/// Of SHA-1 or SHA-256.
fn id(digits: &[u8]) -> Option<String> {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let is_id = matches!(digits.len(), 40 | 64) && digits.iter().all(is_digit);
    is_id.then(|| String::from_utf8_lossy(digits).into_owned())
}

fn short(name: &[u8]) -> Option<Vec<u8>> {
    (!name.is_empty() && name.len() <= MAX_NAME).then(|| name.to_vec())
}

/// `+0100`, in minutes.
fn minutes(zone: &str) -> Option<i32> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let is_zone = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number: i32 = digits.parse().ok().filter(|_| is_zone)?;
    Some(sign * (number / 100 * 60 + number % 100))
}

fn split_once(bytes: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == mark)?;
    let (before, after) = bytes.split_at_checked(at)?;
    Some((before, after.get(1..)?))
}

#[allow(clippy::trivially_copy_pass_by_ref)] // split's signature
fn is_newline(byte: &u8) -> bool {
    *byte == b'\n'
}
