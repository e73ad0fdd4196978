//! The vault's own files that name hosts, and the labels that were typed into prompts.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policy::crypto::Crypto as _;
use policy::display;
use policy::facts::{HostIdentity, Revocation};
use policy::known_hosts::{Entry, HostKey, KnownHosts, MAX_FILE, UnreadLine, check_name};

use crate::crypto::Ring;
use crate::error::Error;
use crate::identities::beside;
use crate::paths::Paths;
use crate::trusted_files;

/// Known hosts for all users of the machine, as ssh reads them.
const SYSTEM: &str = "/etc/ssh/ssh_known_hosts";

/// Where names come from, and where labels are kept.
#[derive(Clone, Debug)]
pub struct Files {
    /// `~/.ssh/known_hosts`, written by ssh in the vault. With it goes `~/.ssh/known_hosts2`, which ssh reads, too.
    pub ssh: PathBuf,
    /// `~/.config/split-ssh/known_hosts`, written by `split-ssh hosts`.
    pub own: PathBuf,
    /// `/etc/ssh/ssh_known_hosts`, and with it `/etc/ssh/ssh_known_hosts2`.
    pub system: PathBuf,
    /// `~/.config/split-ssh/labels`, in the same format: names that rules do not see.
    pub labels: PathBuf,
}

/// Who has a name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameOwner {
    KnownHosts,
    Policy,
    /// Another host's label.
    Label,
}

/// What the files say, at one moment.
#[derive(Debug, Default)]
pub struct Hosts {
    pub known: KnownHosts,
    pub labels: KnownHosts,
    pub warnings: Vec<UnreadLine>,
}

impl Files {
    pub fn of(paths: &Paths) -> Self {
        Self {
            ssh: paths.home.join(".ssh/known_hosts"),
            own: paths.config.join("known_hosts"),
            system: PathBuf::from(SYSTEM),
            labels: paths.config.join("labels"),
        }
    }

    /// All files that name hosts: what ssh reads unless its configuration says otherwise, and our own.
    pub fn naming(&self) -> [PathBuf; 5] {
        let [ssh2, system2] = [&self.ssh, &self.system].map(|path| beside(path, "2"));
        let [ssh, own, system] = [&self.ssh, &self.own, &self.system].map(PathBuf::clone);
        [ssh, ssh2, own, system, system2]
    }

    /// Reads all files; one that does not exist is empty. Bad lines become warnings, or revocations that cannot be
    /// read.
    ///
    /// # Errors
    /// A file that others can write, or that is too large or unreadable. Nothing is known then: lines
    /// that revoke a key may be among the missing ones.
    pub fn read(&self) -> Result<Hosts, Error> {
        let mut contents = Vec::new();
        for path in self.naming() {
            contents.push((path.display().to_string(), read_or_empty(&path)?));
        }
        let sources = contents.iter().map(|(name, bytes)| (&**name, &**bytes));
        let (known, mut warnings) = KnownHosts::parse(&sources.collect::<Vec<(&str, &[u8])>>());
        let (name, bytes) = (
            self.labels.display().to_string(),
            read_or_empty(&self.labels)?,
        );
        let (labels, more) = KnownHosts::parse(&[(&name, &bytes)]);
        warnings.extend(more);
        Ok(Hosts {
            known,
            labels,
            warnings,
        })
    }

    /// Keeps other writers of our own files away until it is dropped.
    ///
    /// # Errors
    /// The folder cannot be made or opened.
    pub fn lock(&self) -> Result<trusted_files::Lock, Error> {
        trusted_files::lock(self.own.parent().unwrap_or(Path::new(".")))
    }

