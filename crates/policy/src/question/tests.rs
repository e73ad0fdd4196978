pub(crate) mod sample;

use self::sample::{certificate, host, login, raw, sshsig, sudo};
use super::*;
use crate::caller::Caller;
use crate::facts::Proof;
use crate::judgement::{Place, Remember, RuleRef};

const STANDING: QuestionProgress = QuestionProgress {
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
        trust: false,
        same: 1,
    }
}

/// What the question offers beside denying, which every question offers alike.
fn allows(question: &Question) -> Vec<Decision> {
    let denies = |offer: &Decision| !offer.allows();
    let (denies, allows): (Vec<Decision>, Vec<Decision>) =
        question.offers.iter().partition(|offer| denies(offer));
    assert_eq!(denies.len(), 7);
    allows
}

fn row<'q>(question: &'q Question, label: &str) -> &'q Row {
    question
        .facts
        .iter()
        .chain(&question.details)
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
    assert_eq!(
        question.sentence(),
        "work-dev wants to log in as git on github.com"
    );
    let bold: Vec<&str> = names(&question).collect();
    assert_eq!(bold, ["work-dev", "git", "github.com"]);
    assert_eq!(question.risk, Risk::Routine);
    assert_eq!(question.proof, Some(Proof::Proven));
    assert!(question.warnings.is_empty() && question.facts.is_empty());
    assert_eq!(
        question.why,
        "Rule \"push from work\" asks (policy.toml:12)"
    );
    assert_eq!(question.seconds, 60);
    let labels: Vec<&str> = question
        .details
        .iter()
        .map(|row| row.label.as_str())
        .collect();
    assert_eq!(
        labels,
        ["Keyring", "Server", "Host key", "Your key", "", "Path"]
    );
    assert_eq!(row(&question, "Server").text, "github.com");
    assert_eq!(
        question.scope.as_deref(),
        Some("git@github.com from work-dev with this key")
    );
    let by_default = ask(&login("work-dev", "git", "github.com"));
    assert_eq!(by_default.why, "No policy rule matches, so you are asked");
}

fn names(question: &Question) -> impl Iterator<Item = &str> {
    question.heading.iter().filter_map(|part| match part {
        HeadingPart::Name(name) => Some(name.as_str()),
        HeadingPart::Words(_) | HeadingPart::Text(_) => None,
    })
}

#[test]
fn a_user_that_the_server_may_cut_is_warned_of() {
    let warnings = |user: &str| {
        let question = ask(&login("work", user, "github.com"));
        let is_routine = question.risk == Risk::Routine;
        assert_eq!(is_routine, question.warnings.is_empty());
        question.warnings
    };
    assert!(warnings("git").is_empty());
    for user in ["root:x", "root/x:y", "root:x/y"] {
        let may_be_root = "The server may take this user name for \"root\".";
        assert_eq!(warnings(user), [may_be_root], "{user}");
    }
}

#[test]
fn unnamed_and_unproven_are_different_words() {
    let mut unnamed = login("work", "git", "github.com");
    unnamed.facts.host.as_mut().unwrap().names.clear();
    let question = ask(&unnamed);
    assert_eq!(
        question.sentence(),
        "work wants to log in as git on a server that this vault does not know"
    );
    assert_eq!(question.risk, Risk::Unusual);
    assert!(question.facts[0].text.starts_with("SHA256:"), "to compare");
    assert_eq!(allows(&question), [Decision::AllowOnce]);
    assert!(question.takes_name);

    unnamed.facts.host.as_mut().unwrap().label = Some("staging".into());
    let labelled = ask(&unnamed);
    assert_eq!(
        labelled.sentence(),
        "work wants to log in as git on \"staging\""
    );
    assert!(!labelled.takes_name);

    let mut unproven = login("work", "git", "github.com");
    unproven.facts.proof = Proof::Unproven;
    let question = ask(&unproven);
    assert_eq!(
        question.sentence(),
        "work wants to log in as git on an unproven server"
    );
    assert_eq!(question.risk, Risk::Dangerous);
    assert_eq!(question.proof, Some(Proof::Unproven));
    assert!(question.warnings[0].contains("any server that accepts this key"));
    assert!(
        !format!("{question:?}").contains("github.com"),
        "a name that is not shown to be true"
    );
}

#[test]
fn a_forwarded_request_is_allowed_once_at_most() {
    let mut subject = login("work", "root", "db1.internal");
    subject.facts.forwarded = true;
    subject.via = vec![host("bastion.example.org"), host("gate.example.org")];
    let question = ask(&subject);
    assert_eq!(allows(&question), [Decision::AllowOnce]);
    assert_eq!(
        question.sentence(),
        "work passes on a request to log in as root on db1.internal"
    );
    assert_eq!(question.risk, Risk::Unusual);
    assert!(question.warnings[0].contains("root on gate.example.org"));
    let shown: Vec<_> = question.facts.iter().map(|row| row.text.as_str()).collect();
    assert_eq!(shown, ["bastion.example.org", "gate.example.org"]);
}

