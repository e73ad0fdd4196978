use super::*;
use crate::caller::Keyring;
use crate::facts::Proof;
use crate::question::Details;
use crate::question::tests::sample::{
    at, certificate, fingerprint, host, login, logins_that_differ_in_one_fact, raw, sshsig, sudo,
};

fn recall(
    remembered: &mut RememberedAnswers,
    subject: &Subject,
    second: u64,
) -> Option<RecalledAnswer> {
    remembered.recall(subject, subject.details.session_id(), at(second))
}

fn remembering(subject: &Subject, remember: Remember) -> Subject {
    Subject {
        remember,
        ..subject.clone()
    }
}

#[test]
fn a_yes_covers_what_equals_it_and_counts_its_uses() {
    let mut remembered = RememberedAnswers::default();
    let subject = login("work", "git", "github.com");
    let number = remembered.allow(&subject, 900, at(0)).unwrap();
    for second in [0, 1, 899] {
        assert_eq!(
            recall(&mut remembered, &subject, second),
            Some(RecalledAnswer::Approved(number))
        );
    }
    assert_eq!(remembered.list(at(899))[0].uses, 3);
    assert_eq!(recall(&mut remembered, &subject, 900), None);
    assert!(remembered.list(at(900)).is_empty());
}

#[test]
fn a_yes_covers_nothing_that_differs_in_one_shown_fact() {
    let (base, others) = logins_that_differ_in_one_fact();
    for (what, other) in others {
        let mut remembered = RememberedAnswers::default();
        remembered.allow(&base, 900, at(0)).unwrap();
        assert_eq!(recall(&mut remembered, &other, 1), None, "{what}");
        let mut remembered = RememberedAnswers::default();
        remembered.allow(&other, 900, at(0));
        assert_eq!(
            recall(&mut remembered, &base, 1),
            None,
            "{what}, the other way round"
        );
    }
    let mut remembered = RememberedAnswers::default();
    remembered
        .allow(&sshsig("work", "git", b"one"), 900, at(0))
        .unwrap();
    assert_eq!(
        recall(&mut remembered, &sshsig("work", "file", b"one"), 1),
        None
    );
    assert!(
        recall(&mut remembered, &sshsig("work", "git", b"two"), 1).is_some(),
        "any content"
    );
}

#[test]
fn some_kinds_leave_no_grant() {
    let mut forwarded = login("work", "git", "github.com");
    forwarded.facts.forwarded = true;
    let mut unproven = login("work", "git", "github.com");
    unproven.facts.proof = crate::facts::Proof::Unproven;
    let mut unnamed = login("work", "git", "github.com");
    unnamed.facts.host.as_mut().unwrap().names.clear();
    let mut labelled = unnamed.clone();
    labelled.facts.host.as_mut().unwrap().label = Some("staging".into());
    let mut revoked = login("work", "git", "github.com");
    revoked.facts.host.as_mut().unwrap().revocation = crate::facts::Revocation::Revoked;
    let all = [
        certificate("w"),
        sudo("w"),
        raw("w"),
        forwarded,
        unproven,
        unnamed,
        labelled,
        revoked,
    ];
    for subject in all {
        let mut remembered = RememberedAnswers::default();
        assert_eq!(remembered.allow(&subject, 900, at(0)), None, "{subject:?}");
        assert!(remembered.list(at(0)).is_empty());
    }
}

#[test]
fn whichever_clock_is_first_ends_it() {
    let subject = login("work", "git", "github.com");
    let suspended = Moment {
        boot: at(0).boot,
        ..at(901)
    };
    let set_back = Moment {
        unix: at(0).unix - 100,
        ..at(901)
    };
    for later in [suspended, set_back] {
        let mut remembered = RememberedAnswers::default();
        remembered.allow(&subject, 900, at(0));
        assert_eq!(remembered.recall(&subject, None, later), None);
    }
}

#[test]
fn a_rule_that_became_stricter_rules_over_an_old_yes() {
    let mut remembered = RememberedAnswers::default();
    let subject = login("work", "git", "github.com");
    remembered.allow(&subject, 900, at(0));
    let now = at(100);
    assert_eq!(
        remembered.recall(&remembering(&subject, Remember::Never), None, now),
        None
    );
    assert_eq!(
        remembered.recall(&remembering(&subject, Remember::UpTo(100)), None, now),
        None
    );
    assert!(
        remembered
            .recall(&remembering(&subject, Remember::UpTo(101)), None, now)
            .is_some()
    );
}

