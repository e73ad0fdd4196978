//! `split-ssh migrate`: finds what an earlier split SSH left in this qube, line by line, and says what to do. It
//! changes only what the guide, henn's scripts and the official package have people write, word for word. Nothing is
//! deleted: every file that is changed has its old self beside it, keys stay where they are, and the sockets that
//! people's own scripts know go on working.

mod change;
mod client;
mod documented;
mod keys;
mod meaning;
mod official;
mod places;
mod plan;
mod scan;
mod service;
mod winner;

use std::path::PathBuf;
use std::process::ExitCode;

use plan::Plan;

use super::doctor::Machine;
use crate::output::exit_code;
use common::error::Error;
use common::paths::Paths;

/// Move to this program from another split SSH
///
/// Finds every line of the usual places that has to do with an SSH agent of
/// another qube, whoever wrote it, and says which SSH_AUTH_SOCK shells and
/// sessions get. It changes only what the community guide, henn's scripts and
/// the official package have people write, and only with --apply; each file
/// that is changed is kept beside the new one as FILE.before-split-ssh.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Make the changes
    #[arg(long)]
    apply: bool,

    /// Look for the system's files below DIR
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

/// What no document has is its owner's to take out.
const LEFT: &str =
    "still here; take out what starts or names an old client, keep the rest as you like:";

/// Exit code 1 if something could not be done, or waits for `--apply`.
///
/// # Errors
/// None; what fails is told with the change that failed.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let place = Machine::new(args.root.clone(), paths.clone());
    let found = scan::find(&place);
    let mut plan = Plan::default();
    client::find(&place, &found, &mut plan);
    service::find(&place, &mut plan);
    keys::find(&place, &mut plan);
    official::find(&place, &mut plan);
    let is_done = if args.apply {
        let is_done = plan.apply();
        plan::say_found(LEFT, "left", &scan::find(&place));
        is_done
    } else {
        plan::say_found("found in this qube:", "found", &found);
        plan.say();
        !plan.has_changes()
    };
    if found.is_empty() && plan.is_empty() {
        plan::sentence("nothing of an earlier split SSH is left to change here");
    } else {
        plan::say_winners(&winner::ask(&place));
    }
    Ok(exit_code(is_done))
}
