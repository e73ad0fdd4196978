//! `split-ssh vault` on the command line.

use std::process::ExitCode;

use common::error::Error;
use common::paths::Paths;
use guard::stdio;

/// Guard the keys of this vault
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Hand one call on stdin and stdout to the daemon
    #[arg(long)]
    stdio: bool,

    /// Name the caller of a call by ssh
    #[arg(long, value_name = "NAME", requires = "stdio")]
    from: Option<String>,

    /// Serve this keyring whatever the call's argument says
    #[arg(long, value_name = "KEYRING", requires = "stdio")]
    keyring: Option<String>,

    /// Exit after a minute with nothing to do or remember
    #[arg(long, conflicts_with = "stdio")]
    until_idle: bool,
}

pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    if args.stdio {
        return Ok(stdio::serve(
            args.from.as_deref(),
            args.keyring.as_deref(),
            paths,
        ));
    }
    guard::run(args.until_idle, paths)
}