#[test]
fn one_denial_is_enough_for_a_login() {
    let mut remembered = RememberedAnswers::default();
    let mut subject = login("work", "git", "github.com");
    remembered.refuse_session(&subject.facts.caller, b"session", at(0));
    subject.facts.key.comment = b"next key".to_vec();
    assert_eq!(
        recall(&mut remembered, &subject, 1),
        Some(RecalledAnswer::Denied(DeniedBy::SameLogin))
    );
    subject.details = crate::question::Details::Login {
        session_id: b"next".to_vec(),
    };
    assert_eq!(recall(&mut remembered, &subject, 1), None);
    let other = login("other", "git", "github.com");
    assert_eq!(
        recall(&mut remembered, &other, 1),
        None,
        "no qube can refuse for another"
    );
}

#[test]
fn a_mute_ends_and_can_be_revoked() {
    let mut remembered = RememberedAnswers::default();
    let subject = login("work", "git", "github.com");
    let number = remembered.mute(&subject.facts.caller, at(0));
    assert_eq!(
        recall(&mut remembered, &subject, 299),
        Some(RecalledAnswer::Denied(DeniedBy::Muted))
    );
    assert_eq!(
        recall(&mut remembered, &login("other", "git", "github.com"), 1),
        None
    );
    assert!(remembered.revoke(number).is_some());
    assert!(remembered.revoke(number).is_none());
    assert_eq!(recall(&mut remembered, &subject, 1), None);
    remembered.mute(&subject.facts.caller, at(10));
    assert_eq!(recall(&mut remembered, &subject, 310), None);
}

#[test]
fn denials_in_a_row_cool_what_was_denied_down() {
    let work = login("work", "git", "github.com");
    let caller = work.facts.caller.clone();
    let denials = |times: &[(CountedDenial, u64)]| {
        let mut remembered = RememberedAnswers::default();
        let cooled = times
            .iter()
            .filter_map(|(no, second)| remembered.count_denial(&work.facts, *no, at(*second)));
        let cooled = cooled.count();
        (cooled, remembered)
    };
    let (cooled, mut remembered) = denials(&[
        (CountedDenial::Denied, 0),
        (CountedDenial::Denied, 20),
        (CountedDenial::Denied, 59),
    ]);
    assert_eq!(cooled, 1);
    assert_eq!(
        recall(&mut remembered, &work, 60),
        Some(RecalledAnswer::Denied(DeniedBy::CooledDown))
    );
    assert_eq!(recall(&mut remembered, &work, 59 + COOL_DOWN_SECONDS), None);
    assert_eq!(
        denials(&[
            (CountedDenial::Denied, 0),
            (CountedDenial::Denied, 20),
            (CountedDenial::Denied, 60)
        ])
        .0,
        0
    );
    assert_eq!(
        denials(&[
            (CountedDenial::Unanswered, 0),
            (CountedDenial::Unanswered, 61),
            (CountedDenial::Unanswered, 122)
        ])
        .0,
        1
    );
    assert_eq!(denials(&[(CountedDenial::Withdrawn, 0); 8]).0, 0);
    assert_eq!(denials(&[(CountedDenial::Withdrawn, 0); 9]).0, 1);

    let mut remembered = RememberedAnswers::default();
    for second in 0..2 {
        remembered.count_denial(&work.facts, CountedDenial::Denied, at(second));
    }
    remembered.count_approval(&caller);
    assert_eq!(
        remembered.count_denial(&work.facts, CountedDenial::Denied, at(3)),
        None,
        "a yes begins anew"
    );
}

/// A program's retries end its own questions; the qube's other questions are asked as before.
#[test]
fn what_was_denied_cools_down_and_nothing_else() {
    let root = login("work", "root", "github.com");
    let mut remembered = RememberedAnswers::default();
    for second in 0..3 {
        remembered.count_denial(&root.facts, CountedDenial::Denied, at(second));
    }
    assert_eq!(
        recall(&mut remembered, &root, 4),
        Some(RecalledAnswer::Denied(DeniedBy::CooledDown))
    );
    for other in [
        login("work", "git", "github.com"),
        login("work", "root", "gitlab.com"),
        login("other", "root", "github.com"),
    ] {
        assert_eq!(recall(&mut remembered, &other, 4), None);
    }
}

