//! What brings a connection's requests to its vault, and how it comes about.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use wire::carry::{self, Terms};

use super::call::{Call, CallEnd};
use super::carrying::{CarriedConnection, CarryingCall};
use super::connection_table::Watcher;
use super::vault::{Carrying, Vault};
use crate::status::outcome::CallOutcome;
use common::sync::lock;

/// A vault that is there says in far less whether it carries connections.
const FIRST_REPLY_TIME: Duration = Duration::from_secs(2);
/// One that has not said it by then hangs.
const HELLO_TIME: Duration = Duration::from_secs(30);
/// After this time a vault is asked again whether it carries connections.
const ASK_AGAIN: Duration = Duration::from_secs(600);

/// What brings requests to the vault.
#[derive(Debug)]
pub enum Link {
    Own(Box<Call>),
    Carried(CarriedConnection),
}

impl Link {
    /// A way to the vault: a carried connection, or a call of its own, made with `message` or with nothing due.
    pub fn connect(vault: &Vault, message: &[u8], watcher: &Watcher<'_>) -> Result<Self, CallEnd> {
        loop {
            let (carried, may_try) = match &*lock(&vault.carrying) {
                Carrying::Untried => (None, true),
                Carrying::Refused(at) => (None, at.elapsed() >= ASK_AGAIN),
                Carrying::By(call) => (call.join(), call.is_over()),
            };
            if let Some(carried) = carried {
                return Ok(Self::Carried(carried));
            }
            let may_try = may_try && vault.config.carry;
            let hello = carry::hello();
            let first = if may_try { &hello } else { message };
            let is_needed = || !vault.can_carry();
            let call = Call::open(&vault.config, &vault.slots, first, watcher, is_needed)?;
            let Some((mut call, set_up_slot)) = call else {
                continue;
            };
            if !may_try {
                return Ok(Self::Own(Box::new(call)));
            }
            let mut reply = call.ask(&hello, watcher, Some(FIRST_REPLY_TIME));
            if matches!(reply, Err(CallOutcome::NoReply(_))) {
                drop(set_up_slot); // others need a call of their own, then
                reply = call.ask(&hello, watcher, Some(HELLO_TIME));
            }
            let terms = match reply {
                Ok(answer) => Terms::parse(answer.message()),
                Err(cause) => {
                    let end = call.end(cause, watcher.handle);
                    if end.outcome != CallOutcome::Cut {
                        return Err(end);
                    }
                    // A service that ends when it hears of an extension is called without.
                    *lock(&vault.carrying) = Carrying::Refused(Instant::now());
                    continue;
                }
            };
            if let Some(terms) = &terms {
                vault.remembered.permit(terms.may_remember);
            }
            match terms.filter(|terms| terms.connections > 0) {
                Some(terms) => carry_by(vault, call, terms, watcher)?,
                None => {
                    *lock(&vault.carrying) = Carrying::Refused(Instant::now());
                    return Ok(Self::Own(Box::new(call)));
                }
            }
        }
    }
}

/// Has a call carry connections, unless another one does already.
fn carry_by(vault: &Vault, call: Call, terms: Terms, watcher: &Watcher<'_>) -> Result<(), CallEnd> {
    let handle = watcher.handle.table.register().map_err(CallOutcome::from)?;
    let carrying = CarryingCall::new(&call, terms, &handle).map_err(CallOutcome::from)?;
    let mut now = lock(&vault.carrying);
    if matches!(&*now, Carrying::By(other) if other.has_room()) {
        drop(now);
        call.end(CallOutcome::Served, watcher.handle);
        return Ok(());
    }
    let reader = Arc::clone(&carrying);
    let reads = move || reader.read(call, &handle);
    // Nobody joins a call that nobody reads.
    let thread = thread::Builder::new().spawn(reads);
    thread.map_err(CallOutcome::from)?;
    *now = Carrying::By(carrying);
    Ok(())
}
