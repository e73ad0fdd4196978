//! `[host.NAME]`, `[key.LABEL]` and `[qube.NAME]`.

use std::ops::Range;

use toml::Spanned;

use super::pattern;
use super::problem::{Problem, Source};
use super::read::{Reading, entries, place};
use super::rule::{Host, Label, QubeLook};
use super::tree::{Table, Value};
use super::value;
use super::words::quoted;
use crate::caller::Caller;
use crate::judgement::Place;

const HOST_KEYS: [&str; 4] = ["names", "keys", "ca", "proof"];
const LABEL_KEYS: [&str; 1] = ["fingerprints"];
const QUBE_KEYS: [&str; 1] = ["color"];
/// Words of `host` in rules; no table may take them.
const HOST_WORDS: [&str; 2] = ["unnamed", "unproven"];

impl Reading {
    pub(super) fn named_tables(
        &mut self,
        source: Source<'_>,
        value: &Spanned<Value>,
        word: &str,
        read: fn(&mut Self, Source<'_>, &str, Range<usize>, &Table),
    ) {
        let wrong = |span| {
            Problem::at(source, span, format!("`{word}` is a table of tables"))
                .hint(format!("write [{word}.NAME]"))
        };
        let Value::Table(tables) = value.get_ref() else {
            return self.problems.push(wrong(value.span()));
        };
        for (name, value) in tables {
            let Value::Table(table) = value.get_ref() else {
                self.problems.push(wrong(name.span()));
                continue;
            };
            match value::table_name(name.get_ref()) {
                Ok(_) => read(self, source, name.get_ref(), value.span(), table),
                Err(bad) => {
                    let problem = Problem::at(source, name.span(), bad.message);
                    self.problems.push(problem.hint(bad.hint))
                }
            }
        }
    }

    pub(super) fn host(
        &mut self,
        source: Source<'_>,
        name: &str,
        span: Range<usize>,
        table: &Table,
    ) {
        let place = place(source, span.clone());
        if let Some(other) = self.policy.hosts.iter().find(|host| host.name == name) {
            let problem = twice(source, span, "host", name, &other.place);
            return self
                .problems
                .push(problem.hint("put all that it has into one table"));
        }
        if HOST_WORDS.contains(&name) {
            let hint = "choose another name; in a rule this word means what it says";
            return self.problems.push(
                Problem::at(source, span, format!("no host can be called `{name}`")).hint(hint),
            );
        }
        let mut host = Host {
            name: name.to_owned(),
            place,
            names: vec![],
            keys: vec![],
            ca: vec![],
            known_hosts_aliases: vec![],
            proof: None,
        };
        let before = self.problems.len();
        for entry in entries(source, table) {
            match entry.word() {
                "names" => {
                    host.names = self
                        .keep(entry.texts(pattern::host_name_of_table))
                        .unwrap_or_default()
                }
                "keys" => {
                    host.keys = self
                        .keep(entry.texts(pattern::fingerprint))
                        .unwrap_or_default()
                }
                "ca" => {
                    host.ca = self
                        .keep(entry.texts(pattern::fingerprint))
                        .unwrap_or_default()
                }
                "proof" => host.proof = self.keep(entry.text(value::proof)),
                _ => self.problems.push(entry.unknown(&HOST_KEYS, "a host")),
            }
        }
        if self.problems.len() == before
            && host.names.is_empty()
            && host.keys.is_empty()
            && host.ca.is_empty()
        {
            let hint = "give it names = [\"host.example\"], keys or ca";
            self.problems.push(
                Problem::at(source, span, format!("nothing says which host `{name}` is"))
                    .hint(hint),
            );
        }
        self.policy.hosts.push(host);
    }

    pub(super) fn label(
        &mut self,
        source: Source<'_>,
        name: &str,
        span: Range<usize>,
        table: &Table,
    ) {
        let place = place(source, span.clone());
        if let Some(other) = self.policy.labels.iter().find(|label| label.name == name) {
            let problem = twice(source, span, "key", name, &other.place);
            return self
                .problems
                .push(problem.hint("one table may hold all fingerprints"));
        }
        let mut label = Label {
            name: name.to_owned(),
            place,
            fingerprints: vec![],
        };
        let before = self.problems.len();
        for entry in entries(source, table) {
            match entry.word() {
                "fingerprints" => {
                    label.fingerprints = self
                        .keep(entry.texts(pattern::fingerprint))
                        .unwrap_or_default();
                    let taken = self.policy.labels.iter().find(|other| {
                        other
                            .fingerprints
                            .iter()
                            .any(|fingerprint| label.fingerprints.contains(fingerprint))
                    });
                    if let Some(other) = taken {
                        let message = format!(
                            "the same key has the label `{}` at {}",
                            other.name, other.place
                        );
                        self.problems
                            .push(entry.problem(message).hint("a key has one label"));
                    }
                }
                _ => self.problems.push(entry.unknown(&LABEL_KEYS, "a key")),
            }
        }
        if self.problems.len() == before && label.fingerprints.is_empty() {
            let hint = "give it fingerprints = [\"SHA256:...\"], as `split-ssh list` prints them";
            self.problems.push(
                Problem::at(source, span, format!("nothing says which key `{name}` is")).hint(hint),
            );
        }
        self.policy.labels.push(label);
    }

    pub(super) fn qube(
        &mut self,
        source: Source<'_>,
        name: &str,
        span: Range<usize>,
        table: &Table,
    ) {
        let place = place(source, span.clone());
        if let Some(other) = self.policy.qubes.iter().find(|qube| qube.name == name) {
            let problem = twice(source, span, "qube", name, &other.place);
            return self.problems.push(problem.hint("keep one of the two"));
        }
        if let Err(bad) = Caller::parse(name) {
            let message = format!("{} is no qube's name", quoted(name));
            return self
                .problems
                .push(Problem::at(source, span, message).hint(bad.rule));
        }
        let before = self.problems.len();
        let mut color = None;
        for entry in entries(source, table) {
            match entry.word() {
                "color" => color = self.keep(entry.text(value::qube_color)),
                _ => self.problems.push(entry.unknown(&QUBE_KEYS, "a qube")),
            }
        }
        match color {
            Some(color) => self.policy.qubes.push(QubeLook {
                name: name.to_owned(),
                place,
                color,
            }),
            None if self.problems.len() == before => {
                let hint = "give it color = \"red\", the label that it has in Qubes";
                let message = format!("nothing says how `{name}` looks");
                self.problems
                    .push(Problem::at(source, span, message).hint(hint));
            }
            None => {}
        }
    }
}

/// An earlier table has the name.
fn twice(source: Source<'_>, span: Range<usize>, what: &str, name: &str, first: &Place) -> Problem {
    let message = format!("{what} {} is defined twice, first at {first}", quoted(name));
    Problem::at(source, span, message)
}
