//! `split-ssh client`: the agent socket of a client qube. The story of one connection:
//!
//! [`listen`] has its socket → [`serve`] accepts it, and waits until it says something → [`program`] cuts its bytes into
//! requests → [`connection`] has each answered → [`vault_connection`] has a [`link`] for it: a place on a call that carries
//! many connections ([`carrying`]), or a call of its own, for which [`slots`] says when, [`transport`] starts it, [`set_up`]
//! watches until somebody takes the request → [`call`] brings the reply → [`status::outcome`] says how the call ended →
//! [`status::file`] keeps the reason.

mod asking;
mod binds;
mod call;
mod carrying;
mod client_end;
pub mod config;
mod connection;
mod connection_table;
mod idle;
mod lateness;
mod link;
pub mod listen;
mod mailbox;
mod merged;
mod outgoing;
mod program;
pub mod remembered;
mod serve;
mod set_up;
mod slots;
pub mod status;
pub mod transport;
mod transport_process;
mod vault;
mod vault_connection;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::config::{Start, VaultConfig, VaultEntry};
use crate::status::file::{Status, StatusFile};
use asking::Asking;
use common::activation;
use common::error::Error;
use common::paths::Paths;
use lateness::Lateness;
use listen::Listener;
use remembered::RememberedList;
use serve::{Door, Signals};
use slots::{CallSlots, Slots};
use vault::Vault;

/// Serves until SIGTERM or SIGINT: all vaults of `client.toml` or only that of one name, as flags on the
/// command line change them.
///
/// # Errors
/// The configuration is wrong, or a socket cannot be had.
pub fn run(only: Option<&str>, by_flags: VaultEntry, paths: &Paths) -> Result<ExitCode, Error> {
    let activated = &mut activation::listeners().map_err(|error| {
        Error::new(format!(
            "the sockets that systemd passed are wrong: {error}"
        ))
    })?;
    let vaults = config::read(paths, only, by_flags)?;
    let merged = match only {
        None => config::read_merged(paths)?,
        Some(_) => None,
    };
    // Before there is a socket: whoever ends us finds it removed.
    let signals = Signals::catch().map_err(cannot_go_on)?;
    let for_all = Listener::for_all(activated)?;
    let (mut served, mut opened) = (Vec::new(), Vec::new());
    for vault in &vaults {
        let listener = Listener::open(vault, activated, vaults.len() == 1)?;
        let merged = merged.as_ref().map(|merged| merged.socket.clone());
        let open = Arc::new(open_vault(vault, &listener.path, merged, paths));
        opened.push(Arc::clone(&open));
        // What is about remembered keys is the same for one vault as for several. Who uses the socket of a vault that the
        // merged one never calls means that vault.
        let door: Door = match vault.start {
            Start::OnList | Start::Never => {
                Arc::new(move |program, handle| connection::serve(program, &open, handle))
            }
            Start::OnUse => merged_door(vec![open], vault.set_up_time),
        };
        served.push((listener, door));
    }
    if !activated.is_empty() {
        return Err(
            Error::new("systemd passed a socket that fits no vault of client.toml")
                .hint("set FileDescriptorName= in the socket unit to the vault's name"),
        );
    }
    for (vault, (listener, _)) in vaults.iter().zip(&served) {
        say_ready(&vault.transport.to_string(), &listener.path);
    }
    let mut door_for_all = served.first().map(|(_, door)| Arc::clone(door));
    if let Some(merged) = merged {
        let listener = Listener::at(&merged.socket)?;
        say_ready("all transports of client.toml", &listener.path);
        let door = merged_door(opened.clone(), merged.list_time);
        door_for_all = Some(Arc::clone(&door));
        served.push((listener, door));
    }
    served.extend(for_all.zip(door_for_all));
    serve::until_told_to_stop(&signals, &opened, &served).map_err(cannot_go_on)?;
    Ok(ExitCode::SUCCESS)
}

/// `list_time`: what the slowest vault may delay a list.
fn merged_door(vaults: Vec<Arc<Vault>>, list_time: Duration) -> Door {
    Arc::new(move |program, handle| merged::serve(program, &vaults, list_time, handle))
}

/// One line for whoever starts us by hand, and for the journal; a person is told what to do with it.
fn say_ready(transport: &str, socket: &Path) {
    let socket = socket.display();
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

fn open_vault(vault: &VaultConfig, socket: &Path, merged: Option<PathBuf>, paths: &Paths) -> Vault {
    let folder = paths.client_runtime();
    let this_vault = Status {
        vault: vault.name.clone(),
        kind: vault.transport.kind(),
        transport: vault.transport.to_string(),
        socket: socket.to_owned(),
        merged,
        ..Status::default()
    };
    let status = StatusFile::new(&folder, this_vault);
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
        slots: CallSlots {
            open: Slots::new(vault.calls),
            set_up: Slots::new(vault.set_ups),
        },
        config: vault.clone(),
        carrying: Mutex::default(),
        asking: Asking::default(),
        lateness: Lateness::default(),
        remembered: RememberedList::open(
            vault
                .remember
                .then(|| remembered::path_of(paths, &vault.name)),
        ),
        status,
        connections: AtomicUsize::new(0),
    }
}
