//! Which rule decides, and what no rule can be made to decide.

use super::*;
use crate::facts::ContentFacts;
use crate::judgement::Remember;

const PROD: &str = r#"
default = "deny"

[host.prod]
names = ["prod.example", "*.prod.example"]

[host.github]
names = ["github.com"]
proof = "bound"

[[rule]]
name = "not prod"
host = "prod"
action = "deny"

[[rule]]
name = "rest"
kind = "login"
action = "allow"

[[rule]]
name = "old clients"
host = "unproven"
action = "allow"
"#;

#[test]
fn first_match_wins() {
    let policy = policy(
        "default = \"deny\"\n[[rule]]\nuser = \"git\"\naction = \"ask\"\n[[rule]]\naction = \"allow\"\n",
    );
    let at = |user: &str| judge(&policy, &login(user, host('h', &["h"]), Proof::Proven));
    assert_eq!(
        (at("git").verdict, at("git").rule.unwrap().place.line),
        (Verdict::Ask, 2)
    );
    assert_eq!(
        (at("me").verdict, at("me").rule.unwrap().place.line),
        (Verdict::Allow, 5)
    );
}

#[test]
fn hiding_the_host_does_not_dodge_a_deny_rule() {
    let policy = policy(PROD);
    assert_eq!(
        verdict(
            &policy,
            &login("me", host('a', &["a.example"]), Proof::Proven)
        ),
        Verdict::Allow
    );
    assert_eq!(
        verdict(
            &policy,
            &login("me", host('p', &["x.prod.example"]), Proof::Proven)
        ),
        Verdict::Deny
    );

    let hidden = judge(&policy, &login_unproven("me"));
    assert_eq!(hidden.verdict, Verdict::Deny);
    assert_eq!(hidden.rule.unwrap().name.as_deref(), Some("not prod"));
    assert_eq!(
        hidden.reason,
        "the host is unproven and could be one for which rule `not prod` denies it"
    );

    let own_host = login("me", host('e', &["evil.example"]), Proof::Bound);
    assert_eq!(
        verdict(&policy, &own_host),
        Verdict::Deny,
        "a bind of the caller's own host shows nothing"
    );
}

#[test]
fn a_host_may_accept_logins_that_are_only_bound() {
    let policy = policy(PROD);
    let github = |proof| verdict(&policy, &login("git", host('g', &["github.com"]), proof));
    assert_eq!(
        (github(Proof::Proven), github(Proof::Bound)),
        (Verdict::Allow, Verdict::Allow)
    );
}

#[test]
fn the_stricter_of_two_tables_holds() {
    let policy = policy(
        "default = \"ask\"\n[host.a]\nnames = [\"*\"]\nproof = \"bound\"\n[host.b]\nnames = [\"b\"]\nproof = \"proven\"\n[[rule]]\nhost = \"a\"\naction = \"allow\"\n",
    );
    assert_eq!(
        verdict(&policy, &login("me", host('x', &["x"]), Proof::Bound)),
        Verdict::Allow
    );
    assert_eq!(
        verdict(&policy, &login("me", host('b', &["b"]), Proof::Bound)),
        Verdict::Ask
    );
}

#[test]
fn an_allow_rule_without_host_needs_a_host_that_is_shown() {
    let policy = policy("default = \"ask\"\n[[rule]]\nkey = \"git-work\"\naction = \"allow\"\n");
    assert_eq!(
        verdict(&policy, &login("me", host('x', &[]), Proof::Proven)),
        Verdict::Allow
    );
    assert_eq!(
        verdict(&policy, &login("me", host('x', &[]), Proof::Bound)),
        Verdict::Ask
    );
    assert_eq!(verdict(&policy, &login_unproven("me")), Verdict::Ask);
    assert_eq!(
        verdict(&policy, &sshsig("git")),
        Verdict::Allow,
        "an sshsig has no host to show"
    );
}

#[test]
fn unproven_and_unnamed_are_different_words() {
    let policy = policy(
        "default = \"deny\"\n[host.k]\nkeys = \"SHA256:kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkA\"\n[[rule]]\nhost = \"unproven\"\naction = \"allow\"\n[[rule]]\nhost = \"unnamed\"\naction = \"ask\"\n",
    );
    assert_eq!(verdict(&policy, &login_unproven("me")), Verdict::Allow);
    assert_eq!(
        verdict(&policy, &login("me", host('x', &[]), Proof::Proven)),
        Verdict::Ask
    );
    assert_eq!(
        verdict(&policy, &login("me", host('x', &["x"]), Proof::Proven)),
        Verdict::Deny
    );
    assert_eq!(
        verdict(&policy, &login("me", host('k', &[]), Proof::Proven)),
        Verdict::Deny,
        "a table names it"
    );
}

