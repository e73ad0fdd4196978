//! One line of the log: `{…,"previous":"HEX","hash":"HEX"}` and a newline, plain ASCII. `hash` is the
//! SHA-256 of all that stands before `,"hash"`; `previous` is the `hash` of the line before.

use std::fmt;

use policy::record::Record;
use ring::digest;

/// Bytes of a line with its newline: a record's texts are cut at 1 KiB each, so that only a host with
/// hundreds of names comes near.
pub const MAX_LINE: usize = 64 * 1024;

/// Room for a line about a login, so that it is written without growing.
const USUAL_LINE: usize = 2048;

/// `previous` of the first line.
pub const NOTHING_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

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

/// A record as a line, and its hash.
///
/// # Errors
/// A record that is too long.
pub fn encode(record: &Record) -> Result<(String, String), TooLong> {
    let mut json = Vec::with_capacity(USUAL_LINE);
    // A record is strings, numbers and lists of them: that serializes always.
    let _ = serde_json::to_writer(&mut json, record);
    json.pop(); // the closing brace: the hash comes before it
    let mut line = printable(json);
    let hash = sha256_hex(line.as_bytes());
    line.push_str(HASH_KEY);
    line.push_str(&hash);
    line.push_str(END);
    if line.len() > MAX_LINE {
        return Err(TooLong(line.len()));
    }
    Ok((line, hash))
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

/// JSON in which every character outside printable ASCII is escaped, so that a terminal shows the file
/// as it is. As a rule there is none.
fn printable(json: Vec<u8>) -> String {
    let is_printable = |byte: &u8| matches!(byte, b' '..=b'~');
    // No early end, so that many bytes are looked at in one go.
    let odd = json.iter().filter(|byte| !is_printable(byte)).count();
    let json = String::from_utf8(json).unwrap_or_default();
    if odd == 0 {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 4 * odd + HASH_KEY.len() + HEX + END.len());
    for character in json.chars() {
        if matches!(character, ' '..='~') {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use policy::record::{Event, Outcome, Timestamp};

    use super::*;

    fn record() -> Record {
        Record::new(
            Event::Refusal,
            Outcome::Refused,
            Timestamp::from_unix_ms(1_795_289_999_001),
        )
        .because("odd \u{1f600} \u{202e} \u{7f} \u{1b} \"quoted\"\n")
    }

    #[test]
    fn a_line_is_printable_ascii_and_comes_back() {
        let (line, hash) = encode(&record()).unwrap();
        assert!(
            line.trim_end_matches('\n')
                .bytes()
                .all(|byte| (b' '..=b'~').contains(&byte)),
            "{line}"
        );
        assert_eq!(decode(line.as_bytes()), Ok((record(), hash)));
    }

    #[test]
    fn no_byte_can_be_changed_added_or_taken() {
        let (line, _) = encode(&record()).unwrap();
        let line = line.into_bytes();
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
            encode(&record().because("x".repeat(MAX_LINE))),
            Err(TooLong(_))
        ));
    }
}
