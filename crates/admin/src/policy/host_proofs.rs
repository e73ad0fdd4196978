//! What the logins in a log showed about their hosts.

use policy::crypto::Fingerprint;
use policy::facts::{HostIdentity, IntentKind, Proof, Revocation};
use policy::record::Record;
use serde::Serialize;

/// The hosts of a log's logins, and the best proof that each ever gave.
#[derive(Default)]
pub struct HostProofs {
    hosts: Vec<HostProof>,
}

/// A host key, with the names that the latest record knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostProof {
    pub fingerprint: String,
    /// As escaped in the log; empty = unnamed.
    pub names: Vec<String>,
    #[serde(skip)]
    best: Proof,
    pub logins: u64,
}

impl HostProofs {
    pub fn add(&mut self, record: &Record) {
        let (Some(IntentKind::Login), Some(fingerprint), Some(proof)) =
            (record.kind, &record.host_key, record.proof)
        else {
            return;
        };
        let names = record.host.iter().map(|name| name.as_str().to_owned());
        let logins = record.times();
        let mut hosts = self.hosts.iter_mut();
        match hosts.find(|host| host.fingerprint == *fingerprint) {
            Some(host) => {
                host.names = names.collect();
                host.best = host.best.max(proof);
                host.logins += logins;
            }
            None => self.hosts.push(HostProof {
                fingerprint: fingerprint.clone(),
                names: names.collect(),
                best: proof,
                logins,
            }),
        }
    }

    /// Hosts that were only ever bound, never proven: a rule covers them only where their `[host.NAME]`
    /// says `proof = "bound"`.
    pub fn only_bound(self) -> impl Iterator<Item = HostProof> {
        let hosts = self.hosts.into_iter();
        hosts.filter(|host| host.best < Proof::Proven)
    }
}

impl HostProof {
    /// The host as rules see it.
    pub fn identity(&self) -> HostIdentity {
        identity(Fingerprint(self.fingerprint.clone()), self.names.clone())
    }
}

/// A host of which no more is known.
pub fn identity(fingerprint: Fingerprint, names: Vec<String>) -> HostIdentity {
    HostIdentity {
        fingerprint,
        algorithm: "unknown".to_owned(),
        ca: None,
        names,
        label: None,
        possible_names: Vec::new(),
        revocation: Revocation::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::record::{Escaped, Event, RecordOutcome, Timestamp};

    #[test]
    fn one_proven_login_is_enough() {
        let mut proofs = HostProofs::default();
        for (key, proof) in [
            ("SHA256:a", Proof::Bound),
            ("SHA256:b", Proof::Bound),
            ("SHA256:b", Proof::Proven),
            ("SHA256:a", Proof::Bound),
            ("SHA256:b", Proof::Bound),
        ] {
            let mut record =
                Record::new(Event::Sign, RecordOutcome::Ok, Timestamp::from_unix_ms(0));
            record.kind = Some(IntentKind::Login);
            record.host_key = Some(key.to_owned());
            record.host = vec![Escaped::from_bytes(key.to_lowercase().as_bytes())];
            record.proof = Some(proof);
            proofs.add(&record);
        }
        proofs.add(&Record::new(
            Event::List,
            RecordOutcome::Ok,
            Timestamp::from_unix_ms(0),
        ));
        let bound: Vec<_> = proofs.only_bound().collect();
        let [only] = bound.as_slice() else {
            panic!("{bound:?}")
        };
        assert_eq!((only.fingerprint.as_str(), only.logins), ("SHA256:a", 2));
        assert_eq!(only.names, ["sha256:a"]);
    }
}
