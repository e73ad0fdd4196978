//! Where an earlier split SSH can have left something: everything here is read, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::doctor::{Machine, name_of, paths_in, text_of};

/// Files in all; a qube with more of them has something else below these folders.
const MAX_FILES: usize = 3000;
/// Folders below a folder that are looked into.
const MAX_DEPTH: usize = 3;

/// A qube's own files, the template's places in which people write by hand, and programs that these start.
const SYSTEM: [&str; 26] = [
    "/rw/config",
    "/rw/bind-dirs",
    "/etc/qubes-rpc",
    "/usr/local/etc",
    "/etc/systemd/system",
    "/etc/systemd/user",
    "/usr/lib/systemd/system",
    "/usr/lib/systemd/user",
    "/usr/local/lib/systemd",
    "/etc/rc.local",
    "/etc/cron.d",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/bash.bashrc",
    "/etc/bashrc",
    "/etc/zsh",
    "/etc/fish",
    "/etc/X11",
    "/etc/security",
    "/etc/environment",
    "/etc/environment.d",
    "/etc/ssh/ssh_config.d",
    "/etc/xdg/autostart",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/opt",
];
/// Of these, what packages fill: an ssh-agent there is the desktop's.
const FILLED: [&str; 9] = [
    "/usr/lib/",
    "/etc/profile",
    "/etc/bash",
    "/etc/zsh",
    "/etc/fish",
    "/etc/X11",
    "/etc/security",
    "/etc/cron.d",
    "/etc/ssh",
];
/// What shells, sessions, systemd, ssh and git read in a home.
const HOME: [&str; 38] = [
    ".bashrc",
    ".bashrc.d",
    ".bash_aliases",
    ".bash_profile",
    ".bash_login",
    ".profile",
    ".zshenv",
    ".zshrc",
    ".zprofile",
    ".zlogin",
    ".kshrc",
    ".cshrc",
    ".tcshrc",
    ".login",
    ".xprofile",
    ".xsessionrc",
    ".xsession",
    ".xinitrc",
    ".pam_environment",
    ".config/zsh",
    ".config/fish",
    ".config/nushell",
    ".config/environment.d",
    ".config/autostart",
    ".config/plasma-workspace",
    ".config/openbox",
    ".config/hypr",
    ".config/i3",
    ".config/sway",
    ".config/systemd/user",
    ".local/share/systemd/user",
    ".ssh/config",
    ".ssh/config.d",
    ".ssh/rc",
    ".gitconfig",
    ".config/git",
    ".local/bin",
    "bin",
];
/// Ends of the names of scripts that people keep in their home itself.
const SCRIPTS: [&str; 3] = [".sh", ".bash", ".py"];
/// A folder of keys for each client, as mtdcr's service reads them.
pub const MTDCR_KEYS: &str = ".qubes_ssh";

/// A file to look into.
#[derive(Clone, Debug)]
pub struct ReadFile {
    pub path: PathBuf,
    pub text: String,
    /// A qube's owner wrote it, or may have: not only a package.
    pub is_own: bool,
}

/// All files of these places that are text, without those of our own package.
pub fn read(place: &Machine) -> Vec<ReadFile> {
    let home = &place.paths.home;
    let mut paths = Vec::new();
    for system in SYSTEM {
        let is_own = !FILLED.iter().any(|filled| system.starts_with(filled));
        collect(&place.at(system), is_own, MAX_DEPTH, &mut paths);
    }
    for name in HOME {
        collect(&home.join(name), true, MAX_DEPTH, &mut paths);
    }
    for path in paths_in(home) {
        if SCRIPTS.iter().any(|end| name_of(&path).ends_with(end)) {
            collect(&path, true, 0, &mut paths);
        }
    }
    let mut files: Vec<ReadFile> = Vec::new();
    for (path, is_own) in paths {
        let is_known = files.iter().any(|file| file.path == path);
        if is_known || is_ours(&path) || files.len() >= MAX_FILES {
            continue;
        }
        let text = text_of(&path).filter(|text| !text.contains('\0'));
        files.extend(text.map(|text| ReadFile { path, text, is_own }));
    }
    files
}

fn collect(path: &Path, is_own: bool, depth: usize, paths: &mut Vec<(PathBuf, bool)>) {
    let Ok(found) = fs::metadata(path) else {
        return;
    };
    if found.is_file() {
        paths.push((path.to_owned(), is_own));
    } else if found.is_dir() && depth > 0 && paths.len() < MAX_FILES {
        for path in paths_in(path) {
            collect(&path, is_own, depth - 1, paths);
        }
    }
}

/// What our package brings, and what an earlier run kept.
fn is_ours(path: &Path) -> bool {
    const FOLDERS: [&str; 3] = ["/etc/systemd/", "/usr/lib/systemd/", "/etc/profile.d/"];
    let (name, path) = (name_of(path), path.to_string_lossy());
    let is_packaged = name.starts_with("split-ssh-") || name == "split-ssh.sh";
    let is_installed = FOLDERS.iter().any(|folder| path.contains(folder));
    name.contains(".before-split-ssh") || (is_packaged && is_installed)
}
