//! A policy with a mistake is refused, and the sentence leads to the mistake.

use super::*;
use crate::known_hosts::check_name;
use crate::language::Language;
use crate::qube_color::QubeColor;
use crate::rules::rule::HostPattern;

/// The policy is refused with one problem, and its report holds each of these.
#[track_caller]
fn refused(text: &str, needles: &[&str]) {
    let error = parse(text).expect_err("this policy has a mistake");
    assert_eq!(error.problems.len(), 1, "{error}");
    let report = error.to_string();
    for needle in needles {
        assert!(report.contains(needle), "no {needle:?} in:\n{report}");
    }
}

#[test]
fn a_report_names_file_line_column_and_a_hint() {
    let text = "default = \"ask\"\n\n[[rule]]\nqub = \"work\"\naction = \"deny\"\n";
    let report = parse(text).unwrap_err().to_string();
    assert_eq!(
        report,
        "policy.toml:4:1: unknown key `qub`\n 4 | qub = \"work\"\n   | ^^^\n hint: did you mean `qube`?"
    );
}

#[test]
fn the_default_is_mandatory_and_never_allows() {
    refused(
        "",
        &[
            "policy.toml:1:1: the policy has no default",
            "default = \"ask\"",
        ],
    );
    refused(
        "default = \"allow\"",
        &[
            "1:11: the default cannot be allow",
            "hint: write default = \"ask\"",
        ],
    );
    refused(
        "default = \"asks\"",
        &["unknown default `asks`", "did you mean \"ask\"?"],
    );
    refused(
        "default = true",
        &["`default` takes a string, and this is true or false"],
    );
    refused(
        "default = \"ask\"\ndefault = \"deny\"",
        &["2:1: not TOML: duplicate key"],
    );
}

#[test]
fn slips_in_rules_are_found() {
    let rule = |body: &str| format!("default = \"ask\"\n[[rule]]\n{body}\n");
    for (body, needles) in [
        (
            "qube = \"a\"",
            ["2:1: the rule has no action", "add action ="],
        ),
        (
            "action = \"alow\"",
            ["unknown action `alow`", "did you mean \"allow\"?"],
        ),
        (
            "action = \"deny\"\nkind = \"cert\"",
            ["4:8: unknown kind `cert`", "certificate"],
        ),
        (
            "action = \"deny\"\nqube = []",
            ["`qube` is an empty list", "leave it out"],
        ),
        (
            "action = \"deny\"\nqube = [\"a\", 3]",
            ["4:14: `qube` takes a string, and this is a number", "^"],
        ),
        (
            "action = \"deny\"\nqube = \"work dev\"",
            ["no caller can be called `work dev`", "qvm-ls"],
        ),
        (
            "action = \"deny\"\nqube = \"@tag:dev\"",
            ["`@tag:dev` is a word of dom0's policy", "keyring in dom0"],
        ),
        (
            "action = \"deny\"\nqube = \"local:01\"",
            ["no caller can be called `local:01`", "local:UID"],
        ),
        (
            "action = \"deny\"\nkeyring = \"a b\"",
            ["no keyring can be called `a b`", "qubes.SshAgent+NAME"],
        ),
        (
            "action = \"deny\"\nuser = \"a\\\\\"",
            ["the `\\` at the end escapes nothing", "`*` stands for"],
        ),
        (
            "action = \"deny\"\nkey = \"SHA256:short\"",
            ["`SHA256:short` is not a fingerprint", "ssh-keygen -lf"],
        ),
        (
            "action = \"deny\"\nhost = \"git@x\"",
            [
                "4:8: `git@x` can match no host",
                "write \"x\" here, and user = \"git\" beside it",
            ],
        ),
        (
            "action = \"deny\"\nhost = \"[x]2222\"",
            ["`[x]2222` can match no host", "write \"[x]:2222\""],
        ),
        (
            "action = \"deny\"\nhost = \"10.0.0.0/24\"",
            ["can match no host", "such as \"10.0.0.*\""],
        ),
        (
            "action = \"deny\"\nhost = \"Unnamed\"",
            ["`Unnamed` can match no host", "write \"unnamed\""],
        ),
        (
            "action = \"allow\"\nhost = \"[*]:22\"",
            ["`[*]:22` would match other ports, too", "write \"*\" if"],
        ),
        (
            "action = \"deny\"\nhost = \"SHA256:x\"",
            ["stands in a [host.NAME] table", "host = \"NAME\" here"],
        ),
        (
            "action = \"deny\"\nforwarded = \"no\"",
            [
                "`forwarded` takes true or false, and this is a string",
                "quotes",
            ],
        ),
        (
            "action = \"deny\"\nrate = \"5/h\"",
            ["`rate` means nothing in a rule that denies", "leave it out"],
        ),
        (
            "action = \"ask\"\nrate = \"5/week\"",
            ["a rate is a count", "30/min"],
        ),
        (
            "action = \"allow\"\nremember = \"5m\"",
            ["`remember` means nothing in a rule that says allow", "ask"],
        ),
        (
            "action = \"ask\"\nremember = \"0m\"",
            ["nothing is remembered for no time", "never"],
        ),
        (
            "action = \"ask\"\nremember = \"8d\"",
            ["for a week at most", "allow rule"],
        ),
        (
            "action = \"ask\"\nremember = \"15\"",
            ["`15` is not a time to remember", "15m"],
        ),
        (
            "action = \"ask\"\nhours = \"8-20\"",
            ["`8-20` are not hours", "08:00-20:00"],
        ),
        (
            "action = \"ask\"\nhours = \"08:00-08:00\"",
            ["no time lies between these", "all day"],
        ),
        (
            "action = \"ask\"\nhours = \"08:00-24:01\"",
            ["are not hours", "local time"],
        ),
        (
            "action = \"ask\"\nsignatures = 0",
            ["a number from 1 to 1000", "^"],
        ),
        (
            "action = \"ask\"\nsignatures = 1.5",
            ["takes a number, and this is a number with a point", "^"],
        ),
        (
            "action = \"ask\"\nname = \"a\\nb\"",
            ["a rule's name is shown in prompts", "ASCII"],
        ),
        (
            "action = \"ask\"\nhours = 08:00:00",
            ["no key takes a date", "quotes"],
        ),
    ] {
        refused(&rule(body), &needles);
    }
}

