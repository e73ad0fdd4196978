//! How the demo looks: headings, paragraphs, quoted text and a table, in a terminal of any width.

use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

/// Wider lines are hard to read.
const WIDEST: usize = 110;
const NARROWEST: usize = 60;
const USUAL: usize = 80;
/// Below a step's number.
const INDENT: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Plain,
    Strong,
    Dim,
    Good,
    Bad,
    Question,
}

#[derive(Debug)]
pub struct Screen {
    colour: bool,
    width: usize,
    step: usize,
}

/// A table's cell.
pub type Cell<'a> = (&'a str, Ink);

impl Screen {
    pub fn new() -> Self {
        let is_terminal = io::stdout().is_terminal();
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let colour = is_terminal
            && set("NO_COLOR").is_none()
            && set("TERM").is_none_or(|term| term != "dumb");
        let width = if is_terminal { columns() } else { None };
        Self {
            colour,
            width: width.unwrap_or(USUAL).clamp(NARROWEST, WIDEST),
            step: 0,
        }
    }

    pub fn title(&self, title: &str, text: &str) {
        self.line("");
        self.line(&self.paint(Ink::Strong, title));
        for line in wrap(text, self.width) {
            self.line(&self.paint(Ink::Dim, &line));
        }
    }

    /// Begins the next step.
    pub fn step(&mut self, heading: &str) {
        self.step += 1;
        self.line("");
        let number = format!("{:>2}", self.step);
        self.line(&format!(
            "{}  {}",
            self.paint(Ink::Dim, &number),
            self.paint(Ink::Strong, heading)
        ));
    }

    /// A paragraph.
    pub fn say(&self, text: &str) {
        self.say_in(Ink::Plain, text);
    }

    pub fn say_in(&self, ink: Ink, text: &str) {
        for line in wrap(text, self.width - INDENT) {
            self.line(&format!("{:INDENT$}{}", "", self.paint(ink, &line)));
        }
    }

    /// A command as it was run, and where.
    pub fn command(&self, place: &str, command: &str) {
        let prompt = self.paint(Ink::Dim, &format!("[{place}]$"));
        self.line(&format!("{:INDENT$}{prompt} {command}", ""));
    }

    pub fn has_colour(&self) -> bool {
        self.colour
    }

    /// Lines that have their own layout.
    pub fn block(&self, text: &str) {
        for line in text.trim_end().lines() {
            self.line(&format!("{:INDENT$}{line}", ""));
        }
    }

    /// Text of another program or a file, line by line as it is.
    pub fn quote(&self, text: &str) {
        let edge = self.paint(Ink::Dim, "|");
        for line in text.trim_end().lines() {
            let line = format!("{:INDENT$}{edge} {line}", "");
            self.line(line.trim_end());
        }
    }

    /// The same, dim after `#`, as comments are.
    pub fn quote_toml(&self, text: &str) {
        let painted = text.lines().map(|line| match line.split_once('#') {
            Some((before, comment)) => {
                format!("{before}{}", self.paint(Ink::Dim, &format!("#{comment}")))
            }
            None => line.to_owned(),
        });
        self.quote(&painted.collect::<Vec<_>>().join("\n"));
    }

    /// Long lines of another program, the rest of each indented.
    pub fn quote_wrapped(&self, text: &str) {
        const HANG: usize = 4;
        let width = self.width - INDENT - 2;
        let mut lines = Vec::new();
        for line in text.lines() {
            let (head, tail) = split_at_width(line, width);
            lines.push(head.to_owned());
            let rest = wrap(tail, width - HANG).into_iter();
            lines.extend(
                rest.filter(|line| !line.is_empty())
                    .map(|line| format!("{:HANG$}{line}", "")),
            );
        }
        self.quote(&lines.join("\n"));
    }

    /// What came of a step.
    pub fn result(&self, good: bool, text: &str) {
        let (ink, word) = if good {
            (Ink::Good, "ok")
        } else {
            (Ink::Bad, "no")
        };
        let mut lines = wrap(text, self.width - INDENT - 4).into_iter();
        let first = lines.next().unwrap_or_default();
        self.line(&format!("{:INDENT$}{}  {first}", "", self.paint(ink, word)));
        for line in lines {
            self.line(&format!("{:INDENT$}    {line}", ""));
        }
    }

    /// Text that a person types after.
    pub fn ask(&self, text: &str) {
        self.print(&format!(
            "{:INDENT$}{} ",
            "",
            self.paint(Ink::Question, text)
        ));
    }

    /// One row of the table of attacks.
    pub fn row(&self, letter: &str, cells: [Cell<'_>; 3]) {
        let widths = self.columns();
        let wrapped: Vec<_> = cells
            .iter()
            .zip(widths)
            .map(|((text, _), width)| wrap(text, width))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        for index in 0..height {
            let letter = if index == 0 { letter } else { "" };
            let mut line = format!(
                "{:INDENT$}{}",
                "",
                self.paint(Ink::Dim, &format!("{letter:<3}"))
            );
            for ((lines, width), (_, ink)) in wrapped.iter().zip(widths).zip(cells) {
                let text = lines.get(index).map_or("", String::as_str);
                let space = width + 2 - text.chars().count().min(width);
                line.push_str(&self.paint(ink, text));
                line.push_str(&" ".repeat(space));
            }
            self.line(line.trim_end());
        }
    }

    pub fn rule(&self) {
        let width = 3 + self.columns().iter().sum::<usize>() + 4;
        self.line(&format!(
            "{:INDENT$}{}",
            "",
            self.paint(Ink::Dim, &"-".repeat(width))
        ));
    }

    /// What is attempted, and what came of it at either side.
    fn columns(&self) -> [usize; 3] {
        let all = self.width - INDENT - 3 - 4;
        let first = all * 3 / 10;
        let second = (all - first) / 2;
        [first, second, all - first - second]
    }

    pub fn line(&self, text: &str) {
        self.print(&format!("{text}\n"));
    }

    fn print(&self, text: &str) {
        let mut out = io::stdout().lock();
        // Who closed the pipe has seen enough; what the demo found is in its exit code.
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }

    pub fn paint(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            _ if !self.colour || text.is_empty() => "",
            Ink::Plain => "",
            Ink::Strong => "1",
            Ink::Dim => "2",
            Ink::Good => "32",
            Ink::Bad => "31",
            Ink::Question => "1;33",
        };
        if code.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The width of the terminal that standard input is, as `stty` knows it.
fn columns() -> Option<usize> {
    let mut stty = Command::new("stty");
    stty.arg("size")
        .stdin(Stdio::inherit())
        .stderr(Stdio::null());
    let output = stty.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let columns = text.split_whitespace().nth(1)?.parse().ok()?;
    (columns > 0).then_some(columns)
}

/// Breaks at spaces; a word that is too long stands alone.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else if let Some(last) = lines.last_mut() {
            if line > 0 {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

/// The longest beginning that fits, cut at a space if it can be.
fn split_at_width(line: &str, width: usize) -> (&str, &str) {
    let Some((end, _)) = line.char_indices().nth(width) else {
        return (line, "");
    };
    let cut = line
        .get(..end)
        .and_then(|fits| fits.rfind(' '))
        .unwrap_or(end);
    line.split_at(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a-very-long-word ab", 4), ["a-very-long-word", "ab"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(
            split_at_width("2026  signed it", 9),
            ("2026 ", " signed it")
        );
        assert_eq!(split_at_width("short", 9), ("short", ""));
    }
}
