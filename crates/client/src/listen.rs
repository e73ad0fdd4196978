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
        let index = activated.iter().position(|socket| socket.name == FOR_ALL);
        let socket = index.map(|index| activated.swap_remove(index));
        socket
            .map(|socket| Self::new(socket.listener, Path::new(FOR_ALL), None))
            .transpose()
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
            let is_there = || path_of(&socket.listener).as_ref() == Some(&vault.socket);
            is_only || socket.name == vault.name || is_there()
        };
        if let Some(index) = activated.iter().position(is_for_us) {
            let socket = activated.swap_remove(index).listener;
            return Self::new(socket, &vault.socket, None);
        }
        Self::at(&vault.socket)
    }

    /// Makes a socket.
    ///
    /// # Errors
    /// As [`Listener::open`].
    pub fn at(path: &Path) -> Result<Self, Error> {
        let (socket, file) = own_socket::listen_at(path, HINTS)?;
        Self::new(socket, path, Some(file))
    }

    fn new(socket: UnixListener, place: &Path, file: Option<SocketFile>) -> Result<Self, Error> {
        // A client that left before it was accepted must not make us wait for the next one.
        socket
            .set_nonblocking(true)
            .map_err(|error| Error::io("listen at", place, &error))?;
        Ok(Self {
            // systemd may listen at another place than the settings say.
            path: path_of(&socket).unwrap_or_else(|| place.to_owned()),
            socket,
            _file: file,
        })
    }
}

fn path_of(listener: &UnixListener) -> Option<PathBuf> {
    Some(listener.local_addr().ok()?.as_pathname()?.to_owned())
}
