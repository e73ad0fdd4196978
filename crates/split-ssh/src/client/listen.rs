//! The user's agent socket: 0600, in a folder that nobody else can change, never at the cost of a
//! file that is not ours.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use nix::unistd::getuid;

use crate::activation::Activated;
use crate::config::client::VaultConfig;
use crate::error::Error;

/// The `FileDescriptorName=` of a socket whose place does not depend on the vaults' names, for
/// `SSH_AUTH_SOCK`.
const FOR_ALL: &str = "default";

/// A socket that programs of this user connect to.
#[derive(Debug)]
pub struct Listener {
    pub socket: UnixListener,
    /// The file that we made, to be removed at the end; `None` where systemd owns it.
    own: Option<OwnFile>,
}

#[derive(Debug)]
struct OwnFile {
    path: PathBuf,
    device: u64,
    inode: u64,
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
        Ok(Some(Self { socket, own: None }))
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
            return Ok(Self { socket, own: None });
        }
        let path = &vault.socket;
        make_folder(path)?;
        remove_dead_socket(path)?;
        let socket = bind(path)
            .map_err(|error| Error::io("listen at", path, &error).hint(hint_for(path)))?;
        prepare(&socket, path)?;
        let made =
            fs::symlink_metadata(path).map_err(|error| Error::io("look at", path, &error))?;
        let own = OwnFile {
            path: path.clone(),
            device: made.dev(),
            inode: made.ino(),
        };
        Ok(Self {
            socket,
            own: Some(own),
        })
    }
}

impl Drop for Listener {
    /// Removes the file, if it still is the one that we made.
    fn drop(&mut self) {
        let Some(own) = &self.own else { return };
        let is_ours = fs::symlink_metadata(&own.path)
            .is_ok_and(|found| found.dev() == own.device && found.ino() == own.inode);
        if is_ours {
            // A socket that cannot be removed is found dead by the next start.
            let _ = fs::remove_file(&own.path);
        }
    }
}

fn is_bound_to(socket: &Activated, path: &Path) -> bool {
    socket
        .listener
        .local_addr()
        .is_ok_and(|address| address.as_pathname() == Some(path))
}

fn prepare(socket: &UnixListener, path: &Path) -> Result<(), Error> {
    // A client that left before it was accepted must not make us wait for the next one.
    socket
        .set_nonblocking(true)
        .map_err(|error| Error::io("listen at", path, &error))
}

fn make_folder(socket: &Path) -> Result<(), Error> {
    let Some(folder) = socket.parent() else {
        return Err(Error::new(format!(
            "{} is no place for a socket",
            socket.display()
        )));
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Error::io("create", folder, &error))?;
    let found = fs::metadata(folder).map_err(|error| Error::io("look at", folder, &error))?;
    let owner_is_safe = found.uid() == getuid().as_raw() || found.uid() == 0;
    let others_can_write = found.mode() & 0o022 != 0;
    let is_sticky = found.mode() & 0o1000 != 0;
    if owner_is_safe && (!others_can_write || is_sticky) {
        return Ok(());
    }
    Err(Error::new(format!(
        "others can write in {}: they could put their own agent there",
        folder.display()
    ))
    .hint(format!(
        "chmod 700 {}, or choose another place with --socket",
        folder.display()
    )))
}

/// Makes room for our socket, if all that is there is a socket of ours that nobody listens on.
fn remove_dead_socket(path: &Path) -> Result<(), Error> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("look at", path, &error)),
        Ok(found) => found,
    };
    let in_the_way = |what: &str| Error::new(format!("{} {what}", path.display()));
    if !found.file_type().is_socket() {
        return Err(in_the_way("is in the way, and is not a socket")
            .hint("move it, or choose another place with --socket"));
    }
    if found.uid() != getuid().as_raw() {
        return Err(
            in_the_way("is another user's socket").hint("choose another place with --socket")
        );
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| Error::io("remove the dead socket", path, &error))
        }
        Err(error) => Err(Error::io("tell whether anybody listens at", path, &error)),
        Ok(_) => Err(
            in_the_way("is in use: an agent or another split-ssh client listens there")
                .hint("stop it, or choose another place with --socket"),
        ),
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    let before = umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let bound = UnixListener::bind(path);
    umask(before);
    let bound = bound?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(bound)
}

fn hint_for(path: &Path) -> &'static str {
    // sun_path holds 108 bytes with its NUL.
    if path.as_os_str().len() >= 108 {
        "a socket's path is at most 107 bytes long"
    } else {
        "choose another place with --socket"
    }
}
