#![no_main]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use client_end::{ClientEnd, ClientEvent, Ended};
use libfuzzer_sys::fuzz_target;
use wire::carry::{Frame, Note, VaultEnd, VaultEvent};

// The client's crate would bring all that a client needs with it.
#[allow(dead_code)] // each target uses its part
#[path = "../../crates/client/src/client_end.rs"]
mod client_end;

/// Connections at once, few enough to be met.
const MOST: u32 = 4;

/// What one side knows of its open connections: the request whose reply is due.
type Open = BTreeMap<u32, Option<Vec<u8>>>;

/// Both ends of a call, the frames on their way, and a model of what each end must know.
struct Run {
    client: ClientEnd,
    vault: VaultEnd,
    to_vault: VecDeque<Vec<u8>>,
    to_client: VecDeque<Vec<u8>>,
    asked: Open,
    serving: Open,
    /// Connections that the vault has looked at.
    looked_at: BTreeSet<u32>,
    /// Requests that the vault has looked at.
    seen: BTreeSet<Vec<u8>>,
    tag: u32,
}

fn reply_to(request: &[u8]) -> Vec<u8> {
    [request, b"!"].concat()
}

impl Run {
    /// One end does something of its own with connection `number`, or takes a frame.
    fn step(&mut self, action: u8, number: u32) {
        let Self {
            client,
            vault,
            to_vault,
            to_client,
            ..
        } = self;
        let mut to_vault = |frame: Frame<'_>| to_vault.push_back(frame.rebuild());
        let mut to_client = |frame: Frame<'_>| to_client.push_back(frame.rebuild());
        match action {
            0 => {
                if let Some(begun) = client.begin() {
                    assert!(self.asked.insert(begun, None).is_none());
                    to_vault(Frame::Open(begun));
                }
            }
            1 => {
                let may_ask = self.asked.get(&number) == Some(&None);
                assert_eq!(client.request(number), may_ask);
                if may_ask {
                    self.tag += 1;
                    let request = [number.to_be_bytes(), self.tag.to_be_bytes()].concat();
                    to_vault(Frame::Message(number, &request));
                    self.asked.insert(number, Some(request));
                }
            }
            2 => {
                let frame = client.0.end(number);
                assert_eq!(frame.is_some(), self.asked.remove(&number).is_some());
                frame.into_iter().for_each(to_vault);
            }
            3 => {
                let due = self.serving.get(&number).cloned().flatten();
                assert_eq!(vault.reply(number), due.is_some());
                if let Some(request) = due {
                    self.serving.insert(number, None);
                    to_client(Frame::Message(number, &reply_to(&request)));
                }
            }
            4 => {
                let is_due = matches!(self.serving.get(&number), Some(Some(_)));
                assert_eq!(vault.is_due(number), is_due);
                if is_due {
                    to_client(Frame::Note(number, Note::Asking));
                }
            }
            5 => {
                let frame = vault.end(number);
                assert_eq!(frame.is_some(), self.serving.remove(&number).is_some());
                frame.into_iter().for_each(to_client);
            }
            6 => to_client(vault.drain()),
            7 => self.vault_takes(),
            _ => self.client_takes(),
        }
    }

    fn vault_takes(&mut self) {
        let Some(bytes) = self.to_vault.pop_front() else {
            return;
        };
        let frame = Frame::parse(&bytes).expect("the client's frame");
        match self.vault.take(&frame).expect("what a client may send") {
            VaultEvent::Opened(number) => {
                assert!(self.serving.insert(number, None).is_none());
                assert!(self.looked_at.insert(number));
            }
            VaultEvent::TooMany(_) => panic!("the client counts, too"),
            VaultEvent::Request(number, request) => {
                assert_eq!(request[..4], number.to_be_bytes(), "another connection's");
                let before = self.serving.insert(number, Some(request.to_vec()));
                assert_eq!(before, Some(None));
                self.seen.insert(request.to_vec());
            }
            VaultEvent::Gone(number) => assert!(self.serving.remove(&number).is_some()),
            VaultEvent::Nothing => {}
        }
    }

    fn client_takes(&mut self) {
        let Some(bytes) = self.to_client.pop_front() else {
            return;
        };
        let frame = Frame::parse(&bytes).expect("the vault's frame");
        match self.client.take(&frame).expect("what a vault may send") {
            ClientEvent::Reply(number, reply) => {
                let request = self
                    .asked
                    .insert(number, None)
                    .flatten()
                    .expect("it is due");
                assert_eq!(reply, reply_to(&request), "another request's");
            }
            ClientEvent::Note(number, _) => {
                assert!(matches!(self.asked.get(&number), Some(Some(_))));
            }
            ClientEvent::Ended(numbers, ended) => {
                for number in numbers {
                    let request = self.asked.remove(&number).expect("it is open");
                    match ended {
                        Ended::Untaken => assert!(!self.looked_at.contains(&number)),
                        Ended::Unseen => {
                            assert!(!self.seen.contains(&request.expect("it is due")));
                        }
                        Ended::Seen => {}
                    }
                }
            }
            ClientEvent::Nothing => {}
        }
    }
}

// Two ends that keep to the protocol, whatever they do in whatever order: neither finds fault with the other, no
// connection gets what is another's, and what has ended is forgotten.
fuzz_target!(|steps: &[u8]| {
    let mut run = Run {
        client: ClientEnd::new(MOST),
        vault: VaultEnd::new(MOST),
        to_vault: VecDeque::new(),
        to_client: VecDeque::new(),
        asked: Open::new(),
        serving: Open::new(),
        looked_at: BTreeSet::new(),
        seen: BTreeSet::new(),
        tag: 0,
    };
    let mut last = 0;
    for step in steps {
        // The last ones opened, and one that is not there yet.
        let number = (last + 1_u32).saturating_sub(u32::from(step / 9 % 8));
        run.step(step % 9, number);
        last = run.asked.keys().last().copied().unwrap_or(last).max(last);
        assert_eq!(run.client.0.open.len(), run.asked.len());
        assert_eq!(run.vault.open(), run.serving.len());
    }
    for number in run.asked.keys().copied().collect::<Vec<_>>() {
        run.step(2, number);
    }
    while !run.to_vault.is_empty() || !run.to_client.is_empty() {
        run.vault_takes();
        run.client_takes();
    }
    assert_eq!((run.client.0.open.len(), run.vault.open()), (0, 0));
});