/// Whoever draws a question may rely on this.
#[test]
fn what_is_not_routine_says_why_and_no_detail_stands_out() {
    let (base, others) = sample::logins_that_differ_in_one_fact();
    let kinds = [
        certificate("work"),
        sudo("work"),
        raw("work"),
        sshsig("work", "git", b"h"),
        sshsig("work", "login@x", b"h"),
    ];
    let all = others.into_iter().map(|(_, subject)| subject);
    for subject in all.chain(kinds).chain([base]) {
        let question = ask(&subject);
        let is_routine = question.risk == Risk::Routine;
        assert_eq!(is_routine, question.warnings.is_empty(), "{question:#?}");
        assert!(question.details.iter().all(|row| !row.stands_out));
        assert!(question.facts.len() <= 12 && question.details.len() <= 24);
    }
}

#[test]
fn the_first_time_is_unusual() {
    for (caller, noun) in [
        ("work", "this qube"),
        ("sandbox:dev", "this sandbox"),
        ("ssh:laptop", "this caller"),
    ] {
        let mut subject = login("work", "git", "github.com");
        subject.facts.caller = Caller::parse(caller).unwrap();
        subject.history = Some(History {
            first: true,
            ..History::default()
        });
        let question = ask(&subject);
        assert_eq!(question.risk, Risk::Unusual);
        assert_eq!(question.caller_noun(), noun);
        assert_eq!(
            question.warnings,
            [format!(
                "The log has no earlier login to this server from {noun}."
            )]
        );
    }
}

