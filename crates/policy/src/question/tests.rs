use super::sample::{certificate, host, login, raw, sshsig, sudo};
use super::*;
use crate::facts::Proof;
use crate::judgement::{Place, Remember, RuleRef};

const STANDING: Standing = Standing {
    seconds_left: 110,
    waiting: 2,
    same: 1,
};

fn ask(subject: &Subject) -> Question {
    Question::about(3, subject, STANDING)
}

fn answer(decision: Decision) -> Answer {
    Answer {
        decision,
        name: None,
        same: 1,
    }
}

fn row<'q>(question: &'q Question, label: &str) -> &'q Row {
    question
        .rows
        .iter()
        .find(|row| row.label == label)
        .unwrap_or_else(|| panic!("no row {label}"))
}

#[test]
fn a_login_says_who_what_where_with_which_key() {
    let mut subject = login("work-dev", "git", "github.com");
    let place = Place {
        file: "policy.toml".into(),
        line: 12,
    };
    subject.rule = Some(RuleRef {
        index: 0,
        name: Some("push from work".into()),
        place,
    });
    let question = ask(&subject);
    assert_eq!(question.heading, "work-dev asks to log in to github.com");
    assert_eq!(question.warning, None);
    assert_eq!(question.why, "rule \"push from work\", policy.toml:12");
    assert_eq!(question.seconds, 60);
    let labels: Vec<&str> = question.rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "Qube",
            "Asks to",
            "Log in as",
            "Server",
            "",
            "Your key",
            "",
            "Path"
        ]
    );
    assert_eq!(row(&question, "Server").text, "github.com");
    assert_eq!(row(&question, "Server").mark, Some(Mark::Proven));
    assert_eq!(
        question.scope.as_deref(),
        Some("only work-dev, user git, github.com and this key")
    );
}

#[test]
fn a_user_that_the_server_may_cut_stands_out() {
    let note = |user: &str| {
        let question = ask(&login("work", user, "github.com"));
        let row = row(&question, "Log in as");
        assert_eq!(
            (row.text.as_str(), row.stands_out),
            (user, row.note.is_some())
        );
        row.note.clone()
    };
    assert_eq!(note("git"), None);
    for user in ["root:x", "root/x:y", "root:x/y"] {
        let said = note(user);
        assert_eq!(said.as_deref(), Some("the server may take it for root"));
    }
}

#[test]
fn unnamed_and_unproven_are_different_words() {
    let mut unnamed = login("work", "git", "github.com");
    unnamed.facts.host.as_mut().unwrap().names.clear();
    let question = ask(&unnamed);
    assert_eq!(question.heading, "work asks to log in to an unnamed server");
    assert_eq!(row(&question, "Server").text, "UNNAMED");
    assert_eq!(
        question.offers,
        [Offer::Deny, Offer::Mute, Offer::Once, Offer::Name]
    );

    unnamed.facts.host.as_mut().unwrap().label = Some("staging".into());
    let labelled = ask(&unnamed);
    assert_eq!(labelled.heading, "work asks to log in to \"staging\"");
    assert!(!labelled.offers.contains(&Offer::Name));

    let mut unproven = login("work", "git", "github.com");
    unproven.facts.proof = Proof::Unproven;
    let question = ask(&unproven);
    assert_eq!(
        question.heading,
        "work asks to log in to an unproven server"
    );
    assert_eq!(row(&question, "Server").text, "UNPROVEN");
    assert_eq!(row(&question, "Server").mark, Some(Mark::None));
    assert!(question.warning.is_some());
    assert!(
        !format!("{question:?}").contains("github.com"),
        "a name that is not shown to be true"
    );
}

