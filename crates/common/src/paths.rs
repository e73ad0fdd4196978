//! Where files live. Flags come before the environment; the environment is the user's own, never a
//! qrexec call's: a freshly started vault has none.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use crate::error::Error;

/// Where packages put configuration for all users.
pub const SYSTEM_CONFIG: &str = "/etc/split-ssh";

#[derive(Clone, Debug)]
pub struct Paths {
    pub home: PathBuf,
    /// `~/.config/split-ssh`
    pub config: PathBuf,
    /// `/etc/split-ssh`
    pub system_config: PathBuf,
    /// `~/.local/state/split-ssh`
    pub state: PathBuf,
    /// `--runtime-dir`, for a vault or client beside the installed one.
    runtime: Option<PathBuf>,
    xdg_runtime: PathBuf,
    /// Whether the environment is the owner's own.
    environment_is_ours: bool,
    flags: Vec<OsString>,
}

impl Paths {
    /// # Errors
    /// No home directory can be found for this user.
    pub fn find(
        config: Option<PathBuf>,
        runtime: Option<PathBuf>,
        state: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let home = home()?;
        let given = [
            ("--config-dir", &config),
            ("--runtime-dir", &runtime),
            ("--state-dir", &state),
        ];
        let flags = given
            .into_iter()
            .filter_map(|(flag, dir)| Some([flag.into(), dir.clone()?.into()]));
        let flags = flags.flatten().collect();
        let system_config = match &config {
            // With --config-dir the system's configuration does not count.
            Some(dir) => dir.join("etc"),
            None => PathBuf::from(SYSTEM_CONFIG),
        };
        Ok(Self {
            config: config.unwrap_or_else(|| xdg("XDG_CONFIG_HOME", &home, ".config")),
            system_config,
            state: state.unwrap_or_else(|| xdg("XDG_STATE_HOME", &home, ".local/state")),
            xdg_runtime: absolute("XDG_RUNTIME_DIR").unwrap_or_else(runtime_of_session),
            environment_is_ours: true,
            runtime,
            home,
            flags,
        })
    }

    /// The same places without what the environment says of them: sshd may have taken that from its client.
    #[must_use]
    pub fn without_environment(mut self) -> Self {
        let is_given = |flag: &str| self.flags.iter().any(|given| given == flag);
        if !is_given("--config-dir") {
            self.config = self.home.join(".config/split-ssh");
        }
        if !is_given("--state-dir") {
            self.state = self.home.join(".local/state/split-ssh");
        }
        self.xdg_runtime = runtime_of_session();
        self.environment_is_ours = false;
        self
    }

    /// The agent that the session names, if it is the owner's own session that speaks.
    pub fn named_agent(&self) -> Option<PathBuf> {
        let named = env::var_os("SSH_AUTH_SOCK").map(PathBuf::from)?;
        (self.environment_is_ours && !named.as_os_str().is_empty()).then_some(named)
    }

    /// The vault's `qrexec.sock` and `control.sock`.
    pub fn vault_runtime(&self) -> PathBuf {
        self.runtime_for("split-ssh-vault")
    }

    /// A folder for each sandbox, with its socket.
    pub fn sandbox_runtime(&self) -> PathBuf {
        self.runtime_for("split-ssh-sandbox")
    }

    /// The keyring agents' sockets, `KEYRING.sock`, as in the official package.
    pub fn agent_runtime(&self) -> PathBuf {
        self.runtime_for("split-ssh")
    }

    /// The client's `status.json`.
    pub fn client_runtime(&self) -> PathBuf {
        self.runtime_for("split-ssh-client")
    }

    /// The socket through which systemd starts the unit of a keyring's agent; it exists only with systemd.
    pub fn keyring_socket(&self) -> PathBuf {
        self.vault_runtime().join("keyring.sock")
    }

    /// Whether the system's configuration counts: not if `--config-dir` named another one.
    pub fn is_installed(&self) -> bool {
        self.system_config == Path::new(SYSTEM_CONFIG)
    }

    pub fn control_socket(&self) -> PathBuf {
        self.vault_runtime().join("control.sock")
    }

    pub fn qrexec_socket(&self) -> PathBuf {
        self.vault_runtime().join("qrexec.sock")
    }

    pub fn audit_log(&self) -> PathBuf {
        self.state.join("log.jsonl")
    }

    pub fn xdg_runtime(&self) -> &Path {
        &self.xdg_runtime
    }

    /// The flags by which another process of ours finds the same places.
    pub fn as_flags(&self) -> &[OsString] {
        &self.flags
    }

    /// The package's tmpfiles make the system directory ours; elsewhere the session's own is used.
    fn runtime_for(&self, name: &str) -> PathBuf {
        if let Some(dir) = &self.runtime {
            return dir.join(name);
        }
        let system = Path::new("/run").join(name);
        match fs::metadata(&system) {
            Ok(found) if found.uid() == Uid::current().as_raw() => system,
            _ => self.xdg_runtime.join(name),
        }
    }
}

fn runtime_of_session() -> PathBuf {
    PathBuf::from(format!("/run/user/{}", Uid::current()))
}

fn home() -> Result<PathBuf, Error> {
    if let Some(home) = absolute("HOME") {
        return Ok(home);
    }
    match User::from_uid(Uid::current()) {
        Ok(Some(user)) => Ok(user.dir),
        _ => {
            Err(Error::new("this user has no home directory").hint("set HOME to an absolute path"))
        }
    }
}

fn xdg(variable: &str, home: &Path, fallback: &str) -> PathBuf {
    let folder = absolute(variable).unwrap_or_else(|| home.join(fallback));
    folder.join("split-ssh")
}

/// The XDG specification says that relative paths are to be ignored.
fn absolute(variable: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).map(PathBuf::from);
    path.filter(|path| path.is_absolute())
}
