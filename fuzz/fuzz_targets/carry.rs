#![no_main]

use std::collections::BTreeSet;

use client_end::{ClientEnd, ClientEvent};
use libfuzzer_sys::fuzz_target;
use wire::carry::{Frame, Terms, VaultEnd, VaultEvent};

// The client's crate would bring all that a client needs with it.
#[allow(dead_code)] // each target uses its part
#[path = "../../crates/client/src/client_end.rs"]
mod client_end;

/// Connections at once, few enough to be met.
const MOST: u32 = 4;

// Both ends of a carrying call against any frames of the other side: what is read is rebuilt, memory follows open
// connections, and of a connection at most one request is outstanding.
fuzz_target!(|input: Vec<Vec<u8>>| {
    let mut vault = VaultEnd::new(MOST);
    let mut client = ClientEnd::new(MOST);
    let mut due = BTreeSet::new();
    for bytes in &input {
        if let Some(terms) = Terms::parse(bytes) {
            assert_eq!(&terms.rebuild(), bytes);
        }
        // The client does something of its own between two frames.
        match bytes.first().map(|byte| byte % 4) {
            Some(0) => drop(client.begin()),
            Some(1) => drop(client.request(u32::from(bytes.len() as u8 % 6))),
            Some(2) => drop(client.0.end(u32::from(bytes.len() as u8 % 6))),
            _ => {}
        }
        let Ok(frame) = Frame::parse(bytes) else {
            continue;
        };
        assert_eq!(&frame.rebuild(), bytes);
        match vault.take(&frame) {
            Ok(VaultEvent::Request(number, message)) => {
                assert!(!message.is_empty() && due.insert(number) && vault.is_due(number));
                // Every other request is answered at once.
                if message.len() % 2 == 0 {
                    assert!(vault.reply(number) && !vault.reply(number));
                    due.remove(&number);
                }
            }
            Ok(VaultEvent::Gone(number)) => {
                due.remove(&number);
                assert!(!vault.reply(number) && vault.end(number).is_none());
            }
            Ok(_) => {}
            Err(_) => {
                vault = VaultEnd::new(MOST);
                due.clear();
            }
        }
        assert!(vault.open() <= MOST as usize);
        match client.take(&frame) {
            Ok(ClientEvent::Ended(numbers, _)) => {
                assert!(numbers.iter().all(|number| client.0.end(*number).is_none()));
            }
            Ok(_) => {}
            Err(_) => client = ClientEnd::new(MOST),
        }
        assert!(client.0.open.len() <= MOST as usize);
    }
});
