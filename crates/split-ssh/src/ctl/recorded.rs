//! Records of a log, for commands that work on all of them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use policy::record::Record;

use crate::error::Error;
use crate::log::read::{self, Lines};
use crate::paths::Paths;

/// Which log a command is to read.
#[derive(Debug, clap::Args)]
pub(super) struct LogArg {
    /// A log file, or the folder of one [default: this vault's own]
    #[arg(value_name = "LOG")]
    log: Option<PathBuf>,
}

impl LogArg {
    /// See [`each`].
    ///
    /// # Errors
    /// A log that is not there or cannot be read.
    pub(super) fn each(&self, paths: &Paths, take: impl FnMut(&Record, &str)) -> Result<(), Error> {
        let log = self.log.as_deref().unwrap_or(&paths.state);
        if each(log, take)? {
            return Ok(());
        }
        Err(Error::new(format!("there is no log in {}", log.display()))
            .hint("name a log.jsonl, or the folder that it is in"))
    }
}

/// Gives every record of the log (a file, or a folder with its files) with its place (`file:line`) to
/// `take`, oldest first. Lines that are no records of ours are named on standard error and left out.
/// False if there is no log.
///
/// # Errors
/// A log that cannot be read.
pub(super) fn each(log: &Path, mut take: impl FnMut(&Record, &str)) -> Result<bool, Error> {
    let failed = |error: io::Error| Error::io("read the log", log, &error);
    let opened = match open(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened.map_err(failed)?,
    };
    let is_there = !opened.is_empty();
    for mut lines in opened {
        let file = lines.path.display().to_string();
        while let Some(line) = lines.next_line().map_err(failed)? {
            let place = format!("{file}:{}", line.number);
            match line.record() {
                Ok((record, _)) => take(&record, &place),
                Err(bad) => drop(writeln!(
                    io::stderr(),
                    "split-ssh: warning: {place} {bad}; it is left out"
                )),
            }
        }
    }
    Ok(is_there)
}

fn open(log: &Path) -> io::Result<Vec<Lines>> {
    if log.is_dir() {
        read::open_all(log)
    } else {
        Ok(vec![Lines::open(log)?])
    }
}
