//! The time between two requests of a program.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags};

use super::call::CallEnd;
use super::connection_table::ConnectionHandle;
use super::program::{Next, Program};
use super::vault_connection::VaultConnection;
use common::wait;

/// How it ended.
#[derive(Debug)]
pub enum Idle {
    Request(Vec<u8>),
    /// The program has ended, or we stop.
    End,
    /// The idle call of one of the vaults is over.
    Over(usize, CallEnd),
}

/// Waits for the program's next request, watches the idle calls, and gives them up if others wait for one.
pub fn wait_for_request(
    program: &mut Program,
    vaults: &mut [&mut VaultConnection],
    may_give_up: bool,
    handle: &ConnectionHandle,
) -> io::Result<Idle> {
    vaults
        .iter()
        .for_each(|to_vault| to_vault.wake_instead(handle));
    loop {
        match program.next() {
            Next::Request(request) => return Ok(Idle::Request(request)),
            Next::End => return Ok(Idle::End),
            Next::NotYet => {}
        }
        if handle.must_leave() {
            return Ok(Idle::End);
        }
        for (index, to_vault) in vaults.iter_mut().enumerate() {
            if let Some(end) = to_vault.look(&program.watched_by(handle)) {
                return Ok(Idle::Over(index, end));
            }
        }
        let mut until = program.late_at();
        for to_vault in vaults.iter_mut().filter(|_| may_give_up) {
            match to_vault.give_up_at() {
                Some(at) if Instant::now() >= at => to_vault.give_up(&program.watched_by(handle)),
                at => until = until.into_iter().chain(at).min(),
            }
        }
        let mut fds = vec![
            PollFd::new(handle.wake().as_fd(), PollFlags::POLLIN),
            PollFd::new(program.socket().as_fd(), PollFlags::POLLIN),
        ];
        let calls = vaults.iter().filter_map(|to_vault| to_vault.idle_fd());
        fds.extend(calls.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        wait::until(&mut fds, until)?;
        let is_woken = !wait::revents(&fds[0]).is_empty();
        drop(fds);
        if is_woken {
            handle.wake().clear();
        }
    }
}
