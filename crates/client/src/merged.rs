//! One connection of a local program to several vaults: their lists joined, each key used in the vault that listed it.

use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use std::os::fd::AsFd;
use wire::bind::SESSION_BIND;
use wire::content::CONTENT;
use wire::limits::{MAX_IDENTITIES, MAX_MESSAGE};
use wire::reader::Reader;
use wire::reply::Reply;
use wire::request::{QUERY, Request};
use wire::writer::Writer;

use super::binds::{self, Binds};
use super::call::CallEnd;
use super::config::Start;
use super::connection_table::{ConnectionHandle, Watcher};
use super::idle;
use super::program::{Answer, Program};
use super::remembered::{self, Key};
use super::vault::Vault;
use super::vault_connection::VaultConnection;
use crate::status::outcome::CallOutcome;
use common::wait;

/// Bytes of a key in a list beside its blob and comment: two lengths.
const KEY_OVERHEAD: usize = 8;

/// Several vaults behind one socket, in the order of client.toml.
#[derive(Debug)]
pub struct Merged {
    pub vaults: Vec<Arc<Vault>>,
    /// What the slowest vault may delay a list.
    pub list_time: Duration,
}

/// What a vault says to a list.
type Listed = (VaultConnection, Result<List, CallEnd>);

/// The keys of one vault.
#[derive(Clone, Debug, Default)]
struct List {
    keys: Vec<Key>,
    /// The first ones, that a rule allows for the server that the connection has shown.
    allowed: usize,
}

impl From<Vec<Key>> for List {
    fn from(keys: Vec<Key>) -> Self {
        Self { keys, allowed: 0 }
    }
}

/// One program's connection to one of the vaults.
enum Side {
    Here(VaultConnection),
    /// A thread waits for the vault's list, and gives up when the socket is closed.
    Away(Receiver<Listed>, UnixStream),
    /// No thread could be had.
    Gone,
}

struct MergedConnection<'a> {
    merged: &'a Merged,
    sides: Vec<Side>,
    binds: Arc<Binds>,
    /// The first side that listed a key on this connection, the last time.
    listed_by: HashMap<Vec<u8>, usize>,
}

/// Serves one connection, and leaves nothing of it behind.
pub fn serve(client: UnixStream, merged: &Merged, handle: &ConnectionHandle) {
    let Ok(mut program) = Program::new(client) else {
        return;
    };
    let mut connection = MergedConnection {
        merged,
        sides: merged
            .vaults
            .iter()
            .map(|vault| Side::Here(VaultConnection::new(vault)))
            .collect(),
        binds: Arc::default(),
        listed_by: HashMap::new(),
    };
    // An error is the program's socket's.
    let _ = connection.answer_all(&mut program, handle);
    let watcher = program.watched_by(handle);
    for (side, vault) in connection.sides.into_iter().zip(&merged.vaults) {
        match side {
            Side::Here(mut to_vault) => to_vault.give_up(&watcher),
            Side::Away(_, request) => vault
                .lateness
                .keep_asking(request, vault.config.set_up_time),
            Side::Gone => {}
        }
    }
}

