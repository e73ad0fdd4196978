//! Whose folders and files these are: only their own user finds a side's sockets, and what was made with
//! sudo is out of a vault's reach.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::trusted_files::quoted;
use nix::unistd::{AccessFlags, Uid, User, access};

use super::finding::Findings;
use super::place::{Machine, paths_in};
use super::units::{self, Units};

/// Makes the package's folders of sockets, or puts them right.
const MAKE_FOLDERS: &str = "sudo systemd-tmpfiles --create split-ssh.conf";
/// Files that are looked at; a person's are far fewer.
const MAX_FILES: usize = 2000;
/// `~/.ssh/identities.d/KEYRING/KEY` is two folders deep.
const MAX_DEPTH: usize = 3;

/// Who runs split-ssh here, if that is not who looks: their files and sockets are what counts.
pub fn other_user(place: &Machine) -> Option<String> {
    let here = Uid::effective();
    let sides = [&units::VAULT, &units::CLIENT].into_iter();
    let mut folders = sides.flat_map(|units| units.runtime);
    let owner = folders.find_map(|path| {
        let owner = Uid::from_raw(fs::metadata(place.at(path)).ok()?.uid());
        (owner != here && !owner.is_root()).then(|| name(owner))
    });
    // Before the first start there are no folders.
    owner.or_else(|| {
        let by_sudo = std::env::var("SUDO_USER").ok();
        by_sudo.filter(|name| name != "root" && here.is_root() && place.is_system())
    })
}

/// The folders of a side's sockets.
pub fn check_sockets(units: &Units, place: &Machine, findings: &mut Findings) {
    let is_needed = units.is_started(place) && place.is_system();
    for path in units.runtime {
        let what = match fs::metadata(place.at(path)) {
            Err(_) if is_needed => format!("there is no folder {path} for the sockets"),
            Err(_) => continue,
            Ok(folder) if folder.uid() == 0 && !Uid::effective().is_root() => {
                format!("{path} belongs to root, so its sockets are out of reach")
            }
            Ok(folder) if folder.mode() & 0o022 != 0 => {
                format!("others can write in {path}: they could put sockets of their own there")
            }
            Ok(_) => continue,
        };
        let remedy = format!("{MAKE_FOLDERS}; {}", units.restart);
        findings.check("user").bad(what, remedy);
    }
}

/// What the vault reads and writes: one finding for each folder that is not all within its reach.
pub fn check_files(place: &Machine, findings: &mut Findings) {
    let paths = &place.paths;
    let read = AccessFlags::R_OK;
    for (folder, wanted) in [
        (paths.config.clone(), read),
        (paths.home.join(".ssh/identities.d"), read),
        (paths.state.clone(), read | AccessFlags::W_OK),
    ] {
        let Some(path) = first_inaccessible(&folder, wanted, MAX_DEPTH, &mut MAX_FILES.clone())
        else {
            continue;
        };
        let found = fs::symlink_metadata(&path);
        let owner = found.map_or(Uid::effective(), |found| Uid::from_raw(found.uid()));
        let (shown, all) = (path.display(), quoted(&folder));
        let mut check = findings.check("files");
        if owner == Uid::effective() {
            check.bad(
                format!("the mode of {shown} keeps the vault out"),
                format!("chmod -R u+rwX {all}"),
            );
        } else {
            check.bad(
                format!("{shown} belongs to {}, and the vault needs it", name(owner)),
                format!("sudo chown -R {} {all}", name(Uid::effective())),
            );
        }
    }
}

/// The first path of a tree that this process cannot use as `wanted`.
fn first_inaccessible(
    path: &Path,
    wanted: AccessFlags,
    depth: usize,
    left: &mut usize,
) -> Option<PathBuf> {
    *left = left.checked_sub(1)?;
    let is_folder = fs::metadata(path).ok()?.is_dir();
    let search = match is_folder {
        true => AccessFlags::X_OK,
        false => AccessFlags::empty(),
    };
    if access(path, wanted | search).is_err() {
        return Some(path.to_owned());
    }
    if !is_folder || depth == 0 {
        return None;
    }
    let mut inside = paths_in(path).into_iter();
    inside.find_map(|path| first_inaccessible(&path, wanted, depth - 1, left))
}

fn name(uid: Uid) -> String {
    let user = User::from_uid(uid).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}
