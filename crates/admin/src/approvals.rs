//! `split-ssh approvals`: the answers that the vault remembers, and how to take them back.

use std::fmt::Write as _;
use std::process::ExitCode;

use policy::question::length_in_words;

use super::output::{self, counted};
use super::running_vault::ask;
use super::shown_question::ascii;
use common::control::{Approval, Request, RevokedApprovals};
use common::error::Error;
use common::paths::Paths;

/// Under the verdict.
const INDENT: &str = "     ";

/// List the approvals and denials in force, or revoke them
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Revoke one by its number, or all
    Revoke {
        /// A number from the list, or `all`
        #[arg(value_name = "NUMBER|all", value_parser = which)]
        which: RevokedApprovals,
    },
}

fn which(text: &str) -> Result<RevokedApprovals, String> {
    match text.parse() {
        Ok(number) => Ok(RevokedApprovals::Number(number)),
        Err(_) if text == "all" => Ok(RevokedApprovals::All),
        Err(_) => Err("a number or `all` is expected".to_owned()),
    }
}

/// # Errors
/// No vault runs here, no answer has that number, or standard output is closed.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let text = match &args.command {
        None => {
            let approvals = ask(&Request::Approvals, paths)?.approvals;
            let approvals = approvals.unwrap_or_default();
            if args.json {
                output::json(&approvals)?
            } else if approvals.is_empty() {
                "no answer is remembered\n".to_owned()
            } else {
                approvals.iter().map(text).collect()
            }
        }
        Some(Command::Revoke { which }) => {
            let revoked = ask(&Request::Revoke { which: *which }, paths)?.revoked;
            match revoked.unwrap_or_default() {
                0 => "nothing was remembered\n".to_owned(),
                count => format!("revoked {}\n", counted(count, "answer", "answers")),
            }
        }
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Two or three lines, none longer than 80 columns.
fn text(approval: &Approval) -> String {
    let verdict = if approval.allows { "allow" } else { "deny " };
    let uses = uses(approval);
    let mut text = format!(
        "{:>3}  {verdict}  {}, {} left, {uses}\n{INDENT}{}\n",
        approval.number,
        ascii(&approval.qube),
        length_in_words(approval.seconds_left),
        ascii(&approval.covers),
    );
    if let Some(key) = &approval.key {
        let _ = writeln!(text, "{INDENT}with {}", ascii(key));
    }
    text
}

pub(crate) fn uses(approval: &Approval) -> String {
    match approval.uses {
        0 => "not used yet".to_owned(),
        1 => "used once".to_owned(),
        uses => format!("used {uses} times"),
    }
}

#[cfg(test)]
mod tests {
    use policy::caller::{Caller, Keyring};
    use policy::crypto::Fingerprint;
    use policy::facts::{Facts, HostIdentity, IntentKind, KeyFacts, Proof, Revocation};
    use policy::remembered::RememberedAnswer;
    use policy::scope::Scope;

    use super::*;

    fn shown(answer: &RememberedAnswer) -> String {
        text(&Approval {
            number: 12,
            allows: answer.is_approval(),
            qube: answer.caller().to_string(),
            covers: answer.what(),
            key: answer.key(),
            seconds_left: 7 * 86400,
            uses: 12345,
        })
    }

    fn login(qube: &str, user: &str, host: &str, comment: &str, keyring: &str) -> RememberedAnswer {
        let facts = Facts {
            caller: Caller::Qube(qube.to_owned()),
            keyring: Keyring::from_argument(keyring).unwrap(),
            key: KeyFacts {
                fingerprint: Fingerprint(format!("SHA256:{}", "k".repeat(43))),
                algorithm: "ssh-ed25519".to_owned(),
                comment: comment.into(),
            },
            kind: IntentKind::Login,
            sha1: false,
            user: Some(user.into()),
            proof: Proof::Proven,
            host: Some(HostIdentity {
                fingerprint: Fingerprint(format!("SHA256:{}", "h".repeat(43))),
                algorithm: "ssh-ed25519".to_owned(),
                ca: None,
                names: vec![host.to_owned()],
                label: None,
                possible_names: Vec::new(),
                revocation: Revocation::None,
            }),
            namespace: None,
            content: None,
            forwarded: false,
        };
        RememberedAnswer::Approval(Box::new(Scope::of(&facts).unwrap()))
    }

    #[test]
    fn everyday_names_stand_whole() {
        let covers = login(
            "work-dev",
            "root",
            "build7.eu-central.internal.example",
            "work laptop",
            "deploy",
        );
        assert_eq!(
            shown(&covers),
            " 12  allow  work-dev, 7 days left, used 12345 times\n     \
             login root@build7.eu-central.internal.example (proven)\n     \
             with work laptop of keyring deploy\n"
        );
        let muted = RememberedAnswer::Mute(Caller::Qube("noisy".to_owned()));
        assert_eq!(
            shown(&muted),
            " 12  deny   noisy, 7 days left, used 12345 times\n     \
             every question, because you muted this qube\n"
        );
    }

    #[test]
    fn the_longest_names_leave_room_for_each_other() {
        let long = "x".repeat(200);
        let covers = login(&"q".repeat(31), &long, &long, &long, &"r".repeat(32));
        let text = shown(&covers);
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        for part in ["q".repeat(31).as_str(), "7 days left", "@xxx", "(proven)"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let nameless = login("q", "git", "host", "", "default");
        assert!(shown(&nameless).contains(&format!("with SHA256:{}\n", "k".repeat(43))));
    }
}