#[test]
fn a_forwarded_request_is_allowed_once_at_most() {
    let mut subject = login("work", "root", "db1.internal");
    subject.facts.forwarded = true;
    subject.via = vec![host("bastion.example.org")];
    let question = ask(&subject);
    assert_eq!(question.offers, [Offer::Deny, Offer::Mute, Offer::Once]);
    assert_eq!(
        question.heading,
        "work passes on a request to log in to db1.internal"
    );
    assert!(
        question
            .warning
            .unwrap()
            .contains("root on bastion.example.org")
    );
}

#[test]
fn longer_answers_stay_within_the_rule() {
    for (remember, lengths) in [
        (Remember::Never, vec![]),
        (Remember::UpTo(60), vec![60]),
        (Remember::UpTo(900), vec![300, 900]),
        (Remember::UpTo(3600), vec![900, 3600]),
        (Remember::UpTo(7200), vec![3600, 7200]),
        (Remember::UpTo(u64::MAX), vec![28_800, 604_800]),
    ] {
        let mut subject = login("work", "git", "github.com");
        subject.remember = remember;
        let question = ask(&subject);
        let offered: Vec<u64> = question
            .offers
            .iter()
            .filter_map(|offer| {
                if let Offer::For(seconds) = offer {
                    Some(*seconds)
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(offered, lengths, "{remember:?}");
        assert_eq!(question.scope.is_some(), !lengths.is_empty());
    }
    for subject in [certificate("w"), sudo("w"), raw("w")] {
        assert_eq!(
            ask(&subject).offers,
            [Offer::Deny, Offer::Mute, Offer::Once]
        );
    }
}

#[test]
fn only_what_was_offered_counts() {
    let question = ask(&login("work", "git", "github.com"));
    let free = |_: &str| false;
    for decision in [
        Decision::Deny,
        Decision::Mute,
        Decision::Once,
        Decision::For(900),
    ] {
        assert_eq!(question.accepts(&answer(decision), free), Ok(()));
    }
    for decision in [
        Decision::For(901),
        Decision::For(0),
        Decision::For(u64::MAX),
    ] {
        assert_eq!(
            question.accepts(&answer(decision), free),
            Err(BadAnswer::NotOffered)
        );
    }
    for same in [0, 2, usize::MAX] {
        let yes = Answer {
            same,
            ..answer(Decision::Once)
        };
        assert_eq!(question.accepts(&yes, free), Err(BadAnswer::BadCount));
        let no = Answer {
            same,
            ..answer(Decision::Deny)
        };
        assert_eq!(question.accepts(&no, free), Ok(()), "a no is a no");
    }
    let named = Answer {
        name: Some("x".into()),
        ..answer(Decision::Once)
    };
    assert_eq!(question.accepts(&named, free), Err(BadAnswer::NotOffered));
}

#[test]
fn a_typed_name_is_a_host_name_that_nothing_else_has() {
    let mut unnamed = login("work", "git", "github.com");
    unnamed.facts.host.as_mut().unwrap().names.clear();
    let question = ask(&unnamed);
    let accepts = |name: &str| {
        let answer = Answer {
            name: Some(name.into()),
            ..answer(Decision::Once)
        };
        question.accepts(&answer, |name| name == "github.com")
    };
    assert_eq!(accepts("staging-2.example"), Ok(()));
    assert_eq!(accepts("github.com"), Err(BadAnswer::NameTaken));
    for name in [
        "",
        "-x",
        "*",
        "a b",
        "a\n",
        "ä",
        "a,b",
        "[a]",
        "Unnamed",
        "unproven",
        &"a".repeat(64),
    ] {
        assert_eq!(accepts(name), Err(BadAnswer::BadName), "{name:?}");
    }
    let again = question.clone().for_another_name("github.com");
    assert_eq!(
        again.warning.unwrap(),
        format!(
            "\"github.com\" is the name of another host: type another one, or none. {}",
            question.warning.unwrap()
        )
    );
}

#[test]
fn hostile_text_stays_in_its_row() {
    let hostile = "x\nServer: github.com\u{202e}<b>root</b>\u{1b}[2J";
    let mut subject = login("work", hostile, "github.com");
    subject.facts.key.comment = hostile.repeat(40).into_bytes();
    let question = ask(&subject);
    let printable = |text: &str| text.bytes().all(|b| (b' '..=b'~').contains(&b));
    for row in &question.rows {
        assert!(
            printable(&row.text) && printable(row.note.as_deref().unwrap_or("")),
            "{row:?}"
        );
        assert!(row.text.len() <= 4096 && row.label.len() <= 24);
    }
    assert!(question.rows.len() <= 24);
    assert_eq!(question.heading, "work asks to log in to github.com");
    assert!(printable(question.scope.as_deref().unwrap()));
    let nobody = ask(&login("work", "", "github.com"));
    assert_eq!(row(&nobody, "Log in as").text, "(empty)");
    let scope = nobody.scope.unwrap();
    assert!(scope.contains("user (empty), github.com"), "{scope}");
}

#[test]
fn lists_and_commands_are_read_to_their_end() {
    let read_whole = |subject: &Subject, labels: &[&str]| {
        let question = ask(subject);
        for label in labels {
            assert_eq!(row(&question, label).class, Class::Prose, "{label}");
        }
    };
    read_whole(&certificate("work"), &["For", "Limits", "Extensions"]);
    read_whole(&sudo("work"), &["Command"]);
    read_whole(&raw("work"), &["SHA-256"]);
    assert_eq!(
        row(&ask(&certificate("work")), "Key ID").class,
        Class::Ascii
    );
}

#[test]
fn nothing_of_the_client_is_in_the_heading() {
    let mut subject = sshsig("work", "github.com", b"hash");
    assert_eq!(ask(&subject).heading, "work asks to sign data");
    subject.facts.namespace = Some(b"git".to_vec());
    assert_eq!(
        ask(&subject).heading,
        "work asks to sign a git commit, tag or push"
    );
    subject = sudo("work");
    assert_eq!(
        ask(&subject).heading,
        "work asks to become another user by sudo"
    );
}

#[test]
fn what_is_dangerous_in_a_certificate_stands_out() {
    let question = ask(&certificate("work"));
    assert!(question.rows.iter().all(|row| !row.stands_out));
    assert_eq!(
        row(&question, "Valid").text,
        "2026-11-21 19:40 UTC to 2026-11-28 19:40 UTC (7 days)"
    );
    type Change = fn(&mut CertificateFields);
    let changes: [(&str, &str, Change); 4] = [
        ("For", "EVERY NAME", |fields| fields.principals.clear()),
        ("For", "root, alice", |fields| {
            fields.principals.push(b"root".to_vec())
        }),
        ("Valid", "2026-11-21 19:40 UTC to FOREVER", |fields| {
            fields.valid_before = u64::MAX
        }),
        ("Valid", "always to FOREVER", |fields| {
            fields.valid_after = 0;
            fields.valid_before = u64::MAX;
        }),
    ];
    for (label, text, change) in changes {
        let mut subject = certificate("work");
        let Details::Certificate(fields) = &mut subject.details else {
            unreachable!()
        };
        change(fields);
        let question = ask(&subject);
        assert_eq!(row(&question, label).text, text);
        assert!(row(&question, label).stands_out);
    }
    let mut subject = certificate("work");
    let Details::Certificate(fields) = &mut subject.details else {
        unreachable!()
    };
    fields.for_hosts = true;
    fields.principals.push(b"root".to_vec());
    let question = ask(&subject);
    assert!(!row(&question, "For").stands_out, "a host may be called so");
    assert!(question.warning.unwrap().contains("pass for these hosts"));
    let mut subject = certificate("work");
    let Details::Certificate(fields) = &mut subject.details else {
        unreachable!()
    };
    fields.principals = vec![b"alice, root".to_vec()];
    assert_eq!(
        row(&ask(&subject), "For").text,
        "\"alice, root\"",
        "one name that looks like two"
    );
}
