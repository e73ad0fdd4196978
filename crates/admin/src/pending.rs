//! `split-ssh pending`, `allow` and `deny`: questions answered in a terminal of the vault. A number
//! typed by hand can't be hit by accident.

use std::process::ExitCode;

use policy::display;
use policy::question::{Decision, Question, QuestionId};

use super::live;
use super::output;
use super::running_vault::{answer, waiting};
use super::shown_question::{MAX_SENTENCE, parse_length, short_length, text};
use common::control::PendingQuestion;
use common::error::Error;
use common::paths::Paths;

/// Show the questions that wait for an answer
#[derive(Debug, clap::Args)]
#[command(after_help = "Answer one with `split-ssh allow ID` or `split-ssh deny ID`.")]
pub struct Args {
    /// Keep running: show each question as it comes, and answer it here
    #[arg(long, conflicts_with = "json")]
    live: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

const STOP: &str = "`--for stop` holds until the vault stops, and no longer than 7 days.";

/// Allow a waiting request, once unless said otherwise
#[derive(Debug, clap::Args)]
#[command(after_help = STOP)]
pub struct AllowArgs {
    /// The question's number, as `split-ssh pending` shows it
    #[arg(value_parser = number)]
    id: QuestionId,

    /// For requests that look the same, too: 15m, 1h, stop
    #[arg(long = "for", value_name = "TIME", value_parser = parse_length)]
    length: Option<u64>,

    /// Identical requests to allow, where several wait
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        hide_default_value = true
    )]
    requests: usize,

    /// Name an unnamed server, for questions and the log
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Write the name into known hosts: rules then see it
    #[arg(long, requires = "name")]
    trust: bool,
}

/// Deny a waiting request
#[derive(Debug, clap::Args)]
#[command(after_help = STOP)]
pub struct DenyArgs {
    /// The question's number, as `split-ssh pending` shows it
    #[arg(value_parser = number)]
    id: QuestionId,

    /// For requests that look the same, too: 15m, 1h, stop
    #[arg(long = "for", value_name = "TIME", value_parser = parse_length)]
    length: Option<u64>,

    /// Deny everything from this caller for 5 minutes
    #[arg(long, conflicts_with = "length")]
    mute: bool,
}

fn number(text: &str) -> Result<QuestionId, String> {
    text.parse()
        .map_err(|_| "a question's number is expected, see `split-ssh pending`".to_owned())
}

/// Exit code 0 if a question waits, else 1.
///
/// # Errors
/// No vault runs here, or standard output is closed.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    if args.live {
        return live::run(paths);
    }
    let waiting = waiting(paths)?;
    let text = if args.json {
        output::json(&waiting)?
    } else if waiting.is_empty() {
        "no question waits\n".to_owned()
    } else {
        let blocks: Vec<String> = waiting.iter().map(block).collect();
        blocks.join("\n")
    };
    output::print(&text)?;
    Ok(output::exit_code(!waiting.is_empty()))
}

/// A question, and how to answer it.
fn block(pending: &PendingQuestion) -> String {
    let question = &pending.question;
    format!(
        "{}: {}  {} s left.  {}\n",
        question.id,
        text(pending),
        pending.seconds_left,
        commands(question)
    )
}

fn commands(question: &Question) -> String {
    let id = question.id;
    let lengths = question.lengths();
    let longer = lengths.last().copied().map(short_length);
    let longer = longer.map(|length| format!(" [--for {length}]"));
    format!(
        "split-ssh allow {id}{}{}  or  split-ssh deny {id} [--for 1h | --mute]",
        all(question),
        longer.unwrap_or_default()
    )
}

/// What is typed so that an answer serves every request that shares the question.
fn all(question: &Question) -> String {
    match question.same {
        0 | 1 => String::new(),
        same => format!(" --requests {same}"),
    }
}

/// # Errors
/// No such question waits, or the vault does not take this answer.
pub fn allow(args: &AllowArgs, paths: &Paths) -> Result<ExitCode, Error> {
    let question = find(args.id, paths)?;
    // Nobody allows what came after the question was read.
    let (id, same) = (question.id, question.same);
    let again = format!("`split-ssh allow {id}{}`", all(&question));
    if (args.requests == 1 && same > 1) || args.requests > same {
        let requests = output::counted(same, "request", "requests");
        return Err(Error::new(format!("question {id} is for {requests}")).hint(again));
    }
    if args.name.is_some() && !question.takes_name {
        let why = format!("question {id} takes no name: it is not about an unknown server");
        return Err(Error::new(why).hint(again));
    }
    let question = Question {
        same: args.requests,
        ..question
    };
    let decision = match args.length {
        None => Decision::AllowOnce,
        Some(length) if question.lengths().contains(&length) => Decision::AllowFor(length),
        Some(_) => return Err(not_offered(&question)),
    };
    let name = args.name.clone().map(|name| (name, args.trust));
    say(&answer(&question, decision, name, paths)?)
}

/// # Errors
/// No such question waits.
pub fn deny(args: &DenyArgs, paths: &Paths) -> Result<ExitCode, Error> {
    let question = find(args.id, paths)?;
    let decision = match (args.length, args.mute) {
        (Some(length), _) if !question.denial_lengths().contains(&length) => {
            let (id, lengths) = (question.id, in_words(&question.denial_lengths()));
            let what = format!("question {id} can be denied for {lengths}, or once");
            return Err(Error::new(what).hint(format!("`split-ssh deny {id} --for 1h`")));
        }
        (Some(length), _) => Decision::DenyFor(length),
        (None, true) => Decision::Mute,
        (None, false) => Decision::DenyOnce,
    };
    say(&answer(&question, decision, None, paths)?)
}

fn say(sentence: &str) -> Result<ExitCode, Error> {
    output::print(&format!("{sentence}\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn not_offered(question: &Question) -> Error {
    let id = question.id;
    let why = question.limit.as_deref().unwrap_or_default();
    let why = display::prose(why.trim_end_matches('.').as_bytes(), MAX_SENTENCE);
    let lengths = question.lengths();
    let Some(longest) = lengths.last().copied() else {
        let what = format!("question {id} can be allowed once only. {why}");
        return Error::new(what).hint(format!("`split-ssh allow {id}`"));
    };
    let lengths = in_words(&lengths);
    let what = format!(
        "question {id} cannot be allowed for this length of time, but for {lengths}. {why}"
    );
    Error::new(what).hint(format!(
        "`split-ssh allow {id} --for {}`",
        short_length(longest)
    ))
}

/// `5m, 15m and stop`
fn in_words(lengths: &[u64]) -> String {
    let lengths: Vec<String> = lengths.iter().copied().map(short_length).collect();
    match lengths.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        all => all.concat(),
    }
}

pub(super) fn find(id: QuestionId, paths: &Paths) -> Result<Question, Error> {
    let mut questions = waiting(paths)?.into_iter().map(|pending| pending.question);
    questions.find(|question| question.id == id).ok_or_else(|| {
        Error::new(format!("no question {id} waits"))
            .hint("`split-ssh pending` shows those that do")
    })
}
