//! Reads the lines of a log with a bound on each.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::iter;
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::files::{self, MAX_OLD_FILES};
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
        Ok(Self {
            path: path.to_owned(),
            reader: BufReader::new(File::open(path)?),
            number: 0,
            begun: Vec::new(),
        })
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
            .map_err(|error| with_path(&self.path, &error))?;
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

/// The files of the log in `folder`, oldest first. They are opened from the newest on: a rotation in between can show one
/// twice, which is dropped here, but hides none.
///
/// # Errors
/// A file that is there and cannot be opened.
pub fn open_all(folder: &Path) -> io::Result<Vec<LogLines>> {
    let kept = (1..=MAX_OLD_FILES).map(|number| files::kept(folder, number));
    let mut opened: Vec<LogLines> = Vec::new();
    for path in iter::once(files::newest(folder)).chain(kept) {
        let lines = match LogLines::open(&path) {
            Ok(lines) => lines,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(with_path(&path, &error)),
        };
        let is_it = |other: &LogLines| other.identity() == lines.identity();
        if !opened.iter().any(is_it) {
            opened.push(lines);
        }
    }
    opened.reverse();
    Ok(opened)
}

/// The error with the file that it is about.
fn with_path(path: &Path, error: &io::Error) -> io::Error {
    let text = format!("{}: {}", path.display(), crate::error::reason(error));
    io::Error::new(error.kind(), text)
}