impl MergedConnection<'_> {
    fn answer_all(&mut self, program: &mut Program, handle: &ConnectionHandle) -> io::Result<()> {
        while let Some(request) = self.wait_for_request(program, handle)? {
            let reply = if binds::is_bind(&request) {
                Some(self.bind(&request))
            } else {
                match Request::parse(&request) {
                    Ok(Request::List) => self.list(program, handle)?,
                    Ok(Request::Sign(sign)) => {
                        let side = self.side_of(sign.key);
                        Some(self.ask(side, &request, &program.watched_by(handle)))
                    }
                    Ok(Request::Extension(extension)) if extension.name() == QUERY => Some(query()),
                    Ok(Request::Extension(_)) => {
                        let side = key_of_extension(&request).and_then(|key| self.side_of(key));
                        Some(self.ask(side, &request, &program.watched_by(handle)))
                    }
                    _ => Some(Reply::Failure.rebuild()),
                }
            };
            match reply {
                Some(reply) => program.send(Answer::new(&reply), handle)?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn wait_for_request(
        &mut self,
        program: &mut Program,
        handle: &ConnectionHandle,
    ) -> io::Result<Option<Vec<u8>>> {
        self.take_back();
        let can_be_told = self.binds.can_be_told();
        let here = self.sides.iter_mut().filter_map(|side| match side {
            Side::Here(to_vault) => Some(to_vault),
            _ => None,
        });
        let mut here: Vec<&mut VaultConnection> = here.collect();
        idle::wait_for_request(program, &mut here, can_be_told, handle)
    }

    /// The vaults hear of a bind with the next request to them. Whether it is true is theirs to say.
    fn bind(&mut self, request: &[u8]) -> Vec<u8> {
        Arc::make_mut(&mut self.binds).keep(request);
        let is_taken = binds::is_well_formed(request) && self.binds.can_be_told();
        let reply = if is_taken {
            Reply::Success
        } else {
            Reply::ExtensionFailure
        };
        reply.rebuild()
    }

    /// The joined lists, duplicates once. `None`: no vault has answered, and nothing is remembered of any.
    fn list(
        &mut self,
        program: &Program,
        handle: &ConnectionHandle,
    ) -> io::Result<Option<Vec<u8>>> {
        let mut lists: Vec<Option<List>> = vec![None; self.sides.len()];
        for index in 0..self.sides.len() {
            let Some(vault) = self.merged.vaults.get(index) else {
                continue;
            };
            let remembered = vault.remembered.keys();
            let is_asked = match vault.config.start {
                Start::OnList => true,
                // What a server is to be shown first only the vault knows; a call that is there costs nothing.
                Start::OnUse => remembered.is_empty() || self.binds.len() > 0 && vault.can_carry(),
                Start::Never => vault.can_carry(),
            };
            // A single vault is waited for: there is nothing else to list.
            if is_asked && (self.sides.len() == 1 || vault.lateness.may_ask()) {
                self.begin_list(index, handle)?;
            } else if !is_asked && !remembered.is_empty() {
                set(&mut lists, index, Some(remembered.into()));
            }
        }
        let is_only = self.sides.len() == 1;
        let end = Instant::now() + self.merged.list_time;
        loop {
            for (index, result) in self.take_back() {
                // What carries no signature now is not offered.
                if let Ok(list) = result {
                    set(&mut lists, index, Some(list));
                }
            }
            let is_awaited = |(side, vault): (&Side, &Arc<Vault>)| {
                matches!(side, Side::Away(..)) && (is_only || !vault.lateness.is_late())
            };
            let mut sides = self.sides.iter().zip(&self.merged.vaults);
            if !sides.any(is_awaited) || Instant::now() >= end || handle.must_leave() {
                break;
            }
            let mut fds = [
                PollFd::new(handle.wake().as_fd(), PollFlags::POLLIN),
                PollFd::new(program.socket().as_fd(), PollFlags::empty()),
            ];
            wait::until(&mut fds, Some(end))?;
            if wait::revents(&fds[1]).contains(PollFlags::POLLHUP) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            handle.wake().clear();
        }
        for (index, vault) in self.merged.vaults.iter().enumerate() {
            if matches!(self.sides.get(index), Some(Side::Away(..))) {
                vault.lateness.begin();
                handle.wake_table();
            }
            if vault.lateness.is_late() {
                let known = Some(vault.remembered.last_known()).filter(|keys| !keys.is_empty());
                set(&mut lists, index, known.map(List::from));
            }
        }
        self.listed_by.clear();
        for (index, list) in lists.iter().enumerate().rev() {
            let keys = list.iter().flat_map(|list| &list.keys);
            let keys = keys.map(|(key, _)| (key.clone(), index));
            self.listed_by.extend(keys);
        }
        let has_any = lists.iter().any(Option::is_some);
        let joined = join(lists.into_iter().flatten().collect(), self.binds.len() > 0);
        Ok(has_any.then(|| remembered::reply_of(&joined)))
    }

    /// Has a thread ask a vault for its list, unless one does already.
    fn begin_list(&mut self, index: usize, handle: &ConnectionHandle) -> io::Result<()> {
        let Some(side) = self.sides.get_mut(index) else {
            return Ok(());
        };
        if !matches!(side, Side::Here(_)) {
            return Ok(());
        }
        let own_handle = handle.another()?;
        // Instead of the program's: a late vault may be asked on when the program has left.
        let (ours, socket) = UnixStream::pair()?;
        let socket = Arc::new(socket);
        let wake = Arc::clone(handle.wake());
        let binds = Arc::clone(&self.binds);
        let (sender, receiver) = mpsc::channel();
        let Side::Here(mut to_vault) = std::mem::replace(side, Side::Gone) else {
            return Ok(());
        };
        thread::Builder::new().spawn(move || {
            let watcher = Watcher {
                program: &socket,
                handle: &own_handle,
            };
            let result = list_of(&mut to_vault, &binds, &watcher);
            // A connection that has ended meanwhile takes nothing.
            if let Err(mpsc::SendError((mut to_vault, result))) = sender.send((to_vault, result)) {
                if let Err(end) = result {
                    to_vault.note(&end, false);
                }
                to_vault.give_up(&watcher);
            }
            wake.signal();
        })?;
        *side = Side::Away(receiver, ours);
        Ok(())
    }

    /// Takes back what threads have finished.
    fn take_back(&mut self) -> Vec<(usize, Result<List, CallEnd>)> {
        let mut results = Vec::new();
        for (index, side) in self.sides.iter_mut().enumerate() {
            let Side::Away(receiver, _) = side else {
                continue;
            };
            match receiver.try_recv() {
                Ok((to_vault, result)) => {
                    if let Err(end) = &result {
                        to_vault.note(end, false);
                    }
                    *side = Side::Here(to_vault);
                    results.push((index, result));
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => *side = Side::Gone,
            }
        }
        results
    }

    /// The vault for a key: the one that listed it here, or else the first that listed it last.
    fn side_of(&self, key: &[u8]) -> Option<usize> {
        let here = self.listed_by.get(key).copied();
        here.or_else(|| {
            let vaults = &self.merged.vaults;
            vaults.iter().position(|vault| vault.remembered.holds(key))
        })
    }

    /// Asks one vault. Without one, or without its reply, the answer is FAILURE: other keys may be in other vaults.
    fn ask(&mut self, side: Option<usize>, request: &[u8], watcher: &Watcher<'_>) -> Vec<u8> {
        let failure = Reply::Failure.rebuild();
        let Some(index) = side.filter(|_| self.binds.can_be_told()) else {
            return failure;
        };
        if self.bring_here(index, watcher).is_err() {
            return failure;
        }
        let Some(Side::Here(to_vault)) = self.sides.get_mut(index) else {
            return failure;
        };
        if to_vault.start() == Start::Never && !to_vault.can_be_asked() {
            return failure;
        }
        // A list that has changed since it was remembered is seen on contact.
        let is_contact = !to_vault.is_connected() && !matches!(to_vault.start(), Start::OnList);
        let listed = match is_contact {
            true => to_vault.list(&self.binds, watcher).map(drop),
            false => Ok(()),
        };
        match listed.and_then(|()| to_vault.ask(&self.binds, Some(request), watcher)) {
            Ok(answer) => answer.reply().to_vec(),
            Err(end) => {
                to_vault.note(&end, end.outcome != CallOutcome::ClientLeft);
                failure
            }
        }
    }

    /// Waits for the thread that a vault's list keeps, as long as the program does.
    fn bring_here(&mut self, index: usize, watcher: &Watcher<'_>) -> io::Result<()> {
        loop {
            self.take_back();
            if !matches!(self.sides.get(index), Some(Side::Away(..))) {
                return Ok(());
            }
            let mut fds = [
                PollFd::new(watcher.handle.wake().as_fd(), PollFlags::POLLIN),
                PollFd::new(watcher.program.as_fd(), PollFlags::empty()),
            ];
            wait::until(&mut fds, None)?;
            let has_left = wait::revents(&fds[1]).contains(PollFlags::POLLHUP);
            watcher.handle.wake().clear();
            if has_left || watcher.handle.must_leave() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    }
}

/// Asks a vault for its keys, and which of them it allows for the server that the binds show.
fn list_of(
    to_vault: &mut VaultConnection,
    binds: &Binds,
    watcher: &Watcher<'_>,
) -> Result<List, CallEnd> {
    let answer = to_vault.list(binds, watcher)?;
    let keys = remembered::keys_of(answer.reply()).unwrap_or_default();
    let allowed = to_vault.allowed(binds, watcher)?;
    Ok(List { keys, allowed })
}

/// Keeps a vault's first answer to a list.
fn set(lists: &mut [Option<List>], index: usize, answer: Option<List>) {
    if let Some(list) = lists.get_mut(index).filter(|list| list.is_none()) {
        *list = answer;
    }
}

/// All keys once, the first comment of each, as many as a list may have. On a connection that has shown its server come first
/// those that a rule of their vault allows there, as a server does not try many; a vault that cannot say how many these are
/// lists them first, too, so that the first keys of all come before any second one.
fn join(lists: Vec<List>, is_bound: bool) -> Vec<Key> {
    let mut keys: Vec<((bool, usize), Key)> = Vec::new();
    for List {
        keys: listed,
        allowed,
    } in lists
    {
        let ranks = (0..).map(|rank| (rank >= allowed, rank));
        keys.extend(ranks.zip(listed));
    }
    if is_bound {
        keys.sort_by_key(|(rank, _)| *rank);
    }
    let mut joined: Vec<Key> = Vec::new();
    let mut bytes = KEY_OVERHEAD;
    for (_, key) in keys {
        let size = key.0.len() + key.1.len() + KEY_OVERHEAD;
        let is_new = !joined.iter().any(|(known, _)| *known == key.0);
        if is_new && joined.len() < MAX_IDENTITIES && bytes + size <= MAX_MESSAGE {
            bytes += size;
            joined.push(key);
        }
    }
    joined
}

/// Extensions of ours that are about a key have its blob as their first field.
fn key_of_extension(request: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(request);
    reader.u8("a number").ok()?;
    reader
        .name("a name")
        .ok()
        .filter(|name| name.ends_with("@split-ssh"))?;
    reader.string("a key").ok()
}

/// What can be asked through several vaults. A vault that does not know it says FAILURE.
fn query() -> Vec<u8> {
    let contents = Writer::build(|writer| {
        for name in [SESSION_BIND, CONTENT, QUERY] {
            writer.string(name);
        }
    });
    Reply::ExtensionResponse {
        name: QUERY,
        contents: &contents,
    }
    .rebuild()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_listed_once_and_for_a_server_the_allowed_ones_first() {
        let list = |keys: &[u8]| -> Vec<Key> {
            let key = |key: &u8| (vec![*key], vec![]);
            keys.iter().map(key).collect()
        };
        let lists = |allowed| {
            let second = List {
                keys: list(b"dae"),
                allowed,
            };
            vec![List::from(list(b"abc")), second]
        };
        assert_eq!(join(lists(2), false), list(b"abcde"));
        assert_eq!(join(lists(0), true), list(b"adbce"));
        assert_eq!(join(lists(2), true), list(b"dabce"));
        assert_eq!(join(lists(3), true), list(b"daebc"));
    }
}
