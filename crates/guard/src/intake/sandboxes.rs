//! The sockets of sandboxes. Who calls is told by the socket alone: nobody writes a header, and what a sandbox says of
//! itself counts for nothing.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, Permissions};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};

use nix::unistd::Uid;

use super::accept::{Listener, Serve, accept};
use super::call::Intake;
use super::vsock::VsockListener;
use common::control::SandboxState;
use common::error::Error;
use common::log::journal::{self, Priority};
use common::own_socket::{self, Hints, SocketFile};
use common::paths::Paths;
use common::sandbox::{self, Sandbox, Vsock};
use common::sync::lock;
use common::wake::WakeEvent;

const HINTS: Hints = Hints {
    in_use: "another vault serves this sandbox: see `split-ssh status`",
    elsewhere: "choose a new folder: split-ssh serve NAME --socket FOLDER/agent.sock",
};

/// All sandboxes that this vault serves.
pub struct Sandboxes {
    paths: Paths,
    intake: Arc<Intake>,
    served: Mutex<Served>,
}

#[derive(Default)]
struct Served {
    open: BTreeMap<String, OpenSandbox>,
    /// Sandboxes that have no socket.
    failed: Vec<SandboxState>,
    /// Sockets that systemd made, by the sandbox's name. They are systemd's to close.
    activated: HashMap<String, UnixListener>,
}

/// A sandbox that we listen for. Dropping it closes its sockets and ends its connections.
struct OpenSandbox {
    served: Arc<ServedSandbox>,
    accepting: Vec<JoinHandle<()>>,
    /// None if systemd made the socket, which is systemd's to keep.
    file: Option<SocketFile>,
}

/// What a sandbox's threads share.
struct ServedSandbox {
    sandbox: Sandbox,
    /// Ends the threads that accept, so that nobody is let in by settings of before.
    stop: WakeEvent,
    /// Its connections, to be ended with it, as long as they are served; none once it is closed.
    connections: Mutex<Option<Vec<Weak<UnixStream>>>>,
}

impl Sandboxes {
    pub fn new(paths: Paths, intake: Arc<Intake>, activated: Vec<(String, UnixListener)>) -> Self {
        let served = Served {
            activated: activated.into_iter().collect(),
            ..Served::default()
        };
        Self {
            paths,
            intake,
            served: Mutex::new(served),
        }
    }

    /// Serves the sandboxes that are configured now, and no others: one whose settings changed, or
    /// whose socket somebody took away, is closed with its connections and opened again.
    ///
    /// # Errors
    /// The configuration is broken, and nothing was changed. A socket that cannot be made is in [`Self::states`].
    pub fn follow_configuration(&self) -> Result<(), Error> {
        let wanted = sandbox::configured(&self.paths)?;
        let mut served = lock(&self.served);
        served
            .open
            .retain(|_, open| wanted.contains(&open.served.sandbox) && open.has_its_socket());
        served.failed.clear();
        for sandbox in wanted {
            let name = sandbox.name.clone();
            if served.open.contains_key(&name) {
                continue;
            }
            match self.open(sandbox.clone(), served.activated.get(&name)) {
                Ok(open) => {
                    served.open.insert(name, open);
                }
                Err(error) => {
                    let why = match error.next() {
                        Some(hint) => format!("{}; {hint}", error.what()),
                        None => error.what().to_owned(),
                    };
                    let said = format!("sandbox {name} is not served: {why}");
                    journal::say(Priority::Error, &said);
                    served.failed.push(SandboxState::of(&sandbox, 0, Some(why)));
                }
            }
        }
        Ok(())
    }

    fn open(
        &self,
        sandbox: Sandbox,
        activated: Option<&UnixListener>,
    ) -> Result<OpenSandbox, Error> {
        sandbox.check_uids_are_told()?;
        let (listener, file) = match activated {
            Some(listener) => {
                let listener = listener.try_clone().map_err(no_descriptor)?;
                (listener, None)
            }
            None => {
                let (listener, file) = own_socket::listen_in_own_folder(&sandbox.socket, HINTS)?;
                (listener, Some(file))
            }
        };
        if sandbox.is_for_other_users() {
            open_to_others(&sandbox)?;
        }
        let vsock = sandbox.vsock.map(|vsock| VsockListener::bind(vsock.port));
        let vsock = vsock.transpose()?;
        let served = Arc::new(ServedSandbox {
            stop: WakeEvent::new().map_err(no_descriptor)?,
            sandbox,
            connections: Mutex::new(Some(Vec::new())),
        });
        let mut accepting = vec![self.accept(&served, listener, check_uid)];
        if let Some(listener) = vsock {
            accepting.push(self.accept(&served, listener, check_machine));
        }
        Ok(OpenSandbox {
            served,
            accepting,
            file,
        })
    }

