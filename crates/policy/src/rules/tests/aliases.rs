//! One host key under several names, and rules that are silent on forwarded agents.

use super::*;
use crate::judgement::Remember;

const TWO_NAMES: &str = r#"
default = "ask"
[[rule]]
name = "stage"
qube = "work"
kind = "login"
host = "stage.example"
forwarded = false
action = "allow"
[[rule]]
name = "never prod"
kind = "login"
host = "prod.example"
action = "deny"
"#;

fn at(policy: &Policy, names: &[&str]) -> Judgement {
    judge(policy, &login("me", host('h', names), Proof::Proven))
}

#[test]
fn a_key_that_stage_and_prod_share_is_prods_too() {
    let policy = policy(TWO_NAMES);
    assert_eq!(at(&policy, &["stage.example"]).verdict, Verdict::Allow);
    let both = at(&policy, &["prod.example", "stage.example"]);
    assert_eq!(both.verdict, Verdict::Deny);
    assert_eq!(
        both.reason,
        "known hosts give the same host key to prod.example, for which rule `never prod` denies it"
    );
    assert_eq!(both.rule.unwrap().name.as_deref(), Some("never prod"));
    // Aliases that no rule speaks of change nothing.
    let aliases = ["192.0.2.7", "stage", "stage.example", "(hashed)"];
    assert_eq!(at(&policy, &aliases).verdict, Verdict::Allow);
}

/// Each: what the second rule says, the key's names, and the answer past "allow stage.example".
#[test]
fn a_rule_below_counts_for_every_other_name_that_it_has() {
    for (below, names, expected) in [
        (
            "host = \"*.example\"\naction = \"deny\"",
            &["prod.example", "stage.example"][..],
            Verdict::Deny,
        ),
        (
            "host = \"*.example\"\naction = \"deny\"",
            &["stage.example", "stage"],
            Verdict::Allow,
        ),
        (
            "host = \"*.example\"\naction = \"ask\"",
            &["prod.example", "stage.example"],
            Verdict::Ask,
        ),
        // A host that is hashed could be one of the pattern's; a name without wildcards was tried on it.
        (
            "host = \"*.prod\"\naction = \"deny\"",
            &["stage.example", "(hashed)"],
            Verdict::Deny,
        ),
        (
            "host = \"db.prod\"\naction = \"deny\"",
            &["stage.example", "(hashed)"],
            Verdict::Allow,
        ),
        // A pattern of known hosts.
        (
            "host = \"*.example\"\naction = \"deny\"",
            &["stage.example", "*.example"],
            Verdict::Deny,
        ),
        // The same server at another port has the same key.
        (
            "host = \"prod.example\"\naction = \"deny\"",
            &["stage.example", "[prod.example]:2222"],
            Verdict::Deny,
        ),
        // Rules for every host mean no name in particular.
        (
            "host = \"*\"\naction = \"deny\"",
            &["prod.example", "stage.example"],
            Verdict::Allow,
        ),
        (
            "action = \"deny\"",
            &["prod.example", "stage.example"],
            Verdict::Allow,
        ),
        (
            "host = [\"unnamed\", \"unproven\"]\naction = \"deny\"",
            &["prod.example", "stage.example"],
            Verdict::Allow,
        ),
        // Another user, or a user that servers may cut.
        (
            "host = \"prod.example\"\nuser = \"root\"\naction = \"deny\"",
            &["prod.example", "stage.example"],
            Verdict::Allow,
        ),
        (
            "host = \"prod.example\"\nuser = \"me*\"\naction = \"deny\"",
            &["prod.example", "stage.example"],
            Verdict::Deny,
        ),
        // Tables: by name, by the key itself, by the key of another type that known hosts have of prod.
        (
            "host = \"prod\"\naction = \"deny\"",
            &["prod.example", "stage.example"],
            Verdict::Deny,
        ),
        (
            "host = \"key\"\naction = \"deny\"",
            &["stage.example"],
            Verdict::Deny,
        ),
        (
            "host = \"stage\"\naction = \"deny\"",
            &["stage.example"],
            Verdict::Allow,
        ),
        // The first rule that names the other name decides for it.
        (
            "host = \"prod.example\"\naction = \"allow\"\n[[rule]]\nhost = \"prod.example\"\naction = \"deny\"",
            &["prod.example", "stage.example"],
            Verdict::Allow,
        ),
        (
            "host = \"prod.example\"\naction = \"ask\"\n[[rule]]\nhost = \"prod.example\"\naction = \"deny\"",
            &["prod.example", "stage.example"],
            Verdict::Ask,
        ),
        (
            "host = \"nobody\"\naction = \"deny\"\n[[rule]]\nhost = \"prod.example\"\naction = \"deny\"",
            &["prod.example", "stage.example"],
            Verdict::Deny,
        ),
    ] {
        let key = fingerprint('h');
        let text = format!(
            "default = \"ask\"\n[host.prod]\nnames = [\"prod.example\"]\n[host.stage]\nnames = [\"stage.example\"]\n[host.key]\nkeys = [\"{key}\"]\n[[rule]]\nhost = \"stage.example\"\naction = \"allow\"\n[[rule]]\n{below}\n"
        );
        assert_eq!(
            at(&policy(&text), names).verdict,
            expected,
            "{below} {names:?}"
        );
    }
}

