//! The policy and the way to ask a person.

use super::finding::Findings;
use super::place::Machine;
use super::units;
use crate::output::counted;
use crate::policy::lint::{Surroundings, lint};
use common::control::{AsksBy, PromptState, VaultStatus};
use common::policy_files;

/// The session's unit behind which the dialog is.
const SOCKET: &str = "split-ssh-prompt.socket";

/// The policy that the running vault has in force, and what it could not read.
pub fn check(place: &Machine, running: Option<&VaultStatus>, findings: &mut Findings) {
    let mut check = findings.check("policy");
    let mut bad = |what: &str, problem: &str| {
        // The rest points at the place, as `split-ssh policy check` does.
        let first = problem.lines().next().unwrap_or_default();
        check.bad(format!("{what}: {first}"), remedy(problem));
    };
    match running.map(|status| (&status.broken, &status.stale)) {
        Some((Some(broken), _)) => return bad("the vault refuses everything", broken),
        Some((None, Some(stale))) => {
            let what = "the vault still serves the last good policy, as the saved one is broken";
            return bad(what, stale);
        }
        _ => {}
    }
    let paths = &place.paths;
    let loaded = match policy_files::load(&paths.config, &paths.system_config) {
        Ok(loaded) => loaded,
        Err(broken) => {
            let what = "a vault that starts now refuses everything";
            return bad(what, &broken.to_string());
        }
    };
    if running.is_some_and(|status| status.policy_sha256 != loaded.digest) {
        return check.warn(
            "the vault does not have the saved policy in force yet",
            "split-ssh status; if it says so again: sudo systemctl reload split-ssh-vault",
        );
    }
    let warnings = lint(&loaded.policy, &Surroundings::default());
    let what = match loaded.files.as_slice() {
        [] => "no file: every login and sshsig is asked about".to_owned(),
        files => {
            let rules = counted(loaded.policy.rules.len(), "rule", "rules");
            format!("{rules} in {}", counted(files.len(), "file", "files"))
        }
    };
    match warnings.len() {
        0 => check.ok(what),
        number => check.warn(
            format!("{what}, {number} of them perhaps not as meant"),
            "split-ssh policy check",
        ),
    }
}

/// A problem's own hint if there is only one problem.
fn remedy(problem: &str) -> &str {
    let hint = problem
        .lines()
        .find_map(|line| line.trim().strip_prefix("hint: "));
    hint.filter(|_| problem.lines().count() == 2)
        .unwrap_or("fix the file; split-ssh policy check shows every mistake")
}

/// How the running vault would ask.
pub fn check_prompt(place: &Machine, prompt: PromptState, findings: &mut Findings) {
    let mut check = findings.check("prompt");
    // A dead socket of it may be left, which looks like a live one.
    let own = place.paths.home.join(".config/systemd/user").join(SOCKET);
    if units::is_masked(&own) {
        return check.warn(
            format!("{SOCKET} is masked: no window can be shown"),
            format!("systemctl --user unmask {SOCKET}; systemctl --user start {SOCKET}"),
        );
    }
    if prompt.asks_by == AsksBy::Terminal && prompt.wants_window {
        let what = "no window can be shown: questions wait for split-ssh pending";
        return check.warn(what, no_window(place, prompt.has_program));
    }
    check.ok(format!("questions are shown by {}", prompt.asks_by));
}

/// What a window wants besides.
fn no_window(place: &Machine, has_dialog: bool) -> String {
    if !has_dialog {
        return "install split-ssh-prompt in the template; \
                or say [prompt] by = \"terminal\" in vault.toml"
            .to_owned();
    }
    let has_session = place.paths.xdg_runtime().join("systemd/private").exists();
    if has_session && units::VAULT.is_started(place) {
        return format!("systemctl --user start {SOCKET}");
    }
    "open a window of this vault, and run this in its session".to_owned()
}
