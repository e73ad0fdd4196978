//! An agent that does not answer as it should.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use crate::message::Message;
use crate::raw::{Answer, Connection};

/// Listens until the test ends.
#[derive(Debug)]
pub struct Impostor {
    pub socket: PathBuf,
}

impl Impostor {
    /// In front of the honest `agent`: `spoil` is given each request and its honest answer, both without their
    /// lengths, and says which bytes are sent instead. None at all end the connection.
    pub fn start(
        socket: PathBuf,
        agent: &Path,
        spoil: impl Fn(&[u8], Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(&socket)
            .unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        let (spoil, agent) = (Arc::new(spoil), agent.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (spoil, mut agent) = (Arc::clone(&spoil), Connection::open(&agent));
                thread::spawn(move || serve(client, &mut agent, spoil.as_ref()));
            }
        });
        Self { socket }
    }
}

fn serve(
    mut client: UnixStream,
    agent: &mut Connection,
    spoil: &(impl Fn(&[u8], Vec<u8>) -> Vec<u8> + ?Sized),
) {
    let mut length = [0; 4];
    while client.read_exact(&mut length).is_ok() {
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let mut request = vec![0; length];
        if client.read_exact(&mut request).is_err() {
            return;
        }
        let Answer::Reply(honest) = agent.ask(&Message(request.clone())) else {
            return;
        };
        let sent = spoil(&request, honest);
        if sent.is_empty() || client.write_all(&sent).is_err() {
            return;
        }
    }
}