/// Each value can match nothing, so that a rule with it would deny nothing. The error stands at the value.
#[test]
fn values_that_can_match_nothing() {
    let right = |right: &str| format!("hint: write {right:?}");
    let form = || "hint: write it as known_hosts does".to_owned();
    let list = || "a list is written".to_owned();
    let key = fingerprint('k').0;
    for (line, hint) in [
        ("host = \"web.example:22401\"", right("[web.example]:22401")),
        ("host = \"web.example:22\"", right("web.example")),
        ("host = \"Web.Example:22401\"", right("[web.example]:22401")),
        ("host = \"*.example:22401\"", right("[*.example]:22401")),
        ("host = \"*:2222\"", right("[*]:2222")),
        ("host = \"web.example:*\"", right("[web.example]:*")),
        ("host = \":2222\"", form()),
        ("host = \"web.example:ssh\"", right("web.example")),
        ("host = \"web.example.\"", right("web.example")),
        (
            "host = \"[web.example.]:2222\"",
            right("[web.example]:2222"),
        ),
        ("host = \"[web.example]\"", right("web.example")),
        ("host = \"[web.example]:022\"", right("web.example")),
        (
            "host = \"[web.example]:08022\"",
            right("[web.example]:8022"),
        ),
        ("host = \"[web.example]:0\"", form()),
        ("host = \"[web.example]:70000\"", form()),
        ("host = \"[web.example]:7????\"", form()),
        ("host = \"[web.example]:*x\"", form()),
        ("host = \"[::1]\"", right("::1")),
        (
            "host = \"ssh://web.example:22401\"",
            right("[web.example]:22401"),
        ),
        ("host = \"ssh://web.example/\"", right("web.example")),
        ("host = \"ssh://[::1]:2222/\"", right("[::1]:2222")),
        (
            "host = \"ssh://git@web.example:22401/path\"",
            "write \"[web.example]:22401\" here, and user = \"git\" beside it".to_owned(),
        ),
        (
            "host = \"git@web.example:path/x.git\"",
            "write \"web.example\" here, and user = \"git\" beside it".to_owned(),
        ),
        ("host = \" web.example\"", right("web.example")),
        ("host = \"web.example \"", right("web.example")),
        ("host = \".example\"", right("*.example")),
        ("host = \"web.example,db.example\"", list()),
        (
            "host = \"!web.example\"",
            "put a rule for that host above".to_owned(),
        ),
        ("host = \"-web\"", form()),
        ("host = \"web example\"", form()),
        ("host = \"web\\u000aexample\"", form()),
        ("host = \"|1|AAAA|AAAA\"", form()),
        ("host = \"b\\u00fccher.example\"", "xn--".to_owned()),
        ("host = \"\"", "`*` stands for any text".to_owned()),
        ("qube = \"\"", "`*` stands for any text".to_owned()),
        ("qube = \"work,home\"", list()),
        ("qube = \"1work\"", "as in qvm-ls".to_owned()),
        ("qube = \"*/x\"", "as in qvm-ls".to_owned()),
        (
            "qube = \"a234567890123456789012345678901x*\"",
            "as in qvm-ls".to_owned(),
        ),
        ("qube = \"local:root\"", "local:UID".to_owned()),
        ("qube = \"local:4294967296\"", "local:UID".to_owned()),
        ("qube = \"local:x*\"", "local:UID".to_owned()),
        ("qube = \"ssh:*@host\"", "ssh:NAME".to_owned()),
        (
            "qube = \"sandbox:dev\"",
            "write sandbox = \"dev\"".to_owned(),
        ),
        ("sandbox = \"sandbox:dev\"", right("dev")),
        ("sandbox = \"a/b\"", "`split-ssh serve NAME`".to_owned()),
        ("keyring = \"qubes.SshAgent+work\"", right("work")),
        ("keyring = \"+work\"", right("work")),
        ("keyring = \"-work\"", "qubes.SshAgent+NAME".to_owned()),
        ("keyring = \"wo/rk*\"", "qubes.SshAgent+NAME".to_owned()),
        ("user = \"root\\u000a\"", right("root")),
        ("user = \"root \"", right("root")),
        (
            "user = \"ro\\u0000ot\"",
            "without control characters".to_owned(),
        ),
        ("user = \"root,git\"", list()),
        ("namespace = \"git,file\"", list()),
        ("namespace = \" git\"", right("git")),
        (
            "namespace = \"g\\u001bit\"",
            "without control characters".to_owned(),
        ),
        (
            "key = \"MD5:aa:bb\"",
            "`split-ssh list` prints SHA256".to_owned(),
        ),
        (
            "key = \"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff\"",
            "`split-ssh list` prints SHA256".to_owned(),
        ),
        (
            "key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me\"",
            "ssh-keygen -lf FILE".to_owned(),
        ),
        (
            "key = \"SHA256:AAAA\"",
            "SHA256: and 43 characters".to_owned(),
        ),
        (
            "key = \"SHA256:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
            "SHA256: and 43 characters".to_owned(),
        ),
        (&format!("key = \"{key}=\""), right(&key)),
        (&format!("key = \"sha256:{}\"", &key[7..]), right(&key)),
        (
            "key = \"a\\u000ab\"",
            "as `split-ssh list` shows it".to_owned(),
        ),
    ] {
        let column = line.find('"').unwrap() + 1;
        let place = format!("policy.toml:4:{column}: ");
        refused(
            &format!("default = \"ask\"\n[[rule]]\naction = \"deny\"\n{line}\n"),
            &[&place, &hint],
        );
    }
}

