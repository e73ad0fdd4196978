//! One run that measures, interleaved, the direct agent, the community guide's pipe, a socat pair, and us.
//!
//!     make bench            or: split-ssh-bench [ROUNDS [BEFORE]]
//!
//! BEFORE is an earlier split-ssh, which takes its turns with the one that was built. With ONLY=WORD in the environment only
//! that is measured whose name has that word.

mod adopt;
mod at_once;
mod many;
mod operations;
mod process;
mod table;
mod ways;

use std::path::Path;
use std::time::Duration;

use adopt::ADOPT;
use operations::{OPERATIONS, is_wanted};
use table::Row;
use ways::Ways;

/// Enough for a p99 that means something, in about two minutes.
const ROUNDS: usize = 200;
/// Rounds that are not counted: caches and lazy starts.
const WARM_UP: usize = 3;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (rounds, before) = match words.as_slice() {
        [] => (ROUNDS, None),
        [word, command @ ..] if word == ADOPT => adopt::run(command),
        [word, before @ ..] if before.len() < 2 => {
            let rounds = word.parse().unwrap_or_else(|_| usage());
            (rounds, before.first().map(Path::new))
        }
        _ => usage(),
    };
    let mut ways = Ways::start(before);
    let mut tables = Vec::new();
    for operation in OPERATIONS {
        if !is_wanted(operation.name) {
            continue;
        }
        eprintln!("measuring {} …", operation.name);
        let before: Vec<Duration> = ways.all.iter().map(ways::Way::cpu).collect();
        let mut rows: Vec<Row> = ways.all.iter().map(|way| Row::new(way.name)).collect();
        for round in 0..WARM_UP + rounds {
            for (way, row) in ways.all.iter_mut().zip(&mut rows) {
                if way.is_guard_alone && operation.by_program {
                    continue;
                }
                (operation.prepare)(way);
                let sample = process::measure(|| (operation.run)(way));
                if round >= WARM_UP {
                    row.add(sample);
                }
            }
        }
        for ((way, row), before) in ways.all.iter().zip(&mut rows).zip(before) {
            row.set_daemons(
                (way.cpu() - before) / u32::try_from(WARM_UP + rounds).unwrap_or(u32::MAX),
            );
        }
        rows.retain(|row| !row.is_empty());
        tables.push((operation.name, rows));
    }
    let memory = ways
        .all
        .iter()
        .map(|way| (way.name, way.memory()))
        .collect::<Vec<_>>();
    print!("{}", table::report(rounds, &tables, &memory));
    print!("{}", at_once::report(&ways.all, rounds));
    if is_wanted(many::NAME) {
        eprintln!("measuring {} …", many::NAME);
        let carried = ways.all.iter_mut().find(|way| way.name == ways::CARRIED);
        print!("{}", many::report(carried.expect("it is there"), rounds));
    }
}

fn usage() -> ! {
    eprintln!("usage: split-ssh-bench [ROUNDS [BEFORE]]");
    std::process::exit(2);
}
