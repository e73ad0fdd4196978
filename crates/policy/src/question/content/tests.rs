//! Proven content in questions.

use crate::content::ContentEvidence;
use crate::question::tests::sample::{at, host, sshsig};
use crate::question::{
    AuthorHistory, Details, History, Question, QuestionProgress, Risk, Row, Subject,
};

const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const ANN: &str = "Ann <ann@example.org> 1795289880 +0100";
const STANDING: QuestionProgress = QuestionProgress {
    seconds_left: 110,
    waiting: 0,
    same: 1,
};

fn about(namespace: &str, content: &[u8]) -> Question {
    let evidence = ContentEvidence::in_tests(namespace.as_bytes(), content, at(0).unix);
    Question::about(3, &subject(namespace, evidence), STANDING)
}

fn subject(namespace: &str, evidence: ContentEvidence) -> Subject {
    let mut subject = sshsig("work-dev", namespace, &[7; 64]);
    subject.facts.content = evidence.facts();
    subject.details = Details::Sshsig {
        hash_algorithm: b"sha512".to_vec(),
        hash: vec![7; 64],
        content: evidence,
    };
    subject
}

fn commit(parents: usize, author: &str, committer: &str, message: &[u8]) -> Question {
    let parents: String = (0..parents)
        .map(|number| format!("parent {}\n", number.to_string().repeat(40)))
        .collect();
    let headers = format!("tree {TREE}\n{parents}author {author}\ncommitter {committer}\n\n");
    about("git", &[headers.as_bytes(), message].concat())
}

/// The rows that decide, with their notes.
fn facts(question: &Question) -> Vec<String> {
    let line = |row: &Row| match &row.note {
        Some(note) => format!("{}: {} ({note})", row.label, row.text),
        None => format!("{}: {}", row.label, row.text),
    };
    question.facts.iter().map(line).collect()
}

#[test]
fn a_commit_reads_as_a_person_would_say_it() {
    let question = commit(1, ANN, ANN, b"Fix the parser\n\nIt read\ntoo much.\n");
    assert_eq!(
        question.sentence(),
        "work-dev wants to sign a commit: Fix the parser"
    );
    assert_eq!(question.risk, Risk::Routine);
    assert_eq!(
        facts(&question),
        [
            "Author: Ann <ann@example.org>",
            "Date: 2026-11-21 20:38 +0100 (2 minutes ago)",
            "Parents: 000000000000 (1 parent)",
            "Message: It read too much.",
        ]
    );
    assert_eq!(
        question.scope.as_deref(),
        Some("commits and tags by ann@example.org from work-dev with this key")
    );
    assert!(question.details.iter().any(|row| row.text == TREE));
}

#[test]
fn what_is_unusual_about_a_commit_is_pointed_out() {
    let merge = commit(2, ANN, ANN, b"Merge");
    assert!(merge.sentence().ends_with("sign a merge commit: Merge"));
    let stand_out = |question: &Question| {
        let rows = question.facts.iter().filter(|row| row.stands_out);
        rows.map(|row| row.label.clone()).collect::<Vec<_>>()
    };
    assert_eq!(stand_out(&merge), ["Parents"]);
    assert!(
        facts(&commit(3, ANN, ANN, b""))
            .iter()
            .any(|row| row.contains("a merge of 3"))
    );
    assert_eq!(
        facts(&commit(0, ANN, ANN, b""))[2],
        "Parents: none (the first commit of a history)"
    );

    let amended = commit(1, "Ann <ann@example.org> 1790000000 +0000", ANN, b"Old\n");
    assert!(facts(&amended)[2].ends_with("(amended, rebased or picked)"));
    assert_eq!(amended.risk, Risk::Routine, "a rebase is a routine");
    let others = commit(
        1,
        "Bob <bob@example.org> 1795289880 +0000",
        ANN,
        b"Picked\n",
    );
    assert_eq!(facts(&others)[1], "Committer: Ann <ann@example.org>");

    for (author, committer, when) in [
        (
            ANN,
            "Ann <ann@example.org> 1700000000 +0000",
            "1102 days ago",
        ),
        (ANN, "Ann <ann@example.org> 1799999999 +0000", "in 54 days"),
        ("Ann <ann@example.org> 1799999999 +0000", ANN, "in 54 days"),
        (
            ANN,
            "Ann <ann@example.org> -9223372036854775808 +0000",
            "days ago",
        ),
    ] {
        let question = commit(1, author, committer, b"Far off\n");
        assert_eq!(question.risk, Risk::Unusual);
        assert!(
            question.warnings[0].contains(when),
            "{:?}",
            question.warnings
        );
    }
}

#[test]
fn an_author_whom_the_key_has_not_signed_for_is_pointed_out() {
    let commit = format!("tree {TREE}\nauthor {ANN}\ncommitter {ANN}\n\nFix\n");
    let with = |author| {
        let evidence = ContentEvidence::in_tests(b"git", commit.as_bytes(), at(0).unix);
        let mut subject = subject("git", evidence);
        subject.history = Some(History {
            author,
            ..History::default()
        });
        Question::about(3, &subject, STANDING)
    };
    assert_eq!(with(AuthorHistory::Known).risk, Risk::Routine);
    let first = with(AuthorHistory::First);
    assert_eq!(first.risk, Risk::Routine);
    assert!(facts(&first)[0].ends_with("(the first author that the vault sees for this key)"));
    let new = with(AuthorHistory::New);
    assert_eq!(new.risk, Risk::Unusual);
    assert!(new.facts[0].stands_out && new.warnings[0].contains("only for others"));
}

