//! A record as a person reads it, on a screen and in the journal. All text passes the sanitizer.

use crate::caller::DEFAULT_KEYRING;
use crate::display;
use crate::facts::IntentKind;
use crate::judgement::Verdict;
use crate::question::counted;

use super::{DecidedBy, Escaped, Event, Record, RecordOutcome};

/// Characters of one name or value on a line.
const MAX_VALUE: usize = 64;
/// Characters of a reason or a rule's place.
const MAX_REASON: usize = 240;

/// A record in three parts, all printable ASCII but for the letters of a commit's subject or a tag's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// One or two words: what happened.
    pub head: &'static str,
    /// To whom and for what; may be empty.
    pub what: String,
    /// Who decided, by which rule, and why; may be empty.
    pub why: String,
    pub tone: Tone,
}

/// How much the reader should care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A signature was given.
    Signed,
    /// Nothing to look at.
    Plain,
    /// Something was refused.
    Refused,
    /// Something is broken, or somebody cheats.
    Alarm,
}

impl Sentence {
    pub fn of(record: &Record) -> Self {
        let (head, tone) = head(record);
        Self {
            head,
            what: what(record),
            why: why(record),
            tone,
        }
    }

    /// All of it on one line, with the caller of `record` before it.
    pub fn line(&self, record: &Record) -> String {
        let qube = record.qube.as_deref().map(value).unwrap_or_default();
        [qube.as_str(), self.head, &self.what, &self.why]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn head(record: &Record) -> (&'static str, Tone) {
    match (record.event, record.outcome) {
        (Event::Start, _) => ("started", Tone::Plain),
        (Event::Stop, _) => ("stopped", Tone::Plain),
        (Event::Reload, RecordOutcome::Ok) => ("reloaded", Tone::Plain),
        (Event::Reload, _) => ("not reloaded", Tone::Alarm),
        (Event::List, RecordOutcome::Ok) => ("listed", Tone::Plain),
        (Event::List, _) => ("list refused", Tone::Refused),
        (Event::Sign, RecordOutcome::Ok) => ("signed", Tone::Signed),
        (Event::Sign, _) => ("denied", Tone::Refused),
        (Event::Bind, RecordOutcome::Ok) => ("bound", Tone::Plain),
        (Event::Bind, RecordOutcome::Unverifiable) => ("bind unknown", Tone::Refused),
        (Event::Bind, _) => ("bind failed", Tone::Alarm),
        (Event::Refusal, _) => ("refused", Tone::Refused),
        (Event::Malformed, _) => ("malformed", Tone::Alarm),
        (Event::Limit, _) => ("limit", Tone::Refused),
        (Event::Upstream, _) => ("agent failed", Tone::Alarm),
        (Event::NoAnswer, _) => ("no answer", Tone::Refused),
        (Event::Undelivered, _) => ("not taken", Tone::Refused),
        (Event::Revoked, _) => ("answer ended", Tone::Plain),
        (Event::Recovered, _) => ("recovered", Tone::Alarm),
    }
}

fn what(record: &Record) -> String {
    let mut words = Vec::new();
    if let Some(kind) = record.kind {
        words.push(purpose(record, kind));
    } else {
        let is_bind = record.host_key.is_some() && record.event != Event::List;
        words.extend(is_bind.then(|| host_name(record)));
        words.extend(record.request.as_deref().map(value));
    }
    if let Some(listed) = record.listed {
        words.push(counted(listed, "key"));
        if record.host_key.is_some() {
            words.push(format!("for {}", host_name(record)));
        }
    }
    words.extend(record.bytes.map(|bytes| counted(bytes, "byte")));
    words.extend(key(record).map(|key| format!("with {key}")));
    let keyring = record.keyring.as_deref();
    if let Some(keyring) = keyring.filter(|name| *name != DEFAULT_KEYRING) {
        let of = if words.is_empty() { "" } else { "of " };
        words.push(format!("{of}keyring {}", value(keyring)));
    }
    if let Some(count) = record.count.filter(|count| *count > 1) {
        words.push(format!("({count} times)"));
    }
    words.join(" ")
}

fn purpose(record: &Record, kind: IntentKind) -> String {
    let named = |text: &Option<Escaped>| text.as_ref().map_or_else(|| "?".to_owned(), escaped);
    let sha1 = if record.sha1 { " by SHA-1" } else { "" };
    match kind {
        IntentKind::Login => {
            let user = named(&record.user);
            let forwarded = record.forwarded == Some(true);
            let via = if forwarded { ", forwarded" } else { "" };
            match record.proof {
                Some(proof) => format!(
                    "login {user}@{} ({}{via}){sha1}",
                    host_name(record),
                    proof.word()
                ),
                // Refused before anybody looked for the host.
                None => format!("login of {user}{sha1}"),
            }
        }
        IntentKind::Sshsig => {
            let namespace = named(&record.namespace);
            match &record.subject {
                Some(subject) => {
                    let subject = shown(subject, display::text).replace('"', "\\x22");
                    let object = record.object.as_deref().map(value).unwrap_or_default();
                    format!("{namespace} \"{subject}\" ({object}){sha1}")
                }
                None => format!("sshsig in namespace {namespace}{sha1}"),
            }
        }
        IntentKind::Sudo => format!("sudo of {}{sha1}", named(&record.user)),
        IntentKind::Certificate => format!("certificate{sha1}"),
        IntentKind::Raw => format!("raw data{sha1}"),
    }
}

/// The host's first name, else the label that a person gave it, else its key.
pub fn host_name(record: &Record) -> String {
    let revoked = if record.host_revoked { "REVOKED " } else { "" };
    let name = match (record.host.first(), &record.host_label, &record.host_key) {
        (Some(name), _, _) => escaped(name),
        (None, Some(label), _) => format!("\"{}\"", escaped(label)),
        (None, None, Some(key)) => format!("unnamed {}", value(key)),
        (None, None, None) => "unknown host".to_owned(),
    };
    format!("{revoked}{name}")
}

fn key(record: &Record) -> Option<String> {
    let comment = record.comment.as_ref();
    let comment = comment.filter(|comment| !comment.as_str().is_empty());
    let name = record.label.as_ref().or(comment).map(escaped);
    name.or_else(|| record.key.as_deref().map(value))
}

fn why(record: &Record) -> String {
    let mut words = Vec::new();
    if let Some(place) = &record.rule_place {
        let name = record.rule.as_deref();
        let name = name.map_or_else(String::new, |name| format!("\"{}\" ", value(name)));
        let verdict = record.verdict.map_or("", Verdict::word);
        // The file's own name is enough to find the line by.
        let place = place.rsplit('/').next().unwrap_or_default();
        let place = display::ascii(place.as_bytes(), MAX_REASON);
        words.push(format!("rule {name}{place}: {verdict}"));
    }
    if let Some(reason) = record.reason.as_ref().filter(|_| !repeats_the_rule(record)) {
        // What is wrong with a policy takes several lines; the first says it.
        let first = reason.lines().next().unwrap_or_default();
        words.push(display::prose(first.as_bytes(), MAX_REASON));
    }
    words.extend(match record.decided_by {
        Some(DecidedBy::Prompt) => Some(format!("answered in the prompt{}", waited(record))),
        Some(DecidedBy::Terminal) => Some(format!("answered in a terminal{}", waited(record))),
        Some(DecidedBy::Remembered) => Some("by an earlier answer".to_owned()),
        Some(DecidedBy::Policy) | None => None,
    });
    words.join("; ")
}

/// Whether the reason says no more than that the rule decided.
fn repeats_the_rule(record: &Record) -> bool {
    let (Some(reason), Some(place)) = (&record.reason, &record.rule_place) else {
        return false;
    };
    let called = match &record.rule {
        Some(name) => format!("rule `{name}` "),
        None => format!("the rule at {place} "),
    };
    matches!(
        reason.strip_prefix(&called),
        Some("allows it" | "asks" | "denies it")
    )
}

fn waited(record: &Record) -> String {
    record.wait_ms.map_or_else(String::new, |ms| {
        format!(" after {}.{} s", ms / 1000, ms % 1000 / 100)
    })
}

fn value(text: &str) -> String {
    display::ascii(text.as_bytes(), MAX_VALUE)
}

fn escaped(text: &Escaped) -> String {
    shown(text, display::ascii)
}

fn shown(text: &Escaped, sanitize: fn(&[u8], usize) -> String) -> String {
    match text.to_bytes() {
        Some(bytes) => sanitize(&bytes, MAX_VALUE),
        None => value(text.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Timestamp;

    fn record(json: &str) -> Record {
        let text =
            format!(r#"{{"v":1,"time":"2026-11-21T19:40:24.123Z","seq":1,"previous":"",{json}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn records_read_as_sentences() {
        for (json, expected) in [
            (r#""event":"start","outcome":"ok""#, "started"),
            (
                r#""event":"list","outcome":"ok","qube":"work","keyring":"default","listed":1"#,
                "work listed 1 key",
            ),
            (
                r#""event":"list","outcome":"ok","qube":"work","listed":0,"host":["a.example"],"host_key":"SHA256:h""#,
                "work listed 0 keys for a.example",
            ),
            (
                r#""event":"sign","outcome":"ok","qube":"work","keyring":"job","kind":"login","user":"git",
                   "host":["github.com","gh"],"host_key":"SHA256:h","proof":"bound","forwarded":true,"key":"SHA256:k",
                   "comment":"me@home","verdict":"ask","rule":"push","rule_place":"policy.toml:9",
                   "decided_by":"prompt","wait_ms":3270"#,
                "work signed login git@github.com (bound, forwarded) with me@home of keyring job \
                 rule \"push\" policy.toml:9: ask; answered in the prompt after 3.2 s",
            ),
            (
                r#""event":"sign","outcome":"refused","qube":"ssh:pad","kind":"sshsig","namespace":"file","sha1":true,
                   "key":"SHA256:k","reason":"the default denies","decided_by":"policy","count":7"#,
                "ssh:pad denied sshsig in namespace file by SHA-1 with SHA256:k (7 times) the default denies",
            ),
            (
                r#""event":"sign","outcome":"ok","qube":"work","kind":"sshsig","namespace":"git","key":"SHA256:k",
                   "verdict":"allow","rule":"commits","rule_place":"/home/me/policy.toml:9","reason":"rule `commits` allows it""#,
                "work signed sshsig in namespace git with SHA256:k rule \"commits\" policy.toml:9: allow",
            ),
            (
                r#""event":"sign","outcome":"ok","qube":"work","kind":"sshsig","namespace":"git","key":"SHA256:k",
                   "subject":"Gr\\xc3\\xb6\\xc3\\x9fe\" with\\x0a","object":"4b825dc642cb""#,
                "work signed git \"Größe\\x22 with\" (4b825dc642cb) with SHA256:k",
            ),
            (
                r#""event":"sign","outcome":"refused","qube":"work","kind":"login","user":"git","key":"SHA256:k",
                   "reason":"an earlier bind on this connection failed""#,
                "work denied login of git with SHA256:k an earlier bind on this connection failed",
            ),
            (
                r#""event":"recovered","outcome":"failed","reason":"records could not be written","count":1"#,
                "recovered records could not be written",
            ),
            (
                r#""event":"refusal","outcome":"refused","qube":"work","request":"add-identity""#,
                "work refused add-identity",
            ),
        ] {
            let record = record(json);
            assert_eq!(Sentence::of(&record).line(&record), expected);
        }
    }

    #[test]
    fn a_host_is_named_by_the_vault_or_by_its_key() {
        for (json, expected) in [
            (
                r#""host_label":"forge","host_key":"SHA256:h","proof":"proven""#,
                "login a@\"forge\" (proven)",
            ),
            (
                r#""host_key":"SHA256:h","proof":"bound""#,
                "login a@unnamed SHA256:h (bound)",
            ),
            (r#""proof":"unproven""#, "login a@unknown host (unproven)"),
        ] {
            let login =
                format!(r#""event":"sign","outcome":"ok","kind":"login","user":"a",{json}"#);
            assert_eq!(Sentence::of(&record(&login)).what, expected);
        }
    }

    #[test]
    fn nothing_that_draws_comes_out() {
        let evil = "\u{1b}[2J\n\u{202e}root";
        let mut record =
            Record::new(Event::Sign, RecordOutcome::Ok, Timestamp::from_unix_ms(0)).because(evil);
        record.kind = Some(IntentKind::Login);
        record.qube = Some(evil.into());
        record.rule = Some(evil.to_owned());
        record.rule_place = Some(evil.to_owned());
        record.user = Some(Escaped::from_bytes(evil.as_bytes()));
        record.host = vec![record.user.clone().unwrap()];
        record.comment = record.user.clone();
        let line = Sentence::of(&record).line(&record);
        assert!(
            line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{line}"
        );
    }
}
