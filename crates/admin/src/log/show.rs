//! One record on the screen.

use std::io::{self, Write};

use policy::record::Record;
use policy::record::sentence::{Sentence, Tone};

use super::filter::Filter;
use super::summary::Summary;
use crate::fold::fit;
use crate::local_time::of_record;
use crate::output::is_for_people;
use crate::paint::{DIM, GREEN, RED, YELLOW, paint};
use common::log::line::BadLine;
use common::log::read::{LogLine, LogLines};

/// Characters of the longest [`Sentence::head`].
const HEAD_WIDTH: usize = 12;

/// Where the qube stands, after the time; on a terminal, what does not fit goes on here.
const INDENT: usize = 21;
const QUBE_WIDTH: usize = 12;

/// Prints records.
pub(super) struct Show {
    pub(super) json: bool,
    /// What went wrong was the printing, not the reading.
    pub(super) out_failed: bool,
}

impl Show {
    /// Prints the line if it is a record of ours and the filter lets it through.
    pub(super) fn line(
        &mut self,
        lines: &LogLines,
        line: &LogLine,
        filter: &Filter,
    ) -> io::Result<()> {
        match record(lines, line) {
            Ok(Some(record)) if filter.lets(&record) => self.record(&record, line),
            _ => Ok(()),
        }
    }

    pub(super) fn record(&mut self, record: &Record, line: &LogLine) -> io::Result<()> {
        self.print(record, line)
            .inspect_err(|_| self.out_failed = true)
    }

    pub(super) fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        let text = match self.json {
            true => summary.json(),
            false => summary.text(),
        };
        writeln!(io::stdout(), "{text}").inspect_err(|_| self.out_failed = true)
    }

    fn print(&self, record: &Record, line: &LogLine) -> io::Result<()> {
        if self.json {
            // Printable ASCII, or its hash would not have fitted.
            return io::stdout().write_all(&line.bytes);
        }
        let mut out = io::stdout().lock();
        let sentence = Sentence::of(record);
        let head = sentence.head;
        let tinted = match sentence.tone {
            Tone::Plain => head.to_owned(),
            Tone::Signed => paint(GREEN, head),
            Tone::Refused => paint(YELLOW, head),
            Tone::Alarm => paint(RED, head),
        };
        let qube = record.qube.as_deref().unwrap_or("-");
        let qube = policy::display::ascii(qube.as_bytes(), policy::caller::MAX_CALLER_TEXT);
        let time = paint(DIM, &of_record(record.time));
        write!(out, "{time}  {qube:<QUBE_WIDTH$} {tinted}")?;
        let (what, why) = (&sentence.what, &sentence.why);
        if !what.is_empty() || !(why.is_empty() || is_for_people()) {
            let pad = HEAD_WIDTH.saturating_sub(head.len());
            let column = INDENT + qube.len().max(QUBE_WIDTH) + HEAD_WIDTH + 2;
            write!(out, "{:pad$} {}", "", fit(what, column, INDENT))?;
        }
        if !why.is_empty() {
            match (is_for_people(), what.is_empty()) {
                (true, _) => write!(out, "\n{:INDENT$}", "")?,
                (false, true) => {}
                (false, false) => write!(out, "  ")?,
            }
            write!(out, "{}", paint(DIM, &fit(why, INDENT, INDENT)))?;
        }
        writeln!(out)
    }
}

/// The record of the line; none while the vault writes it. A line that is no record of ours is told of on standard
/// error.
pub(super) fn record(lines: &LogLines, line: &LogLine) -> Result<Option<Record>, BadLine> {
    match line.record() {
        Ok((record, _)) => Ok(Some(record)),
        Err(BadLine::Torn) => Ok(None),
        Err(bad) => {
            let place = lines.path.display();
            let number = line.number;
            // A closed standard error is nobody's problem.
            let _ = writeln!(io::stderr(), "split-ssh: warning: {place}:{number} {bad}");
            Err(bad)
        }
    }
}
