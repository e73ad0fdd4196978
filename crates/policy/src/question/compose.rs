//! Makes a question of a request: its parts, its offers, and the sentences around the rows.

use super::names::{short_name, value};
use super::{
    Decision, MAX_HOST_LABEL, Question, QuestionId, Row, SECONDS_FROM_SHOWN, Subject, Version,
    caution, date, heading, rows,
};
use crate::display;
use crate::facts::IntentKind;
use crate::judgement::Remember;
use crate::scope::Scope;

/// Lengths that a question offers, in seconds. To allow, the rule's longest is offered too, and nothing above it.
const LENGTHS: [u64; 4] = [300, 900, 3600, 28_800];
/// The longest that an answer is remembered, in seconds: in effect until the vault stops.
pub const LONGEST: u64 = 7 * 86_400;
/// The prompt protocol's longest for one line about the rule.
const MAX_REASON: usize = 240;
/// A user or namespace within a sentence.
const MAX_COVERED: usize = 32;

/// What is known of a question beside its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuestionProgress {
    /// Seconds until the oldest of its requests must be answered.
    pub seconds_left: u64,
    /// Other questions that wait.
    pub waiting: usize,
    /// Requests that share the question.
    pub same: usize,
}

impl Question {
    pub fn about(id: QuestionId, subject: &Subject, progress: QuestionProgress) -> Self {
        let offers = offers(subject);
        let offers_longer = offers
            .iter()
            .any(|offer| matches!(offer, Decision::AllowFor(_)));
        let facts = rows::facts(subject);
        let mut warnings = caution::warnings(subject);
        if facts.iter().any(Row::is_cut_list) {
            warnings.push("It is too long to be shown whole: a part is cut out.".to_owned());
        }
        let is_unnamed = subject.shown_host().is_some_and(|host| !host.is_known());
        let is_login = subject.facts.kind == IntentKind::Login;
        Self {
            v: Version,
            id,
            kind: subject.facts.kind,
            risk: caution::risk(subject, &warnings),
            color: subject.color,
            heading: heading::heading(subject),
            proof: is_login.then_some(subject.facts.proof),
            history: subject.history,
            warnings,
            facts,
            details: rows::details(subject),
            why: why(subject),
            scope: offers_longer.then(|| covers(subject)),
            limit: limit(subject),
            rule: subject.always.clone(),
            offers,
            takes_name: is_unnamed && !subject.facts.forwarded,
            seconds: progress.seconds_left.clamp(1, SECONDS_FROM_SHOWN),
            waiting: progress.waiting,
            same: progress.same,
        }
    }

    /// The same question, after the person typed a name that stands for another host.
    pub fn for_another_name(mut self, taken: &str) -> Self {
        let taken = display::ascii(taken.as_bytes(), MAX_HOST_LABEL);
        let choose = format!("\"{taken}\" is the name of another host: type another one, or none.");
        self.warnings.insert(0, choose);
        self
    }
}

/// A sentence: which rule asks and where it stands, or why no rule was needed.
fn why(subject: &Subject) -> String {
    let text = match &subject.rule {
        Some(rule) => match &rule.name {
            Some(name) => format!("Rule \"{name}\" asks ({})", rule.place),
            None => format!("The rule at {} asks", rule.place),
        },
        // Only the default asks without a rule.
        None => "No policy rule matches, so you are asked".to_owned(),
    };
    display::prose(text.as_bytes(), MAX_REASON)
}

/// Why an allow cannot be for longer than is offered.
fn limit(subject: &Subject) -> Option<String> {
    let facts = &subject.facts;
    let rule = subject.rule.as_ref();
    let text = match (subject.remember, Scope::of(facts)) {
        (Remember::UpTo(longest), Some(_)) if longest >= LONGEST => return None,
        (Remember::UpTo(longest), Some(_)) => {
            let longest = date::length(longest);
            match rule {
                Some(rule) => format!("The rule at {} allows at most {longest}.", rule.place),
                None => format!("Without a rule, an approval lasts at most {longest}."),
            }
        }
        (_, None) if facts.forwarded => {
            "What comes through a forwarded agent can be allowed once only.".to_owned()
        }
        (_, None) if facts.kind == IntentKind::Login => {
            "A login to a server without a name can be allowed once only.".to_owned()
        }
        (_, None) => format!(
            "A request of kind {} can be allowed once only.",
            facts.kind.word()
        ),
        (Remember::Never, Some(_)) => match rule {
            Some(rule) => format!("The rule at {} says remember = \"never\".", rule.place),
            None => "The policy allows this once only.".to_owned(),
        },
    };
    Some(display::prose(text.as_bytes(), MAX_REASON))
}

/// Completes "... covers only".
fn covers(subject: &Subject) -> String {
    let facts = &subject.facts;
    let what = match subject.shown_host() {
        Some(host) => {
            let user = value(facts.user.as_deref().unwrap_or_default(), MAX_COVERED);
            format!("{user}@{}", short_name(host))
        }
        None => {
            let namespace = value(facts.namespace.as_deref().unwrap_or_default(), MAX_COVERED);
            match facts.content.as_ref().map(|content| &content.author) {
                None => format!("signatures for {namespace}"),
                Some(None) => format!("shown content for {namespace}"),
                Some(Some(mail)) => format!("commits and tags by {}", value(mail, MAX_COVERED)),
            }
        }
    };
    format!("{what} from {} with this key", facts.caller)
}

fn offers(subject: &Subject) -> Vec<Decision> {
    let mut offers = vec![Decision::DenyOnce, Decision::Mute, Decision::AllowOnce];
    offers.extend(LENGTHS.map(Decision::DenyFor));
    offers.push(Decision::DenyFor(LONGEST));
    if let (Remember::UpTo(longest), Some(_)) = (subject.remember, Scope::of(&subject.facts)) {
        let longest = longest.min(LONGEST);
        let shorter = LENGTHS.into_iter().filter(|length| *length < longest);
        offers.extend(shorter.map(Decision::AllowFor));
        if longest > 0 {
            offers.push(Decision::AllowFor(longest));
        }
    }
    if subject.always.is_some() {
        offers.push(Decision::AllowAlways);
    }
    offers
}
