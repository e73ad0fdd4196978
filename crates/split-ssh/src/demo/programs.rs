//! The programs that the demo needs, and ours.

use std::path::{Path, PathBuf};

use common::error::Error;

/// sshd lies where a plain user's PATH does not look.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const NEEDED: [(&str, &str); 6] = [
    ("ssh", "openssh-client"),
    ("ssh-agent", "openssh-client"),
    ("ssh-add", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("sshd", "openssh-server"),
    ("git", "git"),
];

/// # Errors
/// Some are missing: all are named. Or `qrexec` is no program.
pub fn check(qrexec: Option<&Path>) -> Result<(), Error> {
    if let Some(program) = qrexec.filter(|program| !program.is_file()) {
        return Err(
            Error::new(format!("there is no program {}", program.display()))
                .hint("leave --qrexec out to go without qrexec"),
        );
    }
    let missing: Vec<_> = NEEDED
        .iter()
        .filter(|(program, _)| find(program).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    Err(
        Error::new(format!("the demo needs {}", programs.join(", "))).hint(format!(
            "sudo apt-get install {} ncat    (or the like)",
            packages.join(" ")
        )),
    )
}

pub fn find(program: &str) -> Option<PathBuf> {
    let folders = SEARCH_PATH.split(':');
    folders
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.is_file())
}

/// This very program.
pub fn split_ssh() -> Result<PathBuf, Error> {
    std::env::current_exe()
        .map_err(|error| Error::new(format!("cannot find the split-ssh program: {error}")))
}

/// The stand-in for qrexec, if it was built beside us.
pub fn qrexec_stand_in() -> Option<PathBuf> {
    let program = split_ssh().ok()?.with_file_name("qrexec-client-vm");
    program.is_file().then_some(program)
}
