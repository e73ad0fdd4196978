//! One connection of a local program to one vault, from its first request to its end.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags};

use super::binds::{self, Binds};
use super::call::CallEnd;
use super::connection_table::ConnectionHandle;
use super::program::{Next, Program};
use super::vault::Vault;
use super::vault_connection::VaultConnection;
use crate::status::outcome::CallOutcome;
use common::wait;

/// SSH_AGENTC_REQUEST_IDENTITIES (RFC 9987).
const LIST: u8 = 11;

/// Serves one connection, and leaves nothing of it behind.
pub fn serve(client: UnixStream, vault: &Arc<Vault>, handle: &ConnectionHandle) {
    let Ok(mut program) = Program::new(client) else {
        return;
    };
    let mut to_vault = VaultConnection::new(vault);
    // An error is the program's socket's.
    let _ = answer_all(&mut program, &mut to_vault, handle);
    to_vault.give_up(&program.watched_by(handle));
}

fn answer_all(
    program: &mut Program,
    to_vault: &mut VaultConnection,
    handle: &ConnectionHandle,
) -> io::Result<()> {
    let mut binds = Binds::default();
    while let Some(request) = wait_for_request(program, to_vault, &binds, handle)? {
        let is_bind = binds::is_bind(&request);
        if is_bind {
            binds.keep(&request);
        }
        let message = (!is_bind || !binds.can_be_told()).then_some(request.as_slice());
        match to_vault.ask(&binds, message, &program.watched_by(handle), &|_| {}) {
            Ok(reply) => program.send(&reply, handle)?,
            Err(end) => {
                fail(program, to_vault.vault(), &request, &end, handle);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Waits for the program's next request. `None`: it has ended, or the idle call has.
fn wait_for_request(
    program: &mut Program,
    to_vault: &mut VaultConnection,
    binds: &Binds,
    handle: &ConnectionHandle,
) -> io::Result<Option<Vec<u8>>> {
    loop {
        match program.next() {
            Next::Request(request) => return Ok(Some(request)),
            Next::End => return Ok(None),
            Next::NotYet => {}
        }
        if handle.must_leave() {
            return Ok(None);
        }
        let give_up_at = to_vault.give_up_at().filter(|_| binds.can_be_told());
        if give_up_at.is_some_and(|at| Instant::now() >= at) {
            to_vault.give_up(&program.watched_by(handle));
            continue;
        }
        let mut fds = vec![
            PollFd::new(handle.wake().as_fd(), PollFlags::POLLIN),
            PollFd::new(program.socket().as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(
            to_vault
                .idle_fd()
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN)),
        );
        let until = program.late_at().into_iter().chain(give_up_at).min();
        wait::until(&mut fds, until)?;
        drop(fds);
        handle.wake().clear();
        if let Some(end) = to_vault.look(&program.watched_by(handle)) {
            to_vault
                .vault()
                .status
                .note(&end.outcome, false, &end.untrusted_said);
            return Ok(None);
        }
    }
}

/// Tells a program that there is no reply. A refusal lets it go on with its other keys; after a bare close, ssh would give
/// up on the agent. A program that only asks for the keys has nothing to go on with, and is told by a close: ssh-add says
/// "communication with agent failed" then, as it does with every other Split SSH, and "agent refused operation" only when
/// the vault has refused.
fn fail(
    program: &Program,
    vault: &Vault,
    request: &[u8],
    end: &CallEnd,
    handle: &ConnectionHandle,
) {
    let is_answered = end.outcome != CallOutcome::ClientLeft && request != [LIST];
    // Before the answer: who is told no can ask `split-ssh status` for the reason at once.
    vault
        .status
        .note(&end.outcome, is_answered, &end.untrusted_said);
    if is_answered {
        program.refuse(handle);
    }
}
