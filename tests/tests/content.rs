//! Content that is sent ahead of its signature: whoever sends another one than is signed gets no signature, and whoever
//! sends none is served as ever.

use testbed::children::run;
use testbed::lone_key::LoneKey;
use testbed::message::{self, Message, sign};
use testbed::raw::{Answer, Connection};

const ALLOW: &str = "default = \"deny\"
[[rule]]
kind = [\"sshsig\", \"raw\"]
signatures = 100
action = \"allow\"
";

const COMMIT: &[u8] = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904
author Ann <ann@example.org> 1795290000 +0100
committer Ann <ann@example.org> 1795290000 +0100

Fix the parser
";

/// A chunk of a content of `total` bytes.
fn chunk(key: &[u8], total: usize, offset: usize, bytes: &[u8]) -> Message {
    Message::of(message::EXTENSION)
        .string("content@split-ssh")
        .string(key)
        .long(total as u64)
        .long(offset as u64)
        .string(bytes)
}

fn whole(key: &[u8], content: &[u8]) -> Message {
    chunk(key, content.len(), 0, content)
}

fn is_signature(answer: &Answer) -> bool {
    answer.number() == Some(message::SIGNATURE)
}

struct Scene {
    vault: LoneKey,
    key: Vec<u8>,
}

impl Scene {
    fn new() -> Self {
        let vault = LoneKey::behind(ALLOW, "");
        let key = vault.key.blob();
        Self { vault, key }
    }

    /// A request for the signature of `content`.
    fn signs(&self, content: &[u8]) -> Message {
        let file = self.vault.world.file("content", content);
        let printed = run(self.vault.world.command("sha512sum").arg(file));
        let digits = printed.split(' ').next().expect("a hash");
        let hash: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits"))
            .collect();
        sign(&self.key, &message::sshsig("git", &hash))
    }

    /// Sends `before`, and then asks for the commit's signature.
    fn sign_after(&self, before: &[Message]) -> (Connection, Answer) {
        let mut connection = self.vault.call();
        for message in before {
            connection.ask(message);
        }
        let answer = connection.ask(&self.signs(COMMIT));
        (connection, answer)
    }
}

#[test]
fn whoever_sends_the_content_or_none_is_served() {
    let scene = Scene::new();
    let halves = COMMIT.split_at(100);
    let length = COMMIT.len();
    for before in [
        vec![],
        vec![whole(&scene.key, COMMIT)],
        vec![
            chunk(&scene.key, length, 0, halves.0),
            chunk(&scene.key, length, 100, halves.1),
        ],
        // What comes later replaces what came before.
        vec![whole(&scene.key, b"another"), whole(&scene.key, COMMIT)],
        // Too long to be sent.
        vec![chunk(&scene.key, 16 * 1024 * 1024 + 1, 0, b"")],
    ] {
        let (mut connection, answer) = scene.sign_after(&before);
        assert!(is_signature(&answer), "after {before:?}: {answer:?}");
        // The content is used up.
        assert!(is_signature(
            &connection.ask(&scene.signs(b"other content"))
        ));
    }
    // Content stays on the connection that it came on.
    let mut other = scene.vault.call();
    assert_eq!(
        other.ask(&whole(&scene.key, b"another")).number(),
        Some(message::SUCCESS)
    );
    assert!(is_signature(&scene.sign_after(&[]).1));
}

#[test]
fn whoever_sends_other_content_is_refused_with_a_record() {
    let scene = Scene::new();
    let mut same_length = COMMIT.to_vec();
    same_length[COMMIT.len() - 2] = b'R';
    let length = COMMIT.len();
    let garbled = Message(whole(&scene.key, COMMIT).0[..60].to_vec());
    for (before, reason) in [
        (whole(&scene.key, &same_length), "another hash"),
        (whole(&scene.key, &COMMIT[..100]), "another hash"),
        (
            chunk(&scene.key, length, 0, &COMMIT[..100]),
            "not sent to the end",
        ),
        (whole(b"another key", COMMIT), "for another key"),
        (chunk(b"another key", 1 << 40, 0, b""), "for another key"),
        (
            chunk(&scene.key, length, 5, &COMMIT[5..]),
            "does not follow",
        ),
        (garbled, "cannot be read"),
    ] {
        let (mut connection, answer) = scene.sign_after(&[before]);
        assert_eq!(answer.number(), Some(message::FAILURE), "{reason}");
        let record = scene.vault.last_record();
        assert_eq!(
            (&record["event"], &record["outcome"]),
            (&"sign".into(), &"refused".into())
        );
        assert!(
            record["reason"]
                .as_str()
                .expect("a reason")
                .contains(reason),
            "{record}"
        );
        // One lie costs one signature.
        assert!(
            is_signature(&connection.ask(&scene.signs(COMMIT))),
            "{reason}"
        );
    }
    let numbers = scene.vault.upstream.numbers();
    assert!(!numbers.contains(&message::EXTENSION), "{numbers:?}");
}

/// Content that comes after its sign request is for the next one.
#[test]
fn content_is_for_the_next_signature_alone() {
    let scene = Scene::new();
    let mut connection = scene.vault.call();
    assert!(is_signature(&connection.ask(&scene.signs(b"first"))));
    connection.ask(&whole(&scene.key, b"first"));
    assert!(!is_signature(&connection.ask(&scene.signs(b"second"))));
    // Nor does it get a signature over anything else.
    connection.ask(&whole(&scene.key, b"first"));
    assert!(!is_signature(
        &connection.ask(&sign(&scene.key, b"some raw data"))
    ));
    assert!(is_signature(
        &connection.ask(&sign(&scene.key, b"some raw data"))
    ));
}
