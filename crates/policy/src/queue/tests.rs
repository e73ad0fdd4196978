use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::caller::Caller;
use crate::question::tests::sample::{
    at, certificate, login, logins_that_differ_in_one_fact, raw, sshsig, sudo,
};
use crate::question::{Details, SECONDS_FROM_ARRIVAL};

#[derive(Default)]
struct Desk {
    queue: QuestionQueue,
}

impl Desk {
    fn enqueue(&mut self, subject: Subject, second: u64) -> (Ticket, Vec<Action>) {
        self.queue.enqueue(Inquiry::in_tests(subject), at(second))
    }

    fn shown(&mut self, id: QuestionId, second: u64) {
        self.queue.shown(id, at(second));
    }

    fn say(&mut self, id: QuestionId, decision: Decision, second: u64) -> Vec<Action> {
        let same = self
            .queue
            .question(id, at(second))
            .map_or(1, |question| question.same);
        self.say_for(id, decision, same, second)
    }

    fn say_for(
        &mut self,
        id: QuestionId,
        decision: Decision,
        same: usize,
        second: u64,
    ) -> Vec<Action> {
        let answer = Answer {
            decision,
            name: None,
            trust: false,
            same,
        };
        let taken = |_: &str| false;
        match self.queue.answer(id, &answer, taken, at(second)) {
            Ok(actions) => actions,
            Err(AnswerError::NotWaiting) => Vec::new(),
            Err(AnswerError::Bad(why)) => {
                let why = DeniedBy::BadAnswer(why);
                self.queue.end_unanswered(id, &why, at(second))
            }
        }
    }

    fn client_disconnected(&mut self, ticket: Ticket, second: u64) -> Vec<Action> {
        self.queue.client_disconnected(ticket, at(second))
    }

    fn tick(&mut self, second: u64) -> Vec<Action> {
        self.queue.tick(at(second))
    }
}

fn asks(actions: &[Action]) -> bool {
    !actions
        .iter()
        .any(|action| matches!(action, Action::Resolve(..)))
}

fn allowed(actions: &[Action]) -> Vec<Ticket> {
    let tickets = actions.iter().filter_map(|action| match action {
        Action::Resolve(ticket, Resolution::Allowed { .. }) => Some(*ticket),
        _ => None,
    });
    tickets.collect()
}

fn refused(actions: &[Action]) -> Vec<(Ticket, DeniedBy)> {
    let tickets = actions.iter().filter_map(|action| match action {
        Action::Resolve(ticket, Resolution::Denied(by)) => Some((*ticket, by.clone())),
        _ => None,
    });
    tickets.collect()
}

fn shows(actions: &[Action]) -> Vec<QuestionId> {
    let shown = actions.iter().filter_map(|action| match action {
        Action::Show(id) => Some(*id),
        _ => None,
    });
    shown.collect()
}

/// A login on a session of its own.
fn login_on(session: u64, qube: &str, host: &str) -> Subject {
    let session_id = session.to_be_bytes().to_vec();
    Subject {
        details: Details::Login { session_id },
        ..login(qube, "git", host)
    }
}

#[test]
fn requests_that_differ_in_one_shown_fact_are_asked_about_apart() {
    let (base, others) = logins_that_differ_in_one_fact();
    for (what, other) in others {
        let mut desk = Desk::default();
        desk.enqueue(base.clone(), 0);
        desk.enqueue(other.clone(), 0);
        assert_eq!(
            desk.queue.pending(at(0)).len(),
            2,
            "{what}, at the same time"
        );

        for (first, second) in [(&base, &other), (&other, &base)] {
            let mut desk = Desk::default();
            desk.enqueue(first.clone(), 0);
            let decision = match desk
                .queue
                .question(1, at(0))
                .unwrap()
                .offers
                .contains(&Decision::AllowFor(900))
            {
                true => Decision::AllowFor(900),
                false => Decision::AllowOnce,
            };
            assert_eq!(allowed(&desk.say(1, decision, 1)).len(), 1);
            assert!(
                asks(&desk.enqueue(second.clone(), 2).1),
                "{what}, after a yes for longer"
            );
        }
    }
    let mut desk = Desk::default();
    for subject in [
        sshsig("work", "git", b"one"),
        sshsig("work", "git", b"two"),
        sshsig("work", "file", b"one"),
    ] {
        desk.enqueue(subject, 0);
    }
    assert_eq!(
        desk.queue.pending(at(0)).len(),
        3,
        "content and namespace are shown"
    );
}

