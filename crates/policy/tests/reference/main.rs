//! The judge against one that is written from docs/policy.md alone, on random policies and requests, and what must
//! hold of any policy.

mod evaluator;
mod model;

use std::collections::BTreeMap;

use model::{Model, Rule, random_facts, random_identity, random_moment};
use policy::facts::{Facts, HostIdentity, IntentKind, Moment, Proof};
use policy::judgement::{Remember, Verdict};
use policy::rate::{Rate, RateCounter};
use policy::rules::{LoginTo, Policy, VisibilityQuery};
use seeded::Random;

/// Requests for each policy.
const REQUESTS: usize = 40;

/// Tries random policies with their models; the values are for more.
fn policies(usual: u64, mut case: impl FnMut(&Model, &Policy, &mut Random)) -> bool {
    seeded::cases(usual, |random| {
        let model = Model::random(random);
        let policy = model.parse(random);
        case(&model, &policy, random);
    })
}

fn verdict(policy: &Policy, facts: &Facts, moment: &Moment) -> Verdict {
    policy
        .judge(facts, moment, &RateCounter::default())
        .verdict()
}

#[test]
fn the_judge_does_what_the_document_says() {
    let mut seen: BTreeMap<(Verdict, bool), usize> = BTreeMap::new();
    let is_whole = policies(300, |model, policy, random| {
        for _ in 0..REQUESTS {
            let (facts, moment) = (random_facts(random), random_moment(random));
            let mut rates = RateCounter::default();
            let used_up: Vec<usize> = (0..model.rules.len())
                .filter(|_| random.one_in(3))
                .collect();
            for (rule, rate) in used_up
                .iter()
                .filter_map(|index| Some((*index, model.rules[*index].rate?)))
            {
                let rate = Rate {
                    count: rate,
                    seconds: 60,
                };
                for _ in 0..rate.count {
                    rates.count(rule, &facts.caller, rate, moment.boot);
                }
            }
            let judgement = policy.judge(&facts, &moment, &rates);
            let (expected, by) = evaluator::judge(model, &facts, &moment, &used_up);
            assert_eq!(
                judgement.verdict(),
                expected,
                "{policy:#?}\n{facts:#?}\n{moment:?}"
            );
            if let Some(by) = by {
                assert_eq!(
                    judgement.rule().map(|rule| rule.index),
                    Some(by),
                    "{policy:#?}\n{facts:#?}"
                );
            }
            *seen.entry((expected, by.is_some())).or_default() += 1;
        }
    });
    assert!(
        !is_whole || seen.len() == 5 && seen.values().all(|count| *count > 150),
        "{seen:?}"
    );
}

/// Put anywhere, at the top above all.
#[test]
fn a_further_rule_that_denies_makes_nothing_milder() {
    let mut stricter = 0;
    let is_whole = policies(200, |model, policy, random| {
        let at = match random.one_in(2) {
            true => 0,
            false => random.below(model.rules.len() + 1),
        };
        let denial = Rule::random_denial(random, model);
        let mut more = model.clone();
        more.rules.insert(at, denial);
        let more = more.parse(random);
        for _ in 0..REQUESTS {
            let (facts, moment) = (random_facts(random), random_moment(random));
            let (before, after) = (
                verdict(policy, &facts, &moment),
                verdict(&more, &facts, &moment),
            );
            assert!(after >= before, "{policy:#?}\n{more:#?}\n{facts:#?}");
            stricter += usize::from(after > before);
        }
    });
    assert!(
        !is_whole || stricter > 150,
        "the property is exercised: {stricter}"
    );
}

/// What a rule names and the request does not show is never what allows it.
#[test]
fn nothing_is_allowed_by_a_rule_that_names_what_is_not_known() {
    let mut allowed = 0;
    let is_whole = policies(200, |model, policy, random| {
        for _ in 0..REQUESTS {
            let (facts, moment) = (random_facts(random), random_moment(random));
            let judgement = policy.judge(&facts, &moment, &RateCounter::default());
            if judgement.verdict() != Verdict::Ask {
                assert_eq!(judgement.remember(), Remember::Never);
            }
            if judgement.verdict() != Verdict::Allow {
                continue;
            }
            allowed += 1;
            let rule = &model.rules[judgement.rule().expect("no default allows").index];
            assert_eq!(rule.action, Verdict::Allow);
            assert!(rule.user.is_none() || facts.user.is_some());
            assert!(rule.namespace.is_none() || facts.namespace.is_some());
            let author = facts
                .content
                .as_ref()
                .and_then(|content| content.author.as_ref());
            assert!(rule.author.is_none() || author.is_some());
            let says = |word: &str| rule.host.iter().flatten().any(|host| *host == word);
            if facts.kind == IntentKind::Login {
                assert!(facts.host.is_some() || says("unproven"), "{rule:?}");
                assert!(facts.host.iter().all(|host| !host.revocation.is_some()));
            } else {
                assert!(rule.host.is_none());
            }
            let kinds = rule.kind.iter().flatten();
            assert!(
                matches!(facts.kind, IntentKind::Login | IntentKind::Sshsig)
                    || kinds.into_iter().any(|kind| *kind == facts.kind)
            );
        }
    });
    assert!(!is_whole || allowed > 150, "{allowed}");
}

