//! The judge by the letter of docs/policy.md: no speed, no cleverness, nothing of the real one's code.

use policy::caller::Caller;
use policy::facts::{Facts, HostIdentity, IntentKind, Moment, Proof};
use policy::judgement::Verdict;

use crate::model::{Model, Rule, Table, fingerprint};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Covers {
    No,
    Maybe,
    Consent,
}
use Covers::{Consent, Maybe, No};

fn sure(yes: bool) -> Covers {
    if yes { Consent } else { No }
}

/// The verdict, and the index of the rule that decides alone. `used_up` are the rules whose rate is.
pub fn judge(
    model: &Model,
    facts: &Facts,
    moment: &Moment,
    used_up: &[usize],
) -> (Verdict, Option<usize>) {
    if facts
        .host
        .as_ref()
        .is_some_and(|host| host.revocation.is_some())
    {
        return (Verdict::Deny, None);
    }
    let says = |index: usize, rule: &Rule| match used_up.contains(&index) && rule.rate.is_some() {
        true if rule.action != Verdict::Deny => Verdict::Deny,
        _ if rule.action == Verdict::Allow && facts.forwarded && rule.forwarded.is_none() => {
            Verdict::Ask
        }
        _ => rule.action,
    };
    let mut at_least = Verdict::Allow;
    let mut decided = None;
    for (index, rule) in model.rules.iter().enumerate() {
        match rule_covers(model, rule, facts, moment) {
            Consent => {
                decided = Some((says(index, rule), index));
                break;
            }
            Maybe if rule.action != Verdict::Allow => at_least = at_least.max(says(index, rule)),
            No if rule.action != Verdict::Allow
                && could_be_its_host(model, rule, facts, moment) =>
            {
                at_least = at_least.max(Verdict::Ask);
            }
            Maybe | No => {}
        }
    }
    if let Some((verdict, index)) = decided {
        if verdict != Verdict::Deny && is_shown(model, facts) {
            for name in names_of_key(model, facts) {
                let strictest = decides_for(model, &name, index, facts, moment, &says);
                at_least = strictest.map_or(at_least, |verdict| at_least.max(verdict));
            }
        }
    }
    let (verdict, by) = match decided {
        Some((verdict, index)) => (verdict, Some(index)),
        None => (by_default(model, facts), None),
    };
    match verdict >= at_least {
        true => (verdict, by),
        false => (at_least, None),
    }
}

/// What one host key is called.
enum NameOfKey<'a> {
    InKnownHosts(&'a String),
    Table(&'static str),
}

fn names_of_key<'a>(model: &Model, facts: &'a Facts) -> Vec<NameOfKey<'a>> {
    let Some(host) = &facts.host else {
        return Vec::new();
    };
    let holds_key = |table: &&Table| {
        let mut keys = table.keys.iter();
        keys.any(|letter| fingerprint(*letter) == host.fingerprint)
    };
    let tables = model.tables.iter().filter(holds_key);
    let tables = tables.map(|table| NameOfKey::Table(table.name));
    let names = host.names.iter().map(NameOfKey::InKnownHosts);
    names.chain(tables).collect()
}

/// What the rules below `from` that ask or deny for this one name of the host key say, up to the first that surely
/// covers it. None if that is `from` itself.
fn decides_for(
    model: &Model,
    name: &NameOfKey<'_>,
    from: usize,
    facts: &Facts,
    moment: &Moment,
    says: &dyn Fn(usize, &Rule) -> Verdict,
) -> Option<Verdict> {
    let mut strictest: Option<Verdict> = None;
    for (index, rule) in model.rules.iter().enumerate().skip(from) {
        let others = others(model, rule, facts, moment);
        let (sure, particular) = names_it(model, rule, name, facts);
        if index > from && rule.action != Verdict::Allow && others != No && particular {
            strictest = strictest.max(Some(says(index, rule)));
        }
        let allows_or_asks = others == Consent && rule.action != Verdict::Deny;
        if sure && (allows_or_asks || index == from) {
            break;
        }
    }
    strictest
}

