//! One program's connection to one of several vaults. A thread waits for the vault's list, so that none waits for another's.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use super::joined_list::List;
use crate::binds::Binds;
use crate::call::CallEnd;
use crate::connection_table::{ConnectionHandle, Watcher};
use crate::remembered;
use crate::vault::Vault;
use crate::vault_connection::VaultConnection;

#[derive(Debug)]
pub struct Side {
    pub vault: Arc<Vault>,
    pub here: Option<VaultConnection>,
    /// The thread that has it meanwhile gives up when the socket is closed.
    away: Option<(Receiver<Listed>, UnixStream)>,
    /// What the vault listed on this connection, the last time.
    pub list: Option<List>,
}

/// What a vault says to a list.
type Listed = (VaultConnection, Result<List, CallEnd>);

impl Side {
    pub fn new(vault: &Arc<Vault>) -> Self {
        Self {
            vault: Arc::clone(vault),
            here: Some(VaultConnection::new(vault, false)),
            away: None,
            list: None,
        }
    }

    /// Whether a thread waits for the vault's list.
    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// Whether the vault listed this key on this connection.
    pub fn lists(&self, key: &[u8]) -> bool {
        let mut keys = self.list.iter().flat_map(|list| &list.keys);
        keys.any(|(listed, _)| listed == key)
    }

    /// Has a thread ask the vault for its list, unless one does already.
    ///
    /// # Errors
    /// No thread or no file descriptor is left.
    pub fn begin_list(&mut self, binds: &Arc<Binds>, handle: &ConnectionHandle) -> io::Result<()> {
        let Some(mut to_vault) = self.here.take() else {
            return Ok(());
        };
        let own_handle = handle.table.register()?;
        // Instead of the program's: a late vault may be asked on when the program has left.
        let (ours, socket) = UnixStream::pair()?;
        let socket = Arc::new(socket);
        let wake = Arc::clone(&handle.wake);
        let binds = Arc::clone(binds);
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new().spawn(move || {
            let watcher = Watcher {
                program: Some(&socket),
                handle: &own_handle,
            };
            let result = list_of(&mut to_vault, &binds, &watcher);
            // A connection that has ended meanwhile takes nothing.
            if let Err(mpsc::SendError((mut to_vault, result))) = sender.send((to_vault, result)) {
                if let Err(end) = result {
                    to_vault.note(&end, false);
                }
                to_vault.give_up(&own_handle);
            }
            wake.signal();
        })?;
        self.away = Some((receiver, ours));
        Ok(())
    }

    /// Takes the connection back if its thread has finished: with the list, if there is one.
    pub fn take_back(&mut self) -> Option<List> {
        let received = self.away.as_ref()?.0.try_recv();
        if matches!(received, Err(TryRecvError::Empty)) {
            return None;
        }
        self.away = None;
        let (to_vault, result) = received.ok()?;
        let list = result.map_err(|end| to_vault.note(&end, false));
        self.here = Some(to_vault);
        list.ok()
    }

    /// Waits for the thread that waits for its list. `None`: the program has left, or we stop.
    pub fn bring_here(&mut self, watcher: &Watcher<'_>) -> Option<()> {
        self.take_back();
        while self.is_away() {
            watcher.wait([], None).ok()?;
            self.take_back();
        }
        Some(())
    }

    /// Ends it with the program's connection.
    pub fn give_up(self, handle: &ConnectionHandle) {
        if let Some(mut to_vault) = self.here {
            to_vault.give_up(handle);
        } else if let Some((_, request)) = self.away {
            self.vault.lateness.keep_asking(request);
        }
    }
}

/// Asks a vault for its keys, and which of them it allows for the server that the binds show.
fn list_of(
    to_vault: &mut VaultConnection,
    binds: &Binds,
    watcher: &Watcher<'_>,
) -> Result<List, CallEnd> {
    let answer = to_vault.list(binds, watcher)?;
    let keys = remembered::keys_of(answer.message()).unwrap_or_default();
    let allowed = to_vault.allowed(binds, watcher)?;
    Ok(List { keys, allowed })
}
