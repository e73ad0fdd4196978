//! Which other mount namespaces have our sockets: containers, and whatever else was given a folder or a file of ours.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::place::{name_of, paths_in, text_of};

/// A path of ours that another mount namespace has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exposure {
    pub pid: u32,
    /// The name of a process there (`/proc/PID/comm`).
    pub process: String,
    pub path: PathBuf,
    /// Where it is, there.
    pub inside: PathBuf,
    pub writable: bool,
    /// The path itself was bound, not a folder around it.
    pub is_bound_itself: bool,
}

/// One line of `/proc/PID/mountinfo` (`proc_pid_mountinfo(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    device: String,
    /// The folder of the file system that is mounted.
    root: PathBuf,
    at: PathBuf,
    writable: bool,
}

/// What a mount namespace is made of.
struct Mounts(Vec<Mount>);

impl Mounts {
    fn parse(text: &str) -> Self {
        let mount = |line: &str| {
            let fields: Vec<&str> = line.split(' ').collect();
            let [_, _, device, root, at, options, ..] = fields.as_slice() else {
                return None;
            };
            Some(Mount {
                device: (*device).to_owned(),
                root: unescaped(root),
                at: unescaped(at),
                writable: options.split(',').any(|option| option == "rw"),
            })
        };
        Self(text.lines().filter_map(mount).collect())
    }

    /// The mount that a path is on, and its path within that file system.
    fn place_of(&self, path: &Path) -> Option<(&Mount, PathBuf)> {
        let on = self.0.iter().filter(|mount| path.starts_with(&mount.at));
        // Of two mounts at one place the later one hides the other.
        let mount = on.max_by_key(|mount| mount.at.as_os_str().len())?;
        let below = path.strip_prefix(&mount.at).ok()?;
        Some((mount, joined(&mount.root, below)))
    }

    fn root(&self) -> Option<(&str, &Path)> {
        let root = self.0.iter().rfind(|mount| mount.at == Path::new("/"))?;
        Some((&root.device, &root.root))
    }
}

/// The mount namespaces beside ours that have one of these paths. A namespace with our own root is a program of this
/// machine, which sees what we see; there only what was bound on purpose counts.
pub(super) fn exposures(paths: &[PathBuf]) -> Vec<Exposure> {
    let Some(own) = text_of(Path::new("/proc/self/mountinfo")) else {
        return Vec::new();
    };
    let real = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
    let paths: Vec<PathBuf> = paths.iter().map(real).collect();
    let mut seen = HashSet::from([own.clone()]);
    let own = Mounts::parse(&own);
    let mut found = Vec::new();
    for folder in paths_in(Path::new("/proc")) {
        let Ok(pid) = name_of(&folder).parse() else {
            continue;
        };
        // A process that has ended meanwhile has none.
        let text = fs::read_to_string(folder.join("mountinfo")).unwrap_or_default();
        if !seen.insert(text.clone()) {
            continue;
        }
        let there = Mounts::parse(&text);
        let process = text_of(&folder.join("comm")).unwrap_or_default();
        for path in &paths {
            let exposed = exposed(&own, &there, path);
            found.extend(exposed.map(|(inside, writable, is_bound_itself)| Exposure {
                pid,
                process: process.trim().to_owned(),
                path: path.clone(),
                inside,
                writable,
                is_bound_itself,
            }));
        }
    }
    found
}

/// Where the other namespace has the path, whether it can be written there, and whether it was bound itself.
fn exposed(own: &Mounts, there: &Mounts, path: &Path) -> Option<(PathBuf, bool, bool)> {
    let (mount, inner) = own.place_of(path)?;
    let is_container = own.root() != there.root();
    let folder = inner.parent().unwrap_or(Path::new("/"));
    let here = there.0.iter().filter(|other| {
        let on_purpose = other.root == inner || other.root == folder;
        other.device == mount.device
            && inner.starts_with(&other.root)
            && (is_container || on_purpose)
    });
    let found = here.max_by_key(|other| other.root.as_os_str().len())?;
    let below = inner.strip_prefix(&found.root).ok()?;
    Some((
        joined(&found.at, below),
        found.writable,
        found.root == inner,
    ))
}

fn joined(base: &Path, below: &Path) -> PathBuf {
    match below.as_os_str().is_empty() {
        true => base.to_owned(),
        false => base.join(below),
    }
}

/// The kernel writes blank, tab, newline and backslash as three octal digits.
fn unescaped(field: &str) -> PathBuf {
    let codes = [("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")];
    let text = codes.iter().fold(field.to_owned(), |text, (code, plain)| {
        text.replace(&format!("\\{code}"), plain)
    });
    PathBuf::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str =
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:40 / /run/user/1000 rw - tmpfs tmpfs rw\n";

    fn seen(there: &str, path: &str) -> Option<(PathBuf, bool, bool)> {
        exposed(&Mounts::parse(OWN), &Mounts::parse(there), Path::new(path))
    }

    #[test]
    fn a_container_with_our_runtime_folder_has_all_that_is_in_it() {
        let socket = "/run/user/1000/split-ssh-vault/qrexec.sock";
        let container = "1 0 0:99 / / rw - overlay o rw\n2 1 0:40 ";
        let bound = |rest: &str| seen(&format!("{container}{rest}"), socket);
        let found = bound("/ /x rw - tmpfs tmpfs rw");
        assert_eq!(
            found,
            Some(("/x/split-ssh-vault/qrexec.sock".into(), true, false))
        );
        let found = bound("/split-ssh-vault /my\\040x ro,nosuid - tmpfs tmpfs rw");
        assert_eq!(found, Some(("/my x/qrexec.sock".into(), false, false)));
        let found = bound("/split-ssh-vault/qrexec.sock /s ro - tmpfs tmpfs rw");
        assert_eq!(found, Some(("/s".into(), false, true)));
        assert_eq!(bound("/split-ssh-sandbox/dev /s ro - tmpfs tmpfs rw"), None);
        assert_eq!(bound("/split-ssh-vault2 /s ro - tmpfs tmpfs rw"), None);
    }

    #[test]
    fn a_program_of_this_machine_counts_only_for_what_was_bound_on_purpose() {
        let socket = "/run/user/1000/split-ssh-vault/qrexec.sock";
        let private_tmp = format!("{OWN}3 1 8:1 /tmp/x /tmp rw - ext4 /dev/sda1 rw\n");
        assert_eq!(seen(&private_tmp, socket), None);
        let bubblewrap = format!("{OWN}3 1 0:40 /split-ssh-vault /s ro - tmpfs tmpfs rw\n");
        assert_eq!(
            seen(&bubblewrap, socket),
            Some(("/s/qrexec.sock".into(), false, false))
        );
    }
}