#[test]
fn hosts_are_told_by_name_key_or_ca() {
    let (key, ca) = (fingerprint('k'), fingerprint('c'));
    let policy = policy(&format!(
        "default = \"deny\"\n[host.h]\nnames = [\"H.Example\"]\nkeys = [\"{key}\"]\nca = [\"{ca}\"]\n[[rule]]\nhost = [\"h\", \"direct.*\"]\naction = \"allow\"\n"
    ));
    let at = |host| verdict(&policy, &login("me", host, Proof::Proven));
    assert_eq!(at(host('x', &["h.example"])), Verdict::Allow);
    assert_eq!(at(host('k', &[])), Verdict::Allow);
    assert_eq!(at(host('x', &["direct.example"])), Verdict::Allow);
    assert_eq!(
        at(HostIdentity {
            ca: Some(ca),
            ..host('x', &[])
        }),
        Verdict::Allow
    );
    assert_eq!(
        at(HostIdentity {
            ca: Some(key),
            ..host('x', &["h"])
        }),
        Verdict::Deny
    );
    assert_eq!(
        at(HostIdentity {
            label: Some("h.example".into()),
            ..host('x', &[])
        }),
        Verdict::Deny
    );
}

#[test]
fn an_unnamed_host_that_could_be_a_denied_one_is_never_allowed_silently() {
    let policy = policy(&PROD.replace(", \"*.prod.example\"", ""));
    let unnamed = |possible_names: &[&str]| HostIdentity {
        possible_names: possible_names
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        ..host('u', &[])
    };
    let at = |host| judge(&policy, &login("me", host, Proof::Proven));
    assert_eq!(
        at(unnamed(&[])).verdict,
        Verdict::Allow,
        "the control: nothing points to prod"
    );
    assert_eq!(at(unnamed(&["other.example"])).verdict, Verdict::Allow);
    for names in [
        &["prod.example"][..],
        &["(any)"],
        &["other.example", "prod.example"],
    ] {
        let judgement = at(unnamed(names));
        assert_eq!(judgement.verdict, Verdict::Ask, "{names:?}");
        assert_eq!(judgement.remember, Remember::Never);
    }
    let no_root = super::policy(
        "default = \"ask\"\n[[rule]]\nhost = \"prod\"\nuser = \"root\"\naction = \"deny\"\n[[rule]]\naction = \"allow\"\n",
    );
    for (user, expected) in [
        ("me", Verdict::Allow),
        ("root", Verdict::Ask),
        ("root:x", Verdict::Ask),
    ] {
        let facts = login(user, unnamed(&["prod"]), Proof::Proven);
        assert_eq!(verdict(&no_root, &facts), expected, "{user}");
    }

    // A pattern may mean hosts that known hosts do not have; `*` is for those that they have.
    let by_pattern = super::policy(PROD);
    let facts = login("me", unnamed(&[]), Proof::Proven);
    assert_eq!(verdict(&by_pattern, &facts), Verdict::Ask);
    let named = super::policy(
        "default = \"ask\"\n[[rule]]\nhost = \"*\"\naction = \"deny\"\n[[rule]]\naction = \"allow\"\n",
    );
    assert_eq!(verdict(&named, &facts), Verdict::Allow);
    let facts = login("me", unnamed(&["some.example"]), Proof::Proven);
    assert_eq!(verdict(&named, &facts), Verdict::Ask);

    let one = super::policy(
        "default = \"deny\"\n[[rule]]\nhost = \"prod\"\naction = \"deny\"\n[[rule]]\naction = \"allow\"\n",
    );
    for (name, expected) in [
        ("*", Verdict::Allow),
        ("prod", Verdict::Ask),
        ("(any)", Verdict::Ask),
    ] {
        let facts = login("me", unnamed(&[name]), Proof::Proven);
        assert_eq!(verdict(&one, &facts), expected, "{name}");
    }
    for table in ["keys", "ca"] {
        let policy = super::policy(&format!(
            "default = \"deny\"\n[host.prod]\n{table} = \"{}\"\n[[rule]]\nhost = \"prod\"\naction = \"deny\"\n[[rule]]\naction = \"allow\"\n",
            fingerprint('p')
        ));
        let at = |host| verdict(&policy, &login("me", host, Proof::Proven));
        assert_eq!(at(unnamed(&[])), Verdict::Ask, "by another key: {table}");
        assert_eq!(at(host('o', &["other.example"])), Verdict::Allow);
    }
}

