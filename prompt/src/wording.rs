//! The words of the window that are the same for every question.

use policy::display;

use crate::question::{Class, Counts, Kind, Mark, Row};

/// As many characters of a name or value as a row shows; a fingerprint has 50.
const VALUE_CHARS: usize = 56;
/// A sentence wraps, over some lines at most.
const PROSE_CHARS: usize = 240;

/// The window's title: nothing that a client could choose.
pub fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Login => "Split SSH: log in",
        Kind::Sshsig => "Split SSH: sign",
        Kind::Certificate => "Split SSH: issue a certificate",
        Kind::Sudo => "Split SSH: sudo",
        Kind::Raw => "Split SSH: sign unknown data",
    }
}

/// What the word on a mark means.
pub fn meaning(mark: Mark) -> &'static str {
    match mark {
        Mark::Proven => "The signed data itself says so: the signature is good for nothing else.",
        Mark::Bound => {
            "The server proved its key for this connection. Only who owns that key could borrow the signature."
        }
        Mark::None => "Nothing shows that this is true.",
    }
}

/// `45 s`, `15 min`, `4 h`, `1 h 30 min`, `7 days`.
pub fn length(seconds: u64) -> String {
    const UNITS: [(u64, &str, &str); 4] = [
        (86_400, "day", "days"),
        (3600, "h", "h"),
        (60, "min", "min"),
        (1, "s", "s"),
    ];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (size, one, many) in UNITS {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    }
    parts.join(" ")
}

/// Lengths with a `_` before the character that chooses them with Alt; none twice, and none that
/// another button or field of the window has.
pub fn with_mnemonics(lengths: &[u64]) -> Vec<String> {
    let mut taken = vec!['d', 'm', 'o', 'n'];
    let mut marked = Vec::new();
    for seconds in lengths {
        let words = length(*seconds);
        let free = words
            .char_indices()
            .find(|(_, c)| c.is_ascii_alphanumeric() && !taken.contains(c));
        marked.push(
            match free.and_then(|(at, c)| Some((words.split_at_checked(at)?, c))) {
                Some(((head, tail), c)) => {
                    taken.push(c);
                    format!("{head}_{tail}")
                }
                None => words,
            },
        );
    }
    marked
}

/// The row's value as the window shows it; the tooltip has the whole.
pub fn shown(row: &Row) -> String {
    match row.class {
        Class::Ascii => display::ascii(row.text.as_bytes(), VALUE_CHARS),
        Class::Prose => display::prose(row.text.as_bytes(), PROSE_CHARS),
    }
}

/// A fingerprint or hash, to be set in a fixed-width face.
pub fn is_fingerprint(text: &str) -> bool {
    let digest = text
        .strip_prefix("SHA256:")
        .or_else(|| text.strip_prefix("SHA512:"));
    digest.is_some_and(|d| d.len() >= 32 && !d.contains(' '))
}

/// What a screen reader says for a row: the label, the value whole, and how sure it is.
pub fn spoken(label: &str, row: &Row) -> String {
    let mut spoken = format!("{label}: {}", row.text);
    if let Some(note) = &row.note {
        spoken = format!("{spoken} ({note})");
    }
    if let Some(mark) = row.mark {
        spoken = format!("{spoken}, {}", mark.word());
    }
    spoken
}

pub fn waiting(counts: Counts) -> String {
    match counts.waiting {
        0 => String::new(),
        n => format!("{n} more waiting"),
    }
}

pub fn same(counts: Counts) -> Option<String> {
    (counts.same > 1).then(|| {
        format!(
            "{} equal requests wait: this one answer is for all of them.",
            counts.same
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str, class: Class) -> Row {
        Row {
            label: "User".into(),
            text: text.into(),
            note: None,
            class,
            mark: Some(Mark::None),
            stands_out: false,
        }
    }

    #[test]
    fn lengths_read_well() {
        let all = [45, 60, 900, 3600, 5400, 86_400, 604_800].map(length);
        assert_eq!(
            all,
            [
                "45 s",
                "1 min",
                "15 min",
                "1 h",
                "1 h 30 min",
                "1 day",
                "7 days"
            ]
        );
    }

    #[test]
    fn no_two_lengths_share_a_key() {
        assert_eq!(
            with_mnemonics(&[900, 3600, 39_600]),
            ["_15 min", "1 _h", "11 h"]
        );
    }

    #[test]
    fn a_fingerprint_is_shown_whole_and_a_long_name_by_both_ends() {
        let fingerprint = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU";
        assert_eq!(shown(&row(fingerprint, Class::Ascii)), fingerprint);
        assert!(is_fingerprint(fingerprint) && !is_fingerprint("SHA256:x"));
        let name = format!("start{}end", "x".repeat(300));
        let short = shown(&row(&name, Class::Ascii));
        assert!(
            short.starts_with("start") && short.ends_with("end") && short.len() <= VALUE_CHARS,
            "{short}"
        );
        assert!(short.contains("[cut "));
    }

    #[test]
    fn a_screen_reader_hears_value_and_proof() {
        assert_eq!(
            spoken("Log in as", &row("git", Class::Ascii)),
            "Log in as: git, not proven"
        );
    }
}
