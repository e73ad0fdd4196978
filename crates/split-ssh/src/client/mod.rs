//! `split-ssh client`: the agent socket of a client qube. The story of one connection:
//!
//! [`listen`] accepts it → [`first_byte`] waits for a request → [`slots`] lets few calls be set up
//! at once → [`transport`] starts a stream → [`set_up`] watches until somebody takes the request →
//! the carrier carries, or [`pump`] does → [`outcome`] says how it ended → [`refusal`] answers what
//! nobody else will → [`status_file`] keeps the reason.

mod child;
mod connection;
mod crowd;
mod due;
mod first_byte;
pub mod listen;
pub mod outcome;
mod pump;
mod refusal;
mod serve;
mod set_up;
mod slots;
pub mod status_file;
pub mod transport;
pub(crate) mod wait;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use toml::Spanned;

use crate::activation;
use crate::config::client::{self as config, TransportConfig, VaultConfig, VaultEntry};
use crate::error::Error;
use crate::paths::Paths;
use connection::Vault;
use listen::Listener;
use serve::Signals;
use slots::Slots;
use status_file::StatusFile;
use transport::{Qrexec, Transport};

/// Give this qube's programs an agent socket that leads to a vault
///
/// Without flags and without a client.toml it serves ~/.split-ssh/agent.sock and
/// calls the vault that dom0 names for @default. Then:
/// export SSH_AUTH_SOCK=~/.split-ssh/agent.sock
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, next_line_help = true)]
pub struct Args {
    /// Serve only this [[vault]] of client.toml
    #[arg(long, value_name = "NAME")]
    vault: Option<String>,

    /// Call this qube [default: @default, and dom0 decides]
    #[arg(long, value_name = "QUBE")]
    qube: Option<String>,

    /// Ask for this keyring [default: the vault's keyring `default`]
    #[arg(long, value_name = "KEYRING")]
    keyring: Option<String>,

    /// Listen here [default: agent.sock or KEYRING.sock in ~/.split-ssh]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// `qrexec`, `command` or `unix:/path/of/qrexec.sock` [default: qrexec]
    #[arg(long, value_name = "TRANSPORT")]
    transport: Option<String>,

    /// Give up on a call that nobody takes for so long [default: 120]
    #[arg(long, value_name = "SECONDS")]
    setup_seconds: Option<u64>,

    /// Use a command that speaks on stdin and stdout (last on the line)
    #[arg(long, value_name = "PROGRAM ARG…", num_args = 1.., allow_hyphen_values = true)]
    command: Option<Vec<String>>,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// The configuration is wrong, or a socket cannot be had.
pub fn run(args: Args, paths: &Paths) -> Result<ExitCode, Error> {
    let activated = &mut activation::listeners().map_err(|error| {
        Error::new(format!(
            "the sockets that we were started with are wrong: {error}"
        ))
    })?;
    let only = args.vault.clone();
    let vaults = config::read(paths, only.as_deref(), args.into())?;
    // Before there is a socket: whoever ends us finds it removed.
    let signals = Signals::catch().map_err(cannot_go_on)?;
    let for_all = Listener::for_all(activated)?;
    let mut served = Vec::new();
    for vault in &vaults {
        let listener = Listener::open(vault, activated, vaults.len() == 1)?;
        served.push((listener, Arc::new(open_vault(vault, paths))));
    }
    if !activated.is_empty() {
        return Err(
            Error::new("we were started with a socket that fits no vault of client.toml")
                .hint("set FileDescriptorName= in the socket unit to the vault's name"),
        );
    }
    if let (Some(listener), Some((_, first))) = (for_all, served.first()) {
        let first = Arc::clone(first);
        served.push((listener, first));
    }
    for (vault, (_, open)) in vaults.iter().zip(&served) {
        say_ready(vault, &open.transport);
    }
    serve::until_told_to_stop(&signals, &served).map_err(cannot_go_on)?;
    Ok(ExitCode::SUCCESS)
}

/// One line for whoever starts us by hand, and for the journal; a person is told what to do with it.
fn say_ready(vault: &VaultConfig, transport: &Transport) {
    let socket = vault.socket.display();
    // A closed standard output is nobody's problem.
    let _ = writeln!(io::stdout(), "listening at {socket}");
    let mut err = io::stderr();
    if err.is_terminal() {
        let _ = writeln!(
            err,
            "split-ssh: reaches the vault by {transport}; to use it: export SSH_AUTH_SOCK={socket}"
        );
    }
}

fn cannot_go_on(error: io::Error) -> Error {
    Error::new(format!("cannot go on: {error}")).hint("is there a limit on open files (ulimit -n)?")
}

fn open_vault(vault: &VaultConfig, paths: &Paths) -> Vault {
    let transport = Transport::from(vault.transport.clone());
    let folder = paths.client_runtime();
    let status = StatusFile::new(
        &folder,
        &vault.name,
        transport.kind(),
        transport.to_string(),
        vault.socket.clone(),
    );
    if let Err(error) = status.start() {
        let what = format!(
            "cannot write in {}: {error}; `split-ssh status` will know nothing of this client",
            folder.display()
        );
        // A closed standard error is nobody's problem.
        let _ = writeln!(
            io::stderr(),
            "split-ssh: warning: {what}\nsplit-ssh: hint: set --runtime-dir"
        );
    }
    Vault {
        transport,
        set_up_time: vault.set_up_time,
        slots: Slots::new(vault.set_ups),
        status,
    }
}

impl From<TransportConfig> for Transport {
    fn from(config: TransportConfig) -> Self {
        match config {
            TransportConfig::Qrexec {
                program,
                target,
                argument,
            } => Self::Qrexec(Qrexec::new(program, target, argument)),
            TransportConfig::Command { program, arguments } => Self::Command { program, arguments },
            TransportConfig::Unix { path, argument } => Self::Unix { path, argument },
        }
    }
}

impl From<Args> for VaultEntry {
    fn from(args: Args) -> Self {
        fn flag<T>(value: Option<T>) -> Option<Spanned<T>> {
            value.map(|value| Spanned::new(0..0, value))
        }
        Self {
            qube: flag(args.qube),
            keyring: flag(args.keyring),
            // As people type paths in a shell: from where they stand.
            socket: flag(
                args.socket
                    .map(|path| std::path::absolute(&path).unwrap_or(path)),
            ),
            transport: flag(args.transport),
            command: flag(args.command),
            setup_seconds: flag(args.setup_seconds),
            ..Self::default()
        }
    }
}
