use super::*;
use crate::caller::Caller;
use crate::facts::IntentKind;
use crate::question::tests::sample::{self, at};

const HOST_KEY: &[u8] = b"the host's key";
const ASKS: &str = "default = \"ask\"\n";
const DENIES: &str = "default = \"deny\"\n";
const ALLOWS: &str = "default = \"ask\"\n[[rule]]\nhost = \"github.com\"\naction = \"allow\"\n";

fn policy(text: &str) -> Policy {
    let source = crate::rules::Source {
        name: "policy.toml",
        text,
        main: true,
    };
    Policy::parse(&[source]).unwrap()
}

const ASKS_ALL: &str = "default = \"ask\"\n";

/// Known hosts that call the host's key so.
fn known_as(name: &str) -> impl Fn(&[u8]) -> HostIdentity + use<> {
    let host = HostIdentity {
        fingerprint: sample::fingerprint('g'),
        ..sample::host(name)
    };
    move |key| {
        assert_eq!(key, HOST_KEY);
        host.clone()
    }
}

fn github(key: &[u8]) -> HostIdentity {
    known_as("github.com")(key)
}

fn gathered() -> Gathered {
    let facts = sample::login("work", "git", "github.com").facts;
    Gathered::in_tests(b"data", facts, Some(HOST_KEY.to_vec()))
}

fn judged(text: &str) -> Judged {
    Judged::by(&policy(text), gathered(), &at(0), &RateCounter::default())
}

fn by_policy() -> Permit {
    judged(ALLOWS).permit().unwrap()
}

/// A permit by the person, from a question that this policy asked.
fn by_person(text: &str, basis: Basis) -> Permit {
    let inquiry = judged(text).inquiry(Vec::new(), &at(0), &NoCrypto).unwrap();
    inquiry.permit(basis)
}

struct NoCrypto;

impl Crypto for NoCrypto {
    fn sha256(&self, _: &[u8]) -> [u8; 32] {
        [0; 32]
    }
    fn content_hasher(&self) -> Box<dyn crate::crypto::ContentHasher> {
        panic!("no content here")
    }
    fn hmac_sha1_for_known_hosts(&self, _: &[u8], _: &[u8]) -> [u8; 20] {
        [0; 20]
    }
    fn verify(
        &self,
        _: &wire::plain_key::PlainKey<'_>,
        _: &wire::signature::Signature<'_>,
        _: &[u8],
    ) -> crate::crypto::Verified {
        crate::crypto::Verified::Unverifiable
    }
    fn fingerprint(&self, _: &[u8]) -> crate::crypto::Fingerprint {
        sample::fingerprint('f')
    }
}

/// What a permit has become: nothing if it stands, else the policy's word now.
fn changed(
    permit: Permit,
    text: &str,
    identify: &dyn Fn(&[u8]) -> HostIdentity,
    now: Moment,
) -> Option<Verdict> {
    permit
        .recheck(&policy(text), identify, &now)
        .err()
        .map(|judged| judged.judgement().verdict())
}

#[test]
fn only_an_allow_is_a_permit_and_only_an_ask_a_question() {
    assert!(judged(ALLOWS).permit().is_ok());
    assert!(judged(ASKS).permit().is_err());
    assert!(judged(DENIES).permit().is_err());
    let may_ask = |text| judged(text).inquiry(Vec::new(), &at(0), &NoCrypto).is_ok();
    assert_eq!(
        [ALLOWS, ASKS, DENIES].map(may_ask),
        [false, true, false],
        "asked about"
    );
    assert!(
        Judged::denied(gathered(), "the policy is broken")
            .permit()
            .is_err()
    );
}

#[test]
fn a_permit_owns_the_request_that_was_judged() {
    let permit = by_policy();
    assert_eq!(permit.request().data, b"data");
    let message = permit.into_message();
    let wire::request::Request::Sign(sent) = wire::request::Request::parse(&message).unwrap()
    else {
        panic!("no sign request")
    };
    assert_eq!(
        (sent.key, sent.data, sent.flags),
        (&b"key"[..], &b"data"[..], 0)
    );
}

