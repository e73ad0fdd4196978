//! Records of a log, for commands that work on all of them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use policy::facts::{Facts, Moment};
use policy::record::Record;

use crate::recorded_facts::judged_facts;

use common::error::Error;
use common::log::read::{self, LogLines};
use common::paths::Paths;

/// Which log a command is to read.
#[derive(Debug, clap::Args)]
pub(super) struct LogArg {
    /// A log file, or the folder of one [default: this vault's own]
    #[arg(value_name = "LOG")]
    log: Option<PathBuf>,
}

impl LogArg {
    /// See [`each_of`].
    ///
    /// # Errors
    /// A log that is not there or cannot be read.
    pub(super) fn each(&self, paths: &Paths, take: impl FnMut(&Record, &str)) -> Result<(), Error> {
        each_of(self.log.as_deref().unwrap_or(&paths.state), take)
    }
}

/// See [`each`]; here it is an error if there is no log.
///
/// # Errors
/// There is no log, or it cannot be read.
fn each_of(log: &Path, take: impl FnMut(&Record, &str)) -> Result<(), Error> {
    match each(log, take)? {
        true => Ok(()),
        false => Err(Error::new(format!("there is no log in {}", log.display()))
            .hint("name a log.jsonl, or the folder that it is in")),
    }
}

/// The facts of a record of the log, and its moment.
///
/// # Errors
/// There is no such record, or it is of no request that the policy judged.
pub(super) fn facts_of(
    seq: u64,
    log: Option<&Path>,
    paths: &Paths,
) -> Result<(Facts, Moment), Error> {
    let log = log.unwrap_or(&paths.state);
    let mut found = None;
    each_of(log, |record, _| {
        if record.seq == seq {
            found = Some(record.clone());
        }
    })?;
    let Some(record) = found else {
        let what = format!("no record of {} has seq {seq}", log.display());
        return Err(Error::new(what).hint("`split-ssh log --json` shows every record's seq"));
    };
    let facts = judged_facts(&record).ok_or_else(|| {
        Error::new(format!("record {seq} does not hold what rules look at"))
            .hint("only a sign request that reached the policy does")
    })?;
    Ok((facts, record.moment()))
}

/// Gives every record of the log (a file, or a folder with its files) with its place (`file:line`) to
/// `take`, oldest first. Lines that are no records of ours are named on standard error and left out.
/// False if there is no log.
///
/// # Errors
/// The log cannot be read, or it holds no record at all: another file was named.
pub(super) fn each(log: &Path, mut take: impl FnMut(&Record, &str)) -> Result<bool, Error> {
    let failed = |error: io::Error| Error::io("read the log", log, &error);
    let opened = match log.is_dir() {
        true => read::open_all(log),
        false => LogLines::open(log).map(|lines| vec![lines]),
    };
    let opened = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Ok(none) if none.is_empty() => return Ok(false),
        opened => opened.map_err(failed)?,
    };
    let mut records = false;
    let mut left_out = Vec::new();
    for mut lines in opened {
        let file = lines.path.display().to_string();
        while let Some(line) = lines.next_line().map_err(failed)? {
            let place = format!("{file}:{}", line.number);
            match line.record() {
                Ok((record, _)) => {
                    records = true;
                    take(&record, &place);
                }
                Err(bad) => left_out.push(format!("{place} {bad}; it is left out")),
            }
            if records {
                warn(&mut left_out);
            }
        }
    }
    if !records && !left_out.is_empty() {
        return Err(
            Error::new(format!("{} holds no record of a vault", log.display())).hint(
                "name a log.jsonl, or the folder that it is in; a policy goes after --policy",
            ),
        );
    }
    Ok(true)
}

fn warn(left_out: &mut Vec<String>) {
    for line in left_out.drain(..) {
        // A closed standard error is nobody's problem.
        drop(writeln!(io::stderr(), "split-ssh: warning: {line}"));
    }
}
