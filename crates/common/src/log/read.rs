//! Reads the lines of a log with a bound on each.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::files;
use super::line::{self, BadLine, MAX_LINE};
use policy::record::Record;

/// A file of the log, open at its first line.
pub struct LogLines {
    pub path: PathBuf,
    reader: BufReader<File>,
    number: usize,
    /// The beginning of a line whose end is not written yet.
    begun: Vec<u8>,
}

/// A line with its place.
pub struct LogLine {
    /// From 1.
    pub number: usize,
    /// With the newline, if it has one. Cut at [`MAX_LINE`], which makes it torn.
    pub bytes: Vec<u8>,
}

impl LogLines {
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
            begun: Vec::new(),
        }
    }

    /// The next line, whole or not; `None` at the end.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<LogLine>> {
        let line = self.next_whole_line()?;
        if line.is_some() || self.begun.is_empty() {
            return Ok(line);
        }
        Ok(Some(self.take()))
    }

    /// The next line that has its end; `None` where there is none yet: call again later.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn next_whole_line(&mut self) -> io::Result<Option<LogLine>> {
        let room = MAX_LINE.saturating_sub(self.begun.len());
        let bound = u64::try_from(room).unwrap_or(u64::MAX);
        self.reader
            .by_ref()
            .take(bound)
            .read_until(b'\n', &mut self.begun)
            .map_err(|error| files::with_path(&self.path, &error))?;
        let is_whole = self.begun.last() == Some(&b'\n') || self.begun.len() >= MAX_LINE;
        Ok(is_whole.then(|| self.take()))
    }

    fn take(&mut self) -> LogLine {
        self.number += 1;
        LogLine {
            number: self.number,
            bytes: mem::take(&mut self.begun),
        }
    }

    /// Which file this is, whatever its name has become; `None` if the system does not say.
    pub fn identity(&self) -> Option<(u64, u64)> {
        let about = self.reader.get_ref().metadata().ok()?;
        Some((about.dev(), about.ino()))
    }

    /// Whether the vault still writes this file; also where that cannot be seen.
    pub fn is_newest(&self, folder: &Path) -> bool {
        match fs::metadata(files::newest(folder)) {
            Ok(about) => Some((about.dev(), about.ino())) == self.identity(),
            Err(_) => true,
        }
    }
}

impl LogLine {
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
pub fn open_all(folder: &Path) -> io::Result<Vec<LogLines>> {
    let opened = files::open_all(folder)?;
    Ok(opened
        .into_iter()
        .map(|(path, file)| LogLines::from_file(path, file))
        .collect())
}