    /// Keeps the name that a person typed into a prompt for `host_key`, for later prompts and the log; rules see it if
    /// it is `trusted`. `policy_names` are all names that the policy mentions. The host's earlier label goes.
    ///
    /// # Errors
    /// The name cannot stand in a rule, or known hosts, the policy or another host's label use it.
    pub fn add_name(
        &self,
        untrusted_name: &str,
        host_key: &HostKey<'_>,
        policy_names: &[String],
        trusted: bool,
    ) -> Result<String, Error> {
        let name = check_name(untrusted_name).map_err(|rule| bad_name(untrusted_name, rule))?;
        let _lock = self.lock()?;
        let hosts = self.read()?;
        if let Some(by) = hosts.name_taken_by(&name, host_key, policy_names) {
            return Err(taken(&name, by));
        }
        let (algorithm, blob) = (host_key.plain().algorithm(), host_key.plain_blob());
        let has_this_key = |entry: &&Entry| entry.line.key == blob;
        if trusted && hosts.known.is_revoked(&blob) {
            return Err(Error::new("the key of this host is revoked in known hosts"));
        }
        let old = hosts.labels.entries().iter().filter(has_this_key);
        let old: Vec<usize> = old.map(|entry| entry.place.line).collect();
        let mut labels = without_lines(&read_or_empty(&self.labels)?, &old);
        if trusted {
            let mut known = read_or_empty(&self.own)?;
            append(&mut known, &name, algorithm, &blob);
            trusted_files::replace(&self.own, &known)?;
        } else {
            append(&mut labels, &name, algorithm, &blob);
        }
        if !trusted || !old.is_empty() {
            trusted_files::replace(&self.labels, &labels)?;
        }
        Ok(name)
    }
}

impl Hosts {
    /// Names a host key; see [`KnownHosts::identify`]. A label is given only where no name is known.
    /// A blob that is no key has a fingerprint and nothing else.
    pub fn identify(&self, untrusted_blob: &[u8], tries: &[String], unix: u64) -> HostIdentity {
        let Ok(host_key) = HostKey::parse(untrusted_blob) else {
            return HostIdentity {
                fingerprint: Ring.fingerprint(untrusted_blob),
                algorithm: "malformed".to_owned(),
                ca: None,
                names: Vec::new(),
                label: None,
                possible_names: Vec::new(),
                // It cannot be compared with the keys that are revoked.
                revocation: match self.known.has_revocations() {
                    true => Revocation::Unreadable,
                    false => Revocation::None,
                },
            };
        };
        let mut identity = self.known.identify(&host_key, tries, &Ring, unix);
        if identity.names.is_empty() {
            let labels = self.labels.identify(&host_key, &[], &Ring, unix).names;
            identity.label = labels.into_iter().next();
        }
        identity
    }

    /// Whether this name, typed for `host_key`, stands for something else already. `policy_names` are
    /// all names that the policy mentions.
    pub fn name_taken_by(
        &self,
        name: &str,
        host_key: &HostKey<'_>,
        policy_names: &[String],
    ) -> Option<NameOwner> {
        if self.known.knows(name, &Ring) {
            return Some(NameOwner::KnownHosts);
        }
        let mut in_policy = policy_names.iter();
        if in_policy.any(|used| used.eq_ignore_ascii_case(name)) {
            return Some(NameOwner::Policy);
        }
        let labelled = self.labels.entries_for(name, &Ring);
        let blob = host_key.plain_blob();
        let is_other = |entry: &&Entry| entry.line.key != blob;
        let others = labelled.iter().any(is_other);
        others.then_some(NameOwner::Label)
    }
}

fn taken(name: &str, by: NameOwner) -> Error {
    let (place, or) = match by {
        NameOwner::KnownHosts => ("known hosts", String::new()),
        NameOwner::Policy => (
            "the policy",
            format!(", or: split-ssh hosts add {name} KEY"),
        ),
        NameOwner::Label => ("the labels", format!(", or: split-ssh hosts remove {name}")),
    };
    Error::new(format!("{name} is already the name of a host in {place}"))
        .hint(format!("choose another name{or}"))
}

pub fn read_or_empty(path: &Path) -> Result<Vec<u8>, Error> {
    Ok(trusted_files::read(path, MAX_FILE)?.unwrap_or_default())
}

/// `names` must have passed [`check_name`] or the known_hosts parser.
pub fn append(file: &mut Vec<u8>, names: &str, algorithm: &str, blob: &[u8]) {
    if file.last().is_some_and(|&byte| byte != b'\n') {
        file.push(b'\n');
    }
    file.extend_from_slice(format!("{names} {algorithm} {}\n", STANDARD.encode(blob)).as_bytes());
}

/// `file` without the lines of these numbers, the first being 1.
pub fn without_lines(file: &[u8], numbers: &[usize]) -> Vec<u8> {
    let lines = (1..).zip(file.split_inclusive(|&byte| byte == b'\n'));
    lines
        .filter(|(number, _)| !numbers.contains(number))
        .flat_map(|(_, line)| line)
        .copied()
        .collect()
}

pub fn bad_name(untrusted_name: &str, rule: &str) -> Error {
    let shown = display::ascii(untrusted_name.as_bytes(), 80);
    Error::new(format!("\"{shown}\" cannot name a host: {rule}"))
}
