//! Gives ssh-add a passphrase without a terminal: we start ssh-add with ourselves as `SSH_ASKPASS`, and
//! the passphrase on the standard input that both share. The second time there is nothing left to read,
//! so a wrong passphrase ends ssh-add instead of asking on.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use policy::question::protocol::MAX_PASSPHRASE;

/// Set only for the ssh-add that we start.
const ASKPASS_VARIABLE: &str = "SPLIT_SSH_ANSWERS_SSH_ADD";

/// Whether ssh-add started this process to be given a passphrase.
pub fn is_asked() -> bool {
    std::env::var_os(ASKPASS_VARIABLE).is_some()
}

/// Passes what is on standard input to ssh-add.
pub fn answer() -> ExitCode {
    let mut passphrase = Vec::new();
    let read = io::stdin()
        .take(MAX_PASSPHRASE as u64)
        .read_to_end(&mut passphrase);
    let written = io::stdout().write_all(&passphrase);
    wipe(&mut passphrase);
    match (read, written) {
        (Ok(1..), Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Overwrites a secret; `black_box` keeps the compiler from leaving it out.
pub fn wipe(secret: &mut [u8]) {
    secret.fill(0);
    std::hint::black_box(secret);
}

/// Runs `ssh-add WORDS KEY` against the agent on `socket`. Without a passphrase a locked key fails at
/// once: ssh-add finds no terminal to ask on.
///
/// # Errors
/// ssh-add cannot be run.
pub fn ssh_add(
    words: &[String],
    key: &Path,
    socket: &Path,
    passphrase: Option<&[u8]>,
) -> io::Result<Output> {
    let mut command = Command::new("ssh-add");
    command.arg("-q").args(words).arg("--").arg(key);
    command
        .env("SSH_AUTH_SOCK", socket)
        .env(ASKPASS_VARIABLE, "1")
        .env("SSH_ASKPASS", std::env::current_exe()?)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // An ssh-add that needs no passphrase may be gone already.
        let _ = stdin.write_all(passphrase.unwrap_or_default());
    }
    child.wait_with_output()
}
