//! One line of policy.d: `SERVICE ARGUMENT SOURCE TARGET ACTION [KEY=VALUE …]`, as Qubes 4.1 and later
//! read it (qubes-core-qrexec, policy/parser.py).

use std::fmt;

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

/// Why a line is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    pub what: String,
    pub hint: Option<String>,
    /// dom0 takes it as it stands, for a qube or user that cannot be.
    pub is_taken: bool,
}

impl BadLine {
    /// What comes of it in dom0.
    pub fn consequence(&self) -> &'static str {
        if self.is_taken {
            "dom0 takes the line, but it cannot work"
        } else {
            "dom0 denies every call because of it"
        }
    }
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
    /// The first thing that dom0 would stumble over, or that could never match.
    pub fn parse(line: &str) -> Result<Self, BadLine> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [service, argument, source, target, action, parameters @ ..] = fields.as_slice() else {
            let hint = "a line is: SERVICE ARGUMENT SOURCE TARGET ACTION [KEY=VALUE …]";
            return Err(
                mistake(format!("{} fields, at least 5 are needed", fields.len())).hint(hint),
            );
        };
        check_service(service, argument)?;
        let mut taken = None;
        unless_taken(check_qubes(source, WordPlace::Source), &mut taken)?;
        unless_taken(check_qubes(target, WordPlace::Target), &mut taken)?;
        if !["allow", "ask", "deny"].contains(action) {
            return Err(bad_action(action));
        }
        let parameters = check_parameters(action, parameters, &mut taken)?;
        let rule = Self {
            service: (*service).to_owned(),
            argument: (*argument).to_owned(),
            source: (*source).to_owned(),
            target: (*target).to_owned(),
            action: (*action).to_owned(),
            parameters,
        };
        if rule.target == "@default" && rule.action == "allow" && rule.get("target").is_none() {
            return Err(
                mistake("`@default … allow` names no qube".to_owned()).hint("add target=VAULT")
            );
        }
        taken.map_or(Ok(rule), Err)
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {}",
            self.service, self.argument, self.source, self.target, self.action
        )?;
        for (key, value) in &self.parameters {
            write!(f, " {key}={value}")?;
        }
        Ok(())
    }
}

