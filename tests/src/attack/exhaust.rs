//! Attack h: use the vault up.

use std::io::Write;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Outcome, Target};
use crate::message::{self, Message};
use crate::raw::{Answer, Connection};
use crate::wait::{DEADLINE, wait_at_most};

/// Calls that a qube sets up at once without trouble.
const AT_ONCE: usize = 8;
/// More connections than the agent may have open.
const SURPLUS: usize = 12;

/// Many connections, each with half a message: the vault's own user is no longer served.
pub fn exhaust_descriptors(target: &mut Target) -> Outcome {
    let limit = target.agent.descriptors.expect("an agent with a limit");
    let connections = usize::try_from(limit).expect("a small number") + SURPLUS;
    let mut held = Vec::new();
    let mut takes_more = true;
    while takes_more && held.len() < connections {
        let mut next: Vec<_> = (0..AT_ONCE).map(|_| target.connect()).collect();
        takes_more = next.iter_mut().all(hold);
        held.extend(next);
    }
    outcome(target.vaults_user_is_served())
}

/// Leaves half a message in a connection. Says `false` if the connection does not lead to an agent: the answer to a
/// request that no agent knows, or a close, shows that it does.
fn hold(connection: &mut Connection) -> bool {
    const PATIENCE: Duration = Duration::from_secs(5);
    let unknown = Message::of(message::EXTENSION).string("none@example.org");
    let half = Message::of(message::SIGN).raw([0; 1000]).framed();
    let answer = connection.ask_within(&unknown, PATIENCE);
    connection.send_bytes(&half[..half.len() / 2]);
    answer != Answer::Silence
}

/// Requests without end from connections that never read a reply.
pub fn flood_without_reading(target: &mut Target) -> Outcome {
    const FLOODS: usize = 20;
    let floods: Vec<Connection> = (0..FLOODS).map(|_| target.connect()).collect();
    let floods: Vec<_> = floods.into_iter().map(flood).collect();
    // The flood has risen when nobody takes any more of it.
    let starved = wait_at_most(2 * DEADLINE, || {
        let has_risen = floods.iter().all(JoinHandle::is_finished);
        let is_served = target.vaults_user_is_served();
        (has_risen || !is_served).then_some(!is_served)
    });
    outcome(starved != Some(true))
}

/// Writes until for a second nothing more is taken, or the connection is closed. The connection stays.
fn flood(connection: Connection) -> JoinHandle<Connection> {
    const STUCK: Duration = Duration::from_secs(1);
    thread::spawn(move || {
        let lists = Message::of(message::LIST).framed().repeat(10_000);
        let mut stream = &connection.stream;
        stream.set_write_timeout(Some(STUCK)).expect("a time-out");
        while stream.write_all(&lists).is_ok() {}
        connection
    })
}

fn outcome(is_served: bool) -> Outcome {
    if is_served {
        Outcome::Missed("owner served as before".to_owned())
    } else {
        Outcome::Reached("owner gets no answer".to_owned())
    }
}
