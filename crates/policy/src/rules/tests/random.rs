//! Random policies against all requests over a small vocabulary: the judge against a naive one, and the
//! key list against the judge.

use seeded::Random;

use super::*;
use crate::facts::KeyFacts;
use crate::rules::{LoginTo, VisibilityQuery};

const KINDS: [IntentKind; 5] = [
    IntentKind::Login,
    IntentKind::Sshsig,
    IntentKind::Certificate,
    IntentKind::Sudo,
    IntentKind::Raw,
];
/// Names in known hosts; `z` is one that no rule names, the empty one stands for an unnamed host.
const HOSTS: [&str; 5] = ["a", "b", "c", "z", ""];
/// No rule names the last.
const USERS: [&str; 3] = ["git", "root", "max"];
const NAMESPACES: [&str; 2] = ["git", "zip"];

/// One line `key = [..]` of one or two of `values`, in one of `odds` cases.
fn line(random: &mut Random, odds: usize, key: &str, values: &[&str]) -> String {
    if !random.one_in(odds) {
        return String::new();
    }
    let picked: Vec<&str> = (0..1 + random.below(2))
        .map(|_| random.pick(values))
        .collect();
    format!("{key} = [{}]\n", picked.join(", "))
}

const TABLES: &str = "[host.ta]\nnames = [\"a\"]\nproof = \"bound\"\n[host.tb]\nnames = [\"b\"]\n";

fn random_policy(random: &mut Random) -> String {
    let mut text = format!("default = \"{}\"\n", ["ask", "deny"][random.below(2)]);
    // `a` is a table that accepts bound logins, `b` one that does not, `c` a bare name.
    text += TABLES;
    for _ in 0..random.below(5) {
        text += &random_rule(random);
    }
    text
}

/// A rule that may stand in a policy with these tables: it says nothing that its kinds do not have.
fn random_rule(random: &mut Random) -> String {
    loop {
        let mut text = "[[rule]]\n".to_owned();
        text += &line(random, 6, "qube", &["\"work\"", "\"home\"", "\"w*\""]);
        text += &line(random, 6, "key", &["\"git-work\"", "\"other\""]);
        text += &line(
            random,
            3,
            "kind",
            &[
                "\"login\"",
                "\"sshsig\"",
                "\"certificate\"",
                "\"sudo\"",
                "\"raw\"",
            ],
        );
        text += &line(
            random,
            4,
            "user",
            &["\"git\"", "\"root\"", "\"*o*\"", "\"*\""],
        );
        text += &line(
            random,
            2,
            "host",
            &[
                "\"ta\"",
                "\"tb\"",
                "\"c\"",
                "\"unnamed\"",
                "\"unproven\"",
                "\"unproven\"",
            ],
        );
        text += &line(random, 6, "namespace", &["\"git\"", "\"*\""]);
        text += &line(random, 5, "forwarded", &["true", "false"]);
        text += &line(random, 5, "sha1", &["true", "false"]);
        text += &format!(
            "action = \"{}\"\n",
            ["allow", "ask", "deny"][random.below(3)]
        );
        if parse(&format!("default = \"ask\"\n{TABLES}{text}")).is_ok() {
            return text;
        }
    }
}

fn identity(name: &str) -> HostIdentity {
    let names: &[&str] = if name.is_empty() { &[] } else { &[name] };
    host(name.chars().next().unwrap_or('u'), names)
}

fn rsa_key() -> KeyFacts {
    KeyFacts {
        algorithm: "ssh-rsa".to_owned(),
        ..other(IntentKind::Raw).key
    }
}

/// Every request of `work` over the vocabulary.
fn all_facts() -> Vec<Facts> {
    let mut all = Vec::new();
    for kind in KINDS {
        for (forwarded, sha1) in [(false, false), (false, true), (true, false), (true, true)] {
            let base = Facts {
                forwarded,
                sha1,
                key: rsa_key(),
                ..other(kind)
            };
            match kind {
                IntentKind::Login => {
                    for user in USERS {
                        let user = Some(user.as_bytes().to_vec());
                        all.push(Facts {
                            user: user.clone(),
                            ..base.clone()
                        });
                        for (name, proof) in HOSTS
                            .iter()
                            .flat_map(|name| [(name, Proof::Bound), (name, Proof::Proven)])
                        {
                            let host = Some(identity(name));
                            all.push(Facts {
                                user: user.clone(),
                                host,
                                proof,
                                ..base.clone()
                            });
                        }
                    }
                }
                IntentKind::Sshsig => {
                    all.extend(NAMESPACES.map(|n| Facts {
                        namespace: Some(n.as_bytes().to_vec()),
                        ..base.clone()
                    }));
                }
                IntentKind::Sudo => all.extend(USERS.map(|u| Facts {
                    user: Some(u.as_bytes().to_vec()),
                    ..base.clone()
                })),
                IntentKind::Certificate | IntentKind::Raw => all.push(base),
            }
        }
    }
    all
}

