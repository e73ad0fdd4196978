//! `split-ssh help`: the commands by what they are for, the help of one, or where files live.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Command;
use common::error::Error;

/// Show what the commands are for, or more about one
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A command, such as `policy check`, or `files`
    #[arg(value_name = "TOPIC")]
    topic: Vec<String>,
}

/// Every command that is shown, in the order in which a person meets them.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "Questions, and what was decided",
        &[
            "ui",
            "pending",
            "allow",
            "deny",
            "approvals",
            "log",
            "status",
        ],
    ),
    (
        "Keys, servers and rules of a vault",
        &["list", "add", "reload", "hosts", "policy", "rule", "serve"],
    ),
    (
        "Setting up, and finding out what is wrong",
        &["setup", "doctor", "dom0-policy", "migrate", "help"],
    ),
    ("What units and git start", &["vault", "client", "sign"]),
];

const MORE: &str = "\
More: `split-ssh help COMMAND`, `split-ssh help files`, `man split-ssh`
";

const FILES: &str = "\
In a vault:
  ~/.ssh/identities.d/KEYRING/         the keys of a keyring
  ~/.config/split-ssh/policy.toml      what may be signed; also policy.d/*.toml
  ~/.config/split-ssh/vault.toml       keyrings of other agents, limits
  ~/.config/split-ssh/known_hosts      names of servers, beside ~/.ssh/known_hosts
  ~/.local/state/split-ssh/log.jsonl   the log
  ~/.config/split-ssh/sandbox.d/       sandboxes, as `split-ssh serve` writes them
  /run/split-ssh-vault/                the vault's sockets

In a client:
  ~/.config/split-ssh/client.toml      which vaults it calls
  /run/split-ssh-client/               its socket and its state

Files in /etc/split-ssh/ hold for every user who has none of his own.

Every command takes these, for a vault or a client beside the installed one:
  --config-dir DIR   instead of ~/.config/split-ssh
  --runtime-dir DIR  instead of the folders in /run
  --state-dir DIR    instead of ~/.local/state/split-ssh
";

/// The commands in their groups, each with its line.
pub fn overview(command: &Command) -> String {
    let about = |of: &Command| of.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("{}\n\nUsage: split-ssh COMMAND\n", about(command));
    for (heading, names) in GROUPS {
        let _ = writeln!(text, "\n{heading}:");
        for below in names
            .iter()
            .filter_map(|name| command.find_subcommand(name))
        {
            let _ = writeln!(text, "  {:<12} {}", below.get_name(), about(below));
        }
    }
    let _ = write!(text, "\n{MORE}");
    text
}

/// The command that this process was called with, as far as its words name one: ` policy check`.
pub fn named(command: &Command) -> String {
    let mut found = command;
    let mut names = String::new();
    for word in std::env::args().skip(1) {
        let Some(below) = found.find_subcommand(&word) else {
            continue;
        };
        found = below;
        names = format!("{names} {}", below.get_name());
    }
    names
}

/// # Errors
/// There is no such topic, or standard output is closed.
pub fn run(args: &Args, command: Command) -> Result<ExitCode, Error> {
    let text = match args.topic.as_slice() {
        [files] if files == "files" => FILES.to_owned(),
        topic => help_of(topic, command)?,
    };
    let mut out = io::stdout();
    out.write_all(text.as_bytes())
        .map_err(|error| Error::printing(&error))?;
    Ok(ExitCode::SUCCESS)
}

fn help_of(topic: &[String], mut command: Command) -> Result<String, Error> {
    // Below it, help knows the flags and the full names that clap adds.
    command.build();
    let mut found = &mut command;
    for word in topic {
        found = found.find_subcommand_mut(word).ok_or_else(|| {
            Error::new(format!("there is no help on `{}`", topic.join(" ")))
                .hint("`split-ssh help` lists all commands")
        })?;
    }
    Ok(found.render_long_help().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_stands_in_one_group() {
        let command = super::super::command();
        let shown = command
            .get_subcommands()
            .filter(|below| !below.is_hide_set());
        let mut shown: Vec<&str> = shown.map(Command::get_name).collect();
        let mut grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        shown.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(shown, grouped);
    }
}