/// A rule that holds for the whole key, or for all hosts of an authority, and one below for a name of that key.
#[test]
fn tables_of_keys_and_authorities() {
    for (table, expected) in [
        ("keys = [\"SHA256:HH\"]", Verdict::Deny),
        (
            "names = [\"stage.example\", \"prod.example\"]",
            Verdict::Allow,
        ),
        ("names = [\"*\"]", Verdict::Allow),
        ("ca = [\"SHA256:CC\"]", Verdict::Allow),
    ] {
        let table = table
            .replace("SHA256:HH", &fingerprint('h').0)
            .replace("SHA256:CC", &fingerprint('C').0);
        let text = format!(
            "default = \"ask\"\n[host.t]\n{table}\n[[rule]]\nhost = \"t\"\naction = \"allow\"\n[[rule]]\nhost = \"prod.example\"\naction = \"deny\"\n"
        );
        let shared = HostIdentity {
            ca: Some(fingerprint('C')),
            ..host('h', &["prod.example", "stage.example"])
        };
        let judgement = judge(&policy(&text), &login("me", shared, Proof::Proven));
        assert_eq!(judgement.verdict, expected, "{table}");
    }
    let text = format!(
        "default = \"ask\"\n[host.prod]\nca = [\"{}\"]\n[[rule]]\nhost = \"stage.example\"\naction = \"allow\"\n[[rule]]\nhost = \"prod\"\naction = \"deny\"\n",
        fingerprint('C')
    );
    let policy = policy(&text);
    for (names, expected) in [
        (&["stage.example"][..], Verdict::Allow),
        (&["prod.example", "stage.example"], Verdict::Deny),
    ] {
        let certified = HostIdentity {
            ca: Some(fingerprint('C')),
            ..host('h', names)
        };
        assert_eq!(
            verdict(&policy, &login("me", certified, Proof::Proven)),
            expected
        );
    }
}

#[test]
fn a_question_about_one_name_is_not_remembered_for_the_other() {
    let rule = |host: &str| format!("[[rule]]\nhost = \"{host}\"\naction = \"ask\"\n");
    let text = format!("default = \"deny\"\n{}{}", rule("a"), rule("b"));
    let policy = policy(&text);
    assert_eq!(at(&policy, &["a"]).remember, Remember::UpTo(900));
    assert_eq!(at(&policy, &["a", "b"]).remember, Remember::Never);
}

#[test]
fn a_rule_that_is_silent_on_forwarding_asks_about_a_forwarded_login() {
    let text = |forwarded: &str| {
        format!(
            "default = \"deny\"\n[[rule]]\nname = \"servers\"\nhost = \"*\"\n{forwarded}action = \"allow\"\n"
        )
    };
    let direct = login("me", host('h', &["h"]), Proof::Proven);
    let forwarded = Facts {
        forwarded: true,
        ..direct.clone()
    };
    for (said, of_direct, of_forwarded) in [
        ("", Verdict::Allow, Verdict::Ask),
        ("forwarded = false\n", Verdict::Allow, Verdict::Deny),
        ("forwarded = true\n", Verdict::Deny, Verdict::Allow),
        (
            "forwarded = [true, false]\n",
            Verdict::Allow,
            Verdict::Allow,
        ),
    ] {
        let policy = policy(&text(said));
        let found = (verdict(&policy, &direct), verdict(&policy, &forwarded));
        assert_eq!(found, (of_direct, of_forwarded), "{said}");
    }
    let asked = judge(&policy(&text("")), &forwarded);
    assert_eq!(
        asked.reason,
        "rule `servers` allows it, but does not say `forwarded`, so what comes through a forwarded agent is asked \
         about; forwarded = [true, false] in the rule allows both"
    );
    assert_eq!(asked.rule.unwrap().name.as_deref(), Some("servers"));
}

/// A certificate, sudo or raw data that a hop asks for is worth more than a login.
#[test]
fn no_kind_is_allowed_silently_through_a_forwarded_agent() {
    for kind in [IntentKind::Certificate, IntentKind::Sudo, IntentKind::Raw] {
        let text = format!(
            "default = \"deny\"\n[[rule]]\nkind = \"{}\"\naction = \"allow\"\n",
            kind.word()
        );
        let facts = Facts {
            forwarded: true,
            ..other(kind)
        };
        assert_eq!(verdict(&policy(&text), &facts), Verdict::Ask);
        assert_eq!(verdict(&policy(&text), &other(kind)), Verdict::Allow);
        let named = text.replace("action", "forwarded = true\naction");
        assert_eq!(verdict(&policy(&named), &facts), Verdict::Allow);
    }
}
