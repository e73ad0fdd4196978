//! The pages and completions say all that the command line takes, and what they show is what the program
//! reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use clap::Command;
use client::config::{self, VaultEntry};
use common::config::vault::VaultConfig;
use common::paths::Paths;
use pages::{WRITTEN, commands, page_of, write_all};

fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write_all(folder.path()).expect("all pages");
    folder
}

fn read(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every command that is shown, the whole program first.
fn all(command: &Command) -> Vec<Command> {
    let below = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set());
    let mut found = vec![command.clone()];
    found.extend(below.flat_map(all));
    found
}

fn flags(command: &Command) -> Vec<String> {
    let shown = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set());
    shown
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .collect()
}

#[test]
fn every_command_and_flag_is_in_its_page() {
    let folder = written();
    let commands = all(&commands());
    assert!(commands.len() > 20, "{}", commands.len());
    for command in &commands {
        let (name, section) = page_of(command);
        let page = read(folder.path(), &format!("man{section}/{name}.{section}"));
        for flag in flags(command) {
            let bold = format!("\\-\\-{}", flag.replace('-', "\\-"));
            assert!(page.contains(&bold), "--{flag} is not in {name}({section})");
        }
    }
}

/// Every `name(section)` of a page of ours leads to a page.
#[test]
fn references_lead_to_pages() {
    let folder = written();
    let mut followed = 0;
    for part in ["man1", "man5", "man8"] {
        for entry in fs::read_dir(folder.path().join(part)).expect("a folder") {
            let text = printed(&entry.expect("an entry").path());
            // The title stands above and below as well, in capitals.
            for word in text
                .split_whitespace()
                .filter(|word| word.starts_with("split-ssh"))
            {
                let Some((name, rest)) = word.split_once('(') else {
                    continue;
                };
                let section = rest.chars().next().expect("a section");
                let page = folder.path().join(format!("man{section}/{name}.{section}"));
                assert!(page.exists(), "{word} leads nowhere");
                followed += 1;
            }
        }
    }
    assert!(followed > 50, "{followed}");
}

#[test]
fn every_page_names_its_section_and_version() {
    let folder = written();
    for (file, title) in [
        ("man1/split-ssh.1", "SPLIT-SSH(1)"),
        ("man8/split-ssh-vault.8", "SPLIT-SSH-VAULT(8)"),
        ("man5/split-ssh-policy.5", "SPLIT-SSH-POLICY(5)"),
    ] {
        let text = printed(&folder.path().join(file));
        let (head, foot) = (text.lines().next(), text.trim_end().lines().last());
        let head = head.unwrap_or_default();
        assert!(head.contains(title) && head.contains("Split SSH"), "{head}");
        let foot = foot.unwrap_or_default();
        assert!(
            foot.starts_with("split-ssh ") && foot.ends_with(title),
            "{foot}"
        );
    }
}

#[test]
fn hidden_flags_stay_hidden() {
    let folder = written();
    for file in ["man1/split-ssh-doctor.1", "man1/split-ssh-migrate.1"] {
        let page = read(folder.path(), file);
        assert!(!page.contains("\\-\\-root"), "{page}");
    }
}

