//! Breaks long sentences where words end. Nobody asks the terminal how wide it is: 80 columns fit all.

use crate::output::is_for_people;

pub const WIDTH: usize = 80;

/// `text` as it goes on at `column`; further lines begin with `indent` spaces. A word that is wider than
/// a line stays whole, so that a path can be copied.
pub fn fold(text: &str, column: usize, indent: usize) -> String {
    let mut folded = String::new();
    let mut at = column;
    for word in text.split(' ') {
        let width = word.chars().count();
        let is_first = folded.is_empty();
        if !is_first && at + 1 + width > WIDTH {
            folded.push('\n');
            folded.extend(std::iter::repeat_n(' ', indent));
            at = indent;
        } else if !is_first {
            folded.push(' ');
            at += 1;
        }
        folded.push_str(word);
        at += width;
    }
    folded
}

/// The same for a text that begins its line, with the blanks before it.
pub fn indented(text: &str, column: usize, indent: usize) -> String {
    format!("{:column$}{}", "", fold(text, column, indent))
}

/// Folds where a person reads; a program gets one line.
pub fn fit(text: &str, column: usize, indent: usize) -> String {
    match is_for_people() {
        true => fold(text, column, indent),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words() {
        assert_eq!(fold("short", 70, 4), "short");
        assert_eq!(fold("one two three", 70, 4), "one two\n    three");
        let path = format!("/{}", "x".repeat(100));
        let text = format!("cannot read {path} at all");
        assert_eq!(
            fold(&text, 0, 2),
            format!("cannot read\n  {path}\n  at all")
        );
    }

    #[test]
    fn no_word_is_lost() {
        let text = "the quick brown fox jumps over the lazy dog ".repeat(9);
        let folded = fold(text.trim(), 21, 21);
        assert!(folded.lines().all(|line| line.len() <= WIDTH), "{folded}");
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&folded), words(&text));
    }
}