#[test]
fn fifty_logins_to_one_host_are_one_question() {
    let mut desk = Desk::default();
    let (first, actions) = desk.enqueue(login_on(0, "work", "github.com"), 0);
    assert_eq!(actions, [Action::Show(1)]);
    let mut tickets = vec![first];
    for session in 1..50 {
        let (ticket, actions) = desk.enqueue(login_on(session, "work", "github.com"), 1);
        assert_eq!(actions, [Action::UpdateCounts(1)]);
        tickets.push(ticket);
    }
    assert_eq!(desk.queue.question(1, at(1)).unwrap().same, 50);
    let actions = desk.say(1, Decision::AllowOnce, 2);
    assert_eq!(allowed(&actions), tickets);
    assert!(desk.queue.pending(at(2)).is_empty());
    assert!(
        asks(&desk.enqueue(login_on(50, "work", "github.com"), 3).1),
        "once is once"
    );
}

#[test]
fn who_joined_unseen_is_asked_about_anew() {
    let mut desk = Desk::default();
    let (first, _) = desk.enqueue(login_on(1, "work", "github.com"), 0);
    let (late, _) = desk.enqueue(login_on(2, "work", "github.com"), 1);
    let actions = desk.say_for(1, Decision::AllowOnce, 1, 2);
    assert_eq!(allowed(&actions), [first]);
    assert_eq!(shows(&actions), [2], "under a new id");
    assert!(
        desk.say_for(1, Decision::AllowOnce, 2, 2).is_empty(),
        "the old id is dead"
    );
    assert_eq!(allowed(&desk.say(2, Decision::AllowOnce, 3)), [late]);
}

#[test]
fn who_left_is_not_replaced_unseen() {
    let mut desk = Desk::default();
    desk.enqueue(login_on(1, "work", "github.com"), 0);
    let (leaver, _) = desk.enqueue(login_on(2, "work", "github.com"), 0);
    desk.client_disconnected(leaver, 1);
    let (unseen, _) = desk.enqueue(login_on(3, "work", "github.com"), 1);
    let actions = desk.say_for(1, Decision::AllowOnce, 2, 2);
    assert!(!allowed(&actions).contains(&unseen));
}

#[test]
fn fifty_hosts_are_fifty_questions_in_one_window() {
    let mut desk = Desk::default();
    for host in 0..50_u8 {
        let mut subject = login_on(host.into(), "work", "github.com");
        let named = subject.facts.host.as_mut().unwrap();
        named.names = vec![format!("host{host}")];
        named.fingerprint.0 = format!("SHA256:{host}");
        let (_, actions) = desk.enqueue(subject, 0);
        assert_eq!(shows(&actions).len(), usize::from(host == 0));
    }
    assert_eq!(desk.queue.pending(at(0)).len(), LISTED_PER_CALLER);
    let mut questions = 0;
    let mut showing = vec![1];
    while let Some(id) = showing.pop() {
        questions += 1;
        let actions = desk.say(id, Decision::AllowFor(900), 1);
        assert_eq!(allowed(&actions).len(), 1);
        showing = shows(&actions);
        assert!(showing.len() <= 1);
    }
    assert_eq!(questions, 50);
}

#[test]
fn kinds_that_leave_no_grant_never_share() {
    let mut forwarded = login("work", "git", "github.com");
    forwarded.facts.forwarded = true;
    for subject in [certificate("work"), sudo("work"), raw("work"), forwarded] {
        let mut desk = Desk::default();
        desk.enqueue(subject.clone(), 0);
        desk.enqueue(subject, 0);
        assert_eq!(desk.queue.pending(at(0)).len(), 2);
    }
}

#[test]
fn a_yes_for_longer_serves_what_else_it_covers() {
    let mut desk = Desk::default();
    let (first, _) = desk.enqueue(sshsig("work", "git", b"one"), 0);
    let (second, _) = desk.enqueue(sshsig("work", "git", b"two"), 0);
    let (other, _) = desk.enqueue(sshsig("work", "file", b"two"), 0);
    let actions = desk.say(1, Decision::AllowFor(900), 1);
    assert_eq!(allowed(&actions), [first, second]);
    assert_eq!(shows(&actions), [3]);
    assert_eq!(allowed(&desk.say(3, Decision::AllowOnce, 2)), [other]);
}

