//! The time between two requests of a program.

use std::os::fd::AsFd;
use std::time::Instant;

use nix::poll::{PollFd, PollFlags};

use super::connection_table::ConnectionHandle;
use super::program::Program;
use super::vault_connection::VaultConnection;

/// Waits for the program's next request, watches the idle calls, and gives them up if others wait for one. The request then
/// makes another call, if that one `can_be_told` of all binds. `None`: the program has ended, or we stop, or a call is over
/// that no other can stand in for.
pub fn wait_for_request(
    program: &mut Program,
    vaults: &mut [&mut VaultConnection],
    can_be_told: bool,
    handle: &ConnectionHandle,
) -> Option<Vec<u8>> {
    loop {
        if let Some(request) = program.next().ok()? {
            return Some(request);
        }
        for to_vault in vaults.iter_mut() {
            if let Some(end) = to_vault.look(handle) {
                to_vault.note(&end, false);
                if !can_be_told {
                    return None;
                }
            }
        }
        let mut until = program.late_at();
        for to_vault in vaults.iter_mut().filter(|_| can_be_told) {
            match to_vault.give_up_at() {
                Some(at) if Instant::now() >= at => to_vault.give_up(handle),
                at => until = until.into_iter().chain(at).min(),
            }
        }
        let calls = vaults.iter().filter_map(|to_vault| to_vault.idle_fd());
        let fds = calls.chain([program.stream.as_fd()]);
        let fds = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        if handle.alone().wait(fds, until).is_err() {
            return None;
        }
    }
}
