//! `split-ssh client` on the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use client::config::VaultEntry;
use common::error::Error;
use common::paths::Paths;

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

    /// How long to wait until the vault takes a call [default: 120]
    #[arg(long, value_name = "SECONDS")]
    setup_seconds: Option<u64>,

    /// Forget the keys that vaults listed, and end: the next list asks again
    #[arg(long, exclusive = true)]
    forget: bool,

    /// Use a command that speaks on stdin and stdout (last on the line)
    #[arg(long, value_name = "PROGRAM ARG…", num_args = 1.., allow_hyphen_values = true)]
    command: Option<Vec<String>>,
}

pub fn run(args: Args, paths: &Paths) -> Result<ExitCode, Error> {
    if args.forget {
        client::remembered::forget(paths)
            .map_err(|error| Error::new(format!("cannot forget the keys: {error}")))?;
        return Ok(ExitCode::SUCCESS);
    }
    let only = args.vault.clone();
    client::run(only.as_deref(), flags(args).map_err(Error::new)?, paths)
}

fn flags(args: Args) -> Result<VaultEntry, String> {
    // As people type paths in a shell: from where they stand.
    let socket = args.socket.map(std::path::absolute).transpose();
    let socket = socket.map_err(|error| format!("--socket: {error}"))?;
    Ok(VaultEntry {
        qube: args.qube.map(TryInto::try_into).transpose()?,
        keyring: args.keyring.map(TryInto::try_into).transpose()?,
        socket: socket.map(TryInto::try_into).transpose()?,
        transport: args.transport.map(TryInto::try_into).transpose()?,
        command: args.command.map(TryInto::try_into).transpose()?,
        setup_seconds: args.setup_seconds.map(TryInto::try_into).transpose()?,
        ..VaultEntry::default()
    })
}
