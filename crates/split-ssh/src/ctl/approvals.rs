//! `split-ssh approvals`: the answers that the vault remembers, and how to take them back.

use std::io::{self, Write};
use std::process::ExitCode;

use policy::question::length_in_words;

use super::pending::ask;
use super::shown_question::ascii;
use crate::control::{Approval, Request, VERSION};
use crate::error::Error;
use crate::paths::Paths;

/// List remembered answers, or take them back
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Take back one remembered answer by its number, or all
    Revoke {
        /// A number from the list, or `all`
        #[arg(value_name = "NUMBER|all", value_parser = which)]
        which: Which,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    One(u64),
    All,
}

fn which(text: &str) -> Result<Which, String> {
    match text.parse() {
        Ok(number) => Ok(Which::One(number)),
        Err(_) if text == "all" => Ok(Which::All),
        Err(_) => Err("a number or `all` is expected".to_owned()),
    }
}

/// # Errors
/// No vault runs here, no answer has that number, or standard output is closed.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let done = match &args.command {
        None => {
            let reply = ask(&Request::Approvals { v: VERSION }, paths)?;
            print(&reply.approvals.unwrap_or_default(), args.json)
        }
        Some(Command::Revoke { which }) => revoke(*which, paths)?,
    };
    done.map_err(|error| Error::new(format!("cannot print: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

fn revoke(which: Which, paths: &Paths) -> Result<io::Result<()>, Error> {
    let (number, all) = match which {
        Which::One(number) => (Some(number), false),
        Which::All => (None, true),
    };
    let reply = ask(
        &Request::Revoke {
            v: VERSION,
            number,
            all,
        },
        paths,
    )?;
    let mut out = io::stdout().lock();
    Ok(match reply.revoked.unwrap_or_default() {
        0 => writeln!(out, "nothing was remembered"),
        1 => writeln!(out, "took back 1 answer"),
        count => writeln!(out, "took back {count} answers"),
    })
}

fn print(approvals: &[Approval], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, approvals)?;
        return writeln!(out);
    }
    if approvals.is_empty() {
        return writeln!(out, "no answer is remembered");
    }
    for approval in approvals {
        let uses = match approval.uses {
            1 => "used once".to_owned(),
            uses => format!("used {uses} times"),
        };
        writeln!(
            out,
            "{:>4}  {}  {}, {} left, {uses}",
            approval.number,
            if approval.allows { "allow" } else { "deny " },
            ascii(&approval.covers),
            length_in_words(approval.seconds_left),
        )?;
    }
    Ok(())
}
