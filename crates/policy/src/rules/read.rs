//! Trees of TOML to a policy. Every key is known or refused, every problem is collected with its
//! place, and nothing is taken from a policy that has one.

use std::ops::Range;

use toml::Spanned;

use crate::judgement::{Place, Verdict};

use super::Policy;
use super::problem::{PolicyError, Problem, Source};
use super::rule::{Host, HostPattern, KeyPattern, Label, Rule};
use super::tree::{self, Table, Value};
use super::value::{self, Bad, nearest, quoted};

const FILE_KEYS: [&str; 4] = ["default", "host", "key", "rule"];
const HOST_KEYS: [&str; 4] = ["names", "keys", "ca", "proof"];
const LABEL_KEYS: [&str; 1] = ["fingerprints"];
const RULE_KEYS: [&str; 16] = [
    "name",
    "qube",
    "keyring",
    "key",
    "kind",
    "user",
    "host",
    "namespace",
    "forwarded",
    "sha1",
    "hours",
    "action",
    "rate",
    "remember",
    "notify",
    "signatures",
];
/// Words of `host` in rules; no table may take them.
const HOST_WORDS: [&str; 2] = ["unnamed", "unproven"];
/// A connection that needs more is not a login.
const MAX_SIGNATURES: i64 = 1_000;

impl Policy {
    /// Reads a policy from its files, the main one and drop-ins in the order in which they count.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn parse(sources: &[Source<'_>]) -> Result<Self, PolicyError> {
        let mut reading = Reading {
            policy: Self::shipped(),
            problems: Vec::new(),
        };
        let mut trees = Vec::new();
        for source in sources {
            match tree::parse(*source) {
                Ok(table) => trees.push((*source, table)),
                Err(problem) => reading.problems.push(problem),
            }
        }
        // Rules may name hosts and labels of any file, so these come first.
        for (source, table) in &trees {
            reading.tables(*source, table);
        }
        for (source, table) in &trees {
            reading.rules(*source, table);
        }
        if reading.policy.default_place.is_none() && reading.problems.is_empty() {
            reading.no_default(sources);
        }
        if reading.problems.is_empty() {
            return Ok(reading.policy);
        }
        reading.problems.sort_by_key(|problem| {
            let file = sources
                .iter()
                .position(|source| source.name == problem.place.file);
            (file, problem.place.line, problem.column)
        });
        Err(PolicyError {
            problems: reading.problems,
        })
    }
}

struct Reading {
    policy: Policy,
    problems: Vec<Problem>,
}

type Read<T> = Result<T, Problem>;

impl Reading {
    fn no_default(&mut self, sources: &[Source<'_>]) {
        let problem = match sources.iter().find(|source| source.main) {
            Some(main) => Problem::at(*main, 0..0, "the policy has no default")
                .hint("begin the file with default = \"ask\" (or \"deny\"): what happens where no rule fits"),
            None => {
                let first = sources.first().copied().unwrap_or(Source { name: "policy.toml", text: "", main: true });
                Problem::at(first, 0..0, "there are drop-ins, but no policy.toml that they add to")
                    .hint("write a policy.toml beside policy.d, at least the line default = \"ask\"")
            }
        };
        self.problems.push(problem);
    }

    fn keep<T>(&mut self, read: Read<T>) -> Option<T> {
        read.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// All of a file but its rules.
    fn tables(&mut self, source: Source<'_>, table: &Table) {
        for (key, value) in table {
            match key.get_ref().as_str() {
                "default" => {
                    let read = default(source, key, value);
                    if let Some(verdict) = self.keep(read) {
                        self.policy.default = verdict;
                        self.policy.default_place = Some(place(source, key.span()));
                    }
                }
                "host" => self.named_tables(source, value, "host", Self::host),
                "key" => self.named_tables(source, value, "key", Self::label),
                "rule" => {}
                _ => self
                    .problems
                    .push(unknown(source, key, &FILE_KEYS, "a policy")),
            }
        }
    }

    fn named_tables(
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
                Err(bad) => self.problems.push(problem(source, name.span(), bad)),
            }
        }
    }

