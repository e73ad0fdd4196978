//! Attack h: use the vault up.

use std::thread;
use std::time::{Duration, Instant};

use wire::request::{Request, SignRequest};

use super::{Outcome, Target};
use crate::demo::agent::Connection;
use common::error::Error;

/// More than the demo's agents may have open.
const CONNECTIONS: usize = 32;
/// The attack has built up when no process comes or goes for so many looks.
const QUIET_LOOKS: usize = 30;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// A slow machine starts three processes a connection in less.
const LONGEST: Duration = Duration::from_secs(20);

/// Many connections, each with half a message: the vault's own user is no longer served.
pub(super) fn use_up_connections(target: &mut Target<'_>) -> Result<Outcome, Error> {
    let message = Request::Sign(SignRequest {
        key: &[0; 1000],
        data: &[],
        flags: 0,
    });
    let whole = wire::frame::encode(&message.rebuild());
    let half = whole.get(..whole.len() / 2).unwrap_or_default();
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let Ok(mut connection) = Connection::open(&target.socket) else {
            break;
        };
        // Whoever is not let in is not held either.
        let _ = connection.send(half);
        held.push(connection);
    }
    let end = Instant::now() + LONGEST;
    let (mut processes, mut quiet) = (0, 0);
    while quiet < QUIET_LOOKS && Instant::now() < end {
        if target.agent.keys().is_none() {
            return Ok(Outcome::Reached("owner gets no answer".to_owned()));
        }
        let now = target.world.processes();
        quiet = if now == processes { quiet + 1 } else { 0 };
        processes = now;
        thread::sleep(BETWEEN_LOOKS);
    }
    Ok(Outcome::Missed("owner served as before".to_owned()))
}
