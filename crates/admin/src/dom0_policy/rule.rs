//! One line of policy.d: `SERVICE ARGUMENT SOURCE TARGET ACTION [KEY=VALUE …]`, as Qubes 4.1 and later
//! read it (qubes-core-qrexec, policy/parser.py).

use std::fmt;

use super::problem::{LintProblem, LintSeverity};

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub service: String,
    /// `*`, `+` for none, or `+ARGUMENT`.
    pub argument: String,
    pub source: String,
    pub target: String,
    pub action: String,
    pub parameters: Vec<(String, String)>,
}

/// Where a word for qubes stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WordPlace {
    Source,
    Target,
    Redirect,
}

impl Rule {
    /// # Errors
    /// The first thing that dom0 would stumble over, or else the first that could never match.
    pub fn parse(line: &str) -> Result<Self, LintProblem> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [service, argument, source, target, action, words @ ..] = fields.as_slice() else {
            return Err(denied(
                format!("{} fields, at least 5 are needed", fields.len()),
                "a line is: SERVICE ARGUMENT SOURCE TARGET ACTION [KEY=VALUE …]",
            ));
        };
        let mut problems = Vec::new();
        problems.extend(check_service(service, argument).err());
        problems.extend(check_qubes(source, WordPlace::Source).err());
        problems.extend(check_qubes(target, WordPlace::Target).err());
        problems.extend(check_action(action).err());
        let parameters = parameters(action, words, &mut problems);
        let rule = Self {
            service: (*service).to_owned(),
            argument: (*argument).to_owned(),
            source: (*source).to_owned(),
            target: (*target).to_owned(),
            action: (*action).to_owned(),
            parameters,
        };
        if rule.target == "@default" && rule.action == "allow" && rule.get("target").is_none() {
            problems.push(denied(
                "`@default … allow` names no qube",
                "add target=VAULT",
            ));
        }
        let worst = problems.into_iter().min_by_key(|problem| problem.severity);
        worst.map_or(Ok(rule), Err)
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }
}

/// dom0's parser refuses the line.
fn denied(what: impl fmt::Display, hint: impl Into<String>) -> LintProblem {
    LintProblem::broken(format!("{what}; dom0 denies every call because of it")).hint(hint)
}

/// dom0's parser takes the line.
fn useless(what: impl fmt::Display, hint: impl Into<String>) -> LintProblem {
    let what = format!("{what}; dom0 takes the line, but it cannot work");
    LintProblem::new(LintSeverity::Useless, what).hint(hint)
}

/// What may stand in a name of a service, argument or qube.
fn is_name(word: &str) -> bool {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !word.is_empty() && word.chars().all(is_taken)
}

fn check_service(service: &str, argument: &str) -> Result<(), LintProblem> {
    if service != "*" && !is_name(service) {
        return Err(denied(
            format!("`{service}` is no service's name"),
            "the argument is a field of its own: qubes.SshAgent +work …",
        ));
    }
    if argument == "*" {
        return Ok(());
    }
    let Some(given) = argument.strip_prefix('+') else {
        return Err(denied(
            format!("the argument `{argument}` does not start with +"),
            format!("write +{argument}, or + for calls without an argument, or * for all of them"),
        ));
    };
    let given = given.replace('+', "");
    if !given.is_empty() && !is_name(&given) {
        return Err(denied(
            format!("no argument can be `{argument}`"),
            "only letters, digits, `_`, `.`, `-` and `+` may stand there",
        ));
    }
    if service == "*" {
        return Err(denied(
            "the service * goes with the argument * only",
            "write * for both, or name the service",
        ));
    }
    Ok(())
}

