//! Random sequences of binds and logins on one connection, against the rules of OpenSSH's agent (PROTOCOL.agent,
//! `session-bind@openssh.com`) as they are told, and against what the binds really prove.

use policy::crypto::{Crypto, Fingerprint, Verified};
use policy::facts::Proof;
use policy::session::{BindOutcome, MAX_KEYS_PER_LOGIN, Session};
use seeded::Random;
use wire::bind::SessionBind;
use wire::plain_key::PlainKey;
use wire::signature::Signature;
use wire::userauth::{Method, UserauthRequest};
use wire::writer::Writer;

/// A signature is good if it begins with the key's first byte and the signed bytes; that of key 9 cannot be checked.
struct Pretend;

impl Crypto for Pretend {
    fn sha256(&self, _: &[u8]) -> [u8; 32] {
        [0; 32]
    }

    fn content_hasher(&self) -> Box<dyn policy::crypto::ContentHasher> {
        panic!("no content here")
    }
    fn hmac_sha1_for_known_hosts(&self, _: &[u8], _: &[u8]) -> [u8; 20] {
        [0; 20]
    }

    fn verify(&self, key: &PlainKey<'_>, signature: &Signature<'_>, bytes: &[u8]) -> Verified {
        let PlainKey::Ed25519 { point } = key else {
            return Verified::Unverifiable;
        };
        match signature.blob == signed(point[0], bytes) {
            _ if point[0] == 9 => Verified::Unverifiable,
            true => Verified::Good,
            false => Verified::Bad,
        }
    }

    fn fingerprint(&self, _: &[u8]) -> Fingerprint {
        Fingerprint(String::new())
    }
}

fn signed(key: u8, bytes: &[u8]) -> [u8; 64] {
    let mut blob = [0; 64];
    blob[0] = key;
    for (to, from) in blob.iter_mut().skip(1).zip(bytes) {
        *to = *from;
    }
    blob
}

fn host_key(host: u8) -> Vec<u8> {
    Writer::build(|w| {
        w.string("ssh-ed25519").string([host; 32]);
    })
}

/// The host's key in a certificate; of the two that it may show, `number` tells which.
fn certificate(host: u8, number: u64) -> Vec<u8> {
    Writer::build(|w| {
        w.string("ssh-ed25519-cert-v01@openssh.com")
            .string("n")
            .string([host; 32]);
        w.u64(number)
            .u32(2)
            .string("id")
            .string("")
            .u64(0)
            .u64(u64::MAX);
        w.string("").string("").string("").string(host_key(1));
        w.string(Writer::build(|w| {
            w.string("ssh-ed25519").string([0; 64]);
        }));
    })
}

#[derive(Clone, Debug, PartialEq)]
struct Bind {
    host: u8,
    /// Plain, or one of its certificates.
    form: u64,
    session: u8,
    forwarding: bool,
    forged: bool,
}

impl Bind {
    fn random(random: &mut Random) -> Self {
        Self {
            host: [1, 2, 9][random.below(3)],
            form: random.below(5).saturating_sub(2) as u64,
            session: random.below(90) as u8,
            forwarding: random.below(12) != 0,
            forged: random.below(60) == 0,
        }
    }

    fn shown(&self) -> Vec<u8> {
        match self.form {
            0 => host_key(self.host),
            number => certificate(self.host, number),
        }
    }

    fn take(&self, session: &mut Session) -> BindOutcome {
        let signer = if self.forged { 7 } else { self.host };
        let id = [self.session; 32];
        let signature = Writer::build(|w| {
            w.string("ssh-ed25519").string(signed(signer, &id));
        });
        let bind = SessionBind {
            host_key: &self.shown(),
            session_id: &id,
            signature: &signature,
            is_forwarding: self.forwarding,
        };
        session.bind(&bind, &Pretend)
    }

    fn can_be_checked(&self) -> bool {
        self.host != 9
    }
}

/// What PROTOCOL.agent and ssh-agent do with a bind after those that were taken.
#[derive(Debug, PartialEq)]
enum Expected {
    Taken,
    Repeated,
    Failed,
}

fn expected(taken: &[Bind], bind: &Bind) -> Expected {
    if bind.forged && bind.can_be_checked() {
        return Expected::Failed;
    }
    // It looks through them in their order, and stops at the first that decides.
    let of_this_session = taken
        .iter()
        .position(|earlier| earlier.session == bind.session);
    let own_login = taken.iter().position(|earlier| !earlier.forwarding);
    match (own_login, of_this_session) {
        (Some(own), this) if this.is_none_or(|this| own <= this) => Expected::Failed,
        (_, Some(this)) if taken[this].shown() == bind.shown() => Expected::Repeated,
        (_, Some(_)) => Expected::Failed,
        (_, None) if taken.len() == 16 => Expected::Failed,
        (_, None) => Expected::Taken,
    }
}

fn login<'a>(
    session: &'a [u8],
    user: &'a [u8],
    key: &'a [u8],
    host: Option<&'a [u8]>,
) -> UserauthRequest<'a> {
    UserauthRequest {
        session_id: session,
        user,
        service: "ssh-connection",
        method: match host {
            None => Method::Publickey,
            Some(host_key) => Method::Hostbound { host_key },
        },
        algorithm: "ssh-ed25519",
        key,
    }
}

