use wire::content::ContentChunk;
use wire::request::SignRequest;
use wire::sshsig::SshsigRequest;

use super::*;
use crate::crypto::{ContentHashes, Fingerprint, Verified};

const KEY: &[u8] = b"key";
const COMMIT: &[u8] = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904
author Ann <ann@example.org> 1795290000 +0100
committer Bob <bob@example.org> 1795290600 -0330

Fix the parser

It read too much.
";

/// Sums instead of hashes: the content is compared, and nobody attacks it here.
struct Sums;

impl Crypto for Sums {
    fn sha256(&self, _: &[u8]) -> [u8; 32] {
        [0; 32]
    }
    fn content_hasher(&self) -> Box<dyn ContentHasher> {
        Box::new(Sum(0))
    }
    fn hmac_sha1_for_known_hosts(&self, _: &[u8], _: &[u8]) -> [u8; 20] {
        [0; 20]
    }
    fn verify(
        &self,
        _: &wire::plain_key::PlainKey<'_>,
        _: &wire::signature::Signature<'_>,
        _: &[u8],
    ) -> Verified {
        Verified::Unverifiable
    }
    fn fingerprint(&self, _: &[u8]) -> Fingerprint {
        Fingerprint(String::new())
    }
}

struct Sum(u64);

impl ContentHasher for Sum {
    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(*byte) + 1);
        }
    }
    fn finish(self: Box<Self>) -> ContentHashes {
        let mut hashes = ContentHashes {
            sha256: [1; 32],
            sha512: [2; 64],
        };
        hashes.sha256[..8].copy_from_slice(&self.0.to_be_bytes());
        hashes.sha512[..8].copy_from_slice(&self.0.to_be_bytes());
        hashes
    }
}

fn hashes_of(content: &[u8]) -> ContentHashes {
    let mut hasher = Sums.content_hasher();
    hasher.update(content);
    hasher.finish()
}

/// Sends `content` in chunks of `size`.
fn sent(key: &[u8], content: &[u8], total: usize, size: usize) -> PendingContent {
    let mut pending = PendingContent::default();
    let mut offset = 0;
    for bytes in content.chunks(size) {
        let chunk = ContentChunk {
            key,
            total: total as u64,
            offset,
            bytes,
        };
        pending.take_chunk(&chunk, &Sums, 0).unwrap();
        offset += bytes.len() as u64;
    }
    pending
}

/// Asks for a signature over the content whose hash is given.
fn asked(
    pending: PendingContent,
    algorithm: &str,
    hash: &[u8],
) -> Result<ContentEvidence, &'static str> {
    let data = SshsigRequest {
        namespace: b"git",
        reserved: b"",
        hash_algorithm: algorithm,
        hash,
    };
    let data = data.rebuild();
    let request = SignRequest {
        key: KEY,
        data: &data,
        flags: 0,
    };
    pending.prove(&ClassifiedRequest::of(request).unwrap())
}

#[test]
fn content_is_proven_by_either_hash_however_it_was_cut() {
    let hashes = hashes_of(COMMIT);
    for size in [1, 7, 1000] {
        for (algorithm, hash) in [("sha256", &hashes.sha256[..]), ("sha512", &hashes.sha512)] {
            let evidence = asked(sent(KEY, COMMIT, COMMIT.len(), size), algorithm, hash).unwrap();
            let proven = evidence.proven().expect("proven");
            assert_eq!(proven.length(), COMMIT.len() as u64);
            let facts = evidence.facts().unwrap();
            assert_eq!(facts.author.as_deref(), Some(&b"ann@example.org"[..]));
            assert_eq!(facts.committer.as_deref(), Some(&b"bob@example.org"[..]));
        }
    }
}

#[test]
fn content_that_is_not_what_is_signed_is_refused() {
    let hash = hashes_of(COMMIT).sha512;
    let refused = |pending| match asked(pending, "sha512", &hash) {
        Err(why) => why,
        other => panic!("{other:?}"),
    };
    let length = COMMIT.len();
    let mut other = COMMIT.to_vec();
    other[length - 3] ^= 1;
    assert_eq!(refused(sent(KEY, &other, length, 90)), OTHER_CONTENT);
    assert_eq!(refused(sent(b"other", COMMIT, length, 90)), OTHER_KEY);
    let cut = "its content was not sent to the end";
    assert_eq!(refused(sent(KEY, &COMMIT[..100], length, 90)), cut);
    // Cut, and said to be whole.
    assert_eq!(refused(sent(KEY, &COMMIT[..100], 100, 90)), OTHER_CONTENT);
    let mut spoiled = sent(KEY, COMMIT, length, 90);
    spoiled.spoil("unreadable");
    assert_eq!(refused(spoiled), "unreadable");
}

