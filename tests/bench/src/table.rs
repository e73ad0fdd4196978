//! The report.

use std::fmt::Write;
use std::time::Duration;

use crate::operations::{
    BIND_AND_SIGN, COMMIT, COMMIT_WITH_CONTENT, CONNECT_AND_LIST, SIGN_ON_OPEN,
};
use crate::process::Sample;
use crate::ways::{BEFORE, CARRIED, GUARD_ALONE, NOW};

/// One way's measurements of one operation.
pub struct Row {
    name: &'static str,
    walls: Vec<Duration>,
    children: Duration,
    daemons: Duration,
}

impl Row {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            walls: Vec::new(),
            children: Duration::ZERO,
            daemons: Duration::ZERO,
        }
    }

    pub fn add(&mut self, sample: Sample) {
        self.walls.push(sample.wall);
        self.children += sample.children;
    }

    /// This way cannot do it.
    pub fn is_empty(&self) -> bool {
        self.walls.is_empty()
    }

    /// CPU time per run of all that was not started for the run.
    pub fn set_daemons(&mut self, cpu: Duration) {
        self.daemons = cpu;
    }

    pub fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.walls.clone();
        sorted.sort_unstable();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let index = (part * (sorted.len() - 1) as f64).round() as usize;
        milliseconds(sorted[index])
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    fn cpu(&self) -> f64 {
        milliseconds(self.children / u32::try_from(self.walls.len()).unwrap_or(1) + self.daemons)
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

type Table = (&'static str, Vec<Row>);

/// The whole report. Ratios are of medians, to the first row.
pub fn report(rounds: usize, tables: &[Table], memory: &[(&str, u64)]) -> String {
    let mut text =
        format!("{rounds} rounds, interleaved; milliseconds; CPU of all processes per run\n");
    for (operation, rows) in tables {
        let direct = rows[0].median();
        let _ = writeln!(
            text,
            "\n{operation:<36} {:>8} {:>8} {:>9} {:>8}",
            "median", "p99", "x direct", "CPU"
        );
        for row in rows {
            let (name, median, p99, cpu) = (row.name, row.median(), row.quantile(0.99), row.cpu());
            let _ = writeln!(
                text,
                "  {name:<34} {median:>8.2} {p99:>8.2} {:>9.2} {cpu:>8.2}",
                median / direct
            );
        }
    }
    let _ = writeln!(text, "\n{:<36} {:>8}", "memory, one connection open", "MiB");
    for (name, kibibytes) in memory {
        let mebibytes = kibibytes / 1024;
        let _ = writeln!(text, "  {name:<34} {mebibytes:>8}");
    }
    text.push_str(&bounds(tables));
    text
}

/// Two medians of the same program differ by so much.
const NOISE: f64 = 0.03;
/// Milliseconds that a commit's content may cost.
const CONTENT_ADDS: f64 = 2.0;

/// What we promise of ourselves, and whether this run kept it.
fn bounds(tables: &[Table]) -> String {
    let mut text = String::from("\n");
    for (operation, rows) in tables {
        let row = |name: &str| rows.iter().find(|row| row.name == name);
        let socat = match *operation {
            CONNECT_AND_LIST => 0.8,
            _ => 1.0,
        };
        let direct = (*operation == SIGN_ON_OPEN).then_some(("direct agent", 1.15));
        let carried = row(CARRIED).filter(|_| *operation == CONNECT_AND_LIST);
        for (other, bound) in [("socat pair", 0.10), ("direct agent", 3.0)] {
            let (Some(us), Some(them)) = (carried, row(other)) else {
                continue;
            };
            let ratio = us.median() / them.median();
            let word = kept(ratio <= bound * (1.0 + NOISE));
            let _ = writeln!(
                text,
                "{word}: {operation}, carried: {ratio:.2}x of {other}, at most {bound}x"
            );
        }
        let beside = [("socat pair", socat), (BEFORE[1], 1.0)];
        for (other, bound) in beside.into_iter().chain(direct) {
            let (Some(us), Some(them)) = (row(NOW[1]), row(other)) else {
                continue;
            };
            let ratio = us.median() / them.median();
            let word = kept(ratio <= bound + NOISE);
            let _ = writeln!(
                text,
                "{word}: {operation}: {ratio:.2}x of {other}, at most {bound}x"
            );
        }
    }
    for (name, operation, bound) in [
        (GUARD_ALONE, SIGN_ON_OPEN, 0.10),
        (GUARD_ALONE, BIND_AND_SIGN, 0.25),
        (CARRIED, SIGN_ON_OPEN, 0.15),
    ] {
        let mut tables = tables.iter();
        let rows = tables.find(|(name, _)| *name == operation);
        let rows = rows.map(|(_, rows)| rows);
        let ours = rows.and_then(|rows| rows.iter().find(|row| row.name == name));
        let (Some(ours), Some(direct)) = (ours, rows.and_then(|rows| rows.first())) else {
            continue;
        };
        let added = ours.median() - direct.median();
        let word = kept(added <= bound);
        let _ = writeln!(
            text,
            "{word}: {name} adds {added:.2} ms to {operation}, at most {bound:.2}"
        );
    }
    let commit = |operation: &str| {
        let (_, rows) = tables.iter().find(|(name, _)| *name == operation)?;
        rows.iter().find(|row| row.name == NOW[1]).map(Row::median)
    };
    if let (Some(without), Some(with)) = (commit(COMMIT), commit(COMMIT_WITH_CONTENT)) {
        let added = with - without;
        let word = kept(added <= CONTENT_ADDS);
        let _ = writeln!(
            text,
            "{word}: its content adds {added:.2} ms to a commit, at most {CONTENT_ADDS:.2}"
        );
    }
    text
}

/// Whether a bound was kept, in a word.
pub fn kept(is_kept: bool) -> &'static str {
    if is_kept { "kept" } else { "missed" }
}
