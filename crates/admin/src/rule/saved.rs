//! What is asked before rules are saved, and what is said afterwards.

use std::process::ExitCode;

use crate::confirm::confirm;
use crate::output::print;
use crate::running_vault::reload;
use common::error::Error;
use common::paths::Paths;
use common::policy_files::AddedRule;

/// Whether the person wants what is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Consent {
    /// Write it without asking
    #[arg(long, conflicts_with = "print")]
    yes: bool,

    /// Print it and write nothing
    #[arg(long)]
    print: bool,
}

impl Consent {
    /// Shows the lines, and asks unless the person said yes, or wants to see them alone. The exit code, if nothing is
    /// to be written.
    pub(super) fn refused(&self, lines: &str, question: &str) -> Result<Option<ExitCode>, Error> {
        print(lines)?;
        if self.print {
            return Ok(Some(ExitCode::SUCCESS));
        }
        print("\n")?;
        if self.yes || confirm(question)? {
            return Ok(None);
        }
        print("nothing was added\n")?;
        Ok(Some(ExitCode::FAILURE))
    }
}

pub(super) fn place(rule: &AddedRule) -> String {
    format!("{}:{}", rule.file.display(), rule.line)
}

pub(super) fn say_added(rule: &AddedRule) -> Result<(), Error> {
    let (number, place) = (rule.number, place(rule));
    print(&format!(
        "added rule {number} at {place}\nto undo it: split-ssh rule remove {number}\n"
    ))
}

/// A running vault takes the new policy by itself; this waits until it has.
pub(super) fn taken_by_vault(paths: &Paths) -> Result<ExitCode, Error> {
    match reload(paths) {
        None | Some(Ok(())) => Ok(ExitCode::SUCCESS),
        Some(Err(why)) => {
            let what =
                format!("it is saved, but the vault goes on with the policy of before: {why}");
            Err(Error::new(what).hint("`split-ssh policy check` says why"))
        }
    }
}
