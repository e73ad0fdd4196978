//! What is said once rules are saved.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::running_vault::reload;
use common::error::Error;
use common::paths::Paths;
use common::policy_files::AddedRule;

pub(super) fn place(rule: &AddedRule) -> String {
    format!("{}:{}", rule.file.display(), rule.line)
}

/// A running vault takes the new policy by itself; this waits until it has.
pub(super) fn taken_by_vault(paths: &Paths) -> Result<ExitCode, Error> {
    match reload(paths) {
        None | Some(Ok(())) => Ok(ExitCode::SUCCESS),
        Some(Err(why)) => Err(Error::new(format!(
            "it is saved, but the vault goes on with the policy of before: {why}"
        ))
        .hint("`split-ssh policy check` says why")),
    }
}

pub(super) fn print(text: &str) -> Result<(), Error> {
    let printed = io::stdout().lock().write_all(text.as_bytes());
    printed.map_err(|error| Error::printing(&error))
}
