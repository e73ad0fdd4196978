//! Why the log cannot be opened or written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use common::error;
use common::log::line::{self, TooLong};

/// Why a record is not on disk.
#[derive(Debug)]
pub enum LogError {
    /// Another process holds the log of this folder.
    Busy(PathBuf),
    /// Others could change the log.
    Unsafe { path: PathBuf, why: &'static str },
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// A record beyond [`line::MAX_LINE`] bytes.
    TooLong(usize),
}

impl From<TooLong> for LogError {
    fn from(TooLong(bytes): TooLong) -> Self {
        Self::TooLong(bytes)
    }
}

impl LogError {
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Busy(_) => Some("`split-ssh status` shows it"),
            Self::Unsafe { .. } => {
                Some("it must be a plain one, yours, that nobody else can write")
            }
            Self::Io { .. } | Self::TooLong(_) => None,
        }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(path) => {
                let path = path.display();
                write!(f, "another vault writes the log in {path}")
            }
            Self::Unsafe { path, why } => {
                let path = path.display();
                write!(f, "the log is not safe in {path}: {why}")
            }
            Self::Io {
                doing,
                path,
                source,
            } => {
                let path = path.display();
                let why = error::reason(source);
                write!(f, "{doing} the log {path} failed: {why}")
            }
            Self::TooLong(bytes) => {
                write!(
                    f,
                    "a record of {bytes} bytes is too long for the log, {} at most",
                    line::MAX_LINE
                )
            }
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
