//! The world of one caller: a directory that a test or the demo fills with small files.
//!
//! ```text
//! source                  the caller's name, one line
//! policy                  dom0's rules (see `policy`)
//! qubes/NAME/services/    what /etc/qubes-rpc is in the qube NAME; a qube exists when qubes/NAME does
//! qubes/NAME/environment  KEY=VALUE lines that the qube's session adds to executable services
//! qubes/NAME/relay        NAME is a RemoteVM: one line, `RELAY TRANSPORT`, the qube and the service that lead to it
//! transactions/           written by us: one file a xenstore transaction that may be under way
//! release-4.1             if present, options that came later than R4.1 are unknown
//! calls                   written by us: one line a call, `SOURCE TARGET SERVICE+ARG allow|deny`
//! ```

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Names the directory.
pub const DIRECTORY: &str = "QREXEC_STAND_IN";
/// Overrides the file `source`, so that several callers can share one directory.
pub const SOURCE: &str = "QREXEC_STAND_IN_SOURCE";

#[derive(Debug)]
pub struct World {
    directory: PathBuf,
    pub source: String,
}

impl World {
    /// # Errors
    /// No directory is named, or it does not say who calls: what a missing qrexec-agent is in Qubes.
    pub fn open() -> io::Result<Self> {
        let directory = std::env::var_os(DIRECTORY)
            .map(PathBuf::from)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "No such file or directory"))?;
        let source = match std::env::var(SOURCE) {
            Ok(name) => name,
            Err(_) => fs::read_to_string(directory.join("source"))?
                .trim()
                .to_owned(),
        };
        Ok(Self { directory, source })
    }

    pub fn knows_stdin_socket(&self) -> bool {
        !self.directory.join("release-4.1").exists()
    }

    /// The text of dom0's rules; none is no rule.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn policy(&self) -> io::Result<String> {
        match fs::read_to_string(self.directory.join("policy")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            read => read,
        }
    }

    pub fn qube_exists(&self, name: &str) -> bool {
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
        plain && self.directory.join("qubes").join(name).is_dir()
    }

    pub fn services(&self, qube: &str) -> PathBuf {
        self.directory.join("qubes").join(qube).join("services")
    }

    /// What the session of `qube` adds to the environment of executable services.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn session(&self, qube: &str) -> io::Result<Vec<(String, String)>> {
        let text =
            match fs::read_to_string(self.directory.join("qubes").join(qube).join("environment")) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                read => read?,
            };
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Ok(pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect())
    }

    /// Adds one line to `calls`, whole even when calls run side by side.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note_call(&self, target: &str, service: &str, allowed: bool) -> io::Result<()> {
        let verdict = if allowed { "allow" } else { "deny" };
        let line = format!("{} {target} {service} {verdict}\n", self.source);
        let mut calls = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("calls"))?;
        calls.write_all(line.as_bytes())
    }

    /// Where a RemoteVM is reached: the relay's name and the service to call there.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn relay(&self, qube: &str) -> io::Result<Option<(String, String)>> {
        match fs::read_to_string(self.path("qubes").join(qube).join("relay")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => Ok(read?
                .trim()
                .split_once(' ')
                .map(|(relay, transport)| (relay.to_owned(), transport.to_owned()))),
        }
    }

    /// A relay calls for `remote`, which must be a RemoteVM of its own.
    ///
    /// # Errors
    /// The file that says so cannot be read.
    pub fn speak_for(&mut self, remote: &str) -> io::Result<bool> {
        let is_its_relay = self.qube_exists(remote)
            && self
                .relay(remote)?
                .is_some_and(|(relay, _)| relay == self.source);
        if is_its_relay {
            remote.clone_into(&mut self.source);
        }
        Ok(is_its_relay)
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.join(name)
    }
}
