//! `split-ssh policy`: what the policy says, and what another would.

mod check;
mod explain;
mod host_proofs;
mod learn;
pub(crate) mod lint;
mod patterns;
mod replay;
mod tried;

use std::process::ExitCode;

use common::error::Error;
use common::paths::Paths;

/// Check, try and learn rules
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Args),
    Explain(Box<explain::Args>),
    Replay(replay::Args),
    Learn(learn::Args),
}

/// # Errors
/// What the subcommand says.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    match &args.command {
        Command::Check(args) => check::run(args, paths),
        Command::Explain(args) => explain::run(args, paths),
        Command::Replay(args) => replay::run(args, paths),
        Command::Learn(args) => learn::run(args, paths),
    }
}
