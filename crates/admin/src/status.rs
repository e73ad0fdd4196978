//! `split-ssh status`: what runs on this machine, and the last refusals with their reasons.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use policy::display;

use super::client_status;
use super::fold::fold;
use client::status::file;
use common::control::{self, Connected, RefusedRequest, VaultStatus};
use common::error::Error;
use common::paths::Paths;
use common::stdio_failure::StdioFailure;

/// The vault cleaned its words already; this is the same sanitizer once more, with room for all of them.
const MAX_LINE: usize = 1000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Print it again whenever it changes; with --json a line each
    #[arg(long)]
    follow: bool,
}

/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(300);
/// Moves to the top of a terminal and clears it.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Status {
    /// Null if no vault runs here.
    vault: Option<VaultStatus>,
    /// The last call by `vault --stdio` that failed.
    stdio_failure: Option<StdioFailure>,
    clients: Vec<file::Status>,
}

/// Exit code 0 if a vault or a client is known here, else 1.
///
/// # Errors
/// Standard output is closed, or the client's status can't be read.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let mut out = io::stdout().lock();
    let mut last = Vec::new();
    loop {
        let status = read(paths)?;
        let mut text = Vec::new();
        let written = match (args.json, args.follow) {
            (true, true) => serde_json::to_writer(&mut text, &status)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(text)),
            (true, false) => serde_json::to_writer_pretty(&mut text, &status)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(text)),
            (false, _) => print(&status, &mut text),
        };
        let is_new = text != last;
        let clear = args.follow && !args.json && out.is_terminal();
        written
            .and_then(|()| match (is_new, clear) {
                (false, _) => Ok(()),
                (true, true) => out
                    .write_all(CLEAR.as_bytes())
                    .and_then(|()| out.write_all(&text)),
                (true, false) => out.write_all(&text),
            })
            .and_then(|()| out.flush())
            .map_err(|error| Error::printing(&error))?;
        if !args.follow {
            let has_any = status.vault.is_some() || !status.clients.is_empty();
            return Ok(if has_any {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        last = text;
        thread::sleep(PAUSE);
    }
}

fn read(paths: &Paths) -> Result<Status, Error> {
    let reply = control::ask(paths, &control::Request::Status).ok();
    Ok(Status {
        vault: reply.and_then(|reply| reply.status),
        stdio_failure: StdioFailure::last(&paths.state),
        clients: file::read_all(&paths.client_runtime())
            .map_err(|error| Error::io("read", &paths.client_runtime(), &error))?,
    })
}

fn print(status: &Status, out: &mut impl Write) -> io::Result<()> {
    let vault = &status.vault;
    if let Some(status) = vault {
        print_vault(status, out)?;
    }
    if let Some(failure) = &status.stdio_failure {
        print_stdio_failure(failure, out)?;
    }
    for client in &status.clients {
        client_status::print(client, out)?;
    }
    if vault.is_none() && status.clients.is_empty() {
        writeln!(out, "neither a vault nor a client runs here")?;
        writeln!(out, "  start one: `split-ssh vault` or `split-ssh client`")?;
        writeln!(out, "  look for trouble: `split-ssh doctor`")?;
    }
    Ok(())
}

fn print_vault(status: &VaultStatus, out: &mut impl Write) -> io::Result<()> {
    let streams = match status.streams {
        0 => "no open stream".to_owned(),
        1 => "1 open stream".to_owned(),
        many => format!("{many} open streams"),
    };
    let since = local_time(&status.started);
    writeln!(out, "vault: running since {since}, {streams}")?;
    match (&status.broken, &status.stale) {
        (Some(broken), _) => {
            writeln!(out, "  policy   BROKEN, everything is refused:")?;
            print_problem(broken, out)?;
        }
        (None, Some(stale)) => {
            writeln!(
                out,
                "  policy   the last good one holds; what is on disk is broken:"
            )?;
            print_problem(stale, out)?;
        }
        (None, None) if status.policy_files.is_empty() => {
            writeln!(
                out,
                "  policy   the shipped one: every login and sshsig is asked about"
            )?;
        }
        (None, None) => writeln!(out, "  policy   {}", clean(&status.policy_files.join(", ")))?,
    }
    if !status.unreadable_revocations.is_empty() {
        writeln!(out, "  hosts    A REVOCATION CANNOT BE READ:")?;
    }
    for line in &status.unreadable_revocations {
        writeln!(out, "    {}", fold(&prose(line), 4, 4))?;
    }
    for connected in &status.connected {
        let qube = clean(&connected.qube);
        writeln!(out, "  calls    {qube}: {}", connections(connected))?;
    }
    writeln!(out, "  asks by  {}", status.prompt.asks_by)?;
    match &status.log_trouble {
        None => writeln!(out, "  log      {}", clean(&status.log))?,
        Some(trouble) => {
            writeln!(out, "  log      CANNOT BE WRITTEN, everything is refused:")?;
            writeln!(out, "    {}", fold(&prose(trouble), 4, 4))?;
        }
    }
    for sandbox in &status.sandboxes {
        writeln!(out, "  sandbox  {}", crate::serve::line(sandbox).trim_end())?;
    }
    if status.refusals.is_empty() && status.log_trouble.is_some() {
        return Ok(());
    }
    if status.refusals.is_empty() {
        return writeln!(out, "  nothing was refused since it started");
    }
    writeln!(out, "  last refusals, newest first:")?;
    for refusal in &status.refusals {
        print_refusal(refusal, out)?;
    }
    Ok(())
}

pub(crate) fn connections(connected: &Connected) -> String {
    let calls = match connected.calls {
        1 => "1 connection".to_owned(),
        calls => format!("{calls} connections"),
    };
    match connected.carried {
        0 => calls,
        1 => format!("{calls}, with 1 more inside"),
        carried => format!("{calls}, with {carried} more inside"),
    }
}

fn print_stdio_failure(failure: &StdioFailure, out: &mut impl Write) -> io::Result<()> {
    let time = client_status::local_time(failure.at);
    writeln!(
        out,
        "the last call by `vault --stdio` that came to nothing, {time}:"
    )?;
    writeln!(out, "  {}", fold(&prose(&failure.what), 2, 4))?;
    match &failure.hint {
        Some(hint) => writeln!(out, "  {}", fold(&prose(&format!("hint: {hint}")), 2, 4)),
        None => Ok(()),
    }
}

fn print_refusal(refusal: &RefusedRequest, out: &mut impl Write) -> io::Result<()> {
    let qube = refusal
        .qube
        .as_ref()
        .map_or_else(String::new, |qube| format!("  {}", clean(qube)));
    let time = local_time(&refusal.time);
    let times = match refusal.times {
        1 => String::new(),
        times => format!(" ({times} times)"),
    };
    let what = format!("{time}{qube}  {}{times}", prose(refusal.what.trim_end()));
    writeln!(out, "    {}", fold(&what, 4, 6))?;
    writeln!(out, "      {}", fold(&prose(&refusal.why), 6, 6))
}

/// What is wrong with a policy, without the lines that point at it.
fn print_problem(text: &str, out: &mut impl Write) -> io::Result<()> {
    let first = text.lines().next().unwrap_or_default();
    writeln!(out, "    {}", fold(&prose(first), 4, 4))?;
    writeln!(out, "    hint: see `split-ssh policy check`")
}

fn clean(text: &str) -> String {
    display::ascii(text.as_bytes(), MAX_LINE)
}

fn prose(text: &str) -> String {
    display::prose(text.as_bytes(), MAX_LINE)
}

/// The vault's time on this wall.
pub(super) fn local_time(rfc3339: &str) -> String {
    match rfc3339.parse::<jiff::Timestamp>() {
        Ok(time) => time
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%F %T")
            .to_string(),
        Err(_) => clean(rfc3339),
    }
}