/// Whether a rule surely has a name of the key, and whether it has it in particular, or may have.
fn names_it(model: &Model, rule: &Rule, name: &NameOfKey<'_>, facts: &Facts) -> (bool, bool) {
    let Some(patterns) = &rule.host else {
        return (true, false);
    };
    let by_pattern = |pattern: &str| match (name, pattern) {
        (_, "*") => (true, false),
        (NameOfKey::Table(_), _) => (false, false),
        (NameOfKey::InKnownHosts(name), pattern) => {
            let is = named(pattern, std::slice::from_ref(*name));
            (is == Consent, is != No)
        }
    };
    let by_table = |table: &Table| {
        let mut found = vec![(false, false)];
        found.extend(table.names.iter().map(|pattern| by_pattern(pattern)));
        let ca = facts.host.as_ref().and_then(|host| host.ca.as_ref());
        let certified = ca.is_some_and(|ca| table.ca.iter().any(|c| fingerprint(*c) == *ca));
        if let NameOfKey::Table(own) = name {
            found.push((*own == table.name, *own == table.name));
            found.push((certified, false));
        } else {
            found.push((certified, certified));
        }
        found
    };
    let mut found = Vec::new();
    for pattern in patterns {
        match (*pattern, table(model, pattern)) {
            ("unnamed" | "unproven", _) => {}
            (_, Some(table)) => found.extend(by_table(table)),
            (pattern, None) => found.push(by_pattern(pattern)),
        }
    }
    let any = |pick: fn(&(bool, bool)) -> bool| found.iter().any(pick);
    (any(|found| found.0), any(|found| found.1))
}

fn by_default(model: &Model, facts: &Facts) -> Verdict {
    let plain = match facts.kind {
        IntentKind::Login => !facts.sha1,
        IntentKind::Sshsig => !facts.sha1 && !facts.forwarded,
        _ => false,
    };
    if plain { model.default } else { Verdict::Deny }
}

/// Each matcher's word on a request: all but the host's.
fn others(model: &Model, rule: &Rule, facts: &Facts, moment: &Moment) -> Covers {
    let denies = rule.action == Verdict::Deny;
    let any = |list: &Option<Vec<&'static str>>, one: &dyn Fn(&str) -> bool| match list {
        None => Consent,
        Some(list) => sure(list.iter().any(|item| one(item))),
    };
    let login_or_sshsig = matches!(facts.kind, IntentKind::Login | IntentKind::Sshsig);
    let kind = match &rule.kind {
        None => sure(denies || login_or_sshsig),
        Some(kinds) => sure(kinds.contains(&facts.kind)),
    };
    let forwarded = match &rule.forwarded {
        None => sure(denies || facts.kind != IntentKind::Sshsig || !facts.forwarded),
        Some(list) => sure(list.contains(&facts.forwarded)),
    };
    let sha1 = match &rule.sha1 {
        None => sure(denies || !facts.sha1),
        Some(list) => sure(list.contains(&facts.sha1)),
    };
    let key = any(&rule.key, &|pattern| match (pattern, model.deploy) {
        ("deploy", Some(letter)) => facts.key.fingerprint == fingerprint(letter),
        ("SHA256:a", _) => facts.key.fingerprint == fingerprint('a'),
        _ => glob(pattern.as_bytes(), &facts.key.comment),
    });
    let keyring = any(&rule.keyring, &|p| {
        glob(p.as_bytes(), facts.keyring.as_str().as_bytes())
    });
    let namespace = any(&rule.namespace, &|pattern| {
        facts
            .namespace
            .as_ref()
            .is_some_and(|name| glob(pattern.as_bytes(), name))
    });
    let content = any(&rule.content, &|word| {
        let proven = facts.content.is_some();
        facts.kind == IntentKind::Sshsig && proven == (word == "proven")
    });
    // Who is not known may or may not be meant.
    let mail = |list: &Option<Vec<&'static str>>, mail: Option<&Option<Vec<u8>>>| match (list, mail)
    {
        (None, _) => Consent,
        _ if facts.kind != IntentKind::Sshsig => No,
        (Some(list), Some(Some(mail))) => {
            sure(list.iter().any(|pattern| glob(pattern.as_bytes(), mail)))
        }
        (Some(_), _) => Maybe,
    };
    let people = facts.content.as_ref();
    [
        content,
        mail(&rule.author, people.map(|people| &people.author)),
        mail(&rule.committer, people.map(|people| &people.committer)),
        any(&rule.qube, &|pattern| is_caller(pattern, &facts.caller)),
        keyring,
        key,
        kind,
        user(rule, facts),
        namespace,
        forwarded,
        sha1,
        any(&rule.hours, &|hours| within(hours, moment.local_minute)),
    ]
    .into_iter()
    .min()
    .unwrap()
}

