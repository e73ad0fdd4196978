//! The vault's end of a call that carries connections: which are open, and what each may do next.

use super::connections::Connections;
use super::{Frame, Violation};

/// The state of a call at the vault.
#[derive(Debug)]
pub struct VaultEnd(Connections);

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
        Self(Connections::new(most))
    }

    /// Takes a frame of the client.
    ///
    /// # Errors
    /// The client does not keep to the protocol: the call is to be ended.
    pub fn take<'a>(&mut self, frame: &Frame<'a>) -> Result<VaultEvent<'a>, Violation> {
        match *frame {
            Frame::Open(_) if self.0.is_draining => Ok(VaultEvent::Nothing),
            Frame::Open(number) if number <= self.0.last => Err(Violation::Unexpected(
                "a connection's number that is not above all before",
            )),
            Frame::Open(number) => {
                self.0.last = number;
                if self.0.are_as_many_as_may_be() {
                    return Ok(VaultEvent::TooMany(number));
                }
                self.0.open.insert(number, false);
                Ok(VaultEvent::Opened(number))
            }
            Frame::Message(number, message) => match self.0.open.get_mut(&number) {
                Some(is_due) if *is_due => Err(Violation::Unexpected(
                    "a request on a connection on which a reply is due",
                )),
                Some(is_due) => {
                    *is_due = true;
                    Ok(VaultEvent::Request(number, message))
                }
                None => self.of_ended(number),
            },
            Frame::Close(number) if self.0.open.get(&number) == Some(&true) => Err(
                Violation::Unexpected("the close of a connection on which a reply is due"),
            ),
            Frame::Close(number) | Frame::Reset(number) => match self.0.open.remove(&number) {
                Some(_) => Ok(VaultEvent::Gone(number)),
                None => self.of_ended(number),
            },
            Frame::Note(..) | Frame::Drain(_) => {
                Err(Violation::Unexpected("a frame that only a vault sends"))
            }
        }
    }

    fn of_ended(&self, number: u32) -> Result<VaultEvent<'static>, Violation> {
        if number <= self.0.last || self.0.is_draining {
            return Ok(VaultEvent::Nothing);
        }
        Err(Violation::Unexpected(
            "a frame of a connection that was never opened",
        ))
    }

    /// Whether a reply is due on this connection; it no longer is then.
    pub fn reply(&mut self, number: u32) -> bool {
        self.0
            .open
            .get_mut(&number)
            .is_some_and(|is_due| std::mem::replace(is_due, false))
    }

    /// Whether a reply is due on this connection.
    pub fn is_due(&self, number: u32) -> bool {
        self.0.open.get(&number) == Some(&true)
    }

    /// The vault ends a connection. `None`: it has ended already.
    pub fn end(&mut self, number: u32) -> Option<Frame<'static>> {
        self.0.end(number)
    }

    /// The vault takes no more connections: what it tells the client.
    pub fn drain(&mut self) -> Frame<'static> {
        self.0.is_draining = true;
        Frame::Drain(self.0.last)
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.0.open.len()
    }
}
