//! The client's end of a call that carries connections.

use std::collections::BTreeMap;

use super::{Frame, Note, Violation};

/// The state of a call at the client. It grows with open connections, never with those that have ended.
#[derive(Debug)]
pub struct ClientEnd {
    most: u32,
    /// The highest number that was opened.
    last: u32,
    /// The open connections; whether a reply is due.
    open: BTreeMap<u32, bool>,
    is_draining: bool,
}

/// What a vault's frame tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent<'a> {
    /// The reply that was due.
    Reply(u32, &'a [u8]),
    /// Something about the request whose reply is due.
    Note(u32, Note),
    /// The vault has ended this connection.
    Gone(u32),
    /// The vault never looked at these connections: they may begin anew on another call.
    Untaken(Vec<u32>),
    /// Of a connection that has ended.
    Nothing,
}

impl ClientEnd {
    /// A call on which `most` connections may be open at once.
    pub fn new(most: u32) -> Self {
        Self {
            most,
            last: 0,
            open: BTreeMap::new(),
            is_draining: false,
        }
    }

    /// Whether a connection may begin now.
    pub fn has_room(&self) -> bool {
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        !self.is_draining && self.open.len() < most && self.last < u32::MAX
    }

    /// Begins a connection. `None`: this call can take no more now, or ever.
    pub fn begin(&mut self) -> Option<u32> {
        if !self.has_room() {
            return None;
        }
        self.last = self.last.checked_add(1)?;
        self.open.insert(self.last, false);
        Some(self.last)
    }

    /// Whether a request may be sent on this connection; a reply is due then.
    pub fn request(&mut self, number: u32) -> bool {
        self.open
            .get_mut(&number)
            .is_some_and(|is_due| !std::mem::replace(is_due, true))
    }

    /// The client ends a connection. `None`: it has ended already.
    pub fn end(&mut self, number: u32) -> Option<Frame<'static>> {
        let is_due = self.open.remove(&number)?;
        Some(if is_due {
            Frame::Reset(number)
        } else {
            Frame::Close(number)
        })
    }

    /// Takes a frame of the vault.
    ///
    /// # Errors
    /// The vault does not keep to the protocol: the call is to be ended.
    pub fn take<'a>(&mut self, frame: &Frame<'a>) -> Result<ClientEvent<'a>, Violation> {
        match *frame {
            Frame::Message(number, message) => match self.open.get_mut(&number) {
                Some(is_due) if *is_due => {
                    *is_due = false;
                    Ok(ClientEvent::Reply(number, message))
                }
                Some(_) => Err(Violation::Unexpected("a reply that is not due")),
                None => self.of_ended(number),
            },
            Frame::Note(number, note) => match self.open.get(&number) {
                Some(true) => Ok(ClientEvent::Note(number, note)),
                Some(false) => Err(Violation::Unexpected("a note where no reply is due")),
                None => self.of_ended(number),
            },
            Frame::Close(number) | Frame::Reset(number) => match self.open.remove(&number) {
                Some(_) => Ok(ClientEvent::Gone(number)),
                None => self.of_ended(number),
            },
            Frame::Drain(last) => {
                self.is_draining = true;
                let above = last.checked_add(1);
                let untaken = above.map(|above| self.open.split_off(&above));
                let untaken = untaken.unwrap_or_default().into_keys().collect();
                Ok(ClientEvent::Untaken(untaken))
            }
            Frame::Open(_) => Err(Violation::Unexpected("a frame that only a client sends")),
        }
    }

    fn of_ended(&self, number: u32) -> Result<ClientEvent<'static>, Violation> {
        if number <= self.last {
            return Ok(ClientEvent::Nothing);
        }
        Err(Violation::Unexpected(
            "a frame of a connection that was never opened",
        ))
    }

    /// Whether no more connections can begin on this call.
    pub fn is_draining(&self) -> bool {
        self.is_draining
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }
}
