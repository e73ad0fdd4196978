//! `split-ssh policy learn`: proposes rules from the answers in a log.

mod lessons;
mod proposal;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use policy::rules::{Policy, Source};

use lessons::RecordedCases;

use super::tried::with_known_hosts;
use crate::output::print;
use crate::recorded::LogArg;
use common::error::Error;
use common::paths::Paths;

/// Propose rules from the answers in a log, to paste into policy.toml
///
/// Each rule allows what was answered with yes and nothing else; the narrowest come
/// first. What was answered with no, or cannot be put into a narrow rule, is listed
/// in comments.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    log: LogArg,

    /// The policy that they are for [default: the one in force]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// # Errors
/// A policy or a log that cannot be read.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let policy = with_known_hosts(args.policy.as_deref(), paths)?;
    let mut lessons = RecordedCases::default();
    args.log.each(paths, |record, _| lessons.add(record))?;
    let proposal = lessons.propose(&policy);
    check(&proposal)?;
    drop(print(&proposal));
    Ok(ExitCode::SUCCESS)
}

/// The proposal must be a policy, whatever stood in the log.
fn check(proposal: &str) -> Result<(), Error> {
    let source = Source {
        name: "the proposal",
        text: &format!("default = \"deny\"\n{proposal}"),
        main: true,
    };
    let parsed = Policy::parse(&[source]).map(drop);
    parsed.map_err(|error| {
        Error::new(format!("no proposal can be made from this log\n{error}"))
            .hint("check the log with `split-ssh log --verify`")
    })
}
