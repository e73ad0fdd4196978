//! The audit log, and room for it: a vault that cannot write refuses to sign.

use nix::sys::statvfs::statvfs;

use super::finding::Findings;
use super::place::Machine;
use super::qubesdb;
use crate::log::noted_heads;
use crate::log::verify::{LogDamage, verify};
use common::control::VaultStatus;
use common::error::reason;

/// Below this much free space, in bytes, the log will soon stop all signing.
const LOW_SPACE: u64 = 64 << 20;
const NO_SPACE: u64 = 4 << 20;

pub fn check(place: &Machine, findings: &mut Findings) {
    let paths = &place.paths;
    let heads = noted_heads::noted(&paths.audit_log());
    match verify(&paths.state, &heads) {
        Ok(whole) if whole.files == 0 => findings.ok("log", "nothing is written yet"),
        Ok(whole) => {
            let s = if whole.records == 1 { "" } else { "s" };
            findings.ok("log", format!("{} record{s}, all as written", whole.records));
        }
        // Whose file it is was looked at before.
        Err(LogDamage::Unreadable(error)) => findings.bad(
            "log",
            format!("it cannot be read: {}", reason(&error)),
            format!("ls -l {}", paths.state.display()),
        ),
        Err(broken) => findings.bad(
            "log",
            broken.to_string(),
            format!(
                "read it with split-ssh log; then keep it aside: mv {0} {0}.broken, and restart the vault",
                paths.audit_log().display()
            ),
        ),
    }
}

/// What the running vault says of its log.
pub fn check_running(status: &VaultStatus, findings: &mut Findings) {
    if let Some(trouble) = &status.log_trouble {
        findings.bad(
            "log",
            format!("the vault cannot write it, so it refuses everything: {trouble}"),
            format!(
                "ls -ld {0}; ls -l {0}",
                status.log.trim_end_matches("/log.jsonl")
            ),
        );
    }
}

pub fn check_space(place: &Machine, findings: &mut Findings) {
    let mut folder = place.paths.state.as_path();
    while !folder.exists() {
        match folder.parent() {
            Some(parent) => folder = parent,
            None => return,
        }
    }
    let Ok(system) = statvfs(folder) else {
        return;
    };
    let free = system
        .blocks_available()
        .saturating_mul(system.fragment_size());
    let what = format!("{} MiB free for the log", free >> 20);
    let remedy = || {
        format!(
            "make room, or in dom0: qvm-volume resize {}:private SIZE",
            qubesdb::own_name(place)
        )
    };
    if free < NO_SPACE {
        findings.bad(
            "space",
            format!("{what}: when it cannot be written, nothing is signed"),
            remedy(),
        );
    } else if free < LOW_SPACE {
        findings.warn("space", what, remedy());
    } else {
        findings.ok("space", what);
    }
}
