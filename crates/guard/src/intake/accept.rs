//! Listening sockets: who may connect, and a thread for each who does.

use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Uid;

/// When the system has no descriptors left, waiting for a connection to end is all that helps.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Serves one connection of a peer that may be here.
pub type Serve = Arc<dyn Fn(UnixStream, Uid) + Send + Sync>;
/// Hears of peers that may not be here.
pub type Refuse = Arc<dyn Fn(Uid) + Send + Sync>;

/// What becomes of those who connect to a socket.
pub struct Accept {
    /// Who may be here.
    pub allows: Box<dyn Fn(Uid) -> bool + Send>,
    pub serve: Serve,
    pub refuse: Refuse,
}

/// For the sockets of this vault's own user: whoever already is root or this user could use the keys without us.
pub fn is_owner(uid: Uid) -> bool {
    uid.is_root() || uid == Uid::current()
}

/// Hands each connection of a peer that may be here to a thread of its own, until the listener is shut down.
pub fn accept(listener: &UnixListener, how: &Accept) {
    for stream in listener.incoming() {
        let stream = match stream {
            Ok(stream) => stream,
            // What a listener that was shut down says (`accept(2)`).
            Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => return,
            Err(_) => {
                thread::sleep(ACCEPT_BACKOFF);
                continue;
            }
        };
        let Some(uid) = peer_of(&stream) else {
            continue;
        };
        if !(how.allows)(uid) {
            (how.refuse)(uid);
            continue;
        }
        let serve = Arc::clone(&how.serve);
        let started = thread::Builder::new().spawn(move || serve(stream, uid));
        if started.is_err() {
            thread::sleep(ACCEPT_BACKOFF);
        }
    }
}

fn peer_of(stream: &UnixStream) -> Option<Uid> {
    let peer = getsockopt(stream, PeerCredentials).ok()?;
    Some(Uid::from_raw(peer.uid()))
}
