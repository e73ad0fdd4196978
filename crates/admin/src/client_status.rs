//! What `split-ssh status` says of the clients of this qube.

use std::os::unix::net::UnixStream;

use policy::display;

use super::fold::indented;
use super::local_time::of_seconds;
use client::status::file::{Status, Trouble};

/// Troubles that are shown, the last ones.
const SHOWN: usize = 5;
/// Characters of the other side's words.
const MAX_MESSAGE: usize = 160;

/// One client's status.
pub fn text(client: &Status) -> String {
    // A connection without a word opens no stream.
    let state = match UnixStream::connect(&client.socket) {
        Ok(_) => "listening",
        Err(_) => "not running",
    };
    let (vault, socket) = (&client.vault, client.socket.display());
    let mut lines = vec![
        format!("client {vault}: {state} at {socket}"),
        format!("  by {}", client.transport),
    ];
    if let Some(merged) = &client.merged {
        lines.push(format!("  merged with others at {}", merged.display()));
    }
    let last = client.last_served;
    let last = last.map(|at| format!(", last {}", of_seconds(at)));
    lines.push(format!(
        "  since {}: {} served{}, {} failed",
        of_seconds(client.since),
        client.served,
        last.unwrap_or_default(),
        client.troubles
    ));
    let live = &client.live;
    if live.keys > 0 {
        lines.push(format!("  keys listed last: {}", live.keys));
    }
    if live.connections + live.calls > 0 {
        lines.push(format!(
            "  now: connections {} ({} carried), calls {}, waiting for their turn {}",
            live.connections, live.carried, live.calls, live.waiting
        ));
    }
    if let Some(late) = &live.late {
        let (since, again) = (of_seconds(late.since), of_seconds(late.ask_again_at));
        let what = format!(
            "NO ANSWER since {since}: lists go on without it, and ask it again from {again} on"
        );
        lines.push(folded(2, &what));
    }
    if live.asking > 0 {
        lines.push(format!(
            "  WAITING FOR YOUR ANSWER IN THE VAULT: {}",
            live.asking
        ));
    }
    for refusal in client.refusals.iter().rev().take(SHOWN) {
        let (time, words) = (of_seconds(refusal.at), refusal.reason.words());
        lines.push(folded(2, &format!("{time}  refused: {words}")));
    }
    if client.waited_in_vain > 0 {
        let number = client.waited_in_vain;
        lines.push(format!("  waited for their turn in vain: {number}"));
    }
    let mut hinted = Vec::new();
    for (trouble, times) in alike(client).into_iter().take(SHOWN) {
        let words = trouble.outcome.words(client.kind);
        let time = of_seconds(trouble.at);
        let times = match times {
            1 => String::new(),
            times => format!(" ({times} times)"),
        };
        lines.push(folded(2, &format!("{time}  {words}{times}")));
        if !trouble.untrusted_said.is_empty() {
            let said = display::prose(trouble.untrusted_said.as_bytes(), MAX_MESSAGE);
            let program = client.kind.program();
            lines.push(folded(4, &format!("{program} said: {said}")));
        }
        let hint = trouble.outcome.hint(client.kind);
        if let Some(hint) = hint.filter(|hint| !hinted.contains(hint)) {
            lines.push(folded(4, &format!("hint: {hint}")));
            hinted.push(hint);
        }
    }
    lines.join("\n") + "\n"
}

/// A line that begins at `column`, and goes on a little more to the right.
fn folded(column: usize, text: &str) -> String {
    indented(text, column, column + 2)
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
