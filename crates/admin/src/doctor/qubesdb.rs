//! What dom0 tells this qube, through qubesdb.

use std::process::{Command, Stdio};

use super::place::Machine;

pub const QUBESDB_READ: &str = "/usr/bin/qubesdb-read";

/// What dom0 calls this qube, for commands to paste there; a placeholder where nobody says.
pub fn own_name(place: &Machine) -> String {
    read(place, "/name").unwrap_or_else(|| "QUBE".to_owned())
}

/// The value at `path`; `None` if dom0 gave none.
pub fn read(place: &Machine, path: &str) -> Option<String> {
    let output = Command::new(place.at(QUBESDB_READ))
        .arg(path)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let value = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !value.is_empty()).then_some(value)
}
