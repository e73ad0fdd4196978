//! Listening sockets: who may connect, and a thread for each who does.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Uid;

use common::wait;
use common::wake::WakeEvent;
use common::workers::Workers;

/// When the system has no descriptors left, waiting for a connection to end is all that helps.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Of a thread, in bytes, as Rust's own are.
const STACK: usize = 2 * 1024 * 1024;

/// Serves one connection of a peer that may be here.
pub type Serve<Peer = Uid> = Arc<dyn Fn(UnixStream, Peer) + Send + Sync>;

/// A listening socket whose peers the kernel tells apart.
pub trait Listener: AsFd {
    type Peer: Copy + Send + 'static;

    /// # Errors
    /// The connection is gone, or the system has no room.
    fn next(&self) -> io::Result<(UnixStream, Self::Peer)>;
}

impl Listener for UnixListener {
    type Peer = Uid;

    fn next(&self) -> io::Result<(UnixStream, Uid)> {
        let (stream, _) = self.accept()?;
        let peer = getsockopt(&stream, PeerCredentials)?;
        Ok((stream, Uid::from_raw(peer.uid())))
    }
}

/// For the sockets of this vault's own user: whoever already is root or this user could use the keys without us.
pub fn is_owner(uid: Uid) -> bool {
    uid.is_root() || uid == Uid::current()
}

/// Hands each connection of a peer that `allows` lets in to a thread of its own, until `stop`, if there is one.
pub fn accept<L: Listener>(
    listener: &L,
    stop: Option<&WakeEvent>,
    allows: &dyn Fn(L::Peer) -> bool,
    serve: &Serve<L::Peer>,
) {
    let workers = Workers::with_stack(STACK);
    loop {
        if stop.is_some_and(|stop| !is_before(listener, stop)) {
            return;
        }
        let Ok((stream, peer)) = listener.next() else {
            thread::sleep(ACCEPT_BACKOFF);
            continue;
        };
        if !allows(peer) {
            continue;
        }
        let serve = Arc::clone(serve);
        if workers.run(move || serve(stream, peer)).is_err() {
            thread::sleep(ACCEPT_BACKOFF);
        }
    }
}

/// Waits for a connection, or for the end: then it is false.
fn is_before(listener: &impl AsFd, stop: &WakeEvent) -> bool {
    let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
    let mut fds = [listener.as_fd(), stop.as_fd()].map(readable);
    // If it cannot wait, accepting does, and tells what is wrong.
    let _ = wait::until(&mut fds, None);
    wait::revents(&fds[1]).is_empty()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::BorrowedFd;

    use super::*;

    /// A stand-in for a hypervisor: the first byte of a connection is its CID.
    struct Machines(UnixListener);

    impl AsFd for Machines {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    impl Listener for Machines {
        type Peer = Option<u32>;

        fn next(&self) -> io::Result<(UnixStream, Self::Peer)> {
            let (mut stream, _) = self.0.accept()?;
            let mut cid = [0];
            stream.read_exact(&mut cid)?;
            Ok((stream, Some(cid[0].into()).filter(|cid| *cid != 0)))
        }
    }

    #[test]
    fn only_the_machine_with_the_right_cid_is_served_until_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("machines");
        let machines = Machines(UnixListener::bind(&path).unwrap());
        let (told, refused) = std::sync::mpsc::channel();
        let allows = move |cid| {
            let is_it = cid == Some(3);
            if !is_it {
                told.send(cid).unwrap();
            }
            is_it
        };
        let serve: Serve<Option<u32>> =
            Arc::new(|mut stream, _| stream.write_all(b"served").unwrap());
        let stop = WakeEvent::new().unwrap();
        let connect = |cid: u8| {
            let mut stream = UnixStream::connect(&path)?;
            stream.write_all(&[cid])?;
            let mut reply = String::new();
            stream.read_to_string(&mut reply)?;
            Ok::<_, io::Error>(reply)
        };
        thread::scope(|scope| {
            let accepting = scope.spawn({
                let (machines, stop) = (&machines, &stop);
                move || accept(machines, Some(stop), &allows, &serve)
            });
            for (cid, reply) in [(3, "served"), (4, ""), (0, ""), (3, "served")] {
                assert_eq!(connect(cid).unwrap(), reply, "{cid}");
            }
            stop.signal();
            accepting.join().unwrap();
        });
        drop(machines);
        assert!(connect(3).is_err());
        let refused: Vec<_> = refused.try_iter().collect();
        assert_eq!(refused, [Some(4), None]);
    }
}
