//! Makes a question of a request: heading, warning, offers and the words around the rows.

use super::{
    Details, MAX_HOST_LABEL, Offer, Question, QuestionId, SECONDS_FROM_SHOWN, Subject, date, rows,
};
use crate::display;
use crate::facts::{HostIdentity, Kind, Proof};
use crate::judgement::Remember;
use crate::remembered::Scope;

/// Lengths that a question offers, in seconds; the rule's longest is offered too.
const LENGTHS: [u64; 4] = [300, 900, 3600, 28_800];
/// More buttons than this slow the eye down.
const MAX_LENGTHS: usize = 2;
/// The prompt protocol's longest.
const LONGEST: u64 = 7 * 86_400;
/// The prompt protocol's longest for one line about the rule.
const MAX_WHY: usize = 240;
/// A user or namespace within a sentence.
const MAX_COVERED: usize = 48;

/// What is known of a question beside its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Seconds until the oldest of its requests must be answered.
    pub seconds_left: u64,
    /// Other questions that wait.
    pub waiting: usize,
    /// Requests that share the question.
    pub same: usize,
}

impl Question {
    pub fn about(id: QuestionId, subject: &Subject, standing: Standing) -> Self {
        let offers = offers(subject);
        let offers_longer = offers.iter().any(|offer| matches!(offer, Offer::For(_)));
        Self {
            id,
            kind: subject.facts.kind.word().to_owned(),
            heading: heading(subject),
            warning: warning(subject),
            rows: rows::rows(subject),
            why: why(subject),
            scope: offers_longer.then(|| covers(subject)),
            offers,
            seconds: standing.seconds_left.min(SECONDS_FROM_SHOWN),
            waiting: standing.waiting,
            same: standing.same,
        }
    }
}

impl Question {
    /// The same question, after the person typed a name that stands for another host.
    pub fn for_another_name(mut self, taken: &str) -> Self {
        let taken = display::ascii(taken.as_bytes(), MAX_HOST_LABEL);
        let choose = format!("\"{taken}\" is the name of another host: type another one, or none.");
        self.warning = Some(match self.warning {
            Some(warning) => format!("{choose} {warning}"),
            None => choose,
        });
        self
    }
}

fn host(subject: &Subject) -> Option<&HostIdentity> {
    subject
        .facts
        .host
        .as_ref()
        .filter(|_| subject.facts.proof != Proof::Unproven)
}

fn heading(subject: &Subject) -> String {
    let who = &subject.facts.caller;
    let what = match (&subject.details, host(subject)) {
        (Details::Login { .. }, Some(host)) => format!("log in to {}", rows::short_name(host)),
        (Details::Login { .. }, None) => "log in to an unproven server".to_owned(),
        // Words of ours for the namespaces that everybody meets; others have their row.
        (Details::Sshsig { .. }, _) => match subject.facts.namespace.as_deref() {
            Some(b"git") => "sign a git commit, tag or push".to_owned(),
            Some(b"file") => "sign a file".to_owned(),
            _ => "sign data".to_owned(),
        },
        (Details::Certificate(fields), _) if fields.for_hosts => {
            "issue a host certificate".to_owned()
        }
        (Details::Certificate(_), _) => "issue a user certificate".to_owned(),
        (Details::Sudo { .. }, _) => "become another user by sudo".to_owned(),
        (Details::Raw { .. }, _) => "sign data of no known kind".to_owned(),
    };
    if subject.facts.forwarded {
        return format!("{who} passes on a request to {what}");
    }
    format!("{who} asks to {what}")
}

fn warning(subject: &Subject) -> Option<String> {
    let facts = &subject.facts;
    let mut said = Vec::new();
    if facts.forwarded {
        said.push(match subject.via.last() {
            Some(last) => format!(
                "This request was forwarded: whoever has root on {} could have made it.",
                rows::short_name(last)
            ),
            None => "This request was forwarded: another host could have made it.".to_owned(),
        });
    }
    match (facts.kind, host(subject)) {
        (Kind::Certificate, _) => said.push(certified(&subject.details).into()),
        (Kind::Login, None) => said.push(
            "Nothing shows which server this is for: the signature opens any that takes this key."
                .into(),
        ),
        (Kind::Login, Some(host)) if host.names.is_empty() => said
            .push("Compare the fingerprint with one that you got from the server's owner.".into()),
        (Kind::Raw, _) => {
            said.push("The vault can't tell what this signature would be good for.".into())
        }
        (Kind::Sudo, _) => said.push(
            "Nothing shows which host this is for; what the request says of itself is unchecked."
                .into(),
        ),
        _ => {}
    }
    (!said.is_empty()).then(|| said.join(" "))
}

/// What a certificate is good for.
fn certified(details: &Details) -> &'static str {
    match details {
        Details::Certificate(fields) if fields.for_hosts => {
            "Whoever holds the certified key can pass for these hosts where this authority is trusted."
        }
        _ => "Whoever holds the certified key can log in where this authority is trusted.",
    }
}

fn why(subject: &Subject) -> String {
    let text = match &subject.rule {
        Some(rule) => match &rule.name {
            Some(name) => format!("rule \"{name}\", {}", rule.place),
            None => format!("rule at {}", rule.place),
        },
        // Only the default asks without a rule. The prompt writes "Subject by" before it.
        None => "the default, because no rule covers this".to_owned(),
    };
    display::prose(text.as_bytes(), MAX_WHY)
}

/// Completes "Longer answers cover …".
fn covers(subject: &Subject) -> String {
    let facts = &subject.facts;
    match host(subject) {
        Some(host) => {
            let user = rows::value(facts.user.as_deref().unwrap_or_default(), MAX_COVERED);
            format!(
                "only {}, user {user}, {} and this key",
                facts.caller,
                rows::short_name(host)
            )
        }
        None => {
            let namespace =
                rows::value(facts.namespace.as_deref().unwrap_or_default(), MAX_COVERED);
            format!("only {}, namespace {namespace} and this key", facts.caller)
        }
    }
}

fn offers(subject: &Subject) -> Vec<Offer> {
    let mut offers = vec![Offer::Deny, Offer::Mute, Offer::Once];
    if let (Remember::UpTo(longest), Some(_)) = (subject.remember, Scope::of(&subject.facts)) {
        let longest = longest.min(LONGEST);
        let shorter: Vec<u64> = LENGTHS
            .into_iter()
            .filter(|length| *length < longest)
            .collect();
        let kept = shorter.len().saturating_sub(MAX_LENGTHS - 1);
        offers.extend(shorter.into_iter().skip(kept).map(Offer::For));
        if longest > 0 {
            offers.push(Offer::For(longest));
        }
    }
    let unnamed = host(subject).is_some_and(|host| host.names.is_empty() && host.label.is_none());
    if unnamed && !subject.facts.forwarded {
        offers.push(Offer::Name);
    }
    offers
}

/// `15 minutes`, for buttons, terminals and the log.
pub fn length_in_words(seconds: u64) -> String {
    date::length(seconds)
}
