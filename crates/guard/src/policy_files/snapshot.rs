//! The policy and the known hosts as they were read at one moment.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use policy::crypto::Fingerprint;
use policy::facts::{Facts, HostIdentity, Moment};
use policy::gather::{Gathered, RequestRefusal};
use policy::judgement::{Judgement, Verdict};
use policy::known_hosts::HostKey;
use policy::permit::{Judged, Permit};
use policy::rate::RateCounter;
use policy::rules::{Policy, VisibilityQuery};
use policy::session::Session;

use common::clock;
use common::crypto::Ring;
use common::known_hosts_files::{self, Hosts};
use common::paths::Paths;
use common::policy_files;
use common::sync::lock;

const POLICY_IS_BROKEN: &str = "the policy is broken: run `split-ssh policy check` in the vault";

/// What holds for a request from its first look at a rule to its last.
#[derive(Clone, Debug)]
pub struct PolicySnapshot {
    policy: Policy,
    /// No good policy was read yet, so that everything is refused.
    is_broken: bool,
    hosts: Arc<Hosts>,
    /// Host names that stand in rules.
    names: Vec<String>,
    /// Why the files on disk are not what holds, or, if none was good yet, why nothing may be signed.
    trouble: Option<String>,
    pub files: Vec<PathBuf>,
    /// SHA-256 over the policy's files, 64 hex digits.
    pub digest: Arc<str>,
    /// What counts against `rate`. Rules are counted by their place, so a changed policy counts anew.
    used: Arc<Mutex<RateCounter>>,
}

/// The host of a connection's own login, as its bind shows it.
#[derive(Debug)]
pub struct BoundHost {
    pub host: HostIdentity,
    pub verified: bool,
}

impl PolicySnapshot {
    /// Reads all files.
    ///
    /// # Errors
    /// What is broken.
    pub(super) fn read(paths: &Paths, hosts: &known_hosts_files::Files) -> Result<Self, String> {
        let loaded = policy_files::load(&paths.config, &paths.system_config)
            .map_err(|error| error.to_string())?;
        // Without known hosts a rule that denies a host by name would not know it.
        let hosts = hosts.read().map_err(|error| error.plain())?;
        let policy = loaded.policy.with_known_hosts(&hosts.known, &Ring);
        let names = policy.literal_host_names();
        Ok(Self {
            policy,
            is_broken: false,
            hosts: Arc::new(hosts),
            names,
            trouble: None,
            files: loaded.files,
            digest: loaded.digest.into(),
            used: Arc::default(),
        })
    }

    /// Nothing may be signed: no policy was read yet.
    pub(super) fn unread() -> Self {
        Self {
            policy: Policy::denying_all(),
            is_broken: true,
            hosts: Arc::default(),
            names: Vec::new(),
            trouble: Some("the policy's files are being written".to_owned()),
            files: Vec::new(),
            digest: Arc::from(""),
            used: Arc::default(),
        }
    }

    /// The same policy, although the files on disk are broken.
    pub(super) fn marked_stale(&self, why: &str, files: Vec<PathBuf>) -> Self {
        Self {
            trouble: Some(why.to_owned()),
            files,
            ..self.clone()
        }
    }

    /// Goes on counting for `rate` where `before` was, whose rules are the same.
    pub(super) fn with_counts_of(self, before: &Self) -> Self {
        Self {
            used: Arc::clone(&before.used),
            ..self
        }
    }

    /// What was wrong with the files when they were read last.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Why nothing may be signed.
    pub fn broken(&self) -> Option<&str> {
        self.trouble().filter(|_| self.is_broken)
    }

    /// Why the files on disk are not what holds.
    pub fn stale(&self) -> Option<&str> {
        self.trouble().filter(|_| !self.is_broken)
    }

    /// `@revoked` lines that cannot be read: what they could revoke is refused. One sentence for each.
    pub fn unreadable_revocations(&self) -> Vec<String> {
        let lines = self.hosts.known.unreadable_revocations();
        lines.iter().map(ToString::to_string).collect()
    }

    /// All words that the policy has for hosts: names, and those of its tables.
    pub fn host_words(&self) -> Vec<String> {
        let tables = self.policy.hosts.iter().map(|table| table.name.clone());
        self.names.iter().cloned().chain(tables).collect()
    }

    /// Whether a name that was typed for this host key stands for something else already.
    pub fn name_is_taken(&self, name: &str, host_key: &HostKey<'_>) -> bool {
        self.hosts
            .name_taken_by(name, host_key, &self.host_words())
            .is_some()
    }

    /// The policy's word on one request as if nothing had counted against a rate yet.
    pub fn judge_unrated(&self, facts: &Facts, moment: &Moment) -> Judgement {
        self.policy.judge(facts, moment, &RateCounter::default())
    }

    /// Judges a request, and counts it for `rate` if the policy does not deny it and `has_room` for it. No other
    /// request is judged in between.
    pub fn judge_and_count(
        &self,
        gathered: Gathered,
        moment: &Moment,
        has_room: impl FnOnce(&Judgement) -> bool,
    ) -> (Judged, bool) {
        let mut used = lock(&self.used);
        let judged = Judged::by(&self.policy, gathered, moment, &used);
        let judgement = judged.judgement();
        let has_room = judgement.verdict() == Verdict::Deny || has_room(judgement);
        if has_room {
            let caller = &judged.case().facts().caller;
            self.policy.count(judgement, caller, moment, &mut used);
        }
        (judged, has_room)
    }

    /// What the policy says of a key that the caller is not shown: no, and by which rule.
    pub fn judge_hidden(
        &self,
        gathered: Gathered,
        moment: &Moment,
        why: &RequestRefusal,
    ) -> Judged {
        if self.is_broken {
            return Judged::denied(gathered, POLICY_IS_BROKEN);
        }
        Judged::by(&self.policy, gathered, moment, &lock(&self.used)).hidden(why)
    }

    /// Holds a permit against this policy and these known hosts, see [`Permit::recheck`].
    pub fn recheck(&self, permit: Permit, moment: &Moment) -> Result<Permit, Judged> {
        permit.recheck(&self.policy, &|key| self.identify(key), moment)
    }

    /// Forgets what no longer counts against any rate; `boot` is in seconds since boot.
    pub fn forget_old_counts(&self, boot: u64) {
        lock(&self.used).forget_old(boot);
    }

    /// The mildest verdict that a use of a key could have, as far as a difference to `enough` matters.
    pub fn mildest(&self, query: &VisibilityQuery<'_>, enough: Verdict) -> Verdict {
        self.policy.mildest(query, enough)
    }

    /// The host that this connection's own login is bound to. The same for all keys, and the look at
    /// known hosts is what it costs.
    pub fn bound_host(&self, session: &Session) -> Option<BoundHost> {
        session.login_bind().map(|bind| BoundHost {
            host: self.identify(&bind.host_key),
            verified: bind.is_verified,
        })
    }

    /// The vault's own name for a key.
    pub fn label_of(&self, key: &Fingerprint) -> Option<&str> {
        self.policy.label(key)
    }

    /// Who a host key is, by the vault's own files.
    pub fn identify(&self, host_key: &[u8]) -> HostIdentity {
        self.hosts
            .identify(host_key, &self.names, clock::now().unix)
    }
}
