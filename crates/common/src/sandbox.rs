//! The sandboxes of this vault: who may connect where, and which keyring it is for. Daemon and tools ask here.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use policy::caller::{Caller, DEFAULT_KEYRING, Keyring};

pub use crate::config::sandbox::{CountsAsForwarded, SandboxConfig, Vsock};
use crate::config::{self, vault::VaultConfig};
use crate::error::Error;
use crate::paths::Paths;

/// The socket's name in a sandbox's own folder.
pub const SOCKET_NAME: &str = "agent.sock";
/// `split-ssh serve` has these as subcommands.
const SUBCOMMANDS: [&str; 2] = ["list", "remove"];
/// What the kernel calls every uid that our user namespace does not know (`user_namespaces(7)`).
const OVERFLOW_UID: u32 = 65534;
/// What stands for any CID, or any port (`vsock(7)`).
const ANY_VSOCK: u32 = u32::MAX;

/// A sandbox as the vault serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    pub name: String,
    pub caller: Caller,
    pub keyring: Keyring,
    pub socket: PathBuf,
    pub uids: Vec<u32>,
    pub forwarded: bool,
    pub vsock: Option<Vsock>,
    /// The file that configures it.
    pub file: PathBuf,
}

impl Sandbox {
    fn new(
        name: &str,
        config: &SandboxConfig,
        file: PathBuf,
        paths: &Paths,
    ) -> Result<Self, Error> {
        let failed =
            |what: String| Error::new(format!("{}: sandbox {name:?}: {what}", file.display()));
        let caller = check_name(name).map_err(|error| failed(error.what().to_owned()))?;
        let keyring = config.keyring.as_deref().unwrap_or(DEFAULT_KEYRING);
        let keyring = Keyring::from_argument(keyring).map_err(|bad| failed(bad.to_string()))?;
        let socket = match &config.socket {
            Some(socket) if socket.is_absolute() => socket.clone(),
            Some(socket) => {
                let what = format!("socket = {socket:?} is no absolute path");
                return Err(
                    failed(what).hint("a vault has no working directory to complete it from")
                );
            }
            None => paths.sandbox_runtime().join(name).join(SOCKET_NAME),
        };
        let uids = match &config.uids {
            Some(uids) if uids.is_empty() => {
                let what = "uids is an empty list, so nobody could connect";
                return Err(failed(what.to_owned()).hint("leave it out for your own uid"));
            }
            Some(uids) if uids.contains(&OVERFLOW_UID) => {
                let what = format!("uid {OVERFLOW_UID} is what every unknown uid looks like");
                return Err(failed(what)
                    .hint("name the uid that `stat -c %u /proc/PID` shows on this side"));
            }
            Some(uids) => uids.clone(),
            None => vec![Uid::current().as_raw()],
        };
        let stands_for_any = |vsock: Vsock| vsock.cid == ANY_VSOCK || vsock.port == ANY_VSOCK;
        if config.vsock.is_some_and(stands_for_any) {
            let what = format!("vsock: {ANY_VSOCK} stands for any CID or port, and is none");
            return Err(failed(what).hint("name the machine's own CID, as its hypervisor set it"));
        }
        Ok(Self {
            name: name.to_owned(),
            caller,
            keyring,
            socket,
            uids,
            forwarded: config.forwarded.is_some(),
            vsock: config.vsock,
            file,
        })
    }

    /// The folder that a sandbox is given, with nothing but the socket in it.
    pub fn folder(&self) -> &Path {
        self.socket.parent().unwrap_or(Path::new("/"))
    }

    /// # Errors
    /// The kernel tells this process nothing of one of the uids: all of them look like [`OVERFLOW_UID`].
    pub fn check_uids_are_told(&self) -> Result<(), Error> {
        let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        match self.uids.iter().find(|uid| !is_mapped(**uid, &map)) {
            None => Ok(()),
            Some(uid) => Err(Error::new(format!(
                "this vault cannot tell uid {uid}, for its unit has users of its own (PrivateUsers=)"
            ))
            .hint(
                "leave the uid out; or `systemctl edit split-ssh-vault` with PrivateUsers=no below [Service], and restart it",
            )),
        }
    }

    /// Whether others than this user may connect.
    pub fn is_for_other_users(&self) -> bool {
        self.uids.iter().any(|uid| *uid != Uid::current().as_raw())
    }
}

/// Whether a process of this `uid_map` is told of a uid (user_namespaces(7)).
fn is_mapped(uid: u32, map: &str) -> bool {
    map.lines().any(|line| {
        let mut words = line.split_whitespace().map(str::parse::<u64>);
        match (words.next(), words.nth(1)) {
            (Some(Ok(first)), Some(Ok(count))) => {
                (first..first.saturating_add(count)).contains(&u64::from(uid))
            }
            _ => false,
        }
    })
}

