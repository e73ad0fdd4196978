//! Random policies as plain data, written out as TOML in random styles, and random requests over the same words.

use policy::caller::{Caller, Keyring};
use policy::crypto::Fingerprint;
use policy::facts::{
    ContentFacts, Facts, HostIdentity, IntentKind, KeyFacts, Moment, Proof, Revocation,
};
use policy::judgement::Verdict;
use policy::rules::{Policy, Source};
use seeded::Random;

/// One to three of `from`, in one of `odds` cases.
fn maybe<T: Copy>(random: &mut Random, odds: usize, from: &[T]) -> Option<Vec<T>> {
    if !random.one_in(odds) {
        return None;
    }
    let count = 1 + random.below(3);
    Some((0..count).map(|_| random.pick(from)).collect())
}

pub const KINDS: [IntentKind; 5] = [
    IntentKind::Login,
    IntentKind::Sshsig,
    IntentKind::Certificate,
    IntentKind::Sudo,
    IntentKind::Raw,
];
const CALLERS: [&str; 7] = [
    "work",
    "work-dev",
    "disp12",
    "sandbox:work",
    "sandbox:1dev",
    "ssh:work",
    "local:1000",
];
/// They stand in `sandbox`, without what tells their kind here.
const SANDBOXES: [&str; 4] = ["sandbox:*", "sandbox:work", "sandbox:1*", "sandbox:w?rk"];
const QUBES: [&str; 9] = [
    "work",
    "work-*",
    "disp*",
    "*",
    "w?rk",
    "ssh:*",
    "ssh:work",
    "local:*",
    "local:1000",
];
const KEYRINGS: [&str; 2] = ["default", "git"];
const KEYRING_PATTERNS: [&str; 3] = ["default", "g*", "*"];
/// Letter of the fingerprint, and comment.
const KEYS: [(char, &str); 3] = [
    ('a', "git-work"),
    ('b', "pr*d key"),
    ('c', "caf\u{e9}\u{1b}[2J"),
];
/// `deploy` is a label, if the policy has it; else no key's comment.
const KEY_PATTERNS: [&str; 6] = ["git-*", "deploy", "*", "pr\\*d*", "SHA256:a", "caf*"];
const USERS: [&str; 8] = [
    "git",
    "root",
    "root:x",
    "root/x",
    "gitte",
    "",
    "a/b:c",
    "caf\u{e9}",
];
const USER_PATTERNS: [&str; 9] = ["git", "root", "*", "g*", "*x", "root:x", "?oot", "a", "a?b"];
const NAMESPACES: [&str; 3] = ["git", "file", "x*"];
const NAMESPACE_PATTERNS: [&str; 4] = ["git", "g*", "*", "x\\*"];
const MAILS: [Option<&str>; 3] = [None, Some("ann@example.org"), Some("bob@example.org")];
const MAIL_PATTERNS: [&str; 4] = ["ann@example.org", "*@example.org", "b*", "*"];
const HOST_PATTERNS: [&str; 10] = [
    "prod.example",
    "*.example",
    "[prod.example]:2222",
    "[*]:*",
    "*",
    "web",
    "?eb",
    "Prod.*",
    "unnamed",
    "unproven",
];
const HOST_NAMES: [&str; 9] = [
    "prod.example",
    "db.prod.example",
    "web",
    "forge.example",
    "[prod.example]:2222",
    "[web]:1",
    "*.example",
    "*.prod.example",
    "(hashed)",
];
const TABLE_NAMES: [&str; 6] = [
    "prod.example",
    "*.prod.example",
    "forge.example",
    "web",
    "*.example",
    "[web]:1",
];
const HOURS: [&str; 4] = ["08:00-20:00", "22:00-06:00", "00:00-24:00", "12:00-12:01"];
const MINUTES: [u16; 10] = [0, 359, 360, 479, 480, 720, 721, 1199, 1320, 1439];

const REVOCATIONS: [Revocation; 20] = {
    let mut all = [Revocation::None; 20];
    all[0] = Revocation::Revoked;
    all[1] = Revocation::Unreadable;
    all
};

pub const ACTIONS: [Verdict; 3] = [Verdict::Allow, Verdict::Ask, Verdict::Deny];

