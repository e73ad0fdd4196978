#![no_main]

//! Any content, from its chunks to the question: what is shown of it is visible and bounded.

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use policy::caller::{Caller, Keyring};
use policy::content::PendingContent;
use policy::crypto::{ContentHasher, ContentHashes, Crypto, Fingerprint, Verified};
use policy::facts::{HostIdentity, KeyFacts, Moment};
use policy::gather::{RequestContext, gather};
use policy::permit::Judged;
use policy::question::{HeadingPart, Question, QuestionProgress, RowClass};
use policy::rate::RateCounter;
use policy::rules::{Policy, Source};
use policy::session::Session;
use policy::sign_request::ClassifiedRequest;
use split_ssh_fuzz::assert_visible;
use wire::content::ContentChunk;
use wire::plain_key::PlainKey;
use wire::request::SignRequest;
use wire::signature::Signature;
use wire::sshsig::SshsigRequest;

const KEY: &[u8] = b"\0\0\0\x0bssh-ed25519\0\0\0\x20kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";
/// Bytes of a question: its heading, and rows of at most 2 KiB each for a subject and a message.
const MAX_QUESTION: usize = 16 * 1024;

/// Every content has the hash that is signed.
struct AlwaysZero;

impl Crypto for AlwaysZero {
    fn sha256(&self, _: &[u8]) -> [u8; 32] {
        [0; 32]
    }
    fn content_hasher(&self) -> Box<dyn ContentHasher> {
        Box::new(Self)
    }
    fn hmac_sha1_for_known_hosts(&self, _: &[u8], _: &[u8]) -> [u8; 20] {
        [0; 20]
    }
    fn verify(&self, _: &PlainKey<'_>, _: &Signature<'_>, _: &[u8]) -> Verified {
        Verified::Unverifiable
    }
    fn fingerprint(&self, _: &[u8]) -> Fingerprint {
        Fingerprint(String::new())
    }
}

impl ContentHasher for AlwaysZero {
    fn update(&mut self, _: &[u8]) {}
    fn finish(self: Box<Self>) -> ContentHashes {
        ContentHashes {
            sha256: [0; 32],
            sha512: [0; 64],
        }
    }
}

/// The question about a signature over `content`.
fn question(namespace: &[u8], content: &[u8]) -> Question {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    let policy = POLICY.get_or_init(|| {
        let text = "default = \"ask\"\n";
        Policy::parse(&[Source {
            name: "fuzz",
            text,
            main: true,
        }])
        .expect("a policy")
    });
    let now = Moment {
        unix: 1_795_290_000,
        local_minute: 0,
        boot: 0,
    };
    let mut pending = PendingContent::default();
    let chunk = ContentChunk {
        key: KEY,
        total: content.len() as u64,
        offset: 0,
        bytes: content,
    };
    let taken = pending.take_chunk(&chunk, &AlwaysZero, now.unix);
    taken.expect("a whole content");
    let data = SshsigRequest {
        namespace,
        reserved: b"",
        hash_algorithm: "sha256",
        hash: &[0; 32],
    };
    let data = data.rebuild();
    let request = ClassifiedRequest::of(SignRequest {
        key: KEY,
        data: &data,
        flags: 0,
    })
    .expect("an sshsig");
    let context = RequestContext {
        caller: &Caller::Qube("work".to_owned()),
        keyring: &Keyring::from_argument("").expect("a keyring"),
        key: &KeyFacts {
            fingerprint: AlwaysZero.fingerprint(KEY),
            algorithm: "ssh-ed25519".to_owned(),
            comment: Vec::new(),
        },
        request: &request,
        session: &Session::default(),
    };
    let nobody = |_: &[u8]| -> HostIdentity { unreachable!("no host in an sshsig") };
    let gathered = gather(&context, pending, &nobody).expect("proven");
    assert!(gathered.content().proven().is_some());
    let judged = Judged::by(policy, gathered, &now, &RateCounter::default());
    let inquiry = judged.inquiry(Vec::new(), &now, &AlwaysZero).expect("asks");
    let progress = QuestionProgress {
        seconds_left: 60,
        waiting: 0,
        same: 1,
    };
    Question::about(1, inquiry.subject(), progress)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, content)) = bytes.split_first() else {
        return;
    };
    let namespace: &[u8] = if how & 1 == 0 { b"git" } else { b"file" };
    // More than is kept.
    let filler: &[u8] = if how & 2 == 0 {
        b""
    } else {
        &[b'x'; 64 * 1024]
    };
    let question = question(namespace, &[content, filler].concat());
    let mut length = 0;
    for part in &question.heading {
        match part {
            HeadingPart::Words(text) | HeadingPart::Name(text) | HeadingPart::Text(text) => {
                assert_visible(text);
                length += text.len();
            }
        }
    }
    for row in question.facts.iter().chain(&question.details) {
        assert_visible(&row.text);
        length += row.text.len();
        assert!(row.text.is_ascii() || row.class == RowClass::Text);
    }
    question
        .warnings
        .iter()
        .for_each(|text| assert_visible(text));
    question.scope.iter().for_each(|text| assert_visible(text));
    assert!(length <= MAX_QUESTION, "{length}");
});
