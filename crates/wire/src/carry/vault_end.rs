//! The vault's end of a call that carries connections: which are open, and what each may do next.

use std::collections::BTreeMap;

use super::{Frame, Violation};

/// The state of a call at the vault. It grows with open connections, never with those that have ended.
#[derive(Debug)]
pub struct VaultEnd {
    most: u32,
    /// The highest number that was opened; numbers rise and are never used again.
    last: u32,
    /// The open connections; whether a reply is due.
    open: BTreeMap<u32, bool>,
    is_draining: bool,
}

/// What a client's frame asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultEvent<'a> {
    /// Serve this new connection.
    Opened(u32),
    /// There are too many: reset it.
    TooMany(u32),
    /// Answer this request.
    Request(u32, &'a [u8]),
    /// The client has ended this connection.
    Gone(u32),
    /// Of a connection that has ended, or that the client will open elsewhere.
    Nothing,
}

impl VaultEnd {
    /// A call on which `most` connections may be open at once.
    pub fn new(most: u32) -> Self {
        Self {
            most,
            last: 0,
            open: BTreeMap::new(),
            is_draining: false,
        }
    }

    /// Takes a frame of the client.
    ///
    /// # Errors
    /// The client does not keep to the protocol: the call is to be ended.
    pub fn take<'a>(&mut self, frame: &Frame<'a>) -> Result<VaultEvent<'a>, Violation> {
        match *frame {
            Frame::Open(_) if self.is_draining => Ok(VaultEvent::Nothing),
            Frame::Open(number) if number <= self.last => Err(Violation::Unexpected(
                "a connection's number that is not above all before",
            )),
            Frame::Open(number) => {
                self.last = number;
                if self.open.len() >= usize::try_from(self.most).unwrap_or(usize::MAX) {
                    return Ok(VaultEvent::TooMany(number));
                }
                self.open.insert(number, false);
                Ok(VaultEvent::Opened(number))
            }
            Frame::Message(number, message) => match self.open.get_mut(&number) {
                Some(is_due) if *is_due => Err(Violation::Unexpected(
                    "a request on a connection on which a reply is due",
                )),
                Some(is_due) => {
                    *is_due = true;
                    Ok(VaultEvent::Request(number, message))
                }
                None => self.of_ended(number),
            },
            Frame::Close(number) if self.open.get(&number) == Some(&true) => Err(
                Violation::Unexpected("the close of a connection on which a reply is due"),
            ),
            Frame::Close(number) | Frame::Reset(number) => match self.open.remove(&number) {
                Some(_) => Ok(VaultEvent::Gone(number)),
                None => self.of_ended(number),
            },
            Frame::Note(..) | Frame::Drain(_) => {
                Err(Violation::Unexpected("a frame that only a vault sends"))
            }
        }
    }

    fn of_ended(&self, number: u32) -> Result<VaultEvent<'static>, Violation> {
        if number <= self.last || self.is_draining {
            return Ok(VaultEvent::Nothing);
        }
        Err(Violation::Unexpected(
            "a frame of a connection that was never opened",
        ))
    }

    /// Whether a reply is due on this connection; it no longer is then.
    pub fn reply(&mut self, number: u32) -> bool {
        self.open
            .get_mut(&number)
            .is_some_and(|is_due| std::mem::replace(is_due, false))
    }

    /// Whether a reply is due on this connection.
    pub fn is_due(&self, number: u32) -> bool {
        self.open.get(&number) == Some(&true)
    }

    /// The vault ends a connection. `None`: it has ended already.
    pub fn end(&mut self, number: u32) -> Option<Frame<'static>> {
        let is_due = self.open.remove(&number)?;
        Some(if is_due {
            Frame::Reset(number)
        } else {
            Frame::Close(number)
        })
    }

    /// The vault takes no more connections: what it tells the client.
    pub fn drain(&mut self) -> Frame<'static> {
        self.is_draining = true;
        Frame::Drain(self.last)
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }
}
