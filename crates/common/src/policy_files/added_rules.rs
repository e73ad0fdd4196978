//! Rules that the vault writes for a person: each a block of its own that the person can read, change and take out.
//!
//! A block begins with a comment that has the rule's number, and ends at the first empty line.

use std::fs;
use std::path::{Path, PathBuf};

use policy::facts::{Facts, Moment};
use policy::judgement::{Judgement, Verdict};
use policy::narrow_rule::{HostWord, NarrowRule, host_table, table_name};
use policy::rate::RateCounter;
use policy::rules::Policy;

use super::load::{BrokenPolicy, DROP_INS, LoadedPolicy, MAIN, found, load, text_of};
use super::save::{load_with, may_hold_rules, save};
use crate::crypto::Ring;
use crate::error::Error;
use crate::known_hosts_files::Files;
use crate::paths::Paths;
use crate::trusted_files;

const BEGIN: &str = "# Rule ";

/// Where rules go that need no place among others.
pub fn rules_file(paths: &Paths) -> PathBuf {
    paths.config.join(DROP_INS).join("rules.toml")
}

/// A rule that was written so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedRule {
    pub number: u64,
    pub file: PathBuf,
    /// Of the block's first line, from 1.
    pub line: usize,
    /// The block without its first line.
    pub text: String,
}

/// A rule that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// The rule in the policy's words, with a table for its host if it needs one.
    pub text: String,
    file: PathBuf,
    /// The whole file, with the rule.
    contents: String,
    number: u64,
}

/// The rule that would allow requests of these facts and no others. Nothing is written.
///
/// # Errors
/// There is no such rule, or the policy does not ask about such requests now.
pub fn proposed(paths: &Paths, facts: &Facts, now: &Moment) -> Result<Addition, Error> {
    may_hold_rules(paths)?;
    let loaded = named(load(&paths.config, &paths.system_config), paths)?;
    let judgement = judge(&loaded.policy, facts, now);
    if judgement.verdict() != Verdict::Ask {
        return Err(Error::new(format!(
            "the policy does not ask about such requests now, it says {}: {}",
            judgement.verdict().word(),
            judgement.reason()
        )));
    }
    if facts.forwarded {
        return Err(Error::new(
            "such requests come through a forwarded agent: whoever is root on the server in between could make them",
        )
        .hint("write the rule by hand, with forwarded = true"));
    }
    let rule = NarrowRule::of(facts, &loaded.policy)
        .map_err(|why| Error::new(format!("there is no narrow rule for this: {why}")))?;
    let number = next_number(&added_rules(paths)?);
    let text = rule_text(&rule, number, &loaded.policy)?;
    let block = block("add", number, &text);
    let (file, contents) = placed(paths, &judgement, &block)?;
    // What stands above it may decide after all.
    let loaded = named(load_with(paths, &file, &contents), paths)?;
    let judgement = judge(&loaded.policy, facts, now);
    if judgement.verdict() != Verdict::Allow {
        let by = match judgement.rule() {
            Some(rule) => format!("the rule at {}", rule.place),
            None => "the default".to_owned(),
        };
        return Err(Error::new(format!(
            "the rule would change nothing, because {by} still decides: {}",
            judgement.reason()
        ))
        .hint("`split-ssh policy check` says why"));
    }
    Ok(Addition {
        text,
        file,
        contents,
        number,
    })
}

/// Writes the rule that was [`proposed`] with this `text`.
///
/// # Errors
/// The policy has changed so that another rule would be written, or it cannot be written.
pub fn add(paths: &Paths, facts: &Facts, now: &Moment, text: &str) -> Result<AddedRule, Error> {
    let _lock = trusted_files::lock(&paths.config)?;
    let addition = proposed(paths, facts, now)?;
    if addition.text != text {
        return Err(Error::new(
            "the policy was changed meanwhile, so that the rule would be another",
        )
        .hint("look at it again"));
    }
    save(paths, &addition.file, &addition.contents)?;
    let mut added = blocks(&addition.file, &addition.contents).into_iter();
    let added = added.find(|added| added.number == addition.number);
    added.ok_or_else(|| Error::new("the rule was written, but is not found"))
}

