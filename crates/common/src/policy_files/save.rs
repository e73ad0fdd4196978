//! Writes a file of the user's policy: only if the whole policy is good with it, and all at once.

use std::path::{Path, PathBuf};

use super::load::{BrokenPolicy, DROP_INS, LoadedPolicy, MAIN, find, parse, text_of};
use crate::error::Error;
use crate::paths::Paths;
use crate::trusted_files;

/// What a policy without rules is.
const EMPTY_MAIN: &str = "default = \"ask\"\n";

/// Replaces or makes `file`, which is the user's `policy.toml` or stands in their `policy.d`. Where the user has no
/// policy, this makes one that changes nothing. The caller holds the lock of the folder, [`trusted_files::lock`].
///
/// # Errors
/// The policy would be broken, it is not the user's to change, or the file cannot be written. Nothing has changed.
pub fn save(paths: &Paths, file: &Path, text: &str) -> Result<LoadedPolicy, Error> {
    may_hold_rules(paths)?;
    let loaded = load_with(paths, file, text).map_err(|broken| {
        let what = "with this change the policy would be broken, so nothing was saved";
        Error::new(format!("{what}\n{broken}"))
    })?;
    let main = paths.config.join(MAIN);
    if file != main && !main.exists() {
        trusted_files::replace(&main, EMPTY_MAIN.as_bytes())?;
    }
    trusted_files::replace(file, text.as_bytes())?;
    Ok(loaded)
}

/// # Errors
/// The policy is the system's: what the user writes would count for nothing, or replace it.
pub fn may_hold_rules(paths: &Paths) -> Result<(), Error> {
    let (users, systems) = (paths.config.join(MAIN), paths.system_config.join(MAIN));
    if users.exists() || !systems.exists() {
        return Ok(());
    }
    let systems = systems.display();
    let what = format!("the policy is the system's, {systems}, which only root may change");
    Err(Error::new(what))
}

/// The policy as it would be if `file` held `text`.
///
/// # Errors
/// As [`super::load::load`].
pub fn load_with(paths: &Paths, file: &Path, text: &str) -> Result<LoadedPolicy, BrokenPolicy> {
    let main = paths.config.join(MAIN);
    let mut files = Vec::new();
    if let Err(error) = find(&paths.config, &paths.system_config, &mut files) {
        return Err(BrokenPolicy::unread(&error, files));
    }
    let mut new: Vec<(&Path, &str)> = vec![(file, text)];
    if file != main && !files.contains(&main) {
        new.push((&main, EMPTY_MAIN));
    }
    for (path, _) in &new {
        if !files.iter().any(|found| found == path) {
            files.insert(position(&files, path, &paths.config), path.to_path_buf());
        }
    }
    parse(files, |path| {
        match new.iter().find(|(changed, _)| *changed == path) {
            Some((_, text)) => Ok((*text).to_owned()),
            None => text_of(path),
        }
    })
}

/// Where a new file of the user's comes in the order of reading.
fn position(files: &[PathBuf], new: &Path, config: &Path) -> usize {
    let folder = config.join(DROP_INS);
    if new.parent() != Some(&folder) {
        return 0;
    }
    let is_before = |file: &&PathBuf| match file.parent() == Some(&folder) {
        true => file.as_path() < new,
        false => **file == config.join(MAIN),
    };
    files.iter().filter(is_before).count()
}