/// A qube that asks for one thing after another is not asked about for each.
#[test]
fn a_flood_of_different_things_cools_the_qube_down() {
    let users = ["a", "a", "b", "c"];
    let mut remembered = RememberedAnswers::default();
    let cooled: Vec<bool> = users
        .iter()
        .map(|user| {
            let denied = login("work", user, "github.com");
            let cooled = remembered.count_denial(&denied.facts, CountedDenial::Denied, at(0));
            cooled.is_some_and(|cooled| cooled.purpose.is_none())
        })
        .collect();
    assert_eq!(cooled, [false, false, false, true]);
    let never_asked = login("work", "git", "gitlab.com");
    assert_eq!(
        recall(&mut remembered, &never_asked, 1),
        Some(RecalledAnswer::Denied(DeniedBy::CooledDown))
    );
    let other = login("other", "git", "gitlab.com");
    assert_eq!(recall(&mut remembered, &other, 1), None);
}

#[test]
fn a_change_of_policy_ends_the_answers_to_what_it_decides_by_itself() {
    let mut remembered = RememberedAnswers::default();
    let subject = login("work", "git", "github.com");
    remembered.allow(&subject, 900, at(0));
    remembered.allow(&login("work", "root", "github.com"), 900, at(0));
    remembered.deny(&login("work", "root", "gitlab.com"), 900, at(0));
    remembered.deny(&login("work", "git", "gitlab.com"), 900, at(0));
    remembered.mute(&Caller::Qube("noisy".into()), at(0));
    let dropped = remembered.keep(|facts| facts.user.as_deref() != Some(b"root"));
    assert_eq!((dropped.len(), remembered.list(at(1)).len()), (2, 3));
    assert!(remembered.has_approvals(at(1)));
    assert_eq!(remembered.revoke_approvals().len(), 1);
    assert!(!remembered.has_approvals(at(1)), "a denial is no approval");
    assert_eq!(remembered.revoke_all().len(), 2);
}

/// What a question of every kind shows, each a small number. `session` is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    kind: usize,
    qube: usize,
    keyring: usize,
    key: usize,
    comment: usize,
    user: usize,
    host: usize,
    name: usize,
    proof: usize,
    forwarded: usize,
    sha1: usize,
    detail: usize,
}

impl Shown {
    fn random(random: &mut seeded::Random) -> Self {
        let kind = random.below(5);
        let is_login = kind == 0;
        let below = |random: &mut seeded::Random, end: usize, is_there: bool| match is_there {
            true => random.below(end),
            false => 0,
        };
        let proof = below(random, 3, is_login);
        let forwarded = below(random, 3, is_login);
        Self {
            kind,
            qube: random.below(2),
            keyring: random.below(2),
            key: random.below(2),
            comment: random.below(2),
            user: below(random, 2, is_login),
            host: below(random, 2, is_login && proof > 0),
            name: below(random, 2, is_login && proof > 0),
            proof,
            forwarded,
            sha1: random.below(2),
            detail: below(random, 2, !is_login),
        }
    }

    fn subject(self, session: u8) -> Subject {
        let detail = ["git", "file"][self.detail];
        let mut subject = match self.kind {
            0 => login("q", ["git", "root"][self.user], "h"),
            1 => sshsig("q", detail, &[session]),
            2 => certificate("q"),
            3 => sudo("q"),
            _ => raw("q"),
        };
        match &mut subject.details {
            Details::Login { session_id } => *session_id = vec![session],
            Details::Certificate(fields) => fields.key_id = detail.as_bytes().to_vec(),
            Details::Sudo { directory, .. } => *directory = detail.as_bytes().to_vec(),
            Details::Raw { sha256, .. } => sha256[0] = self.detail as u8,
            Details::Sshsig { .. } => {}
        }
        let facts = &mut subject.facts;
        facts.caller = Caller::Qube(["work", "home"][self.qube].into());
        facts.keyring = Keyring::from_argument(["a", "b"][self.keyring]).unwrap();
        facts.key.fingerprint = fingerprint(['K', 'L'][self.key]);
        facts.key.comment = ["one", "two"][self.comment].into();
        facts.sha1 = self.sha1 == 1;
        facts.proof = [Proof::Unproven, Proof::Bound, Proof::Proven][self.proof];
        facts.forwarded = self.forwarded > 0;
        subject.via = (1..self.forwarded).map(|_| host("hop")).collect();
        match &mut facts.host {
            Some(host) if self.proof > 0 => {
                host.fingerprint = fingerprint(['g', 'x'][self.host]);
                host.names = [vec![], vec!["h".to_owned()]][self.name].clone();
                // Not shown.
                host.possible_names = (0..session % 2).map(|_| "other".to_owned()).collect();
            }
            host => *host = None,
        }
        subject
    }
}

