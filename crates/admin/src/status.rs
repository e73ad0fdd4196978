//! `split-ssh status`: what runs on this machine, and the last refusals with their reasons.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use policy::display;

use super::client_status;
use super::fold::indented;
use super::local_time;
use super::output::{self, MAX_LINE, counted, prose};
use crate::control_socket;
use client::status::file;
use common::control::{Connected, RefusedRequest, VaultStatus};
use common::error::Error;
use common::paths::Paths;
use common::stdio_failure::StdioFailure;

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
    let clears = args.follow && !args.json && io::stdout().is_terminal();
    let mut last = String::new();
    loop {
        let status = read(paths)?;
        let text = match (args.json, args.follow) {
            (true, true) => {
                let line = serde_json::to_string(&status);
                line.map_err(|error| Error::new(error.to_string()))? + "\n"
            }
            (true, false) => output::json(&status)?,
            (false, _) => text(&status),
        };
        if text != last {
            let clear = if clears { CLEAR } else { "" };
            output::print(&format!("{clear}{text}"))?;
        }
        if !args.follow {
            let has_any = status.vault.is_some() || !status.clients.is_empty();
            return Ok(output::exit_code(has_any));
        }
        last = text;
        thread::sleep(PAUSE);
    }
}

fn read(paths: &Paths) -> Result<Status, Error> {
    Ok(Status {
        vault: control_socket::status(paths),
        stdio_failure: StdioFailure::last(&paths.state),
        clients: file::read_all(&paths.client_runtime())
            .map_err(|error| Error::io("read", &paths.client_runtime(), &error))?,
    })
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    if let Some(vault) = &status.vault {
        add_vault(vault, &mut text);
    }
    if let Some(failure) = &status.stdio_failure {
        let time = local_time::of_seconds(failure.at);
        text += &format!("the last call by `vault --stdio` that came to nothing, {time}:\n");
        add_folded(&failure.what, 2, &mut text);
        if let Some(hint) = &failure.hint {
            add_folded(&format!("hint: {hint}"), 2, &mut text);
        }
    }
    for client in &status.clients {
        text += &client_status::text(client);
    }
    if status.vault.is_none() && status.clients.is_empty() {
        text += "neither a vault nor a client runs here\n  \
                 start one: `split-ssh vault` or `split-ssh client`\n  \
                 look for trouble: `split-ssh doctor`\n";
    }
    text
}

fn add_vault(status: &VaultStatus, text: &mut String) {
    let streams = match status.streams {
        0 => "no open stream".to_owned(),
        many => counted(many, "open stream", "open streams"),
    };
    let since = local_time::of_text(&status.started);
    *text += &format!("vault: running since {since}, {streams}\n");
    match (&status.broken, &status.stale) {
        (Some(broken), _) => {
            *text += "  policy   BROKEN, everything is refused:\n";
            add_problem(broken, text);
        }
        (None, Some(stale)) => {
            *text += "  policy   the last good one holds; what is on disk is broken:\n";
            add_problem(stale, text);
        }
        (None, None) if status.policy_files.is_empty() => {
            *text += "  policy   the shipped one: every login and sshsig is asked about\n";
        }
        (None, None) => {
            let files = clean(&status.policy_files.join(", "));
            *text += &format!("  policy   {files}\n");
        }
    }
    if !status.unreadable_revocations.is_empty() {
        *text += "  hosts    A REVOCATION CANNOT BE READ:\n";
    }
    for line in &status.unreadable_revocations {
        add_folded(line, 4, text);
    }
    for connected in &status.connected {
        let (qube, calls) = (clean(&connected.qube), connections(connected));
        *text += &format!("  calls    {qube}: {calls}\n");
    }
    *text += &format!("  asks by  {}\n", status.prompt.asks_by);
    match &status.log_trouble {
        None => *text += &format!("  log      {}\n", clean(&status.log)),
        Some(trouble) => {
            *text += "  log      CANNOT BE WRITTEN, everything is refused:\n";
            add_folded(trouble, 4, text);
        }
    }
    for sandbox in &status.sandboxes {
        *text += &format!("  sandbox  {}\n", crate::serve::line(sandbox).trim_end());
    }
    match (status.refusals.is_empty(), &status.log_trouble) {
        (false, _) => *text += "  last refusals, newest first:\n",
        (true, None) => *text += "  nothing was refused since it started\n",
        (true, Some(_)) => {}
    }
    for refusal in &status.refusals {
        add_refusal(refusal, text);
    }
}

pub(crate) fn connections(connected: &Connected) -> String {
    let calls = counted(connected.calls, "connection", "connections");
    match connected.carried {
        0 => calls,
        1 => format!("{calls}, with 1 more inside"),
        carried => format!("{calls}, with {carried} more inside"),
    }
}

fn add_refusal(refusal: &RefusedRequest, text: &mut String) {
    let qube = refusal.qube.as_deref();
    let qube = qube.map_or_else(String::new, |qube| format!("  {}", clean(qube)));
    let time = local_time::of_text(&refusal.time);
    let times = match refusal.times {
        1 => String::new(),
        times => format!(" ({times} times)"),
    };
    let what = format!("{time}{qube}  {}{times}", prose(refusal.what.trim_end()));
    *text += &(indented(&what, 4, 6) + "\n");
    add_folded(&refusal.why, 6, text);
}

/// What is wrong with a policy, without the lines that point at it.
fn add_problem(problem: &str, text: &mut String) {
    add_folded(problem.lines().next().unwrap_or_default(), 4, text);
    *text += "    hint: see `split-ssh policy check`\n";
}

/// A sentence at `column`, where all its lines begin.
fn add_folded(sentence: &str, column: usize, text: &mut String) {
    *text += &(indented(&prose(sentence), column, column) + "\n");
}

fn clean(text: &str) -> String {
    display::ascii(text.as_bytes(), MAX_LINE)
}