#[test]
fn content_that_is_too_long_to_be_shown_is_pointed_out() {
    let question = Question::about(
        3,
        &subject("git", ContentEvidence::TooLong(1 << 25)),
        STANDING,
    );
    assert_eq!(question.risk, Risk::Unusual);
    assert!(question.warnings[0].contains("too long to be shown"));
    let hash = question.details.iter().find(|row| row.label == "Hash");
    assert!(
        hash.unwrap()
            .note
            .as_ref()
            .unwrap()
            .contains("33554432 bytes")
    );
}

#[test]
fn hostile_text_is_shown_escaped_and_warned_of() {
    for message in [
        &b"Fix\0 --no-verify"[..],
        "Fix \u{202e}rosrap eht".as_bytes(),
        b"Fix\x1b[2J",
        b"F\xfcr alle",
        "Fix\u{200b}".as_bytes(),
        b"Fix\n\n\x07",
    ] {
        let question = commit(1, ANN, ANN, message);
        assert_eq!(question.risk, Risk::Unusual, "{message:?}");
        let texts = question.facts.iter().map(|row| &row.text);
        let texts: String = texts.cloned().chain([question.sentence()]).collect();
        assert!(
            texts.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{texts}"
        );
        assert!(texts.contains("\\x") || texts.contains("\\u{"), "{texts}");
    }
    // What is not kept is told of, also of a subject.
    let long = commit(1, ANN, ANN, &b"s".repeat(10_000_000));
    assert_eq!(facts(&long).last().unwrap(), ": ... (there is more)");
    let readable = commit(
        1,
        "Әсел <a@example.org> 1795289880 +0000",
        ANN,
        "解析器を直す\n".as_bytes(),
    );
    assert_eq!(readable.risk, Risk::Routine);
    assert!(readable.sentence().ends_with(": 解析器を直す"));
    assert_eq!(facts(&readable)[0], "Author: Әсел <a@example.org>");
    // A mail address decides by its spelling.
    let look_alike = commit(1, "Ann <аnn@example.org> 1795289880 +0000", ANN, b"x");
    assert_eq!(
        facts(&look_alike)[0],
        "Author: Ann <\\u{430}nn@example.org>"
    );

    let long = [
        b"subject ".repeat(100),
        b"\n\n".to_vec(),
        b"body ".repeat(2_000_000),
    ]
    .concat();
    let question = commit(1, ANN, ANN, &long);
    let line = serde_json::to_string(&question).unwrap();
    assert!(
        line.len() < 8192 && question.sentence().len() <= 240,
        "{line}"
    );
    assert!(
        facts(&question)
            .last()
            .unwrap()
            .ends_with("(there is more)")
    );
}

/// The prompt shows no question with more.
#[test]
fn no_commit_has_more_than_twelve_facts() {
    let (subject_line, body) = ("subject ".repeat(200), "body ".repeat(1000));
    let content = format!(
        "tree {TREE}\nauthor {ANN}\ncommitter Bob <bob@example.org> 1 +0000\n\n{subject_line}\n\n{body}\n"
    );
    let evidence = ContentEvidence::in_tests(b"git", content.as_bytes(), at(0).unix);
    let mut subject = subject("git", evidence);
    subject.facts.forwarded = true;
    subject.via = vec![host("gate.example.org"); 5];
    let facts = facts(&Question::about(3, &subject, STANDING));
    assert_eq!(facts.len(), 12, "{facts:?}");
    assert_eq!(facts[11], ": and 2 more hosts");
}

#[test]
fn tags_pushes_and_other_content_are_told_apart() {
    let id = "a".repeat(40);
    let tag = format!("object {id}\ntype commit\ntag v1.0\ntagger {ANN}\n\nFirst release\n");
    let question = about("git", tag.as_bytes());
    assert_eq!(question.sentence(), "work-dev wants to sign a tag: v1.0");
    assert_eq!(facts(&question)[0], "Of: aaaaaaaaaaaa (commit)");

    let (none, new) = ("0".repeat(40), "b".repeat(40));
    let push = format!(
        "certificate version 0.1\npusher SHA256:x 1 +0000\npushee git@example.org:x\n\n{none} {id} refs/heads/new\n{id} {new} refs/heads/main\n{id} {none} refs/tags/v0\n"
    );
    let question = about("git", push.as_bytes());
    assert_eq!(
        question.sentence(),
        "work-dev wants to sign a push to git@example.org:x"
    );
    assert_eq!(
        facts(&question),
        [
            "Updates: refs/heads/new (new, aaaaaaaaaaaa)",
            ": refs/heads/main (aaaaaaaaaaaa to bbbbbbbbbbbb)",
            ": refs/tags/v0 (deleted)",
        ]
    );

    assert_eq!(question.risk, Risk::Routine);

    let told = push.replace("\n\n", "\npush-option ci.skip\npush-option a=b\n\n");
    assert_eq!(
        about("git", told.as_bytes()).warnings,
        ["The push has options for the server: ci.skip, a=b."]
    );
    let hidden = push.replace("heads/main", "heads/\u{202e}niam");
    let hidden = about("git", hidden.as_bytes()).warnings;
    assert!(hidden[0].starts_with("The push has characters that cannot be shown"));

    let question = about("git", b"no object of git\n");
    assert_eq!(question.risk, Risk::Unusual);
    assert_eq!(facts(&question)[0], "Content: no object of git");
    assert!(
        question
            .sentence()
            .ends_with("wants to sign a git commit, tag or push")
    );
    assert_eq!(
        facts(&about("file", b"\x7fELF\0")),
        ["Content: ELF program"]
    );
}