#[test]
fn a_permit_by_the_policy_stands_only_while_the_policy_allows() {
    assert_eq!(changed(by_policy(), ALLOWS, &github, at(1)), None);
    let elsewhere = ALLOWS.replace("action", "qube = \"work\"\naction");
    assert_eq!(changed(by_policy(), &elsewhere, &github, at(1)), None);
    assert_eq!(
        changed(by_policy(), ASKS, &github, at(1)),
        Some(Verdict::Ask)
    );
    assert_eq!(
        changed(by_policy(), DENIES, &github, at(1)),
        Some(Verdict::Deny)
    );
}

#[test]
fn a_host_that_is_renamed_or_revoked_meanwhile_is_judged_again() {
    let renamed = known_as("evil.example");
    assert_eq!(
        changed(by_policy(), ALLOWS, &renamed, at(1)),
        Some(Verdict::Ask)
    );
    let answered = by_person(ASKS, Basis::Answer { named: None });
    assert_eq!(
        changed(answered, ASKS, &renamed, at(1)),
        Some(Verdict::Ask),
        "the person saw another name"
    );
    let named = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        move |key: &[u8]| HostIdentity {
            names: names.clone(),
            ..github(key)
        }
    };
    let further = named(&["alias.example", "github.com"]);
    let none = named(&[]);
    let answered = || by_person(ASKS, Basis::Answer { named: None });
    assert_eq!(changed(answered(), ASKS, &further, at(1)), None);
    assert_eq!(changed(answered(), ASKS, &none, at(1)), Some(Verdict::Ask));
    let approved = || by_person(ASKS, Basis::Approval);
    assert_eq!(
        changed(approved(), ASKS, &further, at(1)),
        Some(Verdict::Ask),
        "an approval is for exactly these names"
    );
    let revoked = |key: &[u8]| HostIdentity {
        revocation: crate::facts::Revocation::Revoked,
        ..github(key)
    };
    for permit in [by_policy(), by_person(ASKS, Basis::Answer { named: None })] {
        assert_eq!(
            changed(permit, ALLOWS, &revoked, at(1)),
            Some(Verdict::Deny)
        );
    }
}

/// The person saw no name, and gave it one for known hosts to have.
#[test]
fn the_name_that_came_with_the_answer_is_what_the_person_saw() {
    let unnamed = || {
        let mut facts = sample::login("work", "git", "github.com").facts;
        facts.host.as_mut().unwrap().names.clear();
        let gathered = Gathered::in_tests(b"data", facts, Some(HOST_KEY.to_vec()));
        Judged::by(&policy(ASKS_ALL), gathered, &at(0), &RateCounter::default())
    };
    let named_as = |name: Option<&str>| {
        let named = name.map(str::to_owned);
        let inquiry = unnamed().inquiry(Vec::new(), &at(0), &NoCrypto).unwrap();
        inquiry.permit(Basis::Answer { named })
    };
    let build = known_as("build");
    assert_eq!(
        changed(named_as(Some("build")), ASKS_ALL, &build, at(1)),
        None
    );
    for other in [None, Some("other")] {
        let verdict = changed(named_as(other), ASKS_ALL, &build, at(1));
        assert_eq!(verdict, Some(Verdict::Ask));
    }
}

#[test]
fn a_label_that_moves_to_another_key_takes_its_rule_along() {
    let labelled = |letter: char| {
        let key = sample::fingerprint(letter);
        format!("{ALLOWS}key = \"mine\"\n[key.mine]\nfingerprints = [\"{key}\"]\n")
    };
    let permit = || judged(&labelled('K')).permit().unwrap();
    assert_eq!(changed(permit(), &labelled('K'), &github, at(1)), None);
    assert_eq!(
        changed(permit(), &labelled('L'), &github, at(1)),
        Some(Verdict::Ask)
    );
}