/// The verdict by the letter of the design, read from the policy's text; slow and without mercy.
fn naive(text: &str, facts: &Facts) -> Verdict {
    let (head, rules) = text.split_once("[[rule]]").unwrap_or((text, ""));
    let user = facts
        .user
        .as_deref()
        .map(|u| std::str::from_utf8(u).unwrap());
    let namespace = facts
        .namespace
        .as_deref()
        .map(|n| std::str::from_utf8(n).unwrap());
    let name = facts
        .host
        .as_ref()
        .map(|host| host.names.first().map_or("", String::as_str));
    let enough = matches!(
        (facts.proof, name),
        (Proof::Proven, Some(_)) | (Proof::Bound, Some("a"))
    );
    let plain = |kind| matches!(kind, IntentKind::Login | IntentKind::Sshsig);
    let mut floor = Verdict::Allow;
    for rule in rules
        .split("[[rule]]")
        .filter(|rule| !rule.trim().is_empty())
    {
        let said = |key: &str| -> Option<Vec<&str>> {
            let line = rule
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
            Some(
                line.trim_matches(['[', ']'])
                    .split(", ")
                    .map(|value| value.trim_matches('"'))
                    .collect(),
            )
        };
        let has = |key: &str, value: Option<&str>| {
            let one = |pattern: &&str| match (*pattern, value) {
                (_, None) => false,
                ("*", _) => true,
                ("w*", Some(value)) => value.starts_with('w'),
                ("*o*", Some(value)) => value.contains('o'),
                (pattern, Some(value)) => pattern == value,
            };
            said(key).map(|list| list.iter().any(one))
        };
        let action = match said("action").unwrap()[0] {
            "allow" => Verdict::Allow,
            "ask" => Verdict::Ask,
            _ => Verdict::Deny,
        };
        let deny = action == Verdict::Deny;
        let bool_word = |value: bool| Some(if value { "true" } else { "false" });
        let others = has("qube", Some("work")).unwrap_or(true)
            && has("key", Some("git-work")).unwrap_or(true)
            && has("kind", Some(facts.kind.word())).unwrap_or(deny || plain(facts.kind))
            && has("user", user).unwrap_or(true)
            && has("namespace", namespace).unwrap_or(true)
            && has("forwarded", bool_word(facts.forwarded))
                .unwrap_or(deny || !(facts.forwarded && facts.kind == IntentKind::Sshsig))
            && has("sha1", bool_word(facts.sha1)).unwrap_or(deny || !facts.sha1);
        if !others {
            continue;
        }
        let (mut yes, mut maybe) = (false, false);
        match said("host") {
            None => yes = action != Verdict::Allow || facts.kind != IntentKind::Login || enough,
            Some(_) if facts.kind != IntentKind::Login => {}
            Some(list) => {
                for pattern in list {
                    match pattern {
                        "unproven" => yes |= facts.proof == Proof::Unproven,
                        _ if !enough => maybe = true,
                        "unnamed" => yes |= name == Some(""),
                        "ta" => yes |= name == Some("a"),
                        "tb" => yes |= name == Some("b"),
                        bare => yes |= name == Some(bare),
                    }
                }
            }
        }
        if yes {
            let silent = has("forwarded", Some("true")).is_none();
            let action = match action {
                Verdict::Allow if facts.forwarded && silent => Verdict::Ask,
                action => action,
            };
            return action.max(floor);
        }
        if maybe && action != Verdict::Allow {
            floor = floor.max(action);
        }
    }
    let granted =
        plain(facts.kind) && !facts.sha1 && !(facts.forwarded && facts.kind == IntentKind::Sshsig);
    let default = if granted && head.contains("default = \"ask\"") {
        Verdict::Ask
    } else {
        Verdict::Deny
    };
    default.max(floor)
}

/// Tries random policies, each as text and parsed.
fn policies(usual: u64, mut case: impl FnMut(&str, &Policy)) -> bool {
    seeded::cases(usual, |random| {
        let text = random_policy(random);
        case(&text, &policy(&text));
    })
}

