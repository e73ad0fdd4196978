//! `split-ssh migrate`: finds what an earlier split SSH left in this qube and says what to change, or
//! changes it. Nothing is deleted: every file that is changed has its old self beside it, keys stay where
//! they are, and the sockets that people's own scripts know go on working.

mod change;
mod client;
mod keys;
mod mtdcr;
mod official;
mod plan;
mod qusal;
mod service;
mod shell;
mod whole;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use plan::Plan;

use super::doctor::Place;
use common::error::Error;
use common::paths::Paths;

/// Change over from another split SSH
///
/// From the community guide's, henn's, mtdcr's, qusal's or the official one.
/// Without --apply it only says what it would do. With it, each file that is
/// changed is kept beside the new one as FILE.before-split-ssh.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Do it
    #[arg(long)]
    apply: bool,

    /// Look for the system's files below DIR
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

/// Exit code 1 if something could not be done, or waits for `--apply`.
///
/// # Errors
/// None; what fails is told with the change that failed.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let place = Place::new(args.root.clone(), paths.clone());
    let mut plan = Plan::default();
    client::find(&place, &mut plan);
    mtdcr::find_client(&place, &mut plan);
    qusal::find_client(&place, &mut plan);
    service::find(&place, &mut plan);
    keys::find(&place, &mut plan);
    mtdcr::find_keys(&place, &mut plan);
    qusal::find_service(&place, &mut plan);
    official::find(&place, &mut plan);
    let to_people = io::stdout().is_terminal();
    let (text, is_done) = if args.apply {
        plan.apply(to_people)
    } else {
        (plan.to_text(to_people), plan.changes().next().is_none())
    };
    drop(io::stdout().write_all(text.as_bytes()));
    Ok(if is_done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
