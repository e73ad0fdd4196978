//! What Qubes says about this qube's vault, where there is no client.toml. For each value the first hit wins:
//!
//! 1. one line in `/rw/config/split-ssh-vault` (the vault) and `/rw/config/split-ssh-default-agent` (the
//!    keyring), as in the official package;
//! 2. in dom0, `qvm-features QUBE vm-config.split-ssh-vault VAULT` and `vm-config.split-ssh-keyring KEYRING`;
//! 3. nothing: the call goes to `@default`, so that dom0's policy names the vault, whose keyring is `default`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::entry::VaultEntry;
use common::error::Error;
use common::trusted_files;

/// A name and its newline are shorter, in bytes.
const MAX_VALUE: usize = 256;
/// qubesdb answers within milliseconds; a qube that is just starting gets more.
const READ_SECONDS: &str = "5";

/// Where Qubes keeps values for a qube.
#[derive(Debug)]
pub struct Qubes {
    /// Of this qube alone, and written by its root.
    rw_config: PathBuf,
    /// Prints a value that dom0 gave to this qube.
    qubesdb_read: PathBuf,
}

impl Default for Qubes {
    fn default() -> Self {
        Self {
            rw_config: PathBuf::from("/rw/config"),
            qubesdb_read: PathBuf::from("/usr/bin/qubesdb-read"),
        }
    }
}

impl Qubes {
    /// The one vault that Qubes' settings name.
    ///
    /// # Errors
    /// A file that others can write, or a name that is none, with its place.
    pub fn vault(&self) -> Result<VaultEntry, Error> {
        Ok(VaultEntry {
            qube: self.value("split-ssh-vault", "split-ssh-vault")?,
            keyring: self.value("split-ssh-default-agent", "split-ssh-keyring")?,
            ..VaultEntry::default()
        })
    }

    fn value<T: TryFrom<String>>(&self, file: &str, feature: &str) -> Result<Option<T>, Error> {
        let path = self.rw_config.join(file);
        let in_file = trusted_files::read(&path, MAX_VALUE)?.unwrap_or_default();
        let in_dom0 = || read_qubesdb(&self.qubesdb_read, &format!("/vm-config/{feature}"));
        let (untrusted, place, hint) = if let Some(line) = one_line(&in_file) {
            let hint = "it holds one line, a name";
            (line, path.display().to_string(), hint)
        } else if let Some(line) = in_dom0() {
            let hint = "change it with qvm-features in dom0";
            (line, format!("vm-config.{feature}"), hint)
        } else {
            return Ok(None);
        };
        let what = format!(
            "{place}: `{}` is not a name that can be called",
            untrusted.escape_debug()
        );
        let good = T::try_from(untrusted).map_err(|_| Error::new(what).hint(hint))?;
        Ok(Some(good))
    }
}

/// The text without the white space around it; `None` if nothing is left.
fn one_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// A value that dom0 gave; `None` also outside Qubes, and where no answer comes in time.
fn read_qubesdb(program: &Path, key: &str) -> Option<String> {
    let mut reading = Command::new("/usr/bin/timeout")
        .args(["--kill-after=1", READ_SECONDS])
        .args([program, Path::new(key)])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut printed = Vec::new();
    let bound = u64::try_from(MAX_VALUE).unwrap_or(u64::MAX);
    let read = reading.stdout.take()?.take(bound).read_to_end(&mut printed);
    let has_succeeded = reading.wait().is_ok_and(|status| status.success());
    one_line(&printed).filter(|_| read.is_ok() && has_succeeded)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A qube whose qubesdb-read is this shell script.
    fn qube(folder: &Path, qubesdb_read: &str) -> Qubes {
        let program = folder.join("qubesdb-read");
        // By another process: while a file is open for writing, if only in a child that another thread is about to start,
        // it can't be run.
        let write = Command::new("sh")
            .args([
                "-c",
                "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$0\" && chmod 755 \"$0\"",
            ])
            .arg(&program)
            .arg(qubesdb_read)
            .status();
        assert!(write.unwrap().success());
        Qubes {
            rw_config: folder.to_owned(),
            qubesdb_read: program,
        }
    }

    fn named(qubes: &Qubes) -> (Option<String>, Option<String>) {
        let entry = qubes.vault().unwrap();
        let (qube, keyring) = (entry.qube, entry.keyring);
        (qube.map(|qube| qube.0), keyring.map(|keyring| keyring.0))
    }

    const DOM0_SAYS: &str = "case $1 in
        /vm-config/split-ssh-vault) echo dom0s ;;
        /vm-config/split-ssh-keyring) echo work ;;
        *) exit 1 ;;
        esac";

    #[test]
    fn the_qubes_own_file_comes_before_dom0s_feature() {
        let folder = tempfile::tempdir().unwrap();
        let qubes = qube(folder.path(), DOM0_SAYS);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(named(&qubes), (some("dom0s"), some("work")));
        fs::write(folder.path().join("split-ssh-vault"), "own\n").unwrap();
        assert_eq!(named(&qubes), (some("own"), some("work")));
        fs::write(folder.path().join("split-ssh-default-agent"), " home \n").unwrap();
        assert_eq!(named(&qubes), (some("own"), some("home")));
        fs::write(folder.path().join("split-ssh-vault"), "\n").unwrap();
        assert_eq!(named(&qubes), (some("dom0s"), some("home")));
    }

    #[test]
    fn without_qubes_nothing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = Qubes {
            rw_config: folder.path().join("none"),
            qubesdb_read: folder.path().join("none"),
        };
        assert_eq!(named(&nowhere), (None, None));
        assert_eq!(named(&qube(folder.path(), "exit 1")), (None, None));
        assert_eq!(named(&qube(folder.path(), "echo x; exit 1")), (None, None));
    }

    #[test]
    fn what_is_no_name_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let said = |qubes: &Qubes| qubes.vault().unwrap_err().to_string();
        let from_dom0 = said(&qube(folder.path(), "echo --help"));
        assert!(
            from_dom0.contains("vm-config.split-ssh-vault: `--help`"),
            "{from_dom0}"
        );
        let silent = qube(folder.path(), "exit 1");
        fs::write(folder.path().join("split-ssh-vault"), "two\nlines\n").unwrap();
        let from_file = said(&silent);
        assert!(
            from_file.contains("/split-ssh-vault: `two\\nlines`"),
            "{from_file}"
        );
        fs::remove_file(folder.path().join("split-ssh-vault")).unwrap();
        fs::write(folder.path().join("split-ssh-default-agent"), "a b\n").unwrap();
        assert!(said(&silent).contains("/split-ssh-default-agent: `a b`"));
    }

    #[test]
    fn output_without_end_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(named(&qube(folder.path(), "exec yes")), (None, None));
    }
}
