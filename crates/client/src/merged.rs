//! One connection of a local program to several vaults: their lists joined, each key used in the vault that listed it.

mod joined_list;
mod side;

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wire::bind::SESSION_BIND;
use wire::content::CONTENT;
use wire::reader::Reader;
use wire::reply::Reply;
use wire::request::{Extension, QUERY, Request};

use super::binds::{self, Binds};
use super::config::Start;
use super::connection_table::{ConnectionHandle, Watcher};
use super::idle;
use super::outgoing::Outgoing;
use super::program::Program;
use super::remembered;
use super::vault::Vault;
use super::vault_connection::VaultConnection;
use crate::status::outcome::CallOutcome;
use joined_list::List;
use side::Side;

struct MergedConnection {
    sides: Vec<Side>,
    binds: Arc<Binds>,
    /// What the slowest vault may delay a list.
    list_time: Duration,
}

/// Serves one connection to several vaults, in the order of client.toml, and leaves nothing of it behind.
pub fn serve(
    client: UnixStream,
    vaults: &[Arc<Vault>],
    list_time: Duration,
    handle: &ConnectionHandle,
) {
    let Ok(mut program) = Program::new(client) else {
        return;
    };
    let mut connection = MergedConnection {
        sides: vaults.iter().map(Side::new).collect(),
        binds: Arc::default(),
        list_time,
    };
    while let Some(request) = connection.wait_for_request(&mut program, handle) {
        let reply = connection.answer(&request, &program.watched_by(handle));
        let sent = reply.map(|reply| program.send(Outgoing::new(&reply), handle));
        if !matches!(sent, Some(Ok(()))) {
            break;
        }
    }
    for side in connection.sides {
        side.give_up(handle);
    }
}

impl MergedConnection {
    fn wait_for_request(
        &mut self,
        program: &mut Program,
        handle: &ConnectionHandle,
    ) -> Option<Vec<u8>> {
        for side in &mut self.sides {
            side.take_back();
        }
        let here = self.sides.iter_mut().filter_map(|side| side.here.as_mut());
        let mut here: Vec<&mut VaultConnection> = here.collect();
        idle::wait_for_request(program, &mut here, self.binds.can_be_told(), handle)
    }

    /// `None`: there is none, and the connection is over.
    fn answer(&mut self, request: &[u8], watcher: &Watcher<'_>) -> Option<Vec<u8>> {
        if binds::is_bind(request) {
            return Some(self.bind(request));
        }
        let key = match Request::parse(request) {
            Ok(Request::List) => return self.list(watcher),
            Ok(Request::Extension(extension)) if extension.name() == QUERY => {
                // What can be asked through several vaults. A vault that does not know it says FAILURE.
                return Some(Reply::to_extension(QUERY, |names| {
                    for name in [SESSION_BIND, CONTENT, QUERY] {
                        names.string(name);
                    }
                }));
            }
            Ok(Request::Extension(_)) => key_of_extension(request),
            Ok(Request::Sign(sign)) => Some(sign.key),
            _ => None,
        };
        let reply = key.and_then(|key| self.ask(key, request, watcher));
        // Without a vault, or without its reply: other keys may be in other vaults.
        Some(reply.unwrap_or_else(|| Reply::Failure.rebuild()))
    }

    /// The vaults hear of a bind with the next request to them. Whether it is true is theirs to say.
    fn bind(&mut self, request: &[u8]) -> Vec<u8> {
        Arc::make_mut(&mut self.binds).keep(request);
        match Request::parse(request) {
            Ok(Request::Extension(Extension::SessionBind(_))) if self.binds.can_be_told() => {
                Reply::Success.rebuild()
            }
            _ => Reply::ExtensionFailure.rebuild(),
        }
    }

    /// The joined lists, duplicates once. `None`: no vault has answered, and nothing is remembered of any.
    fn list(&mut self, watcher: &Watcher<'_>) -> Option<Vec<u8>> {
        let is_bound = !self.binds.messages.is_empty();
        // A single vault is waited for: there is nothing else to list.
        let is_only = self.sides.len() == 1;
        for side in &mut self.sides {
            let vault = &side.vault;
            let remembered = vault.remembered.keys();
            let is_asked = match vault.config.start {
                Start::OnList => true,
                // What a server is to be shown first only the vault knows; a call that is there costs nothing.
                Start::OnUse => remembered.is_empty() || is_bound && vault.can_carry(),
                Start::Never => vault.can_carry(),
            };
            let is_remembered = !is_asked && !remembered.is_empty();
            side.list = is_remembered.then(|| remembered.into());
            if is_asked && (is_only || side.vault.lateness.may_ask()) {
                side.begin_list(&self.binds, watcher.handle).ok()?;
            }
        }
        let end = Instant::now() + self.list_time;
        loop {
            for side in &mut self.sides {
                // What carries no signature now is not offered.
                if let Some(list) = side.take_back() {
                    side.list.get_or_insert(list);
                }
            }
            let is_awaited =
                |side: &Side| side.is_away() && (is_only || !side.vault.lateness.is_late());
            if !self.sides.iter().any(is_awaited) || Instant::now() >= end {
                break;
            }
            watcher.wait([], Some(end)).ok()?;
        }
        for side in &mut self.sides {
            if side.is_away() {
                side.vault.lateness.begin();
                watcher.handle.table.left.signal();
            }
            if side.list.is_none() && side.vault.lateness.is_late() {
                let known = side.vault.remembered.last_known();
                side.list = (!known.is_empty()).then(|| known.into());
            }
        }
        let lists: Vec<&List> = self
            .sides
            .iter()
            .filter_map(|side| side.list.as_ref())
            .collect();
        let joined = joined_list::join(&lists, is_bound);
        (!lists.is_empty()).then(|| remembered::reply_of(&joined))
    }

    /// Asks the vault for a key: the one that listed it here, or else the first that listed it last. `None`: no reply.
    fn ask(&mut self, key: &[u8], request: &[u8], watcher: &Watcher<'_>) -> Option<Vec<u8>> {
        let listed_here = self.sides.iter().position(|side| side.lists(key));
        let holds = |side: &Side| side.vault.remembered.holds(key);
        let index = listed_here.or_else(|| self.sides.iter().position(holds))?;
        let side = self.sides.get_mut(index)?;
        if !self.binds.can_be_told() {
            return None;
        }
        side.bring_here(watcher)?;
        let to_vault = side.here.as_mut()?;
        let start = side.vault.config.start;
        let is_contact = !to_vault.is_connected();
        if start == Start::Never && is_contact && !side.vault.can_carry() {
            return None;
        }
        // A list that has changed since it was remembered is seen on contact.
        let listed = match is_contact && start != Start::OnList {
            true => to_vault.list(&self.binds, watcher).map(drop),
            false => Ok(()),
        };
        let answer = listed.and_then(|()| to_vault.ask(&self.binds, Some(request), watcher));
        let noted = answer.map_err(|end| {
            to_vault.note(&end, end.outcome != CallOutcome::ClientLeft);
        });
        Some(noted.ok()?.message().to_vec())
    }
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
