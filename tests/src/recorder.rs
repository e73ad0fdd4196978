//! A socket in front of an agent that keeps a copy of all that passes.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// One connection's bytes, each way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    pub requests: Vec<u8>,
    pub replies: Vec<u8>,
}

impl Conversation {
    /// The payloads (type and body) of the requests, and whatever did not make a whole frame.
    pub fn request_payloads(&self) -> Vec<Vec<u8>> {
        payloads(&self.requests)
    }

    pub fn reply_payloads(&self) -> Vec<Vec<u8>> {
        payloads(&self.replies)
    }
}

fn payloads(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            break;
        };
        found.push(payload.to_vec());
        bytes = rest;
    }
    found
}

/// Listens until the test ends.
#[derive(Debug)]
pub struct Recorder {
    pub socket: PathBuf,
    conversations: Arc<Mutex<Vec<Conversation>>>,
}

impl Recorder {
    /// Passes everything on to `agent`.
    pub fn start(socket: PathBuf, agent: &Path) -> Self {
        let listener = UnixListener::bind(&socket)
            .unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        let conversations = Arc::new(Mutex::new(Vec::new()));
        let (kept, agent) = (Arc::clone(&conversations), agent.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(upstream) = UnixStream::connect(&agent) else {
                    continue;
                };
                let index = {
                    let mut all = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    all.push(Conversation::default());
                    all.len() - 1
                };
                carry(&client, &upstream, &kept, index, |talk| &mut talk.requests);
                carry(&upstream, &client, &kept, index, |talk| &mut talk.replies);
            }
        });
        Self {
            socket,
            conversations,
        }
    }

    pub fn conversations(&self) -> Vec<Conversation> {
        self.conversations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// All requests of all connections.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.conversations()
            .iter()
            .flat_map(Conversation::request_payloads)
            .collect()
    }

    /// The type bytes of all requests.
    pub fn numbers(&self) -> Vec<u8> {
        self.requests()
            .iter()
            .filter_map(|payload| payload.first().copied())
            .collect()
    }
}

fn carry(
    from: &UnixStream,
    to: &UnixStream,
    kept: &Arc<Mutex<Vec<Conversation>>>,
    index: usize,
    side: fn(&mut Conversation) -> &mut Vec<u8>,
) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else {
        return;
    };
    let kept = Arc::clone(kept);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            // Kept before it is passed on: whoever has the reply finds the request recorded.
            let mut all = kept.lock().unwrap_or_else(PoisonError::into_inner);
            side(&mut all[index]).extend_from_slice(&buffer[..count]);
            drop(all);
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Write));
    });
}
