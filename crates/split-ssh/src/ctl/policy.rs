//! `split-ssh policy`: what the policy says, and what another would.

use std::process::ExitCode;

use crate::error::Error;
use crate::paths::Paths;

use super::{policy_learn, policy_replay};

/// Check, try and learn rules
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Replay(policy_replay::Args),
    Learn(policy_learn::Args),
}

/// # Errors
/// What the subcommand says.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    match &args.command {
        Command::Replay(args) => policy_replay::run(args, paths),
        Command::Learn(args) => policy_learn::run(args, paths),
    }
}
