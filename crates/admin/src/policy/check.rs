//! `split-ssh policy check`: mistakes in the policy, and what was surely not meant.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use super::host_proofs::{HostProof, HostProofs};
use policy::crypto::Fingerprint;
use policy::display;
use policy::facts::{HostIdentity, KeyFacts, Proof};
use policy::judgement::Verdict;
use policy::rules::{Policy, Problem, Severity};
use serde::Serialize;

use super::lint::shared_keys::shared_keys;
use super::lint::{Surroundings, lint};
use crate::fold::fold;
use crate::recorded;
use common::config::vault::VaultConfig;
use common::control::{self, Request};
use common::crypto::Ring;
use common::error::Error;
use common::keyrings::{self, KeyringState};
use common::known_hosts_files;
use common::paths::Paths;
use common::policy_files::{self, BrokenPolicy, LoadedPolicy};

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
/// Standard output cannot be written. A broken policy is exit code 1.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let report = match &args.file {
        Some(file) => policy_files::load_file(file),
        None => policy_files::load(&paths.config, &paths.system_config),
    };
    let report = match report {
        Ok(loaded) => Report::good(&loaded, paths),
        Err(broken) => {
            // A draft from elsewhere is no policy of the vault that runs.
            let status = control::ask(paths, &Request::Status);
            let status = status.ok().and_then(|reply| reply.status);
            let keeps_old =
                args.file.is_none() && status.is_some_and(|vault| vault.broken.is_none());
            Report::broken(&broken, keeps_old)
        }
    };
    let text = if args.json {
        serde_json::to_string_pretty(&report).map_err(|error| Error::new(error.to_string()))? + "\n"
    } else if io::stdout().is_terminal() {
        folded(&report.to_text())
    } else {
        report.to_text()
    };
    // `split-ssh policy check | head` is no failure.
    drop(io::stdout().write_all(text.as_bytes()));
    Ok(if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// For a terminal. Lines of the policy stay whole: the caret stands below them.
fn folded(text: &str) -> String {
    let mut folded = String::new();
    for line in text.lines() {
        match line.contains(" | ") {
            true => folded.push_str(line),
            false => folded.push_str(&fold(line, 0, CONTINUATION_INDENT)),
        }
        folded.push('\n');
    }
    folded
}

#[derive(Serialize)]
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
    only_bound: Vec<OnlyBound>,
    /// What could not be looked at.
    unchecked: Vec<String>,
    #[serde(skip)]
    text: String,
}

/// A host to which logins never gave proof; no allow rule covers these.
#[derive(Serialize)]
struct OnlyBound {
    fingerprint: String,
    names: Vec<String>,
    logins: u64,
}

/// A problem, for programs.
#[derive(Serialize)]
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
    /// The sentence names file and line.
    fn of_known_hosts(line: &str) -> Self {
        Self {
            severity: "error",
            file: None,
            line: None,
            column: None,
            message: line.to_owned(),
            hint: None,
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
        let mut problems: Vec<JsonProblem> =
            broken.problems().iter().map(JsonProblem::of).collect();
        if problems.is_empty() {
            let message = broken.to_string();
            problems.push(JsonProblem {
                severity: "error",
                file: None,
                line: None,
                column: None,
                message,
                hint: None,
            });
        }
        let verdict = match broken.problems().len() {
            count if keeps_old => format!(
                "{}: the running vault keeps the policy that it has, and one that starts refuses everything",
                counted(count.max(1), "mistake", "mistakes")
            ),
            0 => "with this policy a vault refuses everything".to_owned(),
            count => format!(
                "{}: with this policy a vault refuses everything",
                counted(count, "mistake", "mistakes")
            ),
        };
        Self {
            ok: false,
            files: broken.files(),
            digest: None,
            default: None,
            rules: 0,
            hosts: 0,
            problems,
            only_bound: Vec::new(),
            unchecked: Vec::new(),
            text: format!("{broken}\n\n{verdict}\n"),
        }
    }

    fn good(loaded: &LoadedPolicy, paths: &Paths) -> Self {
        let mut unchecked = Vec::new();
        let hosts = known_hosts_files::Files::of(paths).read();
        let knows = hosts
            .as_ref()
            .ok()
            .map(|hosts| |name: &str| hosts.known.knows(name, &Ring));
        if let Err(error) = &hosts {
            unchecked.push(format!("hosts: {}", error.plain()));
        }
        let unreadable: Vec<String> = hosts
            .iter()
            .flat_map(|hosts| hosts.known.unreadable_revocations())
            .map(ToString::to_string)
            .collect();
        let (keyrings, keys) = keys(paths)
            .map_err(|why| unchecked.push(format!("keys: {why}")))
            .ok()
            .unzip();
        let policy = &loaded.policy;
        let tries = policy.literal_host_names().into_iter().map(str::to_owned);
        let tries: Vec<String> = tries.collect();
        let shared_keys = hosts
            .as_ref()
            .ok()
            .map(|hosts| shared_keys(&hosts.known, &tries, &Ring));
        let warnings = lint(
            policy,
            &Surroundings {
                knows_host: knows.as_ref().map(|knows| knows as &dyn Fn(&str) -> bool),
                keys: keys.as_deref(),
                keyrings: keyrings.as_deref(),
                shared_keys: shared_keys.as_deref(),
            },
        );
        let mut text: String = unreadable
            .iter()
            .map(|line| {
                format!(
                    "error: {line}\n hint: correct the line, or remove it if it revokes nothing\n\n"
                )
            })
            .collect();
        text.extend(warnings.iter().map(|warning| format!("{warning}\n\n")));
        let only_bound = only_bound(policy, paths).unwrap_or_else(|error| {
            unchecked.push(format!("the log: {}", error.plain()));
            Vec::new()
        });
        for host in &only_bound {
            text += &host.to_text();
        }
        for what in &unchecked {
            text += &format!("not checked: {what}\n");
        }
        text += &summary(loaded, warnings.len() + only_bound.len());
        Self {
            ok: unreadable.is_empty(),
            files: loaded.files.clone(),
            digest: Some(loaded.digest.clone()),
            default: Some(policy.default_verdict().word()),
            rules: policy.rules().len(),
            hosts: policy.hosts().len(),
            problems: unreadable
                .iter()
                .map(|line| JsonProblem::of_known_hosts(line))
                .chain(warnings.iter().map(JsonProblem::of))
                .collect(),
            only_bound,
            unchecked,
            text,
        }
    }

    fn to_text(&self) -> String {
        self.text.clone()
    }
}