#[test]
fn no_page_is_left_over_and_none_is_missing() {
    let folder = written();
    let mut found: Vec<String> = ["man1", "man5", "man8"]
        .iter()
        .flat_map(|part| fs::read_dir(folder.path().join(part)).expect("a folder"))
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let mut expected: Vec<String> = all(&commands())
        .iter()
        .map(|command| page_of(command))
        .map(|(name, section)| format!("{name}.{section}"))
        .chain(
            WRITTEN
                .iter()
                .map(|page| format!("{}.{}", page.name, page.section)),
        )
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn two_runs_write_the_same_bytes() {
    let [one, other] = [written(), written()];
    let same = Process::new("diff")
        .arg("-r")
        .args([one.path(), other.path()])
        .status();
    assert!(same.expect("diff").success());
}

#[test]
fn groff_finds_no_mistake_and_prints_every_flag() {
    let folder = written();
    for command in all(&commands()) {
        let (name, section) = page_of(&command);
        let printed = printed(&folder.path().join(format!("man{section}/{name}.{section}")));
        for flag in flags(&command) {
            assert!(printed.contains(&format!("--{flag}")), "{printed}");
        }
    }
    for page in &WRITTEN {
        let file = format!("man{0}/{1}.{0}", page.section, page.name);
        let printed = printed(&folder.path().join(file));
        for heading in page
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
        {
            let heading = heading.to_uppercase().replace('`', "");
            assert!(printed.contains(&heading), "{heading} is not in {printed}");
        }
    }
}

/// What a reader sees; anything on standard error is a mistake in the page.
fn printed(page: &Path) -> String {
    let output = Process::new("groff")
        .args(["-ww", "-man", "-Tutf8", "-P-cbou", "-rLL=200n", "-rHY=0"])
        .arg(page)
        .output()
        .expect("groff-base is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{}: {said}",
        page.display()
    );
    String::from_utf8(output.stdout)
        .expect("UTF-8")
        .replace('\u{2010}', "-")
}

/// A flag stands with the name of its value, and what may be left out in brackets.
#[test]
fn the_synopsis_names_values() {
    let folder = written();
    for (page, expected) in [
        ("split-ssh-deny", "split-ssh deny [--for TIME] [--mute]"),
        ("split-ssh-list", "split-ssh list [KEYRING]"),
        ("split-ssh-log", "[--since TIME]"),
        (
            "split-ssh-policy-explain",
            "[--proof proven|bound|unproven]",
        ),
        ("split-ssh-hosts", "COMMAND"),
    ] {
        let text = printed(&folder.path().join(format!("man1/{page}.1")));
        let synopsis = text.split("SYNOPSIS").nth(1).expect("a synopsis");
        let synopsis = synopsis.split("DESCRIPTION").next().unwrap_or_default();
        let words: Vec<&str> = synopsis.split_whitespace().collect();
        assert!(words.join(" ").contains(expected), "{synopsis}");
    }
}

/// The first block of TOML in a page.
fn example(name: &str) -> String {
    let page = WRITTEN
        .iter()
        .find(|page| page.name == name)
        .expect("a page");
    let after = page.text.split("```toml\n").nth(1).expect("an example");
    after.split("```").next().unwrap_or_default().to_owned()
}

fn paths(folder: &Path) -> Paths {
    Paths::find(Some(folder.to_owned()), None, None).expect("a home")
}

fn with_file(name: &str, text: &str) -> (tempfile::TempDir, Paths) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(name), text).expect("a file");
    let paths = paths(folder.path());
    (folder, paths)
}

#[test]
fn the_examples_are_what_the_program_reads() {
    let (_folder, paths) = with_file("vault.toml", &example("split-ssh-vault.toml"));
    let vault = VaultConfig::load(&paths).expect("the example");
    assert_eq!(vault.keyring.len(), 4);
    let usual = VaultConfig::default().limits;
    assert_eq!(
        format!("{:?}", vault.limits),
        format!("{usual:?}"),
        "the page names what holds"
    );

    let (_folder, paths) = with_file("client.toml", &example("split-ssh-client.toml"));
    let vaults = config::read(&paths, None, VaultEntry::default()).expect("the example");
    let sockets: Vec<PathBuf> = vaults.into_iter().map(|vault| vault.socket).collect();
    assert!(sockets[0].ends_with(".split-ssh/work.sock"), "{sockets:?}");
    assert!(sockets[1].ends_with(".split-ssh/box.sock"), "{sockets:?}");
}

/// The parser itself says which keys there are.
fn keys_of(error: &str) -> Vec<String> {
    let known = error.split("expected").nth(1).expect("the known keys");
    let words = known.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

#[test]
fn every_key_has_its_row() {
    let row = |name: &str, key: &str| {
        let page = WRITTEN
            .iter()
            .find(|page| page.name == name)
            .expect("a page");
        page.text.contains(&format!("| `{key}` |"))
    };
    for table in [
        "[keyring.x]",
        "[sandbox.x]",
        "[limits]",
        "[carry]",
        "[prompt]",
    ] {
        let (_folder, paths) = with_file("vault.toml", &format!("{table}\nnonsense = 1\n"));
        let error = VaultConfig::load(&paths).expect_err("no such key");
        for key in keys_of(&error.plain()) {
            assert!(row("split-ssh-vault.toml", &key), "{key}");
        }
    }
    for table in ["[[vault]]", "[merged]"] {
        let (_folder, paths) = with_file("client.toml", &format!("{table}\nnonsense = 1\n"));
        let error = config::read(&paths, None, VaultEntry::default()).expect_err("no such key");
        for key in keys_of(&error.plain()) {
            assert!(row("split-ssh-client.toml", &key), "{key}");
        }
    }
}
