//! The graphical session that windows are shown in, if there is one by now. A vault that was started
//! by the call itself has none at first.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::Uid;

/// All that a prompter's process is given; nothing else of ours reaches it.
const PASSED_ON: [&str; 11] = [
    "DISPLAY",
    "XAUTHORITY",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_MESSAGES",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GDK_SCALE",
    "GDK_DPI_SCALE",
    "GTK_THEME",
];
/// What `systemctl --user show-environment` prints is a few kilobytes.
const MAX_ENVIRONMENT: u64 = 256 * 1024;
/// The display of a qube; also the first one elsewhere.
const FIRST_DISPLAY: &str = "/tmp/.X11-unix/X0";

pub(super) type Environment = BTreeMap<&'static str, OsString>;

/// A process that ends with this value, whatever it shows.
pub struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Clone, Debug)]
pub(super) struct Session {
    home: PathBuf,
    xdg_runtime: PathBuf,
    #[cfg(test)]
    given: Option<Environment>,
}

impl Session {
    #[cfg(test)]
    pub(super) fn of(environment: Environment) -> Self {
        let nowhere = PathBuf::new();
        Self {
            home: nowhere.clone(),
            xdg_runtime: nowhere,
            given: Some(environment),
        }
    }

    pub(super) fn new(home: &Path, xdg_runtime: &Path) -> Self {
        Self {
            home: home.to_owned(),
            xdg_runtime: xdg_runtime.to_owned(),
            #[cfg(test)]
            given: None,
        }
    }

    /// The environment for a window's process; `None` while there is no display.
    pub(super) fn environment(&self) -> Option<Environment> {
        #[cfg(test)]
        if let Some(given) = &self.given {
            return Some(given.clone());
        }
        let ours = |name: &&'static str| std::env::var_os(name).map(|value| (*name, value));
        let mut environment: Environment = PASSED_ON.iter().filter_map(ours).collect();
        if !environment.contains_key("DISPLAY") {
            self.add_from_user_manager(&mut environment);
        }
        if !environment.contains_key("DISPLAY") && is_our_display(Path::new(FIRST_DISPLAY)) {
            environment.insert("DISPLAY", ":0".into());
        }
        if !environment.contains_key("DISPLAY") {
            return None;
        }
        environment
            .entry("HOME")
            .or_insert_with(|| self.home.clone().into());
        environment
            .entry("XDG_RUNTIME_DIR")
            .or_insert_with(|| self.xdg_runtime.clone().into());
        let authority = self.home.join(".Xauthority");
        if !environment.contains_key("XAUTHORITY") && authority.is_file() {
            environment.insert("XAUTHORITY", authority.into());
        }
        Some(environment)
    }

    /// Sessions tell the user's systemd where they are; Qubes' does.
    fn add_from_user_manager(&self, environment: &mut Environment) {
        if !self.xdg_runtime.join("systemd/private").exists() {
            return;
        }
        for line in self.show_environment().unwrap_or_default().lines() {
            let Some((name, value)) = line.split_once('=') else {
                continue;
            };
            // Quoted values hold what no display or address has.
            let known = PASSED_ON.iter().find(|known| **known == name);
            if let Some(known) = known.filter(|_| !value.is_empty() && !value.starts_with('$')) {
                environment.entry(known).or_insert_with(|| value.into());
            }
        }
    }

    fn show_environment(&self) -> Option<String> {
        let child = Command::new("/usr/bin/systemctl")
            .args(["--user", "show-environment"])
            .env_clear()
            .env("XDG_RUNTIME_DIR", &self.xdg_runtime)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut running = Running(child.ok()?);
        let mut text = String::new();
        let output = running.0.stdout.take()?;
        output
            .take(MAX_ENVIRONMENT)
            .read_to_string(&mut text)
            .ok()?;
        Some(text)
    }
}

/// A display of ours or root's: on somebody else's, somebody else would answer.
fn is_our_display(socket: &Path) -> bool {
    std::fs::metadata(socket).is_ok_and(|found| {
        found.file_type().is_socket() && [0, Uid::current().as_raw()].contains(&found.uid())
    })
}