impl OnlyBound {
    fn to_text(&self) -> String {
        let (matcher, name) = match self.names.as_slice() {
            [] => ("keys", &self.fingerprint),
            [first, ..] => ("names", first),
        };
        let name = display::ascii(name.as_bytes(), SHOWN_NAME);
        let logins = usize::try_from(self.logins).unwrap_or(usize::MAX);
        let logins = counted(logins, "login", "logins");
        format!(
            "warning: {name}: {logins} in the log, never with proof of the host, so no allow rule covers them\n \
             hint: if its server cannot do better, a [host.NAME] with {matcher} = [\"{name}\"] and \
             proof = \"bound\" takes that\n\n"
        )
    }
}

/// Hosts of the log that were never proven, and are not excused from it.
fn only_bound(policy: &Policy, paths: &Paths) -> Result<Vec<OnlyBound>, Error> {
    let mut proofs = HostProofs::default();
    recorded::each(&paths.state, |record, _| proofs.add(record))?;
    // Of unnamed hosts only those that the policy knows by key: a client can show any number of others.
    let is_ours = |host: &HostProof| {
        let mut tables = policy.hosts().iter();
        let is_key = |key: &Fingerprint| key.0 == host.fingerprint;
        !host.names.is_empty() || tables.any(|table| table.keys.iter().any(is_key))
    };
    let owes_proof = |host: &&HostProof| {
        let identity = HostIdentity {
            fingerprint: Fingerprint(host.fingerprint.clone()),
            algorithm: String::new(),
            ca: None,
            names: host.names.clone(),
            label: None,
            possible_names: Vec::new(),
            revocation: policy::facts::Revocation::None,
        };
        is_ours(host) && policy.required_proof(&identity) == Proof::Proven
    };
    let hosts = proofs.only_bound().filter(owes_proof);
    Ok(hosts
        .map(|host| OnlyBound {
            fingerprint: host.fingerprint.clone(),
            names: host.names.clone(),
            logins: host.logins,
        })
        .collect())
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
    let rules = counted(policy.rules().len(), "rule", "rules");
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

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The names of all keyrings and their keys: as the running vault says, else as their agents do.
fn keys(paths: &Paths) -> Result<(Vec<String>, Vec<KeyFacts>), String> {
    let request = Request::Keyrings { name: None };
    let states: Vec<KeyringState> = match control::ask(paths, &request) {
        Ok(reply) => reply.keyrings.unwrap_or_default(),
        Err(_) => {
            let config = VaultConfig::load(paths).map_err(|error| error.plain())?;
            let found = keyrings::find(paths, &config).keyrings;
            if !found.iter().any(|place| place.socket.exists()) {
                return Err("no vault and no keyring's agent runs here".to_owned());
            }
            found.iter().map(|place| place.state()).collect()
        }
    };
    let mut keys = Vec::new();
    for state in &states {
        if let Some(trouble) = &state.trouble {
            return Err(format!("{}: {trouble}", state.socket.display()));
        }
        keys.extend(state.keys.iter().map(|key| KeyFacts {
            fingerprint: Fingerprint(key.fingerprint.clone()),
            algorithm: key.algorithm.clone(),
            comment: key.comment.clone().into_bytes(),
        }));
    }
    Ok((states.into_iter().map(|state| state.name).collect(), keys))
}
