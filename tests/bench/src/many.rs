//! Many carried connections: the memory of a thousand, and what two hundred busy ones do to one.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use testbed::message::{self, Message, sign, sshsig};
use testbed::raw::Connection;

use crate::process;
use crate::table::{Row, kept};
use crate::ways::Way;

/// What ONLY may ask for.
pub const NAME: &str = "many carried connections";
/// Connections that are open, each with a list that it has got.
const OPEN: usize = 1000;
/// MiB that the client, and the vault, may take for all of them.
const MEMORY: u64 = 40;
/// Connections beside the one that is measured, each of which signs once in every `PAUSE`: a third of what one ssh-agent
/// can do. It signs one after the other, so that more would queue there whatever stands in front.
const BUSY: usize = 200;
const PAUSE: Duration = Duration::from_secs(1);
/// Times its idle p99 that a connection's p99 may be beside the busy ones.
const SLOWER: f64 = 3.0;
/// For the soft limit of open files: each connection takes one here.
const DESCRIPTORS: u64 = 2048;

/// Measures, and says which bounds were kept.
pub fn report(way: &mut Way, rounds: usize) -> String {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        setrlimit(
            Resource::RLIMIT_NOFILE,
            soft.max(DESCRIPTORS).min(hard),
            hard,
        )
        .expect("the soft limit is ours to raise");
    }
    let before: Vec<u64> = way.each_memory();
    let mut open: Vec<Connection> = (0..OPEN).map(|_| listed(&way.socket)).collect();
    let mut text = String::from("\n");
    for ((side, before), after) in ["client", "vault"]
        .iter()
        .zip(before)
        .zip(way.each_memory())
    {
        let (all, more) = (after / 1024, after.saturating_sub(before) / 1024);
        text += &format!(
            "{}: {OPEN} carried connections: {all} MiB in the {side}, {more} of them for the connections, at most {MEMORY}\n",
            kept(all <= MEMORY),
        );
    }
    open.truncate(BUSY);
    let request = sign(&way.key.blob(), &sshsig("file", &[1; 64]));
    let idle = p99(way, &request, rounds);
    let stop = AtomicBool::new(false);
    let busy = thread::scope(|scope| {
        for (number, connection) in open.iter_mut().enumerate() {
            let (request, stop) = (&request, &stop);
            scope.spawn(move || keep_busy(connection, number, request, stop));
        }
        let busy = p99(way, &request, rounds);
        stop.store(true, Ordering::Relaxed);
        busy
    });
    text += &format!(
        "{}: one signature beside {BUSY} connections that sign once a second: p99 {busy:.2} ms, {:.1}x of {idle:.2} ms without \
         them, at most {SLOWER}x\n",
        kept(busy <= idle * SLOWER),
        busy / idle,
    );
    text
}

fn listed(socket: &Path) -> Connection {
    let mut connection = Connection::open(socket);
    let answer = connection.ask(&Message::of(message::LIST));
    assert_eq!(answer.number(), Some(message::IDENTITIES), "the list");
    connection
}

fn p99(way: &mut Way, request: &Message, rounds: usize) -> f64 {
    let mut row = Row::new(way.name);
    for _ in 0..rounds {
        row.add(process::measure(|| signed(&mut way.open, request)));
    }
    row.quantile(0.99)
}

fn signed(connection: &mut Connection, request: &Message) {
    assert!(connection.ask(request).signature().is_some(), "a signature");
}

/// Signs once in every pause, each connection in another part of it.
fn keep_busy(connection: &mut Connection, number: usize, request: &Message, stop: &AtomicBool) {
    let part = u32::try_from(number).unwrap_or(0);
    let mut next = Instant::now() + PAUSE * part / u32::try_from(BUSY).unwrap_or(1);
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        signed(connection, request);
        next += PAUSE;
    }
}