/// Names must be names: a word that no qube can be called never matches.
fn check_qubes(word: &str, place: WordPlace) -> Result<(), LintProblem> {
    let exact = match place {
        WordPlace::Source => ["*", "@anyvm", "@adminvm"].as_slice(),
        WordPlace::Target => &["*", "@anyvm", "@adminvm", "@default", "@dispvm"],
        WordPlace::Redirect => &["@adminvm", "@dispvm"],
    };
    if exact.contains(&word) {
        return Ok(());
    }
    let name = match word.split_once(':') {
        Some(("@dispvm", tag)) if place != WordPlace::Redirect && tag.starts_with("@tag:") => {
            tag.trim_start_matches("@tag:")
        }
        Some(("@dispvm" | "uuid", name)) => name,
        Some(("@type" | "@tag", name)) if place != WordPlace::Redirect => name,
        Some(_) => "",
        None => word,
    };
    // Its parser takes the word, and compares it with the caller's name (class DispVMTemplate).
    let is_disposable = place == WordPlace::Source && word.starts_with("@dispvm:");
    if is_name(name) && is_disposable {
        return Err(useless(
            format!("dom0 knows no caller as `{word}`"),
            "disposables have the tags of their template: qvm-tags TEMPLATE add TAG in dom0, \
             then say @tag:TAG",
        ));
    }
    if is_name(name) {
        return Ok(());
    }
    let (what, usual) = match place {
        WordPlace::Source => (
            format!("no caller can be `{word}`"),
            "it is a qube's name, @tag:TAG, @type:TYPE or @anyvm",
        ),
        WordPlace::Target => (
            format!("no qube that is called can be `{word}`"),
            "it is a qube's name, @tag:TAG, @type:TYPE, @dispvm:NAME or @anyvm",
        ),
        WordPlace::Redirect => (
            format!("`{word}` is not one qube: a call goes to exactly one"),
            "name the vault: target=vault",
        ),
    };
    let hint = if let Some(rest) = word.strip_prefix('$') {
        format!("Qubes 4.0's $ is @ now: @{rest}")
    } else if word.contains(',') {
        "one qube a line: write a line for each, or give them a tag and say @tag:TAG".to_owned()
    } else if place != WordPlace::Redirect && word.contains('*') {
        "there are no patterns here: give the qubes a tag and say @tag:TAG".to_owned()
    } else {
        usual.to_owned()
    };
    // dom0 knows its own words, and takes any other for a name.
    let is_one = |name: &str| !name.is_empty() && name != "*" && !name.starts_with('@');
    Err(match is_one(name) || (name.is_empty() && is_one(word)) {
        true => useless(what, hint),
        false => denied(what, hint),
    })
}

fn check_action(action: &str) -> Result<(), LintProblem> {
    if ["allow", "ask", "deny"].contains(&action) {
        return Ok(());
    }
    let hint = match action.split_once(',') {
        Some((action, parameters)) => {
            let parameters = parameters.replace(',', " ");
            format!("no commas any more: {action} {parameters}")
        }
        None => "it is allow, ask or deny".to_owned(),
    };
    Err(denied(format!("there is no action `{action}`"), hint))
}

fn parameters(
    action: &str,
    words: &[&str],
    problems: &mut Vec<LintProblem>,
) -> Vec<(String, String)> {
    let known: &[&str] = match action {
        "deny" => &["notify"],
        "allow" => &["target", "user", "notify", "autostart"],
        _ => &["target", "default_target", "user", "notify", "autostart"],
    };
    let mut parameters: Vec<(String, String)> = Vec::new();
    for word in words {
        let Some((key, value)) = word.split_once('=') else {
            let hint = match word.starts_with('#') {
                true => "a comment has a line of its own",
                false => "after the action only KEY=VALUE may stand, without spaces around =",
            };
            problems.push(denied(format!("`{word}` is no KEY=VALUE"), hint));
            continue;
        };
        let redirect = match key.ends_with("target") {
            true => check_qubes(value, WordPlace::Redirect).err(),
            false => None,
        };
        if !known.contains(&key) {
            let hint = format!("it takes {}", known.join(", "));
            problems.push(denied(format!("`{action}` takes no `{key}=`"), hint));
        }
        if value.contains(',') {
            let what = format!("there is a comma in `{word}`");
            let hint = format!("no commas any more: {}", word.replace(',', " "));
            let is_useless = |bad: &LintProblem| bad.severity == LintSeverity::Useless;
            let is_taken = key == "user" || redirect.as_ref().is_some_and(is_useless);
            problems.push(match is_taken {
                true => useless(what, hint),
                false => denied(what, hint),
            });
        }
        if parameters.iter().any(|(name, _)| name == key) {
            let what = format!("`{key}=` stands twice");
            problems.push(denied(what, "remove one of the two"));
        }
        if ["notify", "autostart"].contains(&key) && !["yes", "no"].contains(&value) {
            let what = format!("`{word}`: it is yes or no");
            problems.push(denied(what, format!("{key}=yes")));
        }
        problems.extend(redirect);
        parameters.push((key.to_owned(), value.to_owned()));
    }
    parameters
}
