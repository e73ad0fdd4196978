//! `split-ssh status`: what runs on this machine, and the last refusals with their reasons.

use std::io::{self, Write};
use std::process::ExitCode;

use policy::display;

use super::client_status;
use crate::control::{self, VaultStatus};
use crate::error::Error;
use crate::paths::Paths;

/// The vault cleaned its words already; this is the same door once more, wide enough for all of them.
const MAX_LINE: usize = 1000;

#[derive(Debug, clap::Args)]
pub struct Args {}

/// Exit code 0 if a vault or a client is known here, else 1.
///
/// # Errors
/// Standard output is closed, or the client's status can't be read.
pub fn run(_args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let mut out = io::stdout().lock();
    let found = print(paths, &mut out)
        .map_err(|error| Error::new(format!("cannot tell the status: {error}")))?;
    Ok(if found {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(paths: &Paths, out: &mut impl Write) -> io::Result<bool> {
    let vault = match control::ask(
        paths,
        &control::Request::Status {
            v: control::VERSION,
        },
    ) {
        Ok(reply) => reply.status,
        Err(_) => None,
    };
    if let Some(status) = &vault {
        print_vault(status, out)?;
    }
    let client = client_status::print(&paths.client_runtime(), out)?;
    if vault.is_none() && !client {
        writeln!(out, "neither a vault nor a client runs here")?;
        writeln!(
            out,
            "  start one: `split-ssh vault` or `split-ssh client`; look for trouble: `split-ssh doctor`"
        )?;
    }
    Ok(vault.is_some() || client)
}

fn print_vault(status: &VaultStatus, out: &mut impl Write) -> io::Result<()> {
    let clean = |text: &str| display::ascii(text.as_bytes(), MAX_LINE);
    writeln!(
        out,
        "vault: running since {}, {} open streams",
        clean(&status.started),
        status.streams
    )?;
    match (&status.broken, &status.stale) {
        (Some(broken), _) => writeln!(
            out,
            "  policy: BROKEN, everything is refused: {}",
            clean(broken)
        )?,
        (None, Some(stale)) => {
            writeln!(
                out,
                "  policy: the last good one holds, what is on disk is broken: {}",
                clean(stale)
            )?;
        }
        (None, None) if status.policy_files.is_empty() => {
            writeln!(
                out,
                "  policy: the shipped one (ask for every login and sshsig)"
            )?;
        }
        (None, None) => writeln!(out, "  policy: {}", clean(&status.policy_files.join(", ")))?,
    }
    writeln!(out, "  asks by: {}", clean(&status.asks_by))?;
    writeln!(out, "  log: {}", clean(&status.log))?;
    if status.refusals.is_empty() {
        return writeln!(out, "  no refusals since it started");
    }
    writeln!(out, "  last refusals:")?;
    for refusal in &status.refusals {
        writeln!(out, "    {}", clean(refusal))?;
    }
    Ok(())
}