#[test]
fn one_denial_is_enough_for_a_login() {
    let mut desk = Desk::default();
    let first = login_on(1, "work", "github.com");
    let mut second = first.clone();
    second.facts.key.fingerprint.0 = "SHA256:second".into();
    let (denied, _) = desk.enqueue(first, 0);
    let actions = desk.say(1, Decision::DenyOnce, 1);
    assert_eq!(refused(&actions), [(denied, DeniedBy::Answer)]);
    let (next_key, actions) = desk.enqueue(second, 2);
    assert_eq!(refused(&actions), [(next_key, DeniedBy::SameLogin)]);
    assert!(
        asks(&desk.enqueue(login_on(2, "work", "github.com"), 3).1),
        "the next try is subject about"
    );
}

#[test]
fn a_mute_silences_one_qube() {
    let mut desk = Desk::default();
    desk.enqueue(login_on(1, "noisy", "github.com"), 0);
    let (waiting, _) = desk.enqueue(login_on(2, "noisy", "gitlab.com"), 0);
    let (other, _) = desk.enqueue(login_on(3, "quiet", "github.com"), 0);
    let actions = desk.say(1, Decision::Mute, 1);
    assert!(refused(&actions).contains(&(waiting, DeniedBy::Muted)));
    assert_eq!(shows(&actions).len(), 1);
    assert_eq!(allowed(&desk.say(3, Decision::AllowOnce, 2)), [other]);
    let (ticket, actions) = desk.enqueue(login_on(4, "noisy", "github.com"), 300);
    assert_eq!(refused(&actions), [(ticket, DeniedBy::Muted)]);
    assert!(asks(
        &desk.enqueue(login_on(5, "noisy", "github.com"), 301).1
    ));
}

#[test]
fn three_denials_answer_the_rest() {
    let mut desk = Desk::default();
    for session in 0..10 {
        desk.enqueue(
            login_on(
                session,
                "noisy",
                &format!("{}.example", (b'a' + session as u8) as char),
            ),
            0,
        );
    }
    desk.say(1, Decision::DenyOnce, 1);
    desk.say(2, Decision::DenyOnce, 2);
    let actions = desk.say(3, Decision::DenyOnce, 3);
    assert_eq!(
        refused(&actions)
            .iter()
            .filter(|(_, by)| *by == DeniedBy::CooledDown)
            .count(),
        7
    );
    let notices = actions
        .iter()
        .filter(|action| matches!(action, Action::Notice(_)));
    assert_eq!(notices.count(), 1);
    assert!(desk.queue.pending(at(4)).is_empty());
}

/// A daemon that asks again each time is not asked about for ever, also while another question has the window.
#[test]
fn questions_that_end_in_line_count_as_unanswered() {
    let mut desk = Desk::default();
    let step = SECONDS_FROM_ARRIVAL + 1;
    for round in 0..3 {
        let now = step * round;
        desk.enqueue(login_on(2 * round, "work", "github.com"), now);
        let (ticket, _) = desk.enqueue(login_on(2 * round + 1, "daemon", "mirror.example"), now);
        let ended = refused(&desk.tick(now + SECONDS_FROM_ARRIVAL));
        assert!(ended.contains(&(ticket, DeniedBy::Nobody)), "round {round}");
    }
    let (ticket, actions) = desk.enqueue(login_on(7, "daemon", "mirror.example"), 3 * step);
    assert_eq!(refused(&actions), [(ticket, DeniedBy::CooledDown)]);
    let (_, actions) = desk.enqueue(login_on(8, "daemon", "other.example"), 3 * step);
    assert!(refused(&actions).is_empty(), "other things are asked about");
}

#[test]
fn time_runs_from_arrival_and_from_display() {
    let mut desk = Desk::default();
    let (ticket, _) = desk.enqueue(login_on(1, "work", "github.com"), 0);
    desk.shown(1, 10);
    desk.shown(1, 50);
    assert!(desk.tick(69).is_empty());
    // A second look does not begin its time again.
    assert_eq!(refused(&desk.tick(70)), [(ticket, DeniedBy::Nobody)]);

    let (unseen, _) = desk.enqueue(login_on(2, "work", "github.com"), 200);
    assert!(desk.tick(309).is_empty());
    assert_eq!(refused(&desk.tick(310)), [(unseen, DeniedBy::Nobody)]);

    let (seen_late, _) = desk.enqueue(login_on(3, "work", "github.com"), 400);
    desk.shown(3, 490);
    assert_eq!(desk.queue.question(3, at(490)).unwrap().seconds, 20);
    let too_late = desk.say(3, Decision::AllowOnce, 510);
    assert!(allowed(&too_late).is_empty());
    assert_eq!(refused(&desk.tick(510)), [(seen_late, DeniedBy::Nobody)]);
}

