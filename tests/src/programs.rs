//! The project's own programs, as cargo built them beside the running test.

use std::path::PathBuf;

/// Names a directory with real qrexec programs, which are then used instead of the stand-in.
pub const REAL_QREXEC: &str = "SPLIT_SSH_REAL_QREXEC";

pub fn split_ssh() -> PathBuf {
    built("split-ssh")
}

pub fn qrexec_client_vm() -> PathBuf {
    match std::env::var_os(REAL_QREXEC) {
        Some(directory) => PathBuf::from(directory).join("qrexec-client-vm"),
        None => built("qrexec-client-vm"),
    }
}

fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let folder = test
        .ancestors()
        .find(|folder| folder.ends_with("deps"))
        .and_then(|deps| deps.parent());
    let program = folder
        .expect("cargo runs tests from its deps folder")
        .join(name);
    assert!(
        program.exists(),
        "{} is missing: run `cargo build --workspace` first",
        program.display()
    );
    program
}
