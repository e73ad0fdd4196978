//! `split-ssh vault --stdio`: where a socket service cannot be, one process a call. It never judges: it
//! names the caller to the daemon, starting one if none runs, and passes the bytes.
//!
//! Standard error goes to the client, by qrexec and by sshd: of what goes wrong it gets one fixed sentence. The
//! reason stays in the vault: in the journal, and in a file that `split-ssh status` reads.

use std::env;
use std::io::{self, IsTerminal, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use policy::caller::{Caller, Keyring};

use common::error::Error;
use common::log::journal::{self, Priority};
use common::paths::Paths;
use common::service::SERVICE;
use common::stdio_failure::StdioFailure;
use common::vault_start;

const CHUNK: usize = 16 * 1024;

/// All that the client is told.
const REFUSED: &str =
    "split-ssh: the vault does not take this call; `split-ssh status` in the vault says why";

/// Hands standard input and output over to the daemon. What goes wrong is told to the journal and left for
/// `split-ssh status`; a person at a terminal is told at once.
pub fn serve(from: Option<&str>, keyring: Option<&str>, paths: &Paths) -> ExitCode {
    let paths = &match is_by_ssh() {
        true => paths.clone().without_environment(),
        false => paths.clone(),
    };
    match run(from, keyring, paths) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if io::stderr().is_terminal() {
                error.print();
            } else {
                journal::note(Priority::Error, &error.to_string(), &[]);
                let _ = writeln!(io::stderr(), "{REFUSED}");
            }
            // Where nothing can be written, the journal has it.
            let _ = StdioFailure::new(&error).keep(&paths.state);
            ExitCode::FAILURE
        }
    }
}

fn run(from: Option<&str>, keyring: Option<&str>, paths: &Paths) -> Result<(), Error> {
    let call = Call::find(from, keyring)?;
    let mut daemon = vault_start::connect(&paths.qrexec_socket(), paths)?;
    daemon
        .write_all(format!("{SERVICE}+{} {}\0", call.keyring, call.caller).as_bytes())
        .map_err(|error| Error::new(format!("the vault daemon ended: {error}")))?;
    match relay(daemon) {
        true => Ok(()),
        false => Err(
            Error::new("the vault daemon closed the call without an answer")
                .hint("`split-ssh log` has its reason, or the daemon ended: `split-ssh status`"),
        ),
    }
}

/// sshd sets this itself, so that no client can hide it.
fn is_by_ssh() -> bool {
    env::var_os("SSH_CONNECTION").is_some()
}

struct Call {
    caller: Caller,
    keyring: Keyring,
}

impl Call {
    fn find(from: Option<&str>, keyring: Option<&str>) -> Result<Self, Error> {
        let bad = |error: policy::caller::BadName| Error::new(error.to_string());
        // Under sshd the environment is partly the client's: QREXEC_* means nothing there.
        if is_by_ssh() || from.is_some() {
            let name = from.ok_or_else(|| {
                Error::new("a call by ssh names no caller")
                    .hint("say --from NAME in the authorized_keys line that runs this")
            })?;
            return Ok(Self {
                caller: Caller::parse(&format!("ssh:{name}")).map_err(bad)?,
                keyring: Keyring::from_argument(keyring.unwrap_or_default()).map_err(bad)?,
            });
        }
        let untrusted_argument = env::var("QREXEC_SERVICE_ARGUMENT").unwrap_or_default();
        let qube = env::var("QREXEC_REMOTE_DOMAIN").map_err(|_| {
            Error::new("no caller: QREXEC_REMOTE_DOMAIN is not set")
                .hint("--stdio is started by qrexec, or by sshd with --from NAME")
        })?;
        Ok(Self {
            caller: match Caller::parse(&qube).map_err(bad)? {
                caller @ Caller::Qube(_) => caller,
                _ => return Err(Error::new("QREXEC_REMOTE_DOMAIN names no qube")),
            },
            keyring: Keyring::from_argument(keyring.unwrap_or(&untrusted_argument)).map_err(bad)?,
        })
    }
}

/// Passes bytes until the daemon closes. The client's end is passed on as such: the daemon answers what is due first.
/// False if the daemon gave no byte back, and not because the client left without a word.
fn relay(daemon: UnixStream) -> bool {
    let left_silently = Arc::new(AtomicBool::new(false));
    if let Ok(to_daemon) = daemon.try_clone() {
        let left_silently = Arc::clone(&left_silently);
        thread::spawn(move || {
            let mut said = 0;
            let _ = pass(&mut io::stdin().lock(), &mut &to_daemon, |count| {
                said += count
            });
            left_silently.store(said == 0, Ordering::Relaxed);
            let _ = to_daemon.shutdown(Shutdown::Write);
        });
    }
    let mut given = 0;
    let _ = pass(&mut &daemon, &mut io::stdout().lock(), |count| {
        given += count
    });
    given > 0 || left_silently.load(Ordering::Relaxed)
}

/// `passed` hears of the bytes that were read.
fn pass(
    from: &mut impl Read,
    to: &mut impl Write,
    mut passed: impl FnMut(usize),
) -> io::Result<()> {
    let mut chunk = vec![0_u8; CHUNK];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                passed(count);
                to.write_all(chunk.get(..count).unwrap_or_default())?;
                to.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