#[test]
fn binds_show_what_they_prove_and_no_more() {
    let mut seen = [0; 7];
    let is_whole = seeded::cases(6_000, |random| {
        let mut session = Session::default();
        let (mut taken, mut failed): (Vec<Bind>, bool) = (Vec::new(), false);
        let most = [3, 24][random.below(2)];
        for _ in 0..random.below(most) {
            let bind = Bind::random(random);
            let outcome = bind.take(&mut session);
            let expected = expected(&taken, &bind);
            let as_expected = match outcome {
                BindOutcome::Good => expected == Expected::Taken && bind.can_be_checked(),
                BindOutcome::Unverifiable => expected == Expected::Taken && !bind.can_be_checked(),
                BindOutcome::Repeated => expected == Expected::Repeated,
                BindOutcome::Failed(_) => expected == Expected::Failed,
            };
            assert!(
                as_expected,
                "{outcome:?}, not {expected:?}, for {bind:?} after {taken:#?}"
            );
            seen[0] += usize::from(taken.len() == 16);
            failed |= expected == Expected::Failed;
            if expected == Expected::Taken {
                taken.push(bind);
            }
            assert_eq!(session.bind_failed(), failed);
            assert_eq!(session.binds().len(), taken.len());
            assert_eq!(
                session.forwarded(),
                taken.iter().any(|bind| bind.forwarding)
            );
            let own = taken.last().filter(|bind| !bind.forwarding);
            assert_eq!(session.login_bind().is_some(), own.is_some());
        }
        for _ in 0..6 {
            let one = match random.below(2) {
                0 => taken.last(),
                _ => taken.get(random.below(taken.len() + 1)),
            };
            let id = [one.map_or(random.below(90) as u8, |bind| bind.session); 32];
            let host = [1, 2, 9][random.below(3)];
            let names = [None, Some(host_key(host)), Some(certificate(host, 1))];
            let names = &names[random.below(3)];
            let key = host_key(5);
            let shown = session.host_evidence(&login(&id, b"me", &key, names.as_deref()));
            let bound = taken.iter().find(|bind| [bind.session; 32] == id);
            let own = taken.iter().find(|bind| !bind.forwarding);
            let contradicts = failed
                || bound.is_some_and(|bind| bind.forwarding)
                || own.is_some_and(|own| [own.session; 32] != id)
                || bound.is_some_and(|bind| names.is_some() && bind.host != host);
            let Ok(shown) = shown else {
                assert!(contradicts, "{taken:#?} {id:?} {names:?}");
                seen[1] += 1;
                continue;
            };
            assert!(!contradicts, "{taken:#?} {id:?} {names:?}");
            assert_eq!(
                shown.unverifiable_bind,
                bound.is_some_and(|bind| !bind.can_be_checked())
            );
            let expected = match (names, bound) {
                (Some(named), _) => (Proof::Proven, Some(named.clone())),
                (None, Some(bind)) if bind.can_be_checked() => (Proof::Bound, Some(bind.shown())),
                (None, _) => (Proof::Unproven, None),
            };
            seen[2 + expected.0 as usize] += 1;
            seen[5] += usize::from(shown.unverifiable_bind);
            seen[6] += usize::from(session.forwarded());
            assert_eq!((shown.proof, shown.host_key), expected);
        }
    });
    assert!(
        !is_whole || seen.iter().all(|count| *count > 100),
        "{seen:?}"
    );
}

/// Signatures are counted by connection; further keys for the same login are free, up to six.
#[test]
fn signatures_are_counted_and_the_further_keys_of_a_login_are_free() {
    let (mut free, mut full) = (0, 0);
    let is_whole = seeded::cases(5_000, |random| {
        let mut session = Session::default();
        let mut total = 0;
        // Session, user and host, with the keys that it was given.
        let mut given: Vec<((u8, u8, u8), Vec<u8>)> = Vec::new();
        for _ in 0..random.below(30) {
            let limit = 1 + random.below(4) as u32;
            if random.below(5) == 0 {
                // No login.
                assert_eq!(session.has_room(limit, None), total < limit);
                session.count(None);
                total += 1;
                continue;
            }
            let (which, key) = ([0; 3].map(|_| random.below(2) as u8), random.below(9) as u8);
            let which = (which[0], which[1], which[2]);
            let host = host_key(which.2);
            let (id, user, blob) = ([which.0; 32], [b'a' + which.1], host_key(key));
            let login = login(&id, &user, &blob, (which.2 == 1).then_some(&host));
            let print = Fingerprint(key.to_string());
            let asked = Some((&login, &print));
            let known = given.iter_mut().find(|(login, _)| *login == which);
            let is_free = known
                .as_ref()
                .is_some_and(|(_, keys)| keys.len() < MAX_KEYS_PER_LOGIN && !keys.contains(&key));
            let has_room = session.has_room(limit, asked);
            assert_eq!(
                has_room,
                is_free || total < limit,
                "{given:?} {which:?} {key}"
            );
            if !has_room {
                full += 1;
                continue;
            }
            session.count(asked);
            free += usize::from(is_free);
            total += u32::from(!is_free);
            match known {
                Some((_, keys)) if is_free => keys.push(key),
                Some(_) => {}
                None => given.push((which, vec![key])),
            }
        }
    });
    assert!(
        !is_whole || free > 1_000 && full > 1_000,
        "{free} free, {full} full"
    );
}
