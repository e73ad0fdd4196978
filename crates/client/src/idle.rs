//! The time between two requests of a program.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags};

use super::connection_table::ConnectionHandle;
use super::program::{Next, Program};
use super::vault_connection::VaultConnection;
use common::wait;

/// Waits for the program's next request, watches the idle calls, and gives them up if others wait for one. The request then
/// makes another call, if that one `can_be_told` of all binds. `None`: the program has ended, or we stop, or a call is over
/// that no other can stand in for.
pub fn wait_for_request(
    program: &mut Program,
    vaults: &mut [&mut VaultConnection],
    can_be_told: bool,
    handle: &ConnectionHandle,
) -> io::Result<Option<Vec<u8>>> {
    vaults
        .iter()
        .for_each(|to_vault| to_vault.wake_instead(handle));
    loop {
        match program.next() {
            Next::Request(request) => return Ok(Some(request)),
            Next::End => return Ok(None),
            Next::NotYet => {}
        }
        if handle.must_leave() {
            return Ok(None);
        }
        for to_vault in vaults.iter_mut() {
            if let Some(end) = to_vault.look(&program.watched_by(handle)) {
                to_vault.note(&end, false);
                if !can_be_told {
                    return Ok(None);
                }
            }
        }
        let mut until = program.late_at();
        for to_vault in vaults.iter_mut().filter(|_| can_be_told) {
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