    fn host(&mut self, source: Source<'_>, name: &str, span: Range<usize>, table: &Table) {
        let place = place(source, span.clone());
        if let Some(other) = self.policy.hosts.iter().find(|host| host.name == name) {
            let message = format!(
                "host {} is defined twice, first at {}",
                quoted(name),
                other.place
            );
            return self.problems.push(
                Problem::at(source, span, message).hint("put all that it has into one table"),
            );
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
            proof: None,
        };
        let before = self.problems.len();
        for (key, value) in table {
            match key.get_ref().as_str() {
                "names" => {
                    host.names = self
                        .keep(texts(source, key, value, value::host_name))
                        .unwrap_or_default()
                }
                "keys" => {
                    host.keys = self
                        .keep(texts(source, key, value, value::fingerprint))
                        .unwrap_or_default()
                }
                "ca" => {
                    host.ca = self
                        .keep(texts(source, key, value, value::fingerprint))
                        .unwrap_or_default()
                }
                "proof" => host.proof = self.keep(text(source, key, value, value::proof)),
                _ => self
                    .problems
                    .push(unknown(source, key, &HOST_KEYS, "a host")),
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

    fn label(&mut self, source: Source<'_>, name: &str, span: Range<usize>, table: &Table) {
        let place = place(source, span.clone());
        if let Some(other) = self.policy.labels.iter().find(|label| label.name == name) {
            let message = format!(
                "key {} is defined twice, first at {}",
                quoted(name),
                other.place
            );
            return self.problems.push(
                Problem::at(source, span, message).hint("one table may hold all fingerprints"),
            );
        }
        let mut label = Label {
            name: name.to_owned(),
            place,
            fingerprints: vec![],
        };
        let before = self.problems.len();
        for (key, value) in table {
            match key.get_ref().as_str() {
                "fingerprints" => {
                    label.fingerprints = self
                        .keep(texts(source, key, value, value::fingerprint))
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
                        self.problems.push(
                            Problem::at(source, value.span(), message).hint("a key has one label"),
                        );
                    }
                }
                _ => self
                    .problems
                    .push(unknown(source, key, &LABEL_KEYS, "a key")),
            }
        }
        if self.problems.len() == before && label.fingerprints.is_empty() {
            let hint = "give it fingerprints = [\"SHA256:...\"], as `ssh-add -l` prints them";
            self.problems.push(
                Problem::at(source, span, format!("nothing says which key `{name}` is")).hint(hint),
            );
        }
        self.policy.labels.push(label);
    }

    fn rules(&mut self, source: Source<'_>, table: &Table) {
        let Some((_, value)) = table.iter().find(|(key, _)| key.get_ref() == "rule") else {
            return;
        };
        let wrong = |span| {
            Problem::at(source, span, "`rule` is a list of tables")
                .hint("write [[rule]], in two brackets")
        };
        let Value::List(rules) = value.get_ref() else {
            return self.problems.push(wrong(value.span()));
        };
        for value in rules {
            match value.get_ref() {
                Value::Table(table) => self.rule(source, value.span(), table),
                _ => self.problems.push(wrong(value.span())),
            }
        }
    }

    fn rule(&mut self, source: Source<'_>, span: Range<usize>, table: &Table) {
        let mut rule = Rule {
            index: self.policy.rules.len(),
            place: place(source, span.clone()),
            name: None,
            action: Verdict::Deny,
            qube: None,
            keyring: None,
            key: None,
            kind: None,
            user: None,
            host: None,
            namespace: None,
            forwarded: None,
            sha1: None,
            hours: None,
            rate: None,
            remember: None,
            notify: false,
            signatures: 1,
        };
        for (key, value) in table {
            match key.get_ref().as_str() {
                "name" => rule.name = self.keep(text(source, key, value, value::rule_name)),
                "action" => {
                    rule.action = self
                        .keep(text(source, key, value, value::action))
                        .unwrap_or(Verdict::Deny)
                }
                "qube" => rule.qube = self.keep(texts(source, key, value, value::caller)),
                "keyring" => rule.keyring = self.keep(texts(source, key, value, value::keyring)),
                "key" => {
                    let read = texts(source, key, value, |text| self.key_pattern(text));
                    rule.key = self.keep(read);
                }
                "kind" => rule.kind = self.keep(texts(source, key, value, value::kind)),
                "user" => rule.user = self.keep(texts(source, key, value, value::glob)),
                "host" => {
                    let read = texts(source, key, value, |text| self.host_pattern(text));
                    rule.host = self.keep(read);
                }
                "namespace" => rule.namespace = self.keep(texts(source, key, value, value::glob)),
                "forwarded" => rule.forwarded = self.keep(bools(source, key, value)),
                "sha1" => rule.sha1 = self.keep(bools(source, key, value)),
                "hours" => rule.hours = self.keep(texts(source, key, value, value::hours)),
                "rate" => rule.rate = self.keep(text(source, key, value, value::rate)),
                "remember" => rule.remember = self.keep(text(source, key, value, value::remember)),
                "notify" => {
                    rule.notify = self.keep(boolean(source, key, value)).unwrap_or_default()
                }
                "signatures" => {
                    rule.signatures = self.keep(signatures(source, key, value)).unwrap_or(1)
                }
                _ => self
                    .problems
                    .push(unknown(source, key, &RULE_KEYS, "a rule")),
            }
        }
        self.fits_action(source, span, table, &rule);
        self.policy.rules.push(rule);
    }

    /// Keys that mean nothing under a rule's action are slips, and so is no action at all.
    fn fits_action(&mut self, source: Source<'_>, span: Range<usize>, table: &Table, rule: &Rule) {
        let key_at = |word: &str| {
            table
                .iter()
                .find(|(key, _)| key.get_ref() == word)
                .map(|(key, _)| key.span())
        };
        if key_at("action").is_none() {
            let hint = "add action = \"allow\", \"ask\" or \"deny\"";
            return self
                .problems
                .push(Problem::at(source, span, "the rule has no action").hint(hint));
        }
        if let (Some(at), true) = (key_at("remember"), rule.action != Verdict::Ask) {
            let message = format!(
                "`remember` means nothing in a rule that says {}",
                rule.action.word()
            );
            self.problems.push(
                Problem::at(source, at, message)
                    .hint("only answers are remembered: action = \"ask\""),
            );
        }
        for word in ["rate", "signatures"] {
            if let (Some(at), Verdict::Deny) = (key_at(word), rule.action) {
                let message = format!("`{word}` means nothing in a rule that denies");
                self.problems
                    .push(Problem::at(source, at, message).hint("leave it out"));
            }
        }
    }

    fn key_pattern(&self, text: &str) -> Result<KeyPattern, Bad> {
        if let Some(index) = self
            .policy
            .labels
            .iter()
            .position(|label| label.name == text)
        {
            return Ok(KeyPattern::Label(index));
        }
        if text.starts_with("SHA256:") {
            return value::fingerprint(text).map(KeyPattern::Fingerprint);
        }
        if text.starts_with("MD5:") {
            let hint = "`ssh-add -l` prints SHA256 fingerprints";
            return Err(Bad::new("MD5 fingerprints are not told apart safely", hint));
        }
        value::glob(text).map(KeyPattern::Comment)
    }

    fn host_pattern(&self, text: &str) -> Result<HostPattern, Bad> {
        match text {
            "unnamed" => return Ok(HostPattern::Unnamed),
            "unproven" => return Ok(HostPattern::Unproven),
            _ => {}
        }
        if let Some(index) = self.policy.hosts.iter().position(|host| host.name == text) {
            return Ok(HostPattern::Host(index));
        }
        value::host_name(text).map(HostPattern::Name)
    }
}

fn place(source: Source<'_>, span: Range<usize>) -> Place {
    Problem::at(source, span, "").place
}

fn problem(source: Source<'_>, span: Range<usize>, bad: Bad) -> Problem {
    let problem = Problem::at(source, span, bad.message);
    match bad.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

fn unknown(source: Source<'_>, key: &Spanned<String>, known: &[&str], of: &str) -> Problem {
    let hint = match nearest(key.get_ref(), known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("{of} knows {}", known.join(", ")),
    };
    Problem::at(
        source,
        key.span(),
        format!("unknown key {}", quoted(key.get_ref())),
    )
    .hint(hint)
}

fn default(source: Source<'_>, key: &Spanned<String>, value: &Spanned<Value>) -> Read<Verdict> {
    if !source.main {
        let hint = "drop-ins hold rules, hosts and keys; the default stands in policy.toml alone";
        return Err(Problem::at(source, key.span(), "a drop-in cannot set the default").hint(hint));
    }
    text(source, key, value, value::default)
}

/// A value of the wrong sort.
fn wrong(
    source: Source<'_>,
    key: &Spanned<String>,
    value: &Spanned<Value>,
    wants: &str,
) -> Problem {
    let message = format!(
        "`{}` takes {wants}, and this is {}",
        key.get_ref(),
        value.get_ref().described()
    );
    Problem::at(source, value.span(), message)
}

/// One string.
fn text<T>(
    source: Source<'_>,
    key: &Spanned<String>,
    value: &Spanned<Value>,
    read: impl FnOnce(&str) -> Result<T, Bad>,
) -> Read<T> {
    match value.get_ref() {
        Value::Text(text) => read(text).map_err(|bad| problem(source, value.span(), bad)),
        _ => Err(wrong(source, key, value, "a string")),
    }
}

/// One string or a list of them; not an empty list, which would silently match nothing.
fn texts<T>(
    source: Source<'_>,
    key: &Spanned<String>,
    value: &Spanned<Value>,
    read: impl Fn(&str) -> Result<T, Bad>,
) -> Read<Vec<T>> {
    let one = |value: &Spanned<Value>| match value.get_ref() {
        Value::Text(text) => read(text).map_err(|bad| problem(source, value.span(), bad)),
        _ => Err(wrong(source, key, value, "strings")),
    };
    each(source, key, value, one)
}

fn bools(source: Source<'_>, key: &Spanned<String>, value: &Spanned<Value>) -> Read<Vec<bool>> {
    each(source, key, value, |value| boolean(source, key, value))
}

fn each<T>(
    source: Source<'_>,
    key: &Spanned<String>,
    value: &Spanned<Value>,
    one: impl Fn(&Spanned<Value>) -> Read<T>,
) -> Read<Vec<T>> {
    match value.get_ref() {
        Value::List(list) if list.is_empty() => {
            let message = format!(
                "`{}` is an empty list, which nothing can match",
                key.get_ref()
            );
            Err(Problem::at(source, value.span(), message).hint("leave it out to cover all"))
        }
        Value::List(list) => list.iter().map(one).collect(),
        _ => Ok(vec![one(value)?]),
    }
}

fn boolean(source: Source<'_>, key: &Spanned<String>, value: &Spanned<Value>) -> Read<bool> {
    match value.get_ref() {
        Value::Bool(value) => Ok(*value),
        _ => Err(wrong(source, key, value, "true or false").hint("without quotes")),
    }
}

fn signatures(source: Source<'_>, key: &Spanned<String>, value: &Spanned<Value>) -> Read<u32> {
    match value.get_ref() {
        Value::Integer(count @ 1..=MAX_SIGNATURES) => Ok(u32::try_from(*count).unwrap_or(1)),
        Value::Integer(_) => {
            let message = format!("`signatures` is a number from 1 to {MAX_SIGNATURES}");
            Err(Problem::at(source, value.span(), message))
        }
        _ => Err(wrong(source, key, value, "a number")),
    }
}