#[test]
fn a_revoked_host_key_is_denied_whatever_rules_say() {
    let policy = policy("default = \"ask\"\n[[rule]]\nhost = \"h\"\naction = \"allow\"\n");
    let revoked = HostIdentity {
        revocation: crate::facts::Revocation::Revoked,
        ..host('h', &["h"])
    };
    let judgement = judge(&policy, &login("me", revoked, Proof::Proven));
    assert_eq!((judgement.verdict, judgement.rule), (Verdict::Deny, None));
}

#[test]
fn content_that_is_not_known_is_nobodys() {
    let by = |author: Option<&str>, committer: Option<&str>| Facts {
        content: Some(ContentFacts {
            author: author.map(|mail| mail.as_bytes().to_vec()),
            committer: committer.map(|mail| mail.as_bytes().to_vec()),
        }),
        ..sshsig("git")
    };
    let (ann, bob) = (Some("ann@example.org"), Some("bob@example.org"));
    let unproven = sshsig("git");

    let proven = policy("default = \"deny\"\n[[rule]]\ncontent = \"proven\"\naction = \"allow\"\n");
    assert_eq!(verdict(&proven, &by(None, None)), Verdict::Allow);
    assert_eq!(verdict(&proven, &unproven), Verdict::Deny);
    assert_eq!(verdict(&proven, &login_unproven("git")), Verdict::Deny);
    let required = policy(
        "default = \"ask\"\n[[rule]]\nnamespace = \"git\"\ncontent = \"unproven\"\naction = \"deny\"\n",
    );
    assert_eq!(verdict(&required, &by(ann, ann)), Verdict::Ask);
    assert_eq!(verdict(&required, &unproven), Verdict::Deny);
    assert_eq!(verdict(&required, &sshsig("file")), Verdict::Ask);

    let allows = policy(
        "default = \"ask\"\n[[rule]]\nauthor = \"*@example.org\"\ncommitter = \"ann@*\"\naction = \"allow\"\n",
    );
    assert_eq!(verdict(&allows, &by(bob, ann)), Verdict::Allow);
    for other in [
        by(ann, bob),
        by(ann, None),
        by(Some("ann@example.net"), ann),
        unproven.clone(),
    ] {
        assert_eq!(verdict(&allows, &other), Verdict::Ask, "{other:?}");
    }
    // What may be his is denied, too.
    let denies = policy(
        "default = \"ask\"\n[[rule]]\nauthor = \"bob@*\"\naction = \"deny\"\n[[rule]]\nnamespace = \"git\"\naction = \"allow\"\n",
    );
    assert_eq!(verdict(&denies, &by(ann, bob)), Verdict::Allow);
    for his in [by(bob, ann), by(None, None), unproven] {
        assert_eq!(verdict(&denies, &his), Verdict::Deny, "{his:?}");
    }
    assert_eq!(verdict(&denies, &login_unproven("git")), Verdict::Ask);
}

