//! `[host.NAME]`, `[key.LABEL]` and `[qube.NAME]`.

use std::ops::Range;

use toml::Spanned;

use super::pattern;
use super::problem::{Problem, Source};
use super::read::{Reading, entries};
use super::rule::{Host, Label, QubeLook};
use super::tree::{Table, Value};
use super::value;
use super::words::quoted;
use crate::caller::Caller;
use crate::judgement::Place;

/// Words of `host` in rules; no table may take them.
const HOST_WORDS: [&str; 2] = ["unnamed", "unproven"];

/// A table `[host.NAME]`, `[key.NAME]` or `[qube.NAME]`.
pub(super) struct NamedTable<'a> {
    source: Source<'a>,
    name: &'a str,
    span: Range<usize>,
    place: Place,
    table: &'a Table,
}

impl Reading {
    pub(super) fn named_tables(
        &mut self,
        source: Source<'_>,
        value: &Spanned<Value>,
        word: &'static str,
        read: fn(&mut Self, NamedTable<'_>),
    ) {
        let is = format!("`{word}` is a table of tables");
        let hint = format!("write [{word}.NAME]");
        let Value::Table(tables) = value.get_ref() else {
            return self.wrong(source, value.span(), is, hint);
        };
        for (name, value) in tables {
            let Value::Table(table) = value.get_ref() else {
                self.wrong(source, name.span(), &*is, &*hint);
                continue;
            };
            if let Err(bad) = value::table_name(name.get_ref()) {
                self.wrong(source, name.span(), bad.message, bad.hint);
                continue;
            }
            let key = (word, name.get_ref().clone());
            if let Some(first) = self.named.get(&key) {
                let name = quoted(name.get_ref());
                let message = format!("{word} {name} is defined twice, first at {first}");
                let hint = match word {
                    "host" => "put all that it has into one table",
                    "key" => "one table may hold all fingerprints",
                    _ => "keep one of the two",
                };
                self.wrong(source, value.span(), message, hint);
                continue;
            }
            let place = Problem::at(source, value.span(), "").place;
            self.named.insert(key, place.clone());
            let named = NamedTable {
                source,
                name: name.get_ref(),
                span: value.span(),
                place,
                table,
            };
            read(self, named);
        }
    }

    pub(super) fn host(&mut self, named: NamedTable<'_>) {
        let name = named.name;
        if HOST_WORDS.contains(&name) {
            let message = format!("no host can be called `{name}`");
            let hint = "choose another name; in a rule this word means what it says";
            return self.wrong(named.source, named.span, message, hint);
        }
        let mut host = Host {
            name: name.to_owned(),
            place: named.place,
            ..Host::default()
        };
        let before = self.problems.len();
        for entry in entries(named.source, named.table) {
            match entry.word() {
                "names" => host.names = self.list(entry.texts(pattern::host_name_of_table)),
                "keys" => host.keys = self.list(entry.texts(pattern::fingerprint)),
                "ca" => host.ca = self.list(entry.texts(pattern::fingerprint)),
                "proof" => host.proof = self.keep(entry.text(value::proof)),
                _ => self
                    .problems
                    .push(entry.unknown("names, keys, ca, proof", "a host")),
            }
        }
        let is_empty = host.names.is_empty() && host.keys.is_empty() && host.ca.is_empty();
        if self.problems.len() == before && is_empty {
            let message = format!("nothing says which host `{name}` is");
            let hint = "give it names = [\"host.example\"], keys or ca";
            self.wrong(named.source, named.span, message, hint);
        }
        self.policy.hosts.push(host);
    }

    pub(super) fn label(&mut self, named: NamedTable<'_>) {
        let name = named.name;
        let mut label = Label {
            name: name.to_owned(),
            place: named.place,
            fingerprints: vec![],
        };
        let before = self.problems.len();
        for entry in entries(named.source, named.table) {
            if entry.word() != "fingerprints" {
                self.problems.push(entry.unknown("fingerprints", "a key"));
                continue;
            }
            label.fingerprints = self.list(entry.texts(pattern::fingerprint));
            let is_taken = |key| label.fingerprints.contains(key);
            let mut others = self.policy.labels.iter();
            if let Some(other) = others.find(|other| other.fingerprints.iter().any(is_taken)) {
                let (name, place) = (&other.name, &other.place);
                let message = format!("the same key has the label `{name}` at {place}");
                self.problems
                    .push(entry.problem(message).hint("a key has one label"));
            }
        }
        if self.problems.len() == before && label.fingerprints.is_empty() {
            let message = format!("nothing says which key `{name}` is");
            let hint = "give it fingerprints = [\"SHA256:...\"], as `split-ssh list` prints them";
            self.wrong(named.source, named.span, message, hint);
        }
        self.policy.labels.push(label);
    }

    pub(super) fn qube(&mut self, named: NamedTable<'_>) {
        let name = named.name;
        if let Err(bad) = Caller::parse(name) {
            let message = format!("{} is no qube's name", quoted(name));
            return self.wrong(named.source, named.span, message, bad.rule);
        }
        let before = self.problems.len();
        let mut color = None;
        for entry in entries(named.source, named.table) {
            match entry.word() {
                "color" => color = self.keep(entry.text(value::qube_color)),
                _ => self.problems.push(entry.unknown("color", "a qube")),
            }
        }
        match color {
            Some(color) => self.policy.qubes.push(QubeLook {
                name: name.to_owned(),
                place: named.place,
                color,
            }),
            None if self.problems.len() == before => {
                let message = format!("nothing says how `{name}` looks");
                let hint = "give it color = \"red\", the label that it has in Qubes";
                self.wrong(named.source, named.span, message, hint);
            }
            None => {}
        }
    }
}
