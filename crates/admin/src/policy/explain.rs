//! `split-ssh policy explain`: what the policy would say of a request, and each rule's why and why not.

mod args;
mod page;
mod request;
mod why;

use std::process::ExitCode;

use policy::caller::Keyring;
use policy::display;

pub use args::Args;
use page::SENTENCE;
use why::ExplainedRequest;

use super::tried::with_known_hosts;
use crate::control_socket;
use crate::fold::fit;
use crate::{output, recorded};
use common::clock;
use common::control::Request;
use common::error::Error;
use common::keyrings::KeyringState;
use common::known_hosts_files;
use common::paths::Paths;

/// # Errors
/// The policy or known hosts cannot be read, or the options contradict each other.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let policy = with_known_hosts(args.policy.as_deref(), paths)?;
    let mut notes = Vec::new();
    let (facts, mut moment) = match (args.record, args.qube.as_ref().or(args.sandbox.as_ref())) {
        (Some(seq), _) => recorded::facts_of(seq, args.log.as_deref(), paths)?,
        (None, Some(qube)) => {
            let hosts = known_hosts_files::Files::of(paths).read()?;
            let holder = || keyring_with(args.key.as_deref()?, paths);
            let keyring = args.keyring.clone().or_else(holder);
            (
                args.facts(qube, keyring, &policy, &hosts, &mut notes)?,
                clock::now(),
            )
        }
        (None, None) => return Err(Error::new("who asks?").hint("say --qube NAME or --record SEQ")),
    };
    moment.local_minute = args.at.unwrap_or(moment.local_minute);
    let explained = ExplainedRequest {
        policy: &policy,
        facts: &facts,
        moment: &moment,
        trace: &policy.trace(&facts, &moment),
    };
    let mut text = explained.text();
    for note in notes {
        let note = display::prose(note.as_bytes(), SENTENCE);
        text += &format!("note: {}\n", fit(&note, "note: ".len(), "note: ".len()));
    }
    // A reader that went away is no failure.
    drop(output::print(&text));
    Ok(ExitCode::SUCCESS)
}

/// The only keyring of the running vault that holds this key, by its comment or fingerprint.
fn keyring_with(key: &str, paths: &Paths) -> Option<Keyring> {
    let request = Request::Keyrings { name: None };
    let keyrings = control_socket::ask(paths, &request).ok()?.keyrings?;
    let holds = |state: &&KeyringState| {
        let mut keys = state.keys.iter();
        keys.any(|held| held.comment == key || held.fingerprint == key)
    };
    let mut holders = keyrings.iter().filter(holds);
    let holder = holders.next().filter(|_| holders.next().is_none())?;
    Keyring::from_argument(&holder.name).ok()
}
