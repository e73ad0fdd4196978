//! RecordedCases as TOML, with comments for the person who is to paste it.

use policy::crypto::Fingerprint;
use policy::display;
use policy::facts::Proof;
use policy::narrow_rule::{HostWord, host_table, table_name};
use policy::rules::Policy;

use super::lessons::{ProposedRule, RecordedCases, join_hosts, join_qubes};
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
        let mut lessons = join_qubes(join_hosts(lessons));
        lessons.sort_by_key(ProposedRule::width);
        let tables = tables(&lessons, policy);
        let mut text =
            "# proposed by `split-ssh policy learn`, narrowest first: read it before you paste it\n"
                .to_owned();
        for table in &tables {
            text += &format!("\n# {} {}\n", table.shown, table.fingerprint);
            if table.proof == Proof::Bound {
                text += "# Its logins were bound, not proven: whoever holds this host's private key could\n\
                         # borrow the rules that name it. This also holds for rules that you have already.\n";
            }
            text += &host_table(&table.name, table.fingerprint, table.proof);
        }
        for (lesson, number) in lessons.iter().zip(1..) {
            text += &rule(number, lesson, &tables);
        }
        if !unfit.is_empty() {
            text += "\n# not proposed:\n";
        }
        for (case, why) in unfit {
            let (caller, what) = (&case.facts.caller, in_words(&case.facts, policy));
            let (yes, no) = (case.yes, case.no);
            text += &format!("# - {caller}: {what}, allowed {yes}, denied {no}: {why}\n");
        }
        text
    }
}

fn rule(number: usize, lesson: &ProposedRule, tables: &[Table<'_>]) -> String {
    let times = match lesson.yes {
        1 => "once".to_owned(),
        yes => format!("{yes} times"),
    };
    let mut text = format!(
        "\n# yes {times}, last {}; key {}\n",
        lesson.last, lesson.comment
    );
    if !lesson.asked_at.is_empty() {
        let places = display::ascii(lesson.asked_at.join(", ").as_bytes(), MAX_PLACES);
        text += &format!("# first match wins: put it above the rule that asks, at {places}\n");
    }
    let table = |key: &Fingerprint| {
        let mut tables = tables.iter();
        Some(tables.find(|table| table.fingerprint == key)?.name.clone())
    };
    text + &lesson.rule.to_toml(&format!("learned {number}"), &table)
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
        let mut known = tables.iter_mut();
        if let Some(known) = known.find(|table| table.fingerprint == fingerprint) {
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
