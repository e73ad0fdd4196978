//! The sockets that the daemon listens at.

use std::os::unix::net::UnixListener;

use common::activation;
use common::error::Error;
use common::own_socket::{self, Hints, SocketFile};
use common::paths::Paths;

const HINTS: Hints = Hints {
    in_use: "a vault runs already: see `split-ssh status`",
    elsewhere: "choose another place with --runtime-dir",
};

/// What systemd's names of sandboxes' sockets begin with.
const SANDBOX: &str = "sandbox.";

/// The sockets, made by systemd or by us.
#[derive(Default)]
pub struct Sockets {
    pub calls: Vec<UnixListener>,
    pub controls: Vec<UnixListener>,
    /// Of sandboxes, by name.
    pub sandboxes: Vec<(String, UnixListener)>,
    /// Removed when this is dropped, so that a vault that does not start leaves none; empty if systemd
    /// made them.
    pub ours: Vec<SocketFile>,
}

impl Sockets {
    pub fn bind(paths: &Paths) -> Result<Self, Error> {
        let activated = activation::listeners()
            .map_err(|error| Error::new(format!("cannot take systemd's sockets: {error}")))?;
        let mut sockets = Self::default();
        for socket in activated {
            match (socket.name.as_str(), socket.name.strip_prefix(SANDBOX)) {
                ("qrexec", _) => sockets.calls.push(socket.listener),
                ("control", _) => sockets.controls.push(socket.listener),
                (_, Some(name)) => sockets.sandboxes.push((name.to_owned(), socket.listener)),
                (other, None) => {
                    return Err(
                        Error::new(format!("systemd passed a socket named {other:?}")).hint(
                            "FileDescriptorName= of the two socket units is `qrexec` and `control`, and sandbox.NAME of a sandbox's",
                        ),
                    );
                }
            }
        }
        if sockets.calls.is_empty() && sockets.controls.is_empty() {
            // Whoever finds the socket for calls finds the other one, too.
            let (control, control_file) = own_socket::listen_at(&paths.control_socket(), HINTS)?;
            let (qrexec, qrexec_file) = own_socket::listen_at(&paths.qrexec_socket(), HINTS)?;
            sockets.controls.push(control);
            sockets.calls.push(qrexec);
            sockets.ours = vec![qrexec_file, control_file];
        }
        Ok(sockets)
    }
}
