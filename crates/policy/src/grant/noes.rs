//! Counts noes per qube, so that a qube that asks on and on is answered for the person.

use crate::caller::Caller;
use crate::facts::Moment;

/// This many noes, and a qube's questions are denied unseen for a while.
pub const NOES_UNTIL_COOL_DOWN: usize = 3;
/// A request that the client takes back weighs less: people press ctrl-c, and nine times in a minute
/// they do not.
const TAKEN_BACK_FOR_ONE_NO: usize = 3;
/// Denials count together within this many seconds.
pub const NO_WINDOW_SECONDS: u64 = 60;
/// Unanswered questions take a minute each, so they count together for longer.
const UNANSWERED_WINDOW_SECONDS: u64 = 600;
/// How long a qube's questions are then denied.
pub const COOL_DOWN_SECONDS: u64 = 600;
/// Qubes whose noes are counted; the one that has been quiet longest makes room.
const MAX_CALLERS: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum No {
    Denied,
    Unanswered,
    /// The client hung up while it was its question's turn.
    TakenBack,
}

impl No {
    fn weight(self) -> usize {
        match self {
            Self::Denied | Self::Unanswered => TAKEN_BACK_FOR_ONE_NO,
            Self::TakenBack => 1,
        }
    }

    fn window(self) -> u64 {
        match self {
            Self::Denied | Self::TakenBack => NO_WINDOW_SECONDS,
            Self::Unanswered => UNANSWERED_WINDOW_SECONDS,
        }
    }
}

/// Recent noes of each qube, the qube that was last heard at the end.
#[derive(Debug, Default)]
pub(super) struct Noes(Vec<(Caller, Vec<(No, u64)>)>);

impl Noes {
    /// Counts one; true if it is one too many, and then counts from nothing again.
    pub(super) fn count(&mut self, caller: &Caller, no: No, now: Moment) -> bool {
        let at = self.0.iter().position(|(known, _)| known == caller);
        let mut recent = at.map(|index| self.0.remove(index).1).unwrap_or_default();
        recent.retain(|(no, at)| now.boot.saturating_sub(*at) < no.window());
        recent.push((no, now.boot));
        let weight: usize = recent.iter().map(|(no, _)| no.weight()).sum();
        if weight >= NOES_UNTIL_COOL_DOWN * TAKEN_BACK_FOR_ONE_NO {
            return true;
        }
        if self.0.len() >= MAX_CALLERS {
            self.0.remove(0);
        }
        self.0.push((caller.clone(), recent));
        false
    }

    pub(super) fn forget(&mut self, caller: &Caller) {
        self.0.retain(|(known, _)| known != caller);
    }
}
