//! Lessons as TOML, with comments for the person who is to paste it.

use std::fmt::Write as _;

use policy::caller::Caller;
use policy::crypto::Fingerprint;
use policy::display;
use policy::facts::{IntentKind, Proof};
use policy::rules::Policy;

use super::lessons::{
    HostWord, MAX_SHOWN, NoProposal, ProposedRule, RecordedCase, RecordedCases, join_hosts,
    join_qubes,
};
use super::toml_text::{string, strings};

/// A `[host.NAME]` table for one key.
struct Table<'a> {
    name: String,
    fingerprint: &'a Fingerprint,
    shown: &'a str,
    proof: Proof,
}

/// Characters of the places of rules in a comment.
const MAX_PLACES: usize = 240;

/// Writing to a string cannot fail.
macro_rules! put {
    ($text:expr, $($part:tt)*) => { let _ = writeln!($text, $($part)*); };
}

impl RecordedCases {
    /// The rules as TOML, narrowest first, to be pasted behind those of `policy`, whose names of hosts
    /// are not taken again. What is not proposed is said in comments.
    pub fn propose(&self, policy: &Policy) -> String {
        let mut lessons = Vec::new();
        let mut unfit = Vec::new();
        for case in &self.cases {
            match case.lesson(policy) {
                Ok(lesson) => lessons.push(lesson),
                Err(why) => unfit.push((case, why)),
            }
        }
        let lessons = join_qubes(join_hosts(lessons));
        write(lessons, &unfit, policy)
    }
}

fn write(
    mut lessons: Vec<ProposedRule>,
    unfit: &[(&RecordedCase, NoProposal)],
    policy: &Policy,
) -> String {
    lessons.sort_by_key(ProposedRule::width);
    let tables = tables(&lessons, policy);
    let mut text = String::new();
    put!(
        text,
        "# proposed by `split-ssh policy learn`, narrowest first: read it before you paste it"
    );
    for table in &tables {
        put!(text, "\n# {} {}", table.shown, table.fingerprint);
        if table.proof == Proof::Bound {
            put!(
                text,
                "# Its logins were bound, not proven: whoever holds this host's private key could"
            );
            put!(
                text,
                "# borrow the rules that name it. This also holds for rules that you have already."
            );
        }
        put!(text, "[host.{}]", string(&table.name));
        put!(text, "keys = {}", string(&table.fingerprint.0));
        if table.proof == Proof::Bound {
            put!(text, "proof = \"bound\"");
        }
    }
    for (index, lesson) in lessons.iter().enumerate() {
        rule(&mut text, index + 1, lesson, &tables);
    }
    if !unfit.is_empty() {
        put!(text, "\n# not proposed:");
    }
    for (case, why) in unfit {
        put!(
            text,
            "# - {}, {} yes, {} no: {why}",
            shown(case),
            case.yes,
            case.no
        );
    }
    text
}

fn rule(text: &mut String, number: usize, lesson: &ProposedRule, tables: &[Table<'_>]) {
    let times = if lesson.yes == 1 {
        "once".to_owned()
    } else {
        format!("{} times", lesson.yes)
    };
    put!(
        text,
        "\n# yes {times}, last {}; key {}",
        lesson.last,
        lesson.comment
    );
    if !lesson.asked_at.is_empty() {
        let places = display::ascii(lesson.asked_at.join(", ").as_bytes(), MAX_PLACES);
        put!(
            text,
            "# first match wins: put it above the rule that asks, at {places}"
        );
    }
    put!(text, "[[rule]]");
    put!(text, "name = {}", string(&format!("learned {number}")));
    let names: Vec<String> = lesson
        .qubes
        .iter()
        .map(|caller| match caller {
            Caller::Sandbox(name) => name.clone(),
            other => other.to_string(),
        })
        .collect();
    let key = match lesson.names_sandboxes() {
        true => "sandbox",
        false => "qube",
    };
    put!(text, "{key} = {}", strings(&names));
    put!(text, "keyring = {}", string(lesson.keyring.as_str()));
    put!(text, "key = {}", string(&lesson.key.0));
    put!(text, "kind = {}", string(lesson.kind.word()));
    if let Some(user) = &lesson.user {
        put!(text, "user = {}", string(user));
    }
    let hosts: Vec<String> = lesson
        .hosts
        .iter()
        .flat_map(|host| words(host, tables))
        .collect();
    if lesson.kind == IntentKind::Login {
        put!(text, "host = {}", strings(&hosts));
    }
    if let Some(namespace) = &lesson.namespace {
        put!(text, "namespace = {}", string(namespace));
    }
    put!(text, "forwarded = {}", lesson.forwarded);
    put!(text, "sha1 = {}", lesson.sha1);
    put!(text, "action = \"allow\"");
}

fn words(host: &HostWord, tables: &[Table<'_>]) -> Vec<String> {
    match host {
        HostWord::Name(name) => vec![name.clone()],
        HostWord::Key {
            fingerprint, names, ..
        } => {
            let mut tables = tables.iter();
            let table = tables.find(|table| table.fingerprint == fingerprint);
            let table = table.map(|table| table.name.clone());
            table.into_iter().chain(names.iter().cloned()).collect()
        }
    }
}

/// One table for each key, the least proof of its lessons, under names that are free.
fn tables<'a>(lessons: &'a [ProposedRule], policy: &Policy) -> Vec<Table<'a>> {
    let mut tables: Vec<Table<'a>> = Vec::new();
    for host in lessons.iter().flat_map(|lesson| &lesson.hosts) {
        let HostWord::Key {
            fingerprint,
            shown,
            proof,
            ..
        } = host
        else {
            continue;
        };
        if let Some(known) = tables
            .iter_mut()
            .find(|table| table.fingerprint == fingerprint)
        {
            known.proof = known.proof.min(*proof);
            continue;
        }
        let taken = |name: &String| {
            tables.iter().any(|table| table.name == *name)
                || policy.hosts().iter().any(|host| host.name == *name)
        };
        let plain: String = shown
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        // At most 64 characters, with room for a number.
        let base = format!("learned-{}", plain.get(..48).unwrap_or(&plain));
        let numbered = (2..).map(|number: usize| format!("{base}-{number}"));
        let name = std::iter::once(base.clone())
            .chain(numbered)
            .find(|name| !taken(name))
            .unwrap_or(base);
        tables.push(Table {
            name,
            fingerprint,
            shown,
            proof: *proof,
        });
    }
    tables
}

fn shown(case: &RecordedCase) -> String {
    let facts = &case.facts;
    let text =
        |bytes: &Option<Vec<u8>>| display::ascii(bytes.as_deref().unwrap_or(b"?"), MAX_SHOWN);
    let what = match facts.kind {
        IntentKind::Login => {
            let host = facts.host.as_ref().map_or_else(
                || "an unknown host".to_owned(),
                |host| {
                    host.names
                        .first()
                        .map_or(host.fingerprint.0.clone(), |name| {
                            display::ascii(name.as_bytes(), MAX_SHOWN)
                        })
                },
            );
            format!(
                "login {}@{host} ({})",
                text(&facts.user),
                facts.proof.word()
            )
        }
        IntentKind::Sshsig => format!("sshsig in namespace {}", text(&facts.namespace)),
        IntentKind::Sudo => format!("sudo of {}", text(&facts.user)),
        IntentKind::Certificate | IntentKind::Raw => facts.kind.word().to_owned(),
    };
    let key = display::ascii(&facts.key.comment, MAX_SHOWN);
    format!(
        "{}: {what} with key {key} {}",
        facts.caller, facts.key.fingerprint
    )
}
