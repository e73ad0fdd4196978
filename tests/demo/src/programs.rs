//! The programs that the demo needs.

use std::path::Path;

/// sshd lies where a plain user's PATH does not look.
const FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

const NEEDED: [(&str, &str); 8] = [
    ("ssh", "openssh-client"),
    ("ssh-agent", "openssh-client"),
    ("ssh-add", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("sshd", "openssh-server"),
    ("git", "git"),
    ("ncat", "ncat"),
    ("cc", "gcc"),
];

/// # Errors
/// Some are missing: all are named, with what to do.
pub fn check() -> Result<(), String> {
    let is_missing = |program: &str| {
        !FOLDERS
            .iter()
            .any(|folder| Path::new(folder).join(program).is_file())
    };
    let missing: Vec<_> = NEEDED
        .iter()
        .filter(|(program, _)| is_missing(program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    Err(format!(
        "the demo needs {}\nhint: sudo apt-get install {}",
        programs.join(", "),
        packages.join(" ")
    ))
}
