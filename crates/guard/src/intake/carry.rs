//! A call that carries many connections. A few threads take turns at reading it: who has read a request answers it, while
//! another one reads on. So a request is answered by the thread that has read it, a connection costs no thread, and nobody
//! who asks a person, or writes to a client that does not read, keeps others from being read.
//!
//! Of a connection at most one request is outstanding, so there are never more threads than open connections and two.

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use policy::record::Event;
use wire::carry::{Frame, VaultEnd, VaultEvent};

use super::connection::{self, Bound, WHOLE_MESSAGE_TIME};
use super::limits::StreamGuard;
use super::line::{Line, Replies};
use super::stream::{MessageStream, Received};
use crate::sign;
use crate::sign::session::AgentSession;
use common::config::vault::Limits;
use common::sync::lock;

/// Threads that wait for their turn at most: one reads, and the other is ready to.
const MOST_WAITING: usize = 2;
/// Between two looks for connections that are idle for too long, in seconds as their bounds are.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Begins the session of a connection, whose other end the socket stands for. `None`: there may be no more.
type Begin<'a> = dyn Fn(UnixStream, Replies) -> Option<Session<'a>> + Sync + 'a;
/// A session, and its place among those that there may be.
pub type Session<'a> = (AgentSession<'a>, StreamGuard);

/// What the threads of a call share.
struct Call<'a> {
    line: Arc<Line>,
    connections: Mutex<HashMap<u32, Arc<Connection<'a>>>>,
    /// Threads that read, or wait for their turn.
    waiting: AtomicUsize,
    limits: &'a Limits,
    begin: &'a Begin<'a>,
}

struct Connection<'a> {
    /// Shut down when the client is gone: who asks a person for it sees that at the other end.
    ours: UnixStream,
    served: Mutex<Served<'a>>,
}

struct Served<'a> {
    /// The other end, until there is a session.
    theirs: Option<UnixStream>,
    /// From the first request on.
    session: Option<Session<'a>>,
    requests: u32,
    idle_since: Instant,
    /// The longest time for a connection is over then.
    end: Instant,
}

/// What one thread at a time reads.
struct Reader<'s> {
    stream: &'s mut MessageStream,
    is_draining: bool,
    /// From here on no connection begins.
    end: Instant,
    last_frame: Instant,
    next_look: Instant,
    ended: Option<CallEnd>,
}

/// Why the vault ended the call, for the log; `None` if the client did, or nothing was left to do.
type CallEnd = Option<Bound>;

/// A request to answer, without its length.
struct Work<'a> {
    number: u32,
    connection: Arc<Connection<'a>>,
    untrusted: Vec<u8>,
}

/// Serves a call until the client ends it or a bound is met. Returns when all its requests have been answered, with the
/// reason for the log if the vault has ended it.
pub fn serve<'a>(
    stream: &mut MessageStream,
    most: u32,
    limits: &'a Limits,
    begin: &'a Begin<'a>,
) -> CallEnd {
    let writer = stream.socket().try_clone().ok()?;
    let call = Call {
        line: Line::new(VaultEnd::new(most), writer),
        connections: Mutex::default(),
        waiting: AtomicUsize::new(1),
        limits,
        begin,
    };
    let now = Instant::now();
    let reader = Mutex::new(Reader {
        stream,
        is_draining: false,
        end: now + limits.total(),
        last_frame: now,
        next_look: now + LOOK_PAUSE,
        ended: None,
    });
    thread::scope(|scope| {
        // Ready before it is needed. Without it, the first request tries again.
        let _ = call.start_thread(scope, &reader);
        call.take_turns(scope, &reader);
    });
    let reader = reader.into_inner();
    reader
        .unwrap_or_else(PoisonError::into_inner)
        .ended
        .flatten()
}

