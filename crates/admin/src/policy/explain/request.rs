//! The request that the options describe.

use policy::caller::{Caller, Keyring};
use policy::crypto::{Crypto as _, Fingerprint};
use policy::display;
use policy::facts::{ContentFacts, Facts, HostIdentity, IntentKind, KeyFacts, Proof};
use policy::known_hosts::{HostKey, normalise};
use policy::rules::Policy;

use super::args::Args;
use super::page::SHOWN;
use crate::policy::host_proofs::identity;
use common::clock;
use common::crypto::Ring;
use common::error::Error;
use common::known_hosts_files::Hosts;

impl Args {
    /// The facts of the request that the options describe. What is assumed is said in `notes`.
    ///
    /// # Errors
    /// Options that contradict each other.
    pub(super) fn facts(
        &self,
        qube: &Caller,
        keyring: Option<Keyring>,
        policy: &Policy,
        hosts: &Hosts,
        notes: &mut Vec<String>,
    ) -> Result<Facts, Error> {
        let kind = self.kind();
        let host = self.host_identity(policy, hosts, notes);
        let proof = self.shown_proof(host.is_some())?;
        self.check_kind(kind, host.is_some())?;
        let mut assumed = Vec::new();
        let mut said = |option: &str, text: &Option<String>, unsaid: &str| {
            let text = text.as_deref().unwrap_or_else(|| {
                assumed.push(format!("{option} {unsaid}"));
                unsaid
            });
            text.to_owned()
        };
        let key = said("--key", &self.key, "key");
        let user = match kind {
            IntentKind::Login | IntentKind::Sudo => Some(said("--user", &self.user, "user")),
            _ => None,
        };
        let namespace = match kind {
            IntentKind::Sshsig => Some(said("--namespace", &self.namespace, "file")),
            _ => None,
        };
        let is_known = keyring.is_some();
        let usual = Keyring::from_argument("").map_err(|bad| Error::new(bad.to_string()))?;
        let keyring = keyring.unwrap_or(usual);
        let rules_tell_keyrings = policy.rules.iter().any(|rule| rule.keyring.is_some());
        if !is_known && rules_tell_keyrings {
            assumed.push(format!("--keyring {keyring}"));
        }
        if !assumed.is_empty() {
            let assumed = assumed.join(" and ");
            notes.push(format!(
                "assumed, as the command does not say it: {assumed}"
            ));
        }
        Ok(Facts {
            caller: qube.clone(),
            keyring,
            key: self.key_facts(&key, policy),
            kind,
            sha1: self.sha1,
            user: user.map(String::into_bytes),
            proof,
            // What is not shown is not known to rules either.
            host: host.filter(|_| proof != Proof::Unproven),
            content: self.content(),
            namespace: namespace.map(String::into_bytes),
            forwarded: self.forwarded,
        })
    }

    fn shown_proof(&self, has_host: bool) -> Result<Proof, Error> {
        match (self.proof, has_host) {
            (Some(Proof::Proven | Proof::Bound), false) => {
                Err(Error::new("a host that is shown needs to be named")
                    .hint("add --host NAME or --host-key FINGERPRINT"))
            }
            (Some(proof), _) => Ok(proof),
            (None, true) => Ok(Proof::Proven),
            (None, false) => Ok(Proof::Unproven),
        }
    }

    /// Every option that is given must mean something for this kind.
    fn check_kind(&self, kind: IntentKind, has_host: bool) -> Result<(), Error> {
        use IntentKind::{Login, Sshsig, Sudo};
        let options: [(bool, &str, &[IntentKind]); 5] = [
            (self.user.is_some(), "--user", &[Login, Sudo]),
            (has_host, "--host", &[Login]),
            (self.proof.is_some(), "--proof", &[Login]),
            (self.namespace.is_some(), "--namespace", &[Sshsig]),
            (
                self.content().is_some(),
                "--content, --author, --committer",
                &[Sshsig],
            ),
        ];
        let mut options = options.iter();
        let is_odd = |(given, _, kinds): &&(bool, _, &[_])| *given && !kinds.contains(&kind);
        let Some((_, option, kinds)) = options.find(is_odd) else {
            return Ok(());
        };
        let first = kinds.first().map_or("login", |kind| kind.word());
        let what = format!("{option} has no meaning for kind {}", kind.word());
        Err(Error::new(what).hint(format!("leave it out, or say --kind {first}")))
    }

    fn content(&self) -> Option<ContentFacts> {
        let committer = self.committer.as_ref().or(self.author.as_ref());
        let is_shown = self.content || committer.is_some();
        let mail = |mail: Option<&String>| mail.map(|mail| mail.clone().into_bytes());
        is_shown.then(|| ContentFacts {
            author: mail(self.author.as_ref()),
            committer: mail(committer),
        })
    }

    fn kind(&self) -> IntentKind {
        self.kind.unwrap_or(match self.namespace {
            None if self.content().is_none() => IntentKind::Login,
            _ => IntentKind::Sshsig,
        })
    }

    fn key_facts(&self, key: &str, policy: &Policy) -> KeyFacts {
        let labelled = policy.labelled(key);
        let (fingerprint, is_comment) = match (labelled, key.starts_with("SHA256:")) {
            (Some(fingerprint), _) => (fingerprint.clone(), false),
            (None, true) => (Fingerprint(key.to_owned()), false),
            (None, false) => (Fingerprint("SHA256:?".to_owned()), true),
        };
        let comment = match &self.comment {
            None if is_comment => key,
            None => "",
            Some(comment) => comment.as_str(),
        };
        let algorithm = if self.sha1 { "ssh-rsa" } else { "unknown" };
        KeyFacts {
            fingerprint,
            algorithm: algorithm.to_owned(),
            comment: comment.as_bytes().to_vec(),
        }
    }

    /// The host as known hosts name it, all its names included.
    fn host_identity(
        &self,
        policy: &Policy,
        hosts: &Hosts,
        notes: &mut Vec<String>,
    ) -> Option<HostIdentity> {
        let tries = policy.literal_host_names();
        let identify = |blob: &[u8]| {
            let is_key = HostKey::parse(blob).is_ok();
            is_key.then(|| hosts.identify(blob, &tries, clock::now().unix))
        };
        if let Some(name) = &self.host {
            let known = hosts.known.entries_for(name, &Ring);
            let mut named = known.iter().flat_map(|entry| identify(&entry.line.key));
            let plain = named.find(|host| !host.names.is_empty());
            return Some(plain.unwrap_or_else(|| {
                let shown = display::ascii(name.as_bytes(), SHOWN);
                notes.push(match policy.hosts.iter().any(|table| table.name == *name) {
                    true => format!("{shown} is the policy's own word: say --host with one of the names in [host.{shown}]"),
                    false => format!("known hosts have no key for {shown}; this is as if they had"),
                });
                identity(Fingerprint("SHA256:?".to_owned()), vec![normalise(name)])
            }));
        }
        let wanted = self.host_key.as_ref()?;
        let mut keys = hosts.known.entries().iter().map(|entry| &entry.line.key);
        let known = keys.find(|key| Ring.fingerprint(key) == *wanted);
        let known = known.and_then(|key| identify(key));
        Some(known.unwrap_or_else(|| {
            notes.push(
                "known hosts do not have this key; by its type it could be a host that a rule denies or asks about, \
                 and then it is a question"
                    .to_owned(),
            );
            identity(wanted.clone(), Vec::new())
        }))
    }
}