impl BadLine {
    fn taken(mut self, is_taken: bool) -> Self {
        self.is_taken = is_taken;
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

fn mistake(what: String) -> BadLine {
    BadLine {
        what,
        hint: None,
        is_taken: false,
    }
}

fn check_service(service: &str, argument: &str) -> Result<(), BadLine> {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if service != "*" && !service.chars().all(is_taken) {
        return Err(mistake(format!("`{service}` is no service's name"))
            .hint("the argument is a field of its own: qubes.SshAgent +work …"));
    }
    if argument == "*" {
        return Ok(());
    }
    if !argument.starts_with('+') {
        return Err(
            mistake(format!("the argument `{argument}` does not start with +")).hint(format!(
                "write +{argument}, or + for calls without an argument, or * for all of them"
            )),
        );
    }
    if !argument.chars().all(|c| is_taken(c) || c == '+') {
        return Err(mistake(format!("no argument can be `{argument}`"))
            .hint("only letters, digits, `_`, `.`, `-` and `+` may stand there"));
    }
    if service == "*" {
        return Err(mistake(
            "the service * goes with the argument * only".to_owned(),
        ));
    }
    Ok(())
}

/// Names must be names: a word that no qube can be called never matches.
fn check_qubes(word: &str, place: WordPlace) -> Result<(), BadLine> {
    let exact = match place {
        WordPlace::Source => ["*", "@anyvm", "@adminvm"].as_slice(),
        WordPlace::Target => &["*", "@anyvm", "@adminvm", "@default", "@dispvm"],
        WordPlace::Redirect => &["@adminvm", "@dispvm"],
    };
    if exact.contains(&word) {
        return Ok(());
    }
    let name = match word.split_once(':') {
        Some(("@dispvm", "")) | Some(("@type" | "@tag" | "uuid", "")) => "",
        Some(("@dispvm", tag)) if place != WordPlace::Redirect && tag.starts_with("@tag:") => {
            tag.trim_start_matches("@tag:")
        }
        Some(("@dispvm" | "uuid", name)) => name,
        Some(("@type" | "@tag", name)) if place != WordPlace::Redirect => name,
        Some(_) => "",
        None => word,
    };
    let is_taken = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let is_name = !name.is_empty() && name.chars().all(is_taken);
    if is_name && place == WordPlace::Source && word.starts_with("@dispvm:") {
        // Its parser takes the word, and compares it with the caller's name (class DispVMTemplate).
        return Err(mistake(format!("dom0 knows no caller as `{word}`"))
            .taken(true)
            .hint(
                "disposables have the tags of their template: qvm-tags TEMPLATE add TAG in dom0, \
                 then say @tag:TAG",
            ));
    }
    if is_name {
        return Ok(());
    }
    let what = match place {
        WordPlace::Source => format!("no caller can be `{word}`"),
        WordPlace::Target => format!("no qube that is called can be `{word}`"),
        WordPlace::Redirect => format!("`{word}` is not one qube: a call goes to exactly one"),
    };
    let hint = if let Some(rest) = word.strip_prefix('$') {
        format!("Qubes 4.0's $ is @ now: @{rest}")
    } else if word.contains(',') {
        "one qube a line: write a line for each, or give them a tag and say @tag:TAG".to_owned()
    } else if place == WordPlace::Redirect {
        "name the vault: target=vault".to_owned()
    } else if word.contains('*') {
        "there are no patterns here: give the qubes a tag and say @tag:TAG".to_owned()
    } else {
        match place {
            WordPlace::Source => "it is a qube's name, @tag:TAG, @type:TYPE or @anyvm",
            _ => "it is a qube's name, @tag:TAG, @type:TYPE, @dispvm:NAME or @anyvm",
        }
        .to_owned()
    };
    // dom0 knows its own words, and takes any other for a name.
    let is_one = |name: &str| !name.is_empty() && name != "*" && !name.starts_with('@');
    let is_taken = is_one(name) || (name.is_empty() && is_one(word));
    Err(mistake(what).taken(is_taken).hint(hint))
}

fn bad_action(action: &str) -> BadLine {
    let wrong = mistake(format!("there is no action `{action}`"));
    match action.split_once(',') {
        Some((action, parameters)) => wrong.hint(format!(
            "no commas any more: {action} {}",
            parameters.replace(',', " ")
        )),
        None => wrong.hint("it is allow, ask or deny"),
    }
}

/// Keeps the first mistake that dom0 takes, for when there is no worse one.
fn unless_taken(checked: Result<(), BadLine>, taken: &mut Option<BadLine>) -> Result<(), BadLine> {
    match checked {
        Err(mistake) if mistake.is_taken => {
            taken.get_or_insert(mistake);
            Ok(())
        }
        checked => checked,
    }
}

fn check_parameters(
    action: &str,
    words: &[&str],
    taken: &mut Option<BadLine>,
) -> Result<Vec<(String, String)>, BadLine> {
    let known: &[&str] = match action {
        "deny" => &["notify"],
        "allow" => &["target", "user", "notify", "autostart"],
        _ => &["target", "default_target", "user", "notify", "autostart"],
    };
    let mut parameters: Vec<(String, String)> = Vec::new();
    for word in words {
        let Some((key, value)) = word.split_once('=') else {
            let hint = if word.starts_with('#') {
                "a comment has a line of its own"
            } else {
                "after the action only KEY=VALUE may stand, without spaces around ="
            };
            return Err(mistake(format!("`{word}` is no KEY=VALUE")).hint(hint));
        };
        if !known.contains(&key) {
            return Err(mistake(format!("`{action}` takes no `{key}=`"))
                .hint(format!("it takes {}", known.join(", "))));
        }
        if value.contains(',') {
            let is_taken = match key.ends_with("target") {
                true => check_qubes(value, WordPlace::Redirect).is_err_and(|bad| bad.is_taken),
                false => key == "user",
            };
            let comma = mistake(format!("there is a comma in `{word}`"))
                .taken(is_taken)
                .hint(format!("no commas any more: {}", word.replace(',', " ")));
            unless_taken(Err(comma), taken)?;
        }
        if parameters.iter().any(|(name, _)| name == key) {
            return Err(mistake(format!("`{key}=` stands twice")));
        }
        if ["notify", "autostart"].contains(&key) && !["yes", "no"].contains(&value) {
            return Err(mistake(format!("`{word}`: it is yes or no")));
        }
        if key.ends_with("target") {
            unless_taken(check_qubes(value, WordPlace::Redirect), taken)?;
        }
        parameters.push((key.to_owned(), value.to_owned()));
    }
    Ok(parameters)
}