#[test]
fn a_login_is_allowed_at_second_fifty() {
    let mut desk = Desk::default();
    let (ticket, _) = desk.enqueue(login_on(1, "work", "github.com"), 0);
    desk.shown(1, 0);
    assert!(desk.tick(50).is_empty());
    assert_eq!(allowed(&desk.say(1, Decision::AllowOnce, 50)), [ticket]);
}

#[test]
fn a_client_that_hangs_up_takes_its_question_along() {
    let mut desk = Desk::default();
    let (ticket, _) = desk.enqueue(login_on(1, "work", "github.com"), 0);
    let (next, _) = desk.enqueue(login_on(2, "work", "gitlab.com"), 0);
    let actions = desk.client_disconnected(ticket, 1);
    assert_eq!(actions, [Action::Close(1), Action::Show(2)]);
    assert!(desk.say(1, Decision::AllowOnce, 2).is_empty());
    assert_eq!(allowed(&desk.say(2, Decision::AllowOnce, 2)), [next]);
}

#[test]
fn a_qube_that_keeps_taking_its_questions_back_is_cooled_down() {
    let mut desk = Desk::default();
    for session in 0..9 {
        let (ticket, actions) = desk.enqueue(login_on(session, "flashy", "github.com"), 0);
        assert!(asks(&actions));
        desk.client_disconnected(ticket, 0);
    }
    let (ticket, actions) = desk.enqueue(login_on(9, "flashy", "github.com"), 1);
    assert_eq!(refused(&actions), [(ticket, DeniedBy::CooledDown)]);
}

#[test]
fn answers_that_do_not_count_are_a_no_from_a_prompter_and_nothing_from_a_terminal() {
    let mut desk = Desk::default();
    let (ticket, _) = desk.enqueue(login_on(1, "work", "github.com"), 0);
    let answer = Answer {
        decision: Decision::AllowFor(7),
        name: None,
        trust: false,
        same: 1,
    };
    let typed = desk.queue.answer(1, &answer, |_| false, at(1));
    assert_eq!(typed, Err(AnswerError::Bad(BadAnswer::NotOffered)));
    let actions = desk.say(1, Decision::AllowFor(7), 1);
    assert_eq!(
        refused(&actions),
        [(ticket, DeniedBy::BadAnswer(BadAnswer::NotOffered))]
    );
}

#[test]
fn a_prompter_that_fails_is_a_no() {
    let mut desk = Desk::default();
    let (ticket, _) = desk.enqueue(login_on(1, "work", "github.com"), 0);
    let killed = DeniedBy::PrompterFailed("killed".into());
    let actions = desk.queue.end_unanswered(1, &killed, at(1));
    assert_eq!(
        refused(&actions),
        [(ticket, DeniedBy::PrompterFailed("killed".into()))]
    );
    assert!(
        asks(&desk.enqueue(login_on(2, "work", "github.com"), 2).1),
        "and no cool-down of its own"
    );
}

#[test]
fn a_qube_may_have_so_many_requests_waiting_and_others_do_not_mind() {
    let mut desk = Desk::default();
    for session in 0..MAX_REQUESTS_PER_CALLER as u64 {
        assert!(asks(
            &desk.enqueue(login_on(session, "noisy", "github.com"), 0).1
        ));
    }
    let (ticket, actions) = desk.enqueue(login_on(99, "noisy", "github.com"), 0);
    assert_eq!(refused(&actions), [(ticket, DeniedBy::TooMany)]);
    assert!(asks(&desk.enqueue(login_on(1, "quiet", "github.com"), 0).1));
}

#[test]
fn qubes_take_turns_however_many_questions_one_has() {
    let mut desk = Desk::default();
    for session in 0..20 {
        desk.enqueue(
            Subject {
                facts: certificate("noisy").facts,
                ..certificate("noisy")
            },
            session,
        );
    }
    let (quiet, _) = desk.enqueue(login_on(1, "quiet", "github.com"), 20);
    let next = shows(&desk.say(1, Decision::AllowOnce, 21));
    assert_eq!(
        desk.queue.subject(next[0]).unwrap().facts.caller,
        Caller::Qube("quiet".into())
    );
    assert_eq!(
        allowed(&desk.say(next[0], Decision::AllowOnce, 22)),
        [quiet]
    );
}

#[test]
fn a_change_of_policy_settles_what_it_no_longer_asks() {
    let mut desk = Desk::default();
    let (ticket, _) = desk.enqueue(login_on(1, "work", "github.com"), 0);
    desk.enqueue(login_on(2, "home", "github.com"), 0);
    let still_asks = |subject: &Subject| subject.facts.caller == Caller::Qube("home".into());
    let actions = desk.queue.reconsider(still_asks, at(1));
    assert_eq!(refused(&actions), [(ticket, DeniedBy::Stopped)]);
    assert_eq!(shows(&actions), [2]);
    assert_eq!(refused(&desk.queue.stop(at(1))).len(), 1);
}