#[test]
fn kinds_that_lack_what_a_rule_looks_at() {
    for (body, needles) in [
        (
            "kind = \"login\"\nnamespace = \"git\"",
            [
                "policy.toml:5:1: kind `login` has no namespace, so this rule covers no login",
                "leave one of them out",
            ],
        ),
        (
            "kind = [\"sshsig\", \"login\"]\nnamespace = \"git\"",
            [
                "policy.toml:5:1: kind `login` has no namespace",
                "make two rules, this one with kind = [\"sshsig\"]",
            ],
        ),
        (
            "kind = \"sshsig\"\nhost = \"web.example\"",
            [
                "policy.toml:5:1: kind `sshsig` has no host",
                "change `kind`",
            ],
        ),
        (
            "kind = [\"login\", \"certificate\"]\nuser = \"root\"",
            [
                "policy.toml:5:1: kind `certificate` has no user",
                "kind = [\"login\"]",
            ],
        ),
        (
            "user = \"root\"\nnamespace = \"git\"",
            [
                "policy.toml:5:1: no request has both a user and a namespace",
                "make two rules",
            ],
        ),
        (
            "host = \"unproven\"\nnamespace = \"git\"",
            [
                "policy.toml:5:1: no request has both a host and a namespace",
                "make two rules",
            ],
        ),
    ] {
        refused(
            &format!("default = \"ask\"\n[[rule]]\naction = \"deny\"\n{body}\n"),
            &needles,
        );
    }
}

