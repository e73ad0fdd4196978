//! Counts denials per qube, so that the vault itself denies a qube that keeps asking.

use crate::caller::Caller;
use crate::facts::Moment;

/// After this many, a qube's questions are denied for a while without being shown.
pub const DENIALS_UNTIL_COOL_DOWN: usize = 3;
/// So many requests that the client withdrew count as one denial: a person presses ctrl-c now and then, but not nine
/// times in a minute.
const WITHDRAWALS_FOR_ONE_DENIAL: usize = 3;
/// Denials count together within this many seconds.
pub const DENIAL_WINDOW_SECONDS: u64 = 60;
/// Unanswered questions take a minute each, so they count together for longer.
const UNANSWERED_WINDOW_SECONDS: u64 = 600;
/// How long a qube's questions are then denied.
pub const COOL_DOWN_SECONDS: u64 = 600;
/// Qubes whose denials are counted; the one that has been quiet longest makes room.
const MAX_CALLERS: usize = 256;

/// What counts towards a cool-down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedDenial {
    /// The person said no.
    Denied,
    Unanswered,
    /// The client hung up while it was its question's turn.
    Withdrawn,
}

impl CountedDenial {
    fn weight(self) -> usize {
        match self {
            Self::Denied | Self::Unanswered => WITHDRAWALS_FOR_ONE_DENIAL,
            Self::Withdrawn => 1,
        }
    }

    fn window(self) -> u64 {
        match self {
            Self::Denied | Self::Withdrawn => DENIAL_WINDOW_SECONDS,
            Self::Unanswered => UNANSWERED_WINDOW_SECONDS,
        }
    }
}

/// Recent denials of each qube, and their boot seconds; the qube that was last heard at the end.
#[derive(Debug, Default)]
pub(super) struct DenialCounter(Vec<(Caller, Vec<(CountedDenial, u64)>)>);

impl DenialCounter {
    /// Counts one. True if a cool-down is to begin; the counter then starts again at zero.
    pub(super) fn count(&mut self, caller: &Caller, denial: CountedDenial, now: Moment) -> bool {
        let at = self.0.iter().position(|(known, _)| known == caller);
        let mut recent = at.map(|index| self.0.remove(index).1).unwrap_or_default();
        recent.retain(|(denial, at)| now.boot.saturating_sub(*at) < denial.window());
        recent.push((denial, now.boot));
        let weight: usize = recent.iter().map(|(denial, _)| denial.weight()).sum();
        if weight >= DENIALS_UNTIL_COOL_DOWN * WITHDRAWALS_FOR_ONE_DENIAL {
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