#[derive(Clone)]
pub struct Table {
    pub name: &'static str,
    pub names: Vec<&'static str>,
    pub keys: Vec<char>,
    pub ca: Vec<char>,
    pub proof: Option<Proof>,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub action: Verdict,
    pub qube: Option<Vec<&'static str>>,
    pub keyring: Option<Vec<&'static str>>,
    pub key: Option<Vec<&'static str>>,
    pub kind: Option<Vec<IntentKind>>,
    pub user: Option<Vec<&'static str>>,
    /// Names of tables among them.
    pub host: Option<Vec<&'static str>>,
    pub namespace: Option<Vec<&'static str>>,
    pub content: Option<Vec<&'static str>>,
    pub author: Option<Vec<&'static str>>,
    pub committer: Option<Vec<&'static str>>,
    pub forwarded: Option<Vec<bool>>,
    pub sha1: Option<Vec<bool>>,
    pub hours: Option<Vec<&'static str>>,
    /// So many a minute.
    pub rate: Option<u32>,
}

#[derive(Clone)]
pub struct Model {
    pub default: Verdict,
    pub tables: Vec<Table>,
    /// Of the label `deploy`.
    pub deploy: Option<char>,
    pub rules: Vec<Rule>,
}

impl Model {
    pub fn random(random: &mut Random) -> Self {
        let mut tables = Vec::new();
        for name in ["t-one", "t-two", "t-three"] {
            if random.one_in(3) {
                continue;
            }
            let mut table = Table {
                name,
                names: maybe(random, 2, &TABLE_NAMES).unwrap_or_default(),
                keys: maybe(random, 4, &['p', 'q']).unwrap_or_default(),
                ca: maybe(random, 5, &['C', 'D']).unwrap_or_default(),
                proof: random.pick(&[None, Some(Proof::Bound), Some(Proof::Proven)]),
            };
            if table.names.is_empty() && table.keys.is_empty() && table.ca.is_empty() {
                table.names.push("prod.example");
            }
            tables.push(table);
        }
        let hosts: Vec<&str> = HOST_PATTERNS
            .into_iter()
            .chain(tables.iter().map(|table| table.name))
            .collect();
        let rules = (0..random.below(6))
            .map(|_| Rule::random(random, &hosts))
            .collect();
        Self {
            default: random.pick(&[Verdict::Ask, Verdict::Deny]),
            tables,
            deploy: random.pick(&[None, Some('b')]),
            rules,
        }
    }

    /// The policy, read back from TOML: in one file, or with rules in drop-ins.
    pub fn parse(&self, random: &mut Random) -> Policy {
        let files = self.write(random);
        let sources: Vec<Source<'_>> = files
            .iter()
            .enumerate()
            .map(|(index, text)| Source {
                name: ["policy.toml", "1.toml", "2.toml"][index],
                text,
                main: index == 0,
            })
            .collect();
        Policy::parse(&sources).unwrap_or_else(|error| panic!("{error}\n{}", files.join("----\n")))
    }

    fn write(&self, random: &mut Random) -> Vec<String> {
        let mut head = format!("default = \"{}\"\n", self.default.word());
        let mut tables: Vec<String> = self
            .tables
            .iter()
            .map(|table| table.write(random))
            .collect();
        if let Some(letter) = self.deploy {
            let print = quoted(random, &fingerprint(letter).0);
            tables.push(format!("[key.deploy]\nfingerprints = {print}\n"));
        }
        let mut files = vec![String::new(); 3];
        for table in tables {
            let file = random.below(3);
            files[file] += &table;
        }
        // In the order in which they count.
        let mut file = 0;
        for rule in &self.rules {
            if file < 2 && random.one_in(4) {
                file += 1;
            }
            files[file] += &rule.write(random);
        }
        head += &files[0];
        files[0] = head;
        for text in &mut files {
            if random.one_in(4) {
                *text = text.replace('\n', "\r\n");
            }
        }
        files
    }
}

