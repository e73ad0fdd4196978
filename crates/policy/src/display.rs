//! The sanitizer for all text from outside that goes to a screen, a prompt or a log.
//!
//! What comes out is one line without control, colour or bidi codes and without invisible characters. Of [`ascii`]
//! and [`prose`] it is a line of `' '..='~'`, so without look-alike letters; [`text`] keeps the letters of every script.
//! No run of spaces could push text into another column. All functions are idempotent, so a text may be sanitized twice
//! (daemon and prompt) without harm. For that reason `\` itself stays as it is: a value may spell `\x1b` out in
//! letters, which draws nothing.

use std::fmt::Write as _;

/// The least width that a caller gets, so that head, cut mark and tail always have room.
pub const MIN_WIDTH: usize = 24;

/// A name or value: a user, a comment, a path, a namespace. A space at an
/// edge or after another space is shown as `\x20`. More than `max` characters are cut in the middle,
/// marked `[cut N]`, because both ends of a name tell something.
pub fn ascii(untrusted: &[u8], max: usize) -> String {
    let mut shown = Shown::default();
    let mut after_space = true;
    for piece in pieces(untrusted) {
        match piece {
            Ok(' ') if after_space => shown.byte(b' '),
            Ok(c) => shown.char(c),
            Err(byte) => shown.byte(byte),
        }
        after_space = piece == Ok(' ');
    }
    shown.escape_last_space();
    shown.cut(max, Keep::BothEnds)
}

/// A sentence: white space of any kind and length becomes one space, the
/// rest is as in [`ascii`]. More than `max` characters are cut at the end, marked `[cut N]`.
pub fn prose(untrusted: &[u8], max: usize) -> String {
    line(untrusted, max, Shown::char)
}

/// Words that somebody else wrote, such as a commit's subject or an author's name: as [`prose`], but letters of
/// every script stay readable. Never for what decides by its spelling, such as names of hosts and users.
/// More than `max` bytes are cut at the end.
pub fn text(untrusted: &[u8], max: usize) -> String {
    line(untrusted, max, Shown::letter)
}

/// Whether [`text`] would show some of it escaped.
pub fn has_escapes(untrusted: &[u8]) -> bool {
    let as_it_is: String = String::from_utf8_lossy(untrusted)
        .split([' ', '\t', '\n', '\r'])
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    text(untrusted, usize::MAX) != as_it_is
}

fn line(untrusted: &[u8], max: usize, show: fn(&mut Shown, char)) -> String {
    let mut shown = Shown::default();
    let mut space_due = false;
    for piece in pieces(untrusted) {
        if let Ok(' ' | '\t' | '\n' | '\r') = piece {
            space_due = !shown.text.is_empty();
            continue;
        }
        if std::mem::take(&mut space_due) {
            shown.char(' ');
        }
        match piece {
            Ok(c) => show(&mut shown, c),
            Err(byte) => shown.byte(byte),
        }
    }
    shown.cut(max, Keep::Start)
}

/// The characters, and the bytes that are no UTF-8.
fn pieces(untrusted: &[u8]) -> impl Iterator<Item = Result<char, u8>> {
    untrusted.utf8_chunks().flat_map(|chunk| {
        let invalid = chunk.invalid().iter().map(|byte| Err(*byte));
        chunk.valid().chars().map(Ok).chain(invalid)
    })
}

/// Marks on one letter: Vietnamese and the scripts of India need up to three.
const MAX_MARKS: usize = 3;

/// Whether a character can be seen. The standard library prints no control, format (bidi, zero width), private or
/// unassigned characters and no spaces but one; the others here are letters, marks and signs that draw nothing.
fn is_visible(c: char) -> bool {
    const BLANK: [(char, char); 9] = [
        ('\u{34f}', '\u{34f}'),
        ('\u{115f}', '\u{1160}'),
        ('\u{17b4}', '\u{17b5}'),
        ('\u{180b}', '\u{180f}'),
        ('\u{2800}', '\u{2800}'),
        ('\u{3164}', '\u{3164}'),
        ('\u{fe00}', '\u{fe0f}'),
        ('\u{ffa0}', '\u{ffa0}'),
        ('\u{1d159}', '\u{1d159}'),
    ];
    const SELECTORS: std::ops::RangeInclusive<char> = '\u{e0000}'..='\u{e0fff}';
    let is_blank = BLANK
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&c));
    // A mark alone is escaped there, one after a letter is not.
    let printed = format!("a{c}");
    !is_blank && !SELECTORS.contains(&c) && printed.escape_debug().skip(1).eq([c])
}

