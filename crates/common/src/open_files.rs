//! Whether a file is being written at this moment, by what `/proc` tells of our own user's processes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Whether `/proc` shows us what other processes have open: not in a user namespace of our own, which the packaged
/// vault's unit makes (`PrivateUsers=`).
pub fn are_told() -> bool {
    // All uids of the machine are mapped: user_namespaces(7).
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Whether a process of our own user has one of these files open for writing.
pub fn is_open_for_writing(files: &[PathBuf]) -> bool {
    // As the links of /proc name them; a file that is not there is open nowhere.
    let files: HashSet<PathBuf> = files.iter().flat_map(fs::canonicalize).collect();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.into_iter().any(|process| {
        // Other users' processes, and those that have ended meanwhile, show nothing.
        let open = fs::read_dir(process.path().join("fd"));
        open.into_iter().flatten().flatten().any(|descriptor| {
            fs::read_link(descriptor.path()).is_ok_and(|file| files.contains(&file))
                && is_for_writing(&process.path().join("fdinfo").join(descriptor.file_name()))
        })
    })
}

/// `flags` of `proc_pid_fdinfo(5)` are octal, as of `open(2)`: the lowest two bits are the access mode, 0 for reading.
fn is_for_writing(info: &Path) -> bool {
    let Ok(text) = fs::read_to_string(info) else {
        return false;
    };
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u64::from_str_radix(flags.trim(), 8).ok());
    flags.is_none_or(|flags| flags & 3 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_file_is_open_for_writing_until_its_writer_closes_it() {
        let folder = tempfile::tempdir().unwrap();
        let files = [folder.path().join("policy.toml")];
        assert!(!is_open_for_writing(&files), "it is not there");
        let writer = File::create(&files[0]).unwrap();
        assert!(is_open_for_writing(&files));
        drop(writer);
        let reader = File::open(&files[0]).unwrap();
        assert!(!is_open_for_writing(&files));
        drop(reader);
    }
}
