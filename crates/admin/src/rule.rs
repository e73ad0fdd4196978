//! `split-ssh rule`: writes narrow rules into the policy, lists them and takes them out.

mod preset;
mod saved;
mod written;

use std::process::ExitCode;

use policy::display;
use policy::question::{Decision, QuestionId};

use crate::confirm::confirm;
use crate::output::{self, print};
use crate::pending::find;
use crate::recorded;
use crate::running_vault::answer;
use common::error::Error;
use common::paths::Paths;
use common::policy_files::{self, AddedRule};
use saved::{Consent, place, say_added, taken_by_vault};

/// Write narrow rules from requests that you were asked about
///
/// Such a rule allows what equals the request in qube, keyring, key, kind, user and
/// host (or namespace), and nothing else. It goes above the rule that asks, or into
/// policy.d/rules.toml where no rule of yours does.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Add(AddArgs),
    Preset(preset::PresetArgs),
    /// List the rules that `split-ssh rule` added
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a rule that `split-ssh rule` added
    Remove {
        /// The rule's number, as `split-ssh rule list` shows it
        #[arg(value_name = "RULE")]
        number: u64,

        /// Remove it without asking
        #[arg(long)]
        yes: bool,
    },
}

/// Always allow what a question asks, or what a log record tells of
///
/// From a waiting question, it allows the request too.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").args(["question", "record"]).required(true), after_help = "Examples:
  split-ssh rule add --question 7
  split-ssh rule add --record 1042")]
struct AddArgs {
    /// A waiting question, as `split-ssh pending` numbers it
    #[arg(long, value_name = "ID")]
    question: Option<QuestionId>,

    /// A record of the log, as `split-ssh log --json` numbers it
    #[arg(long, value_name = "SEQ", conflicts_with = "question")]
    record: Option<u64>,

    #[command(flatten)]
    consent: Consent,
}

const ADD: &str = "add this rule to the policy?";

/// # Errors
/// There is no such rule, the policy would be broken, or it cannot be written.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    match &args.command {
        Command::Add(args) => add(args, paths),
        Command::Preset(args) => preset::run(args, paths),
        Command::List { json } => list(*json, paths),
        Command::Remove { number, yes } => remove(*number, *yes, paths),
    }
}

fn add(args: &AddArgs, paths: &Paths) -> Result<ExitCode, Error> {
    if let Some(id) = args.question {
        return answer_always(id, args, paths);
    }
    let seq = args.record.unwrap_or_default();
    let (facts, moment) = recorded::facts_of(seq, None, paths)?;
    let addition = policy_files::proposed(paths, &facts, &moment)?;
    if let Some(code) = args.consent.refused(&addition.text, ADD)? {
        return Ok(code);
    }
    let added = policy_files::add(paths, &facts, &moment, &addition.text)?;
    say_added(&added)?;
    taken_by_vault(paths)
}

/// The vault writes the rule that the question showed, and allows the request.
fn answer_always(id: QuestionId, args: &AddArgs, paths: &Paths) -> Result<ExitCode, Error> {
    let question = find(id, paths)?;
    let rule = question.rule.as_deref().ok_or_else(|| {
        Error::new(format!("question {id} offers no rule")).hint(
            "rules are offered for logins to servers with a name and for signatures of data, \
             unless the rule that asks says remember = \"never\"",
        )
    })?;
    // It passed no sanitizer since the vault sent it.
    let clean = |line: &str| display::ascii(line.as_bytes(), usize::MAX) + "\n";
    let shown: String = rule.lines().map(clean).collect();
    if let Some(code) = args.consent.refused(&shown, ADD)? {
        return Ok(code);
    }
    let said = answer(&question, Decision::AllowAlways, None, paths)?;
    print(&format!("{said}\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn list(json: bool, paths: &Paths) -> Result<ExitCode, Error> {
    let added = policy_files::added_rules(paths)?;
    let text = if json {
        let rules = added.iter().map(|rule| {
            serde_json::json!({"number": rule.number, "place": place(rule), "rule": rule.text})
        });
        output::json(&rules.collect::<Vec<_>>())?
    } else if added.is_empty() {
        "no rule was added; `split-ssh policy check` looks at all rules\n".to_owned()
    } else {
        let shown = |rule: &AddedRule| {
            let lines: String = rule
                .text
                .lines()
                .map(|line| format!("   {line}\n"))
                .collect();
            format!("{}  {}\n{lines}", rule.number, place(rule))
        };
        added.iter().map(shown).collect()
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn remove(number: u64, yes: bool, paths: &Paths) -> Result<ExitCode, Error> {
    let mut added = policy_files::added_rules(paths)?.into_iter();
    let rule = added.find(|rule| rule.number == number).ok_or_else(|| {
        Error::new(format!("no rule with the number {number} was added"))
            .hint("`split-ssh rule list` shows those that were")
    })?;
    print(&format!("{}:\n{}\n", place(&rule), rule.text))?;
    if !yes && !confirm("take this rule out of the policy?")? {
        print("nothing was taken out\n")?;
        return Ok(ExitCode::FAILURE);
    }
    written::remove(paths, &rule)?;
    print(&format!("took out rule {number}\n"))?;
    taken_by_vault(paths)
}