#[test]
fn the_judge_agrees_with_a_naive_one() {
    let facts = all_facts();
    let mut seen = std::collections::HashMap::new();
    let is_whole = policies(300, |text, policy| {
        for facts in &facts {
            let verdict = verdict(policy, facts);
            assert_eq!(verdict, naive(text, facts), "{text}\n{facts:?}");
            *seen.entry(verdict).or_insert(0) += 1;
        }
    });
    assert!(
        !is_whole || seen.len() == 3 && seen.values().all(|count| *count > 1_000),
        "{seen:?}"
    );
}

#[test]
fn a_trace_tells_what_the_judge_did() {
    let facts = all_facts();
    policies(150, |text, policy| {
        for facts in &facts {
            let explained = policy.trace(facts, &noon());
            assert_eq!(explained.judgement, judge(policy, facts));
            assert_eq!(explained.rules.len(), policy.rules.len());
            for trace in &explained.rules {
                let least = trace.matchers.iter().map(|(_, result)| *result).min();
                assert_eq!(
                    least.unwrap_or(super::super::matching::Match::Yes),
                    trace.result,
                    "{text}"
                );
            }
        }
    });
}

#[test]
fn a_host_that_is_not_shown_is_never_allowed_past_a_rule_for_a_host() {
    let facts = all_facts();
    let unshown =
        |facts: &&Facts| facts.kind == IntentKind::Login && facts.proof == Proof::Unproven;
    let mut allowed = 0;
    let is_whole = policies(600, |text, policy| {
        for facts in facts.iter().filter(unshown) {
            let judgement = judge(policy, facts);
            if judgement.verdict != Verdict::Allow {
                continue;
            }
            allowed += 1;
            let by = judgement.rule.unwrap().index;
            assert!(
                text.split("[[rule]]")
                    .nth(by + 1)
                    .unwrap()
                    .contains("unproven"),
                "{text}\n{facts:?}"
            );
            // The same login, shown to be for a host, meets no earlier deny or ask rule that names it.
            for name in HOSTS {
                let shown = Facts {
                    host: Some(identity(name)),
                    proof: Proof::Proven,
                    ..facts.clone()
                };
                let strict = judge(policy, &shown);
                // An allow rule that does not say `forwarded` asks about a forwarded login; it was not passed over.
                let is_allow = |index: usize| policy.rules[index].action == Verdict::Allow;
                let rule = strict.rule.filter(|rule| rule.index < by);
                if let Some(rule) = rule.filter(|rule| !is_allow(rule.index)) {
                    assert_eq!(
                        strict.verdict,
                        Verdict::Allow,
                        "{rule:?}\n{text}\n{facts:?}"
                    );
                }
            }
        }
    });
    assert!(
        !is_whole || allowed > 30,
        "the property is exercised: {allowed}"
    );
}

/// Whether a connection in this state could ask for what the facts say.
fn may_come(query: &VisibilityQuery<'_>, facts: &Facts) -> bool {
    let Some(login) = query.login_to else {
        return facts.forwarded || !query.forwarded;
    };
    let to_host = facts.kind == IntentKind::Login && facts.forwarded == query.forwarded;
    to_host
        && match facts.proof {
            Proof::Unproven => !login.verified,
            Proof::Bound => login.verified && facts.host.as_ref() == Some(login.host),
            Proof::Proven => facts.host.as_ref() == Some(login.host),
        }
}

#[test]
fn the_key_list_follows_from_the_rules() {
    let facts = all_facts();
    let (key, base) = (rsa_key(), other(IntentKind::Raw));
    let hosts = HOSTS.map(identity);
    let mut states: Vec<(bool, Option<LoginTo<'_>>)> = vec![(false, None), (true, None)];
    for host in &hosts {
        for (forwarded, verified) in [(false, true), (false, false), (true, true), (true, false)] {
            states.push((forwarded, Some(LoginTo { host, verified })));
        }
    }
    let (mut hidden, mut listed) = (0, 0);
    let is_whole = policies(200, |text, policy| {
        for (forwarded, login_to) in &states {
            let query = VisibilityQuery {
                caller: &base.caller,
                keyring: &base.keyring,
                key: &key,
                forwarded: *forwarded,
                login_to: *login_to,
            };
            let usable = facts
                .iter()
                .filter(|facts| may_come(&query, facts))
                .any(|facts| verdict(policy, facts) != Verdict::Deny);
            assert_eq!(policy.visible(&query), usable, "{query:?}\n{text}");
            if usable { listed += 1 } else { hidden += 1 }
        }
    });
    assert!(
        !is_whole || hidden > 250 && listed > 250,
        "{hidden} hidden, {listed} listed"
    );
}