#[test]
fn an_hour_that_ends_meanwhile_ends_the_permit() {
    let until = |hours: &str| format!("{ALLOWS}hours = \"{hours}\"\n");
    let late = Moment {
        local_minute: 20 * 60,
        ..at(1)
    };
    // `at` is at 19:40.
    let permit = || judged(&until("08:00-20:00")).permit().unwrap();
    assert_eq!(
        changed(permit(), &until("08:00-20:00"), &github, at(1)),
        None
    );
    assert_eq!(
        changed(permit(), &until("08:00-20:00"), &github, late),
        Some(Verdict::Ask)
    );
}

#[test]
fn an_answer_stands_while_the_policy_asks_or_allows() {
    let answered = || by_person(ASKS, Basis::Answer { named: None });
    assert_eq!(changed(answered(), ASKS, &github, at(1)), None);
    assert_eq!(changed(answered(), ALLOWS, &github, at(1)), None);
    let other_rule = format!("{ASKS}[[rule]]\nqube = \"work\"\naction = \"ask\"\n");
    assert_eq!(changed(answered(), &other_rule, &github, at(1)), None);
    assert_eq!(
        changed(answered(), DENIES, &github, at(1)),
        Some(Verdict::Deny)
    );
}

#[test]
fn an_answer_for_an_unnamed_host_stands_with_the_label_that_came_with_it() {
    let unnamed = |key: &[u8]| HostIdentity {
        names: Vec::new(),
        ..github(key)
    };
    let labelled = |key: &[u8]| HostIdentity {
        label: Some("staging".to_owned()),
        ..unnamed(key)
    };
    let answered = || {
        let mut facts = sample::login("work", "git", "github.com").facts;
        facts.host = Some(unnamed(HOST_KEY));
        let gathered = Gathered::in_tests(b"data", facts, Some(HOST_KEY.to_vec()));
        let judged = Judged::by(&policy(ASKS), gathered, &at(0), &RateCounter::default());
        let inquiry = judged.inquiry(Vec::new(), &at(0), &NoCrypto).unwrap();
        inquiry.permit(Basis::Answer { named: None })
    };
    assert_eq!(changed(answered(), ASKS, &labelled, at(1)), None);
    assert_eq!(
        changed(answered(), ASKS, &github, at(1)),
        Some(Verdict::Ask),
        "it was shown as a host without a name"
    );
}

#[test]
fn an_approval_stands_while_the_policy_would_honour_it() {
    let remember = |length: &str| {
        format!("{ASKS}[[rule]]\nqube = \"work\"\naction = \"ask\"\nremember = \"{length}\"\n")
    };
    let approved = || by_person(&remember("1h"), Basis::Approval);
    assert_eq!(changed(approved(), &remember("1h"), &github, at(1)), None);
    for stricter in [remember("1m"), remember("never"), DENIES.to_owned()] {
        assert!(
            changed(approved(), &stricter, &github, at(1)).is_some(),
            "{stricter}"
        );
    }
}

#[test]
fn a_used_up_rate_does_not_end_a_permit_that_was_counted() {
    let rated = format!("{ALLOWS}rate = \"1/h\"\n");
    let policy = policy(&rated);
    let mut rates = RateCounter::default();
    let judged = Judged::by(&policy, gathered(), &at(0), &rates);
    policy.count(
        judged.judgement(),
        &Caller::parse("work").unwrap(),
        &at(0),
        &mut rates,
    );
    let permit = judged.permit().unwrap();
    assert!(permit.recheck(&policy, &github, &at(1)).is_ok());
    let second = Judged::by(&policy, gathered(), &at(2), &rates);
    assert_eq!(second.judgement().verdict(), Verdict::Deny);
}

#[test]
fn what_is_judged_again_keeps_its_request_and_has_the_facts_of_now() {
    let judged = by_policy()
        .recheck(&policy(ASKS), &known_as("evil.example"), &at(1))
        .unwrap_err();
    assert_eq!(judged.case().gathered.request().data, b"data");
    assert_eq!(judged.case().facts().kind, IntentKind::Login);
    let host = judged.case().facts().host.as_ref().unwrap();
    assert_eq!(host.names, ["evil.example"]);
}
