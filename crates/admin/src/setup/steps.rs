//! What a step did, or what it found done, a line for each.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Command;

use crate::output::say;
use common::error::Error;
use common::trusted_files;

fn done(word: &str, what: &str) {
    say(format_args!("{word:<5} {what}"));
}

pub(super) fn made(what: &str) {
    done("made", what);
}

pub(super) fn kept(what: &str) {
    done("kept", what);
}

/// Lines for somebody to paste elsewhere.
pub(super) fn paste(lines: &[String]) {
    for line in lines {
        say(format_args!("  {line}"));
    }
}

/// A folder that only its owner may look into.
pub(super) fn folder(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        kept(&path.display().to_string());
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Error::io("make", path, &error))?;
    made(&path.display().to_string());
    Ok(())
}

/// A file, if there is none.
pub(super) fn file(path: &Path, text: &str) -> Result<(), Error> {
    if path.exists() {
        kept(&path.display().to_string());
        return Ok(());
    }
    trusted_files::replace(path, text.as_bytes())?;
    made(&path.display().to_string());
    Ok(())
}

/// A line at the end of a file, if it is not in it.
pub(super) fn line(path: &Path, line: &str) -> Result<(), Error> {
    let mut text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text.map_err(|error| Error::io("read", path, &error))?,
    };
    let what = format!("`{line}` in {}", path.display());
    if text.lines().any(|there| there == line) {
        kept(&what);
        return Ok(());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
    trusted_files::replace(path, text.as_bytes())?;
    made(&what);
    Ok(())
}

/// A unit of the user's session, which starts `command` from now on.
pub(super) fn user_unit(home: &Path, name: &str, about: &str, command: &str) -> Result<(), Error> {
    let unit = home.join(format!(".config/systemd/user/{name}.service"));
    let text = format!(
        "[Unit]\nDescription={about}\n\n[Service]\nExecStart={command}\nRestart=on-failure\n\n\
             [Install]\nWantedBy=default.target\n"
    );
    file(&unit, &text)?;
    let words = ["--user", "enable", "--now", name];
    let output = Command::new("systemctl").args(words).output();
    if output.is_ok_and(|output| output.status.success()) {
        done("runs", &format!("{name}, and with each session"));
    } else {
        done(
            "do",
            &format!("in a session: systemctl {}", words.join(" ")),
        );
    }
    Ok(())
}

/// This program, as a unit starts it.
pub(super) fn program() -> String {
    std::env::current_exe().map_or_else(
        |_| "/usr/local/bin/split-ssh".to_owned(),
        |path| path.display().to_string(),
    )
}
