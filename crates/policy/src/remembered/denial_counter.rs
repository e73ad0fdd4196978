//! Counts denials, so that the vault itself denies a program that keeps asking.
//!
//! They count against what was denied: a program's retries end its own questions, and no other's. A qube that asks for
//! many different purposes has all its questions ended.

use std::collections::HashMap;

use super::denied_purpose::DeniedPurpose;
use crate::caller::Caller;
use crate::facts::Moment;

/// After this many denials of one purpose, it is denied for a while without being shown.
pub const DENIALS_UNTIL_COOL_DOWN: usize = 3;
/// After denials of this many different purposes, everything of the qube is denied for a while without being shown.
pub const PURPOSES_UNTIL_COOL_DOWN: usize = 3;
/// So many requests that the client withdrew count as one denial: a person presses ctrl-c now and then, but not nine
/// times in a minute.
const WITHDRAWALS_FOR_ONE_DENIAL: usize = 3;
/// Denials count together within this many seconds.
pub const DENIAL_WINDOW_SECONDS: u64 = 60;
/// Unanswered questions take a minute each, so they count together for longer.
const UNANSWERED_WINDOW_SECONDS: u64 = 600;
/// How long questions are then denied.
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

/// The start of a pause of [`COOL_DOWN_SECONDS`] in which questions are denied automatically. The person is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoolDown {
    pub caller: Caller,
    /// `None`: everything that this qube asks.
    pub purpose: Option<Box<DeniedPurpose>>,
}

#[derive(Debug)]
struct CountedEvent {
    purpose: DeniedPurpose,
    denial: CountedDenial,
    /// In seconds since boot.
    at: u64,
}

/// Recent denials of each qube; the qube that was last heard at the end.
#[derive(Debug, Default)]
pub(super) struct DenialCounter(Vec<(Caller, Vec<CountedEvent>)>);

impl DenialCounter {
    /// Counts one. What a cool-down is to begin for starts again at zero.
    pub(super) fn count(
        &mut self,
        caller: &Caller,
        purpose: &DeniedPurpose,
        denial: CountedDenial,
        now: Moment,
    ) -> Option<CoolDown> {
        let at = self.0.iter().position(|(known, _)| known == caller);
        let mut recent = at.map(|index| self.0.remove(index).1).unwrap_or_default();
        recent.retain(|counted| now.boot.saturating_sub(counted.at) < counted.denial.window());
        recent.push(CountedEvent {
            purpose: purpose.clone(),
            denial,
            at: now.boot,
        });
        let cool_down = |purpose| CoolDown {
            caller: caller.clone(),
            purpose,
        };
        let mut weights: HashMap<&DeniedPurpose, usize> = HashMap::new();
        for counted in &recent {
            *weights.entry(&counted.purpose).or_default() += counted.denial.weight();
        }
        // Each purpose counts once at most; a few that were only taken back count as nothing.
        let once = weights
            .values()
            .map(|weight| (*weight).min(WITHDRAWALS_FOR_ONE_DENIAL));
        if once.sum::<usize>() / WITHDRAWALS_FOR_ONE_DENIAL >= PURPOSES_UNTIL_COOL_DOWN {
            return Some(cool_down(None));
        }
        let most = DENIALS_UNTIL_COOL_DOWN * WITHDRAWALS_FOR_ONE_DENIAL;
        let is_too_many = weights.get(purpose).is_some_and(|weight| *weight >= most);
        if is_too_many {
            recent.retain(|counted| counted.purpose != *purpose);
        }
        if self.0.len() >= MAX_CALLERS {
            self.0.remove(0);
        }
        self.0.push((caller.clone(), recent));
        is_too_many.then(|| cool_down(Some(Box::new(purpose.clone()))))
    }

    pub(super) fn forget(&mut self, caller: &Caller) {
        self.0.retain(|(known, _)| known != caller);
    }
}
