//! Listens at a path: the socket has mode 0600 from the start, its folder can be changed by nobody else, and no file
//! that is not ours is removed for it.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, umask};
use nix::unistd::getuid;

use crate::error::Error;
use crate::trusted_files::quoted;

/// What an error suggests when the socket cannot be made.
#[derive(Clone, Copy, Debug)]
pub struct Hints {
    /// For a socket at which somebody listens.
    pub in_use: &'static str,
    /// For a path that is taken by something else, or is not safe.
    pub elsewhere: &'static str,
}

/// The file of a socket that we made; dropping it removes the file, if it still is that one.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    id: (u64, u64),
}

/// Listens at `path`. Call it before threads are started: it sets the umask for a moment.
///
/// # Errors
/// The path is taken or not safe, or the system refuses.
pub fn listen_at(path: &Path, hints: Hints) -> Result<(UnixListener, SocketFile), Error> {
    make_room(path, hints)?;
    let before = umask(Mode::S_IXUSR | Mode::S_IRWXG | Mode::S_IRWXO);
    let listening = listen(path, hints);
    umask(before);
    listening
}

/// Listens at `path` in a folder of ours that has nothing else in it and is closed to others, so that it can be given
/// away whole. It leaves the umask alone.
///
/// # Errors
/// As [`listen_at`]; or the folder is another user's, or holds other files.
pub fn listen_in_own_folder(
    path: &Path,
    hints: Hints,
) -> Result<(UnixListener, SocketFile), Error> {
    make_room(path, hints)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let failed = |error: io::Error| Error::io("look at", folder, &error).hint(hints.elsewhere);
    let others = fs::read_dir(folder).map_err(failed)?.flatten();
    if let Some(other) = others.map(|entry| entry.path()).find(|other| other != path) {
        let what = format!(
            "{} is beside the socket: whoever is given the folder would have it, too",
            other.display()
        );
        return Err(Error::new(what).hint(hints.elsewhere));
    }
    if fs::metadata(folder).map_err(failed)?.uid() != getuid().as_raw() {
        let what = format!("{} is not your own folder", folder.display());
        return Err(Error::new(what).hint(hints.elsewhere));
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(failed)?;
    listen(path, hints)
}

fn listen(path: &Path, hints: Hints) -> Result<(UnixListener, SocketFile), Error> {
    let listener = bind(path).map_err(|error| {
        // sun_path holds 108 bytes with its NUL.
        let elsewhere = hints.elsewhere;
        Error::io("listen at", path, &error).hint(match path.as_os_str().len() {
            108.. => format!("a socket's path is at most 107 bytes long: {elsewhere}"),
            _ => elsewhere.to_owned(),
        })
    })?;
    let made = fs::symlink_metadata(path).map_err(|error| Error::io("look at", path, &error))?;
    let file = SocketFile {
        path: path.to_owned(),
        id: (made.dev(), made.ino()),
    };
    Ok((listener, file))
}

/// Makes the folder of `path` if needed, checks that it is safe, and removes a dead socket at `path`.
///
/// # Errors
/// As [`listen_at`].
pub fn make_room(path: &Path, hints: Hints) -> Result<(), Error> {
    make_folder(path, hints)?;
    remove_dead_socket(path, hints)
}

impl SocketFile {
    /// Whether nobody has removed or replaced it.
    pub fn is_there(&self) -> bool {
        let found = fs::symlink_metadata(&self.path);
        found.is_ok_and(|found| (found.dev(), found.ino()) == self.id)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_there() {
            // A socket that cannot be removed is found dead by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn make_folder(socket: &Path, hints: Hints) -> Result<(), Error> {
    let Some(folder) = socket.parent() else {
        let what = format!("{} is no place for a socket", socket.display());
        return Err(Error::new(what).hint(hints.elsewhere));
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| Error::io("create", folder, &error).hint(hints.elsewhere))?;
    let found = fs::metadata(folder).map_err(|error| Error::io("look at", folder, &error))?;
    let owner_is_safe = found.uid() == getuid().as_raw() || found.uid() == 0;
    let others_can_write = found.mode() & 0o022 != 0;
    let is_sticky = found.mode() & 0o1000 != 0;
    if owner_is_safe && (!others_can_write || is_sticky) {
        return Ok(());
    }
    let (command, folder) = (quoted(folder), folder.display());
    let what = format!("others can write in {folder}: they could put their own agent there");
    Err(Error::new(what).hint(format!("`chmod 700 {command}`, or {}", hints.elsewhere)))
}

/// Removes what is at `path` if it is a socket of ours that nobody listens on, and nothing else.
fn remove_dead_socket(path: &Path, hints: Hints) -> Result<(), Error> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(|error| Error::io("look at", path, &error))?,
    };
    let in_the_way = |what: &str| Error::new(format!("{} {what}", path.display()));
    if !found.file_type().is_socket() {
        return Err(in_the_way("is in the way, and is not a socket")
            .hint(format!("move it, or {}", hints.elsewhere)));
    }
    if found.uid() != getuid().as_raw() {
        return Err(in_the_way("is another user's socket").hint(hints.elsewhere));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| Error::io("remove the dead socket", path, &error))
        }
        Err(error) => Err(Error::io("tell whether anybody listens at", path, &error)),
        Ok(_) => Err(in_the_way("is in use: somebody listens there").hint(hints.in_use)),
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    let bound = UnixListener::bind(path)?;
    // Where the folder has a default access list, no umask counts.
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(bound)
}
