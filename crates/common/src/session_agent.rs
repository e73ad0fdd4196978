//! The agent of the owner's own session: ssh-agent, gnome-keyring's, KeePassXC's, gpg-agent's, 1Password's. It is found
//! once, and its path is kept: whoever can set an environment later has no say in where keys are.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::agent;
use crate::error::Error;
use crate::paths::Paths;
use crate::trusted_files;

/// The file beside `vault.toml` that keeps the path.
const FILE: &str = "session-agent";
/// A socket's path has 107 bytes at most.
const MAX_FILE: usize = 1024;
/// Where desktops put their agents, below the session's runtime directory.
const BELOW_RUNTIME: [&str; 6] = [
    "ssh-agent.socket",
    "openssh_agent",
    "ssh-agent",
    "gcr/ssh",
    "keyring/ssh",
    "gnupg/S.gpg-agent.ssh",
];
/// The same, below the home directory.
const BELOW_HOME: [&str; 2] = [".1password/agent.sock", ".ssh/agent.sock"];
/// Folders of sockets of our own.
const OWN_FOLDERS: [&str; 5] = [
    "split-ssh",
    "split-ssh-vault",
    "split-ssh-client",
    "split-ssh-sandbox",
    ".split-ssh",
];

/// The agent's socket, as it was found the first time.
///
/// # Errors
/// There is none, it is one of our own, or what was kept cannot be read or written.
pub fn find(paths: &Paths) -> Result<PathBuf, Error> {
    let file = file(&paths.config);
    if let Some(kept) = kept(&paths.config)? {
        if kept.is_absolute() {
            return Ok(kept);
        }
        let what = format!("{} holds no absolute path", file.display());
        return Err(Error::new(what).hint(format!("rm '{}'", file.display())));
    }
    let found = search(paths)?;
    let mut text = found.as_os_str().as_bytes().to_vec();
    text.push(b'\n');
    trusted_files::replace(&file, &text)?;
    Ok(found)
}

/// The file that keeps the path: without it, the next start of a vault looks for the session's agent again.
pub fn file(config: &Path) -> PathBuf {
    config.join(FILE)
}

/// What is kept, if the agent was found before.
///
/// # Errors
/// The file cannot be read, or others can write it.
pub fn kept(config: &Path) -> Result<Option<PathBuf>, Error> {
    let kept = trusted_files::read(&file(config), MAX_FILE)?;
    Ok(kept.map(|kept| PathBuf::from(OsStr::from_bytes(kept.trim_ascii()))))
}

/// What the session names, if it names one; else the first that is where desktops put theirs.
fn search(paths: &Paths) -> Result<PathBuf, Error> {
    if let Some(named) = paths.named_agent() {
        if is_our_own(&named) {
            return Err(Error::new(format!(
                "SSH_AUTH_SOCK is {}, a socket of split-ssh: the vault would ask itself",
                named.display()
            ))
            .hint("name the agent that holds the keys: agent = \"/PATH\" in place of upstream = \"session\""));
        }
        if named.is_absolute() && is_socket(&named) {
            return Ok(named);
        }
    }
    let below_runtime = BELOW_RUNTIME.map(|name| paths.xdg_runtime().join(name));
    let below_home = BELOW_HOME.map(|name| paths.home.join(name));
    let mut places = below_runtime.into_iter().chain(below_home);
    let is_agent =
        |place: &PathBuf| is_socket(place) && agent::list(place).is_ok() && !is_our_own(place);
    places.find(is_agent).ok_or_else(|| {
        Error::new("no agent of this session was found")
            .hint("start one, and name it: export SSH_AUTH_SOCK=PATH")
    })
}

fn is_socket(path: &Path) -> bool {
    let found = path.metadata();
    found.is_ok_and(|found| found.file_type().is_socket())
}

/// Whether a socket is one of ours, or leads to one.
pub fn is_our_own(socket: &Path) -> bool {
    let real = socket.canonicalize().unwrap_or_else(|_| socket.to_owned());
    let is_own = |folder: &OsStr| OWN_FOLDERS.iter().any(|own| folder == *own);
    let folder = real.parent().unwrap_or(Path::new("/"));
    folder.iter().any(is_own) || agent::is_split_ssh(socket)
}