#[test]
fn a_denial_for_a_while_silences_exactly_the_requests_that_look_the_same() {
    let mut same = 0;
    let all = seeded::cases(20_000, |random| {
        let mut remembered = RememberedAnswers::default();
        let (denied, other) = match random.one_in(4) {
            true => {
                let denied = Shown::random(random);
                (denied, denied)
            }
            false => (Shown::random(random), Shown::random(random)),
        };
        let number = remembered.deny(&denied.subject(1), 3600, at(0));
        let expected =
            (denied == other).then_some(RecalledAnswer::Denied(DeniedBy::Earlier(number)));
        same += usize::from(denied == other);
        let subject = other.subject(2);
        assert_eq!(
            recall(&mut remembered, &subject, 3599),
            expected,
            "{denied:?} {other:?}"
        );
        assert_eq!(
            recall(&mut remembered, &other.subject(3), 3600),
            None,
            "it has ended"
        );
        let number = remembered.deny(&denied.subject(1), 3600, at(4000));
        let counted = remembered.list(at(4000)).len();
        assert_eq!((counted, remembered.revoke(number).is_some()), (1, true));
        assert_eq!(
            recall(&mut remembered, &other.subject(4), 4001),
            None,
            "it was revoked"
        );
    });
    assert!(!all || same > 1000, "{same}");
}

/// Whoever denies a login for a while means the next keys that the same ssh tries, too, as with a single denial.
#[test]
fn the_other_keys_of_a_login_that_is_denied_silently_ask_nothing() {
    let mut remembered = RememberedAnswers::default();
    let denied = login("work", "git", "github.com");
    remembered.deny(&denied, 900, at(0));
    let mut other_key = denied.clone();
    other_key.facts.key.fingerprint = fingerprint('L');
    assert_eq!(remembered.recall(&other_key, Some(b"new"), at(1)), None);
    assert!(remembered.recall(&denied, Some(b"new"), at(1)).is_some());
    assert_eq!(
        remembered.recall(&other_key, Some(b"new"), at(1)),
        Some(RecalledAnswer::Denied(DeniedBy::SameLogin))
    );
}

#[test]
fn the_last_answer_to_a_question_counts_alone() {
    let mut remembered = RememberedAnswers::default();
    let subject = login("work", "git", "github.com");
    remembered.deny(&subject, 900, at(0));
    let approval = remembered.allow(&subject, 900, at(1)).unwrap();
    assert_eq!(
        recall(&mut remembered, &subject, 2),
        Some(RecalledAnswer::Approved(approval))
    );
    let denial = remembered.deny(&subject, 900, at(3));
    assert_eq!(
        recall(&mut remembered, &subject, 4),
        Some(RecalledAnswer::Denied(DeniedBy::Earlier(denial)))
    );
    assert_eq!(remembered.list(at(4)).len(), 1);
}

#[test]
fn memory_is_bounded() {
    let mut remembered = RememberedAnswers::default();
    for number in 0..3000 {
        remembered.allow(
            &login("work", &format!("user{number}"), "github.com"),
            60 + number,
            at(0),
        );
        let facts = login(&format!("q{number}"), "git", "github.com").facts;
        remembered.refuse_session(&facts.caller, b"s", at(0));
        remembered.count_denial(&facts, CountedDenial::Denied, at(0));
    }
    assert_eq!(remembered.list(at(0)).len(), MAX_REMEMBERED);
    assert_eq!(remembered.refused_sessions.len(), MAX_REFUSED_SESSIONS);
    assert!(
        remembered
            .list(at(0))
            .iter()
            .all(|entry| entry.expiry.left(at(0)) >= 60 + 3000 - 1024)
    );
}
