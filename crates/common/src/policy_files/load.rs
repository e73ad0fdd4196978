//! Finds the policy's files and reads them: the user's or, without one, the system's `policy.toml`,
//! `policy.d/*.toml` beside it in name order, and the system's `policy.d` below a user's policy.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use policy::rules::{Policy, Problem, Source};

use crate::error::Error;
use crate::log::line::sha256_hex;
use crate::trusted_files;

/// Bytes of one file: more than ten thousand rules, which nobody would read.
const MAX_FILE: usize = 1 << 20;
/// Drop-ins of one folder.
const MAX_DROP_INS: usize = 1_000;

pub(super) const MAIN: &str = "policy.toml";
pub(super) const DROP_INS: &str = "policy.d";

/// A policy and where it came from.
#[derive(Clone, Debug)]
pub struct LoadedPolicy {
    pub policy: Policy,
    /// In the order in which their rules count; none for the shipped policy.
    pub files: Vec<PathBuf>,
    /// SHA-256 over all files, 64 hex digits.
    pub digest: String,
}

/// Why there is no policy: everything is to be refused, or the last good one kept.
#[derive(Debug)]
pub struct BrokenPolicy {
    message: String,
    /// Those that were found.
    pub files: Vec<PathBuf>,
    /// The mistakes inside the files; none if a file could not even be read.
    pub problems: Vec<Problem>,
}

impl BrokenPolicy {
    pub(super) fn unread(error: &Error, files: Vec<PathBuf>) -> Self {
        Self {
            message: error.plain(),
            files,
            problems: Vec::new(),
        }
    }
}

impl fmt::Display for BrokenPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What to watch beside [`LoadedPolicy::files`]: a file may come where none was.
pub fn watched(config: &Path, system: &Path) -> Vec<PathBuf> {
    let names = [MAIN, DROP_INS];
    [config, system]
        .into_iter()
        .flat_map(|dir| names.map(|name| dir.join(name)))
        .collect()
}

/// The files that there are, main first, up to the first that cannot be looked at.
pub fn found(config: &Path, system: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    // What is wrong is told by whoever reads them.
    let _ = find(config, system, &mut files);
    files
}

/// Reads the policy; without any file, the shipped one.
///
/// # Errors
/// Files that others could write, that cannot be read, or that have mistakes: all of it in one message.
pub fn load(config: &Path, system: &Path) -> Result<LoadedPolicy, BrokenPolicy> {
    let mut files = Vec::new();
    match find(config, system, &mut files) {
        Ok(()) if files.is_empty() => Ok(LoadedPolicy {
            policy: Policy::shipped(),
            files,
            digest: digest(&[]),
        }),
        Ok(()) => parse(files, text_of),
        Err(error) => Err(BrokenPolicy::unread(&error, files)),
    }
}

/// Reads one file as a whole policy, from wherever it is.
///
/// # Errors
/// As [`load`].
pub fn load_file(file: &Path) -> Result<LoadedPolicy, BrokenPolicy> {
    parse(vec![file.to_owned()], text_of)
}

/// The files with the texts that `text_of` has for them. A file is main unless it stands in a folder of drop-ins.
pub(super) fn parse(
    files: Vec<PathBuf>,
    text_of: impl Fn(&Path) -> Result<String, Error>,
) -> Result<LoadedPolicy, BrokenPolicy> {
    let texts: Result<Vec<String>, Error> = files.iter().map(|file| text_of(file)).collect();
    let texts = match texts {
        Ok(texts) => texts,
        Err(error) => return Err(BrokenPolicy::unread(&error, files)),
    };
    let names: Vec<String> = files.iter().map(|it| it.display().to_string()).collect();
    let is_drop_in = |file: &Path| file.parent().is_some_and(|it| it.ends_with(DROP_INS));
    let sources = names.iter().zip(&texts).zip(&files);
    let sources = sources.map(|((name, text), file)| Source {
        name,
        text,
        main: !is_drop_in(file),
    });
    let sources: Vec<Source<'_>> = sources.collect();
    match Policy::parse(&sources) {
        Ok(policy) => Ok(LoadedPolicy {
            policy,
            digest: digest(&texts),
            files,
        }),
        Err(error) => Err(BrokenPolicy {
            message: error.to_string(),
            files,
            problems: error.problems,
        }),
    }
}

/// Lists the files, main first. What was found before an error stays in `files`.
pub(super) fn find(config: &Path, system: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let users = exists(&config.join(MAIN))?;
    let systems = exists(&system.join(MAIN))?;
    if users {
        files.push(config.join(MAIN));
    } else if systems {
        files.push(system.join(MAIN));
    }
    let users_drop_ins = drop_ins(&config.join(DROP_INS))?;
    // Without a main file beside them they would silently count for nothing.
    if let (false, Some(lost)) = (users, users_drop_ins.first()) {
        return Err(Error::new(format!(
            "{} stands beside no {MAIN}, so nothing would read it",
            lost.display()
        ))
        .hint(format!(
            "write {}, at least the line default = \"ask\"",
            config.join(MAIN).display()
        )));
    }
    files.extend(users_drop_ins);
    files.extend(drop_ins(&system.join(DROP_INS))?);
    Ok(())
}

fn exists(path: &Path) -> Result<bool, Error> {
    // A link that leads nowhere is a mistake, not a missing file.
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("read", path, &error)),
    }
}

/// `*.toml` of a folder in name order; none if there is no folder.
fn drop_ins(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if !exists(folder)? {
        return Ok(Vec::new());
    }
    trusted_files::check_folder(folder)?;
    let failed = |error: io::Error| Error::io("read", folder, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.ends_with(b".toml") && !name.starts_with(b".") {
            found.push(path);
        }
        if found.len() > MAX_DROP_INS {
            return Err(Error::new(format!(
                "{} holds more than {MAX_DROP_INS} files",
                folder.display()
            )));
        }
    }
    found.sort();
    Ok(found)
}

pub fn text_of(file: &Path) -> Result<String, Error> {
    let bytes = trusted_files::read(file, MAX_FILE)?.ok_or_else(|| match file.is_symlink() {
        true => Error::new(format!(
            "{} is a link to a file that is not there",
            file.display()
        ))
        .hint("remove the link, or correct it"),
        false => Error::new(format!("there is no file {}", file.display())),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let good = error.as_bytes().iter().take(good);
        let line = good.filter(|byte| **byte == b'\n').count() + 1;
        Error::new(format!("{}:{line}: not UTF-8 text", file.display()))
    })
}

/// Lengths keep two files from passing for one.
fn digest(texts: &[String]) -> String {
    let mut all = Vec::new();
    for text in texts {
        all.extend_from_slice(&(text.len() as u64).to_be_bytes());
        all.extend_from_slice(text.as_bytes());
    }
    sha256_hex(&all)
}

#[cfg(test)]
mod tests;
