//! What `split-ssh status` says of the clients of this qube.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;

use policy::display;

use super::fold::fold;
use client::status::file::{Live, Status, Trouble};

/// Troubles that are shown, the last ones.
const SHOWN: usize = 5;
/// Characters of the other side's words.
const MAX_MESSAGE: usize = 160;

/// Prints one client's status.
///
/// # Errors
/// `out` cannot be written to.
pub fn print(client: &Status, out: &mut impl Write) -> io::Result<()> {
    // A connection without a word opens no stream.
    let state = if UnixStream::connect(&client.socket).is_ok() {
        "listening"
    } else {
        "not running"
    };
    writeln!(
        out,
        "client {}: {state} at {}",
        client.vault,
        client.socket.display()
    )?;
    writeln!(out, "  by {}", client.transport)?;
    if let Some(merged) = &client.merged {
        writeln!(out, "  merged with others at {}", merged.display())?;
    }
    let last = client
        .last_served
        .map(|at| format!(", last {}", local_time(at)))
        .unwrap_or_default();
    writeln!(
        out,
        "  since {}: {} served{last}, {} failed",
        local_time(client.since),
        client.served,
        client.troubles
    )?;
    let Live {
        connections,
        carried,
        keys,
        asking,
        ref late,
        calls,
        waiting,
    } = client.live;
    if keys > 0 {
        writeln!(out, "  keys listed last: {keys}")?;
    }
    if connections + calls > 0 {
        writeln!(
            out,
            "  now: connections {connections} ({carried} carried), calls {calls}, waiting for their turn {waiting}"
        )?;
    }
    if let Some(late) = late {
        let (since, again) = (local_time(late.since), local_time(late.ask_again_at));
        let words = format!(
            "NO ANSWER since {since}: lists go on without it, and ask it again from {again} on"
        );
        writeln!(out, "  {}", fold(&words, 2, 4))?;
    }
    if asking > 0 {
        writeln!(out, "  WAITING FOR YOUR ANSWER IN THE VAULT: {asking}")?;
    }
    for refusal in client.refusals.iter().rev().take(SHOWN) {
        let (time, words) = (local_time(refusal.at), refusal.reason.words());
        writeln!(
            out,
            "  {}",
            fold(&format!("{time}  refused: {words}"), 2, 4)
        )?;
    }
    if client.waited_in_vain > 0 {
        writeln!(
            out,
            "  waited for their turn in vain: {}",
            client.waited_in_vain
        )?;
    }
    let mut hinted = Vec::new();
    for (trouble, times) in alike(client).into_iter().take(SHOWN) {
        print_trouble(trouble, times, client, out)?;
        let hint = trouble.outcome.hint(client.kind);
        if let Some(hint) = hint.filter(|hint| !hinted.contains(hint)) {
            print_folded(&format!("hint: {hint}"), out)?;
            hinted.push(hint);
        }
    }
    Ok(())
}

/// The last troubles, newest first, and how often each of them was seen: a vault that is off has the same one for each list.
fn alike(client: &Status) -> Vec<(&Trouble, usize)> {
    let mut found: Vec<(&Trouble, usize)> = Vec::new();
    for trouble in client.recent.iter().rev() {
        let is_alike = |(known, _): &&mut (&Trouble, usize)| {
            (&known.outcome, &known.untrusted_said) == (&trouble.outcome, &trouble.untrusted_said)
        };
        match found.iter_mut().find(is_alike) {
            Some((_, times)) => *times += 1,
            None => found.push((trouble, 1)),
        }
    }
    found
}

fn print_trouble(
    trouble: &Trouble,
    times: usize,
    client: &Status,
    out: &mut impl Write,
) -> io::Result<()> {
    let words = trouble.outcome.words(client.kind);
    let time = local_time(trouble.at);
    let times = match times {
        1 => String::new(),
        times => format!(" ({times} times)"),
    };
    writeln!(out, "  {}", fold(&format!("{time}  {words}{times}"), 2, 4))?;
    if trouble.untrusted_said.is_empty() {
        return Ok(());
    }
    let said = display::prose(trouble.untrusted_said.as_bytes(), MAX_MESSAGE);
    print_folded(&format!("{} said: {said}", client.kind.program()), out)
}

fn print_folded(text: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "    {}", fold(text, 4, 6))
}

pub fn local_time(unix: u64) -> String {
    let seconds = i64::try_from(unix).unwrap_or_default();
    match jiff::Timestamp::from_second(seconds) {
        Ok(moment) => moment
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%F %T")
            .to_string(),
        Err(_) => "at an unknown time".to_owned(),
    }
}
