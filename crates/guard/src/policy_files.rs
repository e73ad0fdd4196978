//! The policy and the known hosts that hold now: read again when a file changes, and the last good ones
//! kept, loudly, when what was written is broken. Broken from the start = everything is refused.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use policy::caller::{Caller, Keyring};
use policy::crypto::Fingerprint;
use policy::facts::{Facts, HostIdentity, KeyFacts, Moment};
use policy::judgement::{Judgement, Remember, Verdict};
use policy::known_hosts::HostKey;
use policy::rate::Ledger;
use policy::rules::{LoginTo, Policy, Prospect};
use policy::session::{Session, Standing};

use common::clock;
use common::crypto::Ring;
use common::known_hosts_files::{self, Hosts};
use common::paths::Paths;
use common::policy_files;
use common::sync::lock;

/// Requests that follow each other faster than a hand saves a file share one look at the files.
const STILL_FRESH: Duration = Duration::from_millis(10);

/// The policy and the known hosts as they were read at one moment.
#[derive(Debug)]
pub struct InForce {
    /// `None`: broken from the start, so that everything is refused.
    policy: Option<Policy>,
    hosts: Arc<Hosts>,
    names: Vec<String>,
    /// Why nothing may be signed.
    broken: Option<String>,
    /// Why the files on disk are not what holds.
    stale: Option<String>,
    files: Vec<PathBuf>,
    digest: String,
}

/// The host of a connection's own login, as its bind shows it.
#[derive(Debug)]
pub struct BoundHost {
    pub host: HostIdentity,
    verified: bool,
}

/// What a new look at the files found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    Same,
    Changed,
    /// The last good policy still holds.
    Failed(String),
}

#[derive(Debug)]
pub struct PolicyFiles {
    paths: Paths,
    hosts: known_hosts_files::Files,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    /// When the files were last looked at; `None`: they are to be looked at again.
    looked: Option<Instant>,
    stamps: Vec<Stamp>,
    in_force: Arc<InForce>,
}

/// Tells one state of a file from another without reading it.
#[derive(Debug, PartialEq, Eq)]
struct Stamp(Option<(u64, i64, i64, u64)>);

impl PolicyFiles {
    /// Reads all files for the first time.
    pub fn read(paths: &Paths) -> Self {
        let hosts = known_hosts_files::Files::of(paths);
        let in_force = match InForce::read(paths, &hosts) {
            Ok(in_force) => in_force,
            Err((broken, files)) => InForce::broken_from_the_start(broken, files),
        };
        Self {
            paths: paths.clone(),
            hosts,
            current: Mutex::new(Current {
                looked: Some(Instant::now()),
                stamps: Vec::new(),
                in_force: Arc::new(in_force),
            }),
        }
    }

    pub fn now(&self) -> Arc<InForce> {
        Arc::clone(&lock(&self.current).in_force)
    }

    /// What is saved by now is to count, however short ago the last look was.
    pub fn look_again(&self) {
        lock(&self.current).looked = None;
    }

    /// Reads the files again if one has changed, or anyway if `force`.
    pub fn refresh(&self, force: bool) -> Reloaded {
        let mut current = lock(&self.current);
        let is_fresh = |looked: Instant| looked.elapsed() < STILL_FRESH;
        if !force && current.looked.is_some_and(is_fresh) {
            return Reloaded::Same;
        }
        current.looked = Some(Instant::now());
        let stamps = self.stamps(&current.in_force);
        if !force && stamps == current.stamps {
            return Reloaded::Same;
        }
        let files = current.in_force.files.clone();
        let reloaded = match InForce::read(&self.paths, &self.hosts) {
            Ok(fresh) => {
                let same =
                    current.in_force.stale.is_none() && fresh.digest == current.in_force.digest;
                current.in_force = Arc::new(fresh);
                if same {
                    Reloaded::Same
                } else {
                    Reloaded::Changed
                }
            }
            Err((why, files)) => {
                let known =
                    [current.in_force.stale(), current.in_force.broken()].contains(&Some(&why));
                current.in_force = Arc::new(current.in_force.kept_because(&why, files));
                match known && !force {
                    true => Reloaded::Same,
                    false => Reloaded::Failed(why),
                }
            }
        };
        // Stamps from before the reading: what changed meanwhile is read again. Files that are new have
        // none from before, so that all are read once more.
        current.stamps = match current.in_force.files == files {
            true => stamps,
            false => Vec::new(),
        };
        reloaded
    }

    /// Of every file that was read or could have been.
    fn stamps(&self, in_force: &InForce) -> Vec<Stamp> {
        let fixed = policy_files::watched(&self.paths.config, &self.paths.system_config);
        let hosts = [
            &self.hosts.ssh,
            &self.hosts.own,
            &self.hosts.system,
            &self.hosts.labels,
        ];
        let all = fixed.iter().chain(&in_force.files).chain(hosts);
        all.map(|path| Stamp::of(path)).collect()
    }

