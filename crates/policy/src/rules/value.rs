//! Single values of a policy file: text to meaning, or a sentence and a hint.

use crate::display;
use crate::facts::{ContentProof, IntentKind, Proof};
use crate::judgement::{Remember, Verdict};
use crate::qube_color::QubeColor;
use crate::rate::{MAX_COUNT, Rate};

use super::rule::Hours;
use super::words::{MAX_NAME, nearest, quoted};

/// An approval that outlives a week is a rule that nobody wrote down.
const MAX_REMEMBER: u64 = 7 * 86_400;

/// What is wrong with a value, and how to fix it.
pub(super) struct BadValue {
    pub message: String,
    pub hint: String,
}

impl BadValue {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

pub(super) type Value<T> = Result<T, BadValue>;

fn one_of(text: &str, words: &[&'static str], what: &str) -> BadValue {
    let hint = match nearest(text, words.iter().copied()) {
        Some(word) => format!("did you mean \"{word}\"?"),
        None => format!("it is one of {}", words.join(", ")),
    };
    BadValue::new(format!("unknown {what} {}", quoted(text)), hint)
}

fn by_word<T: Copy, const COUNT: usize>(
    text: &str,
    all: [T; COUNT],
    word: fn(T) -> &'static str,
    what: &str,
) -> Value<T> {
    let found = all.into_iter().find(|value| word(*value) == text);
    found.ok_or_else(|| one_of(text, &all.map(word), what))
}

pub(super) fn action(text: &str) -> Value<Verdict> {
    by_word(text, Verdict::ALL, Verdict::word, "action")
}

pub(super) fn default(text: &str) -> Value<Verdict> {
    match text {
        "ask" => Ok(Verdict::Ask),
        "deny" => Ok(Verdict::Deny),
        "allow" => Err(BadValue::new(
            "the default cannot be allow: what no rule foresaw would be signed in silence",
            "write default = \"ask\" or \"deny\", and a rule for what is to be allowed",
        )),
        _ => Err(one_of(text, &["ask", "deny"], "default")),
    }
}

pub(super) fn content(text: &str) -> Value<ContentProof> {
    let proofs = [ContentProof::Proven, ContentProof::Unproven];
    by_word(text, proofs, ContentProof::word, "content")
}

pub(super) fn kind(text: &str) -> Value<IntentKind> {
    by_word(text, IntentKind::ALL, IntentKind::word, "kind")
}

pub(super) fn proof(text: &str) -> Value<Proof> {
    match text {
        "proven" => Ok(Proof::Proven),
        "bound" => Ok(Proof::Bound),
        "unproven" => Err(BadValue::new(
            "a host cannot accept logins that show nothing about the host: they could be for any",
            "a rule with host = \"unproven\" covers those, for every host at once",
        )),
        _ => Err(one_of(text, &["proven", "bound"], "proof")),
    }
}

/// The label of a qube, as Qubes names it.
pub(super) fn qube_color(text: &str) -> Value<QubeColor> {
    by_word(text, QubeColor::ALL, QubeColor::word, "color")
}

/// The NAME of `[host.NAME]`, `[key.NAME]` or `[qube.NAME]`.
pub(super) fn table_name(text: &str) -> Value<String> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_.@-".contains(&b);
    if !text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(BadValue::new(
        format!("{} cannot be a name", quoted(text)),
        format!("letters, digits, `_`, `.`, `@` and `-`, at most {MAX_NAME}"),
    ))
}

pub(super) fn rule_name(text: &str) -> Value<String> {
    if !text.is_empty()
        && text.len() <= MAX_NAME
        && display::ascii(text.as_bytes(), MAX_NAME) == text
    {
        return Ok(text.to_owned());
    }
    let hint = format!("plain ASCII on one line, at most {MAX_NAME} characters");
    Err(BadValue::new(
        "a rule's name is shown in prompts and the log, and this one cannot be",
        hint,
    ))
}

/// `90s`, `15m`, `8h`, `1d` or `never`.
pub(super) fn remember(text: &str) -> Value<Remember> {
    if text == "never" {
        return Ok(Remember::Never);
    }
    let hint = "such as \"90s\", \"15m\", \"8h\", \"1d\" or \"never\"";
    let bad = || BadValue::new(format!("{} is not a time to remember", quoted(text)), hint);
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(bad()),
    };
    let digits = text
        .get(..text.len() - 1)
        .filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
    let count: u64 = digits.and_then(|d| d.parse().ok()).ok_or_else(bad)?;
    match count.checked_mul(unit) {
        Some(0) => Err(BadValue::new(
            "nothing is remembered for no time",
            "write \"never\"",
        )),
        Some(seconds) if seconds <= MAX_REMEMBER => Ok(Remember::UpTo(seconds)),
        _ => Err(BadValue::new(
            "an answer is remembered for a week at most",
            "what is to stay is better an allow rule",
        )),
    }
}

pub(super) fn rate(text: &str) -> Value<Rate> {
    Rate::parse(text).ok_or_else(|| {
        BadValue::new(
            format!("a rate is a count from 1 to {MAX_COUNT}, `/`, and `s`, `min`, `h` or `day`"),
            "such as \"30/min\" or \"5/h\"",
        )
    })
}

pub(super) fn hours(text: &str) -> Value<Hours> {
    let parsed = text
        .split_once('-')
        .and_then(|(from, to)| Some((minute(from)?, minute(to)?)));
    match parsed {
        Some((1440, _)) => Err(BadValue::new(
            "the day ends at 24:00",
            "write 00:00 where it begins",
        )),
        Some((from, to)) if from == to => Err(BadValue::new(
            "no time lies between these",
            "leave `hours` out for all day",
        )),
        Some((from, to)) => Ok(Hours { from, to }),
        None => Err(BadValue::new(
            format!("{} are not hours", quoted(text)),
            "such as \"08:00-20:00\", local time",
        )),
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| -> Option<u16> {
        (digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse().ok())?
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (minute < 60 && hour * 60 + minute <= 1440).then_some(hour * 60 + minute)
}