fn rule_covers(model: &Model, rule: &Rule, facts: &Facts, moment: &Moment) -> Covers {
    others(model, rule, facts, moment).min(host(model, rule, facts))
}

fn is_caller(pattern: &str, caller: &Caller) -> bool {
    let (kind, pattern) = match pattern.split_once(':') {
        Some((kind, pattern)) => (kind, pattern),
        None => ("qube", pattern),
    };
    match caller {
        Caller::Qube(name) => kind == "qube" && glob(pattern.as_bytes(), name.as_bytes()),
        Caller::Sandbox(name) => kind == "sandbox" && glob(pattern.as_bytes(), name.as_bytes()),
        Caller::Ssh(name) => kind == "ssh" && glob(pattern.as_bytes(), name.as_bytes()),
        Caller::Local(uid) => {
            kind == "local" && glob(pattern.as_bytes(), uid.to_string().as_bytes())
        }
    }
}

/// A pattern that fits only some of what a server may take the user for may or may not be meant.
fn user(rule: &Rule, facts: &Facts) -> Covers {
    let Some(patterns) = &rule.user else {
        return Consent;
    };
    let Some(user) = &facts.user else { return No };
    let mut accounts = vec![user.clone()];
    if facts.kind == IntentKind::Login {
        for mark in [b':', b'/'] {
            accounts.extend(user.split(|byte| *byte == mark).next().map(<[u8]>::to_vec));
        }
    }
    let one = |pattern: &&str| {
        let fits = accounts
            .iter()
            .filter(|account| glob(pattern.as_bytes(), account))
            .count();
        let spelled_out = pattern.as_bytes() == user.as_slice();
        match fits {
            0 => No,
            _ if spelled_out || fits == accounts.len() => Consent,
            _ => Maybe,
        }
    };
    patterns.iter().map(one).max().unwrap()
}

fn within(hours: &str, minute: u16) -> bool {
    let at = |text: &str| -> u16 {
        let (hour, minute) = text.split_once(':').unwrap();
        hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap()
    };
    let (from, to) = hours.split_once('-').unwrap();
    let mut now = at(from);
    // Walks the clock from the first minute to the one before the last.
    loop {
        if now == minute {
            return true;
        }
        now += 1;
        if now == at(to) {
            return false;
        }
        if now == 1440 {
            now = 0;
        }
        if now == at(to) {
            return false;
        }
    }
}

/// Proven logins show their host; bound ones where the host's tables accept that, the strictest first.
fn is_shown(model: &Model, facts: &Facts) -> bool {
    let Some(host) = &facts.host else {
        return false;
    };
    let mut required = None;
    for table in &model.tables {
        let counts = match (is_tables(table, host), table.proof) {
            (Consent, proof) => proof,
            (Maybe, Some(Proof::Proven)) => Some(Proof::Proven),
            _ => None,
        };
        required = required.max(counts);
    }
    facts.kind == IntentKind::Login && facts.proof >= required.unwrap_or(Proof::Proven)
}

