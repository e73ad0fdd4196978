//! Both ends of a call that carries connections.

use wire::carry::{Frame, Note, Terms, hello};

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
