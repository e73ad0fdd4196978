//! The quiet gate: decides which key presses and clicks the window may hear, so that nobody allows
//! anything with a key or click that was meant for another window.
//!
//! Input counts only after a second of focus without any input. Each key press or click before
//! that starts the second anew; losing the focus closes the gate. Time is the X server's, stamped
//! on the events themselves: a prompt that was stalled finds old clicks in its queue and must not
//! take them for answers to a window that nobody could see yet. No toolkit and no clock in here.

/// How long the person must leave keyboard and mouse alone, in milliseconds. Qubes' dom0 dialog
/// and Firefox wait as long.
pub const QUIET_MS: u32 = 1000;

/// The X server's clock in milliseconds; starts anew every 49.7 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerTime(pub u32);

impl ServerTime {
    /// Milliseconds from `earlier` to `self`, negative if it is the other way round.
    fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32 // the same 32 bits; `cast_signed` came with Rust 1.87
    }

    fn is_after(self, earlier: Self) -> bool {
        self.since(earlier) > 0
    }

    fn latest(self, other: Self) -> Self {
        if self.is_after(other) { self } else { other }
    }
}

/// What to do with an input event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Pass,
    Drop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Another window has the focus.
    Away,
    /// In focus; quiet since then.
    Quiet(ServerTime),
    /// Quiet for long enough; the enabled buttons are being painted.
    Painting(ServerTime),
    /// The enabled buttons were on the screen at that time: input that is younger counts.
    Armed(ServerTime),
}

impl Gate {
    pub fn new() -> Self {
        Self::Away
    }

    pub fn is_armed(self) -> bool {
        matches!(self, Self::Armed(_))
    }

