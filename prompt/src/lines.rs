//! Lines from the asker, bounded before they are kept.

use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Read};
use std::process::exit;

use crate::ending::{EXIT_ABANDONED, EXIT_BAD_QUESTION, fail};

/// The protocol's bound on a line, newline included. A question of 24 rows has a tenth of it.
pub const MAX_LINE: usize = 65536;

pub struct LineReader<R> {
    from: BufReader<R>,
    most: usize,
}

impl<R: Read> LineReader<R> {
    /// `most` is the bound on a line, newline included.
    pub fn new(from: R, most: usize) -> Self {
        let from = BufReader::new(from);
        Self { from, most }
    }

    /// What `parse` makes of the next line. The process ends where that is nothing, or where there is no line.
    pub fn parse_next<T, E: Display>(&mut self, parse: fn(&[u8]) -> Result<T, E>) -> T {
        match self.next() {
            Ok(Some(untrusted_line)) => {
                parse(&untrusted_line).unwrap_or_else(|error| fail(EXIT_BAD_QUESTION, error))
            }
            Ok(None) => exit(EXIT_ABANDONED),
            Err(error) => fail(EXIT_BAD_QUESTION, error),
        }
    }

    /// The next line without its newline; `None` at the end.
    ///
    /// # Errors
    /// A line longer than the bound, an end within a line, or the error of the reader.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut bounded = self.from.by_ref().take(self.most as u64);
        bounded.read_until(b'\n', &mut line)?;
        match line.pop() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(line)),
            Some(_) => {
                let what = format!(
                    "a line without its end, or of more than {} bytes",
                    self.most
                );
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> LineReader<&[u8]> {
        LineReader::new(bytes, MAX_LINE)
    }

    #[test]
    fn lines_come_one_by_one() {
        let mut lines = lines(b"one\n\ntwo\n");
        let mut next = || lines.next().unwrap().map(|l| String::from_utf8(l).unwrap());
        assert_eq!(
            [next(), next(), next(), next()],
            [
                Some("one".into()),
                Some(String::new()),
                Some("two".into()),
                None
            ]
        );
    }

    #[test]
    fn a_line_without_end_is_an_error() {
        assert!(lines(b"one").next().is_err());
    }

    #[test]
    fn the_bound_holds() {
        let fits = [vec![b'a'; MAX_LINE - 1], vec![b'\n']].concat();
        assert_eq!(lines(&fits).next().unwrap().unwrap().len(), MAX_LINE - 1);
        let one_more = [vec![b'a'; MAX_LINE], vec![b'\n']].concat();
        assert!(lines(&one_more).next().is_err());
        assert!(LineReader::new(io::repeat(b'a'), MAX_LINE).next().is_err());
    }
}
