//! The policy and the way to ask a person.

use std::fs;
use std::path::Path;

use policy::rules::Surroundings;

use super::finding::Findings;
use super::place::Place;
use super::units;
use common::config::vault::{PromptBy, VaultConfig};
use common::control::VaultStatus;
use common::policy_files;
use guard::ask::prompt::{Prompter, Way};

/// The session's unit behind which the dialog is.
const SOCKET: &str = "split-ssh-prompt.socket";

pub fn check(place: &Place, running: Option<&VaultStatus>, findings: &mut Findings) {
    let paths = &place.paths;
    let loaded = match policy_files::load(&paths.config, &paths.system_config) {
        Ok(loaded) => loaded,
        Err(broken) => {
            let broken = broken.to_string();
            let hint = broken
                .lines()
                .find_map(|line| line.trim().strip_prefix("hint: "));
            return findings.bad(
                "policy",
                format!("everything is refused: {}", first_line(&broken)),
                hint.filter(|_| broken.lines().count() == 2)
                    .unwrap_or("mend the file; split-ssh policy check shows every mistake"),
            );
        }
    };
    if let Some(stale) = running.and_then(|status| status.stale.as_ref().or(status.broken.as_ref()))
    {
        findings.bad(
            "policy",
            format!("the running vault could not read it: {}", first_line(stale)),
            format!(
                "split-ssh policy check; then: {}",
                units::VAULT.start(place)
            ),
        );
    }
    let warnings = loaded.policy.lint(&Surroundings::default());
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
    // A dead socket of it may be left, which looks like a live one.
    let own = place.paths.home.join(".config/systemd/user").join(SOCKET);
    if fs::read_link(own).is_ok_and(|target| target == Path::new("/dev/null")) {
        return findings.warn(
            "prompt",
            format!("{SOCKET} is masked: no window can be shown"),
            format!("systemctl --user unmask {SOCKET}; systemctl --user start {SOCKET}"),
        );
    }
    let prompter = Prompter::new(&config.prompt, &place.paths);
    let way = prompter.way();
    // The running vault may know a session that we are not in.
    let sentence = running.map_or_else(
        || way.sentence().to_owned(),
        |status| status.asks_by.clone(),
    );
    if sentence == Way::Terminal.sentence() && config.prompt.by == PromptBy::Window {
        return findings.warn(
            "prompt",
            "no window can be shown: questions wait for split-ssh pending",
            no_window(place, prompter.has_dialog()),
        );
    }
    findings.ok("prompt", format!("questions are shown by {sentence}"));
}

/// What a window wants besides.
fn no_window(place: &Place, has_dialog: bool) -> String {
    if !has_dialog {
        return "install split-ssh-prompt in the template; \
                or say [prompt] by = \"terminal\" in vault.toml"
            .to_owned();
    }
    let has_session = place.paths.xdg_runtime().join("systemd/private").exists();
    if has_session && units::VAULT.is_on(place) && units::VAULT.is_installed(place) {
        return format!("systemctl --user start {SOCKET}");
    }
    "open a window of this vault, and run this in its session".to_owned()
}