impl Rule {
    pub fn random(random: &mut Random, hosts: &[&'static str]) -> Self {
        let mut rule = Self::random_matchers(random, hosts);
        rule.drop_what_its_kinds_lack();
        rule
    }

    /// A policy with such a rule is refused: it would cover less than it says.
    fn drop_what_its_kinds_lack(&mut self) {
        let kinds = self.kind.clone().unwrap_or_default();
        let all = |has: fn(&IntentKind) -> bool| kinds.iter().all(has);
        let exclude_each_other =
            self.kind.is_none() && (self.user.is_some() || self.host.is_some());
        if !all(|kind| *kind == IntentKind::Sshsig) || exclude_each_other {
            self.namespace = None;
            self.content = None;
            self.author = None;
            self.committer = None;
        }
        if !all(|kind| *kind == IntentKind::Login) {
            self.host = None;
        }
        if !all(|kind| matches!(kind, IntentKind::Login | IntentKind::Sudo)) {
            self.user = None;
        }
    }

    fn random_matchers(random: &mut Random, hosts: &[&'static str]) -> Self {
        Self {
            action: random.pick(&ACTIONS),
            qube: match random.one_in(4) {
                true => maybe(random, 2, &SANDBOXES),
                false => maybe(random, 5, &QUBES),
            },
            keyring: maybe(random, 9, &KEYRING_PATTERNS),
            key: maybe(random, 5, &KEY_PATTERNS),
            kind: maybe(random, 3, &KINDS),
            user: maybe(random, 4, &USER_PATTERNS),
            host: maybe(random, 2, hosts),
            namespace: maybe(random, 8, &NAMESPACE_PATTERNS),
            content: maybe(random, 12, &["proven", "unproven"]),
            author: maybe(random, 12, &MAIL_PATTERNS),
            committer: maybe(random, 12, &MAIL_PATTERNS),
            forwarded: maybe(random, 6, &[true, false]),
            sha1: maybe(random, 6, &[true, false]),
            hours: maybe(random, 8, &HOURS),
            rate: random.one_in(8).then_some(2),
        }
    }

    /// A rule that denies all of something.
    pub fn random_denial(random: &mut Random, model: &Model) -> Self {
        let hosts: Vec<&str> = HOST_PATTERNS
            .into_iter()
            .chain(model.tables.iter().map(|table| table.name))
            .collect();
        Self {
            action: Verdict::Deny,
            rate: None,
            ..Self::random(random, &hosts)
        }
    }

    fn write(&self, random: &mut Random) -> String {
        let texts = |list: &Option<Vec<&'static str>>| list.clone();
        let bools = |list: &Option<Vec<bool>>| -> Option<Vec<String>> {
            Some(list.as_ref()?.iter().map(bool::to_string).collect())
        };
        let mut lines = vec![format!("action = \"{}\"\n", self.action.word())];
        for (word, list) in [
            (
                match &self.qube {
                    Some(list) if SANDBOXES.contains(&list[0]) => "sandbox",
                    _ => "qube",
                },
                texts(&self.qube).map(|list| {
                    let name = |text: &'static str| text.strip_prefix("sandbox:").unwrap_or(text);
                    list.into_iter().map(name).collect()
                }),
            ),
            ("keyring", texts(&self.keyring)),
            ("key", texts(&self.key)),
            (
                "kind",
                self.kind
                    .as_ref()
                    .map(|list| list.iter().map(|kind| kind.word()).collect()),
            ),
            ("user", texts(&self.user)),
            ("host", texts(&self.host)),
            ("namespace", texts(&self.namespace)),
            ("content", texts(&self.content)),
            ("author", texts(&self.author)),
            ("committer", texts(&self.committer)),
            ("hours", texts(&self.hours)),
        ] {
            if let Some(list) = list {
                let items = list.iter().map(|text| {
                    let whole = text
                        .strip_prefix("SHA256:")
                        .and_then(|rest| rest.chars().next());
                    let whole = whole.map(|letter| fingerprint(letter).0);
                    quoted(random, whole.as_deref().unwrap_or(text))
                });
                let items = items.collect();
                lines.push(line(random, word, items));
            }
        }
        for (word, list) in [
            ("forwarded", bools(&self.forwarded)),
            ("sha1", bools(&self.sha1)),
        ] {
            if let Some(items) = list {
                lines.push(line(random, word, items));
            }
        }
        if let (Some(rate), true) = (self.rate, self.action != Verdict::Deny) {
            lines.push(format!("rate = \"{rate}/min\"\n"));
        }
        let mut text = "[[rule]]\n".to_owned();
        while !lines.is_empty() {
            let next = random.below(lines.len());
            text += &lines.swap_remove(next);
            if random.one_in(9) {
                text += "# a remark, in \"quotes\"\n\n";
            }
        }
        text
    }
}

impl Table {
    fn write(&self, random: &mut Random) -> String {
        let mut text = format!("[host.{}]\n", self.name);
        let names: Vec<String> = self.names.iter().map(|name| quoted(random, name)).collect();
        let prints = |random: &mut Random, letters: &[char]| -> Vec<String> {
            letters
                .iter()
                .map(|letter| quoted(random, &fingerprint(*letter).0))
                .collect()
        };
        let (keys, ca) = (prints(random, &self.keys), prints(random, &self.ca));
        for (word, list) in [("names", names), ("keys", keys), ("ca", ca)] {
            if !list.is_empty() {
                text += &line(random, word, list);
            }
        }
        if let Some(proof) = self.proof {
            text += &format!("proof = \"{}\"\n", proof.word());
        }
        text
    }
}

fn quoted(random: &mut Random, text: &str) -> String {
    if random.one_in(2) {
        format!("'{text}'")
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\"))
    }
}

fn line(random: &mut Random, word: &str, items: Vec<String>) -> String {
    match (items.as_slice(), random.below(3)) {
        ([one], 0 | 1) => format!("{word} = {one}\n"),
        (_, 0) => format!("{word}=[\n\t{},\n]\n", items.join(",\n\t")),
        _ => format!("{word} = [{}]\n", items.join(", ")),
    }
}

/// `SHA256:`, 42 times the same letter, and an `A`, as the last letter of a real one cannot be any.
pub fn fingerprint(letter: char) -> Fingerprint {
    Fingerprint(format!("SHA256:{}A", letter.to_string().repeat(42)))
}

pub fn random_moment(random: &mut Random) -> Moment {
    Moment {
        unix: 1_700_000_000,
        local_minute: random.pick(&MINUTES),
        boot: 1_000,
    }
}

pub fn random_identity(random: &mut Random) -> HostIdentity {
    let names = maybe(random, 2, &HOST_NAMES).unwrap_or_default();
    let strange = [
        "prod.example",
        "web",
        "*.prod.example",
        "*",
        "(any)",
        "(hashed)",
        "other",
    ];
    let could_be = match names.is_empty() {
        true => maybe(random, 2, &strange).unwrap_or_default(),
        false => Vec::new(),
    };
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    HostIdentity {
        fingerprint: fingerprint(random.pick(&['p', 'q', 'r', 's'])),
        algorithm: "ssh-ed25519".to_owned(),
        ca: random
            .pick(&[None, None, Some('C'), Some('D'), Some('E')])
            .map(fingerprint),
        names: owned(names),
        label: random.one_in(4).then(|| "prod.example".to_owned()),
        possible_names: owned(could_be),
        revocation: random.pick(&REVOCATIONS),
    }
}

/// A request as `gather` could make it.
pub fn random_facts(random: &mut Random) -> Facts {
    let kind = match random.one_in(2) {
        true => IntentKind::Login,
        false => random.pick(&KINDS),
    };
    let (letter, comment) = random.pick(&KEYS);
    let proof = match kind {
        IntentKind::Login => {
            random.pick(&[Proof::Unproven, Proof::Bound, Proof::Proven, Proof::Proven])
        }
        _ => Proof::Unproven,
    };
    let text = |text: &str| Some(text.as_bytes().to_vec());
    Facts {
        caller: Caller::parse(random.pick(&CALLERS)).unwrap(),
        keyring: Keyring::from_argument(random.pick(&KEYRINGS)).unwrap(),
        key: KeyFacts {
            fingerprint: fingerprint(letter),
            algorithm: "ssh-rsa".to_owned(),
            comment: comment.as_bytes().to_vec(),
        },
        kind,
        sha1: random.one_in(5),
        user: match kind {
            IntentKind::Login | IntentKind::Sudo => text(random.pick(&USERS)),
            _ => None,
        },
        proof,
        host: (proof != Proof::Unproven).then(|| random_identity(random)),
        content: match kind {
            IntentKind::Sshsig => random.one_in(2).then(|| ContentFacts {
                author: random.pick(&MAILS).and_then(text),
                committer: random.pick(&MAILS).and_then(text),
            }),
            _ => None,
        },
        namespace: match kind {
            IntentKind::Sshsig => text(random.pick(&NAMESPACES)),
            _ => None,
        },
        forwarded: random.one_in(3),
    }
}
