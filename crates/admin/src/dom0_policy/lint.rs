//! Mistakes in a policy file: what makes dom0 deny everything, what never matches, and what lets in more
//! than was meant.

use std::path::Path;

use policy::caller::Keyring;
use policy::display;
use policy::rules::words::nearest;

use super::file_name::{self, POLICY_FOLDER, USUAL_FILE};
use super::old;
use super::problem::LintProblem;
use super::rule::Rule;
use common::service::SERVICE;

/// Characters of a line that are shown.
const SHOWN: usize = 200;
/// What gets a file that lets calls through.
const PRINT_LINES: &str = "print the lines: split-ssh dom0-policy --client QUBE --vault QUBE";

/// Everything that is wrong with `text` as the file `path`.
pub fn lint(path: &Path, text: &str) -> Vec<LintProblem> {
    let shown = path.display();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_in = |folder: &str| path.parent().is_some_and(|parent| parent.ends_with(folder));
    let mut problems = Vec::new();
    if name.starts_with(SERVICE) || is_in("qubes-rpc/policy") {
        let move_lines =
            format!("put the lines into {POLICY_FOLDER}/{USUAL_FILE} and remove this file");
        // A copy that lies anywhere else is no mistake.
        if is_in("qubes-rpc/policy") {
            let what =
                "this is the place of Qubes 4.0, which later versions read last, and soon no more";
            problems.push(LintProblem::warning(what).hint(move_lines));
        } else if is_in("qubes-rpc") {
            let what = "dom0 does not read policy here, whatever the guide says";
            problems.push(LintProblem::broken(what).hint(move_lines));
        }
        problems.extend(legacy_lines(text));
    } else {
        if path != Path::new("-") {
            problems.extend(file_name::check(&name).err());
        }
        problems.extend(lint_lines(text));
    }
    for problem in &mut problems {
        problem.place = match problem.place.as_str() {
            "" => shown.to_string(),
            line => format!("{shown}:{line}"),
        };
    }
    problems
}

/// The same for lines alone; `place` is the line's number.
pub fn lint_lines(text: &str) -> Vec<LintProblem> {
    let mut problems = Vec::new();
    let mut ours: Vec<(usize, Rule)> = Vec::new();
    for (number, line) in numbered(text) {
        let problem = match Rule::parse(line) {
            _ if line.starts_with('!') => directive(line),
            Ok(rule) if is_ours(&rule) => {
                ours.push((number, rule));
                None
            }
            Ok(rule) => mistaken_service(&rule.service),
            Err(mistake) => Some(match old::translate(line) {
                Some(today) => LintProblem::broken(format!(
                    "this is a line of Qubes 4.0, and here dom0 denies every call because of it: `{}`",
                    shown(line)
                ))
                .hint(translation(&today)),
                None => mistake,
            }),
        };
        problems.extend(problem.map(|problem| problem.at(number)));
    }
    problems.extend(advice(&ours));
    problems
}

fn is_ours(rule: &Rule) -> bool {
    rule.service == SERVICE || rule.service == "*"
}

/// What a file does with calls to a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// No line is about them.
    None,
    DeniesOnly,
    /// A line lets some of them through, or brings in other files, which are not known here.
    LetsThrough,
}

pub fn coverage(text: &str) -> Coverage {
    let of_line = |(_, line): (usize, &str)| match Rule::parse(line) {
        _ if line.starts_with('!') => Coverage::LetsThrough,
        Ok(rule) if !is_ours(&rule) => Coverage::None,
        Ok(rule) if rule.action == "deny" || goes_to_dom0(&rule) => Coverage::DeniesOnly,
        Ok(_) => Coverage::LetsThrough,
        Err(_) if old::translate(line).is_some() => Coverage::LetsThrough,
        Err(_) => Coverage::None,
    };
    let all = numbered(text).map(of_line);
    all.max().unwrap_or(Coverage::None)
}

/// What is to be told of files that let no call through, though each line of them may be well.
pub fn lets_nothing_through(coverage: Coverage) -> Option<LintProblem> {
    let problem = match coverage {
        Coverage::LetsThrough => return None,
        Coverage::DeniesOnly => LintProblem::warning(format!(
            "no line lets a call of {SERVICE} through to a vault"
        )),
        Coverage::None => LintProblem::broken(format!(
            "no line is about {SERVICE}, so no call to a vault is covered"
        )),
    };
    Some(problem.hint(PRINT_LINES))
}