impl<'a> Call<'a> {
    fn start_thread<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        reader: &'scope Mutex<Reader<'_>>,
    ) -> io::Result<()> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let turns = move || self.take_turns(scope, reader);
        let started = thread::Builder::new().spawn_scoped(scope, turns);
        if started.is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        started.map(drop)
    }

    /// Reads and answers until the call has ended, or enough others wait.
    fn take_turns<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        reader: &'scope Mutex<Reader<'_>>,
    ) {
        loop {
            let Some(work) = self.next(&mut lock(reader)) else {
                return;
            };
            let was_last = self.waiting.fetch_sub(1, Ordering::Relaxed) == 1;
            if was_last && self.start_thread(scope, reader).is_err() {
                self.end(work.number); // nobody would read while it is answered
            } else if catch_unwind(AssertUnwindSafe(|| self.answer(&work))).is_err() {
                self.end(work.number); // a panic takes its connection along, and nothing else
            }
            if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                return;
            }
        }
    }

    /// Waits for the next request. `None`: the call has ended.
    fn next(&self, reader: &mut Reader<'_>) -> Option<Work<'a>> {
        while reader.ended.is_none() {
            match self.read(reader) {
                Ok(None) => {}
                Ok(work) => return work,
                Err(end) => {
                    reader.ended = Some(end);
                    self.end_all();
                }
            }
        }
        None
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<Option<Work<'a>>, CallEnd> {
        let now = Instant::now();
        if !reader.is_draining && now >= reader.end {
            reader.is_draining = true;
            self.drain()?;
        }
        if now >= reader.next_look {
            self.end_idle(now);
            reader.next_look = now + LOOK_PAUSE;
        }
        let idle = reader.last_frame + self.limits.idle();
        let has_open = lock(&self.line.protocol).open() > 0;
        let mut until = match has_open {
            true => now + LOOK_PAUSE,
            false => idle,
        };
        if !reader.is_draining {
            until = until.min(reader.end);
        }
        match reader.stream.receive(until, WHOLE_MESSAGE_TIME) {
            Received::Message(untrusted) => {
                reader.last_frame = Instant::now();
                self.take(&untrusted)
            }
            Received::Idle if has_open || Instant::now() < idle => Ok(None),
            Received::Idle => {
                // What the client begins in this moment it begins again on another call.
                self.drain()?;
                Err(None)
            }
            Received::End(false) | Received::Io(_) => Err(None),
            Received::End(true) => Err(malformed("the call ended within a frame")),
            Received::Broken(error) => Err(malformed(&error.to_string())),
            Received::TooSlow => Err(Some((
                Event::Limit,
                "a frame that was begun and not ended in 30 s".to_owned(),
            ))),
        }
    }

    fn take(&self, untrusted: &[u8]) -> Result<Option<Work<'a>>, CallEnd> {
        let violation = |violation: wire::carry::Violation| malformed(&violation.to_string());
        let frame = Frame::parse(untrusted).map_err(violation)?;
        let event = lock(&self.line.protocol).take(&frame);
        match event.map_err(violation)? {
            VaultEvent::Opened(number) => match Connection::new(self.limits) {
                Ok(connection) => {
                    lock(&self.connections).insert(number, Arc::new(connection));
                }
                Err(_) => self.end(number),
            },
            VaultEvent::TooMany(number) => {
                // Who does not read it sees the end of the call.
                let _ = self.line.write(&Frame::Reset(number));
            }
            VaultEvent::Request(number, message) => {
                let connection = lock(&self.connections).get(&number).map(Arc::clone);
                return Ok(connection.map(|connection| Work {
                    number,
                    connection,
                    untrusted: message.to_vec(),
                }));
            }
            VaultEvent::Gone(number) => self.hang_up(number),
            VaultEvent::Nothing => {}
        }
        Ok(None)
    }

    fn answer(&self, work: &Work<'a>) {
        let number = work.number;
        let mut served = lock(&work.connection.served);
        let replies = Replies::of(number, &self.line);
        if let Some(theirs) = served.theirs.take() {
            served.session = (self.begin)(theirs, replies.clone());
        }
        served.requests += 1;
        let requests = served.requests;
        let Some((session, _)) = &mut served.session else {
            return self.end(number);
        };
        let reply = sign::answer(session, &work.untrusted);
        let why = match replies.send(&reply) {
            Err(_) => connection::undelivered(&reply),
            Ok(()) if requests >= self.limits.requests => Some(connection::too_many()),
            Ok(()) => {
                served.idle_since = Instant::now();
                return;
            }
        };
        served.note_end(why);
        self.end(number);
    }

    /// Ends connections that have been idle, or open, for too long.
    fn end_idle(&self, now: Instant) {
        let all: Vec<_> = lock(&self.connections)
            .iter()
            .map(|(number, connection)| (*number, Arc::clone(connection)))
            .collect();
        for (number, connection) in all {
            // Who is being served is not idle.
            let Ok(mut served) = connection.served.try_lock() else {
                continue;
            };
            if let Some((session, _)) = &mut served.session {
                session.content.forget_old(now);
            }
            let is_over = now >= served.end;
            if is_over || now >= served.idle_since + self.limits.idle() {
                served.note_end(Some(connection::idle(is_over)));
                self.end(number);
            }
        }
    }

    fn drain(&self) -> Result<(), CallEnd> {
        let frame = lock(&self.line.protocol).drain();
        let not_read = |_| {
            let why = "the client does not read what its call brings";
            Some((Event::Limit, why.to_owned()))
        };
        self.line.write(&frame).map_err(not_read)
    }

    /// Ends a connection and tells the client, if it has not ended yet.
    fn end(&self, number: u32) {
        let frame = lock(&self.line.protocol).end(number);
        if let Some(frame) = frame {
            let _ = self.line.write(&frame); // who does not read it sees the end of the call
        }
        self.hang_up(number);
    }

    /// Whoever answers the connection sees its client go, and takes its question back.
    fn hang_up(&self, number: u32) {
        let gone = lock(&self.connections).remove(&number);
        if let Some(connection) = gone {
            let _ = connection.ours.shutdown(Shutdown::Both); // its session may have ended
        }
    }

    fn end_all(&self) {
        let numbers: Vec<u32> = lock(&self.connections).keys().copied().collect();
        numbers.into_iter().for_each(|number| self.hang_up(number));
        self.line.close();
    }
}

impl Connection<'_> {
    fn new(limits: &Limits) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let now = Instant::now();
        Ok(Self {
            ours,
            served: Mutex::new(Served {
                theirs: Some(theirs),
                session: None,
                requests: 0,
                idle_since: now,
                end: now + limits.total(),
            }),
        })
    }
}

impl Served<'_> {
    fn note_end(&mut self, why: Option<Bound>) {
        // One that has asked nothing leaves no trace, as a call that brings nothing.
        if let (Some((session, _)), Some((event, why))) = (&self.session, why) {
            session.note_end(event, why);
        }
    }
}

fn malformed(why: &str) -> CallEnd {
    Some((Event::Malformed, why.to_owned()))
}
