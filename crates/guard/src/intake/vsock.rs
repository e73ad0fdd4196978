//! AF_VSOCK, by which virtual machines of this host connect. The kernel says which one, by its CID, as it says the uid of
//! a peer on a unix socket.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use socket2::{Domain, SockAddr, Socket, Type};

use super::accept::Listener;
use common::error::Error;

/// Listens under all CIDs that this machine has; who connects is told by the peer's.
const ANY_CID: u32 = u32::MAX;
/// As many as std's listeners let wait.
const BACKLOG: i32 = 128;

/// Waits for virtual machines.
pub struct VsockListener(Socket);

impl VsockListener {
    /// # Errors
    /// This kernel has no vsock, the port is taken, or only root may have it.
    pub fn bind(port: u32) -> Result<Self, Error> {
        let listen = || {
            let socket = Socket::new(Domain::VSOCK, Type::STREAM, None)?;
            socket.bind(&SockAddr::vsock(ANY_CID, port))?;
            socket.listen(BACKLOG)?;
            // A machine that left again before it was served holds up nobody.
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        listen().map(Self).map_err(|error: io::Error| {
            let hint = match error.kind() {
                io::ErrorKind::AddrInUse => "choose another port",
                io::ErrorKind::PermissionDenied => "choose a port from 1024 on",
                _ => "on the host of virtual machines: sudo modprobe vhost_vsock",
            };
            Error::new(format!("cannot listen at port {port} of vsock: {error}")).hint(hint)
        })
    }
}

impl AsFd for VsockListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Listener for VsockListener {
    /// Its CID; none if the kernel does not say.
    type Peer = Option<u32>;

    fn next(&self) -> io::Result<(UnixStream, Self::Peer)> {
        let (socket, peer) = self.0.accept()?;
        // To std, it is a stream with a descriptor; no address is asked for.
        let stream = UnixStream::from(OwnedFd::from(socket));
        Ok((stream, peer.as_vsock_address().map(|(cid, _)| cid)))
    }
}
