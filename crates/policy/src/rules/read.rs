//! Trees of TOML to a policy. Every key is known or refused, every problem is collected with its
//! place, and nothing is taken from a policy that has one.

use std::collections::HashMap;
use std::ops::Range;

use crate::facts::IntentKind;
use crate::judgement::{Place, Verdict};

use super::Policy;
use super::entry::{Entry, ParseResult};
use super::pattern;
use super::problem::{PolicyError, Problem, Source};
use super::rule::{HostPattern, KeyPattern, Matcher, Rule};
use super::tree::{self, Table, Value};
use super::value::{self, BadValue};

const FILE_KEYS: &str = "default, host, key, qube, rule";
const RULE_KEYS: &str = "name, qube, sandbox, keyring, key, kind, user, host, namespace, content, \
    author, committer, forwarded, sha1, hours, action, rate, remember, notify, log-content, signatures";

impl Policy {
    /// Reads a policy from its files, the main one and drop-ins in the order in which they count.
    ///
    /// # Errors
    /// All problems of all files.
    pub fn parse(sources: &[Source<'_>]) -> Result<Self, PolicyError> {
        let mut reading = Reading {
            policy: Self::shipped(),
            problems: Vec::new(),
            named: HashMap::new(),
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

/// A policy on its way, and what is wrong with it so far.
pub(super) struct Reading {
    pub policy: Policy,
    pub problems: Vec<Problem>,
    /// Where each table with a name stands, by its kind and name.
    pub named: HashMap<(&'static str, String), Place>,
}

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

    pub(super) fn keep<T>(&mut self, read: ParseResult<T>) -> Option<T> {
        read.map_err(|problem| self.problems.push(problem)).ok()
    }

    pub(super) fn list<T>(&mut self, read: ParseResult<Vec<T>>) -> Vec<T> {
        self.keep(read).unwrap_or_default()
    }

    pub(super) fn wrong(
        &mut self,
        source: Source<'_>,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problems
            .push(Problem::at(source, span, message).hint(hint));
    }

    /// All of a file but its rules.
    fn tables(&mut self, source: Source<'_>, table: &Table) {
        for entry in entries(source, table) {
            match entry.word() {
                "default" => {
                    let read = default(&entry);
                    if let Some(verdict) = self.keep(read) {
                        self.policy.default = verdict;
                        self.policy.default_place =
                            Some(Problem::at(source, entry.key.span(), "").place);
                    }
                }
                "host" => self.named_tables(source, entry.value, "host", Self::host),
                "key" => self.named_tables(source, entry.value, "key", Self::label),
                "qube" => self.named_tables(source, entry.value, "qube", Self::qube),
                "rule" => {}
                _ => self.problems.push(entry.unknown(FILE_KEYS, "a policy")),
            }
        }
    }

    fn rules(&mut self, source: Source<'_>, table: &Table) {
        let Some((_, value)) = table.iter().find(|(key, _)| key.get_ref() == "rule") else {
            return;
        };
        let (is, hint) = (
            "`rule` is a list of tables",
            "write [[rule]], in two brackets",
        );
        let Value::List(rules) = value.get_ref() else {
            return self.wrong(source, value.span(), is, hint);
        };
        let (mut line, mut at) = (1, 0);
        for value in rules {
            // In one pass over the file: it may have very many rules.
            let start = value.span().start;
            let between = source.text.get(at..start).unwrap_or_default();
            line += between.matches('\n').count();
            at = start;
            let place = Place {
                file: source.name.to_owned(),
                line,
            };
            match value.get_ref() {
                Value::Table(table) => self.rule(source, value.span(), place, table),
                _ => self.wrong(source, value.span(), is, hint),
            }
        }
    }

    fn rule(&mut self, source: Source<'_>, span: Range<usize>, place: Place, table: &Table) {
        let mut rule = Rule::silent(self.policy.rules.len(), place);
        let before = self.problems.len();
        for entry in entries(source, table) {
            rule.said.extend(matcher(entry.word()));
            match entry.word() {
                "name" => rule.name = self.keep(entry.text(value::rule_name)),
                "action" => {
                    let action = self.keep(entry.text(value::action));
                    rule.action = action.unwrap_or(Verdict::Deny);
                }
                "qube" | "sandbox" if rule.qube.is_some() => {
                    let problem = entry.problem("no caller is both a qube and a sandbox");
                    self.problems.push(
                        problem.hint("make two rules, one with `qube` and one with `sandbox`"),
                    );
                }
                "qube" => rule.qube = self.keep(entry.texts(pattern::caller)),
                "sandbox" => rule.qube = self.keep(entry.texts(pattern::sandbox)),
                "keyring" => rule.keyring = self.keep(entry.texts(pattern::keyring)),
                "key" => {
                    let read = entry.texts(|text| self.key_pattern(text));
                    rule.key = self.keep(read);
                }
                "kind" => rule.kind = self.keep(entry.texts(value::kind)),
                "user" => rule.user = self.keep(entry.lines("user")),
                "host" => {
                    let read = entry.texts(|text| self.host_pattern(text));
                    rule.host = self.keep(read);
                }
                "namespace" => rule.namespace = self.keep(entry.lines("namespace")),
                "content" => rule.content = self.keep(entry.texts(value::content)),
                "author" => rule.author = self.keep(entry.lines("mail address")),
                "committer" => rule.committer = self.keep(entry.lines("mail address")),
                "log-content" => {
                    rule.log_content = self.keep(entry.boolean()).unwrap_or_default();
                }
                "forwarded" => rule.forwarded = self.keep(entry.bools()),
                "sha1" => rule.sha1 = self.keep(entry.bools()),
                "hours" => rule.hours = self.keep(entry.texts(value::hours)),
                "rate" => rule.rate = self.keep(entry.text(value::rate)),
                "remember" => rule.remember = self.keep(entry.text(value::remember)),
                "notify" => rule.notify = self.keep(entry.boolean()).unwrap_or_default(),
                "signatures" => rule.signatures = self.keep(entry.signatures()).unwrap_or(1),
                _ => self.problems.push(entry.unknown(RULE_KEYS, "a rule")),
            }
        }
        // A value that was not read would lead to errors about the other keys that are none.
        if self.problems.len() == before {
            self.fits_action(source, span, table, &rule);
            self.fits_kinds(source, table, &rule);
        }
        self.policy.rules.push(rule);
    }

    /// A kind of request that lacks what another matcher looks at is never covered. So the rule would cover less
    /// than it says, or nothing.
    fn fits_kinds(&mut self, source: Source<'_>, table: &Table, rule: &Rule) {
        let keys = table.iter().map(|(key, _)| key);
        let said = keys.filter_map(|key| Some((matcher(key.get_ref())?, key.span())));
        let mut said: Vec<(Matcher, Range<usize>)> = said.collect();
        said.sort_by_key(|(_, span)| span.start);
        for (number, (matcher, span)) in said.iter().enumerate() {
            let lacks = |kind: &&IntentKind| !matcher.looks_at(**kind);
            let excludes = |(other, _): &&(Matcher, _)| {
                let mut kinds = IntentKind::ALL.into_iter();
                !kinds.any(|kind| matcher.looks_at(kind) && other.looks_at(kind))
            };
            let before = said.iter().take(number);
            let bad = match &rule.kind {
                Some(kinds) => {
                    (kinds.iter().find(lacks)).map(|kind| missing_fact(*matcher, *kind, kinds))
                }
                None => before
                    .into_iter()
                    .find(excludes)
                    .map(|(other, _)| never_both(*other, *matcher)),
            };
            if let Some(bad) = bad {
                self.wrong(source, span.clone(), bad.message, bad.hint);
            }
        }
    }

    /// Keys that mean nothing under a rule's action are slips, and so is no action at all.
    fn fits_action(&mut self, source: Source<'_>, span: Range<usize>, table: &Table, rule: &Rule) {
        if !table.iter().any(|(key, _)| key.get_ref() == "action") {
            let hint = "add action = \"allow\", \"ask\" or \"deny\"";
            return self.wrong(source, span, "the rule has no action", hint);
        }
        for (key, _) in table {
            let word = key.get_ref().as_str();
            let (does, hint) = match (word, rule.action) {
                ("remember", Verdict::Allow | Verdict::Deny) => (
                    format!("says {}", rule.action.word()),
                    "only answers are remembered: action = \"ask\"",
                ),
                ("rate" | "signatures", Verdict::Deny) => ("denies".to_owned(), "leave it out"),
                _ => continue,
            };
            let message = format!("`{word}` means nothing in a rule that {does}");
            self.wrong(source, key.span(), message, hint);
        }
    }

    fn key_pattern(&self, text: &str) -> Result<KeyPattern, BadValue> {
        let mut labels = self.policy.labels.iter();
        if let Some(index) = labels.position(|label| label.name == text) {
            return Ok(KeyPattern::Label(index));
        }
        if pattern::is_like_a_fingerprint(text) {
            return pattern::fingerprint(text).map(KeyPattern::Fingerprint);
        }
        pattern::comment(text).map(KeyPattern::Comment)
    }

    fn host_pattern(&self, text: &str) -> Result<HostPattern, BadValue> {
        let table = self.policy.hosts.iter().position(|host| host.name == text);
        match (text, table) {
            ("unnamed", _) => Ok(HostPattern::Unnamed),
            ("unproven", _) => Ok(HostPattern::Unproven),
            (_, Some(index)) => Ok(HostPattern::Host(index)),
            (_, None) => pattern::host_name(text).map(HostPattern::Name),
        }
    }
}

pub(super) fn entries<'a>(source: Source<'a>, table: &'a Table) -> impl Iterator<Item = Entry<'a>> {
    table
        .iter()
        .map(move |(key, value)| Entry { source, key, value })
}

/// The matcher that a key is.
fn matcher(word: &str) -> Option<Matcher> {
    let mut all = Matcher::ALL.into_iter();
    match word {
        "sandbox" => Some(Matcher::Qube),
        _ => all.find(|matcher| matcher.word() == word),
    }
}

fn missing_fact(matcher: Matcher, kind: IntentKind, kinds: &[IntentKind]) -> BadValue {
    let has: Vec<&str> = kinds
        .iter()
        .filter(|kind| matcher.looks_at(**kind))
        .map(|kind| kind.word())
        .collect();
    let hint = match has.as_slice() {
        [] => "change `kind`, or leave one of them out".to_owned(),
        has => format!("make two rules, this one with kind = {has:?}"),
    };
    let (kind, what) = (kind.word(), matcher.word());
    BadValue::new(
        format!("kind `{kind}` has no {what}, so this rule covers no {kind}"),
        hint,
    )
}

fn never_both(one: Matcher, other: Matcher) -> BadValue {
    BadValue::new(
        format!(
            "no request has both a {} and a {}",
            one.word(),
            other.word()
        ),
        "user and host are of logins; namespace, content, author and committer are of sshsig: make two rules",
    )
}

fn default(entry: &Entry<'_>) -> ParseResult<Verdict> {
    if !entry.source.main {
        let hint = "drop-ins hold rules, hosts and keys; the default stands in policy.toml alone";
        return Err(Problem::at(
            entry.source,
            entry.key.span(),
            "a drop-in cannot set the default",
        )
        .hint(hint));
    }
    entry.text(value::default)
}
