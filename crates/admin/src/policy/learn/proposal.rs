//! RecordedCases as TOML, with comments for the person who is to paste it.

use std::fmt::Write as _;

use policy::crypto::Fingerprint;
use policy::display;
use policy::facts::Proof;
use policy::narrow_rule::{HostWord, host_table, table_name};
use policy::rules::Policy;

use super::lessons::{ProposedRule, RecordedCase, RecordedCases, join_hosts, join_qubes};
use crate::recorded_facts::in_words;

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
    unfit: &[(&RecordedCase, String)],
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
        text.push_str(&host_table(&table.name, table.fingerprint, table.proof));
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
            "# - {}: {}, allowed {}, denied {}: {why}",
            case.facts.caller,
            in_words(&case.facts, policy),
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
    let table = |key: &Fingerprint| {
        let mut tables = tables.iter();
        Some(tables.find(|table| table.fingerprint == key)?.name.clone())
    };
    text.push_str(&lesson.rule.to_toml(&format!("learned {number}"), &table));
}

/// One table for each key, the least proof of its lessons, under names that are free.
fn tables<'a>(lessons: &'a [ProposedRule], policy: &Policy) -> Vec<Table<'a>> {
    let mut tables: Vec<Table<'a>> = Vec::new();
    for host in lessons.iter().flat_map(|lesson| &lesson.rule.hosts) {
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
        let name = table_name("learned", shown, |name| {
            tables.iter().any(|table| table.name == name)
                || policy.hosts.iter().any(|host| host.name == name)
        });
        tables.push(Table {
            name,
            fingerprint,
            shown,
            proof: *proof,
        });
    }
    tables
}
