//! qrexec's settings for the service (qubes-rpc-config/README): some void the guard, some break calls.

use std::path::Path;

use super::finding::{CheckState, Findings};
use super::place::{Machine, text_of};

/// The first folder that has a file of the name decides; the first two since Qubes 4.3.
const FOLDERS: [&str; 3] = [
    "/run/qubes/rpc-config",
    "/usr/local/etc/qubes/rpc-config",
    "/etc/qubes/rpc-config",
];
/// Settings that are on or off, and what comes of it while they are on.
const SWITCHES: [(&str, CheckState, &str); 4] = [
    (
        "wait-for-session",
        CheckState::Warn,
        "wait-for-session makes a vault that is just starting keep its callers waiting",
    ),
    (
        "skip-service-descriptor",
        CheckState::Bad,
        "skip-service-descriptor lets a client say who it is, so every call is refused",
    ),
    (
        "exit-on-client-eof",
        CheckState::Warn,
        "exit-on-client-eof loses the answer to a client that has said its last word",
    ),
    ("exit-on-service-eof", CheckState::Ok, ""),
];

pub fn check(place: &Machine, findings: &mut Findings) {
    let mut check = findings.check("rpc-config");
    let mut is_fine = true;
    for file in place.service_files(&FOLDERS) {
        for line in text_of(&file).unwrap_or_default().lines() {
            let Some((state, what)) = trouble(line.trim(), &file) else {
                continue;
            };
            let remedy = format!("remove the line `{}` from {}", line.trim(), file.display());
            check.add(state, &what, Some(&remedy));
            is_fine = false;
        }
    }
    if is_fine {
        check.ok("no setting of qrexec stands in the way");
    }
}

fn trouble(line: &str, file: &Path) -> Option<(CheckState, String)> {
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let place = file.display();
    let Some((key, value)) = line.split_once('=') else {
        let what = format!("{place}: `{line}` is no setting: clients see exit 125");
        return Some((CheckState::Bad, what));
    };
    let switch = SWITCHES.iter().find(|(name, ..)| *name == key);
    let is_quoted = value.starts_with('\'') && value.ends_with('\'');
    let (state, what) = match (switch, value) {
        (Some(_), "false" | "0") | (Some((_, CheckState::Ok, _)), "true" | "1") => return None,
        (Some((_, state, what)), "true" | "1") => (*state, (*what).to_owned()),
        (None, _) if key == "force-user" && is_quoted => {
            let what = "force-user is not for a service behind a socket";
            (CheckState::Bad, what.to_owned())
        }
        (None, _) if key != "force-user" => {
            let what = format!("{place}: qrexec knows no `{key}`");
            (CheckState::Warn, what)
        }
        _ => {
            let what = format!("{place}: `{line}` is badly written: clients see exit 125");
            (CheckState::Bad, what)
        }
    };
    Some((state, what))
}