/// One mistake has one error: what follows from a value that was not read is none.
#[test]
fn an_unknown_action_is_one_error() {
    refused(
        "default = \"ask\"\n[[rule]]\naction = \"asks\"\nrate = \"5/h\"\nremember = \"5m\"\nsignatures = 2\n",
        &["unknown action `asks`", "did you mean \"ask\"?"],
    );
}

/// Every host pattern that is accepted matches some name that a host can have.
#[test]
fn an_accepted_host_pattern_has_a_witness() {
    let pieces = [
        "web", "*", "?", ".", ":", "[", "]", "]:", "22", "2222", "0", "-", "::1", "%", "A", "\\",
        "@", "/", " ",
    ];
    let (mut accepted, mut refused) = (0, 0);
    let is_whole = seeded::cases(5_000, |random| {
        let mut next = |below| random.below(below);
        let pattern: String = (0..1 + next(6))
            .map(|_| pieces[next(pieces.len())])
            .collect();
        let text = format!("default = \"ask\"\n[[rule]]\naction = \"deny\"\nhost = '{pattern}'\n");
        let Ok(policy) = parse(&text) else {
            refused += 1;
            return;
        };
        accepted += 1;
        let Some([HostPattern::Name(glob)]) = policy.rules[0].host.as_deref() else {
            panic!("{pattern}");
        };
        let witness = Language::HostName.witness(glob).expect(&pattern);
        let witness = String::from_utf8(witness).unwrap();
        assert_eq!(check_name(&witness).as_deref(), Ok(&*witness), "{pattern}");
        let facts = login("me", host('h', &[&witness]), Proof::Proven);
        assert_eq!(
            verdict(&policy, &facts),
            Verdict::Deny,
            "{pattern} {witness}"
        );
    });
    assert!(
        !is_whole || accepted > 200 && refused > 200,
        "{accepted} {refused}"
    );
}

#[test]
fn slips_in_tables_are_found() {
    for (body, needles) in [
        (
            "[hosts.a]\nnames = [\"a\"]",
            ["2:2: unknown key `hosts`", "did you mean `host`?"],
        ),
        (
            "[rule]\naction = \"ask\"",
            ["`rule` is a list of tables", "[[rule]]"],
        ),
        (
            "[host]\nnames = [\"a\"]",
            ["`host` is a table of tables", "[host.NAME]"],
        ),
        ("[host.a]", ["nothing says which host `a` is", "names ="]),
        (
            "[host.a]\nnames = []",
            ["`names` is an empty list", "leave it out"],
        ),
        (
            "[host.a]\nname = [\"a\"]",
            ["unknown key `name`", "did you mean `names`?"],
        ),
        (
            "[host.a]\nnames = [\"a\", \"b:2222\"]",
            ["3:15: `b:2222` can match no host", "write \"[b]:2222\""],
        ),
        (
            "[host.a]\nnames = [\"unproven\"]",
            ["3:10: `unproven` is no host's name", "host = \"unproven\""],
        ),
        (
            "[host.unnamed]\nnames = [\"a\"]",
            ["no host can be called `unnamed`", "another name"],
        ),
        (
            "[host.a]\nnames = [\"a\"]\nproof = \"unproven\"",
            [
                "cannot accept logins that show nothing",
                "every host at once",
            ],
        ),
        (
            "[host.\"a b\"]\nnames = [\"a\"]",
            ["`a b` cannot be a name", "letters, digits"],
        ),
        (
            "[key.a]",
            ["nothing says which key `a` is", "split-ssh list"],
        ),
        (
            "version = 1",
            [
                "unknown key `version`",
                "a policy knows default, host, key, qube, rule",
            ],
        ),
    ] {
        refused(&format!("default = \"ask\"\n{body}\n"), &needles);
    }
}

#[test]
fn every_problem_is_told_at_once_in_order() {
    let text = "default = \"allow\"\n[[rule]]\nqub = 1\nkind = \"x\"\naction = \"ask\"\n[host.a]\n";
    let error = parse(text).unwrap_err();
    let lines: Vec<usize> = error
        .problems
        .iter()
        .map(|problem| problem.place.line)
        .collect();
    assert_eq!(lines, [1, 3, 4, 6], "{error}");
}