/// The rules of the user's policy that were written so.
///
/// # Errors
/// A file cannot be read.
pub fn added_rules(paths: &Paths) -> Result<Vec<AddedRule>, Error> {
    let mut added = Vec::new();
    let files = found(&paths.config, &paths.system_config);
    for file in files.iter().filter(|file| is_users(paths, file)) {
        added.extend(blocks(file, &text_of(file)?));
    }
    added.sort_by_key(|added| added.number);
    Ok(added)
}

/// The number of the next rule that is added to these.
pub fn next_number(added: &[AddedRule]) -> u64 {
    added.iter().map(|added| added.number).max().unwrap_or(0) + 1
}

/// A rule's text below the comment that gives it a number. `command` is the one of `split-ssh rule` that adds it.
pub fn block(command: &str, number: u64, text: &str) -> String {
    format!(
        "{BEGIN}{number}, added by `split-ssh rule {command}`. To undo it: split-ssh rule remove {number}\n{text}"
    )
}

fn rule_text(rule: &NarrowRule, number: u64, policy: &Policy) -> Result<String, Error> {
    let mut tables = String::new();
    let mut name = None;
    for host in &rule.hosts {
        let HostWord::Key {
            fingerprint,
            shown,
            proof,
            names,
        } = host
        else {
            continue;
        };
        if names.is_empty() {
            return Err(Error::new(
                "this vault has no name for the server, and a rule for a bare key is hard to read",
            )
            .hint("`split-ssh hosts add NAME KEY` names it"));
        }
        let is_taken = |name: &str| policy.hosts.iter().any(|host| host.name == name);
        let table = table_name("added", shown, is_taken);
        tables.push_str(&host_table(&table, fingerprint, *proof));
        name = Some(table);
    }
    let rule = rule.to_toml(&format!("added {number}"), &|_| name.clone());
    Ok(tables + &rule)
}

/// The file that is to hold the rule, and its contents then: above the rule that asks, if the user could have written
/// that one, since the first match wins; else at the end of a file of its own.
fn placed(paths: &Paths, asks: &Judgement, block: &str) -> Result<(PathBuf, String), Error> {
    let asking = asks.rule().map(|rule| &rule.place);
    if let Some(place) = asking.filter(|place| is_users(paths, Path::new(&place.file))) {
        let file = PathBuf::from(&place.file);
        let text = text_of(&file)?;
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut at = place.line.saturating_sub(1).min(lines.len());
        // What is said of the asking rule stays with it.
        let is_comment = |line: &&str| line.trim_start().starts_with('#');
        while at > 0 && lines.get(at - 1).is_some_and(is_comment) {
            at -= 1;
        }
        let block = format!("{block}\n");
        lines.insert(at, &block);
        return Ok((file, lines.concat()));
    }
    let file = rules_file(paths);
    let mut text = String::new();
    if file.exists() {
        text.push_str(text_of(&file)?.trim_end());
    }
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    Ok((file, text + block))
}

fn is_users(paths: &Paths, file: &Path) -> bool {
    let parent = file.parent();
    let is_rule_file =
        parent == Some(&paths.config.join(DROP_INS)) || file == paths.config.join(MAIN).as_path();
    is_rule_file && fs::symlink_metadata(file).is_ok()
}

/// The rules that were added to a file of this text.
pub fn blocks(file: &Path, text: &str) -> Vec<AddedRule> {
    let mut added = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let number = line.strip_prefix(BEGIN).and_then(|rest| {
            let (number, rest) = rest.split_once(',')?;
            let is_ours = rest.starts_with(" added by `split-ssh");
            number.parse().ok().filter(|_| is_ours)
        });
        let Some(number) = number else { continue };
        let below = lines.iter().skip(index + 1).copied();
        let body: Vec<&str> = below.take_while(|line| !line.trim().is_empty()).collect();
        added.push(AddedRule {
            number,
            file: file.to_owned(),
            line: index + 1,
            text: body.join("\n") + "\n",
        });
    }
    added
}

fn judge(policy: &Policy, facts: &Facts, now: &Moment) -> Judgement {
    policy.judge(facts, now, &RateCounter::default())
}

/// With the names that known hosts give to hosts that the policy knows by key, as the vault judges.
fn named(loaded: Result<LoadedPolicy, BrokenPolicy>, paths: &Paths) -> Result<LoadedPolicy, Error> {
    let mut loaded = loaded.map_err(|broken| Error::new(broken.to_string()))?;
    let hosts = Files::of(paths).read()?;
    loaded.policy = loaded.policy.with_known_hosts(&hosts.known, &Ring);
    Ok(loaded)
}