    /// Whether the person has left keyboard and mouse alone for long enough.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Painting(_) | Self::Armed(_))
    }

    pub fn focus_gained(&mut self, now: ServerTime) {
        *self = Self::Quiet(now);
    }

    pub fn focus_lost(&mut self) {
        *self = Self::Away;
    }

    /// The question changed: whoever answers must have had a quiet second with what it says now.
    pub fn restart(&mut self, now: ServerTime) {
        if *self != Self::Away {
            *self = Self::Quiet(now);
        }
    }

    /// A key press, click or touch that the server stamped with `at`.
    pub fn press(&mut self, at: ServerTime) -> Input {
        match *self {
            Self::Away => Input::Drop,
            Self::Armed(from) if at.is_after(from) => Input::Pass,
            Self::Quiet(last) | Self::Painting(last) | Self::Armed(last) => {
                *self = Self::Quiet(at.latest(last));
                Input::Drop
            }
        }
    }

    /// The end of a press. It starts nothing anew, and is heard only if a press would be.
    pub fn release(&self, at: ServerTime) -> Input {
        match *self {
            Self::Armed(from) if at.is_after(from) => Input::Pass,
            _ => Input::Drop,
        }
    }

    /// True once, when the quiet second is over: paint the enabled buttons, then call
    /// [`Gate::painted`].
    pub fn is_due(&mut self, now: ServerTime) -> bool {
        match *self {
            Self::Quiet(last) if now.since(last) >= QUIET_MS as i32 => {
                *self = Self::Painting(now);
                true
            }
            _ => false,
        }
    }

    /// The enabled buttons are on the screen. Only input after `now` counts.
    pub fn painted(&mut self, now: ServerTime) {
        if let Self::Painting(_) = self {
            *self = Self::Armed(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: ServerTime = ServerTime(u32::MAX - 500); // the clock starts anew within each test

    fn at(ms: u32) -> ServerTime {
        ServerTime(START.0.wrapping_add(ms))
    }

    fn armed() -> Gate {
        let mut gate = Gate::new();
        gate.focus_gained(at(0));
        assert!(gate.is_due(at(1000)));
        gate.painted(at(1020));
        gate
    }

    #[test]
    fn arms_after_a_quiet_second_of_focus() {
        let mut gate = Gate::new();
        assert!(!gate.is_due(at(9000)), "never without focus");
        gate.focus_gained(at(0));
        assert!(!gate.is_due(at(999)));
        assert!(gate.is_due(at(1000)));
        assert!(!gate.is_armed(), "not before the buttons are painted");
        gate.painted(at(1020));
        assert!(gate.is_armed());
        assert_eq!(gate.press(at(1021)), Input::Pass);
        assert_eq!(gate.release(at(1100)), Input::Pass);
    }

    #[test]
    fn each_press_starts_the_second_anew() {
        let mut gate = Gate::new();
        gate.focus_gained(at(0));
        for ms in (100..5000).step_by(900) {
            assert_eq!(gate.press(at(ms)), Input::Drop);
            assert_eq!(gate.release(at(ms + 50)), Input::Drop);
            assert!(!gate.is_due(at(ms + 899)));
        }
        assert!(gate.is_due(at(4600 + 1000)));
    }

    #[test]
    fn losing_the_focus_disarms() {
        let mut gate = armed();
        gate.focus_lost();
        assert_eq!(gate.press(at(1500)), Input::Drop);
        gate.focus_gained(at(2000));
        assert!(!gate.is_due(at(2999)));
        assert!(gate.is_due(at(3000)));
    }

    #[test]
    fn a_stalled_prompt_takes_no_click_from_before_the_paint() {
        let mut gate = Gate::new();
        gate.focus_gained(at(0));
        // Stopped from 100 ms to 3 s; clicks at 1.5 s and 2.9 s wait in the queue behind the timer.
        assert!(gate.is_due(at(3000)));
        gate.painted(at(3010));
        assert_eq!(gate.press(at(1500)), Input::Drop);
        assert!(!gate.is_armed());
        assert_eq!(gate.press(at(2900)), Input::Drop);
        assert!(
            !gate.is_due(at(3950)),
            "the second counts from what the prompt has seen"
        );
    }

    #[test]
    fn a_press_while_painting_and_one_of_the_same_millisecond_do_not_count() {
        let mut gate = Gate::new();
        gate.focus_gained(at(0));
        assert!(gate.is_due(at(1000)));
        assert_eq!(gate.press(at(1005)), Input::Drop);
        gate.painted(at(1020));
        assert!(!gate.is_armed());
        let mut gate = armed();
        assert_eq!(gate.press(at(1020)), Input::Drop);
    }

    #[test]
    fn a_changed_question_needs_its_own_second() {
        let mut gate = armed();
        gate.restart(at(1500));
        assert_eq!(gate.press(at(1600)), Input::Drop);
        gate.focus_lost();
        gate.restart(at(1700));
        assert!(!gate.is_due(at(9000)));
    }

    /// Whatever happens in whatever order: what passes was pressed in focus, and no other press,
    /// focus change or new question lay in the second before the gate was armed.
    #[test]
    fn nothing_passes_within_a_second_of_anything_else() {
        let mut passed = 0;
        let is_whole = seeded::cases(2_000, |values| {
            let mut random = |below: usize| values.below(below);
            let (mut gate, mut now) = (Gate::new(), 0);
            let (mut focus, mut disturbed, mut armed_from) = (false, 0, None);
            for _ in 0..60 {
                now += random(700) as u32;
                match random(12) {
                    0 => {
                        gate.focus_gained(at(now));
                        (focus, disturbed, armed_from) = (true, now, None);
                    }
                    1 => {
                        gate.focus_lost();
                        (focus, armed_from) = (false, None);
                    }
                    2 => {
                        gate.restart(at(now));
                        (disturbed, armed_from) = (now, None);
                    }
                    3 | 4 => {
                        let stamp = now - (random(2000) as u32).min(now);
                        if gate.press(at(stamp)) == Input::Pass {
                            passed += 1;
                            assert!(focus && armed_from.is_some_and(|from| stamp > from));
                        } else {
                            (disturbed, armed_from) = (disturbed.max(stamp), None);
                        }
                    }
                    _ => {
                        if gate.is_due(at(now)) {
                            assert!(focus && now - disturbed >= QUIET_MS);
                            now += random(50) as u32;
                            gate.painted(at(now));
                            armed_from = Some(now);
                        }
                    }
                }
                assert_eq!(gate.is_armed(), armed_from.is_some());
            }
        });
        assert!(
            !is_whole || passed > 100,
            "the walk must reach the case that it checks: {passed}"
        );
    }
}
