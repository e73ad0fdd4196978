//! The last decisions of the log, read on as it grows.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use policy::record::sentence::{Sentence, Tone};
use policy::record::{Event, Record};

use super::follow::newer;
use common::log::read::LogLines;

/// As many as a person looks through.
const MOST: usize = 100;
/// Files, the newest last, that surely hold as many.
const FILES: usize = 2;

pub(crate) struct LastDecisions {
    folder: PathBuf,
    current: Option<LogLines>,
    kept: VecDeque<Record>,
}

impl LastDecisions {
    pub(crate) fn of(folder: PathBuf) -> Self {
        Self {
            folder,
            current: None,
            kept: VecDeque::new(),
        }
    }

    /// A line that is no record of ours is left out; `split-ssh log --verify` names it.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) fn read_on(&mut self) -> io::Result<()> {
        let mut newer = newer(&self.folder, self.current.as_ref())?;
        let newest = newer.split_off(newer.len().saturating_sub(FILES));
        // What was read so far came before.
        for mut lines in self.current.take().into_iter().chain(newest) {
            while let Some(line) = lines.next_whole_line()? {
                let record = line.record().ok().map(|(record, _)| record);
                self.kept.extend(record.filter(is_decision));
                if self.kept.len() > MOST {
                    self.kept.pop_front();
                }
            }
            self.current = Some(lines);
        }
        // What was counted together is written after younger ones.
        let kept = self.kept.make_contiguous();
        kept.sort_by_key(|record| record.time);
        Ok(())
    }

    pub(crate) fn youngest_first(&self) -> impl Iterator<Item = (&Record, Sentence)> {
        let records = self.kept.iter().rev();
        records.map(|record| (record, Sentence::of(record)))
    }
}

/// Something was given, refused or taken back.
fn is_decision(record: &Record) -> bool {
    Sentence::of(record).tone != Tone::Plain || record.event == Event::Revoked
}
