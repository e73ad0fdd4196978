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
        why: BadLine,
    },
    /// Records `from..=to` should stand before this line.
    Missing {
        file: PathBuf,
        line: usize,
        from: u64,
        to: u64,
    },
    /// A line that stands in another's place.
    Misplaced {
        file: PathBuf,
        line: usize,
        seq: u64,
    },
    /// Each line is whole, but this one was written behind another one than the one before it.
    Unchained {
        file: PathBuf,
        line: usize,
    },
    /// The journal remembers another line.
    Rewritten {
        file: PathBuf,
        line: usize,
        seq: u64,
    },
    /// The journal remembers records `from..=to` at the end.
    Cut {
        from: u64,
        to: u64,
    },
}

/// Times that a torn last line is read again: the vault may be writing it.
const TRIES: usize = 3;

/// Checks the log in `folder`, and compares it with `heads` from the journal.
///
/// # Errors
/// The first line that was changed, is missing or is torn.
pub fn verify(folder: &Path, heads: &[Head]) -> Result<VerifiedLog, LogDamage> {
    let mut found = walk(folder, heads);
    for _ in 1..TRIES {
        if !matches!(
            found,
            Err(LogDamage::Line {
                why: BadLine::Torn,
                ..
            })
        ) {
            break;
        }
        found = walk(folder, heads);
    }
    found
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
            let (file, number) = (lines.path.clone(), line.number);
            let (record, hash) = line.record().map_err(|why| LogDamage::Line {
                file: file.clone(),
                line: number,
                why,
            })?;
            if whole.records == 0 && may_begin_late {
                whole.first = record.seq;
            } else if record.seq > last.seq + 1 {
                return Err(LogDamage::Missing {
                    file,
                    line: number,
                    from: last.seq + 1,
                    to: record.seq - 1,
                });
            } else if record.seq <= last.seq {
                return Err(LogDamage::Misplaced {
                    file,
                    line: number,
                    seq: record.seq,
                });
            } else if record.previous != last.hash {
                return Err(LogDamage::Unchained { file, line: number });
            }
            for head in heads.iter().filter(|head| head.seq == record.seq) {
                if head.hash != hash {
                    return Err(LogDamage::Rewritten {
                        file,
                        line: number,
                        seq: record.seq,
                    });
                }
                whole.heads += 1;
            }
            whole.records += 1;
            last = Head {
                seq: record.seq,
                hash,
            };
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
            Self::Line { file, line, why } => write!(f, "{}:{line} {why}", file.display()),
            Self::Missing {
                file,
                line,
                from,
                to,
            } => {
                write!(
                    f,
                    "{}:{line} {} missing before this line",
                    file.display(),
                    records(*from, *to)
                )
            }
            Self::Misplaced { file, line, seq } => {
                write!(
                    f,
                    "{}:{line} is out of place: record {seq} came before",
                    file.display()
                )
            }
            Self::Unchained { file, line } => {
                write!(
                    f,
                    "{}:{line} does not follow the line before: one of them was exchanged",
                    file.display()
                )
            }
            Self::Rewritten { file, line, seq } => {
                write!(
                    f,
                    "{}:{line} was exchanged: the journal remembers another record {seq}",
                    file.display()
                )
            }
            Self::Cut { from, to } => {
                write!(
                    f,
                    "{} missing at the end: the journal remembers more",
                    records(*from, *to)
                )
            }
        }
    }
}

fn records(from: u64, to: u64) -> String {
    if from == to {
        format!("record {from} is")
    } else {
        format!("records {from} to {to} are")
    }
}

impl std::error::Error for LogDamage {}
