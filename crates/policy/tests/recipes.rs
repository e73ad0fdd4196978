//! The policies of `docs/examples`, which `docs/policy.md` quotes: each is read, found free of
//! warnings, and judged on what its recipe promises.

use std::fs;
use std::path::PathBuf;

use policy::caller::{Caller, Keyring};
use policy::crypto::Fingerprint;
use policy::facts::{Facts, HostIdentity, IntentKind, KeyFacts, Moment, Proof};
use policy::judgement::{Judgement, Remember, Verdict};
use policy::rate::RateCounter;
use policy::rules::{Policy, Source};

use Proof::{Bound, Proven, Unproven};
use policy::judgement::Verdict::{Allow, Ask, Deny};

const NOON: Moment = Moment {
    unix: 1_700_000_000,
    local_minute: 720,
    boot: 1_000,
};

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn text(name: &str) -> String {
    fs::read_to_string(docs().join("examples").join(name)).unwrap()
}

/// A recipe and the requests that it is tried on.
struct Recipe(Policy);

impl Recipe {
    fn new(name: &str) -> Self {
        let text = text(name);
        let policy = Policy::parse(&[Source {
            name,
            text: &text,
            main: true,
        }]);
        Self(policy.unwrap_or_else(|error| panic!("{error}")))
    }

    fn judge(&self, facts: &Facts) -> Judgement {
        self.0.judge(facts, &NOON, &RateCounter::default())
    }

    fn verdict(&self, facts: &Facts) -> Verdict {
        self.judge(facts).verdict()
    }

    /// The name of the rule that decides; `default` if none does.
    fn rule(&self, facts: &Facts) -> String {
        let judgement = self.judge(facts);
        judgement
            .rule()
            .map_or("default".to_owned(), |rule| rule.name.clone().unwrap())
    }
}

/// A request of `qube` with the key of this comment.
fn request(qube: &str, key: &str, kind: IntentKind) -> Facts {
    Facts {
        caller: Caller::parse(qube).unwrap(),
        keyring: Keyring::from_argument("").unwrap(),
        key: KeyFacts {
            fingerprint: Fingerprint(format!("SHA256:{}", "x".repeat(43))),
            algorithm: "ssh-ed25519".to_owned(),
            comment: key.as_bytes().to_vec(),
        },
        kind,
        sha1: false,
        user: None,
        proof: Proof::Unproven,
        host: None,
        content: None,
        namespace: None,
        forwarded: false,
    }
}

/// A login to the host of this name; the empty name is a host that the vault does not know.
fn login(qube: &str, key: &str, user: &str, host: &str, proof: Proof) -> Facts {
    let identity = HostIdentity {
        fingerprint: Fingerprint(format!("SHA256:{}", "h".repeat(43))),
        algorithm: "ssh-ed25519".to_owned(),
        ca: None,
        names: if host.is_empty() {
            vec![]
        } else {
            vec![host.to_owned()]
        },
        label: None,
        possible_names: Vec::new(),
        revocation: policy::facts::Revocation::None,
    };
    Facts {
        user: Some(user.as_bytes().to_vec()),
        host: (proof != Proof::Unproven).then_some(identity),
        proof,
        ..request(qube, key, IntentKind::Login)
    }
}

fn sshsig(qube: &str, key: &str, namespace: &str) -> Facts {
    Facts {
        content: None,
        namespace: Some(namespace.as_bytes().to_vec()),
        ..request(qube, key, IntentKind::Sshsig)
    }
}

fn forwarded(facts: Facts) -> Facts {
    Facts {
        forwarded: true,
        ..facts
    }
}