#[test]
fn chunks_come_in_order_and_a_new_content_replaces_the_last() {
    let chunk = |offset, bytes: &'static [u8]| ContentChunk {
        key: KEY,
        total: 4,
        offset,
        bytes,
    };
    let hash = hashes_of(b"tree").sha512;
    let mut pending = PendingContent::default();
    assert_eq!(
        pending.take_chunk(&chunk(2, b"ee"), &Sums, 0),
        Err(OUT_OF_ORDER)
    );
    assert!(pending.take_chunk(&chunk(0, b"xx"), &Sums, 0).is_ok());
    assert_eq!(
        pending.take_chunk(&chunk(1, b"ee"), &Sums, 0),
        Err(OUT_OF_ORDER)
    );
    assert_eq!(
        pending.take_chunk(&chunk(2, b"ee"), &Sums, 0),
        Err(OUT_OF_ORDER),
        "spoiled"
    );
    assert!(pending.take_chunk(&chunk(0, b"tr"), &Sums, 0).is_ok());
    assert!(pending.take_chunk(&chunk(2, b"ee"), &Sums, 0).is_ok());
    assert!(asked(pending, "sha512", &hash).unwrap().proven().is_some());
}

#[test]
fn without_content_and_with_too_much_the_hash_stands_alone() {
    let hash = hashes_of(COMMIT).sha512;
    assert_eq!(
        asked(PendingContent::default(), "sha512", &hash),
        Ok(ContentEvidence::NotSent)
    );
    let announced = |key| {
        let mut pending = PendingContent::default();
        let total = MAX_CONTENT + 1;
        let chunk = ContentChunk {
            key,
            total,
            offset: 0,
            bytes: b"",
        };
        pending.take_chunk(&chunk, &Sums, 0).unwrap();
        asked(pending, "sha512", &hash)
    };
    assert_eq!(
        announced(KEY),
        Ok(ContentEvidence::TooLong(MAX_CONTENT + 1))
    );
    assert_eq!(announced(b"other"), Err(OTHER_KEY));
}

fn commit(content: &[u8]) -> Option<Commit> {
    match Object::of(b"git", content, content.len() as u64) {
        Object::Commit(commit) => Some(commit),
        _ => None,
    }
}

/// The commit with `from` replaced.
fn changed(from: &str, to: &[u8]) -> Vec<u8> {
    let at = COMMIT
        .windows(from.len())
        .position(|part| part == from.as_bytes());
    let at = at.expect("the sample has it");
    [&COMMIT[..at], to, &COMMIT[at + from.len()..]].concat()
}

#[test]
fn a_commit_is_read_whole() {
    let read = commit(COMMIT).unwrap();
    assert_eq!(
        (read.parent_count, read.author.zone, read.committer.zone),
        (0, 60, -210)
    );
    assert_eq!(read.author.time, 1_795_290_000);
    assert_eq!(read.message.subject, b"Fix the parser");
    assert_eq!(read.message.body, b"It read too much.");
    let id = "1".repeat(64);
    let parents = format!("parent {id}\n").repeat(3);
    let merge = changed("author Ann", format!("{parents}author Ann").as_bytes());
    let read = commit(&merge).unwrap();
    assert_eq!((read.parent_count, read.parents.len()), (3, 2));
    // Headers of git that we do not know, over several lines, and a message that is no UTF-8.
    let extra =
        b"\nencoding latin1\nmergetag object x\n type commit\n \n more\n\nF\xfcr \0 alle\n\n";
    let read = commit(&changed("\n\nFix the parser\n\n", extra)).unwrap();
    assert_eq!(read.message.subject, b"F\xfcr \0 alle");
}

/// The subject is what `git log --format=%s` prints.
#[test]
fn lines_of_white_space_part_a_message() {
    for (message, subject, body) in [
        (&b"\n \n  Fix\r\n\r\nAll\r\n"[..], &b"Fix"[..], &b"All"[..]),
        (b"Fix\n \t\nAll\n\nof it\n", b"Fix", b"All\n\nof it"),
        (b"Fix\nthe parser\n", b"Fix\nthe parser", b""),
        (b" \n\n", b"", b""),
    ] {
        let content = changed("Fix the parser\n\nIt read too much.\n", message);
        let read = commit(&content).unwrap().message;
        assert_eq!(
            (read.subject.as_slice(), read.body.as_slice()),
            (subject, body)
        );
    }
}