/// Whether a character is drawn onto the one before it.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.escape_debug().len() != 1
}

enum Keep {
    BothEnds,
    Start,
}

/// Text on its way out, and where each shown character or escape ends, so that none is cut in two.
#[derive(Default)]
struct Shown {
    text: String,
    ends: Vec<usize>,
}

impl Shown {
    fn char(&mut self, c: char) {
        match c {
            ' '..='~' => self.text.push(c),
            '\0'..='\x7f' => return self.byte(c as u8),
            _ => drop(write!(self.text, "\\u{{{:x}}}", u32::from(c))),
        }
        self.ends.push(self.text.len());
    }

    fn letter(&mut self, c: char) {
        if c.is_ascii() || !is_visible(c) || (is_mark(c) && !self.takes_mark()) {
            return self.char(c);
        }
        self.text.push(c);
        self.ends.push(self.text.len());
    }

    /// Whether a mark may stand on what is there: on a letter, and on no more marks than writing needs.
    fn takes_mark(&self) -> bool {
        let mut last = self.text.chars().rev();
        let marks = last.by_ref().take_while(|c| is_mark(*c)).count();
        let letter = self.text.chars().rev().nth(marks);
        marks < MAX_MARKS && letter.is_some_and(char::is_alphanumeric)
    }

    fn byte(&mut self, byte: u8) {
        let _ = write!(self.text, "\\x{byte:02x}");
        self.ends.push(self.text.len());
    }

    fn escape_last_space(&mut self) {
        if self.text.ends_with(' ') {
            self.text.pop();
            self.ends.pop();
            self.byte(b' ');
        }
    }

    fn cut(self, max: usize, keep: Keep) -> String {
        let max = max.max(MIN_WIDTH);
        let total = self.text.len();
        if total <= max {
            return self.text;
        }
        let room = max.saturating_sub(mark(total).len());
        let tail_room = match keep {
            Keep::BothEnds => room / 2,
            Keep::Start => 0,
        };
        let mut ends = self.ends.iter().copied();
        let tail = ends.clone().find(|end| total - end <= tail_room);
        let head = ends.rfind(|end| *end <= room - tail_room);
        let (head, tail) = (head.unwrap_or(0), tail.unwrap_or(total));
        let (first, last) = (self.text.get(..head), self.text.get(tail..));
        let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
        format!("{first}{}{last}", mark(tail - head))
    }
}