#[test]
fn every_recipe_is_quoted_whole() {
    let guide = fs::read_to_string(docs().join("policy.md")).unwrap();
    let mut count = 0;
    for entry in fs::read_dir(docs().join("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let _good = Recipe::new(&name);
        assert!(
            guide.contains(&format!("```toml\n{}```", text(&name))),
            "{name} is not quoted as it is"
        );
        count += 1;
    }
    assert!(count >= 7);
}

#[test]
fn every_policy_in_the_guide_is_good() {
    let guide = fs::read_to_string(docs().join("policy.md")).unwrap();
    let blocks: Vec<&str> = guide
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() > 7);
    for text in blocks {
        let source = Source {
            name: "policy.md",
            text,
            main: true,
        };
        Policy::parse(&[source]).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn github_only() {
    let recipe = Recipe::new("github-only.toml");
    let push = login("work", "git-work", "git", "github.com", Bound);
    assert_eq!(
        (recipe.verdict(&push), recipe.rule(&push).as_str()),
        (Allow, "push")
    );
    for refused in [
        login("home", "git-work", "git", "github.com", Bound),
        login("work", "git-work", "root", "github.com", Bound),
        login("work", "git-work", "git", "gitlab.com", Proven),
        login("work", "git-work", "git", "evil.example", Bound),
        login("work", "git-work", "git", "", Unproven),
        forwarded(push),
        sshsig("work", "git-work", "git"),
    ] {
        assert_eq!(recipe.verdict(&refused), Deny, "{refused:?}");
    }
}

#[test]
fn ask_for_new_hosts() {
    let recipe = Recipe::new("ask-for-new-hosts.toml");
    assert_eq!(
        recipe.verdict(&login("work", "work", "me", "db.example", Proven)),
        Allow
    );
    let new = login("work", "work", "me", "", Proven);
    assert_eq!(
        (recipe.rule(&new).as_str(), recipe.judge(&new).remember()),
        ("new hosts", Remember::Never)
    );
    for asked in [
        login("work", "work", "me", "db.example", Bound),
        login("work", "work", "me", "", Unproven),
        login("home", "work", "me", "db.example", Proven),
    ] {
        assert_eq!(recipe.verdict(&asked), Ask, "{asked:?}");
    }
}

#[test]
fn ci_qube() {
    let recipe = Recipe::new("ci-qube.toml");
    let key = recipe.0.labelled("deploy").unwrap().clone();
    let with_key = |mut facts: Facts| {
        facts.key.fingerprint = key.clone();
        facts
    };
    let deploy = with_key(login(
        "ci",
        "any comment",
        "deploy",
        "web1.staging.example",
        Proven,
    ));
    assert_eq!(recipe.rule(&deploy), "deploy");
    assert!(recipe.judge(&deploy).notify());
    let mut rates = RateCounter::default();
    let allowed = (0..100).filter(|_| {
        let judgement = recipe.0.judge(&deploy, &NOON, &rates);
        recipe
            .0
            .count(&judgement, &deploy.caller, &NOON, &mut rates);
        judgement.verdict() == Allow
    });
    assert_eq!(allowed.count(), 60);
    for refused in [
        with_key(login("ci", "", "deploy", "prod.example", Proven)),
        with_key(login("ci", "", "deploy", "staging.example", Unproven)),
        login("ci", "deploy", "deploy", "staging.example", Proven),
        with_key(request("ci", "", IntentKind::Raw)),
        with_key(login("work", "", "deploy", "staging.example", Proven)),
    ] {
        assert_eq!(recipe.verdict(&refused), Deny, "{refused:?}");
    }
    assert_eq!(
        recipe.verdict(&login("work", "other", "me", "x", Proven)),
        Ask
    );
}

#[test]
fn disposables_by_keyring() {
    let recipe = Recipe::new("disposables.toml");
    let mut fetch = login("disp1234", "key", "git", "git.example", Proven);
    assert_eq!(recipe.verdict(&fetch), Deny, "from another keyring");
    fetch.keyring = Keyring::from_argument("throwaway").unwrap();
    assert_eq!(
        (
            recipe.rule(&fetch).as_str(),
            recipe.judge(&fetch).remember()
        ),
        ("fetch", Remember::UpTo(600))
    );
    fetch.user = Some(b"root".to_vec());
    assert_eq!(recipe.verdict(&fetch), Deny);
}

#[test]
fn git_signing() {
    let recipe = Recipe::new("git-signing.toml");
    let commit = sshsig("work", "signing", "git");
    assert_eq!(
        (
            recipe.rule(&commit).as_str(),
            recipe.judge(&commit).remember()
        ),
        ("commits and tags", Remember::UpTo(3_600))
    );
    assert_eq!(
        recipe.rule(&forwarded(commit)),
        "commits on a remote machine"
    );
    for refused in [
        sshsig("work", "signing", "file"),
        sshsig("home", "signing", "git"),
        login("work", "signing", "git", "github.com", Proven),
        request("work", "signing", IntentKind::Certificate),
    ] {
        assert_eq!(recipe.verdict(&refused), Deny, "{refused:?}");
    }
}

#[test]
fn sudo_by_agent() {
    let recipe = Recipe::new("sudo.toml");
    let sudo = Facts {
        user: Some(b"me".to_vec()),
        ..request("admin", "sudo", IntentKind::Sudo)
    };
    assert_eq!(
        (recipe.rule(&sudo).as_str(), recipe.judge(&sudo).remember()),
        ("sudo", Remember::Never)
    );
    assert_eq!(recipe.verdict(&forwarded(sudo.clone())), Ask);
    for refused in [
        Facts {
            user: Some(b"you".to_vec()),
            ..sudo.clone()
        },
        Facts {
            caller: Caller::parse("work").unwrap(),
            ..sudo
        },
        login("admin", "sudo", "me", "server.example", Proven),
        Facts {
            user: Some(b"me".to_vec()),
            ..request("admin", "other", IntentKind::Sudo)
        },
    ] {
        assert_eq!(recipe.verdict(&refused), Deny, "{refused:?}");
    }
}

#[test]
fn jump_hosts() {
    let recipe = Recipe::new("jump-hosts.toml");
    for host in ["bastion.example", "db.internal.example"] {
        let direct = login("work", "work", "me", host, Proven);
        assert_eq!(recipe.rule(&direct), "through the bastion");
        assert_eq!(
            recipe.verdict(&login("work", "work", "me", host, Bound)),
            Deny
        );
    }
    let onward = forwarded(login("work", "work", "me", "db.internal.example", Proven));
    assert_eq!(
        (recipe.verdict(&onward), recipe.rule(&onward).as_str()),
        (Ask, "from the bastion")
    );
    assert_eq!(
        recipe.verdict(&forwarded(login(
            "work",
            "work",
            "me",
            "bastion.example",
            Proven
        ))),
        Deny
    );
    assert_eq!(
        recipe.verdict(&login("work", "work", "me", "other.example", Proven)),
        Deny
    );
}
