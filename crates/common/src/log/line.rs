//! One line of the log: `{…,"previous":"HEX","hash":"HEX"}` and a newline, plain ASCII. `hash` is the
//! SHA-256 of all that stands before `,"hash"`; `previous` is the `hash` of the line before.

use std::{fmt, io};

use policy::record::Record;
use ring::digest;
use serde::Serialize;
use serde_json::ser::Formatter;

/// Bytes of a line with its newline: a record's texts are cut at 1 KiB each, so that only a host with
/// hundreds of names comes near.
pub const MAX_LINE: usize = 64 * 1024;

/// `previous` of the first line.
pub const FIRST_PREVIOUS_HASH: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";

const HASH_KEY: &str = ",\"hash\":\"";
const END: &str = "\"}\n";
const HEX: usize = 64;

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLine {
    /// No newline at its end: the write was cut short.
    Torn,
    /// Not of our making.
    Form,
    /// The hash is another.
    Hash,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Torn => "is torn: it has no end",
            Self::Form => "was changed: it is no record",
            Self::Hash => "was changed: its hash does not fit",
        })
    }
}

/// A record beyond [`MAX_LINE`]: this many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong(pub usize);

/// Appends a record to `line` as a line, and gives back its hash.
///
/// # Errors
/// A record that is too long.
pub fn encode(record: &Record, line: &mut Vec<u8>) -> Result<String, TooLong> {
    let start = line.len();
    let mut json = serde_json::Serializer::with_formatter(&mut *line, PrintableAscii);
    // A vector takes all bytes, and a record holds nothing that JSON cannot say.
    let written = record.serialize(&mut json);
    line.pop(); // the closing brace: the hash comes before it
    let hash = sha256_hex(line.get(start..).unwrap_or_default());
    for part in [HASH_KEY, &hash, END] {
        line.extend_from_slice(part.as_bytes());
    }
    match line.len().saturating_sub(start) {
        length if written.is_err() || length > MAX_LINE => Err(TooLong(length)),
        _ => Ok(hash),
    }
}

/// JSON in which all that is not printable ASCII is escaped.
struct PrintableAscii;

impl Formatter for PrintableAscii {
    /// `fragment` holds nothing that JSON itself wants escaped.
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        let is_printable = |character: char| matches!(character, ' '..='~');
        for part in fragment.split_inclusive(|character| !is_printable(character)) {
            let plain = part.trim_end_matches(|character| !is_printable(character));
            writer.write_all(plain.as_bytes())?;
            for unit in part.get(plain.len()..).unwrap_or_default().encode_utf16() {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

/// The record of a line, newline included, and its hash.
///
/// # Errors
/// A line that [`encode`] did not make.
pub fn decode(untrusted_line: &[u8]) -> Result<(Record, String), BadLine> {
    if untrusted_line.last() != Some(&b'\n') {
        return Err(BadLine::Torn);
    }
    let text = std::str::from_utf8(untrusted_line).map_err(|_| BadLine::Form)?;
    let rest = text.strip_suffix(END).ok_or(BadLine::Form)?;
    let at = rest.len().checked_sub(HEX).ok_or(BadLine::Form)?;
    let (rest, hash) = rest.split_at_checked(at).ok_or(BadLine::Form)?;
    let hashed = rest.strip_suffix(HASH_KEY).ok_or(BadLine::Form)?;
    if sha256_hex(hashed.as_bytes()) != hash {
        return Err(BadLine::Hash);
    }
    let record = serde_json::from_str(&format!("{hashed}}}")).map_err(|_| BadLine::Form)?;
    Ok((record, hash.to_owned()))
}

/// SHA-256 as 64 small hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hash = digest::digest(&digest::SHA256, bytes);
    let mut text = [0; HEX];
    for (pair, byte) in text.chunks_exact_mut(2).zip(hash.as_ref()) {
        pair.copy_from_slice(&[byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use policy::record::{Event, RecordOutcome, Timestamp};

    use super::*;

    fn record() -> Record {
        Record::new(
            Event::Refusal,
            RecordOutcome::Refused,
            Timestamp::from_unix_ms(1_795_289_999_001),
        )
        .because("odd \u{1f600} \u{202e} \u{7f} \u{1b} \"quoted\"\n")
    }

    fn line_of(record: &Record) -> (Vec<u8>, String) {
        let mut line = Vec::new();
        let hash = encode(record, &mut line).unwrap();
        (line, hash)
    }

    #[test]
    fn a_line_is_printable_ascii_and_comes_back() {
        let (line, hash) = line_of(&record());
        let (end, text) = line.split_last().unwrap();
        assert_eq!(*end, b'\n');
        assert!(text.iter().all(|byte| (b' '..=b'~').contains(byte)));
        assert_eq!(decode(&line), Ok((record(), hash)));
    }

    #[test]
    fn no_byte_can_be_changed_added_or_taken() {
        let (line, _) = line_of(&record());
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut changed = line.clone();
                changed[at] ^= 1 << bit;
                assert!(decode(&changed).is_err(), "byte {at} bit {bit}");
            }
            let mut shorter = line.clone();
            shorter.remove(at);
            assert!(decode(&shorter).is_err(), "without byte {at}");
            let mut longer = line.clone();
            longer.insert(at, b' ');
            assert!(decode(&longer).is_err(), "blank at {at}");
            if at > 0 {
                assert_eq!(decode(&line[..at]), Err(BadLine::Torn));
            }
        }
    }

    #[test]
    fn a_record_beyond_the_bound_is_refused() {
        assert!(matches!(
            encode(&record().because("x".repeat(MAX_LINE)), &mut Vec::new()),
            Err(TooLong(_))
        ));
    }
}
