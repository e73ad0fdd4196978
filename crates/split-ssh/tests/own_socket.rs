//! Sockets that we make: private from their first moment, and never in place of somebody else's file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use common::own_socket::{Hints, listen_at, make_room};
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;
use tempfile::TempDir;

const HINTS: Hints = Hints {
    in_use: "stop it",
    elsewhere: "go elsewhere",
};

/// The umask is the whole process's: where tests are threads of one, they take turns.
static TURN: Mutex<()> = Mutex::new(());

/// A folder for one test, and a path in it.
struct Place {
    path: PathBuf,
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Place {
    fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            path: folder.path().join("a.sock"),
            folder,
            _turn: turn,
        }
    }
}

fn refusal(path: &Path) -> String {
    make_room(path, HINTS)
        .expect_err("it is not to be had")
        .plain()
}

#[test]
fn nobody_else_can_ever_connect() {
    const TRIES: usize = 3000;
    let place = Place::new();
    let path = &place.path;
    let before = umask(Mode::empty());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let mode = fs::symlink_metadata(path).map_or(0, |found| found.permissions().mode());
                if mode & 0o077 != 0 {
                    return Some(mode & 0o777);
                }
            }
            None
        });
        for _ in 0..TRIES {
            drop(listen_at(path, HINTS).expect("a socket"));
        }
        is_over.store(true, Ordering::Relaxed);
        let seen = watch.join().expect("it watched");
        assert_eq!(seen.map(|mode| format!("{mode:o}")), None);
    });
    assert_eq!(umask(before), Mode::empty(), "the umask is as it was");
}

#[test]
fn a_dead_socket_makes_room_and_a_live_one_does_not() {
    let place = Place::new();
    let path = &place.path;
    let living = UnixListener::bind(path).expect("a socket");
    assert!(refusal(path).contains("is in use"));
    drop(living);
    let (_living, file) = listen_at(path, HINTS).expect("the dead one makes room");
    UnixStream::connect(path).expect("a listener");
    assert!(refusal(path).contains("is in use"));
    drop(file);
    assert!(!path.exists());
}

#[test]
fn what_is_not_known_to_be_dead_stays() {
    let place = Place::new();
    let path = &place.path;
    // A stream's connect(2) fails here although somebody is there.
    let _other = UnixDatagram::bind(path).expect("a socket");
    assert!(refusal(path).contains("cannot tell whether anybody listens"));
    assert!(path.exists());
}

#[test]
fn what_is_not_ours_stays() {
    let place = Place::new();
    let path = &place.path;
    fs::write(path, "a letter").expect("a file");
    assert!(refusal(path).contains("is not a socket"));
    fs::remove_file(path).expect("a file");
    symlink("/nowhere", path).expect("a link");
    assert!(refusal(path).contains("is not a socket"));
    fs::remove_file(path).expect("a link");
    if geteuid().is_root() {
        drop(UnixListener::bind(path).expect("a socket"));
        chown(path, Some(65534), None).expect("root may");
        assert!(refusal(path).contains("is another user's socket"));
    }
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let place = Place::new();
    let path = &place.path;
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o777))
        .expect("our folder");
    let said = refusal(path);
    assert!(
        said.contains("chmod 700") && said.contains("or go elsewhere"),
        "{said}"
    );
}

#[test]
fn the_file_of_a_successor_is_left_alone() {
    let place = Place::new();
    let path = &place.path;
    let (_listener, file) = listen_at(path, HINTS).expect("a socket");
    fs::remove_file(path).expect("a socket");
    fs::write(path, "a letter").expect("a file");
    drop(file);
    assert!(path.exists());
}

/// A vault and a keyring's agent go by the same rules.
#[test]
fn a_vault_takes_nobodys_place() {
    let place = Place::new();
    let home = &place.folder;
    for (taken, said) in [
        (
            "split-ssh-vault/qrexec.sock",
            "cannot tell whether anybody listens",
        ),
        (
            "split-ssh-vault/control.sock",
            "cannot tell whether anybody listens",
        ),
    ] {
        let path = home.path().join(taken);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let _other = UnixDatagram::bind(&path).expect("a socket");
        let output = Command::new(env!("CARGO_BIN_EXE_split-ssh"))
            .env("HOME", home.path())
            .arg("--runtime-dir")
            .arg(home.path())
            .args(["vault"])
            .output()
            .expect("our program");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(said), "{error}");
        assert!(path.exists(), "{taken}");
        fs::remove_file(&path).expect("a socket");
        let left: Vec<_> = fs::read_dir(home.path().join("split-ssh-vault"))
            .expect("a folder")
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
