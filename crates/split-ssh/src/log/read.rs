//! Reads the lines of a log with a bound on each.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::files;
use super::line::{self, BadLine, MAX_LINE};
use policy::record::Record;

/// A file of the log, open at its first line.
pub struct Lines {
    pub path: PathBuf,
    reader: BufReader<File>,
    number: usize,
}

/// A line with its place.
pub struct Line {
    /// From 1.
    pub number: usize,
    /// With the newline, if it has one. Cut at [`MAX_LINE`], which makes it torn.
    pub bytes: Vec<u8>,
}

impl Lines {
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::from_file(path.to_owned(), File::open(path)?))
    }

    pub(super) fn from_file(path: PathBuf, file: File) -> Self {
        Self {
            path,
            reader: BufReader::new(file),
            number: 0,
        }
    }

    /// The next line; `None` at the end. Call again later for lines that were added since.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let bound = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
        if self
            .reader
            .by_ref()
            .take(bound)
            .read_until(b'\n', &mut bytes)?
            == 0
        {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(Line {
            number: self.number,
            bytes,
        }))
    }
}

impl Line {
    /// # Errors
    /// A line that the log did not write so.
    pub fn record(&self) -> Result<(Record, String), BadLine> {
        line::decode(&self.bytes)
    }
}

/// The files of the log in `folder`, oldest first, opened so that a rotation in between hides none.
///
/// # Errors
/// A file that is there and cannot be opened.
pub fn open_all(folder: &Path) -> io::Result<Vec<Lines>> {
    let opened = files::open_all(folder)?;
    Ok(opened
        .into_iter()
        .map(|(path, file)| Lines::from_file(path, file))
        .collect())
}
