//! The policy and the way to ask a person.

use policy::rules::Surroundings;

use super::finding::Findings;
use super::place::Place;
use crate::config::vault::{PromptBy, VaultConfig};
use crate::control::VaultStatus;
use crate::policy_files;
use crate::vault::prompt::{Prompter, Way};

pub fn check(place: &Place, running: Option<&VaultStatus>, findings: &mut Findings) {
    let paths = &place.paths;
    let loaded = match policy_files::load(&paths.config, &paths.system_config) {
        Ok(loaded) => loaded,
        Err(broken) => {
            let broken = broken.to_string();
            return findings.bad(
                "policy",
                format!("everything is refused: {}", first_line(&broken)),
                "mend the file; split-ssh policy check shows every mistake",
            );
        }
    };
    if let Some(stale) = running.and_then(|status| status.stale.as_ref().or(status.broken.as_ref()))
    {
        findings.bad(
            "policy",
            format!("the running vault could not read it: {}", first_line(stale)),
            "split-ssh policy check, then restart the vault",
        );
    }
    let nothing_known = Surroundings {
        knows_host: None,
        keys: None,
    };
    let warnings = loaded.policy.lint(&nothing_known);
    let what = match loaded.files.as_slice() {
        [] => "no file: every login and sshsig is asked about".to_owned(),
        files => format!(
            "{} in {}",
            counted(loaded.policy.rules().len(), "rule"),
            counted(files.len(), "file")
        ),
    };
    match warnings.len() {
        0 => findings.ok("policy", what),
        number => findings.warn(
            "policy",
            format!("{what}, {number} of them perhaps not as meant"),
            "split-ssh policy check",
        ),
    }
}

/// The rest points at the place, as `split-ssh policy check` does.
fn first_line(problem: &str) -> &str {
    problem.lines().next().unwrap_or_default()
}

fn counted(number: usize, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {one}{s}")
}

pub fn check_prompt(
    place: &Place,
    config: &VaultConfig,
    running: Option<&VaultStatus>,
    findings: &mut Findings,
) {
    let way = Prompter::new(&config.prompt, &place.paths).way();
    // The running vault may know a session that we are not in.
    let sentence = running.map_or_else(
        || way.sentence().to_owned(),
        |status| status.asks_by.clone(),
    );
    let is = |way: Way| sentence == way.sentence();
    if is(Way::Zenity) {
        return findings.warn(
            "prompt",
            "questions are shown by zenity, which cannot ask everything",
            "install split-ssh-prompt in the template",
        );
    }
    if is(Way::Terminal) && config.prompt.by == PromptBy::Window {
        return findings.warn(
            "prompt",
            "no window can be shown: questions wait for split-ssh pending",
            "install split-ssh-prompt in the template, and run this in the vault's session; \
             or say [prompt] by = \"terminal\" in vault.toml",
        );
    }
    findings.ok("prompt", format!("questions are shown by {sentence}"));
}