fn is_tables(table: &Table, host: &HostIdentity) -> Covers {
    let is = |letters: &[char], print: &policy::crypto::Fingerprint| {
        letters.iter().any(|letter| fingerprint(*letter) == *print)
    };
    if is(&table.keys, &host.fingerprint) || host.ca.as_ref().is_some_and(|ca| is(&table.ca, ca)) {
        return Consent;
    }
    table
        .names
        .iter()
        .map(|pattern| named(pattern, &host.names))
        .max()
        .unwrap_or(No)
}

/// Whether one of a host's names is, or could be, the pattern's.
fn named(pattern: &str, names: &[String]) -> Covers {
    let pattern = pattern.to_ascii_lowercase();
    let one = |name: &String| {
        if name == "(hashed)" || name.contains('*') {
            return match pattern.as_str() {
                "*" => Consent,
                "(hashed)" if name == "(hashed)" => Maybe,
                same if same == name => Consent,
                // Names without wildcards were tried, and stand beside it if they fit.
                other if !other.contains(['*', '?']) => No,
                _ => Maybe,
            };
        }
        if glob(pattern.as_bytes(), name.as_bytes()) {
            return Consent;
        }
        let host = name
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]:"));
        match host {
            Some((host, _)) if glob(pattern.as_bytes(), host.as_bytes()) => Maybe,
            _ => No,
        }
    };
    names.iter().map(one).max().unwrap_or(No)
}

fn table<'m>(model: &'m Model, name: &str) -> Option<&'m Table> {
    model.tables.iter().find(|table| table.name == name)
}

fn host(model: &Model, rule: &Rule, facts: &Facts) -> Covers {
    let login = facts.kind == IntentKind::Login;
    let Some(patterns) = &rule.host else {
        let hidden = login && !is_shown(model, facts);
        return sure(rule.action != Verdict::Allow || !hidden);
    };
    if !login {
        return No;
    }
    let one = |pattern: &&str| match (*pattern, &facts.host) {
        ("unproven", _) => sure(facts.proof == Proof::Unproven),
        (_, None) => Maybe,
        _ if !is_shown(model, facts) => Maybe,
        ("unnamed", Some(host)) => sure(is_unnamed(model, host)),
        (pattern, Some(host)) => match table(model, pattern) {
            Some(table) => is_tables(table, host),
            None => named(pattern, &host.names),
        },
    };
    patterns.iter().map(one).max().unwrap()
}

fn is_unnamed(model: &Model, host: &HostIdentity) -> bool {
    host.names.is_empty()
        && model
            .tables
            .iter()
            .all(|table| is_tables(table, host) == No)
}

/// An unnamed host may be one of the rule's, met by a key that known hosts do not have of it.
fn could_be_its_host(model: &Model, rule: &Rule, facts: &Facts, moment: &Moment) -> bool {
    let Some(identity) = &facts.host else {
        return false;
    };
    if facts.kind != IntentKind::Login
        || !is_unnamed(model, identity)
        || others(model, rule, facts, moment) == No
    {
        return false;
    }
    let could = |pattern: &str| {
        // A pattern may mean hosts that known hosts do not have at all; `*` is for those that they have.
        if pattern.contains(['*', '?']) && pattern != "*" {
            return true;
        }
        identity.possible_names.iter().any(|name| name == "(any)")
            || named(pattern, &identity.possible_names) != No
    };
    rule.host.iter().flatten().any(|pattern| match *pattern {
        "unnamed" | "unproven" => false,
        pattern => match table(model, pattern) {
            Some(table) => {
                let by_key = !table.keys.is_empty() || !table.ca.is_empty();
                by_key || table.names.iter().any(|pattern| could(pattern))
            }
            None => could(pattern),
        },
    })
}

/// The textbook's definition of `*`, `?` and `\`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        ([b'?', pattern @ ..], [_, text @ ..]) => glob(pattern, text),
        ([b'\\', p, pattern @ ..], [t, text @ ..]) => p == t && glob(pattern, text),
        ([p, pattern @ ..], [t, text @ ..]) => p == t && glob(pattern, text),
        _ => false,
    }
}