#[test]
fn longer_answers_stay_within_the_rule() {
    for (remember, lengths) in [
        (Remember::Never, vec![]),
        (Remember::UpTo(60), vec![60]),
        (Remember::UpTo(900), vec![300, 900]),
        (Remember::UpTo(3600), vec![300, 900, 3600]),
        (Remember::UpTo(7200), vec![300, 900, 3600, 7200]),
        (
            Remember::UpTo(u64::MAX),
            vec![300, 900, 3600, 28_800, 604_800],
        ),
    ] {
        let mut subject = login("work", "git", "github.com");
        subject.remember = remember;
        let question = ask(&subject);
        let offered: Vec<u64> = question
            .offers
            .iter()
            .filter_map(|offer| {
                if let Decision::AllowFor(seconds) = offer {
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
        assert_eq!(allows(&ask(&subject)), [Decision::AllowOnce]);
    }
}

#[test]
fn only_what_was_offered_counts() {
    let question = ask(&login("work", "git", "github.com"));
    let free = |_: &str| false;
    for decision in [
        Decision::DenyOnce,
        Decision::Mute,
        Decision::AllowOnce,
        Decision::AllowFor(900),
    ] {
        assert_eq!(question.accepts(&answer(decision), free), Ok(()));
    }
    for decision in [
        Decision::AllowFor(901),
        Decision::AllowFor(0),
        Decision::AllowFor(u64::MAX),
    ] {
        assert_eq!(
            question.accepts(&answer(decision), free),
            Err(BadAnswer::NotOffered)
        );
    }
    for same in [0, 2, usize::MAX] {
        let yes = Answer {
            same,
            ..answer(Decision::AllowOnce)
        };
        assert_eq!(question.accepts(&yes, free), Err(BadAnswer::BadCount));
        let no = Answer {
            same,
            ..answer(Decision::DenyOnce)
        };
        assert_eq!(question.accepts(&no, free), Ok(()), "a no is a no");
    }
    let named = Answer {
        name: Some("x".into()),
        ..answer(Decision::AllowOnce)
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
            ..answer(Decision::AllowOnce)
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
        again.warnings[0],
        "\"github.com\" is the name of another host: type another one, or none."
    );
}

#[test]
fn hostile_text_stays_in_its_row() {
    let hostile = "x\nServer: github.com\u{202e}<b>root</b>\u{1b}[2J";
    let mut subject = login("work", hostile, "github.com");
    subject.facts.key.comment = hostile.repeat(40).into_bytes();
    let question = ask(&subject);
    let printable = |text: &str| text.bytes().all(|b| (b' '..=b'~').contains(&b));
    for row in question.facts.iter().chain(&question.details) {
        assert!(
            printable(&row.text) && printable(row.note.as_deref().unwrap_or("")),
            "{row:?}"
        );
        assert!(row.text.len() <= 4096 && row.label.len() <= 24);
    }
    let sentence = question.sentence();
    assert!(printable(&sentence) && sentence.len() <= 240, "{sentence}");
    assert!(sentence.starts_with("work wants to log in as \"x\\x0a"));
    assert!(sentence.ends_with("\" on github.com"), "{sentence}");
    assert_eq!(row(&question, "Log in as").class, RowClass::Whole);
    assert!(printable(question.scope.as_deref().unwrap()));
    let nobody = ask(&login("work", "", "github.com"));
    assert_eq!(row(&nobody, "Log in as").text, "(empty)");
    let scope = nobody.scope.unwrap();
    assert!(scope.starts_with("(empty)@github.com"), "{scope}");
    let twofold = ask(&login("work", "root on github.com\" on \"", "evil.example"));
    assert_eq!(
        twofold.sentence(),
        "work wants to log in as \"root on github.com\\x22 on \\x22\" on evil.example"
    );
}

#[test]
fn lists_and_commands_are_read_to_their_end() {
    let read_whole = |subject: &Subject, labels: &[&str]| {
        let question = ask(subject);
        for label in labels {
            assert_eq!(row(&question, label).class, RowClass::Whole, "{label}");
        }
    };
    read_whole(&certificate("work"), &["For", "Limits", "Extensions"]);
    read_whole(&sudo("work"), &["Command"]);
    read_whole(&raw("work"), &["SHA-256"]);
    assert_eq!(
        row(&ask(&certificate("work")), "Key ID").class,
        RowClass::Name
    );

    let cut = "It is too long to be shown whole: a part is cut out.";
    let warns = |subject: &Subject| ask(subject).warnings.iter().any(|said| said == cut);
    let mut command_of = sudo("work");
    for (length, is_cut) in [(500, false), (5000, true)] {
        if let Details::Sudo { command, .. } = &mut command_of.details {
            *command = Some(vec![vec![b'x'; length]]);
        }
        assert_eq!(warns(&command_of), is_cut, "{length}");
        let mut issued = certificate("work");
        if let Details::Certificate(fields) = &mut issued.details {
            fields.critical_options = vec![(b"force-command".to_vec(), vec![b'x'; length])];
        }
        assert_eq!(warns(&issued), is_cut, "{length}");
    }
}

#[test]
fn commands_are_quoted_word_by_word_and_options_show_their_values() {
    let question = ask(&sudo("work"));
    assert_eq!(row(&question, "Command").text, "\"apt\" \"upgrade now\"");
    assert_eq!(question.sentence(), "work wants to run a command by sudo");
    let asked_by = |question: &Question| {
        let mut rows = question.facts.iter();
        rows.any(|row| row.label == "Asked by" && row.text == "mallory" && row.stands_out)
    };
    assert!(!asked_by(&question));
    let mut of_another = sudo("work");
    if let Details::Sudo { asking_user, .. } = &mut of_another.details {
        *asking_user = b"mallory".to_vec();
    }
    assert!(asked_by(&ask(&of_another)));
    let mut quoting = sudo("work");
    if let Details::Sudo { command, .. } = &mut quoting.details {
        *command = Some(vec![b"a\" \"b".to_vec(), Vec::new()]);
    }
    assert_eq!(
        row(&ask(&quoting), "Command").text,
        "\"a\\x22 \\x22b\" \"\""
    );
    let mut subject = certificate("work");
    if let Details::Certificate(fields) = &mut subject.details {
        let option = |name: &str, value: &str| (name.into(), value.into());
        fields.critical_options = vec![option("source-address", "10.0.0.0/8")];
        fields.extensions = vec![option("login@github.com", "ceo"), option("permit-pty", "")];
    }
    let question = ask(&subject);
    assert_eq!(row(&question, "Limits").text, "source-address=10.0.0.0/8");
    assert_eq!(
        row(&question, "Extensions").text,
        "login@github.com=ceo, permit-pty"
    );
}

#[test]
fn other_kinds_have_their_sentences() {
    let sentence = |subject: &Subject| ask(subject).sentence();
    let git = sshsig("work", "git", b"hash");
    assert_eq!(
        sentence(&git),
        "work wants to sign a git commit, tag or push"
    );
    let other = sshsig("work", "a b", b"hash");
    assert_eq!(sentence(&other), "work wants to sign data for \"a b\"");
    let mut issued = certificate("work");
    assert_eq!(
        sentence(&issued),
        "work wants to issue a user certificate for alice"
    );
    if let Details::Certificate(fields) = &mut issued.details {
        fields.principals.push(b"root".to_vec());
        fields.valid_before = u64::MAX;
    }
    assert_eq!(
        sentence(&issued),
        "work wants to issue a user certificate for root and 1 more, valid for ever"
    );
    assert_eq!(
        sentence(&raw("work")),
        "work wants to sign data of no known kind"
    );
}

#[test]
fn what_is_dangerous_in_a_certificate_stands_out() {
    let question = ask(&certificate("work"));
    assert!(question.facts.iter().all(|row| !row.stands_out));
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
    assert!(question.warnings[0].contains("pass for these hosts"));
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