/// A caller can hide the host of a login; unless a rule speaks of hosts that are hidden, it gains nothing by it.
#[test]
fn a_host_that_is_hidden_is_judged_no_milder_than_any_that_it_could_be() {
    let mut hidden = 0;
    let is_whole = policies(400, |model, policy, random| {
        let speaks = |rule: &Rule| rule.host.iter().flatten().any(|host| *host == "unproven");
        if model.rules.iter().any(speaks) {
            return;
        }
        for _ in 0..REQUESTS {
            let (facts, moment) = (random_facts(random), random_moment(random));
            if facts.kind != IntentKind::Login {
                continue;
            }
            let shown = Facts {
                proof: Proof::Proven,
                host: Some(random_identity(random)),
                ..facts.clone()
            };
            let unproven = Facts {
                proof: Proof::Unproven,
                host: None,
                ..facts.clone()
            };
            if shown.host.iter().any(|host| host.revocation.is_some()) {
                continue;
            }
            let strict = verdict(policy, &shown, &moment);
            assert!(
                verdict(policy, &unproven, &moment) >= strict,
                "{policy:#?}\n{shown:#?}"
            );
            hidden += usize::from(strict == Verdict::Deny);
        }
    });
    assert!(!is_whole || hidden > 150, "{hidden}");
}

/// A name that its hash hides, or a pattern that stands for it, could be any that fits and that no rule spells out.
#[test]
fn a_name_that_is_not_told_is_judged_no_milder_than_any_that_it_could_be() {
    let mut told = 0;
    let is_whole = policies(400, |_, policy, random| {
        let tries = policy.literal_host_names();
        let names = [
            (
                "(hashed)",
                [
                    "eb",
                    "a.example",
                    "x.prod.example",
                    "zeb",
                    "prod2",
                    "prod.org",
                ],
            ),
            (
                "*.example",
                [
                    "a.example",
                    "x.prod.example",
                    "b.example",
                    "prod.x.example",
                    ".example",
                    "z.example",
                ],
            ),
        ];
        for _ in 0..REQUESTS {
            let (open, could_be) = random.pick(&names);
            let name = random.pick(&could_be);
            if tries.iter().any(|tried| tried == name) {
                continue;
            }
            let (facts, moment) = (random_facts(random), random_moment(random));
            let with = |name: &str| Facts {
                host: facts.host.clone().map(|host| HostIdentity {
                    names: vec![name.to_owned()],
                    possible_names: Vec::new(),
                    ..host
                }),
                ..facts.clone()
            };
            let strict = verdict(policy, &with(name), &moment);
            assert!(
                verdict(policy, &with(open), &moment) >= strict,
                "{open} {name}\n{policy:#?}\n{facts:#?}"
            );
            told += usize::from(strict == Verdict::Deny && facts.host.is_some());
        }
    });
    assert!(!is_whole || told > 150, "{told}");
}

/// A key that is not listed has nothing to be used for: whatever may be asked on the connection is denied.
#[test]
fn a_key_that_is_hidden_could_not_be_used() {
    let (mut hidden, mut listed) = (0, 0);
    let is_whole = policies(400, |_, policy, random| {
        let host = random_identity(random);
        let base = random_facts(random);
        let login_to = match random.below(3) {
            0 => None,
            known => Some(LoginTo {
                host: &host,
                verified: known == 1,
            }),
        };
        let forwarded = random.one_in(3);
        let visible = policy.visible(&VisibilityQuery {
            caller: &base.caller,
            keyring: &base.keyring,
            key: &base.key,
            forwarded,
            login_to,
        });
        if visible {
            listed += 1;
            return;
        }
        hidden += 1;
        for _ in 0..REQUESTS {
            let mut facts = Facts {
                caller: base.caller.clone(),
                keyring: base.keyring.clone(),
                key: base.key.clone(),
                ..random_facts(random)
            };
            facts.forwarded |= forwarded;
            if let Some(login) = &login_to {
                facts.kind = IntentKind::Login;
                facts.forwarded = forwarded;
                facts.user = facts.user.or(Some(b"git".to_vec()));
                facts.namespace = None;
                facts.content = None;
                facts.host = Some(host.clone());
                facts.proof = match (login.verified, random.one_in(2)) {
                    (_, true) => Proof::Proven,
                    (true, false) => Proof::Bound,
                    (false, false) => Proof::Unproven,
                };
                if facts.proof == Proof::Unproven {
                    facts.host = None;
                }
            }
            let judgement = policy.judge(&facts, &random_moment(random), &RateCounter::default());
            assert_eq!(
                judgement.verdict(),
                Verdict::Deny,
                "{policy:#?}\n{facts:#?}"
            );
        }
    });
    assert!(
        !is_whole || hidden > 60 && listed > 60,
        "{hidden} hidden, {listed} listed"
    );
}
