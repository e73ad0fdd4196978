//! Warnings: each slip is named, and a sensible policy has none.

use super::*;
use crate::facts::KeyFacts;
use crate::rules::lint::Surroundings;

fn warnings(text: &str) -> Vec<String> {
    let keys = [KeyFacts {
        fingerprint: fingerprint('k'),
        algorithm: "ssh-ed25519".into(),
        comment: b"git-work".to_vec(),
    }];
    let knows = |name: &str| name == "github.com";
    let keyrings = ["default".to_owned(), "throwaway".to_owned()];
    let surroundings = Surroundings {
        knows_host: Some(&knows),
        keys: Some(&keys),
        keyrings: Some(&keyrings),
    };
    let text = format!("default = \"ask\"\n{text}");
    policy(&text)
        .lint(&surroundings)
        .iter()
        .map(ToString::to_string)
        .collect()
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
    let text = "[host.github]\nnames = [\"github.com\"]\n[[rule]]\nkey = \"git-work\"\nhost = \"github\"\naction = \"allow\"\n[[rule]]\nkind = \"sshsig\"\nnamespace = \"git\"\naction = \"ask\"\n[[rule]]\naction = \"deny\"\n";
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
    let broad =
        "[[rule]]\nname = \"broad\"\nqube = \"w*\"\nkey = \"git-work\"\naction = \"allow\"\n";
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
    let rule = "[[rule]]\nkey = \"git-work\"\nhost = \"github.com\"\n";
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
            "host = \"github.com\"\naction = \"allow\"",
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
            "user = \"git\"\naction = \"allow\"",
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
        "[host.github]\nnames = [\"github.com\"]\n[[rule]]\nhost = \"githbu\"\naction = \"ask\"",
        "which the policy does not define",
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
        "[[rule]]\nkeyring = \"throw-away\"\naction = \"ask\"",
        "no keyring is called `throw-away`\n hint: did you mean \"throwaway\"?",
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
        "[[rule]]\naction = \"allow\"",
        "allows every qube to use every key for everything",
    );
    warns(
        "[[rule]]\nqube = \"work\"\naction = \"allow\"",
        "allows its qubes to use every key",
    );
    warns(
        "[[rule]]\nkey = \"git-*\"\naction = \"allow\"",
        "allows every qube to use its keys",
    );
    warns(
        "[[rule]]\nkey = \"git-*\"\nhost = \"unproven\"\nuser = \"lab\"\naction = \"allow\"",
        "they could be for any server",
    );
    warns(
        "[host.all]\nnames = [\"*\"]\nproof = \"bound\"",
        "takes bound logins of every host",
    );
    for (kind, what) in [("raw", "raw data"), ("certificate", "certificates")] {
        warns(
            &format!(
                "[[rule]]\nqube = \"ca\"\nkey = \"git-work\"\nkind = \"{kind}\"\naction = \"allow\""
            ),
            &format!("allows {what} in silence"),
        );
    }
}