#[test]
fn what_is_not_named_is_not_granted() {
    for action in ["allow", "ask"] {
        let policy = policy(&format!(
            "default = \"ask\"\n[[rule]]\naction = \"{action}\"\n"
        ));
        for kind in [IntentKind::Certificate, IntentKind::Sudo, IntentKind::Raw] {
            assert_eq!(
                verdict(&policy, &other(kind)),
                Verdict::Deny,
                "{kind:?} {action}"
            );
        }
        let sha1 = Facts {
            sha1: true,
            ..login("me", host('h', &["h"]), Proof::Proven)
        };
        assert_eq!(verdict(&policy, &sha1), Verdict::Deny, "SHA-1 {action}");
        let forwarded = Facts {
            forwarded: true,
            ..sshsig("git")
        };
        assert_eq!(
            verdict(&policy, &forwarded),
            Verdict::Deny,
            "forwarded sshsig {action}"
        );
    }
    let named = policy(
        "default = \"deny\"\n[[rule]]\nkind = [\"certificate\", \"sudo\", \"raw\"]\naction = \"ask\"\n[[rule]]\nsha1 = true\naction = \"ask\"\n[[rule]]\nforwarded = true\nkind = \"sshsig\"\naction = \"ask\"\n",
    );
    for kind in [IntentKind::Certificate, IntentKind::Sudo, IntentKind::Raw] {
        assert_eq!(verdict(&named, &other(kind)), Verdict::Ask);
        assert_eq!(judge(&named, &other(kind)).remember, Remember::Never);
    }
    let sha1 = Facts {
        sha1: true,
        ..login("me", host('h', &["h"]), Proof::Proven)
    };
    assert_eq!(verdict(&named, &sha1), Verdict::Ask);
    assert_eq!(
        verdict(
            &named,
            &Facts {
                forwarded: true,
                ..sshsig("git")
            }
        ),
        Verdict::Ask
    );
}

#[test]
fn what_a_deny_rule_does_not_say_is_denied() {
    let policy = policy(
        "default = \"ask\"\n[[rule]]\nqube = \"work\"\naction = \"deny\"\n[[rule]]\nkind = [\"raw\", \"sshsig\", \"login\"]\nsha1 = [true, false]\nforwarded = [true, false]\naction = \"allow\"\n",
    );
    let sha1 = Facts {
        sha1: true,
        ..login("me", host('h', &["h"]), Proof::Proven)
    };
    for facts in [
        other(IntentKind::Raw),
        sha1,
        Facts {
            forwarded: true,
            ..sshsig("git")
        },
    ] {
        assert_eq!(verdict(&policy, &facts), Verdict::Deny, "{facts:?}");
        let elsewhere = Facts {
            caller: Caller::parse("home").unwrap(),
            ..facts
        };
        assert_eq!(
            verdict(&policy, &elsewhere),
            Verdict::Allow,
            "{elsewhere:?}"
        );
    }
}

#[test]
fn a_matcher_on_a_fact_that_is_not_there_does_not_match() {
    for (matcher, facts) in [
        ("host = \"*\"", sshsig("git")),
        ("host = \"unproven\"", sshsig("git")),
        ("user = \"*\"", sshsig("git")),
        (
            "namespace = \"*\"",
            login("me", host('h', &["h"]), Proof::Proven),
        ),
    ] {
        let policy = policy(&format!(
            "default = \"deny\"\n[[rule]]\n{matcher}\naction = \"allow\"\n"
        ));
        assert_eq!(verdict(&policy, &facts), Verdict::Deny, "{matcher}");
    }
}

#[test]
fn callers_keyrings_keys_and_namespaces() {
    let text =
        |matcher: &str| format!("default = \"deny\"\n[[rule]]\n{matcher}\naction = \"allow\"\n");
    let from = |caller: &str| Facts {
        caller: Caller::parse(caller).unwrap(),
        ..sshsig("git")
    };
    let covers =
        |matcher: &str, facts: &Facts| verdict(&policy(&text(matcher)), facts) == Verdict::Allow;
    assert!(
        covers("qube = [\"x\", \"wor?\"]", &from("work"))
            && !covers("qube = \"work\"", &from("work2"))
    );
    assert!(
        !covers("qube = \"*\"", &from("ssh:work")) && !covers("qube = \"*\"", &from("local:0"))
    );
    assert!(
        covers("qube = \"ssh:w*\"", &from("ssh:work"))
            && !covers("qube = \"ssh:*\"", &from("work"))
    );
    assert!(covers("qube = \"local:1000\"", &from("local:1000")));
    for (rule, covered) in [
        ("qube = [\"*\", \"ssh:*\", \"local:*\"]", "work"),
        ("sandbox = \"*\"", "sandbox:work"),
    ] {
        for caller in ["work", "sandbox:work"] {
            let is_covered = covers(rule, &from(caller));
            assert_eq!(is_covered, caller == covered, "{rule} {caller}");
        }
    }
    let box_of_many = covers("sandbox = [\"1*\", \"dev\"]", &from("sandbox:1f-dev"));
    assert!(box_of_many && !covers("sandbox = \"dev\"", &from("sandbox:dev2")));
    assert!(!covers("sandbox = \"*\"", &from("ssh:work")));
    let both = parse(&text("qube = \"*\"\nsandbox = \"*\"")).unwrap_err();
    assert!(both.to_string().contains("make two rules"), "{both}");
    // What names no caller is about all of them.
    assert!(covers("", &from("sandbox:work")));
    assert!(
        covers("keyring = \"default\"", &from("work"))
            && !covers("keyring = \"git\"", &from("work"))
    );
    assert!(covers("key = \"git-*\"", &from("work")) && !covers("key = \"prod\"", &from("work")));
    assert!(covers(
        &format!("key = \"{}\"", fingerprint('k')),
        &from("work")
    ));
    assert!(
        covers("namespace = \"git\"", &sshsig("git"))
            && !covers("namespace = \"git\"", &sshsig("file"))
    );

    // A label is the key that it names, and no longer a pattern for comments, which an upstream sets.
    let labelled = policy(&format!(
        "default = \"deny\"\n[key.git-work]\nfingerprints = \"{}\"\n[[rule]]\nkey = \"git-work\"\naction = \"allow\"\n",
        fingerprint('x')
    ));
    assert_eq!(verdict(&labelled, &from("work")), Verdict::Deny);
    let mut by_fingerprint = from("work");
    by_fingerprint.key.fingerprint = fingerprint('x');
    assert_eq!(verdict(&labelled, &by_fingerprint), Verdict::Allow);
}

