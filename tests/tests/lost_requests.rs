//! A request that the vault never looked at, or whose call died before the reply, is made once more where that can do no
//! harm; a signature that may have been made is not. The vault is one that does what a test says.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::thread;

use testbed::message::{self, Message};
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::raw::{Answer, Connection};
use testbed::split_ssh::ClientQube;
use testbed::world::World;

const OPEN: u8 = 1;
const MESSAGE: u8 = 2;
const CLOSE: u8 = 3;
/// Bytes of a frame before the agent message that it carries.
const FRAME_HEAD: usize = 5;

/// What the vault does with a request.
#[derive(Clone, Copy)]
enum Act {
    Reply(u8),
    /// The call ends right after the reply.
    LastReply(u8),
    /// As if the vault had closed the connection before the request came.
    Close,
    EndCall,
}
use Act::{EndCall, Reply};

/// The requests that must come, by their number, and what is done with each.
type Script = Arc<Mutex<VecDeque<(u8, Act)>>>;

struct Scene {
    client: ClientQube,
    script: Script,
    _world: World,
}

impl Scene {
    /// A vault that carries at most so many connections in a call.
    fn new(carried: u32, script: &[(u8, Act)]) -> Self {
        let world = World::new();
        let socket = world.path("vault.sock");
        let listener = UnixListener::bind(&socket).expect("our own folder");
        let script: Script = Arc::new(Mutex::new(script.iter().copied().collect()));
        let shared = Arc::clone(&script);
        thread::spawn(move || {
            for call in listener.incoming().flatten() {
                let script = Arc::clone(&shared);
                thread::spawn(move || serve(call, carried, &script));
            }
        });
        let qrexec = stand_in(&world, "work/qrexec", "work");
        serve_socket(&qrexec, &socket);
        Self {
            client: ClientQube::start_calling(&world, "work", qrexec),
            script,
            _world: world,
        }
    }

    fn connect(&self) -> Connection {
        Connection::open(&self.client.socket)
    }

    /// All that had to come has come.
    fn is_done(&self) -> bool {
        self.script.lock().expect("no thread panicked").is_empty()
    }
}

fn read(call: &mut UnixStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    call.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::try_from(u32::from_be_bytes(length)).ok()?];
    call.read_exact(&mut message).ok()?;
    Some(message)
}

/// Serves a call until the script, or the client, ends it.
fn serve(mut call: UnixStream, carried: u32, script: &Script) -> Option<()> {
    let mut byte = [1];
    while byte != [0] {
        call.read_exact(&mut byte).ok()?;
    }
    let hello = Message::of(message::EXTENSION)
        .string("carry@split-ssh")
        .byte(1);
    loop {
        let mut request = read(&mut call)?;
        // A client that knows that the vault does not carry does not ask again.
        if request == hello.0 {
            let terms = Message::of(message::EXTENSION_RESPONSE)
                .string("carry@split-ssh")
                .byte(1)
                .int(carried)
                .byte(3);
            call.write_all(&terms.framed()).ok()?;
            continue;
        }
        let mut head = Vec::new();
        if carried > 0 {
            if request.first() != Some(&MESSAGE) {
                assert!(matches!(request.first(), Some(&(OPEN | CLOSE))));
                continue;
            }
            head = request.drain(..FRAME_HEAD).collect();
        }
        let next = script.lock().expect("no thread panicked").pop_front();
        let (number, act) = next.expect("no more requests than the script has");
        assert_eq!(request.first(), Some(&number));
        let sent = match act {
            Act::Reply(reply) | Act::LastReply(reply) => Message(head).byte(reply),
            Act::Close => Message::of(CLOSE).raw(head.get(1..).unwrap_or_default()),
            Act::EndCall => return None,
        };
        call.write_all(&sent.framed()).ok()?;
        if matches!(act, Act::LastReply(_)) {
            return None;
        }
    }
}

fn list() -> Message {
    Message::of(message::LIST)
}

fn sign() -> Message {
    message::sign(b"key", b"data")
}

