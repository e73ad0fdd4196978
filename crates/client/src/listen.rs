//! The user's agent socket: from systemd, or our own.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::config::VaultConfig;
use common::activation::Activated;
use common::error::Error;
use common::own_socket::{self, Hints, SocketFile};

/// The `FileDescriptorName=` of a socket whose place does not depend on the vaults' names, for
/// `SSH_AUTH_SOCK`.
const FOR_ALL: &str = "default";
const HINTS: Hints = Hints {
    in_use: "stop that agent or split-ssh client, or choose another place with --socket",
    elsewhere: "choose another place with --socket",
};

/// A socket that programs of this user connect to.
#[derive(Debug)]
pub struct Listener {
    pub socket: UnixListener,
    /// Where it listens.
    pub path: PathBuf,
    /// Removed at the end; `None` where systemd made it.
    _file: Option<SocketFile>,
}

impl Listener {
    /// Takes the socket that the first vault serves besides its own, if systemd listens on one.
    ///
    /// # Errors
    /// The system refuses.
    pub fn for_all(activated: &mut Vec<Activated>) -> Result<Option<Self>, Error> {
        let Some(index) = activated.iter().position(|socket| socket.name == FOR_ALL) else {
            return Ok(None);
        };
        let socket = activated.swap_remove(index).listener;
        prepare(&socket, Path::new(FOR_ALL))?;
        let path = path_of(&socket).unwrap_or_default();
        Ok(Some(Self {
            socket,
            path,
            _file: None,
        }))
    }

    /// Takes the socket that systemd listens on for this vault, or makes one.
    /// Call it before threads are started: making one sets the umask for a moment.
    ///
    /// # Errors
    /// The place is taken or not safe, or the system refuses.
    pub fn open(
        vault: &VaultConfig,
        activated: &mut Vec<Activated>,
        is_only: bool,
    ) -> Result<Self, Error> {
        let is_for_us = |socket: &Activated| {
            is_only || socket.name == vault.name || is_bound_to(socket, &vault.socket)
        };
        if let Some(index) = activated.iter().position(is_for_us) {
            let socket = activated.swap_remove(index).listener;
            prepare(&socket, &vault.socket)?;
            let path = path_of(&socket).unwrap_or_else(|| vault.socket.clone());
            return Ok(Self {
                socket,
                path,
                _file: None,
            });
        }
        Self::at(&vault.socket)
    }

    /// Makes a socket.
    ///
    /// # Errors
    /// As [`Listener::open`].
    pub fn at(path: &Path) -> Result<Self, Error> {
        let (socket, file) = own_socket::listen_at(path, HINTS)?;
        prepare(&socket, path)?;
        Ok(Self {
            socket,
            path: path.to_owned(),
            _file: Some(file),
        })
    }
}

fn is_bound_to(socket: &Activated, path: &Path) -> bool {
    path_of(&socket.listener).is_some_and(|bound| bound == path)
}

/// systemd may listen at another place than the settings say.
fn path_of(listener: &UnixListener) -> Option<PathBuf> {
    Some(listener.local_addr().ok()?.as_pathname()?.to_owned())
}

fn prepare(socket: &UnixListener, path: &Path) -> Result<(), Error> {
    // A client that left before it was accepted must not make us wait for the next one.
    socket
        .set_nonblocking(true)
        .map_err(|error| Error::io("listen at", path, &error))
}
