//! `split-ssh log`: the audit log for people.

mod filter;
mod follow;
pub(crate) mod last;
pub(crate) mod noted_heads;
mod show;
mod since;
mod summary;
pub mod verify;

use std::io;
use std::process::ExitCode;

use policy::glob::Glob;

use crate::output::{counted, is_for_people, print};
use common::error::Error;
use common::log::read;
use common::paths::Paths;

use filter::Filter;
use show::Show;
use summary::Summary;
use verify::{LineDamage, LogDamage, verify};

/// Records that `--follow` begins with, unless `--since` says otherwise.
const RECORDS_BEFORE_FOLLOW: usize = 10;

/// Show what was signed, refused and asked, and why
///
/// Records are in the order of their times. All filters can be combined.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep running, and print new records as they come
    #[arg(long, short)]
    follow: bool,

    /// Count for each qube: logins, commits, refusals and hosts
    #[arg(long, conflicts_with = "follow")]
    summary: bool,

    /// Only the last NUMBER records
    #[arg(short = 'n', long = "lines", value_name = "NUMBER")]
    most: Option<usize>,

    /// Only what was refused, denied or went wrong
    #[arg(long)]
    denied: bool,

    /// Only records since midnight
    #[arg(long, conflicts_with = "since")]
    today: bool,

    /// Print JSON: one record a line as stored, or the summary
    #[arg(long)]
    json: bool,

    /// Check that no line was changed, cut short or removed
    #[arg(long, conflicts_with_all = ["follow", "json", "summary", "most",
        "denied", "today", "qube", "key", "host", "since"])]
    verify: bool,

    /// Only records of this qube (`*` and `?` as in rules)
    #[arg(long, value_name = "QUBE", value_parser = Glob::new)]
    qube: Option<Glob>,

    /// Only records of this key: label, comment or fingerprint
    #[arg(long, value_name = "KEY", value_parser = Glob::new)]
    key: Option<Glob>,

    /// Only records of this host: name or fingerprint
    #[arg(long, value_name = "HOST", value_parser = Glob::new)]
    host: Option<Glob>,

    /// Only records since: 15m, yesterday, 19:30, 2026-11-21
    #[arg(long, value_name = "TIME", value_parser = since::parse)]
    since: Option<policy::record::Timestamp>,
}

/// # Errors
/// A log that is not there or cannot be read.
pub fn run(args: Args, paths: &Paths) -> Result<ExitCode, Error> {
    if args.verify {
        return check(paths);
    }
    let mut show = Show {
        json: args.json,
        out_failed: false,
    };
    let filter = Filter {
        qube: args.qube,
        key: args.key,
        host: args.host,
        denied: args.denied,
        since: match args.today {
            true => Some(since::parse("today").map_err(Error::new)?),
            false => args.since,
        },
    };
    let shown = if args.follow {
        let usual = match filter.since {
            Some(_) => usize::MAX,
            None => RECORDS_BEFORE_FOLLOW,
        };
        let before = args.most.unwrap_or(usual);
        follow::follow(&paths.state, &filter, before, &mut show)
    } else {
        past(paths, &filter, args.most, args.summary, &mut show)
    };
    match shown {
        Ok(code) => Ok(code),
        // `split-ssh log | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) if show.out_failed => Err(Error::printing(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(none(paths)),
        Err(error) => Err(Error::new(format!("cannot read the log: {error}"))
            .hint("run this as the vault's user")),
    }
}

fn none(paths: &Paths) -> Error {
    Error::new(format!("there is no log in {}", paths.state.display()))
        .hint("the vault writes it: run this in the vault qube, as its user; `split-ssh status` says whether a vault runs here")
}

/// Shows what there is by now, or counts it. A record of refusals that were counted together is written after
/// younger ones, so the order in the files is not that of the times.
fn past(
    paths: &Paths,
    filter: &Filter,
    most: Option<usize>,
    summary: bool,
    show: &mut Show,
) -> io::Result<ExitCode> {
    let opened = read::open_all(&paths.state)?;
    if opened.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut code = ExitCode::SUCCESS;
    let mut found = Vec::new();
    for mut lines in opened {
        while let Some(line) = lines.next_line()? {
            match show::record(&lines, &line) {
                Ok(Some(record)) if filter.lets(&record) => found.push((record, line)),
                Ok(_) => {}
                Err(_) => code = ExitCode::FAILURE,
            }
        }
    }
    found.sort_by_key(|(record, _)| record.time);
    let skipped = found.len().saturating_sub(most.unwrap_or(usize::MAX));
    let found = found.get(skipped..).unwrap_or_default();
    if summary {
        let summary = Summary::of(found.iter().map(|(record, _)| record));
        show.summary(&summary)?;
    } else {
        if found.is_empty() && is_for_people() {
            eprintln!("no record matches");
        }
        for (record, line) in found {
            show.record(record, line)?;
        }
    }
    Ok(code)
}

fn check(paths: &Paths) -> Result<ExitCode, Error> {
    let heads = noted_heads::noted(&paths.audit_log());
    let whole = verify(&paths.state, &heads)
        .map_err(|broken| Error::new(broken.to_string()).hint(meaning(&broken)))?;
    if whole.files == 0 {
        return Err(none(paths));
    }
    let records = counted(whole.records, "record", "records");
    let files = counted(whole.files, "file", "files");
    let rotated = match whole.first {
        0 | 1 => String::new(),
        first => format!("; records 1 to {} were rotated away", first - 1),
    };
    let heads = match whole.heads {
        0 => {
            "the journal has no head to compare with: records cut from the end would not be missed"
                .to_owned()
        }
        1 => "1 head in the journal agrees".to_owned(),
        heads => format!("{heads} heads in the journal agree"),
    };
    print(&format!(
        "{records} in {files}: all as written{rotated}\n{heads}\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn meaning(broken: &LogDamage) -> &'static str {
    match broken {
        LogDamage::Unreadable(_) => "run this as the vault's user",
        LogDamage::Line {
            what: LineDamage::Rewritten { .. },
            ..
        }
        | LogDamage::Cut { .. } => {
            "if you removed the log yourself, its heads stay in the journal until that is rotated"
        }
        LogDamage::Line { .. } => "the records before that place are as they were written",
    }
}
