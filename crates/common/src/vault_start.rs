//! Starts the vault's daemon where none runs. It ends by itself when it has nothing to serve or remember.

use std::env;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::vault::VaultConfig;
use crate::error::Error;
use crate::paths::Paths;
use crate::trusted_files;

/// A vault that has just been started loads its programs from a cold disk.
const START_TIME: Duration = Duration::from_secs(20);

/// What sshd sets itself, whatever its client sends (`session.c`, `do_setup_env`).
const SET_BY_SSHD: [&str; 5] = ["HOME", "LOGNAME", "PATH", "SHELL", "USER"];

/// Connects to one of the daemon's sockets; under a lock, so that two callers start one daemon, starts it if none runs.
///
/// # Errors
/// The daemon does not start.
pub fn connect(socket: &Path, paths: &Paths) -> Result<UnixStream, Error> {
    if let Ok(stream) = UnixStream::connect(socket) {
        return Ok(stream);
    }
    let _lock = trusted_files::lock(&paths.vault_runtime()).map_err(|error| {
        error.hint(
            "no session of this user runs, and XDG_RUNTIME_DIR is not set: \
             loginctl enable-linger keeps its folder; or say --runtime-dir DIR",
        )
    })?;
    if let Ok(stream) = UnixStream::connect(socket) {
        return Ok(stream);
    }
    // What keeps it from starting most often, in its own words.
    VaultConfig::load(paths)?;
    let mut daemon = start(paths)?;
    let until = Instant::now() + START_TIME;
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() > until => {
                return Err(Error::io("reach the vault daemon on", socket, &error)
                    .hint("run `split-ssh vault` in the vault to see why it does not start"));
            }
            Err(_) if daemon.try_wait().is_ok_and(|ended| ended.is_some()) => {
                let what = "the vault daemon ended as soon as it was started";
                return Err(Error::new(what).hint("run `split-ssh vault` in the vault to see why"));
            }
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn start(paths: &Paths) -> Result<Child, Error> {
    let program = env::current_exe()
        .map_err(|error| Error::new(format!("cannot find the path of this program: {error}")))?;
    let mut command = Command::new("setsid");
    command
        .arg(program)
        .args(paths.as_flags())
        .args(["vault", "--until-idle"]);
    // Under sshd the environment is partly the client's: by DISPLAY it would be asked its own questions.
    let by_ssh = env::var_os("SSH_CONNECTION").is_some();
    for (name, _) in env::vars_os() {
        let name_text = name.to_string_lossy();
        let is_of_the_call = name_text.starts_with("QREXEC") || name_text.starts_with("SSH_");
        if is_of_the_call || (by_ssh && !SET_BY_SSHD.contains(&&*name_text)) {
            command.env_remove(&name);
        }
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .spawn()
        .map_err(|error| Error::new(format!("cannot start the vault daemon: {error}")))
}
