//! Lines from the asker, bounded before they are kept.

use std::io::{self, Read};

/// The protocol's bound on a line, newline included. A question of 24 rows has a tenth of it.
pub const MAX_LINE: usize = 65536;

pub struct LineReader<R> {
    from: R,
    most: usize,
    held: Vec<u8>,
}

impl<R: Read> LineReader<R> {
    pub fn new(from: R) -> Self {
        Self::bounded(from, MAX_LINE)
    }

    /// With another bound on a line, newline included.
    pub fn bounded(from: R, most: usize) -> Self {
        Self {
            from,
            most,
            held: Vec::new(),
        }
    }

    /// The next line without its newline; `None` at the end.
    ///
    /// # Errors
    /// A line longer than the bound, an end within a line, or the error of the reader.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut chunk = [0; 4096];
        loop {
            if let Some(end) = self.held.iter().position(|b| *b == b'\n') {
                let rest = self.held.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.held, rest);
                line.pop();
                return Ok(Some(line));
            }
            if self.held.len() >= self.most {
                let what = format!("a line of more than {} bytes", self.most);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            let room = chunk.len().min(self.most - self.held.len());
            let buffer = chunk.get_mut(..room).unwrap_or_default();
            match self.from.read(buffer) {
                Ok(0) if self.held.is_empty() => return Ok(None),
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the line has no end",
                    ));
                }
                Ok(count) => self
                    .held
                    .extend_from_slice(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> LineReader<&[u8]> {
        LineReader::new(bytes)
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
        assert!(LineReader::new(io::repeat(b'a')).next().is_err());
    }
}
