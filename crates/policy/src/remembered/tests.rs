use super::*;
use crate::question::sample::{
    at, certificate, login, logins_that_differ_in_one_fact, raw, sshsig, sudo,
};

fn recall(
    remembered: &mut RememberedAnswers,
    subject: &Subject,
    second: u64,
) -> Option<RecalledAnswer> {
    remembered.recall(
        &subject.facts,
        subject.remember,
        subject.details.session_id(),
        at(second),
    )
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
        assert_eq!(
            remembered.recall(&subject.facts, subject.remember, None, later),
            None
        );
    }
}

#[test]
fn a_rule_that_became_stricter_rules_over_an_old_yes() {
    let mut remembered = RememberedAnswers::default();
    let subject = login("work", "git", "github.com");
    remembered.allow(&subject, 900, at(0));
    let now = at(100);
    assert_eq!(
        remembered.recall(&subject.facts, Remember::Never, None, now),
        None
    );
    assert_eq!(
        remembered.recall(&subject.facts, Remember::UpTo(100), None, now),
        None
    );
    assert!(
        remembered
            .recall(&subject.facts, Remember::UpTo(101), None, now)
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
        Some(RecalledAnswer::SameLogin)
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
        Some(RecalledAnswer::Muted)
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
        Some(RecalledAnswer::CooledDown)
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
        Some(RecalledAnswer::CooledDown)
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
        Some(RecalledAnswer::CooledDown)
    );
    let other = login("other", "git", "gitlab.com");
    assert_eq!(recall(&mut remembered, &other, 1), None);
}

#[test]
fn a_change_of_policy_drops_yeses_only() {
    let mut remembered = RememberedAnswers::default();
    let subject = login("work", "git", "github.com");
    remembered.allow(&subject, 900, at(0));
    remembered.allow(&login("work", "root", "github.com"), 900, at(0));
    remembered.mute(&Caller::Qube("noisy".into()), at(0));
    let dropped = remembered.keep(|scope| {
        !matches!(&scope.purpose, super::scope::Purpose::Login { user, .. } if user == b"root")
    });
    assert_eq!((dropped.len(), remembered.list(at(1)).len()), (1, 2));
    assert!(remembered.has_approvals(at(1)));
    assert_eq!(remembered.revoke_approvals().len(), 1);
    assert!(!remembered.has_approvals(at(1)), "a mute is no yes");
    assert_eq!(remembered.revoke_all().len(), 1);
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