/// # Errors
/// No sandbox can have this name.
pub fn check_name(untrusted_name: &str) -> Result<Caller, Error> {
    let caller = Caller::sandbox(untrusted_name).map_err(|bad| Error::new(bad.to_string()))?;
    match SUBCOMMANDS.contains(&untrusted_name) {
        true => Err(Error::new(format!(
            "no sandbox can be called `{untrusted_name}`: it is a word of `split-ssh serve`"
        ))),
        false => Ok(caller),
    }
}

/// The folder of the files that `split-ssh serve` writes.
pub fn folder(paths: &Paths) -> PathBuf {
    paths.config.join("sandbox.d")
}

/// The file that `split-ssh serve NAME` writes.
pub fn file(paths: &Paths, name: &str) -> PathBuf {
    folder(paths).join(format!("{name}.toml"))
}

/// All sandboxes of `vault.toml` and `sandbox.d`, in name order.
///
/// # Errors
/// A file that cannot be read, a setting that means nothing, or a sandbox that is configured twice.
pub fn configured(paths: &Paths) -> Result<Vec<Sandbox>, Error> {
    let mut all: BTreeMap<String, Sandbox> = BTreeMap::new();
    let (config, file) = VaultConfig::load_with_place(paths)?;
    for (name, sandbox) in &config.sandbox {
        all.insert(
            name.clone(),
            Sandbox::new(name, sandbox, file.clone(), paths)?,
        );
    }
    for (name, file) in files(paths)? {
        let Some(config) = config::read_toml::<SandboxConfig>(&file)? else {
            continue;
        };
        if let Some(other) = all.get(&name) {
            let (file, other) = (file.display(), other.file.display());
            return Err(
                Error::new(format!("sandbox {name} is in {other} and in {file}"))
                    .hint("remove one of the two"),
            );
        }
        all.insert(name.clone(), Sandbox::new(&name, &config, file, paths)?);
    }
    let all: Vec<Sandbox> = all.into_values().collect();
    for (index, sandbox) in all.iter().enumerate() {
        let mut others = all.iter().skip(index + 1);
        let same_folder = |other: &&Sandbox| other.folder() == sandbox.folder();
        if let Some(other) = others.clone().find(same_folder) {
            let folder = sandbox.folder().display();
            return Err(Error::new(format!(
                "sandboxes {} and {} share the folder {folder}: each would be given the other's socket",
                sandbox.name, other.name
            ))
            .hint("give each socket a folder of its own"));
        }
        let port = sandbox.vsock.map(|vsock| vsock.port);
        let same_port = |other: &&Sandbox| port.is_some() && other.vsock.map(|it| it.port) == port;
        if let Some(other) = others.find(same_port) {
            return Err(Error::new(format!(
                "sandboxes {} and {} have the same port of vsock",
                sandbox.name, other.name
            ))
            .hint("give each machine a port of its own"));
        }
    }
    Ok(all)
}

/// `NAME.toml` of `sandbox.d`, by name.
fn files(paths: &Paths) -> Result<Vec<(String, PathBuf)>, Error> {
    let folder = folder(paths);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| Error::io("read", &folder, &error))?,
    };
    let named = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        Some((name.strip_suffix(".toml")?.to_owned(), entry.path()))
    };
    Ok(entries.flatten().filter_map(named).collect())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Half of it would give the sandbox the keys of another keyring.
    #[test]
    fn a_sandbox_is_taken_as_its_file_was_saved_whole() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::find(Some(folder.path().to_owned()), None, None).unwrap();
        let half = "uids = [0]\n";
        let config: SandboxConfig = toml::from_str(half).expect("the control: it can be read");
        assert_eq!(config.keyring, None);
        fs::create_dir(super::folder(&paths)).unwrap();
        let mut file = File::create(file(&paths, "dev")).unwrap();
        file.write_all(half.as_bytes()).unwrap();
        let writer = thread::spawn(move || {
            // What a program does between two blocks.
            thread::sleep(Duration::from_millis(50));
            file.write_all(b"keyring = \"throw-away\"\n").unwrap();
        });
        let all = configured(&paths).unwrap();
        writer.join().unwrap();
        assert_eq!(all[0].keyring.as_str(), "throw-away");
    }

    #[test]
    fn a_vault_with_users_of_its_own_is_told_of_these_only() {
        let private = "         0          0          1\n      1000       1000          1\n";
        for (uid, expected) in [(0, true), (1000, true), (1, false), (101_000, false)] {
            assert_eq!(is_mapped(uid, private), expected, "{uid}");
            assert!(is_mapped(uid, "         0          0 4294967295\n"));
        }
    }
}