/// A service that was surely meant to be ours.
fn mistaken_service(service: &str) -> Option<LintProblem> {
    let letters = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let (found, meant) = (letters(service), letters(SERVICE));
    let what = |why: &str| {
        let service = shown(service);
        format!("`{service}` is another service than {SERVICE}: {why}")
    };
    let problem = if found == meant {
        let why = "dom0 tells capitals from small letters, and one sign from another";
        LintProblem::broken(what(why))
    } else if found.contains("sshagent") || nearest(&found, [meant.as_str()]).is_some() {
        LintProblem::warning(what("split-ssh never calls it"))
    } else {
        return None;
    };
    Some(problem.hint(format!("write {SERVICE}, if that is meant")))
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn directive(line: &str) -> Option<LintProblem> {
    let mut words = line.split_whitespace();
    let wanted = match words.next() {
        Some("!include" | "!include-dir") => Some(1),
        Some("!include-service") => Some(3),
        Some("!compat-4.0") => Some(0),
        _ => None,
    };
    let shown = shown(line);
    let what = match wanted {
        Some(wanted) if wanted == words.count() => return None,
        Some(wanted) => format!("`{shown}`: {wanted} words are to follow"),
        None => format!("there is no directive `{shown}`"),
    };
    let what = what + "; dom0 denies every call because of it";
    Some(LintProblem::broken(what))
}

fn legacy_lines(text: &str) -> impl Iterator<Item = LintProblem> {
    numbered(text).map(|(number, line)| {
        let shown = shown(line);
        let problem = match old::translate(line) {
            Some(today) => LintProblem::warning(format!("this is a line of Qubes 4.0: `{shown}`"))
                .hint(translation(&today)),
            None => LintProblem::warning(format!("no line of Qubes 4.0 either: `{shown}`")),
        };
        problem.at(number)
    })
}

fn translation(today: &old::TranslatedLine) -> String {
    format!(
        "today it is:\n   {}\n {}",
        today.lines.join("\n   "),
        today.explanation
    )
}

/// What dom0 takes, but was surely not meant.
fn advice(ours: &[(usize, Rule)]) -> Vec<LintProblem> {
    let mut problems = Vec::new();
    let mut closed_by: Option<usize> = None;
    for (number, rule) in ours {
        let mut warn = |what: String, hint: &str| {
            problems.push(LintProblem::warning(what).hint(hint).at(number));
        };
        if let Some(line) = closed_by {
            let what = format!("line {line} decides every call before this line");
            warn(what, "move this line above it");
        }
        let (source, target) = (rule.source.as_str(), rule.target.as_str());
        let is_everyone = ["*", "@anyvm"].contains(&source);
        let is_everywhere = ["*", "@anyvm"].contains(&target);
        if is_everyone && is_everywhere && rule.argument == "*" {
            closed_by = closed_by.or(Some(*number));
        }
        if rule.service != SERVICE || rule.action == "deny" {
            continue;
        }
        if goes_to_dom0(rule) {
            let what = "the call goes to dom0, which holds no keys and answers no call for them";
            warn(what.to_owned(), "name the vault: target=VAULT");
        }
        if is_everyone {
            let what = format!("`{source}` lets in every qube, also ones made later");
            warn(what, "name the qubes, or tag them and say @tag:TAG");
        }
        if is_everywhere && rule.get("target").is_none() {
            let what = format!("`{target}` lets the client choose which qube answers");
            warn(what, "say @default and target=VAULT");
        }
        if rule.action == "ask" && rule.get("default_target").is_none() {
            let what = "dom0's question preselects nothing".to_owned();
            warn(what, "add default_target=VAULT");
        }
        let keyring = rule.argument.strip_prefix('+').unwrap_or_default();
        if Keyring::from_argument(keyring).is_err() {
            let what = format!("no keyring can be called `{keyring}`");
            warn(
                what,
                "keyrings are named as the folders in ~/.ssh/identities.d",
            );
        }
        let has_default = ours.iter().any(|(_, other)| {
            ["@default", "@anyvm", "*"].contains(&other.target.as_str())
                && other.source == rule.source
                && (other.argument == rule.argument || other.argument == "*")
        });
        if !has_default {
            warn(
                format!("a client that calls @default, as ours does, is not covered by `{target}`"),
                "add the same line with @default in its place and target=VAULT",
            );
        }
    }
    problems
}

/// Where the redirect, or else the line's own target, is dom0.
fn goes_to_dom0(rule: &Rule) -> bool {
    let target = rule.get("target").unwrap_or(&rule.target);
    ["dom0", "@adminvm"].contains(&target)
}

fn shown(line: &str) -> String {
    display::ascii(line.as_bytes(), SHOWN)
}
