//! The words of the window that are the same for every question.

use policy::question::LONGEST;

use crate::question::{Counts, IntentKind, Row};

/// The kind in the window's title and on its band: nothing that a client could choose.
pub fn titles(kind: IntentKind) -> (&'static str, &'static str) {
    match kind {
        IntentKind::Login => ("Split SSH: log in", "Log in"),
        IntentKind::Sshsig => ("Split SSH: sign", "Sign"),
        IntentKind::Certificate => ("Split SSH: issue a certificate", "Issue a certificate"),
        IntentKind::Sudo => ("Split SSH: sudo", "Run a command"),
        IntentKind::Raw => ("Split SSH: sign unknown data", "Sign unknown data"),
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

/// What a button for each of the lengths says: `Allow for _15 min`, `Deny until the vault stops`.
pub fn for_lengths(verb: &str, lengths: &[u64]) -> Vec<String> {
    let marked = with_mnemonics(lengths).into_iter().zip(lengths);
    marked
        .map(|(length, seconds)| match *seconds {
            LONGEST => format!("{verb} until the _vault stops"),
            _ => format!("{verb} for {length}"),
        })
        .collect()
}

/// Lengths with a `_` before the character that chooses them with Alt; none twice, and none that
/// another button or field of the window has.
fn with_mnemonics(lengths: &[u64]) -> Vec<String> {
    let mut taken = vec!['d', 'q', 'o', 'n', 'e', 'f', 'a', 't', 'v', 'b'];
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

/// A fingerprint or hash, to be set in a fixed-width face.
pub fn is_fingerprint(text: &str) -> bool {
    let digest = text
        .strip_prefix("SHA256:")
        .or_else(|| text.strip_prefix("SHA512:"));
    digest.is_some_and(|d| d.len() >= 32 && !d.contains(' '))
}

/// What a screen reader says for a row: the label, and the value whole.
pub fn spoken(label: &str, row: &Row) -> String {
    match &row.note {
        Some(note) => format!("{label}: {} ({note})", row.text),
        None => format!("{label}: {}", row.text),
    }
}

pub fn waiting(counts: Counts) -> String {
    match counts.waiting {
        0 => String::new(),
        1 => "1 more question waits".to_owned(),
        n => format!("{n} more questions wait"),
    }
}

pub fn same(counts: Counts) -> Option<String> {
    (counts.same > 1).then(|| {
        format!(
            "{} identical requests are waiting; your answer applies to all of them.",
            counts.same
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::RowClass;

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
    fn a_fingerprint_has_its_form() {
        assert!(is_fingerprint(
            "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
        ));
        assert!(!is_fingerprint("SHA256:x"));
    }

    #[test]
    fn a_screen_reader_hears_the_whole_value() {
        let row = Row {
            label: "Log in as".into(),
            text: "git".into(),
            note: Some("of the vault".into()),
            class: RowClass::Name,
            stands_out: false,
        };
        assert_eq!(spoken("Log in as", &row), "Log in as: git (of the vault)");
    }
}
