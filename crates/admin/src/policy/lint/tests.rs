//! Warnings: each slip is named, and a sensible policy has none.

use std::fs;
use std::path::PathBuf;

use super::shared_keys::SharedKey;
use policy::crypto::Fingerprint;
use policy::facts::{IntentKind, KeyFacts, Proof};
use policy::rate::RateCounter;
use policy::rules::{Policy, Source};

use super::{Surroundings, lint};

/// Random policies and requests over one vocabulary.
#[allow(dead_code)]
#[path = "../../../../policy/tests/reference/model.rs"]
mod model;

use model::{Model, random_facts, random_moment};

fn fingerprint(letter: char) -> Fingerprint {
    model::fingerprint(letter)
}

fn policy(text: &str) -> Policy {
    let source = Source {
        name: "policy.toml",
        text,
        main: true,
    };
    Policy::parse(&[source]).unwrap_or_else(|error| panic!("{error}"))
}

fn warnings(text: &str) -> Vec<String> {
    let keys = [KeyFacts {
        fingerprint: fingerprint('k'),
        algorithm: "ssh-ed25519".into(),
        comment: b"git-work".to_vec(),
    }];
    let knows =
        |name: &str| ["github.com", "stage.example", "prod.example", "2001:db8::5"].contains(&name);
    let names = ["prod.example", "stage.example"]
        .map(str::to_owned)
        .to_vec();
    let shared = SharedKey {
        fingerprint: fingerprint('s'),
        names,
    };
    let surroundings = Surroundings {
        knows_host: Some(Box::new(knows)),
        keys: Some(keys.to_vec()),
        keyrings: Some(["default", "throwaway"].map(str::to_owned).to_vec()),
        sandboxes: Some(vec!["dev".to_owned()]),
        shared_keys: Some(vec![shared]),
        ..Surroundings::default()
    };
    let policy = policy(&format!("default = \"ask\"\n{text}"));
    let warnings = lint(&policy, &surroundings);
    warnings.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn warns(text: &str, needle: &str) {
    let warnings = warnings(text);
    assert!(
        warnings.len() == 1 && warnings[0].contains(needle),
        "{warnings:#?}"
    );
    assert!(
        warnings[0].contains(": warning: ") && warnings[0].contains(" hint: "),
        "{warnings:#?}"
    );
}

#[test]
fn a_sensible_policy_has_no_warning() {
    let text = "[host.github]\nnames = [\"github.com\"]\n[[rule]]\nkey = \"git-work\"\nhost = \"github\"\nforwarded = false\naction = \"allow\"\n[[rule]]\nkind = \"sshsig\"\nnamespace = \"git\"\naction = \"ask\"\n[[rule]]\naction = \"deny\"\n";
    assert_eq!(warnings(text), Vec::<String>::new());
}

#[test]
fn rules_that_never_decide() {
    warns(
        "[[rule]]\nuser = \"*\"\naction = \"ask\"\n[[rule]]\nname = \"late\"\nuser = \"git\"\naction = \"deny\"\nkind = \"login\"\nsha1 = false",
        "rule `late` never decides: the rule at policy.toml:2 covers all of it",
    );
}

/// The slip of all slips: the exception stands below what it is an exception from. It still decides about
/// some logins, so it must not be called useless.
#[test]
fn exceptions_that_come_too_late() {
    let broad = "[[rule]]\nname = \"broad\"\nqube = \"w*\"\nkey = \"git-work\"\nkind = \"login\"\nforwarded = [true, false]\naction = \"allow\"\n";
    for (action, left) in [
        (
            "ask",
            "but logins that do not prove their host: rule `broad` covers",
        ),
        (
            "deny",
            "but SHA-1 signatures and logins that do not prove their host: rule `broad` covers",
        ),
    ] {
        let late = format!(
            "[[rule]]\nname = \"late\"\nqube = \"work\"\nkey = \"git-work\"\nhost = \"github.com\"\naction = \"{action}\""
        );
        warns(&format!("{broad}{late}"), left);
        assert_eq!(warnings(&format!("{late}\n{broad}")), Vec::<String>::new());
    }
    warns(
        "[[rule]]\nkind = \"sshsig\"\naction = \"ask\"\n[[rule]]\nkind = \"sshsig\"\nnamespace = \"file\"\naction = \"deny\"",
        "but SHA-1 signatures and forwarded sshsig",
    );
}

/// What is beyond a rate is denied, not left to the next rule.
#[test]
fn no_rule_is_asked_about_what_is_beyond_a_rate() {
    let rule = "[[rule]]\nkey = \"git-work\"\nhost = \"github.com\"\nforwarded = false\n";
    warns(
        &format!("{rule}rate = \"5/min\"\naction = \"allow\"\n{rule}action = \"ask\""),
        "this rule decides about nothing but logins that do not prove their host",
    );
}

#[test]
fn counterparts_are_no_slips() {
    let key = "key = \"git-work\"\n";
    for (first, second) in [
        // Everything else that the key could do.
        ("action = \"ask\"", "action = \"deny\""),
        (
            "host = \"github.com\"\nforwarded = [true, false]\naction = \"allow\"",
            "host = \"github.com\"\naction = \"deny\"",
        ),
        (
            "kind = \"login\"\nsha1 = false\naction = \"ask\"",
            "kind = \"login\"\naction = \"deny\"",
        ),
        (
            "kind = \"sshsig\"\nforwarded = false\nsha1 = false\naction = \"ask\"",
            "kind = \"sshsig\"\naction = \"deny\"",
        ),
        (
            "user = \"git\"\nforwarded = [true, false]\naction = \"allow\"",
            "host = \"unproven\"\nuser = \"git\"\naction = \"ask\"",
        ),
    ] {
        let text = format!("[[rule]]\n{key}{first}\n[[rule]]\n{key}{second}\n");
        assert_eq!(warnings(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn names_that_lead_nowhere() {
    warns(
        "[host.forge]\nnames = [\"forge.example\"]",
        "host `forge` has no key",
    );
    warns(
        "[[rule]]\nhost = \"forge.example\"\naction = \"ask\"",
        "known hosts have no key for `forge.example`",
    );
    warns(
        "[[rule]]\nhost = \"2001:db8:0::5\"\naction = \"deny\"",
        "did you mean `2001:db8::5`?",
    );
    warns(
        "[[rule]]\nkind = \"sshsig\"\nnamespace = \"Git\"\naction = \"deny\"",
        "no usual program signs in the namespace `Git`\n hint: did you mean `git`?",
    );
    warns(
        "[host.github]\nnames = [\"github.com\"]\n[[rule]]\nhost = \"githbu\"\naction = \"ask\"",
        "which the policy does not define",
    );
    warns(
        "[[rule]]\nuser = \"git@forge.example\"\naction = \"deny\"",
        "is this meant? user = \"git\" and host = \"forge.example\"",
    );
    warns(
        "[[rule]]\nkey = \"gone\"\naction = \"ask\"",
        "no keyring has a key `gone`",
    );
    warns(
        "[[rule]]\nkey = \"gitwork\"\naction = \"ask\"",
        "did you mean `git-work`?",
    );
    warns(
        "[[rule]]\nsandbox = [\"d*\", \"ci\"]\naction = \"ask\"",
        "no sandbox is called `ci`\n hint: `split-ssh serve NAME` makes one",
    );
    warns(
        "[[rule]]\nkeyring = \"throw-away\"\naction = \"ask\"",
        "no keyring is called `throw-away`\n hint: did you mean `throwaway`?",
    );
    warns(
        "[[rule]]\nkeyring = [\"def*\", \"ci\"]\naction = \"ask\"",
        "no keyring is called `ci`",
    );
    warns(
        &format!("[key.gone]\nfingerprints = [\"{}\"]", fingerprint('x')),
        "no keyring has the key `gone`",
    );
}

#[test]
fn allowances_without_a_bound() {
    warns(
        "[[rule]]\nforwarded = false\naction = \"allow\"",
        "allows every qube to use every key for everything",
    );
    warns(
        "[[rule]]\nqube = \"work\"\nforwarded = false\naction = \"allow\"",
        "allows its qubes to use every key",
    );
    warns(
        "[[rule]]\nkey = \"git-*\"\nforwarded = false\naction = \"allow\"",
        "allows every qube to use its keys",
    );
    warns(
        "[[rule]]\nkey = \"git-*\"\nhost = \"unproven\"\nuser = \"lab\"\nforwarded = false\naction = \"allow\"",
        "they could be for any server",
    );
    warns(
        "[host.all]\nnames = [\"*\"]\nproof = \"bound\"",
        "takes bound logins of every host",
    );
    for (kind, what) in [("raw", "raw data"), ("certificate", "certificates")] {
        warns(
            &format!(
                "[[rule]]\nqube = \"ca\"\nkey = \"git-work\"\nkind = \"{kind}\"\nforwarded = false\naction = \"allow\""
            ),
            &format!("allows {what} in silence"),
        );
    }
}

/// Hosts do not know it, and the rule that allows is not what it seems.
#[test]
fn rules_that_are_silent_on_forwarding() {
    let rule = "[[rule]]\nqube = \"work\"\nkind = \"login\"\nuser = \"git\"\nhost = \"*\"\n";
    warns(
        &format!("{rule}action = \"allow\""),
        "does not say `forwarded`, so it asks when a request comes through a forwarded agent\n hint: forwarded = false",
    );
    for said in [
        "forwarded = false\naction = \"allow\"",
        "forwarded = [true, false]\naction = \"allow\"",
        "action = \"ask\"",
    ] {
        assert_eq!(warnings(&format!("{rule}{said}")), Vec::<String>::new());
    }
}

#[test]
fn signatures_that_can_be_more() {
    let rule = "[[rule]]\nqube = \"work\"\nkey = \"git-work\"\nkind = \"sshsig\"\n";
    for namespace in [
        "",
        "namespace = \"file\"\n",
        "namespace = \"ssh-crypt\"\n",
        "namespace = \"g*\"\n",
        "namespace = [\"git\", \"auth@web.example\"]\n",
    ] {
        warns(
            &format!("{rule}{namespace}action = \"allow\""),
            "tools derive decryption keys from one (`file`, `ssh-crypt`), and web sites log people in by one",
        );
        let asks = format!("{rule}{namespace}action = \"ask\"");
        assert_eq!(warnings(&asks), Vec::<String>::new());
    }
    let git = format!("{rule}namespace = \"git\"\naction = \"allow\"");
    assert_eq!(warnings(&git), Vec::<String>::new());
}

#[test]
fn host_keys_that_known_hosts_show_under_two_names() {
    let rule =
        |host: &str, more: &str| format!("[[rule]]\nhost = {host}\nforwarded = false\n{more}\n");
    let stage = rule(
        "\"stage.example\"",
        "name = \"stage\"\nqube = \"work\"\naction = \"allow\"",
    );
    for (below, needle) in [
        (
            rule(
                "\"prod.example\"",
                "name = \"never prod\"\naction = \"deny\"",
            ),
            "rule `stage` allows stage.example, whose host key is also that of prod.example in known hosts, and \
             rule `never prod` denies: such a login is denied\n hint: give each host a key of its own",
        ),
        (
            rule("\"prod*\"", "action = \"ask\""),
            "asks: such a login is a question",
        ),
        (
            "[[rule]]\nhost = \"p\"\naction = \"deny\"\n[host.p]\nnames = [\"prod.example\"]\n"
                .to_owned(),
            "prod.example",
        ),
    ] {
        warns(&format!("{stage}{below}"), needle);
    }
    let both = stage.replace("\"stage.example\"", "[\"stage.example\", \"prod.example\"]");
    let prod = rule("\"prod.example\"", "user = \"root\"\naction = \"deny\"");
    let elsewhere = rule("\"prod.example\"", "qube = \"home\"\naction = \"deny\"");
    let rest = rule("\"*\"", "action = \"deny\"");
    for text in [
        format!("{prod}{both}"),
        format!("{stage}{elsewhere}"),
        format!("{stage}{rest}"),
    ] {
        assert_eq!(warnings(&text), Vec::<String>::new(), "{text}");
    }
}

/// The hint is a command, and a shell must not take a port's brackets for a pattern.
#[test]
fn the_hint_for_a_host_without_a_key_can_be_pasted() {
    warns(
        "[[rule]]\nhost = \"[forge.example]:2222\"\naction = \"ask\"",
        "`split-ssh hosts add '[forge.example]:2222' -` takes one",
    );
}

#[test]
fn no_recipe_has_a_warning() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let policy = policy(&fs::read_to_string(&path).unwrap());
        let warnings = lint(&policy, &Surroundings::default());
        assert!(warnings.is_empty(), "{}: {}", path.display(), warnings[0]);
        count += 1;
    }
    assert!(count >= 7);
}

/// Of shown hosts that need proof: what is only bound, or hidden, is left to later rules.
#[test]
fn a_rule_called_unreachable_never_decides() {
    let mut called = 0;
    let is_whole = seeded::cases(1_500, |random| {
        let policy = Model::random(random).parse(random);
        for warning in lint(&policy, &Surroundings::default()) {
            let mut rules = policy.rules.iter();
            let rule = rules.find(|rule| rule.place == warning.place);
            let Some(rule) = rule.filter(|_| warning.message.contains("never decides")) else {
                continue;
            };
            called += 1;
            for _ in 0..40 {
                let (facts, moment) = (random_facts(random), random_moment(random));
                let is_shown = facts.kind != IntentKind::Login || facts.proof == Proof::Proven;
                let judgement = policy.judge(&facts, &moment, &RateCounter::default());
                let decides = judgement.rule().is_some_and(|by| by.index == rule.index);
                assert!(!decides || !is_shown, "{warning}\n{facts:?}\n{policy:#?}");
            }
        }
    });
    assert!(!is_whole || called > 50, "{called}");
}