#[test]
fn hours_may_go_over_midnight() {
    let policy = policy(
        "default = \"deny\"\n[[rule]]\nhours = [\"22:00-06:00\", \"12:00-13:00\"]\naction = \"allow\"\n",
    );
    let at = |minute| {
        let moment = Moment {
            local_minute: minute,
            ..noon()
        };
        policy
            .judge(&sshsig("git"), &moment, &RateCounter::default())
            .verdict
            == Verdict::Allow
    };
    let open = [1320, 1439, 0, 359, 720, 779];
    let closed = [1319, 360, 719, 780];
    assert!(open.into_iter().all(at) && !closed.into_iter().any(at));
}

#[test]
fn a_rate_that_is_used_up_denies() {
    let policy =
        policy("default = \"ask\"\n[[rule]]\nname = \"r\"\nrate = \"2/min\"\naction = \"allow\"\n");
    let mut rates = RateCounter::default();
    let mut at = |boot| {
        let moment = Moment { boot, ..noon() };
        let judgement = policy.judge(&sshsig("git"), &moment, &rates);
        policy.count(&judgement, &sshsig("git").caller, &moment, &mut rates);
        judgement
    };
    assert_eq!(
        [at(0).verdict, at(1).verdict],
        [Verdict::Allow, Verdict::Allow]
    );
    assert_eq!(
        at(2).reason,
        "limit: rule `r` gives 2/min, and work has used it up"
    );
    assert_eq!(
        [at(59).verdict, at(60).verdict],
        [Verdict::Deny, Verdict::Allow]
    );
}

#[test]
fn hiding_the_host_gives_no_more_questions_or_signatures_than_showing_it() {
    let policy = policy(
        "default = \"ask\"\n[[rule]]\nname = \"r\"\nhost = \"prod\"\nrate = \"1/min\"\nsignatures = 9\naction = \"ask\"\n[[rule]]\nhost = \"unproven\"\nuser = \"me\"\naction = \"allow\"\n",
    );
    let mut rates = RateCounter::default();
    let shown = login("me", host('p', &["prod"]), Proof::Proven);
    let at = |facts: &Facts, rates: &RateCounter| policy.judge(facts, &noon(), rates);
    let first = at(&shown, &rates);
    assert_eq!((first.verdict, first.signatures), (Verdict::Ask, 9));
    for user in ["me", "other"] {
        let hidden = at(&login_unproven(user), &rates);
        assert_eq!(
            (hidden.verdict, hidden.signatures),
            (Verdict::Ask, 1),
            "{user}"
        );
    }
    policy.count(&first, &shown.caller, &noon(), &mut rates);
    assert_eq!(at(&shown, &rates).verdict, Verdict::Deny);
    for user in ["me", "other"] {
        let hidden = at(&login_unproven(user), &rates);
        assert_eq!(hidden.verdict, Verdict::Deny, "{user}");
        assert!(
            hidden.reason.contains("limit: rule `r` gives 1/min"),
            "{}",
            hidden.reason
        );
    }
}

