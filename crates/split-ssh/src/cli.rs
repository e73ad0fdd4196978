//! The command line: one definition, from which the parser, `--help`, man pages and completions come.

mod client;
mod complete;
mod help;
mod vault;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use common::askpass;
use common::error::Error;
use common::paths::Paths;

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
    #[arg(long, global = true, value_name = "DIR", hide = true)]
    config_dir: Option<PathBuf>,

    /// Sockets in DIR instead of the runtime directory
    #[arg(long, global = true, value_name = "DIR", hide = true)]
    runtime_dir: Option<PathBuf>,

    /// Log in DIR instead of ~/.local/state/split-ssh
    #[arg(long, global = true, value_name = "DIR", hide = true)]
    state_dir: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Vault(vault::Args),
    Client(client::Args),
    /// Show what runs here, and the last refusals with their reasons
    Status(admin::status::Args),
    Doctor(admin::doctor::Args),
    Serve(admin::serve::Args),
    Pending(admin::pending::Args),
    Allow(admin::pending::AllowArgs),
    Deny(admin::pending::DenyArgs),
    Approvals(admin::approvals::Args),
    Log(Box<admin::log::Args>),
    Ui(admin::ui::Args),
    Policy(admin::policy::Args),
    Rule(admin::rule::Args),
    Hosts(admin::hosts::Args),
    /// List the keys in a keyring's agent
    List(admin::keyring::ListArgs),
    /// Add key files to a keyring's agent
    Add(admin::keyring::AddArgs),
    /// Reload a keyring's keys
    Reload(admin::keyring::ReloadArgs),
    Dom0Policy(admin::dom0_policy::Args),
    Migrate(admin::migrate::Args),
    Sign(admin::sign::Args),
    Setup(admin::setup::Args),
    Help(help::Args),
    #[command(hide = true)]
    Complete(complete::Args),
}

/// The whole command line, with its commands in groups where help lists them.
pub fn command() -> clap::Command {
    let command = Cli::command();
    let overview = help::overview(&command);
    command.override_help(overview)
}

/// Runs the program and returns its exit code: 0 done, 1 refused or failed, 2 usage.
pub fn main() -> ExitCode {
    if askpass::is_asked() {
        return askpass::answer();
    }
    let result = admin::sign::run_by_name().unwrap_or_else(|| {
        let parsed = command().try_get_matches();
        match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
            Ok(cli) => run(cli),
            Err(usage) => Ok(explain(&usage)),
        }
    });
    result.unwrap_or_else(|error| {
        error.print();
        ExitCode::FAILURE
    })
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
    // Nobody means a flag that there is not as a value.
    let mut paragraphs: Vec<&str> = text.split("\n\n").collect();
    paragraphs.retain(|part| !part.trim_start().starts_with("tip: to pass"));
    let text = paragraphs.join("\n\n");
    let what = text.strip_prefix("error: ").unwrap_or(&text);
    let what = what.strip_suffix(MORE).unwrap_or(what).trim_end();
    let named = help::named(&command());
    let _ = writeln!(
        io::stderr(),
        "split-ssh: error: {what}\nsplit-ssh: hint: `split-ssh help{named}` says more"
    );
    ExitCode::from(2)
}

/// clap's last line.
const MORE: &str = "For more information, try '--help'.\n";

fn run(cli: Cli) -> Result<ExitCode, Error> {
    let paths = Paths::find(cli.config_dir, cli.runtime_dir, cli.state_dir)?;
    match cli.command {
        Command::Status(args) => admin::status::run(&args, &paths),
        Command::Doctor(args) => admin::doctor::run(&args, &paths),
        Command::Serve(args) => admin::serve::run(args, &paths),
        Command::Client(args) => client::run(args, &paths),
        Command::Vault(args) => vault::run(&args, &paths),
        Command::List(args) => admin::keyring::list(&args, &paths),
        Command::Add(args) => admin::keyring::add(&args, &paths),
        Command::Reload(args) => admin::keyring::reload(&args, &paths),
        Command::Pending(args) => admin::pending::run(&args, &paths),
        Command::Allow(args) => admin::pending::allow(&args, &paths),
        Command::Deny(args) => admin::pending::deny(&args, &paths),
        Command::Approvals(args) => admin::approvals::run(&args, &paths),
        Command::Hosts(args) => admin::hosts::run(args, &paths),
        Command::Policy(args) => admin::policy::run(&args, &paths),
        Command::Rule(args) => admin::rule::run(&args, &paths),
        Command::Log(args) => admin::log::run(*args, &paths),
        Command::Ui(args) => admin::ui::run(&args, &paths),
        Command::Migrate(args) => admin::migrate::run(&args, &paths),
        Command::Sign(args) => admin::sign::run(&args),
        Command::Setup(args) => admin::setup::run(&args, &paths),
        Command::Dom0Policy(args) => admin::dom0_policy::run(args),
        Command::Help(args) => help::run(&args, command()),
        Command::Complete(args) => Ok(complete::run(&args, command(), &paths)),
    }
}

#[cfg(test)]
mod tests {
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
        let mut cli = command();
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
