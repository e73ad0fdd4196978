//! `split-ssh policy check`: mistakes in the policy, and what was surely not meant.

use std::path::PathBuf;
use std::process::ExitCode;

use super::host_proofs::{HostProof, HostProofs};
use policy::crypto::Fingerprint;
use policy::display;
use policy::facts::Proof;
use policy::judgement::Verdict;
use policy::rules::{Policy, Problem, Severity};
use serde::Serialize;

use super::lint::{Surroundings, lint};
use super::tried::load;
use crate::control_socket;
use crate::fold::fit;
use crate::output::{self, counted, exit_code};
use crate::recorded;
use common::error::Error;
use common::paths::Paths;
use common::policy_files::{BrokenPolicy, LoadedPolicy};

/// Blanks before what goes on from the line above, on a terminal.
const CONTINUATION_INDENT: usize = 6;
/// Characters of a host's name.
const SHOWN_NAME: usize = 80;

/// Find mistakes: bad lines, useless rules, unknown hosts and keys
///
/// The exit code is 0 if the policy can be used, even with warnings, else 1.
///
/// A @revoked line of known hosts that cannot be read is an error, too.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Check this file alone instead of the policy in force
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// # Errors
/// The report cannot be printed as JSON. A broken policy is exit code 1.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let report = match load(args.file.as_deref(), paths) {
        Ok(loaded) => Report::good(&loaded, paths),
        Err(broken) => {
            // A draft from elsewhere is no policy of the vault that runs.
            let status = control_socket::status(paths);
            let keeps_old =
                args.file.is_none() && status.is_some_and(|vault| vault.broken.is_none());
            Report::broken(&broken, keeps_old)
        }
    };
    let text = if args.json {
        output::json(&report)?
    } else {
        folded(&report.text)
    };
    // `split-ssh policy check | head` is no failure.
    drop(output::print(&text));
    Ok(exit_code(report.ok))
}

/// For a terminal. Lines of the policy stay whole: the caret stands below them.
fn folded(text: &str) -> String {
    let fold = |line: &str| match line.contains(" | ") {
        true => format!("{line}\n"),
        false => fit(line, 0, CONTINUATION_INDENT) + "\n",
    };
    text.lines().map(fold).collect()
}

#[derive(Default, Serialize)]
struct Report {
    ok: bool,
    files: Vec<PathBuf>,
    /// SHA-256 over the files, as in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<&'static str>,
    rules: usize,
    hosts: usize,
    problems: Vec<JsonProblem>,
    /// Hosts that need proof, and that the log has only seen bound.
    only_bound: Vec<HostProof>,
    /// What could not be looked at.
    unchecked: Vec<String>,
    /// All of it for people.
    #[serde(skip)]
    text: String,
}

/// A problem, for programs.
#[derive(Default, Serialize)]
struct JsonProblem {
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl JsonProblem {
    /// An error whose sentence names the place, if there is one.
    fn without_place(message: String) -> Self {
        Self {
            severity: "error",
            message,
            ..Self::default()
        }
    }

    fn of(problem: &Problem) -> Self {
        Self {
            severity: match problem.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            file: Some(problem.place.file.clone()),
            line: Some(problem.place.line),
            column: Some(problem.column),
            message: problem.message.clone(),
            hint: problem.hint.clone(),
        }
    }
}

impl Report {
    /// `keeps_old`: a vault runs here, and goes on with the last policy that was good.
    fn broken(broken: &BrokenPolicy, keeps_old: bool) -> Self {
        let mut problems: Vec<JsonProblem> = broken.problems.iter().map(JsonProblem::of).collect();
        if problems.is_empty() {
            problems.push(JsonProblem::without_place(broken.to_string()));
        }
        let mistakes = counted(problems.len(), "mistake", "mistakes");
        let verdict = match (keeps_old, broken.problems.is_empty()) {
            (true, _) => format!(
                "{mistakes}: the running vault keeps the policy that it has, and one that starts refuses everything"
            ),
            (false, true) => "with this policy a vault refuses everything".to_owned(),
            (false, false) => format!("{mistakes}: with this policy a vault refuses everything"),
        };
        Self {
            files: broken.files.clone(),
            problems,
            text: format!("{broken}\n\n{verdict}\n"),
            ..Self::default()
        }
    }

