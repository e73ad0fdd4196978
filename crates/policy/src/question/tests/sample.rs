//! Requests for tests.

use crate::caller::{Caller, Keyring};
use crate::crypto::Fingerprint;
use crate::facts::{Facts, HostIdentity, IntentKind, KeyFacts, Moment, Proof};
use crate::judgement::Remember;
use crate::question::{CertificateFields, Details, Subject};

pub(crate) fn at(second: u64) -> Moment {
    Moment {
        unix: 1_795_290_000 + second,
        local_minute: 1180,
        boot: 5000 + second,
    }
}

pub(crate) fn fingerprint(letter: char) -> Fingerprint {
    // The last of 43 characters holds four bits only.
    Fingerprint(format!("SHA256:{}A", letter.to_string().repeat(42)))
}

pub(crate) fn host(name: &str) -> HostIdentity {
    HostIdentity {
        fingerprint: fingerprint(name.chars().next().unwrap_or('?')),
        algorithm: "ssh-ed25519".to_owned(),
        ca: None,
        names: vec![name.to_owned()],
        label: None,
        possible_names: Vec::new(),
        revocation: crate::facts::Revocation::None,
    }
}

/// A proven login, which leaves a entry of up to an hour.
pub(crate) fn login(qube: &str, user: &str, host_name: &str) -> Subject {
    let facts = Facts {
        caller: Caller::Qube(qube.to_owned()),
        keyring: Keyring::from_argument("work").expect("a keyring's name"),
        key: KeyFacts {
            fingerprint: fingerprint('K'),
            algorithm: "ssh-ed25519".to_owned(),
            comment: b"work laptop".to_vec(),
        },
        kind: IntentKind::Login,
        sha1: false,
        user: Some(user.as_bytes().to_vec()),
        proof: Proof::Proven,
        host: Some(host(host_name)),
        namespace: None,
        content: None,
        forwarded: false,
    };
    Subject {
        facts,
        details: Details::Login {
            session_id: b"session".to_vec(),
        },
        via: Vec::new(),
        host_key: None,
        key_validity: None,
        unverifiable_bind: false,
        color: None,
        history: None,
        always: None,
        rule: None,
        reason: "no rule matches, so the default asks".to_owned(),
        remember: Remember::UpTo(3600),
    }
}

pub(crate) fn sshsig(qube: &str, namespace: &str, hash: &[u8]) -> Subject {
    let mut subject = other_kind(qube, IntentKind::Sshsig);
    subject.facts.namespace = Some(namespace.as_bytes().to_vec());
    subject.details = Details::Sshsig {
        hash_algorithm: b"sha512".to_vec(),
        hash: hash.to_vec(),
        content: crate::content::ContentEvidence::NotSent,
    };
    subject
}

pub(crate) fn certificate(qube: &str) -> Subject {
    let fields = CertificateFields {
        for_hosts: false,
        key_id: b"alice".to_vec(),
        serial: 7,
        principals: vec![b"alice".to_vec()],
        valid_after: 1_795_290_000,
        valid_before: 1_795_290_000 + 7 * 86_400,
        critical_options: Vec::new(),
        extensions: vec![(b"permit-pty".to_vec(), Vec::new())],
        subject: fingerprint('S'),
    };
    let mut subject = other_kind(qube, IntentKind::Certificate);
    subject.details = Details::Certificate(Box::new(fields));
    subject
}

pub(crate) fn sudo(qube: &str) -> Subject {
    let mut subject = other_kind(qube, IntentKind::Sudo);
    subject.facts.user = Some(b"root".to_vec());
    subject.details = Details::Sudo {
        command: Some(vec![b"apt".to_vec(), b"upgrade now".to_vec()]),
        asking_user: b"root".to_vec(),
        host: b"box".to_vec(),
        directory: b"/home/me".to_vec(),
        service: b"sudo".to_vec(),
    };
    subject
}

pub(crate) fn raw(qube: &str) -> Subject {
    let mut subject = other_kind(qube, IntentKind::Raw);
    subject.details = Details::Raw {
        length: 3,
        sha256: [7; 32],
    };
    subject
}

/// The login, stripped of all that only a login has.
fn other_kind(qube: &str, kind: IntentKind) -> Subject {
    let mut subject = login(qube, "git", "github.com");
    subject.facts.kind = kind;
    subject.facts.user = None;
    subject.facts.proof = Proof::Unproven;
    subject.facts.host = None;
    subject
}

/// Pairs of a word and a request that differs from `login("work", "git", "github.com")`, whose host has
/// a CA, in that one shown fact.
pub(crate) fn logins_that_differ_in_one_fact() -> (Subject, Vec<(&'static str, Subject)>) {
    let mut base = login("work", "git", "github.com");
    if let Some(host) = &mut base.facts.host {
        host.ca = Some(fingerprint('C'));
    }
    let changed = |change: fn(&mut Facts)| {
        let mut subject = base.clone();
        change(&mut subject.facts);
        subject
    };
    fn host_of(facts: &mut Facts) -> &mut HostIdentity {
        facts.host.as_mut().expect("the sample has a host")
    }
    let pairs = vec![
        ("qube", changed(|f| f.caller = Caller::Qube("other".into()))),
        (
            "caller that is no qube",
            changed(|f| f.caller = Caller::Ssh("work".into())),
        ),
        (
            "keyring",
            changed(|f| f.keyring = Keyring::from_argument("").expect("the default")),
        ),
        ("key", changed(|f| f.key.fingerprint = fingerprint('L'))),
        (
            "a certificate of the key",
            changed(|f| f.key.algorithm = "ssh-ed25519-cert-v01@openssh.com".into()),
        ),
        (
            "key comment",
            changed(|f| f.key.comment = b"home laptop".to_vec()),
        ),
        ("sha1", changed(|f| f.sha1 = true)),
        ("user", changed(|f| f.user = Some(b"root".to_vec()))),
        ("user, by case", changed(|f| f.user = Some(b"Git".to_vec()))),
        ("proof bound", changed(|f| f.proof = Proof::Bound)),
        ("proof unproven", changed(|f| f.proof = Proof::Unproven)),
        (
            "host key",
            changed(|f| host_of(f).fingerprint = fingerprint('X')),
        ),
        (
            "host name",
            changed(|f| host_of(f).names = vec!["github.net".into()]),
        ),
        ("host unnamed", changed(|f| host_of(f).names.clear())),
        ("no ca", changed(|f| host_of(f).ca = None)),
        (
            "another ca",
            changed(|f| host_of(f).ca = Some(fingerprint('D'))),
        ),
        ("forwarded", changed(|f| f.forwarded = true)),
    ];
    (base, pairs)
}