#[test]
fn drop_ins_hold_rules_hosts_and_keys_only() {
    let main = Source {
        name: "policy.toml",
        text: "default = \"ask\"\n[host.a]\nnames = [\"a\"]\n",
        main: true,
    };
    let drop_in = |text| Source {
        name: "policy.d/10-x.toml",
        text,
        main: false,
    };

    let error = Policy::parse(&[main, drop_in("default = \"deny\"")])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("policy.d/10-x.toml:1:1: a drop-in cannot set the default"),
        "{error}"
    );
    let error = Policy::parse(&[main, drop_in("[host.a]\nnames = [\"b\"]")])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("host `a` is defined twice, first at policy.toml:2"),
        "{error}"
    );
    let error = Policy::parse(&[drop_in("[host.b]\nnames = [\"b\"]")])
        .unwrap_err()
        .to_string();
    assert!(error.contains("no policy.toml that they add to"), "{error}");

    let rules = "[[rule]]\nhost = \"a\"\naction = \"allow\"\n";
    let policy = Policy::parse(&[main, drop_in(rules)]).unwrap();
    assert_eq!(policy.rules[0].place.to_string(), "policy.d/10-x.toml:1");
}

#[test]
fn one_key_has_one_label() {
    let key = fingerprint('k');
    refused(
        &format!(
            "default = \"ask\"\n[key.a]\nfingerprints = [\"{key}\"]\n[key.b]\nfingerprints = \"{key}\"\n"
        ),
        &["5:16: the same key has the label `a` at policy.toml:2"],
    );
    let policy = policy(&format!(
        "default = \"ask\"\n[key.a]\nfingerprints = [\"{key}\"]\n"
    ));
    assert_eq!(policy.label(&key), Some("a"));
    assert_eq!(policy.label(&fingerprint('x')), None);
}

#[test]
fn names_to_try_against_hashed_known_hosts() {
    let policy = policy(
        "default = \"ask\"\n[host.a]\nnames = [\"A.example\", \"*.b\"]\n[[rule]]\nhost = [\"c\", \"a\", \"unnamed\"]\naction = \"ask\"",
    );
    assert_eq!(policy.literal_host_names(), ["a.example", "c"]);
}

#[test]
fn no_text_makes_the_parser_panic() {
    let good = "default = \"ask\"\n[host.a]\nnames = [\"a\"]\nproof = \"bound\"\n[key.k]\n[[rule]]\nhost = \"a\"\nhours = \"08:00-09:00\"\n";
    let bytes = good.as_bytes();
    for at in 0..bytes.len() {
        for swap in ["", "é", "\"", "[", "]", "=", "\n", "\0", "-", "9", "'"] {
            let text = [&good[..at], swap, &good[at + 1..]].concat();
            if let Err(error) = parse(&text) {
                assert!(!error.problems.is_empty());
                assert!(
                    error
                        .to_string()
                        .bytes()
                        .all(|b| b == b'\n' || (b' '..=b'~').contains(&b)),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn a_qube_has_one_color_of_eight() {
    let table = |body: &str| format!("default = \"ask\"\n{body}\n");
    let colored = policy(&table("[qube.work]\ncolor = \"blue\""));
    let color = |caller: &str| colored.color_of(&Caller::parse(caller).unwrap());
    assert_eq!(color("work"), Some(QubeColor::Blue));
    assert_eq!(color("work2"), None);
    assert_eq!(color("ssh:work"), None, "no qube");
    for (body, needle) in [
        ("[qube.work]\ncolor = \"blu\"", "3:9: unknown color `blu`"),
        ("[qube.work]\ncolor = 3", "`color` takes a string"),
        ("[qube.work]\ncolour = \"red\"", "did you mean `color`?"),
        ("[qube.work]", "nothing says how `work` looks"),
        ("[qube.9a]\ncolor = \"red\"", "`9a` is no qube's name"),
        ("[qube]\nwork = \"red\"", "write [qube.NAME]"),
    ] {
        refused(&table(body), &[needle]);
    }
    let twice = "[qube.a]\ncolor = \"red\"\n[qube.b]\ncolor = \"red\"";
    assert!(parse(&table(twice)).is_ok(), "two may share a color");
}
