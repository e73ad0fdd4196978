//! The client's end of a call that carries connections.

use wire::carry::{Connections, Frame, Note, Violation};

/// The state of a call at the client.
#[derive(Debug)]
pub struct ClientEnd(pub Connections);

/// What the vault knows of the connections that it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It never looked at them: they may begin again on another call.
    Untaken,
    /// It never looked at the request whose reply is due.
    Unseen,
    /// All that came.
    Seen,
}

/// What a vault's frame tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent<'a> {
    /// The reply that was due.
    Reply(u32, &'a [u8]),
    /// Something about the request whose reply is due.
    Note(u32, Note),
    /// The vault has ended these connections.
    Ended(Vec<u32>, Ended),
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

    /// Takes a frame of the vault.
    ///
    /// # Errors
    /// The vault does not keep to the protocol: the call is to be ended.
    pub fn take<'a>(&mut self, frame: &Frame<'a>) -> Result<ClientEvent<'a>, Violation> {
        let number = match *frame {
            Frame::Message(number, _) | Frame::Note(number, _) => number,
            Frame::Close(number) | Frame::Reset(number) => number,
            Frame::Drain(last) => {
                self.0.is_draining = true;
                let above = last.checked_add(1);
                let untaken = above.map(|above| self.0.open.split_off(&above));
                let untaken = untaken.unwrap_or_default().into_keys().collect();
                return Ok(ClientEvent::Ended(untaken, Ended::Untaken));
            }
            Frame::Open(_) => {
                return Err(Violation::Unexpected("a frame that only a client sends"));
            }
        };
        if number > self.0.last {
            let what = "a frame of a connection that was never opened";
            return Err(Violation::Unexpected(what));
        }
        let Some(is_due) = self.0.open.get_mut(&number) else {
            return Ok(ClientEvent::Nothing);
        };
        match *frame {
            Frame::Message(_, message) if *is_due => {
                *is_due = false;
                Ok(ClientEvent::Reply(number, message))
            }
            Frame::Message(..) => Err(Violation::Unexpected("a reply that is not due")),
            Frame::Note(_, note) if *is_due => Ok(ClientEvent::Note(number, note)),
            Frame::Note(..) => Err(Violation::Unexpected("a note where no reply is due")),
            _ => {
                // A vault that has taken the request ends its connection by RESET.
                let why = match *is_due && matches!(frame, Frame::Close(_)) {
                    true => Ended::Unseen,
                    false => Ended::Seen,
                };
                self.0.open.remove(&number);
                Ok(ClientEvent::Ended(vec![number], why))
            }
        }
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
        assert_eq!(
            client.take(&closed),
            Ok(ClientEvent::Ended(vec![first], Ended::Unseen))
        );
        assert_eq!(client.0.end(first), None);

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
            Ok(ClientEvent::Ended(vec![third], Ended::Untaken))
        );
        assert_eq!(client.begin(), None);
        let end = client.0.end(second).unwrap();
        assert_eq!(vault.take(&end), Ok(VaultEvent::Gone(second)));
        assert_eq!((client.0.open.len(), vault.open()), (0, 0));
    }
}