#[test]
fn what_git_would_not_write_has_no_author() {
    let people = "author Ann <ann@example.org> 1795290000 +0100\n";
    for (from, to) in [
        ("tree 4b", &b"tree 4B"[..]),
        ("tree ", b"tree  "),
        ("author Ann", b"author Eve <e@x> 1 +0000\nauthor Ann"),
        ("committer Bob", b"author Eve <e@x> 1 +0000\ncommitter Bob"),
        ("\n\nFix", b"\nauthor Eve <e@x> 1 +0000\n\nFix"),
        ("\n\nFix", b"\n continued\n\nFix"),
        ("\n\nFix", b"\nnonsense\n\nFix"),
        ("Ann <", b"Ann> <"),
        ("Ann <", b"A\0nn <"),
        ("Ann <", b"Ann<"),
        ("ann@example.org>", b"ann@example.org> <eve@x>"),
        (" 1795290000", b" +1795290000"),
        (" 1795290000", b" 17952900009999999999"),
        ("+0100", b"0100"),
        ("+0100", b"+01:00"),
        (people, b""),
    ] {
        let content = changed(from, to);
        assert_eq!(
            commit(&content),
            None,
            "{}",
            String::from_utf8_lossy(&content)
        );
    }
    assert_eq!(commit(&COMMIT[..100]), None);
    assert_eq!(
        Object::of(b"file", COMMIT, COMMIT.len() as u64).facts(),
        ContentFacts::default()
    );
}

#[test]
fn tags_and_pushes_are_told_from_commits() {
    let id = "a".repeat(40);
    let tag = format!(
        "object {id}\ntype commit\ntag v1.0\ntagger Ann <ann@example.org> 1 +0000\n\nFirst\n"
    );
    let Object::Tag(tag) = Object::of(b"git", tag.as_bytes(), tag.len() as u64) else {
        panic!("a tag");
    };
    assert_eq!(
        (tag.object_type, tag.name.as_slice()),
        ("commit", &b"v1.0"[..])
    );
    let updates = format!("{} {id} refs/heads/main\n", "0".repeat(40)).repeat(9);
    let push = format!(
        "certificate version 0.1\npusher SHA256:x 1 +0000\npushee /srv/r.git\nnonce 1-a\n\n{updates}"
    );
    let Object::Push(push) = Object::of(b"git", push.as_bytes(), push.len() as u64) else {
        panic!("a push");
    };
    assert_eq!(push.to.as_deref(), Some(&b"/srv/r.git"[..]));
    assert_eq!((push.updates.len(), push.has_more), (6, true));
}

#[test]
fn other_content_is_text_or_bytes_of_a_type() {
    let of = |content: &[u8]| Object::of(b"file", content, content.len() as u64);
    assert!(
        matches!(of(b"line 1\nline 2\n"), Object::Text { lines, has_more: false } if lines[0] == b"line 1")
    );
    assert!(matches!(
        of(&[b'x'; 200]),
        Object::Text { has_more: true, .. }
    ));
    assert_eq!(of(b"\x1f\x8b\x08"), Object::Binary(Some("gzip")));
    assert_eq!(of(b"text with a \0 in it"), Object::Binary(None));
    assert_eq!(of(b"\xff\xfe"), Object::Binary(None));
    // Cut within a character.
    assert!(matches!(
        Object::of(b"file", b"caf\xc3", 5),
        Object::Text { .. }
    ));
}

/// What is kept of a content of any length is bounded.
#[test]
fn a_long_message_is_kept_in_part() {
    let content = [COMMIT, &b"long ".repeat(2_000_000)[..]].concat();
    let pending = sent(KEY, &content, content.len(), 200_000);
    let Ok(Some(receiving)) = &pending.0 else {
        panic!("receiving");
    };
    assert_eq!(receiving.kept.len(), MAX_KEPT);
    assert!(receiving.kept.capacity() <= 2 * MAX_KEPT);
    let evidence = asked(pending, "sha512", &hashes_of(&content).sha512).unwrap();
    let Object::Commit(commit) = evidence.proven().unwrap().object() else {
        panic!("a commit");
    };
    assert_eq!(commit.message.subject, b"Fix the parser");
    assert!(commit.message.is_cut && commit.message.body.len() <= 2048);
}
