//! How much code must be trusted with bytes from other qubes: what the guard is built of.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

/// The packages that a package of ours is built of, as `name version`; without what only its tests need.
fn packages_of(package: &str) -> BTreeSet<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .args(["tree", "--locked", "--edges", "normal", "--prefix", "none"])
        .args(["--package", package])
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{tree:?}");
    let tree = String::from_utf8(tree.stdout).expect("names");
    tree.lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect()
}

fn has(packages: &BTreeSet<String>, name: &str) -> bool {
    packages
        .iter()
        .any(|package| package.split(' ').next() == Some(name))
}

#[test]
fn the_guard_has_few_packages_and_none_of_the_tools() {
    let guard = packages_of("split-ssh-guard");
    assert!(has(&guard, "split-ssh-policy"), "{guard:#?}");
    assert!(guard.len() <= 38, "{}: {guard:#?}", guard.len());
    for name in ["clap", "split-ssh-admin", "split-ssh-client", "split-ssh"] {
        assert!(!has(&guard, name), "{name} is in {guard:#?}");
    }
    // The control: it would be found.
    assert!(has(&packages_of("split-ssh"), "clap"));
}

#[test]
fn what_people_type_links_nothing_of_the_guard() {
    let admin = packages_of("split-ssh-admin");
    assert!(has(&admin, "split-ssh-common"), "{admin:#?}");
    assert!(!has(&admin, "split-ssh-guard"), "{admin:#?}");
}

#[test]
fn the_whole_program_has_at_most_60_packages_and_the_parsers_none() {
    let program = packages_of("split-ssh");
    assert!(program.len() <= 60, "{}: {program:#?}", program.len());
    let wire = packages_of("split-ssh-wire");
    assert_eq!(wire.len(), 1, "{wire:#?}");
}