/// Plays the shell: every ticket resolved at most once, never two dialogs.
#[derive(Default)]
struct Shell {
    open: BTreeSet<Ticket>,
    dialog: Option<QuestionId>,
    /// Dialogs begun while this qube had something waiting.
    passed_over: BTreeMap<Caller, usize>,
}

impl Shell {
    fn obey(&mut self, desk: &Desk, actions: Vec<Action>, new: Option<Ticket>) {
        self.open.extend(new);
        for action in actions {
            match action {
                Action::Resolve(ticket, _) => {
                    assert!(
                        self.open.remove(&ticket),
                        "{ticket} is resolved twice or unasked"
                    );
                }
                Action::Show(id) => {
                    assert_eq!(self.dialog.replace(id), None, "two dialogs");
                    let shown = &desk.queue.subject(id).unwrap().facts.caller;
                    self.passed_over.remove(shown);
                    for waiting in desk
                        .queue
                        .queued
                        .questions
                        .iter()
                        .filter(|w| w.caller() != shown)
                    {
                        self.passed_over
                            .entry(waiting.caller().clone())
                            .or_default();
                    }
                    for count in self.passed_over.values_mut() {
                        *count += 1;
                        assert!(
                            *count <= 4,
                            "one of four qubes waits for more than four dialogs"
                        );
                    }
                }
                Action::Close(id) => assert_eq!(self.dialog.take(), Some(id)),
                Action::UpdateCounts(id) => assert_eq!(self.dialog, Some(id)),
                Action::Notice(_) => {}
            }
        }
        self.passed_over
            .retain(|caller, _| desk.queue.queued.requests_of(caller) > 0);
    }
}

#[test]
fn whatever_happens_every_request_is_resolved_once_in_one_dialog_at_a_time() {
    seeded::cases(100, |random| {
        let mut below = |end: u64| random.below(end as usize) as u64;
        let (mut desk, mut shell, mut second) = (Desk::default(), Shell::default(), 0);
        for step in 0..400 {
            second += below(4) * below(8);
            let (mut new, mut actions) = (None, Vec::new());
            match below(10) {
                0..=4 => {
                    let qube = ["a", "b", "c", "d"][below(4) as usize];
                    let host = ["github.com", "lab"][below(2) as usize];
                    let subject = match below(6) {
                        0 => certificate(qube),
                        1 => sshsig(qube, "git", &[below(3) as u8]),
                        2 => raw(qube),
                        _ => login_on(below(40), qube, host),
                    };
                    let (ticket, arrived) = desk.enqueue(subject, second);
                    (new, actions) = (Some(ticket), arrived);
                }
                5 => {
                    let nth = below(shell.open.len() as u64 + 1) as usize;
                    if let Some(ticket) = shell.open.iter().nth(nth).copied() {
                        shell.open.remove(&ticket);
                        actions = desk.client_disconnected(ticket, second);
                    }
                }
                6 => actions = desk.tick(second),
                7 => drop(shell.dialog.map(|id| desk.shown(id, second))),
                8 => {
                    // A terminal answers any question, also one that is over.
                    let id = below(desk.queue.queued.last_id + 2);
                    actions = desk.say_for(id, Decision::AllowOnce, below(4) as usize, second);
                }
                _ => {
                    if let Some(id) = shell.dialog {
                        let decision = match below(6) {
                            0 => Decision::DenyOnce,
                            1 => Decision::Mute,
                            2 => Decision::AllowFor(900),
                            3 => Decision::AllowFor(17),
                            _ => Decision::AllowOnce,
                        };
                        actions = desk.say(id, decision, second);
                    }
                }
            }
            shell.obey(&desk, actions, new);
            assert_eq!(shell.dialog, desk.queue.window, "step {step}");
            let waiting: usize = desk
                .queue
                .queued
                .questions
                .iter()
                .map(|w| w.requests.len())
                .sum();
            assert_eq!(waiting, shell.open.len(), "step {step}");
            assert_eq!(shell.dialog.is_some(), waiting > 0);
        }
        for _ in 0..SECONDS_FROM_ARRIVAL {
            second += 1;
            let actions = desk.tick(second);
            shell.obey(&desk, actions, None);
        }
        assert!(shell.open.is_empty() && shell.dialog.is_none());
    });
}