    /// Serves who connects at one of a sandbox's sockets, if `check` lets it.
    fn accept<L: Listener + Send + 'static>(
        &self,
        served: &Arc<ServedSandbox>,
        listener: L,
        check: fn(&Sandbox, L::Peer) -> Result<(), String>,
    ) -> JoinHandle<()> {
        let (serving, accepting) = (Arc::clone(served), Arc::clone(served));
        let (intake, refusing) = (Arc::clone(&self.intake), Arc::clone(&self.intake));
        let serve: Serve<L::Peer> = Arc::new(move |stream, _| serving.serve(stream, &intake));
        thread::spawn(move || {
            let sandbox = &accepting.sandbox;
            let allows = |peer| {
                let checked = check(sandbox, peer);
                checked
                    .map_err(|why| refusing.refuse_peer(sandbox, why))
                    .is_ok()
            };
            accept(&listener, Some(&accepting.stop), &allows, &serve);
        })
    }

    /// What the owner is told of each.
    pub fn states(&self) -> Vec<SandboxState> {
        let served = lock(&self.served);
        let open = served.open.values().map(|open| {
            let connections = lock(&open.served.connections);
            let connections = connections.iter().flatten();
            let count = connections.filter(|one| one.strong_count() > 0).count();
            let gone = "its socket is gone: somebody removed or replaced it";
            let trouble = (!open.has_its_socket()).then(|| gone.to_owned());
            SandboxState::of(&open.served.sandbox, count, trouble)
        });
        open.chain(served.failed.iter().cloned()).collect()
    }

    pub fn is_empty(&self) -> bool {
        lock(&self.served).open.is_empty()
    }

    /// Removes the sockets that are ours.
    pub fn close(&self) {
        lock(&self.served).open.clear();
    }
}

impl ServedSandbox {
    fn serve(&self, stream: UnixStream, intake: &Intake) {
        let Ok(served) = stream.try_clone().map(Arc::new) else {
            return;
        };
        match &mut *lock(&self.connections) {
            Some(connections) => {
                connections.retain(|other| other.strong_count() > 0);
                connections.push(Arc::downgrade(&served));
            }
            // It was closed in this moment.
            None => return,
        }
        intake.serve_sandbox(&self.sandbox, stream);
    }
}

impl OpenSandbox {
    fn has_its_socket(&self) -> bool {
        self.file.as_ref().is_none_or(SocketFile::is_there)
    }
}

impl Drop for OpenSandbox {
    fn drop(&mut self) {
        drop(self.file.take());
        self.served.stop.signal();
        for thread in self.accepting.drain(..) {
            // Its listener, and with it a port, is free again.
            let _ = thread.join();
        }
        let connections = lock(&self.served.connections).take();
        let served = connections.into_iter().flatten();
        for connection in served.filter_map(|connection| connection.upgrade()) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn no_descriptor(error: std::io::Error) -> Error {
    Error::new(format!("no descriptor is left: {error}"))
}

/// The folder above stays ours alone, so that on this side nobody but us comes here; a sandbox that is given this folder
/// may run its programs under several uids, and the list of uids says which may connect.
fn open_to_others(sandbox: &Sandbox) -> Result<(), Error> {
    for (path, mode) in [(sandbox.folder(), 0o711), (&*sandbox.socket, 0o666)] {
        fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(|error| Error::io("open to its uids", path, &error))?;
    }
    Ok(())
}

/// Whether a peer may connect; if not, why, and what lets it in.
fn check_uid(sandbox: &Sandbox, uid: Uid) -> Result<(), String> {
    if sandbox.uids.contains(&uid.as_raw()) {
        return Ok(());
    }
    let name = &sandbox.name;
    let uids: Vec<String> = sandbox.uids.iter().map(u32::to_string).collect();
    let flags: Vec<String> = uids.iter().map(|uid| format!("--uid {uid}")).collect();
    Err(format!(
        "uid {uid} may not connect to the socket of sandbox {name}, which is for uid {}: `split-ssh serve {name} {} \
         --uid {uid}` lets it",
        uids.join(" and "),
        flags.join(" "),
    ))
}

/// The same for a virtual machine.
fn check_machine(sandbox: &Sandbox, cid: Option<u32>) -> Result<(), String> {
    let name = &sandbox.name;
    match (cid, sandbox.vsock) {
        (Some(cid), Some(Vsock { cid: its, .. })) if cid == its => Ok(()),
        (Some(cid), Some(Vsock { cid: its, port })) => Err(format!(
            "CID {cid} may not connect to vsock port {port} of sandbox {name}, which is for CID {its}: `split-ssh serve \
             {name} --vsock {cid}:{port}` lets it, in place of the other"
        )),
        _ => Err(format!(
            "a machine without a CID may not connect as sandbox {name}"
        )),
    }
}
