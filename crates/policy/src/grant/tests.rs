use super::*;
use crate::question::sample::{
    at, certificate, login, logins_that_differ_in_one_fact, raw, sshsig, sudo,
};

fn recall(grants: &mut Grants, asked: &Asked, second: u64) -> Option<Recalled> {
    grants.recall(
        &asked.facts,
        asked.remember,
        asked.details.session_id(),
        at(second),
    )
}

#[test]
fn a_yes_covers_what_equals_it_and_counts_its_uses() {
    let mut grants = Grants::default();
    let asked = login("work", "git", "github.com");
    let number = grants.allow(&asked, 900, at(0)).unwrap();
    for second in [0, 1, 899] {
        assert_eq!(
            recall(&mut grants, &asked, second),
            Some(Recalled::Allowed(number))
        );
    }
    assert_eq!(grants.list(at(899))[0].uses, 3);
    assert_eq!(recall(&mut grants, &asked, 900), None);
    assert!(grants.list(at(900)).is_empty());
}

#[test]
fn a_yes_covers_nothing_that_differs_in_one_shown_fact() {
    let (base, others) = logins_that_differ_in_one_fact();
    for (what, other) in others {
        let mut grants = Grants::default();
        grants.allow(&base, 900, at(0)).unwrap();
        assert_eq!(recall(&mut grants, &other, 1), None, "{what}");
        let mut grants = Grants::default();
        grants.allow(&other, 900, at(0));
        assert_eq!(
            recall(&mut grants, &base, 1),
            None,
            "{what}, the other way round"
        );
    }
    let mut grants = Grants::default();
    grants
        .allow(&sshsig("work", "git", b"one"), 900, at(0))
        .unwrap();
    assert_eq!(
        recall(&mut grants, &sshsig("work", "file", b"one"), 1),
        None
    );
    assert!(
        recall(&mut grants, &sshsig("work", "git", b"two"), 1).is_some(),
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
    revoked.facts.host.as_mut().unwrap().revoked = true;
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
    for asked in all {
        let mut grants = Grants::default();
        assert_eq!(grants.allow(&asked, 900, at(0)), None, "{asked:?}");
        assert!(grants.list(at(0)).is_empty());
    }
}

#[test]
fn whichever_clock_is_first_ends_it() {
    let asked = login("work", "git", "github.com");
    let suspended = Moment {
        boot: at(0).boot,
        ..at(901)
    };
    let set_back = Moment {
        unix: at(0).unix - 100,
        ..at(901)
    };
    for later in [suspended, set_back] {
        let mut grants = Grants::default();
        grants.allow(&asked, 900, at(0));
        assert_eq!(
            grants.recall(&asked.facts, asked.remember, None, later),
            None
        );
    }
}

#[test]
fn a_rule_that_became_stricter_rules_over_an_old_yes() {
    let mut grants = Grants::default();
    let asked = login("work", "git", "github.com");
    grants.allow(&asked, 900, at(0));
    let now = at(100);
    assert_eq!(
        grants.recall(&asked.facts, Remember::Never, None, now),
        None
    );
    assert_eq!(
        grants.recall(&asked.facts, Remember::UpTo(100), None, now),
        None
    );
    assert!(
        grants
            .recall(&asked.facts, Remember::UpTo(101), None, now)
            .is_some()
    );
}

#[test]
fn one_no_is_one_no_for_a_login() {
    let mut grants = Grants::default();
    let mut asked = login("work", "git", "github.com");
    grants.refuse_session(&asked.facts.caller, b"session", at(0));
    asked.facts.key.comment = b"next key".to_vec();
    assert_eq!(recall(&mut grants, &asked, 1), Some(Recalled::SameLogin));
    asked.details = crate::question::Details::Login {
        session_id: b"next".to_vec(),
    };
    assert_eq!(recall(&mut grants, &asked, 1), None);
    let other = login("other", "git", "github.com");
    assert_eq!(
        recall(&mut grants, &other, 1),
        None,
        "no qube can refuse for another"
    );
}

#[test]
fn a_mute_ends_and_can_be_revoked() {
    let mut grants = Grants::default();
    let asked = login("work", "git", "github.com");
    let number = grants.mute(&asked.facts.caller, at(0));
    assert_eq!(recall(&mut grants, &asked, 299), Some(Recalled::Muted));
    assert_eq!(
        recall(&mut grants, &login("other", "git", "github.com"), 1),
        None
    );
    assert!(grants.revoke(number).is_some());
    assert!(grants.revoke(number).is_none());
    assert_eq!(recall(&mut grants, &asked, 1), None);
    grants.mute(&asked.facts.caller, at(10));
    assert_eq!(recall(&mut grants, &asked, 310), None);
}

#[test]
fn noes_in_a_row_cool_a_qube_down() {
    let work = login("work", "git", "github.com");
    let caller = work.facts.caller.clone();
    let noes = |times: &[(No, u64)]| {
        let mut grants = Grants::default();
        let cooled = times
            .iter()
            .filter_map(|(no, second)| grants.count_no(&caller, *no, at(*second)));
        let cooled = cooled.count();
        (cooled, grants)
    };
    let (cooled, mut grants) = noes(&[(No::Denied, 0), (No::Denied, 20), (No::Denied, 59)]);
    assert_eq!(cooled, 1);
    assert_eq!(recall(&mut grants, &work, 60), Some(Recalled::CooledDown));
    assert_eq!(recall(&mut grants, &work, 59 + COOL_DOWN_SECONDS), None);
    assert_eq!(
        noes(&[(No::Denied, 0), (No::Denied, 20), (No::Denied, 60)]).0,
        0
    );
    assert_eq!(
        noes(&[
            (No::Unanswered, 0),
            (No::Unanswered, 61),
            (No::Unanswered, 122)
        ])
        .0,
        1
    );
    assert_eq!(noes(&[(No::TakenBack, 0); 8]).0, 0);
    assert_eq!(noes(&[(No::TakenBack, 0); 9]).0, 1);

    let mut grants = Grants::default();
    for second in 0..2 {
        grants.count_no(&caller, No::Denied, at(second));
    }
    grants.count_yes(&caller);
    assert_eq!(
        grants.count_no(&caller, No::Denied, at(3)),
        None,
        "a yes begins anew"
    );
}

#[test]
fn a_change_of_policy_drops_yeses_only() {
    let mut grants = Grants::default();
    let asked = login("work", "git", "github.com");
    grants.allow(&asked, 900, at(0));
    grants.allow(&login("work", "root", "github.com"), 900, at(0));
    grants.mute(&Caller::Qube("noisy".into()), at(0));
    let dropped = grants.keep(|scope| {
        !matches!(&scope.purpose, super::scope::Purpose::Login { user, .. } if user == b"root")
    });
    assert_eq!((dropped.len(), grants.list(at(1)).len()), (1, 2));
    assert!(grants.has_allowed(at(1)));
    assert_eq!(grants.revoke_allowed().len(), 1);
    assert!(!grants.has_allowed(at(1)), "a mute is no yes");
    assert_eq!(grants.revoke_all().len(), 1);
}

#[test]
fn memory_is_bounded() {
    let mut grants = Grants::default();
    for number in 0..3000 {
        grants.allow(
            &login("work", &format!("user{number}"), "github.com"),
            60 + number,
            at(0),
        );
        let caller = Caller::Qube(format!("q{number}"));
        grants.refuse_session(&caller, b"s", at(0));
        grants.count_no(&caller, No::Denied, at(0));
    }
    assert_eq!(grants.list(at(0)).len(), MAX_GRANTS);
    assert_eq!(grants.refused_sessions.len(), MAX_REFUSED_SESSIONS);
    assert!(
        grants
            .list(at(0))
            .iter()
            .all(|grant| grant.ends.left(at(0)) >= 60 + 3000 - 1024)
    );
}
