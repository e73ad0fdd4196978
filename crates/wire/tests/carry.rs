//! Both ends of a call that carries connections.

use wire::carry::{ClientEnd, ClientEvent, Frame, Note, Terms, VaultEnd, VaultEvent, hello};

#[test]
fn what_is_read_is_rebuilt() {
    let frames = [
        Frame::Open(1),
        Frame::Message(7, b"\x0b"),
        Frame::Close(u32::MAX),
        Frame::Reset(0),
        Frame::Note(3, Note::Broken),
        Frame::Drain(9),
    ];
    for frame in frames {
        let bytes = frame.rebuild();
        assert_eq!(Frame::parse(&bytes), Ok(frame));
        for end in 0..bytes.len() {
            let cut = bytes.get(..end).unwrap_or_default();
            let is_shorter_message = matches!(Frame::parse(cut), Ok(Frame::Message(7, _)));
            assert!(Frame::parse(cut).is_err() && !is_shorter_message);
        }
    }
    for bad in [&[0, 0, 0, 0, 1][..], &[7, 0, 0, 0, 1], &[5, 0, 0, 0, 1, 7]] {
        assert!(Frame::parse(bad).is_err(), "{bad:?}");
    }
    let terms = Terms {
        connections: 1024,
        tells: true,
        may_remember: false,
    };
    assert_eq!(Terms::parse(&terms.rebuild()), Some(terms));
    assert_eq!(Terms::parse(&hello()), None);
    assert_eq!(Terms::parse(&[5]), None);
}

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
    assert_eq!(client.take(&closed), Ok(ClientEvent::Unseen(first)));
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
    assert_eq!(client.take(&drain), Ok(ClientEvent::Untaken(vec![third])));
    assert_eq!(client.begin(), None);
    let end = client.end(second).unwrap();
    assert_eq!(vault.take(&end), Ok(VaultEvent::Gone(second)));
    assert_eq!((client.open(), vault.open()), (0, 0));
}
