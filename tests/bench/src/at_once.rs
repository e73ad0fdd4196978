//! Many programs at once: what it takes until all of them are served, and how many are not.

use std::os::unix::net::UnixStream;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use testbed::children::finish;
use testbed::message::{self, Message, sign, sshsig};
use testbed::raw::Connection;
use testbed::ssh::Client;
use testbed::sshd::{Options, Sshd};

use crate::operations::is_wanted;
use crate::process;
use crate::table::Row;
use crate::ways::Way;

/// Real `ssh` logins that begin together.
const LOGINS: usize = 100;
/// Logins one after the other by so many workers, as ansible's forks do it.
const BY_WORKERS: usize = 200;
const WORKERS: usize = 8;
/// Connections that are open together: each lists the keys, and signs when all others have listed.
const AGENTS: usize = 200;
/// Who waits longer for an answer was not served; twice what a client of ours has a connection wait for its turn.
const ANSWER_TIME: Duration = Duration::from_secs(240);
/// Each takes minutes by all ways.
const MOST_ROUNDS: usize = 2;
/// The socat pair shows what a process for each connection costs, in a tenth of the time.
const LEFT_OUT: &str = "guide's pipe";

/// How many of its programs were not served.
type Load = fn(&Taken<'_>) -> usize;

/// A way, and an `ssh` that takes it.
struct Taken<'w> {
    way: &'w Way,
    ssh: Client,
}

/// Measures each load by every way that a program can take, one after the other.
pub fn report(ways: &[Way], rounds: usize) -> String {
    let rounds = rounds.min(MOST_ROUNDS);
    let mut loads: Vec<(String, Load)> = vec![
        (format!("{LOGINS} ssh logins at once"), logins_at_once),
        (
            format!("{BY_WORKERS} ssh logins by {WORKERS} workers"),
            logins_by_workers,
        ),
        (format!("{AGENTS} raw agents at once"), agents_at_once),
    ];
    loads.retain(|(name, _)| is_wanted(name));
    if loads.is_empty() {
        return String::new();
    }
    let world = &ways[0].world;
    let options = Options {
        lines: &["MaxStartups 300", "LoginGraceTime 600"],
        ..Options::default()
    };
    let server = Sshd::start_with(world, &options);
    server.authorize(&ways[0].key);
    let taken = ways
        .iter()
        .filter(|way| !way.is_guard_alone && way.name != LEFT_OUT);
    let taken: Vec<Taken<'_>> = taken
        .map(|way| Taken {
            way,
            ssh: Client::new(world, &way.socket, &[&server]),
        })
        .collect();
    let mut text = format!(
        "\n{rounds} rounds, interleaved; milliseconds until the last one is served; failures of all rounds\n"
    );
    for (name, load) in loads {
        eprintln!("measuring {name} …");
        text += &table(&name, &taken, rounds, load);
    }
    text
}

fn logins_at_once(taken: &Taken<'_>) -> usize {
    in_threads(LOGINS, || usize::from(!taken.logs_in()))
}

fn logins_by_workers(taken: &Taken<'_>) -> usize {
    let begun = AtomicUsize::new(0);
    in_threads(WORKERS, || {
        let mut failed = 0;
        while begun.fetch_add(1, Ordering::Relaxed) < BY_WORKERS {
            failed += usize::from(!taken.logs_in());
        }
        failed
    })
}

fn agents_at_once(taken: &Taken<'_>) -> usize {
    let all_listed = Barrier::new(AGENTS);
    in_threads(AGENTS, || {
        let listed = listed(taken.way);
        all_listed.wait();
        let request = sign(&taken.way.key.blob(), &sshsig("file", &[1; 64]));
        let signature = listed
            .and_then(|mut connection| connection.ask_within(&request, ANSWER_TIME).signature());
        usize::from(signature.is_none())
    })
}

/// A connection that has got its list.
fn listed(way: &Way) -> Option<Connection> {
    let stream = UnixStream::connect(&way.socket).ok()?;
    let mut connection = Connection { stream };
    let answer = connection.ask_within(&Message::of(message::LIST), ANSWER_TIME);
    (answer.number() == Some(message::IDENTITIES)).then_some(connection)
}

impl Taken<'_> {
    fn logs_in(&self) -> bool {
        finish(&mut self.ssh.ssh(&["server", "true"]))
            .status
            .success()
    }
}

/// A row for each way, with ratios to the first.
fn table(name: &str, taken: &[Taken<'_>], rounds: usize, load: Load) -> String {
    let rows = taken.iter().map(|taken| (Row::new(taken.way.name), 0));
    let mut rows: Vec<(Row, usize)> = rows.collect();
    for _ in 0..rounds {
        for (taken, (row, failed)) in taken.iter().zip(&mut rows) {
            row.add(process::measure(|| *failed += load(taken)));
        }
    }
    let direct = rows[0].0.median();
    let mut text = format!(
        "\n{name:<36} {:>8} {:>9} {:>8}\n",
        "median", "x direct", "failed"
    );
    for (taken, (row, failed)) in taken.iter().zip(&rows) {
        let (name, median) = (taken.way.name, row.median());
        let ratio = median / direct;
        text += &format!("  {name:<34} {median:>8.0} {ratio:>9.2} {failed:>8}\n");
    }
    text
}

/// The sum of what so many threads that begin together count.
fn in_threads(count: usize, work: impl Fn() -> usize + Sync) -> usize {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(&work)).collect();
        let counts = threads.into_iter().map(|thread| thread.join().unwrap_or(1));
        counts.sum()
    })
}
