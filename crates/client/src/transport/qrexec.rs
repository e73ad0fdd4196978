//! The way through dom0: `qrexec-client-vm -- TARGET qubes.SshAgent+KEYRING`.

use std::io;
use std::path::PathBuf;
use std::process::Command;

use super::command;
use super::stream::Stream;
use common::service::service_with;

/// Where Qubes keeps the program besides `PATH`.
const PROGRAM: &str = "qrexec-client-vm";
const USUAL_PLACE: &str = "/usr/lib/qubes/qrexec-client-vm";

/// Calls of `qubes.SshAgent` at one target with one argument.
#[derive(Debug)]
pub struct Qrexec {
    program: PathBuf,
    target: String,
    argument: String,
}

impl Qrexec {
    /// `program` overrides the usual search for `qrexec-client-vm`.
    pub fn new(program: Option<PathBuf>, target: String, argument: String) -> Self {
        let program = program.unwrap_or_else(find_program);
        Self {
            program,
            target,
            argument,
        }
    }

    /// The program never gets the client's own socket: it shuts that before it ends with 125 or 127, and nobody could
    /// answer the client any more.
    pub(super) fn call(&self, first: &[u8]) -> io::Result<Stream> {
        let mut call = Command::new(&self.program);
        call.arg("--")
            .arg(&self.target)
            .arg(service_with(&self.argument));
        command::start_piped(&mut call, first)
    }
}

fn find_program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(PROGRAM))
        .find(|program| program.is_file())
        .unwrap_or_else(|| PathBuf::from(USUAL_PLACE))
}
