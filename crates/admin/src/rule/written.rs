//! Writes presets to the policy, and takes added rules out of it.

use std::ops::Range;
use std::path::PathBuf;

use policy::rules::{Policy, Problem};

use crate::policy::lint::{Surroundings, lint};
use common::error::Error;
use common::paths::Paths;
use common::policy_files::added_rules::{added_rules, block, blocks, next_number, rules_file};
use common::policy_files::{AddedRule, load_with, may_hold_rules, save, text_of};
use common::trusted_files;

/// Takes out one of the [`added_rules`].
///
/// # Errors
/// It is not there as it was read, something else in the policy needs it, or the file cannot be written.
pub(super) fn remove(paths: &Paths, rule: &AddedRule) -> Result<(), Error> {
    let _lock = trusted_files::lock(&paths.config)?;
    if !added_rules(paths)?.contains(rule) {
        let what = format!("rule {} has changed meanwhile", rule.number);
        return Err(Error::new(what));
    }
    let text = text_of(&rule.file)?;
    let all = || text.split_inclusive('\n');
    let above = all().take(rule.line - 1);
    // Without the empty line that was put between the block and what follows.
    let mut below = all().skip(lines(rule).end - 1).peekable();
    below.next_if(|line| line.trim().is_empty());
    let kept: String = above.chain(below).collect();
    save(paths, &rule.file, &kept)?;
    Ok(())
}

/// The numbers of a rule's lines in its file.
fn lines(rule: &AddedRule) -> Range<usize> {
    rule.line..rule.line + 1 + rule.text.lines().count()
}

/// Lines for one caller: what is allowed goes above all rules that were added before, and what holds for everything
/// else below them, so that several presets for one caller add up.
#[derive(Clone)]
pub(super) struct Preset {
    pub(super) allowed: Option<String>,
    pub(super) rest: Option<String>,
}

/// A preset that is to be written.
pub(super) struct PresetAddition {
    preset: Preset,
    file: PathBuf,
    contents: String,
    /// Of the first block.
    number: u64,
    /// The policy as it would be.
    policy: Policy,
}

impl PresetAddition {
    /// The lines, as they will stand in the file.
    pub(super) fn shown(&self) -> String {
        let parts = [&self.preset.allowed, &self.preset.rest];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        parts.join("\n# Below all rules that `split-ssh rule` added:\n")
    }

    /// The blocks, where they will stand in the file.
    fn added(&self) -> Vec<AddedRule> {
        let mut added = blocks(&self.file, &self.contents);
        added.retain(|added| added.number >= self.number);
        added
    }

    /// What was surely not meant with these lines.
    pub(super) fn warnings(&self, paths: &Paths) -> Vec<Problem> {
        let mut warnings = lint(&self.policy, &Surroundings::of(&self.policy, paths));
        let file = self.file.display().to_string();
        let added = self.added();
        warnings.retain(|warning| {
            let place = &warning.place;
            let is_in = |rule: &AddedRule| lines(rule).contains(&place.line);
            place.file == file && added.iter().any(is_in)
        });
        warnings
    }
}

/// What [`add_preset`] would write. A rule for the rest that is there already is not written again.
///
/// # Errors
/// All of it is there already, or the policy would be broken with it.
pub(super) fn propose_preset(paths: &Paths, mut preset: Preset) -> Result<PresetAddition, Error> {
    may_hold_rules(paths)?;
    let added = added_rules(paths)?;
    for part in [&mut preset.allowed, &mut preset.rest] {
        if added.iter().any(|added| Some(&added.text) == part.as_ref()) {
            *part = None;
        }
    }
    if preset.allowed.is_none() && preset.rest.is_none() {
        return Err(Error::new("these rules are in the policy already")
            .hint("`split-ssh rule list` shows them"));
    }
    let number = next_number(&added);
    let file = rules_file(paths);
    let before = match file.exists() {
        true => text_of(&file)?,
        false => String::new(),
    };
    let mut numbers = number..;
    let mut next = |text: &String| block("preset", numbers.next().unwrap_or(number), text);
    let parts = [
        preset.allowed.as_ref().map(&mut next),
        Some(before),
        preset.rest.as_ref().map(&mut next),
    ];
    let parts = parts.iter().flatten().map(|part| part.trim_end());
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let contents = parts.join("\n\n") + "\n";
    let loaded = load_with(paths, &file, &contents).map_err(|broken| {
        let what = format!("with this preset the policy would be broken\n{broken}");
        Error::new(what)
    })?;
    Ok(PresetAddition {
        preset,
        file,
        contents,
        number,
        policy: loaded.policy,
    })
}

/// Writes a preset as it was proposed.
///
/// # Errors
/// The policy has changed meanwhile, or it cannot be written.
pub(super) fn add_preset(
    paths: &Paths,
    addition: &PresetAddition,
) -> Result<Vec<AddedRule>, Error> {
    let _lock = trusted_files::lock(&paths.config)?;
    let again = propose_preset(paths, addition.preset.clone())?;
    if (again.number, &again.contents) != (addition.number, &addition.contents) {
        return Err(Error::new("the policy was changed meanwhile").hint("look at it again"));
    }
    save(paths, &addition.file, &addition.contents)?;
    Ok(addition.added())
}
