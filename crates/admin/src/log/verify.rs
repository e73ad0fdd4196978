//! Walks the chain over all files of a log and names the first line that is not as it was written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use common::log::files::{self, MAX_OLD_FILES};
use common::log::heads::Head;
use common::log::line::{BadLine, FIRST_PREVIOUS_HASH};
use common::log::read;

/// A log that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedLog {
    pub records: u64,
    pub files: usize,
    /// The oldest record that is kept; 1 if none was rotated away.
    pub first: u64,
    /// Heads of the journal that the log was compared with.
    pub heads: usize,
}

/// The first damage that verifying finds.
#[derive(Debug)]
pub enum LogDamage {
    Unreadable(io::Error),
    Line {
        file: PathBuf,
        line: usize,
        what: LineDamage,
    },
    /// The journal remembers records `from..=to` at the end.
    Cut {
        from: u64,
        to: u64,
    },
}

/// What is wrong with a line.
#[derive(Debug)]
pub enum LineDamage {
    Bad(BadLine),
    /// Records `from..=to` should stand before it.
    Missing {
        from: u64,
        to: u64,
    },
    /// It stands in another's place.
    Misplaced {
        seq: u64,
    },
    /// Each line is whole, but this one was written behind another one than the one before it.
    Unchained,
    /// The journal remembers another line.
    Rewritten {
        seq: u64,
    },
}

/// Times that a torn last line is read again: the vault may be writing it.
const TRIES: usize = 3;

/// Checks the log in `folder`, and compares it with `heads` from the journal.
///
/// # Errors
/// The first line that was changed, is missing or is torn.
pub fn verify(folder: &Path, heads: &[Head]) -> Result<VerifiedLog, LogDamage> {
    for _ in 1..TRIES {
        match walk(folder, heads) {
            Err(LogDamage::Line {
                what: LineDamage::Bad(BadLine::Torn),
                ..
            }) => {}
            found => return found,
        }
    }
    walk(folder, heads)
}

fn walk(folder: &Path, heads: &[Head]) -> Result<VerifiedLog, LogDamage> {
    let opened = read::open_all(folder).map_err(LogDamage::Unreadable)?;
    let mut whole = VerifiedLog {
        records: 0,
        files: opened.len(),
        first: 1,
        heads: 0,
    };
    // Only a full set of files was rotated: then the beginning may be gone.
    let may_begin_late = opened
        .first()
        .is_some_and(|lines| lines.path == files::kept(folder, MAX_OLD_FILES));
    let mut last = Head {
        seq: 0,
        hash: FIRST_PREVIOUS_HASH.to_owned(),
    };
    for mut lines in opened {
        while let Some(line) = lines.next_line().map_err(LogDamage::Unreadable)? {
            let damaged = |what| LogDamage::Line {
                file: lines.path.clone(),
                line: line.number,
                what,
            };
            let record = line.record();
            let (record, hash) = record.map_err(|bad| damaged(LineDamage::Bad(bad)))?;
            let seq = record.seq;
            if whole.records == 0 && may_begin_late {
                whole.first = seq;
            } else if seq > last.seq + 1 {
                let (from, to) = (last.seq + 1, seq - 1);
                return Err(damaged(LineDamage::Missing { from, to }));
            } else if seq <= last.seq {
                return Err(damaged(LineDamage::Misplaced { seq }));
            } else if record.previous != last.hash {
                return Err(damaged(LineDamage::Unchained));
            }
            for head in heads.iter().filter(|head| head.seq == seq) {
                if head.hash != hash {
                    return Err(damaged(LineDamage::Rewritten { seq }));
                }
                whole.heads += 1;
            }
            whole.records += 1;
            last = Head { seq, hash };
        }
    }
    match heads.iter().map(|head| head.seq).max() {
        Some(noted) if noted > last.seq => Err(LogDamage::Cut {
            from: last.seq + 1,
            to: noted,
        }),
        _ => Ok(whole),
    }
}

impl fmt::Display for LogDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "the log cannot be read: {error}"),
            Self::Line { file, line, what } => write!(f, "{}:{line} {what}", file.display()),
            Self::Cut { from, to } => {
                let records = records(*from, *to);
                write!(
                    f,
                    "{records} missing at the end: the journal remembers more"
                )
            }
        }
    }
}

impl fmt::Display for LineDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(bad) => write!(f, "{bad}"),
            Self::Missing { from, to } => {
                write!(f, "{} missing before this line", records(*from, *to))
            }
            Self::Misplaced { seq } => write!(f, "is out of place: record {seq} came before"),
            Self::Unchained => {
                f.write_str("does not follow the line before: one of them was exchanged")
            }
            Self::Rewritten { seq } => {
                write!(
                    f,
                    "was exchanged: the journal remembers another record {seq}"
                )
            }
        }
    }
}

fn records(from: u64, to: u64) -> String {
    match from == to {
        true => format!("record {from} is"),
        false => format!("records {from} to {to} are"),
    }
}

impl std::error::Error for LogDamage {}
