//! Mistakes in a policy file: what makes dom0 deny everything, what never matches, and what lets in more
//! than was meant.

use std::fmt;
use std::path::Path;

use policy::caller::Keyring;
use policy::display;
use policy::rules::words::nearest;

use super::file_name::{self, POLICY_FOLDER, USUAL_FILE};
use super::old;
use super::rule::Rule;
use common::service::SERVICE;

/// Characters of a line that are shown.
const SHOWN: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LintSeverity {
    /// dom0 denies every call, or never reads what stands there.
    Error,
    Warning,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintProblem {
    pub severity: LintSeverity,
    /// The file, and the line if it is about one.
    pub place: String,
    pub what: String,
    pub hint: Option<String>,
}

impl fmt::Display for LintProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            LintSeverity::Error => "error",
            LintSeverity::Warning => "warning",
        };
        if self.place.is_empty() {
            write!(f, "{severity}: {}", self.what)?;
        } else {
            write!(f, "{}: {severity}: {}", self.place, self.what)?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with `text` as the file `path`.
pub fn lint(path: &Path, text: &str) -> Vec<LintProblem> {
    let shown = path.display().to_string();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_stream = path == Path::new("-");
    let is_legacy = !is_stream
        && (name.starts_with(SERVICE)
            || path
                .parent()
                .is_some_and(|folder| folder.ends_with("qubes-rpc/policy")));
    let bad_name = if is_stream {
        None
    } else {
        file_name::problem(&name)
    };
    let mut problems = Vec::new();
    if is_legacy {
        problems.extend(legacy_place(path));
    } else if let Some(bad) = bad_name {
        problems.push(LintProblem {
            severity: if bad == file_name::BadFileName::TooLate {
                LintSeverity::Warning
            } else {
                LintSeverity::Error
            },
            place: String::new(),
            what: bad.to_string(),
            hint: Some(format!("call it {POLICY_FOLDER}/{USUAL_FILE}")),
        });
    }
    problems.extend(if is_legacy {
        legacy_lines(text)
    } else {
        lint_lines(text)
    });
    for problem in &mut problems {
        problem.place = match problem.place.as_str() {
            "" => shown.clone(),
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
        if line.starts_with('!') {
            problems.extend(directive(number, line));
            continue;
        }
        match Rule::parse(line) {
            Ok(rule) if is_ours(&rule) => ours.push((number, rule)),
            Ok(rule) => problems.extend(mistaken_service(number, &rule.service)),
            Err(mistake) => problems.push(match old::translate(line) {
                Some(today) => LintProblem {
                    severity: LintSeverity::Error,
                    place: number.to_string(),
                    what: format!(
                        "this is a line of Qubes 4.0, and here dom0 denies every call because of it: `{}`",
                        shown(line)
                    ),
                    hint: Some(translation(&today)),
                },
                None => LintProblem {
                    severity: LintSeverity::Error,
                    place: number.to_string(),
                    what: format!("{}; {}", mistake.what, mistake.consequence()),
                    hint: mistake.hint,
                },
            }),
        }
    }
    problems.extend(advice(&ours));
    problems
}

fn is_ours(rule: &Rule) -> bool {
    rule.service == SERVICE || rule.service == "*"
}

/// Whether a line is about calls to a vault, or brings in other files, which are not known here.
pub fn covers_calls(text: &str) -> bool {
    let mut lines = numbered(text).map(|(_, line)| line);
    lines.any(|line| {
        line.starts_with('!')
            || Rule::parse(line).is_ok_and(|rule| is_ours(&rule))
            || old::translate(line).is_some()
    })
}

/// What is wrong with files none of which has such a line.
pub fn no_line(files: &str) -> LintProblem {
    LintProblem {
        severity: LintSeverity::Error,
        place: files.to_owned(),
        what: format!("no line is about {SERVICE}, so no call to a vault is covered"),
        hint: Some("print the lines: split-ssh dom0-policy --client QUBE --vault QUBE".to_owned()),
    }
}

/// A service that was surely meant to be ours.
fn mistaken_service(number: usize, service: &str) -> Option<LintProblem> {
    let letters = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let (found, meant) = (letters(service), letters(SERVICE));
    let (severity, why) = if found == meant {
        (
            LintSeverity::Error,
            "dom0 tells capitals from small letters, and one sign from another",
        )
    } else if found.contains("sshagent") || nearest(&found, [meant.as_str()]).is_some() {
        (LintSeverity::Warning, "split-ssh never calls it")
    } else {
        return None;
    };
    Some(LintProblem {
        severity,
        place: number.to_string(),
        what: format!(
            "`{}` is another service than {SERVICE}: {why}",
            shown(service)
        ),
        hint: Some(format!("write {SERVICE}, if that is meant")),
    })
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn directive(number: usize, line: &str) -> Option<LintProblem> {
    let mut words = line.split_whitespace();
    let wanted = match words.next() {
        Some("!include" | "!include-dir") => 1,
        Some("!include-service") => 3,
        Some("!compat-4.0") => 0,
        _ => {
            return Some(error(
                number,
                format!("there is no directive `{}`", shown(line)),
            ));
        }
    };
    (words.count() != wanted).then(|| {
        error(
            number,
            format!("`{}`: {wanted} words are to follow", shown(line)),
        )
    })
}

fn error(number: usize, what: String) -> LintProblem {
    LintProblem {
        severity: LintSeverity::Error,
        place: number.to_string(),
        what: what + "; dom0 denies every call because of it",
        hint: None,
    }
}

/// `None` for a copy that lies anywhere else.
fn legacy_place(path: &Path) -> Option<LintProblem> {
    let is_read = path
        .parent()
        .is_some_and(|folder| folder.ends_with("qubes-rpc/policy"));
    let is_unread = path
        .parent()
        .is_some_and(|folder| folder.ends_with("qubes-rpc"));
    let (severity, what) = if is_read {
        (
            LintSeverity::Warning,
            "this is the place of Qubes 4.0, which later versions read last, and soon no more",
        )
    } else if is_unread {
        (
            LintSeverity::Error,
            "dom0 does not read policy here, whatever the guide says",
        )
    } else {
        return None;
    };
    Some(LintProblem {
        severity,
        place: String::new(),
        what: what.to_owned(),
        hint: Some(format!(
            "put the lines into {POLICY_FOLDER}/{USUAL_FILE} and remove this file"
        )),
    })
}

fn legacy_lines(text: &str) -> Vec<LintProblem> {
    numbered(text)
        .map(|(number, line)| {
            let today = old::translate(line);
            LintProblem {
                severity: LintSeverity::Warning,
                place: number.to_string(),
                what: match &today {
                    Some(_) => format!("this is a line of Qubes 4.0: `{}`", shown(line)),
                    None => format!("no line of Qubes 4.0 either: `{}`", shown(line)),
                },
                hint: today.as_ref().map(translation),
            }
        })
        .collect()
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
            problems.push(LintProblem {
                severity: LintSeverity::Warning,
                place: number.to_string(),
                what,
                hint: Some(hint.to_owned()),
            });
        };
        if let Some(line) = closed_by {
            warn(
                format!("line {line} decides every call before this line"),
                "move this line above it",
            );
        }
        let is_everyone = ["*", "@anyvm"].contains(&rule.source.as_str());
        let is_everywhere = ["*", "@anyvm"].contains(&rule.target.as_str());
        if is_everyone && is_everywhere && rule.argument == "*" {
            closed_by = closed_by.or(Some(*number));
        }
        if rule.service != SERVICE || rule.action == "deny" {
            continue;
        }
        if is_everyone {
            warn(
                format!("`{}` lets in every qube, also ones made later", rule.source),
                "name the qubes, or tag them and say @tag:TAG",
            );
        }
        if is_everywhere && rule.get("target").is_none() {
            warn(
                format!(
                    "`{}` lets the client choose which qube answers",
                    rule.target
                ),
                "say @default and target=VAULT",
            );
        }
        if rule.action == "ask" && rule.get("default_target").is_none() {
            warn(
                "dom0's question preselects nothing".to_owned(),
                "add default_target=VAULT",
            );
        }
        let keyring = rule.argument.strip_prefix('+').unwrap_or_default();
        if Keyring::from_argument(keyring).is_err() {
            warn(
                format!("no keyring can be called `{keyring}`"),
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
                format!(
                    "a client that calls @default, as ours does, is not covered by `{}`",
                    rule.target
                ),
                "add the same line with @default in its place and target=VAULT",
            );
        }
    }
    problems
}

fn shown(line: &str) -> String {
    display::ascii(line.as_bytes(), SHOWN)
}
