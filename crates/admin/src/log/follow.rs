//! `--follow`: goes on with new records, also over a rotation.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::filter::Filter;
use super::show::Show;
use common::log::read::{self, LogLine, LogLines};

/// How often the log is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// Shows the last `before` records and those that come, until it is stopped.
pub(super) fn follow(
    folder: &Path,
    filter: &Filter,
    before: usize,
    show: &mut Show,
) -> io::Result<ExitCode> {
    let mut opened = read::open_all(folder)?;
    for (index, line) in last_lines(&mut opened, before, filter)? {
        if let Some(lines) = opened.get(index) {
            show.line(lines, &line, filter)?;
        }
    }
    let mut current = opened.pop();
    loop {
        thread::sleep(PAUSE);
        for mut lines in newer(folder, current.as_ref())? {
            // The file that was read so far is done: its last lines came before the new file's.
            if let Some(old) = &mut current {
                drain(old, filter, show)?;
            }
            drain(&mut lines, filter, show)?;
            current = Some(lines);
        }
        if let Some(lines) = &mut current {
            drain(lines, filter, show)?;
        }
    }
}

/// The last `most` lines of all that there is, each with its file.
fn last_lines(
    opened: &mut [LogLines],
    most: usize,
    filter: &Filter,
) -> io::Result<VecDeque<(usize, LogLine)>> {
    let mut kept = VecDeque::new();
    for (index, lines) in opened.iter_mut().enumerate() {
        while let Some(line) = lines.next_whole_line()? {
            if line.record().is_ok_and(|(record, _)| !filter.lets(&record)) {
                continue;
            }
            if kept.len() >= most {
                kept.pop_front();
            }
            kept.push_back((index, line));
        }
    }
    Ok(kept)
}

fn drain(lines: &mut LogLines, filter: &Filter, show: &mut Show) -> io::Result<()> {
    while let Some(line) = lines.next_whole_line()? {
        show.line(lines, &line, filter)?;
    }
    Ok(())
}

/// The files that were begun after `current`, oldest first.
pub(super) fn newer(folder: &Path, current: Option<&LogLines>) -> io::Result<Vec<LogLines>> {
    let Some(current) = current else {
        return read::open_all(folder);
    };
    if current.is_newest(folder) {
        return Ok(Vec::new());
    }
    let mut opened = read::open_all(folder)?;
    let known = opened
        .iter()
        .position(|lines| lines.identity() == current.identity());
    Ok(opened.split_off(known.map_or(0, |index| index + 1)))
}
