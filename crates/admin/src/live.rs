//! `split-ssh pending --live`: shows each question as it comes and asks for an answer right here. What
//! was typed before a question could be read does not count, and only a whole word does.

use std::collections::VecDeque;
use std::io::{self, BufRead};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::termios::{FlushArg, tcflush};
use policy::question::{Decision, Question, QuestionId};

use super::output::print;
use super::running_vault::{answer, ask, waiting, watch};
use super::shown_question::{ascii, parse_length, short_length, text};
use common::control::{Event, Request};
use common::error::Error;
use common::paths::Paths;

/// A question must be on the screen for so long before anything that is typed counts.
const QUIET: Duration = Duration::from_secs(1);

/// Where a live view takes its input from.
enum Input {
    /// A line that was typed, and when.
    Line(String, Instant),
    /// Nothing more will be typed.
    Done,
    Event(Event),
    VaultGone,
}

/// A question on the screen.
struct Open {
    question: Question,
    /// Lines from before do not count.
    counts_from: Instant,
    listens: bool,
}

/// Shows questions until standard input ends.
///
/// # Errors
/// No vault runs here, or it ends.
pub fn run(paths: &Paths) -> Result<ExitCode, Error> {
    let inputs = listen(paths)?;
    let mut view = View {
        paths,
        queue: VecDeque::new(),
        open: None,
    };
    say("waiting for questions; end with ctrl-d")?;
    loop {
        view.show_next()?;
        let input = match view.open.as_ref().filter(|open| !open.listens) {
            Some(open) => {
                let pause = open.counts_from.saturating_duration_since(Instant::now());
                match inputs.recv_timeout(pause) {
                    Err(RecvTimeoutError::Timeout) => {
                        view.begin_to_listen()?;
                        continue;
                    }
                    input => input.ok(),
                }
            }
            None => inputs.recv().ok(),
        };
        match input {
            Some(Input::Line(line, at)) => view.typed(line.trim(), at)?,
            Some(Input::Event(event)) => view.happened(event)?,
            Some(Input::Done) => return Ok(ExitCode::SUCCESS),
            Some(Input::VaultGone) | None => return Err(Error::new("the vault has ended")),
        }
    }
}

fn listen(paths: &Paths) -> Result<Receiver<Input>, Error> {
    let events = watch(paths)?;
    let (sender, inputs) = mpsc::channel();
    let from_terminal = sender.clone();
    thread::spawn(move || {
        for event in events {
            if sender.send(Input::Event(event)).is_err() {
                return;
            }
        }
        let _ = sender.send(Input::VaultGone);
    });
    thread::spawn(move || read_lines(&from_terminal));
    Ok(inputs)
}

fn read_lines(sender: &Sender<Input>) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        if sender.send(Input::Line(line, Instant::now())).is_err() {
            return;
        }
    }
    let _ = sender.send(Input::Done);
}

struct View<'p> {
    paths: &'p Paths,
    queue: VecDeque<QuestionId>,
    open: Option<Open>,
}

impl View<'_> {
    /// Shows the next question that still waits, if none is open.
    fn show_next(&mut self) -> Result<(), Error> {
        while self.open.is_none() {
            let Some(id) = self.queue.pop_front() else {
                return Ok(());
            };
            let found = waiting(self.paths)?
                .into_iter()
                .find(|p| p.question.id == id);
            let Some(pending) = found else { continue };
            say(&format!("\nquestion {id}: {}", text(&pending).trim_end()))?;
            ask(&Request::Shown { id }, self.paths)?;
            self.open = Some(Open::new(pending.question));
        }
        Ok(())
    }

    /// From now on what is typed counts: the question has been on the screen for long enough.
    fn begin_to_listen(&mut self) -> Result<(), Error> {
        // Fails where input is no terminal; there the lines' times tell them apart.
        let _ = tcflush(io::stdin(), FlushArg::TCIFLUSH);
        if let Some(open) = &mut self.open {
            open.listens = true;
            open.counts_from = Instant::now();
        }
        self.prompt()
    }

    fn prompt(&self) -> Result<(), Error> {
        let Some(open) = &self.open else {
            return Ok(());
        };
        let mut words = vec!["yes".to_owned()];
        words.extend(open.question.lengths().into_iter().map(short_length));
        words.push("no".to_owned());
        print(&format!(
            "Allow? Type {}, no 1h (to deny it for 1 hour) or mute: ",
            words.join(", ")
        ))
    }

    fn typed(&mut self, line: &str, at: Instant) -> Result<(), Error> {
        let counts = |open: &&Open| open.listens && at >= open.counts_from;
        let Some(open) = self.open.as_ref().filter(counts) else {
            return Ok(());
        };
        let Some(decision) = read(line, &open.question) else {
            return self.prompt();
        };
        let answered = answer(&open.question, decision, None, self.paths);
        self.open = None;
        say(&answered.unwrap_or_else(|error| error.to_string()))
    }

    fn happened(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Asked(pending) => self.asked(pending.question),
            Event::Settled { id, how } => {
                self.queue.retain(|waiting| *waiting != id);
                match self.open.take_if(|open| open.question.id == id) {
                    Some(_) => say(&format!("\nquestion {id} is {}", ascii(&how))),
                    None => Ok(()),
                }
            }
            Event::Changed => Ok(()),
            Event::Notice(text) => say(&format!("\n{}", ascii(&text))),
        }
    }

    fn asked(&mut self, question: Question) -> Result<(), Error> {
        match &mut self.open {
            Some(open) if open.question.id == question.id => {
                // Somebody may be typing: a yes serves what was read, and the others are asked about next.
                if open.listens || question.same <= open.question.same {
                    return Ok(());
                }
                let same = question.same;
                *open = Open::new(question);
                say(&format!(
                    "\nyour answer applies to {same} identical requests now"
                ))
            }
            _ => {
                if !self.queue.contains(&question.id) {
                    self.queue.push_back(question.id);
                }
                Ok(())
            }
        }
    }
}

impl Open {
    fn new(question: Question) -> Self {
        Self {
            question,
            counts_from: Instant::now() + QUIET,
            listens: false,
        }
    }
}

/// A whole word, or nothing: Enter alone is no answer.
fn read(line: &str, question: &Question) -> Option<Decision> {
    match line {
        "yes" => Some(Decision::AllowOnce),
        "no" => Some(Decision::DenyOnce),
        "mute" => Some(Decision::Mute),
        length => {
            let decision = match length.strip_prefix("no ") {
                Some(length) => Decision::DenyFor(parse_length(length.trim()).ok()?),
                None => Decision::AllowFor(parse_length(length).ok()?),
            };
            question.offers.contains(&decision).then_some(decision)
        }
    }
}

fn say(text: &str) -> Result<(), Error> {
    print(&format!("{text}\n"))
}
