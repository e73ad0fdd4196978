//! The answer on the screen: the request, the verdict, and each rule's why and why not.

use policy::display;
use policy::facts::Facts;
use policy::judgement::{Judgement, Remember, Verdict};
use policy::rules::matching::Matcher;
use policy::rules::{LoginTo, RuleTrace, VisibilityQuery};
use policy::scope::Scope;

use super::why::{ExplainedRequest, why};
use crate::fold::fit;
use crate::paint::{GREEN, RED, YELLOW, paint};
use crate::policy::patterns::caller_key;
use crate::recorded_facts::in_words;

/// Characters of one value.
pub(super) const SHOWN: usize = 60;
/// Characters of a sentence; the parts from outside are cut before.
pub(super) const SENTENCE: usize = 400;

impl ExplainedRequest<'_> {
    pub fn text(&self) -> String {
        let judgement = &self.trace.judgement;
        let what = in_words(self.facts, self.policy);
        let request = format!("{} asks for: {what}", self.facts.caller);
        let mut text = format!("{}\n\n", fit(&request, 0, 0));
        let verdict = judgement.verdict();
        let verdict = painted(verdict, &format!("{:<5}", verdict.word()));
        let reason = fit(&clean(judgement.reason()), 9, 9);
        text += &format!("  {verdict}  {reason}\n");
        for line in self.details(judgement) {
            text += &format!("{:9}{}\n", "", fit(&line, 9, 9));
        }
        text.push('\n');
        let rules = self.trace.rules.iter();
        let width = rules.map(|trace| place(trace).len()).max().unwrap_or(0);
        let width = width.max("default".len());
        for trace in &self.trace.rules {
            text += &self.rule(trace, width);
        }
        let end = match judgement.rule() {
            Some(_) => "",
            None if judgement.verdict() == self.policy.default_verdict() => "<- decides",
            // A revoked host, or what only a rule can cover.
            None => "does not cover this",
        };
        text + &row(width, "default", self.policy.default_verdict(), "", end)
    }

    fn details(&self, judgement: &Judgement) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(rule) = judgement.rule() {
            lines.push(display::ascii(rule.place.to_string().as_bytes(), SENTENCE));
        }
        if judgement.verdict() == Verdict::Ask {
            let remembers = Scope::of(self.facts).is_some();
            lines.push(match judgement.remember() {
                Remember::UpTo(seconds) if remembers => {
                    format!("you can allow it once, or for up to {}", span(seconds))
                }
                Remember::UpTo(_) | Remember::Never => "you can allow it once only".to_owned(),
            });
        }
        let signatures = judgement.signatures();
        if signatures > 1 {
            lines.push(format!("up to {signatures} signatures on a connection"));
        }
        let rule = judgement.rule();
        if let Some(rule) = rule.and_then(|rule| self.policy.rules.get(rule.index)) {
            let rate = rule.rate;
            lines.extend(rate.map(|rate| format!("at most {rate} for a qube")));
            if rule.author.is_some() || rule.committer.is_some() {
                lines.push("author and committer are the client's word".to_owned());
            }
        }
        if judgement.log_content() {
            lines.push("the log keeps its subject".to_owned());
        }
        if judgement.notify() {
            lines.push("with a notification".to_owned());
        }
        let listed = |login_to| {
            let Facts {
                caller,
                keyring,
                key,
                forwarded,
                ..
            } = self.facts;
            self.policy.visible(&VisibilityQuery {
                caller,
                keyring,
                key,
                forwarded: *forwarded,
                login_to,
            })
        };
        let bound = self.facts.host.as_ref().map(|host| {
            listed(Some(LoginTo {
                host,
                verified: true,
            }))
        });
        lines.push(match (listed(None), bound) {
            (false, _) => format!("the key is not listed for {}", self.facts.caller),
            (true, Some(false)) => {
                "the key is listed, but not on a connection bound to this host".to_owned()
            }
            (true, _) => format!("the key is listed for {}", self.facts.caller),
        });
        lines
    }

    fn rule(&self, trace: &RuleTrace, width: usize) -> String {
        let deciding = self.trace.judgement.rule();
        let decides = deciding.is_some_and(|rule| rule.index == trace.rule.index);
        let name = trace.rule.name.as_deref().unwrap_or_default();
        let name = display::ascii(name.as_bytes(), SHOWN);
        let end = match (decides, trace.reached) {
            (true, _) => "<- decides",
            (false, true) => "",
            (false, false) => "(not reached)",
        };
        let mut text = row(
            width,
            &place(trace),
            trace.action,
            trace.result.word(),
            &format!("{name}  {end}"),
        );
        let rule = self.policy.rules.get(trace.rule.index);
        // A rule below the first that covers the request can decide for another name of the host key.
        let is_told = trace.reached || decides;
        for (matcher, result) in trace.matchers.iter().filter(|_| is_told) {
            let why = rule.map_or_else(String::new, |rule| {
                clean(&why(self, rule, *matcher, *result))
            });
            let why = fit(&why, width + 20, width + 20);
            text += &format!(
                "{:width$}  {:<9}  {:<5}  {why}\n",
                "",
                match (matcher, rule) {
                    (Matcher::Qube, Some(rule)) => caller_key(rule),
                    _ => matcher.word(),
                },
                result.word()
            );
        }
        text
    }
}

fn row(width: usize, place: &str, action: Verdict, result: &str, end: &str) -> String {
    let action = painted(action, &format!("{:<9}", action.word()));
    let row = format!("{place:<width$}  {action}  {result:<5}  {}", end.trim());
    format!("{}\n", row.trim_end())
}

fn painted(verdict: Verdict, text: &str) -> String {
    let code = match verdict {
        Verdict::Allow => GREEN,
        Verdict::Ask => YELLOW,
        Verdict::Deny => RED,
    };
    paint(code, text)
}

fn clean(sentence: &str) -> String {
    display::prose(sentence.as_bytes(), SENTENCE)
}

/// The file's own name is enough to find the line by.
fn place(trace: &RuleTrace) -> String {
    let place = &trace.rule.place;
    let file = place.file.rsplit('/').next().unwrap_or_default();
    format!("{}:{}", display::ascii(file.as_bytes(), SHOWN), place.line)
}

fn span(seconds: u64) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}
