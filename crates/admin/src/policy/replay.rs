//! `split-ssh policy replay`: judges a log again by another policy and shows what would change.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use policy::display;
use policy::judgement::{Judgement, Verdict};
use policy::rate::RateCounter;
use policy::record::Record;
use policy::rules::Policy;

use super::tried::with_known_hosts;
use crate::fold::fit;
use crate::output;
use crate::recorded::LogArg;
use crate::recorded_facts::judged_facts;
use common::error::Error;
use common::paths::Paths;
use policy::record::sentence::Sentence;

/// Characters of a judgement's reason.
const MAX_REASON: usize = 240;
/// Blanks before what goes on from the line above, on a terminal.
const CONTINUATION_INDENT: usize = 6;

/// Judge the requests of a log again: what would another policy decide?
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    log: LogArg,

    /// The policy file to try [default: the policy in force]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// # Errors
/// A policy or a log that cannot be read.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let policy = with_known_hosts(args.policy.as_deref(), paths)?;
    let mut replay = Replay::new(policy);
    let say = |line: &str| output::say(fit(line, 0, CONTINUATION_INDENT));
    args.log.each(paths, |record, place| {
        if let Some((was, now)) = replay.again(record) {
            say(&format!("{place}  {}", line(record, was, &now)));
        }
    })?;
    replay.sum().lines().for_each(say);
    Ok(ExitCode::SUCCESS)
}

/// A policy on its way through a log.
struct Replay {
    policy: Policy,
    rates: RateCounter,
    same: u64,
    changed: BTreeMap<(Verdict, Verdict), u64>,
    /// Sign requests that do not hold all that a rule looks at.
    unknown: u64,
}

impl Replay {
    fn new(policy: Policy) -> Self {
        Self {
            policy,
            rates: RateCounter::default(),
            same: 0,
            changed: BTreeMap::new(),
            unknown: 0,
        }
    }

    /// Judges a record again; what was, and what is now, if that is another verdict. Those that no policy was asked about
    /// are passed over.
    fn again(&mut self, record: &Record) -> Option<(Verdict, Judgement)> {
        let was = record.verdict?;
        record.kind?;
        let Some(facts) = judged_facts(record) else {
            self.unknown += 1;
            return None;
        };
        let moment = record.moment();
        let judgement = self.policy.judge(&facts, &moment, &self.rates);
        for _ in 0..record.times() {
            self.policy
                .count(&judgement, &facts.caller, &moment, &mut self.rates);
        }
        if judgement.verdict() == was {
            self.same += 1;
            return None;
        }
        *self.changed.entry((was, judgement.verdict())).or_default() += 1;
        Some((was, judgement))
    }

    fn sum(&self) -> String {
        let changed: u64 = self.changed.values().sum();
        let all = self.same + changed;
        let mut text = format!("{all} sign requests judged again: {changed} change");
        let each = self
            .changed
            .iter()
            .map(|((was, now), number)| format!("{number} from {} to {}", was.word(), now.word()));
        let each: Vec<String> = each.collect();
        if !each.is_empty() {
            text += &format!(" ({})", each.join(", "));
        }
        let unknown = self.unknown;
        if unknown > 0 {
            text += &format!("\n{unknown} hold a text that was cut, and were not judged");
        }
        text
    }
}

/// A request that the policy decides otherwise.
fn line(record: &Record, was: Verdict, now: &Judgement) -> String {
    let qube = display::ascii(record.qube.as_deref().unwrap_or("-").as_bytes(), MAX_REASON);
    let place = now.rule().map(|rule| format!(", at {}", rule.place));
    let why = format!("{}{}", now.reason(), place.unwrap_or_default());
    let why = display::prose(why.as_bytes(), MAX_REASON);
    let (time, what) = (record.time, Sentence::of(record).what);
    let (was, now) = (was.word(), now.verdict().word());
    format!("{time}  {qube}  {was} -> {now}  {what}: {why}")
}