#[test]
fn what_may_be_another_rules_takes_the_stricter_of_both() {
    for (asks, allows, expected) in [(2, 9, 2), (9, 2, 2)] {
        let policy = policy(&format!(
            "default = \"deny\"\n[[rule]]\nuser = \"root\"\naction = \"ask\"\nremember = \"1h\"\nsignatures = {asks}\n[[rule]]\naction = \"allow\"\nnotify = true\nsignatures = {allows}\n"
        ));
        let at = |user: &str| judge(&policy, &login(user, host('h', &["h"]), Proof::Proven));
        let sure = at("root");
        assert_eq!(
            (sure.verdict, sure.remember, sure.notify),
            (Verdict::Ask, Remember::UpTo(3_600), false)
        );
        let may_be = at("root:x");
        assert_eq!(
            (may_be.verdict, may_be.remember, may_be.notify),
            (Verdict::Ask, Remember::Never, true)
        );
        assert_eq!(may_be.signatures, expected);
        assert_eq!(may_be.rule.unwrap().index, 0, "its rate counts");
    }
}

#[test]
fn an_answer_is_remembered_only_for_what_was_shown() {
    let rules = policy(
        "default = \"ask\"\n[[rule]]\nhost = \"unproven\"\nuser = \"lab\"\naction = \"ask\"\nremember = \"1h\"\n[[rule]]\nuser = \"me\"\naction = \"ask\"\nremember = \"2h\"\n[[rule]]\nuser = \"git\"\naction = \"ask\"\nremember = \"never\"\n",
    );
    let shown = |user| judge(&rules, &login(user, host('h', &["h"]), Proof::Proven)).remember;
    assert_eq!(shown("me"), Remember::UpTo(7_200));
    assert_eq!(shown("git"), Remember::Never);
    assert_eq!(
        shown("else"),
        Remember::UpTo(super::super::judge::DEFAULT_REMEMBER)
    );
    let unproven = |user| judge(&rules, &login_unproven(user)).remember;
    assert_eq!(
        [unproven("me"), unproven("else")],
        [Remember::Never, Remember::Never]
    );
    assert_eq!(unproven("lab"), Remember::UpTo(3_600), "the rule says so");
    let bound = judge(&rules, &login("me", host('h', &["h"]), Proof::Bound));
    assert_eq!(
        (bound.verdict, bound.remember),
        (Verdict::Ask, Remember::Never)
    );

    let floored = policy(
        "default = \"deny\"\n[[rule]]\nhost = \"prod\"\naction = \"ask\"\n[[rule]]\nhost = \"unproven\"\naction = \"ask\"\nremember = \"1h\"\n",
    );
    assert_eq!(
        judge(&floored, &login_unproven("me")).remember,
        Remember::Never,
        "it could be prod"
    );
}

#[test]
fn the_shipped_policy_asks() {
    let policy = Policy::shipped();
    assert_eq!(verdict(&policy, &login_unproven("me")), Verdict::Ask);
    assert_eq!(verdict(&policy, &sshsig("git")), Verdict::Ask);
    assert_eq!(verdict(&policy, &other(IntentKind::Raw)), Verdict::Deny);
}

#[test]
fn a_name_that_known_hosts_only_hint_at_is_not_taken_for_another() {
    let policy = policy(
        "default = \"ask\"\n[[rule]]\nname = \"prod\"\nhost = \"*.prod.example\"\naction = \"deny\"\n[[rule]]\nkey = \"git-work\"\naction = \"allow\"\n",
    );
    let at = |name: &str| verdict(&policy, &login("me", host('h', &[name]), Proof::Proven));
    assert_eq!(at("a.example"), Verdict::Allow);
    assert_eq!(at("*.prod.example"), Verdict::Deny, "the very pattern");
    assert_eq!(at("*.example"), Verdict::Deny, "could be a.prod.example");
    assert_eq!(
        at(crate::known_hosts::HASHED),
        Verdict::Deny,
        "could be any"
    );
    let two_names = host('h', &["a.example", crate::known_hosts::HASHED]);
    assert_eq!(
        verdict(&policy, &login("me", two_names, Proof::Proven)),
        Verdict::Deny,
        "one of its names could be any"
    );
    let hashed = judge(
        &policy,
        &login(
            "me",
            host('h', &[crate::known_hosts::HASHED]),
            Proof::Proven,
        ),
    );
    assert_eq!(
        hashed.reason,
        "the name of the host leaves open which it is; it could be one for which rule `prod` denies it"
    );

    let allow = |pattern: &str, name: &str| {
        let policy = super::policy(&format!(
            "default = \"ask\"\n[[rule]]\nhost = \"{pattern}\"\naction = \"allow\"\n"
        ));
        verdict(&policy, &login("me", host('h', &[name]), Proof::Proven)) == Verdict::Allow
    };
    assert!(allow("*.a", "*.a") && allow("*", "(hashed)") && allow("[X.a]:22", "x.a"));
    assert!(
        !allow("*.a", "*.b.a")
            && !allow("x.a", "*.a")
            && !allow("?.a", "*.a")
            && !allow("*.a", "(hashed)")
    );
}

