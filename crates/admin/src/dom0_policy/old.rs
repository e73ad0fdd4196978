//! Lines of Qubes 4.0, `SOURCE TARGET ACTION[,KEY=VALUE…]`, as the old guides have them, and what they
//! are today.

use super::rule::Rule;

/// A line of Qubes 4.0 and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranslatedLine {
    /// Today's lines that do what the old one did.
    pub lines: Vec<String>,
    /// What is to know about them.
    pub explanation: String,
}

const WIDE_SOURCE: &str =
    "every qube may call, also ones made later: better name them or say @tag:TAG";
const WIDE_TARGET: &str = "no vault is named, so an allowed call may go to any qube: name your vault in place of the second @anyvm";

/// `None` if the line is not of that kind.
pub fn translate(line: &str) -> Option<TranslatedLine> {
    let line = line.replace('$', "@").replace(',', " ");
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [source, target, action, parameters @ ..] = fields.as_slice() else {
        return None;
    };
    if !["ask", "allow", "deny"].contains(action) {
        return None;
    }
    let denies = *action == "deny";
    let given = |key: &str| {
        let values = parameters.iter().filter_map(|word| word.split_once('='));
        let mut named = values.filter(|(name, _)| *name == key);
        Some(named.next()?.1)
    };
    let is_one_qube = !target.starts_with('@') && *target != "*";
    let redirect = given("target").or(is_one_qube.then_some(*target));
    let mut targets = vec![*target];
    if is_one_qube && !denies {
        targets.insert(0, "@default");
    }
    let proposed = given("default_target").or(redirect);
    let words = [
        ("target", redirect.filter(|_| !denies)),
        ("default_target", proposed.filter(|_| *action == "ask")),
        ("user", given("user").filter(|_| !denies)),
        ("notify", if denies { Some("no") } else { given("notify") }),
    ];
    let words = words
        .iter()
        .filter_map(|(key, value)| value.map(|value| format!(" {key}={value}")));
    let words: String = words.collect();
    let line = |to: &&str| format!("qubes.SshAgent + {source} {to} {action}{words}");
    let lines: Vec<String> = targets.iter().map(line).collect();
    if lines.iter().any(|line| Rule::parse(line).is_err()) {
        return None;
    }
    let mut explanation = vec![
        "the service and its argument stand first now, and + means a call without an argument, \
         as the old clients make it",
    ];
    if targets.len() > 1 {
        explanation
            .push("the line with @default is for clients that leave the vault's name to dom0");
    }
    if *source == "@anyvm" && !denies {
        explanation.push(WIDE_SOURCE);
    }
    if *target == "@anyvm" && !denies {
        explanation.push(WIDE_TARGET);
    }
    Some(TranslatedLine {
        lines,
        explanation: explanation.join("; "),
    })
}
