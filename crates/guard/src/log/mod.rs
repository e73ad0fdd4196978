//! The audit log: `log.jsonl`, one JSON object a line, appended only, each line chained to the one
//! before by a hash. A record that cannot be written means that the request is refused.

mod error;
mod locked_dir;
pub mod recorder;
pub mod refusals;
mod repeats;
mod tail;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use policy::record::sentence::Sentence;
use policy::record::{Event, Record, RecordOutcome, Timestamp};

use common::error::Error;
pub use common::log::files::{MAX_FILE, MAX_OLD_FILES};
use common::log::heads::{self, Head};
use common::log::journal::{self, Priority};
use error::failed;
use locked_dir::LockedLogDir;
use repeats::RepeatCounter;
use tail::LogTail;

use common::sync::lock;

/// The log of one vault, open for writing. There is one writer per folder.
pub struct Log {
    state: Mutex<State>,
}

struct State {
    dir: LockedLogDir,
    boot: Arc<str>,
    /// `None` after a failure from which the file must be read again.
    tail: Option<LogTail>,
    /// The last line that was written.
    written: Option<Head>,
    repeats: RepeatCounter,
    /// To be told in a `recovered` record before the next one.
    repairs: Option<String>,
    /// Records that could not be written since the last that could, and why the last one could not.
    lost: u64,
    trouble: Option<String>,
    /// The last head that was noted in the journal.
    noted: u64,
    max_file: u64,
}

impl Log {
    /// Opens or begins the log in `folder` (made with mode 0700), and repairs what a crash left.
    ///
    /// # Errors
    /// A folder that cannot be made or that others can write, or a log that another vault writes.
    /// A full disk is no error here: then [`Log::write`] fails until there is room.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        Self::open_with(folder, MAX_FILE)
    }

    fn open_with(folder: &Path, max_file: u64) -> Result<Self, Error> {
        let dir = LockedLogDir::take(folder)?;
        let (tail, repairs) = LogTail::find(&dir, None)?;
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Ok(Self {
            state: Mutex::new(State {
                dir,
                boot: boot.trim().into(),
                noted: tail.last().seq,
                tail: Some(tail),
                written: None,
                repeats: RepeatCounter::default(),
                repairs,
                lost: 0,
                trouble: None,
                max_file,
            }),
        })
    }

    /// Writes a record; when this returns the line is with the kernel, so that it outlives the vault
    /// (see `docs/log.md` on power loss). Repeated refusals and lists are counted instead.
    ///
    /// # Errors
    /// The record is not written: the caller must refuse what it was about to allow.
    pub fn write(&self, record: Record) -> Result<(), Error> {
        let mut state = self.lock();
        let written = state.write(record);
        if let Err(error) = &written {
            if state.lost == 0 {
                let text = format!(
                    "{}; everything is refused until the log can be written",
                    error.what()
                );
                journal::say(Priority::Error, &text);
            }
            state.lost += 1;
            state.trouble = Some(error.what().to_owned());
        }
        written
    }

    /// Why the last record could not be written, until one can.
    pub fn trouble(&self) -> Option<String> {
        self.lock().trouble.clone()
    }

    /// To be called about once a minute: writes the counts that are due, brings the log to the disk, and
    /// notes the head of the chain in the journal.
    ///
    /// # Errors
    /// The counts are kept for the next time.
    pub fn tick(&self, now: Timestamp) -> Result<(), Error> {
        self.lock().flush(Some(now))?;
        self.note_head()
    }

    /// Writes what counts are left, and the last head. To be called after the `stop` record.
    ///
    /// # Errors
    /// Counts that could not be written are lost.
    pub fn close(&self) -> Result<(), Error> {
        self.lock().flush(None)?;
        self.note_head()
    }

    /// Where the log is.
    pub fn path(&self) -> PathBuf {
        self.lock().dir.newest()
    }

    /// First the disk, then the journal: the journal never knows more than the disk. Records that come
    /// meanwhile do not wait for the disk.
    fn note_head(&self) -> Result<(), Error> {
        let state = self.lock();
        let tail = state.tail.as_ref();
        let Some(tail) = tail.filter(|tail| tail.last().seq != state.noted) else {
            return Ok(());
        };
        let (file, head, path) = (tail.file()?, tail.last().clone(), state.dir.newest());
        drop(state);
        file.sync_data()
            .map_err(|source| failed("syncing", &path, &source))?;
        heads::note(&head, &path);
        self.lock().noted = head.seq;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked while it wrote left `tail` empty: the file is read again.
        lock(&self.state)
    }
}

impl State {
    fn write(&mut self, record: Record) -> Result<(), Error> {
        // The stop record is the last: what was counted comes before it.
        let is_last = record.event == Event::Stop;
        self.flush((!is_last).then_some(record.time))?;
        let Some(mut record) = self.repeats.count(record) else {
            return Ok(());
        };
        self.append(&mut record)?;
        self.repeats.begin(record);
        Ok(())
    }

    /// Writes the counts whose minute is over at `now`; all of them without `now`.
    fn flush(&mut self, now: Option<Timestamp>) -> Result<(), Error> {
        while let Some(mut summary) = self.repeats.due(now) {
            self.append(&mut summary)?;
            self.repeats.written(now);
        }
        Ok(())
    }

    fn append(&mut self, record: &mut Record) -> Result<(), Error> {
        self.dir.check()?;
        let mut tail = self.take_tail()?;
        if let Some(reason) = &self.repairs {
            let mut told = Record::new(Event::Recovered, RecordOutcome::Ok, record.time)
                .because(reason.clone());
            tail = self.append_line(tail, &mut told)?;
            self.repairs = None;
        }
        if self.lost > 0 {
            let mut told = Record::new(Event::Recovered, RecordOutcome::Failed, record.time)
                .because("records could not be written; their requests were refused");
            told.count = Some(self.lost);
            tail = self.append_line(tail, &mut told)?;
            self.lost = 0;
        }
        self.tail = Some(self.append_line(tail, record)?);
        self.trouble = None;
        Ok(())
    }

    /// The tail as the last line left it, or the file's own if somebody else, or a failure, has changed the file.
    fn take_tail(&mut self) -> Result<LogTail, Error> {
        if let Some(tail) = self.tail.take() {
            match tail.tampering() {
                None => return Ok(tail),
                Some(what) => self.note_repair(format!("{what}; see `split-ssh log --verify`")),
            }
        }
        let (tail, repairs) = LogTail::find(&self.dir, self.written.as_ref())?;
        repairs.into_iter().for_each(|what| self.note_repair(what));
        Ok(tail)
    }

    /// Something that the next `recovered` record is to tell.
    fn note_repair(&mut self, what: String) {
        self.repairs = Some(match self.repairs.take() {
            Some(before) if before != what => format!("{before}; {what}"),
            _ => what,
        });
    }

    fn append_line(&mut self, mut tail: LogTail, record: &mut Record) -> Result<LogTail, Error> {
        record.boot = Arc::clone(&self.boot);
        if let Err(error) = tail.append(record, &self.dir, self.max_file) {
            self.tail = Some(tail).filter(|tail| tail.is_whole);
            return Err(error);
        }
        self.written = Some(tail.last().clone());
        if journal::is_available() {
            let sentence = Sentence::of(record);
            journal::note(sentence.tone.into(), &sentence.line(record), &[]);
        }
        Ok(tail)
    }
}

#[cfg(test)]
mod tests;