    pub fn host_files(&self) -> &known_hosts_files::Files {
        &self.hosts
    }
}

impl Stamp {
    fn of(path: &Path) -> Self {
        let found = fs::metadata(path).ok();
        Self(found.map(|found| (found.ino(), found.ctime(), found.ctime_nsec(), found.size())))
    }
}

impl InForce {
    fn read(
        paths: &Paths,
        hosts: &known_hosts_files::Files,
    ) -> Result<Self, (String, Vec<PathBuf>)> {
        let loaded = policy_files::load(&paths.config, &paths.system_config)
            .map_err(|error| (error.to_string(), error.files()))?;
        // Without known hosts a rule that denies a host by name would not know it.
        let hosts = hosts
            .read()
            .map_err(|error| (error.plain(), loaded.files.clone()))?;
        let policy = loaded.policy.meet(&hosts.known, &Ring);
        let names = policy
            .identify_names()
            .into_iter()
            .map(str::to_owned)
            .collect();
        Ok(Self {
            policy: Some(policy),
            hosts: Arc::new(hosts),
            names,
            broken: None,
            stale: None,
            files: loaded.files,
            digest: loaded.digest,
        })
    }

    fn broken_from_the_start(broken: String, files: Vec<PathBuf>) -> Self {
        Self {
            policy: None,
            hosts: Arc::default(),
            names: Vec::new(),
            broken: Some(broken),
            stale: None,
            files,
            digest: String::new(),
        }
    }

    fn kept_because(&self, why: &str, files: Vec<PathBuf>) -> Self {
        Self {
            policy: self.policy.clone(),
            hosts: Arc::clone(&self.hosts),
            names: self.names.clone(),
            broken: self.broken.as_ref().map(|_| why.to_owned()),
            stale: self.policy.as_ref().map(|_| why.to_owned()),
            files,
            digest: self.digest.clone(),
        }
    }

    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    pub fn stale(&self) -> Option<&str> {
        self.stale.as_deref()
    }

    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// All words that the policy has for hosts: names, and those of its tables.
    pub fn host_words(&self) -> Vec<String> {
        let tables = self.policy.iter().flat_map(Policy::hosts);
        let tables = tables.map(|table| table.name.clone());
        self.names.iter().cloned().chain(tables).collect()
    }

    /// Whether a name that was typed for this host key stands for something else already.
    pub fn name_is_taken(&self, name: &str, host_key: &HostKey<'_>) -> bool {
        self.hosts
            .name_taken_by(name, host_key, &self.host_words())
            .is_some()
    }

    /// The policy's word on one request; a broken policy says deny.
    pub fn judge(&self, facts: &Facts, moment: &Moment, ledger: &Ledger) -> Judgement {
        match &self.policy {
            Some(policy) => policy.judge(facts, moment, ledger),
            None => Judgement {
                verdict: Verdict::Deny,
                reason: "the policy is broken: run `split-ssh policy check` in the vault"
                    .to_owned(),
                rule: None,
                remember: Remember::Never,
                notify: false,
                signatures: 1,
            },
        }
    }

    /// Counts a signature for `rate`.
    pub fn count(
        &self,
        judgement: &Judgement,
        caller: &Caller,
        moment: &Moment,
        ledger: &mut Ledger,
    ) {
        if let Some(policy) = &self.policy {
            policy.count(judgement, caller, moment, ledger);
        }
    }

    /// Whether some rule or the default could let `caller` use `key`, on what its connection has shown.
    pub fn may_see(
        &self,
        caller: &Caller,
        keyring: &Keyring,
        key: &KeyFacts,
        session: &Session,
        login_to: Option<&BoundHost>,
    ) -> bool {
        let Some(policy) = &self.policy else {
            return false;
        };
        // A failed bind refuses whatever is asked for; nothing to be seen then.
        if session.bind_failed() {
            return false;
        }
        policy.visible(&Prospect {
            caller,
            keyring,
            key,
            forwarded: session.forwarded(),
            login_to: login_to.map(|bound| LoginTo {
                host: &bound.host,
                verified: bound.verified,
            }),
        })
    }

    /// The host that this connection's own login is bound to. The same for all keys, and the look at
    /// known hosts is what it costs.
    pub fn bound_host(&self, session: &Session) -> Option<BoundHost> {
        session.login_bind().map(|bind| BoundHost {
            host: self.identify(&bind.host_key),
            verified: bind.standing == Standing::Verified,
        })
    }

    /// The vault's own name for a key.
    pub fn label_of(&self, key: &Fingerprint) -> Option<&str> {
        self.policy.as_ref()?.label(key)
    }

    /// Who a host key is, by the vault's own files.
    pub fn identify(&self, host_key: &[u8]) -> HostIdentity {
        self.hosts
            .identify(host_key, &self.names, clock::now().unix)
    }
}