    fn good(loaded: &LoadedPolicy, paths: &Paths) -> Self {
        let policy = &loaded.policy;
        let surroundings = Surroundings::of(policy, paths);
        let warnings = lint(policy, &surroundings);
        let mut unchecked = surroundings.unchecked;
        let only_bound = only_bound(policy, paths).unwrap_or_else(|error| {
            unchecked.push(format!("the log: {}", error.plain()));
            Vec::new()
        });
        let mut text = String::new();
        for line in &surroundings.unreadable_revocations {
            text += &format!(
                "error: {line}\n hint: correct the line, or remove it if it revokes nothing\n\n"
            );
        }
        for warning in &warnings {
            text += &format!("{warning}\n\n");
        }
        text.extend(only_bound.iter().map(only_bound_text));
        for what in &unchecked {
            text += &format!("not checked: {what}\n");
        }
        text += &summary(loaded, warnings.len() + only_bound.len());
        let ok = surroundings.unreadable_revocations.is_empty();
        let unreadable = surroundings.unreadable_revocations.into_iter();
        Self {
            ok,
            files: loaded.files.clone(),
            digest: Some(loaded.digest.clone()),
            default: Some(policy.default_verdict().word()),
            rules: policy.rules.len(),
            hosts: policy.hosts.len(),
            problems: unreadable
                .map(JsonProblem::without_place)
                .chain(warnings.iter().map(JsonProblem::of))
                .collect(),
            only_bound,
            unchecked,
            text,
        }
    }
}

/// A host to which logins never gave proof; no allow rule covers these.
fn only_bound_text(host: &HostProof) -> String {
    let (matcher, name) = match host.names.as_slice() {
        [] => ("keys", &host.fingerprint),
        [first, ..] => ("names", first),
    };
    let name = display::ascii(name.as_bytes(), SHOWN_NAME);
    let logins = counted(host.logins, "login", "logins");
    format!(
        "warning: {name}: {logins} in the log, never with proof of the host, so no allow rule covers them\n \
         hint: if its server cannot do better, a [host.NAME] with {matcher} = [\"{name}\"] and \
         proof = \"bound\" takes that\n\n"
    )
}

/// Hosts of the log that were never proven, and are not excused from it.
fn only_bound(policy: &Policy, paths: &Paths) -> Result<Vec<HostProof>, Error> {
    let mut proofs = HostProofs::default();
    recorded::each(&paths.state, |record, _| proofs.add(record))?;
    // Of unnamed hosts only those that the policy knows by key: a client can show any number of others.
    let is_ours = |host: &HostProof| {
        let mut tables = policy.hosts.iter();
        let is_key = |key: &Fingerprint| key.0 == host.fingerprint;
        !host.names.is_empty() || tables.any(|table| table.keys.iter().any(is_key))
    };
    let owes_proof = |host: &HostProof| {
        is_ours(host) && policy.said_proof(&host.identity()) != Some(Proof::Bound)
    };
    Ok(proofs.only_bound().filter(owes_proof).collect())
}

fn summary(loaded: &LoadedPolicy, warnings: usize) -> String {
    let policy = &loaded.policy;
    let default = match policy.default_verdict() {
        Verdict::Deny => "what no rule covers is denied",
        _ => "what no rule covers is asked about",
    };
    let Some(first) = loaded.files.first() else {
        return format!("no policy file: the shipped policy holds, {default}\n");
    };
    let rules = counted(policy.rules.len(), "rule", "rules");
    let warnings = match warnings {
        0 => "no warning".to_owned(),
        number => counted(number, "warning", "warnings"),
    };
    let more = match loaded.files.len() - 1 {
        0 => String::new(),
        number => format!(" and {}", counted(number, "drop-in", "drop-ins")),
    };
    format!(
        "{}{more}: good, {rules}, {default}, {warnings}\n",
        first.display()
    )
}
