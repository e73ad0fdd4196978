//! The two sockets: who may connect, and a thread for each who does.

use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Uid;

/// When the system has no descriptors left, waiting for a connection to end is all that helps.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Serves one connection of a peer that may be here.
pub type Serve = Arc<dyn Fn(UnixStream, Uid) + Send + Sync>;
/// Hears of peers that may not be here.
pub type Refuse = Arc<dyn Fn(Uid) + Send + Sync>;

/// Accepts for ever, handing each connection of a peer that may be here to `serve` in its own thread.
pub fn accept(listener: &UnixListener, serve: &Serve, refuse: &Refuse) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            thread::sleep(ACCEPT_BACKOFF);
            continue;
        };
        let Some(uid) = peer_of(&stream) else {
            continue;
        };
        // Whoever already is root or this user could use the keys without us.
        if !uid.is_root() && uid != Uid::current() {
            refuse(uid);
            continue;
        }
        let serve = Arc::clone(serve);
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
