//! `split-ssh policy`: what the policy says, and what another would.

use std::process::ExitCode;

use common::error::Error;
use common::paths::Paths;

use super::{policy_check, policy_explain, policy_learn, policy_replay};

/// Check, try and learn rules
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(policy_check::Args),
    Explain(Box<policy_explain::Args>),
    Replay(policy_replay::Args),
    Learn(policy_learn::Args),
}

/// # Errors
/// What the subcommand says.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    match &args.command {
        Command::Check(args) => policy_check::run(args, paths),
        Command::Explain(args) => policy_explain::run(args, paths),
        Command::Replay(args) => policy_replay::run(args, paths),
        Command::Learn(args) => policy_learn::run(args, paths),
    }
}
