//! dom0's part: lines of R4.1's policy format, first match wins, no match is no, a bad line refuses all.
//!
//! `SERVICE|*  +ARG|+|*  SOURCE|@anyvm|*  TARGET|@anyvm|@default|*  allow|deny|ask  [key=value ...]`
//!
//! Known keys: `target=`, `default_target=`, `user=`, `notify=`, `autostart=`; and ours, which stand for
//! what a person or a slow system does: `answer=yes|no` (to an ask; no is the default),
//! `delay=MILLISECONDS` and `hang=yes` (before dom0's answer arrives), `cut=MILLISECONDS` (the target dies
//! that long into the stream), `header=alone|joined|split` (how a socket service's header arrives),
//! `transaction=MILLISECONDS` (how long xenstore takes to set a stream up).

use std::time::Duration;

/// How the header of a socket service arrives; real qrexec shows the first two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// In a write of its own.
    #[default]
    Alone,
    /// In one write with the client's first data.
    Joined,
    /// One byte a write.
    Split,
}

/// dom0's answer to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The qube to call, or `None` for a refusal.
    pub target: Option<String>,
    pub delay: Duration,
    pub hang: bool,
    pub cut: Option<Duration>,
    pub header: Header,
    pub transaction: Duration,
}

impl Verdict {
    fn refused() -> Self {
        Self {
            target: None,
            delay: Duration::ZERO,
            hang: false,
            cut: None,
            header: Header::Alone,
            transaction: Duration::ZERO,
        }
    }
}

/// Who wants what of whom. `target` is a qube that exists, or `@default`.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub source: &'a str,
    pub target: &'a str,
    pub service: &'a str,
    pub argument: &'a str,
}

/// Judges `call` by the text of a policy.
pub fn judge(policy: &str, call: Call<'_>) -> Verdict {
    let lines = policy
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let Some(rules) = lines.map(Rule::parse).collect::<Option<Vec<_>>>() else {
        return Verdict::refused();
    };
    let Some(rule) = rules.into_iter().find(|rule| rule.matches(call)) else {
        return Verdict::refused();
    };
    let mut verdict = rule.verdict;
    let target = match verdict.target.take() {
        Some(redirected) => redirected,
        None => call.target.to_owned(),
    };
    // Real qrexec refuses a qube that calls itself, and `@default` that no rule resolves.
    if rule.allows && target != call.source && target != "@default" {
        verdict.target = Some(target);
    }
    verdict
}

struct Rule<'a> {
    service: &'a str,
    argument: &'a str,
    source: &'a str,
    target: &'a str,
    allows: bool,
    verdict: Verdict,
}

impl<'a> Rule<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (service, argument) = (words.next()?, words.next()?);
        let (source, target, action) = (words.next()?, words.next()?, words.next()?);
        let well_formed = argument == "*" || (argument.starts_with('+') && service != "*");
        if !well_formed || !matches!(action, "allow" | "ask" | "deny") {
            return None;
        }
        let mut rule = Self {
            service,
            argument,
            source,
            target,
            allows: action == "allow",
            verdict: Verdict::refused(),
        };
        for word in words {
            let (key, value) = word.split_once('=')?;
            match key {
                "target" | "default_target" => rule.verdict.target = Some(value.to_owned()),
                "user" | "notify" | "autostart" => {}
                "answer" if action == "ask" => rule.allows = yes(value)?,
                "delay" => rule.verdict.delay = Duration::from_millis(value.parse().ok()?),
                "hang" => rule.verdict.hang = yes(value)?,
                "cut" => rule.verdict.cut = Some(Duration::from_millis(value.parse().ok()?)),
                "transaction" => {
                    rule.verdict.transaction = Duration::from_millis(value.parse().ok()?);
                }
                "header" => rule.verdict.header = header(value)?,
                _ => return None,
            }
        }
        Some(rule)
    }

    fn matches(&self, call: Call<'_>) -> bool {
        let argument =
            self.argument == "*" || self.argument.strip_prefix('+') == Some(call.argument);
        let target = match self.target {
            "@anyvm" => call.target != "@default",
            "*" => true,
            name => name == call.target,
        };
        let source = matches!(self.source, "*" | "@anyvm") || self.source == call.source;
        (self.service == "*" || self.service == call.service) && argument && source && target
    }
}

fn yes(value: &str) -> Option<bool> {
    match value {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn header(value: &str) -> Option<Header> {
    match value {
        "alone" => Some(Header::Alone),
        "joined" => Some(Header::Joined),
        "split" => Some(Header::Split),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Call<'_> = Call {
        source: "work",
        target: "vault",
        service: "qubes.SshAgent",
        argument: "keys",
    };

    fn target(policy: &str, call: Call<'_>) -> Option<String> {
        judge(policy, call).target
    }

    #[test]
    fn the_first_match_wins_and_none_is_no() {
        let policy = "# no\nqubes.SshAgent +keys work vault deny\n* * @anyvm @anyvm allow\n";
        assert_eq!(target(policy, WORK), None);
        assert_eq!(
            target(
                policy,
                Call {
                    source: "other",
                    ..WORK
                }
            ),
            Some("vault".to_owned())
        );
        assert_eq!(target("", WORK), None);
        assert_eq!(target("qubes.SshAgent + work vault allow", WORK), None);
        assert!(
            target(
                "qubes.SshAgent + work vault allow",
                Call {
                    argument: "",
                    ..WORK
                }
            )
            .is_some()
        );
    }

    #[test]
    fn one_bad_line_refuses_everything() {
        for bad in [
            "qubes.SshAgent * work vault ask,default_target=vault",
            "* +keys work vault allow",
            "half a line",
        ] {
            assert_eq!(
                target(&format!("* * * * allow\n{bad}\n"), WORK),
                None,
                "{bad}"
            );
        }
    }

    #[test]
    fn an_ask_is_answered_by_its_line() {
        assert_eq!(target("* * * * ask", WORK), None);
        assert_eq!(
            target("* * * * ask answer=yes", WORK),
            Some("vault".to_owned())
        );
        assert_eq!(
            judge("* * * * ask answer=no delay=70", WORK).delay,
            Duration::from_millis(70)
        );
    }

    #[test]
    fn default_needs_a_target_and_no_qube_calls_itself() {
        let default = Call {
            target: "@default",
            ..WORK
        };
        assert_eq!(target("* * * @default allow", default), None);
        assert_eq!(
            target("* * * @default allow target=vault", default),
            Some("vault".to_owned())
        );
        assert_eq!(
            target(
                "* * * * allow",
                Call {
                    source: "vault",
                    ..WORK
                }
            ),
            None
        );
    }
}
