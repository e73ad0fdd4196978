//! The two sockets: who may connect, and a thread for each who does.

use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Uid;
use policy::caller::Caller;
use policy::record::{Event, Outcome};

use super::connection::Connection;
use super::header::{self, BadHeader};
use super::limits::Place;
use super::stream::{ByteStream, MessageStream};
use crate::Vault;
use common::log::journal;

/// When the system has no descriptors left, waiting for a connection to end is all that helps.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts for ever, handing each connection of a peer that may be here to `serve` in its own thread.
pub fn accept(
    vault: &Arc<Vault>,
    listener: &UnixListener,
    serve: fn(&Arc<Vault>, UnixStream, Uid),
) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            thread::sleep(PAUSE);
            continue;
        };
        let Some(uid) = peer_uid(&stream) else {
            continue;
        };
        // Whoever already is root or this user could use the keys without us.
        if !uid.is_root() && uid != Uid::current() {
            refuse_peer(vault, uid);
            continue;
        }
        let vault = Arc::clone(vault);
        let started = thread::Builder::new().spawn(move || serve(&vault, stream, uid));
        if started.is_err() {
            thread::sleep(PAUSE);
        }
    }
}

fn peer_uid(stream: &UnixStream) -> Option<Uid> {
    Some(Uid::from_raw(
        getsockopt(stream, PeerCredentials).ok()?.uid(),
    ))
}

fn refuse_peer(vault: &Vault, uid: Uid) {
    let mut record = vault.record(Event::Refusal, Outcome::Refused);
    record.qube = Some(Caller::Local(uid.as_raw()).to_string().into());
    record.reason =
        Some("only root and the vault's own user may connect to its sockets".to_owned());
    vault.write(record);
}

/// One qrexec call: its header says who calls, then the agent protocol follows.
pub fn serve_call(vault: &Arc<Vault>, stream: UnixStream, peer: Uid) {
    let Some(place) = vault.streams.place() else {
        let mut record = vault.record(Event::Limit, Outcome::Refused);
        record.reason = Some("as many streams as there may be in all".to_owned());
        vault.write(record);
        return;
    };
    let Ok(bytes) = ByteStream::new(stream) else {
        return;
    };
    match header::read(&bytes) {
        Ok((header, data)) => {
            if let Err(why) = may_say(&header.caller, peer) {
                return refuse_header(vault, None, why);
            }
            let stream = MessageStream::new(bytes, &data);
            serve_caller(vault, place, header, stream);
        }
        // A peer that only looked whether we are there.
        Err(BadHeader::Ended(false)) => {}
        Err(bad) => refuse_header(vault, bad.caller(), &bad.to_string()),
    }
}

fn serve_caller(vault: &Arc<Vault>, place: Place, header: header::Header, stream: MessageStream) {
    let number = vault.next_connection();
    let Some(_seat) = place.seat(&header.caller) else {
        let mut record = vault.record(Event::Limit, Outcome::Refused);
        record.qube = Some(header.caller.to_string().into());
        record.keyring = Some(header.keyring.as_str().into());
        record.reason = Some("as many streams as one qube may have".to_owned());
        vault.write(record);
        return;
    };
    Connection::new(vault, header.caller, header.keyring, stream, number).serve();
}

/// A local caller is who the kernel says; qrexec never names one of the other kinds.
fn may_say(caller: &Caller, peer: Uid) -> Result<(), &'static str> {
    match caller {
        Caller::Local(uid) if *uid != peer.as_raw() && !peer.is_root() => {
            Err("a local caller under another uid's name")
        }
        _ => Ok(()),
    }
}

fn refuse_header(vault: &Vault, caller: Option<&Caller>, reason: &str) {
    let mut record = vault.record(Event::Malformed, Outcome::Refused);
    record.qube = caller.map(|caller| caller.to_string().into());
    record.reason = Some(reason.to_owned());
    vault.write(record);
    let who = caller.map_or_else(
        || "a stream".to_owned(),
        |caller| format!("a stream of {caller}"),
    );
    journal::say(
        journal::Priority::Warning,
        &format!("{who} was closed: {reason}"),
    );
}
