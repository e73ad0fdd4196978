//! The command line: one definition, from which the parser, `--help`, man pages and completions come.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::askpass;
use crate::client;
use crate::ctl;
use crate::demo;
use crate::error::Error;
use crate::paths::Paths;
use crate::vault;

/// Split SSH: keys stay in a vault, other qubes use them through a guard
#[derive(Debug, Parser)]
#[command(
    name = "split-ssh",
    version,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    /// Configuration in DIR instead of ~/.config/split-ssh
    #[arg(long, global = true, value_name = "DIR", help_heading = "Places")]
    config_dir: Option<PathBuf>,

    /// Sockets in DIR instead of the runtime directory
    #[arg(long, global = true, value_name = "DIR", help_heading = "Places")]
    runtime_dir: Option<PathBuf>,

    /// Log in DIR instead of ~/.local/state/split-ssh
    #[arg(long, global = true, value_name = "DIR", help_heading = "Places")]
    state_dir: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Vault(vault::Args),
    Client(client::Args),
    /// Show what runs here, and the last refusals with their reasons
    Status(ctl::status::Args),
    Doctor(ctl::doctor::Args),
    Pending(ctl::pending::Args),
    Allow(ctl::pending::AllowArgs),
    Deny(ctl::pending::DenyArgs),
    Approvals(ctl::approvals::Args),
    Log(Box<ctl::log::Args>),
    Policy(ctl::policy::Args),
    Hosts(ctl::hosts::Args),
    /// List the keys in a keyring's agent
    List(ctl::keyring::ListArgs),
    /// Add key files to a keyring's agent
    Add(ctl::keyring::AddArgs),
    /// Load a keyring's keys anew
    Reload(ctl::keyring::ReloadArgs),
    Dom0Policy(ctl::dom0_policy::Args),
    Migrate(ctl::migrate::Args),
    Demo(demo::Args),
    #[command(hide = true)]
    Zenity(vault::ZenityArgs),
}

/// Runs the program and returns its exit code: 0 done, 1 refused or failed, 2 usage.
pub fn main() -> ExitCode {
    if askpass::is_asked() {
        return askpass::answer();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return explain(&usage),
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            error.print();
            ExitCode::FAILURE
        }
    }
}

/// Help goes to standard output as it is, what is wrong with a command line looks like every other error.
fn explain(usage: &clap::Error) -> ExitCode {
    let is_help = usage.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_help || !usage.use_stderr() {
        // `split-ssh --help | head` is no failure.
        let _ = usage.print();
        return ExitCode::from(if is_help { 2 } else { 0 });
    }
    let text = usage.render().to_string();
    let what = text.strip_prefix("error: ").unwrap_or(&text);
    let what = what.replace(MORE, "split-ssh: hint: --help says more");
    let _ = writeln!(io::stderr(), "split-ssh: error: {}", what.trim_end());
    ExitCode::from(2)
}

/// clap's last line.
const MORE: &str = "For more information, try '--help'.";

fn run(cli: Cli) -> Result<ExitCode, Error> {
    let paths = Paths::find(cli.config_dir, cli.runtime_dir, cli.state_dir)?;
    match cli.command {
        Command::Status(args) => ctl::status::run(&args, &paths),
        Command::Doctor(args) => ctl::doctor::run(&args, &paths),
        Command::Client(args) => client::run(args, &paths),
        Command::Vault(args) => vault::run(&args, &paths),
        Command::List(args) => ctl::keyring::list(&args, &paths),
        Command::Add(args) => ctl::keyring::add(&args, &paths),
        Command::Reload(args) => ctl::keyring::reload(&args, &paths),
        Command::Pending(args) => ctl::pending::run(&args, &paths),
        Command::Allow(args) => ctl::pending::allow(&args, &paths),
        Command::Deny(args) => ctl::pending::deny(&args, &paths),
        Command::Approvals(args) => ctl::approvals::run(&args, &paths),
        Command::Hosts(args) => ctl::hosts::run(args, &paths),
        Command::Policy(args) => ctl::policy::run(&args, &paths),
        Command::Log(args) => ctl::log::run(*args, &paths),
        Command::Migrate(args) => ctl::migrate::run(&args, &paths),
        Command::Dom0Policy(args) => ctl::dom0_policy::run(args),
        Command::Demo(args) => demo::run(&args),
        Command::Zenity(args) => vault::run_zenity(&args, &paths),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Both helps of a command and of all below it.
    fn helps(command: &mut clap::Command, helps: &mut Vec<String>) {
        helps.push(command.render_help().to_string());
        helps.push(command.render_long_help().to_string());
        command
            .get_subcommands_mut()
            .for_each(|below| self::helps(below, helps));
    }

    #[test]
    fn help_fits_a_terminal_and_describes_everything() {
        let mut cli = Cli::command();
        cli.build();
        let mut all = Vec::new();
        helps(&mut cli, &mut all);
        assert!(all.len() > 40, "{} helps", all.len());
        let mut long = Vec::new();
        for help in all {
            let first = help.lines().next().unwrap_or_default();
            assert!(
                !first.is_empty() && !first.starts_with("Usage"),
                "no description: {help}"
            );
            let wide = help.lines().filter(|line| line.chars().count() > 80);
            long.extend(wide.map(str::to_owned));
        }
        assert!(long.is_empty(), "wider than 80 columns: {long:#?}");
    }
}
