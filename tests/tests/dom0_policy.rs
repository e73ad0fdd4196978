//! `split-ssh dom0-policy`: what it prints is what dom0 takes, and what would break dom0 is refused.

use std::process::Output;

use testbed::children::{finish, text};
use testbed::programs;
use testbed::world::World;

fn dom0_policy(world: &World, words: &[&str]) -> Output {
    finish(
        world
            .command(programs::split_ssh())
            .arg("dom0-policy")
            .args(words),
    )
}

fn printed(words: &[&str]) -> Vec<String> {
    let output = dom0_policy(&World::new(), words);
    assert!(output.status.success(), "{output:?}");
    let lines = text(&output);
    let rules = lines.lines().filter(|line| !line.starts_with('#'));
    rules.map(str::to_owned).collect()
}

fn refused(words: &[&str]) -> String {
    let output = dom0_policy(&World::new(), words);
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// What `--check` says of a file, and whether it found an error.
fn checked(name: &str, contents: &str) -> (String, bool) {
    let world = World::new();
    let file = world.file(name, contents);
    let output = dom0_policy(&world, &["--check", &file.display().to_string()]);
    (text(&output), !output.status.success())
}

#[test]
fn a_pair_is_covered_by_default_and_by_name() {
    assert_eq!(
        printed(&["--client", "work", "--vault", "vault"]),
        [
            "qubes.SshAgent + work @default ask target=vault default_target=vault",
            "qubes.SshAgent + work vault ask target=vault default_target=vault",
            "qubes.SshAgent +default work @default ask target=vault default_target=vault",
            "qubes.SshAgent +default work vault ask target=vault default_target=vault",
        ]
    );
}

#[test]
fn every_wish_is_in_the_line() {
    let words = "--client @tag:dev --vault vault --keyring git --allow --notify --no-autostart";
    let words: Vec<&str> = words.split(' ').collect();
    assert_eq!(
        printed(&words),
        [
            "qubes.SshAgent +git @tag:dev @default allow target=vault notify=yes autostart=no",
            "qubes.SshAgent +git @tag:dev vault allow target=vault notify=yes autostart=no",
        ]
    );
    let all = printed(&["--client", "a", "--vault", "v", "--all-keyrings"]);
    assert!(
        all.iter()
            .all(|line| line.starts_with("qubes.SshAgent * a "))
    );
}

#[test]
fn the_file_is_named_and_checks_as_good() {
    let world = World::new();
    let output = text(&dom0_policy(&world, &["--client", "a", "--vault", "v"]));
    let first = output.lines().next().expect("a line");
    assert!(
        first.contains("/etc/qubes/policy.d/30-user-split-ssh.policy"),
        "{first}"
    );
    let (said, is_bad) = checked("30-user-split-ssh.policy", &output);
    assert!(!is_bad && said.ends_with(": good\n"), "{said}");
}

#[test]
fn what_would_break_dom0_or_let_in_too_many_is_refused() {
    for (words, reason, hint) in [
        ("--client @anyvm --vault v", "every qube", "@tag:"),
        ("--client * --vault v", "every qube", "@tag:"),
        (
            "--client a,b --vault v",
            "no qube's name",
            "one --client for each",
        ),
        (
            "--client a --vault @anyvm",
            "not one qube",
            "exactly one vault",
        ),
        ("--client a --vault *", "not one qube", "exactly one vault"),
        ("--client a --vault a", "cannot call itself", "own agent"),
        ("--client @tagg:x --vault v", "no caller can be", "@tag:TAG"),
        ("--client dom0 --vault v", "dom0 must not", ""),
        ("--client a --vault dom0", "dom0 is no vault", ""),
        (
            "--client @dispvm:a --vault v",
            "knows no caller as",
            "disposables have the tags of their template",
        ),
        ("--client a --vault v --keyring a/b", "bad keyring name", ""),
        (
            "--client a --vault v --file 30-qubes.SshAgent.policy",
            "deny every call",
            "30-user-split-ssh.policy",
        ),
        (
            "--client a --vault v --file 30,x.policy",
            "deny every call",
            "30-user-split-ssh.policy",
        ),
        (
            "--client a --vault v --file 95-late.policy",
            "after 90-split-ssh.policy",
            "30-user",
        ),
        (
            "--client a --vault v --file policy.txt",
            "end with .policy",
            "30-user",
        ),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let said = refused(&words);
        assert!(said.contains(reason), "{words:?}: {said}");
        assert!(said.contains(hint), "{words:?}: {said}");
    }
}

#[test]
fn a_client_that_is_named_twice_gets_its_lines_once() {
    let once = printed(&["--client", "work", "--vault", "keys"]);
    let twice = printed(&["--client", "work", "--client", "work", "--vault", "keys"]);
    assert_eq!(once, twice);
}

/// Tried with qrexec's own parser: some lines that cannot work make it deny everything, some do not.
#[test]
fn what_dom0_makes_of_a_bad_line_is_told() {
    let (taken, denied) = ("it cannot work", "denies every call because of it");
    for (line, consequence) in [
        ("qubes.SshAgent + work,home vault allow", taken),
        ("qubes.SshAgent + $anyvm vault allow", taken),
        ("qubes.SshAgent + @tag:a,b vault allow", taken),
        ("qubes.SshAgent + @dispvm:work-dvm vault allow", taken),
        ("qubes.SshAgent + @dispvm:@tag:x vault allow", taken),
        (
            "qubes.SshAgent + work @default allow target=v,user=root",
            taken,
        ),
        ("qubes.SshAgent + @tag: vault allow", denied),
        ("qubes.SshAgent + @foo vault allow", denied),
        ("qubes.SshAgent + @default vault allow", denied),
        ("qubes.SshAgent + work @default allow target=@tag:x", denied),
        (
            "qubes.SshAgent + work,home vault allow notify=maybe",
            denied,
        ),
        ("qubes.SshAgent + work,home vault ask,notify=yes", denied),
        (
            "qubes.SshAgent + work @default allow target=v notify=yes,user=x",
            denied,
        ),
    ] {
        let (said, is_bad) = checked("30-user.policy", line);
        assert!(is_bad && said.contains(consequence), "{line}: {said}");
    }
}

/// Lines tried with qrexec's own parser, and the answer.
#[test]
fn lines_are_judged_as_dom0_judges_them() {
    for (line, error) in [
        (
            "qubes.SshAgent +work work @default allow target=vault notify=yes",
            "",
        ),
        (
            "qubes.SshAgent * @tag:split-ssh @default ask target=vault default_target=vault autostart=no",
            "",
        ),
        ("qubes.SshAgent * @anyvm @anyvm deny notify=no", ""),
        (
            "qubes.Filecopy * work @anyvm ask\nqubes.SshAgent * @anyvm @anyvm deny",
            "",
        ),
        ("!include-dir more", ""),
        ("ssh-client vault ask", "a line of Qubes 4.0"),
        (
            "@anyvm @anyvm ask,default_target=vault",
            "a line of Qubes 4.0",
        ),
        (
            "qubes.SshAgent * @anyvm @anyvm ask,default_target=vault",
            "no action `ask,default_target=vault`",
        ),
        (
            "qubes.SshAgent work work @anyvm ask default_target=vault",
            "does not start with +",
        ),
        ("qubes.SshAgent + work @default allow", "names no qube"),
        (
            "qubes.SshAgent + work vault allow target=@anyvm",
            "not one qube",
        ),
        (
            "qubes.SshAgent + $anyvm vault ask default_target=vault",
            "no caller can be",
        ),
        (
            "qubes.SshAgent + work-* vault ask default_target=vault",
            "no caller can be",
        ),
        ("qubes.SshAgent + work vault deny # no", "no KEY=VALUE"),
        ("qubes.SshAgent + work vault ask notify=maybe", "yes or no"),
        (
            "qubes.SshAgent + work vault allow target=v target=v",
            "stands twice",
        ),
        ("* + work vault deny", "argument * only"),
        ("!included more", "no directive"),
    ] {
        let (said, is_bad) = checked("30-user.policy", line);
        assert_eq!(is_bad, !error.is_empty(), "{line}: {said}");
        assert!(said.contains(error), "{line}: {said}");
        assert!(
            !is_bad || said.contains("30-user.policy:1: error"),
            "{said}"
        );
    }
}

#[test]
fn what_dom0_takes_but_nobody_meant_is_warned_of() {
    for (text, warning) in [
        ("qubes.SshAgent + work vault allow", "calls @default"),
        (
            "qubes.SshAgent + work @default ask target=vault",
            "preselects nothing",
        ),
        (
            "qubes.SshAgent + @anyvm @default allow target=vault",
            "every qube",
        ),
        ("qubes.SshAgent + work @anyvm allow", "choose which qube"),
        (
            "qubes.SshAgent +-x work @default allow target=vault",
            "no keyring can be called",
        ),
        (
            "qubes.SshAgent * @anyvm @anyvm deny\nqubes.SshAgent + work @default allow target=vault",
            "line 1 decides every call",
        ),
    ] {
        let (said, is_bad) = checked("30-user.policy", text);
        assert!(
            !is_bad && said.contains("warning") && said.contains(warning),
            "{text}: {said}"
        );
    }
}

/// dom0 takes such files, and no call reaches a vault by them.
#[test]
fn a_file_that_lets_no_call_through_is_not_good() {
    let nothing = "no line lets a call of qubes.SshAgent through";
    for (text, told) in [
        ("qubes.SshAgent * @anyvm @anyvm deny", nothing),
        ("* * @anyvm @anyvm deny notify=no", nothing),
        (
            "qubes.SshAgent + work @default allow target=dom0",
            "answers no call for them",
        ),
        (
            "qubes.SshAgent + work @default ask target=@adminvm default_target=@adminvm",
            nothing,
        ),
    ] {
        let (said, is_bad) = checked("30-user.policy", text);
        assert!(!is_bad && said.contains(told), "{text}: {said}");
        assert!(!said.contains("good"), "{text}: {said}");
    }
    let lets_through = "qubes.SshAgent + work @default allow target=vault\n";
    let both = format!("{lets_through}qubes.SshAgent * @anyvm @anyvm deny\n");
    let (said, is_bad) = checked("30-user.policy", &both);
    assert!(!is_bad && said.ends_with(": good\n"), "{said}");
}

/// The lines as they stand in the two documents that people followed so far.
#[test]
fn the_old_guides_lines_are_translated() {
    for (old, today) in [
        (
            "ssh-client vault ask",
            vec![
                "qubes.SshAgent + ssh-client @default ask target=vault default_target=vault",
                "qubes.SshAgent + ssh-client vault ask target=vault default_target=vault",
            ],
        ),
        (
            "@anyvm @anyvm ask",
            vec!["qubes.SshAgent + @anyvm @anyvm ask"],
        ),
        (
            "@anyvm @anyvm ask,default_target=vault",
            vec!["qubes.SshAgent + @anyvm @anyvm ask default_target=vault"],
        ),
        (
            "$anyvm $anyvm ask",
            vec!["qubes.SshAgent + @anyvm @anyvm ask"],
        ),
        (
            "$anyvm ssh-vault allow",
            vec![
                "qubes.SshAgent + @anyvm @default allow target=ssh-vault",
                "qubes.SshAgent + @anyvm ssh-vault allow target=ssh-vault",
            ],
        ),
        (
            "work vault deny",
            vec!["qubes.SshAgent + work vault deny notify=no"],
        ),
    ] {
        let (said, _) = checked("policy/qubes.SshAgent", old);
        for line in &today {
            assert!(
                said.lines().any(|shown| shown.trim() == *line),
                "{old}: {said}"
            );
        }
        let (again, is_bad) = checked("30-user.policy", &today.join("\n"));
        assert!(!is_bad, "{again}");
    }
}

#[test]
fn the_places_of_the_old_guides_are_told_apart() {
    let (said, is_bad) = checked("etc/qubes-rpc/qubes.SshAgent", "a vault ask\n");
    assert!(
        is_bad && said.contains("does not read policy here"),
        "{said}"
    );
    let (said, is_bad) = checked("etc/qubes-rpc/policy/qubes.SshAgent", "a vault ask\n");
    assert!(!is_bad && said.contains("place of Qubes 4.0"), "{said}");
    let (said, is_bad) = checked("30-Work.policy", "");
    assert!(is_bad && said.contains("deny every call"), "{said}");
}

#[test]
fn a_file_without_a_line_about_the_service_is_not_good() {
    for (line, what) in [
        (
            "qubes.SSHAgent + work @default allow target=vault",
            "capitals",
        ),
        (
            "qubes.Ssh-Agent + work @default allow target=vault",
            "another service",
        ),
        (
            "qusal.SshAgent + work @default allow target=vault",
            "another service",
        ),
        (
            "qubes.SshAgnet + work @default allow target=vault",
            "another service",
        ),
        (
            "qubes.SshAgent. + work @default allow target=vault",
            "another service",
        ),
        (
            "qubes.Gpg + work @default allow target=vault",
            "no line is about",
        ),
        ("# nothing yet", "no line is about"),
    ] {
        let (said, is_bad) = checked("30-user.policy", &format!("{line}\n"));
        assert!(!said.contains("good"), "{line}: {said}");
        assert!(said.contains(what), "{line}: {said}");
        assert!(is_bad, "{line}: {said}");
    }
    // One of several files is enough: people check the whole folder.
    let world = World::new();
    let ours = "qubes.SshAgent + work @default allow target=vault\n";
    let ours = world.file("30-user-split-ssh.policy", ours);
    let other = world.file(
        "30-user.policy",
        "qubes.Gpg + work @default allow target=vault\n",
    );
    let files = [ours, other].map(|file| file.display().to_string());
    let output = dom0_policy(&world, &["--check", &files[0], &files[1]]);
    assert!(output.status.success(), "{}", text(&output));

    let (said, is_bad) = checked("30-user.policy", "!include-dir other\n");
    assert!(!is_bad && said.ends_with(": good\n"), "{said}");
}

#[test]
fn words_of_the_file_reach_no_screen_as_they_are() {
    for (word, shown) in [
        ("a\x1b[2Jb", "`a\\x1b[2Jb`"),
        ("a\u{202e}b", "`a\\u{202e}b`"),
    ] {
        let (said, _) = checked(
            "30-x.policy",
            &format!("qubes.SshAgent + {word} work ask\n"),
        );
        assert!(said.contains(shown) && !said.contains(word), "{said:?}");
    }
}
