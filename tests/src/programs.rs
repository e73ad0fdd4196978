//! The project's own programs, as cargo built them beside the running test.

use std::path::PathBuf;

/// Names a directory with real qrexec programs, which are then used instead of the stand-in.
pub const REAL_QREXEC: &str = "SPLIT_SSH_REAL_QREXEC";

pub fn split_ssh() -> PathBuf {
    built("split-ssh")
}

pub fn demo() -> PathBuf {
    built("split-ssh-demo")
}

pub fn qrexec_client_vm() -> PathBuf {
    match std::env::var_os(REAL_QREXEC) {
        Some(directory) => PathBuf::from(directory).join("qrexec-client-vm"),
        None => built("qrexec-client-vm"),
    }
}

/// The dialog, which is a workspace of its own. `SPLIT_SSH_PROMPT` names another one.
pub fn split_ssh_prompt() -> PathBuf {
    let program = std::env::var_os("SPLIT_SSH_PROMPT").map_or_else(
        || {
            let prompt = concat!(env!("CARGO_MANIFEST_DIR"), "/../prompt");
            PathBuf::from(prompt).join("target/debug/split-ssh-prompt")
        },
        PathBuf::from,
    );
    assert!(
        program.exists(),
        "{} is missing: run `cargo build --manifest-path prompt/Cargo.toml` first",
        program.display()
    );
    program
}

/// A test that lacks something fails; it is never passed over.
pub fn insist_on(path: &str) {
    assert!(
        std::path::Path::new(path).exists(),
        "{path} is missing: run scripts/install-deps first"
    );
}

fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a program knows its own path");
    let own_folder = own.parent().expect("a program lies in a folder");
    // Tests lie one folder deeper than programs.
    let folder = if own_folder.ends_with("deps") {
        own_folder.parent().unwrap_or(own_folder)
    } else {
        own_folder
    };
    let program = folder.join(name);
    assert!(
        program.exists(),
        "{} is missing: run `cargo build --workspace` first",
        program.display()
    );
    program
}
