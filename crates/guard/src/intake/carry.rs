//! A call that carries many connections. Each is served in a thread of its own over a socket pair, as if it had a call of
//! its own; what is here brings requests to it and replies back.
//!
//! One thread reads the call and never waits for a reply to be written, so a client that does not read stops nobody but
//! itself. Of a connection at most one request is outstanding, so the socket pair never holds more than that.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use policy::record::Event;
use wire::carry::{Frame, MAX_CARRIED, Note, VaultEnd, VaultEvent, Violation};
use wire::frame;

use super::connection::WHOLE_MESSAGE_TIME;
use super::stream::{ByteStream, MessageStream, Received, Replies};
use common::config::vault::Limits;
use common::sync::lock;

/// A connection's thread waits for its request, so it takes one at once.
const HAND_OVER_TIME: Duration = Duration::from_secs(5);

/// Serves one connection to its end.
type ServeOne<'a> = dyn Fn(MessageStream) + Sync + 'a;

/// What the threads of a call share.
#[derive(Debug)]
struct Call {
    state: Mutex<State>,
    /// For whole frames, one after the other.
    writer: Mutex<UnixStream>,
}

#[derive(Debug)]
struct State {
    protocol: VaultEnd,
    /// Our ends of the connections' socket pairs.
    sockets: HashMap<u32, Arc<UnixStream>>,
}

/// Where one connection's replies go.
#[derive(Debug)]
struct Carried {
    call: Arc<Call>,
    number: u32,
}

/// Serves a call until the client ends it or a bound is met. Returns when all its connections have ended.
///
/// # Errors
/// Why the vault ended the call, for the log.
pub fn serve(
    stream: &mut MessageStream,
    most: u32,
    limits: &Limits,
    serve_one: &ServeOne<'_>,
) -> Result<(), (Event, String)> {
    let Ok(writer) = stream.socket().try_clone() else {
        return Ok(());
    };
    let call = Arc::new(Call {
        state: Mutex::new(State {
            protocol: VaultEnd::new(most),
            sockets: HashMap::new(),
        }),
        writer: Mutex::new(writer),
    });
    thread::scope(|scope| {
        let result = call.read(stream, limits, |carried, socket| {
            let started = thread::Builder::new().spawn_scoped(scope, move || {
                if let Ok(bytes) = ByteStream::new(socket) {
                    serve_one(MessageStream::replying_to(bytes, Arc::new(carried)));
                }
            });
            started.map(|_| ())
        });
        call.end_all();
        result
    })
}

impl Call {
    fn read(
        self: &Arc<Self>,
        stream: &mut MessageStream,
        limits: &Limits,
        start: impl Fn(Carried, UnixStream) -> io::Result<()>,
    ) -> Result<(), (Event, String)> {
        let end = Instant::now() + limits.total();
        let mut is_draining = false;
        loop {
            let now = Instant::now();
            if !is_draining && now >= end {
                is_draining = true;
                let frame = lock(&self.state).protocol.drain();
                self.write(&frame).map_err(not_read)?;
            }
            let idle = now + limits.idle();
            let until = if is_draining { idle } else { idle.min(end) };
            let untrusted = match stream.receive(until, WHOLE_MESSAGE_TIME) {
                Received::Message(untrusted) => untrusted,
                Received::Idle if lock(&self.state).protocol.open() > 0 => continue,
                Received::Idle if Instant::now() < end || is_draining => {
                    // What the client begins in this moment it begins anew elsewhere.
                    let frame = lock(&self.state).protocol.drain();
                    return self.write(&frame).map_err(not_read);
                }
                Received::Idle => continue,
                Received::End(false) | Received::Io(_) => return Ok(()),
                Received::End(true) => return Err(malformed("the call ended within a frame")),
                Received::Broken(error) => return Err(malformed(&error.to_string())),
                Received::TooSlow => {
                    let why = "a frame that was begun and not ended in 30 s";
                    return Err((Event::Limit, why.to_owned()));
                }
            };
            self.take(&untrusted, &start)
                .map_err(|violation| malformed(&violation.to_string()))?;
        }
    }

    fn take(
        self: &Arc<Self>,
        untrusted: &[u8],
        start: &impl Fn(Carried, UnixStream) -> io::Result<()>,
    ) -> Result<(), Violation> {
        let frame = Frame::parse(untrusted)?;
        let event = lock(&self.state).protocol.take(&frame)?;
        match event {
            VaultEvent::Opened(number) => {
                if self.begin(number, start).is_err() {
                    self.end(number);
                }
            }
            VaultEvent::TooMany(number) => {
                // Who does not read it sees the end of the call.
                let _ = self.write(&Frame::Reset(number));
            }
            VaultEvent::Request(number, message) => {
                let socket = lock(&self.state).sockets.get(&number).map(Arc::clone);
                let taken = socket.map(|socket| (&*socket).write_all(&frame::encode(message)));
                if !matches!(taken, Some(Ok(()))) {
                    self.end(number);
                }
            }
            VaultEvent::Gone(number) => self.hang_up(number),
            VaultEvent::Nothing => {}
        }
        Ok(())
    }

    fn begin(
        self: &Arc<Self>,
        number: u32,
        start: &impl Fn(Carried, UnixStream) -> io::Result<()>,
    ) -> io::Result<()> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_write_timeout(Some(HAND_OVER_TIME))?;
        lock(&self.state).sockets.insert(number, Arc::new(ours));
        let carried = Carried {
            call: Arc::clone(self),
            number,
        };
        start(carried, theirs)
    }

    /// Ends a connection and tells the client, if it has not ended yet.
    fn end(&self, number: u32) {
        let frame = lock(&self.state).protocol.end(number);
        if let Some(frame) = frame {
            let _ = self.write(&frame); // as above
        }
        self.hang_up(number);
    }

    /// The connection's thread sees its client go, and takes its question back.
    fn hang_up(&self, number: u32) {
        if let Some(socket) = lock(&self.state).sockets.remove(&number) {
            let _ = socket.shutdown(Shutdown::Both); // its thread may have ended
        }
    }

    fn end_all(&self) {
        let numbers: Vec<u32> = lock(&self.state).sockets.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.hang_up(number));
        let _ = lock(&self.writer).shutdown(Shutdown::Both); // the client may be gone
    }

    fn write(&self, frame: &Frame<'_>) -> io::Result<()> {
        let writer = lock(&self.writer);
        let result = (&*writer).write_all(&frame::encode(&frame.rebuild()));
        if result.is_err() {
            // Half a frame may be out: the reader ends the call.
            let _ = writer.shutdown(Shutdown::Both);
        }
        result
    }
}

impl Replies for Carried {
    fn send(&self, reply: &[u8]) -> io::Result<()> {
        let fits = reply.len() <= MAX_CARRIED;
        if !fits || !lock(&self.call.state).protocol.reply(self.number) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.call.write(&Frame::Message(self.number, reply))
    }

    fn tell(&self, note: Note) {
        if lock(&self.call.state).protocol.is_due(self.number) {
            // Who does not read it sees the end of the call.
            let _ = self.call.write(&Frame::Note(self.number, note));
        }
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        self.call.end(self.number);
    }
}

fn malformed(why: &str) -> (Event, String) {
    (Event::Malformed, why.to_owned())
}

fn not_read(_: io::Error) -> (Event, String) {
    let why = "the client does not read what its call brings";
    (Event::Limit, why.to_owned())
}