/// sshd logs `root:any` in as `root`: what follows the colon is an authentication style. Some vendors' sshd cuts
/// at `/` as well.
#[test]
fn a_user_that_servers_cut_is_every_user_that_it_could_be() {
    let policy = policy(
        "default = \"ask\"\n[[rule]]\nname = \"no root\"\nuser = \"root\"\naction = \"deny\"\n[[rule]]\nuser = [\"git*\", \"*er\", \"ci:x\"]\naction = \"allow\"\n",
    );
    let at = |user: &str| judge(&policy, &login(user, host('h', &["h"]), Proof::Proven));
    for user in [
        "root:",
        "root:skey",
        "root/sysadm_r",
        "root/a:b",
        "root:a/b",
    ] {
        assert_eq!(at(user).verdict, Verdict::Deny, "{user}");
    }
    assert_eq!(
        at("root:er").reason,
        "servers may cut the user's name at `:` or `/`; it could be one for which rule `no root` denies it"
    );
    for (user, expected) in [
        ("root2:x", Verdict::Ask),
        (":root", Verdict::Ask),
        ("git:x/y", Verdict::Allow),
        ("me:er", Verdict::Ask),
        ("ver:er", Verdict::Allow),
        ("ci:x", Verdict::Allow),
        ("ci:y", Verdict::Ask),
    ] {
        assert_eq!(at(user).verdict, expected, "{user}");
    }
    assert!(
        at("me:er")
            .reason
            .contains("may or may not mean the user, and the default asks")
    );
    assert_eq!(at("me:er").remember, Remember::UpTo(900));

    // sudo names an account and nothing else.
    let sudo = super::policy(
        "default = \"deny\"\n[[rule]]\nkind = \"sudo\"\nuser = \"root\"\naction = \"deny\"\n[[rule]]\nkind = \"sudo\"\naction = \"ask\"\n",
    );
    let facts = Facts {
        user: Some(b"root:x".to_vec()),
        ..other(IntentKind::Sudo)
    };
    assert_eq!(verdict(&sudo, &facts), Verdict::Ask);
}

#[test]
fn a_rule_for_a_host_leaves_no_way_past_it_by_another_port() {
    let policy = policy(
        "default = \"ask\"\n[host.h]\nnames = [\"[git.example]:2222\"]\n[[rule]]\nhost = \"h\"\naction = \"allow\"\n[[rule]]\nhost = [\"prod\", \"*.example\"]\naction = \"deny\"\n[[rule]]\nhost = \"*\"\naction = \"allow\"\n",
    );
    let at = |name: &str| judge(&policy, &login("me", host('h', &[name]), Proof::Proven));
    for name in ["prod", "[prod]:2222", "db.example", "[db.example]:22022"] {
        assert_eq!(at(name).verdict, Verdict::Deny, "{name}");
    }
    for name in [
        "[git.example]:2222",
        "[prod2]:2222",
        "prod2",
        "[a.example.org]:1",
    ] {
        assert_eq!(at(name).verdict, Verdict::Allow, "{name}");
    }

    let allow = super::policy("default = \"ask\"\n[[rule]]\nhost = \"prod\"\naction = \"allow\"\n");
    let at = |name: &str| judge(&allow, &login("me", host('h', &[name]), Proof::Proven));
    assert_eq!(at("prod").verdict, Verdict::Allow);
    assert_eq!(
        at("[prod]:2222").verdict,
        Verdict::Ask,
        "another server, it may be"
    );
}
