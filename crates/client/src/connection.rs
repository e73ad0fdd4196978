//! One connection of a local program to one vault, from its first request to its end.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use wire::reply::Reply;
use wire::request::REQUEST_IDENTITIES;

use super::binds::{self, Binds};
use super::connection_table::ConnectionHandle;
use super::idle;
use super::outgoing::Outgoing;
use super::program::Program;
use super::vault::Vault;
use super::vault_connection::VaultConnection;
use crate::status::outcome::CallOutcome;

/// Serves one connection, and leaves nothing of it behind.
pub fn serve(client: UnixStream, vault: &Arc<Vault>, handle: &ConnectionHandle) {
    let Ok(mut program) = Program::new(client) else {
        return;
    };
    let mut to_vault = VaultConnection::new(vault, true);
    let mut binds = Binds::default();
    while let Some(request) = idle::wait_for_request(
        &mut program,
        &mut [&mut to_vault],
        binds.can_be_told(),
        handle,
    ) {
        let is_bind = binds::is_bind(&request);
        if is_bind {
            binds.keep(&request);
        }
        let message = (!is_bind || !binds.can_be_told()).then_some(request.as_slice());
        let watcher = program.watched_by(handle);
        let is_list = request == [REQUEST_IDENTITIES];
        let reply = match is_list {
            true => to_vault.list(&binds, &watcher),
            false => to_vault.ask(&binds, message, &watcher),
        };
        let sent = match reply {
            Ok(answer) => program.send(answer, handle),
            Err(end) => {
                // A refusal lets a program go on with its other keys; after a bare close, ssh would give up on the agent.
                // One that only asks for the keys has nothing to go on with, and is told by a close: ssh-add says
                // "communication with agent failed" then, as it does with every other Split SSH, and "agent refused
                // operation" only when the vault has refused.
                let is_answered = end.outcome != CallOutcome::ClientLeft && !is_list;
                // Before the answer: who is told no can ask `split-ssh status` for the reason at once.
                to_vault.note(&end, is_answered);
                if is_answered {
                    // Who does not take it has left.
                    let _ = program.send(Outgoing::new(&Reply::Failure.rebuild()), handle);
                }
                break;
            }
        };
        if sent.is_err() {
            break;
        }
    }
    to_vault.give_up(handle);
}
