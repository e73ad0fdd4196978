//! The end of the log, where the next line goes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use policy::record::Record;

use super::error::failed;
use super::locked_dir::LockedLogDir;
use common::error::Error;
use common::log::heads::Head;
use common::log::line::{self, FIRST_PREVIOUS_HASH, MAX_LINE, TooLong};
use common::log::read::LogLines;

/// The open file and the last line's place in the chain.
pub(super) struct LogTail {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines in the file.
    len: u64,
    last: Head,
    /// False after a failure from which the file must be read again.
    pub(super) is_whole: bool,
    /// Kept between lines for its room.
    line: Vec<u8>,
}

/// What a file ends in.
#[derive(Default)]
struct FileEnd {
    last: Option<Head>,
    whole: u64,
    torn: u64,
    /// The last whole line is not as the log wrote it.
    odd: bool,
}

impl LogTail {
    /// Finds the end, cuts off a half-written line, and says what was repaired. The chain goes on from
    /// `written`, the last line that this process wrote, whatever became of it since.
    pub(super) fn find(
        dir: &LockedLogDir,
        written: Option<&Head>,
    ) -> Result<(Self, Option<String>), Error> {
        let path = dir.newest();
        let file = dir.open_newest()?;
        let end = end_of(&path)?;
        let mut repairs = Vec::new();
        if end.torn > 0 {
            file.set_len(end.whole)
                .map_err(|source| failed("mending", &path, &source))?;
            repairs.push(format!(
                "a half-written line of {} bytes was cut off",
                end.torn
            ));
        }
        if end.odd {
            repairs.push("the line before was changed; see `split-ssh log --verify`".to_owned());
        }
        let mut last = written.cloned().or(end.last);
        if let (None, Some(before)) = (&last, dir.before_newest()) {
            last = end_of(&before)?.last;
        }
        let last = last.unwrap_or_else(|| Head {
            seq: 0,
            hash: FIRST_PREVIOUS_HASH.to_owned(),
        });
        let tail = Self {
            path,
            file,
            len: end.whole,
            last,
            is_whole: true,
            line: Vec::new(),
        };
        Ok((tail, (!repairs.is_empty()).then(|| repairs.join("; "))))
    }

    /// The last line, from which the chain goes on.
    pub(super) fn last(&self) -> &Head {
        &self.last
    }

    /// What somebody else has done to the file since the last line. A line that is appended to a file
    /// without a name would be lost, and one behind half a line could not be read.
    pub(super) fn tampering(&self) -> Option<&'static str> {
        let ours = self.file.metadata().ok()?;
        let named = fs::symlink_metadata(&self.path);
        if !named.is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino())) {
            Some("log.jsonl was moved away or removed")
        } else if ours.len() < self.len {
            Some("lines were cut off from log.jsonl")
        } else if ours.len() > self.len {
            Some("another program wrote into log.jsonl")
        } else {
            None
        }
    }

    /// The file, to be synced.
    pub(super) fn file(&self) -> Result<File, Error> {
        self.file
            .try_clone()
            .map_err(|source| failed("syncing", &self.path, &source))
    }

    /// Appends the line of `record` with one write, and gives the record its place in the chain. In a new file, where
    /// this one would become larger than `max_file`; the chain goes on with it.
    pub(super) fn append(
        &mut self,
        record: &mut Record,
        dir: &LockedLogDir,
        max_file: u64,
    ) -> Result<(), Error> {
        record.seq = self.last.seq + 1;
        record.previous.clone_from(&self.last.hash);
        self.line.clear();
        let hash = line::encode(record, &mut self.line).map_err(|TooLong(bytes)| {
            let what = "is too long for the log";
            Error::new(format!(
                "a record of {bytes} bytes {what}, {MAX_LINE} at most"
            ))
        })?;
        let bytes = u64::try_from(self.line.len()).unwrap_or(u64::MAX);
        if self.len > 0 && self.len.saturating_add(bytes) > max_file {
            self.is_whole = false;
            self.rotate(dir)?;
            self.is_whole = true;
        }
        let error = match (&self.file).write(&self.line) {
            Ok(written) if written == self.line.len() => {
                self.len += bytes;
                let seq = record.seq;
                self.last = Head { seq, hash };
                return Ok(());
            }
            Ok(_) => io::Error::new(io::ErrorKind::WriteZero, "no room for a whole line"),
            Err(error) => error,
        };
        self.is_whole = self.file.set_len(self.len).is_ok();
        Err(failed("writing", &self.path, &error))
    }

    fn rotate(&mut self, dir: &LockedLogDir) -> Result<(), Error> {
        let synced = self.file.sync_data();
        synced.map_err(|source| failed("syncing", &self.path, &source))?;
        dir.rotate()?;
        self.file = dir.open_newest()?;
        self.len = 0;
        dir.sync_names()
    }
}

fn end_of(path: &Path) -> Result<FileEnd, Error> {
    read_end(path).map_err(|source| failed("reading", path, &source))
}

fn read_end(path: &Path) -> io::Result<FileEnd> {
    let mut lines = LogLines::open(path)?;
    let mut end = FileEnd::default();
    while let Some(line) = lines.next_line()? {
        let bytes = u64::try_from(line.bytes.len()).unwrap_or(u64::MAX);
        if line.bytes.last() != Some(&b'\n') {
            end.torn += bytes;
            continue;
        }
        end.whole += end.torn + bytes;
        end.torn = 0;
        end.odd = false;
        end.last = Some(match line.record() {
            Ok((record, hash)) => Head {
                seq: record.seq,
                hash,
            },
            Err(_) => {
                end.odd = true;
                let seq = end.last.map_or(0, |last| last.seq);
                Head {
                    seq: seq + 1,
                    hash: line::sha256_hex(&line.bytes),
                }
            }
        });
    }
    Ok(end)
}