fn mark(characters: usize) -> String {
    format!("[cut {characters}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_pass_unchanged() {
        for text in [
            "git",
            "root@prod.example",
            "my laptop key",
            "~!@#$%^&*()\\\"'<b>",
            "",
        ] {
            assert_eq!(ascii(text.as_bytes(), 80), text);
            assert_eq!(prose(text.as_bytes(), 80), text);
        }
    }

    #[test]
    fn what_could_draw_or_deceive_is_spelled_out() {
        assert_eq!(
            ascii(b"git\nHost: github.com\x1b[1m", 80),
            "git\\x0aHost: github.com\\x1b[1m"
        );
        assert_eq!(
            ascii("\u{202e}moc.buhtig".as_bytes(), 80),
            "\\u{202e}moc.buhtig"
        );
        assert_eq!(ascii("gіt".as_bytes(), 80), "g\\u{456}t"); // Cyrillic i
        assert_eq!(ascii(b"a\xff\xc3b\0\x7f", 80), "a\\xff\\xc3b\\x00\\x7f");
        assert_eq!(ascii(b" a   b ", 80), "\\x20a \\x20\\x20b\\x20");
    }

    #[test]
    fn prose_is_one_line() {
        assert_eq!(prose(b"  Fix\r\n\tthe   build\n\n", 80), "Fix the build");
        assert_eq!(
            prose("caf\u{e9} \u{2067}x\u{85}".as_bytes(), 80),
            "caf\\u{e9} \\u{2067}x\\u{85}"
        );
    }

    #[test]
    fn letters_of_every_script_stay_and_what_deceives_does_not() {
        for words in [
            "Größe der Straße",
            "Исправить разбор",
            "解析器を直す",
            "파서 수정",
            "إصلاح المحلل",
            "תיקון המנתח",
            "पार्सर ठीक करें",
            "แก้ตัวแยกวิเคราะห์",
            "Việt Nam",
            "fix ✓ 🎉",
        ] {
            assert_eq!(text(words.as_bytes(), 200), words);
            assert!(!has_escapes(words.as_bytes()), "{words}");
        }
        for (hidden, shown) in [
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
            ("a\u{200b}b", "a\\u{200b}b"),
            ("a\u{200f}\u{61c}b", "a\\u{200f}\\u{61c}b"),
            ("a\u{ad}b\u{feff}", "a\\u{ad}b\\u{feff}"),
            ("a\u{3164}\u{115f}b", "a\\u{3164}\\u{115f}b"),
            ("a\u{fe0f}\u{e0041}b", "a\\u{fe0f}\\u{e0041}b"),
            ("a\u{a0}\u{2028}b", "a\\u{a0}\\u{2028}b"),
            ("a\u{e000}b", "a\\u{e000}b"),
            ("\u{301}a \u{301}", "\\u{301}a \\u{301}"),
            (
                "a\u{301}\u{301}\u{301}\u{301}",
                "a\u{301}\u{301}\u{301}\\u{301}",
            ),
            ("a\u{7f}\u{85}\0\x1b[2J", "a\\x7f\\u{85}\\x00\\x1b[2J"),
        ] {
            assert_eq!(text(hidden.as_bytes(), 200), shown);
            assert!(has_escapes(hidden.as_bytes()), "{shown}");
        }
        assert_eq!(text(b"F\xfcr\n\t alle", 80), "F\\xfcr alle");
        assert!(has_escapes(b"F\xfcr"));
        let long = "é".repeat(50);
        assert_eq!(
            text(long.as_bytes(), 40),
            format!("{}[cut 70]", "é".repeat(15))
        );
    }

    #[test]
    fn long_values_say_how_much_is_missing() {
        let name = [b"start".as_slice(), &[b'x'; 200], b"end"].concat();
        let shown = ascii(&name, 40);
        assert_eq!(
            shown,
            format!("start{}[cut 177]{}end", "x".repeat(11), "x".repeat(12))
        );
        assert!(prose(&name, 40).ends_with("[cut 177]"));
        let escapes = ascii("\u{202e}".repeat(100).as_bytes(), 30);
        assert_eq!(
            escapes, "\\u{202e}[cut 784]\\u{202e}",
            "no escape is cut in two"
        );
    }

    #[test]
    fn any_bytes_come_out_printable_short_and_the_same_twice() {
        let alphabet: &[&[u8]] = &[
            b" ",
            b"a",
            b"\\",
            b"x20",
            b"\n",
            b"\x1b",
            "\u{202e}".as_bytes(),
            b"\xff",
            b"[cut 3]",
            "é".as_bytes(),
            "\u{301}".as_bytes(),
            "न\u{94d}".as_bytes(),
        ];
        seeded::cases(20_000, |random| {
            let text: Vec<u8> = (0..random.below(60))
                .flat_map(|_| random.pick(alphabet).to_vec())
                .collect();
            let max = random.below(120);
            for (sanitize, is_ascii) in [
                (ascii as fn(&[u8], usize) -> String, true),
                (prose, true),
                (super::text, false),
            ] {
                let once = sanitize(&text, max);
                let printable = |c: char| (' '..='~').contains(&c) || !is_ascii && is_visible(c);
                assert!(once.chars().all(printable), "{once:?}");
                assert!(once.len() <= max.max(MIN_WIDTH), "{once:?}");
                assert_eq!(sanitize(once.as_bytes(), max), once, "{text:?} {max}");
            }
        });
    }
}
