//! What Qubes says about this qube's vault, where there is no client.toml. For each value the first hit wins:
//!
//! 1. one line in `/rw/config/split-ssh-vault` (the vault) and `/rw/config/split-ssh-default-agent` (the
//!    keyring), as in the official package;
//! 2. in dom0, `qvm-features QUBE vm-config.split-ssh-vault VAULT` and `vm-config.split-ssh-keyring KEYRING`;
//! 3. nothing: the call goes to `@default`, so that dom0's policy names the vault, whose keyring is `default`.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use policy::caller::Keyring;
use toml::Spanned;

use super::{VaultEntry, is_target};
use common::error::Error;
use common::trusted_files;
use common::wait;

/// A name and its newline are shorter, in bytes.
const MAX_VALUE: usize = 256;
/// qubesdb answers within milliseconds; a qube that is just starting gets more.
const READ_TIME: Duration = Duration::from_secs(5);

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
        let is_keyring = |name: &str| Keyring::from_argument(name).is_ok();
        let qube = self.value("split-ssh-vault", "split-ssh-vault", is_target)?;
        let keyring = self.value("split-ssh-default-agent", "split-ssh-keyring", is_keyring)?;
        Ok(VaultEntry {
            qube: qube.map(|name| Spanned::new(0..0, name)),
            keyring: keyring.map(|name| Spanned::new(0..0, name)),
            ..VaultEntry::default()
        })
    }

    fn value(
        &self,
        file: &str,
        feature: &str,
        is_good: fn(&str) -> bool,
    ) -> Result<Option<String>, Error> {
        let path = self.rw_config.join(file);
        let in_file = trusted_files::read(&path, MAX_VALUE)?.unwrap_or_default();
        let (untrusted, place, hint) = match one_line(in_file) {
            Some(line) => (
                line,
                path.display().to_string(),
                "it holds one line, a name",
            ),
            None => match read_qubesdb(&self.qubesdb_read, &format!("/vm-config/{feature}")) {
                Some(line) => (
                    line,
                    format!("vm-config.{feature}"),
                    "change it with qvm-features in dom0",
                ),
                None => return Ok(None),
            },
        };
        if is_good(&untrusted) {
            return Ok(Some(untrusted));
        }
        let what = untrusted.escape_debug();
        Err(Error::new(format!(
            "{place}: `{what}` is not a name that can be called"
        ))
        .hint(hint))
    }
}

/// The text without the white space around it; `None` if nothing is left.
fn one_line(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// A value that dom0 gave; `None` also outside Qubes, and where no answer comes in time.
fn read_qubesdb(program: &Path, key: &str) -> Option<String> {
    let mut child = Command::new(program)
        .arg(key)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let until = Instant::now() + READ_TIME;
    let printed = child.stdout.take().and_then(|out| read_until(out, until));
    let succeeded = end(&mut child);
    one_line(printed.filter(|_| succeeded)?)
}

/// All that is printed, if it ends in time and is not too long.
fn read_until(mut out: ChildStdout, until: Instant) -> Option<Vec<u8>> {
    let mut printed = Vec::new();
    let mut bytes = [0; MAX_VALUE];
    while printed.len() <= MAX_VALUE {
        let mut fds = [PollFd::new(out.as_fd(), PollFlags::POLLIN)];
        wait::until(&mut fds, Some(until)).ok()?;
        if wait::revents(&fds[0]).is_empty() {
            return None;
        }
        match out.read(&mut bytes).ok()? {
            0 => return Some(printed),
            read => printed.extend(bytes.iter().take(read)),
        }
    }
    None
}

/// Whether it succeeded; one that goes on after its output is ended.
fn end(child: &mut Child) -> bool {
    const LAST_STEPS: Duration = Duration::from_millis(500);
    let until = Instant::now() + LAST_STEPS;
    while Instant::now() < until {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(1)),
            Err(_) => break,
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    false
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
        let text = |value: Option<Spanned<String>>| value.map(Spanned::into_inner);
        (text(entry.qube), text(entry.keyring))
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
