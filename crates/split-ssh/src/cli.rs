//! The command line: one definition, from which the parser, `--help`, man pages and completions come.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::ctl;
use crate::error::Error;
use crate::paths::Paths;

/// Split SSH: keys stay in a vault, other qubes use them through a guard
#[derive(Debug, Parser)]
#[command(
    name = "split-ssh",
    version,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    /// Read configuration from DIR instead of ~/.config/split-ssh
    #[arg(long, global = true, value_name = "DIR", help_heading = "Places")]
    config_dir: Option<PathBuf>,

    /// Put sockets in DIR instead of the runtime directory
    #[arg(long, global = true, value_name = "DIR", help_heading = "Places")]
    runtime_dir: Option<PathBuf>,

    /// Keep the log in DIR instead of ~/.local/state/split-ssh
    #[arg(long, global = true, value_name = "DIR", help_heading = "Places")]
    state_dir: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Log(ctl::log::Args),
}

/// Runs the program and returns its exit code: 0 done, 1 refused or failed, 2 usage.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            error.print();
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Error> {
    let paths = Paths::find(cli.config_dir, cli.runtime_dir, cli.state_dir)?;
    match cli.command {
        Command::Log(args) => ctl::log::run(args, &paths),
    }
}