fn reply(number: u8) -> Answer {
    Answer::Reply(vec![number])
}

const BIND: u8 = message::EXTENSION;
const CARRIES: u32 = 16;

/// After the binds of its connection, which the next one must hear of as well.
#[test]
fn a_request_that_crosses_the_vaults_close_is_made_once_more() {
    let scene = Scene::new(
        CARRIES,
        &[
            (BIND, Reply(message::SUCCESS)),
            (message::SIGN, Act::Close),
            (BIND, Reply(message::SUCCESS)),
            (message::SIGN, Reply(message::SIGNATURE)),
            (message::SIGN, Act::Close),
            (BIND, Reply(message::SUCCESS)),
            (message::SIGN, Act::Close),
        ],
    );
    let mut connection = scene.connect();
    let bind = message::session_bind(b"host", b"session", b"signature", false);
    assert_eq!(connection.ask(&bind), reply(message::SUCCESS));
    assert_eq!(connection.ask(&sign()), reply(message::SIGNATURE));
    assert_eq!(connection.ask(&sign()), reply(message::FAILURE));
    assert!(scene.is_done());
    assert_eq!(scene.client.calls(), 1);
}

/// The next connection would ask for a signature without the content.
#[test]
fn a_signature_after_content_is_not_asked_for_twice() {
    let script = [
        (message::EXTENSION, Reply(message::SUCCESS)),
        (message::SIGN, Act::Close),
    ];
    let scene = Scene::new(CARRIES, &script);
    let mut connection = scene.connect();
    let content = Message::of(message::EXTENSION).string("content@split-ssh");
    assert_eq!(connection.ask(&content), reply(message::SUCCESS));
    assert_eq!(connection.ask(&sign()), reply(message::FAILURE));
    assert!(scene.is_done());
}

/// The call that knew the content has ended, and a list has made another one.
#[test]
fn a_signature_is_not_asked_for_where_its_content_is_not_known() {
    for carried in [CARRIES, 0] {
        let script = [
            (message::EXTENSION, Act::LastReply(message::SUCCESS)),
            (message::LIST, Reply(message::IDENTITIES)),
        ];
        let scene = Scene::new(carried, &script);
        let mut connection = scene.connect();
        let content = Message::of(message::EXTENSION).string("content@split-ssh");
        assert_eq!(connection.ask(&content), reply(message::SUCCESS));
        assert_eq!(connection.ask(&list()), reply(message::IDENTITIES));
        assert_eq!(connection.ask(&sign()), reply(message::FAILURE));
        assert!(scene.is_done());
    }
}

/// With carried connections, and with a call of its own that has served before.
#[test]
fn a_list_whose_call_dies_is_asked_for_once_more() {
    let identities = Reply(message::IDENTITIES);
    for carried in [CARRIES, 0] {
        let script = [
            (message::LIST, identities),
            (message::LIST, EndCall),
            (message::LIST, identities),
            (message::LIST, EndCall),
            (message::LIST, EndCall),
        ];
        let scene = Scene::new(carried, &script);
        let mut connection = scene.connect();
        for _ in 0..2 {
            assert_eq!(connection.ask(&list()), reply(message::IDENTITIES));
        }
        assert_eq!(connection.ask(&list()), Answer::Closed);
        assert!(scene.is_done());
    }
}

/// The vault may have asked the person, or have signed.
#[test]
fn a_signature_whose_call_dies_is_not_asked_for_twice() {
    for carried in [CARRIES, 0] {
        let script = [
            (message::LIST, Reply(message::IDENTITIES)),
            (message::SIGN, EndCall),
        ];
        let scene = Scene::new(carried, &script);
        let mut connection = scene.connect();
        assert_eq!(connection.ask(&list()), reply(message::IDENTITIES));
        assert_eq!(connection.ask(&sign()), reply(message::FAILURE));
        assert!(scene.is_done());
        assert!(
            scene
                .client
                .status()
                .contains("the vault closed the stream")
        );
    }
}
