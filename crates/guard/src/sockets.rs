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
        let mut sockets = Self {
            calls: Vec::new(),
            controls: Vec::new(),
            sandboxes: Vec::new(),
            ours: Vec::new(),
        };
        for socket in activated {
            let listeners = match socket.name.as_str() {
                "qrexec" => &mut sockets.calls,
                "control" => &mut sockets.controls,
                other => {
                    if let Some(name) = other.strip_prefix(SANDBOX) {
                        sockets.sandboxes.push((name.to_owned(), socket.listener));
                        continue;
                    }
                    return Err(
                        Error::new(format!("systemd passed a socket named {other:?}")).hint(
                            "FileDescriptorName= of the two socket units is `qrexec` and `control`, and sandbox.NAME of a sandbox's",
                        ),
                    );
                }
            };
            listeners.push(socket.listener);
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
