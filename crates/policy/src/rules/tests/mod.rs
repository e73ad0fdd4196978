//! Policies as people write them, against requests as the session hands them over.

mod aliases;
mod errors;
mod judging;
mod random;

use crate::caller::{Caller, Keyring};
use crate::crypto::Fingerprint;
use crate::facts::{Facts, HostIdentity, IntentKind, KeyFacts, Moment, Proof};
use crate::judgement::{Judgement, Verdict};
use crate::rate::RateCounter;

use super::{Policy, PolicyError, Source};

pub(super) fn parse(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(&[Source {
        name: "policy.toml",
        text,
        main: true,
    }])
}

/// A policy that is known to be good.
#[track_caller]
pub(super) fn policy(text: &str) -> Policy {
    parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// `SHA256:`, 42 times the same letter, and an `A`, as the last letter of a real one cannot be any.
pub(super) fn fingerprint(letter: char) -> Fingerprint {
    Fingerprint(format!("SHA256:{}A", letter.to_string().repeat(42)))
}

pub(super) fn noon() -> Moment {
    Moment {
        unix: 1_700_000_000,
        local_minute: 12 * 60,
        boot: 1_000,
    }
}

/// A host key `letter` with names from known hosts.
pub(super) fn host(letter: char, names: &[&str]) -> HostIdentity {
    HostIdentity {
        fingerprint: fingerprint(letter),
        algorithm: "ssh-ed25519".to_owned(),
        ca: None,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        label: None,
        possible_names: Vec::new(),
        revocation: crate::facts::Revocation::None,
    }
}

fn facts(kind: IntentKind) -> Facts {
    Facts {
        caller: Caller::parse("work").unwrap(),
        keyring: Keyring::from_argument("").unwrap(),
        key: KeyFacts {
            fingerprint: fingerprint('k'),
            algorithm: "ssh-ed25519".to_owned(),
            comment: b"git-work".to_vec(),
        },
        kind,
        sha1: false,
        user: None,
        proof: Proof::Unproven,
        host: None,
        namespace: None,
        content: None,
        forwarded: false,
    }
}

/// `work` logs in as `user` at `host`, shown as well as `proof` says.
pub(super) fn login(user: &str, host: HostIdentity, proof: Proof) -> Facts {
    Facts {
        user: Some(user.as_bytes().to_vec()),
        host: Some(host),
        proof,
        ..facts(IntentKind::Login)
    }
}

/// `work` logs in as `user` somewhere.
pub(super) fn login_unproven(user: &str) -> Facts {
    Facts {
        user: Some(user.as_bytes().to_vec()),
        ..facts(IntentKind::Login)
    }
}

pub(super) fn sshsig(namespace: &str) -> Facts {
    Facts {
        namespace: Some(namespace.as_bytes().to_vec()),
        ..facts(IntentKind::Sshsig)
    }
}

pub(super) fn other(kind: IntentKind) -> Facts {
    let user = (kind == IntentKind::Sudo).then(|| b"root".to_vec());
    Facts {
        user,
        ..facts(kind)
    }
}

pub(super) fn judge(policy: &Policy, facts: &Facts) -> Judgement {
    policy.judge(facts, &noon(), &RateCounter::default())
}

pub(super) fn verdict(policy: &Policy, facts: &Facts) -> Verdict {
    judge(policy, facts).verdict
}
