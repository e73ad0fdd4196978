//! The client's end of a call that carries connections.

use wire::carry::{Connections, Frame, Note, Violation};

use super::call::Unanswered;
use crate::status::outcome::CallOutcome;

/// The state of a call at the client.
#[derive(Debug)]
pub struct ClientEnd(Connections);

/// What a vault's frame tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent<'a> {
    /// The reply that was due.
    Reply(u32, &'a [u8]),
    /// Something about the request whose reply is due.
    Note(u32, Note),
    /// The vault has ended these connections.
    Ended(Vec<u32>, Unanswered),
    /// Of a connection that has ended.
    Nothing,
}

impl ClientEnd {
    /// A call on which `most` connections may be open at once.
    pub fn new(most: u32) -> Self {
        Self(Connections::new(most))
    }

    /// Whether a connection may begin now.
    pub fn has_room(&self) -> bool {
        !self.0.is_draining && !self.0.are_as_many_as_may_be() && self.0.last < u32::MAX
    }

    /// Begins a connection. `None`: this call can take no more now, or ever.
    pub fn begin(&mut self) -> Option<u32> {
        if !self.has_room() {
            return None;
        }
        self.0.last = self.0.last.checked_add(1)?;
        self.0.open.insert(self.0.last, false);
        Some(self.0.last)
    }

    /// Whether a request may be sent on this connection; a reply is due then.
    pub fn request(&mut self, number: u32) -> bool {
        self.0
            .open
            .get_mut(&number)
            .is_some_and(|is_due| !std::mem::replace(is_due, true))
    }

    /// The client ends a connection. `None`: it has ended already.
    pub fn end(&mut self, number: u32) -> Option<Frame<'static>> {
        self.0.end(number)
    }

    /// Takes a frame of the vault.
    ///
    /// # Errors
    /// The vault does not keep to the protocol: the call is to be ended.
    pub fn take<'a>(&mut self, frame: &Frame<'a>) -> Result<ClientEvent<'a>, Violation> {
        match *frame {
            Frame::Message(number, message) => match self.0.open.get_mut(&number) {
                Some(is_due) if *is_due => {
                    *is_due = false;
                    Ok(ClientEvent::Reply(number, message))
                }
                Some(_) => Err(Violation::Unexpected("a reply that is not due")),
                None => self.of_ended(number),
            },
            Frame::Note(number, note) => match self.0.open.get(&number) {
                Some(true) => Ok(ClientEvent::Note(number, note)),
                Some(false) => Err(Violation::Unexpected("a note where no reply is due")),
                None => self.of_ended(number),
            },
            Frame::Close(number) | Frame::Reset(number) => match self.0.open.remove(&number) {
                Some(is_due) => {
                    // A vault that has taken the request ends its connection by RESET.
                    let is_unseen = is_due && matches!(frame, Frame::Close(_));
                    let why = if is_unseen {
                        Unanswered::Unseen(CallOutcome::Cut)
                    } else {
                        Unanswered::Because(CallOutcome::Cut)
                    };
                    Ok(ClientEvent::Ended(vec![number], why))
                }
                None => self.of_ended(number),
            },
            Frame::Drain(last) => {
                self.0.is_draining = true;
                let above = last.checked_add(1);
                let untaken = above.map(|above| self.0.open.split_off(&above));
                let untaken = untaken.unwrap_or_default().into_keys().collect();
                // They may begin anew on another call.
                Ok(ClientEvent::Ended(untaken, Unanswered::Untaken))
            }
            Frame::Open(_) => Err(Violation::Unexpected("a frame that only a client sends")),
        }
    }

    fn of_ended(&self, number: u32) -> Result<ClientEvent<'static>, Violation> {
        if number <= self.0.last {
            return Ok(ClientEvent::Nothing);
        }
        Err(Violation::Unexpected(
            "a frame of a connection that was never opened",
        ))
    }

    /// Whether no more connections can begin on this call.
    pub fn is_draining(&self) -> bool {
        self.0.is_draining
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.0.open.len()
    }
}

#[cfg(test)]
mod tests {
    use wire::carry::{VaultEnd, VaultEvent};

    use super::*;

    /// The two ends together: what one sends the other takes, also where frames cross.
    #[test]
    fn the_ends_understand_each_other() {
        let (mut client, mut vault) = (ClientEnd::new(2), VaultEnd::new(2));
        let first = client.begin().unwrap();
        let second = client.begin().unwrap();
        assert_eq!(client.begin(), None);
        for number in [first, second] {
            let opened = vault.take(&Frame::Open(number));
            assert_eq!(opened, Ok(VaultEvent::Opened(number)));
        }
        assert!(client.request(first) && !client.request(first));
        let asked = vault.take(&Frame::Message(first, b"ask"));
        assert_eq!(asked, Ok(VaultEvent::Request(first, b"ask")));
        assert!(vault.reply(first) && !vault.reply(first));
        let answered = client.take(&Frame::Message(first, b"yes"));
        assert_eq!(answered, Ok(ClientEvent::Reply(first, b"yes")));
        assert!(client.take(&Frame::Message(first, b"yes")).is_err());

        // The vault closes a connection in the moment in which a request is on its way.
        let closed = vault.end(first).unwrap();
        assert!(client.request(first));
        assert_eq!(
            vault.take(&Frame::Message(first, b"ask")),
            Ok(VaultEvent::Nothing)
        );
        let unseen = Unanswered::Unseen(CallOutcome::Cut);
        assert_eq!(
            client.take(&closed),
            Ok(ClientEvent::Ended(vec![first], unseen))
        );
        assert_eq!(client.end(first), None);

        // The vault drains while a connection is on its way to it.
        let third = client.begin().unwrap();
        assert!(client.request(third));
        let drain = vault.drain();
        assert_eq!(vault.take(&Frame::Open(third)), Ok(VaultEvent::Nothing));
        assert_eq!(
            vault.take(&Frame::Message(third, b"ask")),
            Ok(VaultEvent::Nothing)
        );
        assert_eq!(
            client.take(&drain),
            Ok(ClientEvent::Ended(vec![third], Unanswered::Untaken))
        );
        assert_eq!(client.begin(), None);
        let end = client.end(second).unwrap();
        assert_eq!(vault.take(&end), Ok(VaultEvent::Gone(second)));
        assert_eq!((client.open(), vault.open()), (0, 0));
    }
}
