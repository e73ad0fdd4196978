//! The audit log, and room for it: a vault that cannot write refuses to sign.

use nix::sys::statvfs::statvfs;

use super::finding::Findings;
use super::place::Machine;
use super::qubesdb;
use crate::log::noted_heads;
use crate::log::verify::{LogDamage, verify};
use crate::output::counted;
use common::control::VaultStatus;
use common::error::reason;

/// Below this much free space, in bytes, the log will soon stop all signing.
const LOW_SPACE: u64 = 64 << 20;
const NO_SPACE: u64 = 4 << 20;

pub fn check(place: &Machine, findings: &mut Findings) {
    let paths = &place.paths;
    let heads = noted_heads::noted(&paths.audit_log());
    let mut check = findings.check("log");
    match verify(&paths.state, &heads) {
        Ok(whole) if whole.files == 0 => check.ok("nothing is written yet"),
        Ok(whole) => {
            let records = counted(whole.records, "record", "records");
            check.ok(format!("{records}, all as written"));
        }
        // Whose file it is was looked at before.
        Err(LogDamage::Unreadable(error)) => check.bad(
            format!("it cannot be read: {}", reason(&error)),
            format!("ls -l {}", paths.state.display()),
        ),
        Err(broken) => check.bad(
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
        let folder = status.log.trim_end_matches("/log.jsonl");
        findings.check("log").bad(
            format!("the vault cannot write it, so it refuses everything: {trouble}"),
            format!("ls -ld {folder}; ls -l {folder}"),
        );
    }
}

pub fn check_space(place: &Machine, findings: &mut Findings) {
    // The folder, or the first one around it that is there.
    let mut folders = place.paths.state.ancestors();
    let Some(system) = folders.find_map(|folder| statvfs(folder).ok()) else {
        return;
    };
    let blocks = system.blocks_available();
    let free = blocks.saturating_mul(system.fragment_size());
    let what = format!("{} MiB free for the log", free >> 20);
    let mut check = findings.check("space");
    if free >= LOW_SPACE {
        return check.ok(what);
    }
    let name = qubesdb::own_name(place);
    let remedy = format!("make room, or in dom0: qvm-volume resize {name}:private SIZE");
    if free >= NO_SPACE {
        return check.warn(what, remedy);
    }
    let what = format!("{what}: when it cannot be written, nothing is signed");
    check.bad(what, remedy);
}
