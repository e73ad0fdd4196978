//! The demo does what it says, shows what it saw, and leaves nothing behind.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use testbed::children::{Running, finish, text};
use testbed::programs;
use testbed::world::World;

/// The attack, what it does to the plain pipe, and what to us.
const TABLE: [(&str, &str, &str); 12] = [
    ("see every key", "all 3 keys listed", "1 of 3, as allowed"),
    (
        "delete all keys",
        "3 of 3 keys deleted",
        "refused, 3 keys left",
    ),
    (
        "lock the agent",
        "locked for its owner",
        "refused, 3 keys left",
    ),
    (
        "kill the agent",
        "dead, all keys gone",
        "refused, 3 keys left",
    ),
    ("add a key", "added, 4 keys now", "refused, 3 keys left"),
    (
        "spoil a key",
        "signs wrongly now",
        "refused, signs as before",
    ),
    (
        "load a library",
        "code ran in the vault",
        "refused, did not run",
    ),
    (
        "1000 logins, 1 call",
        "1000 signed",
        "1 signed, 999 refused",
    ),
    ("sign a release", "signed, and verifies", "refused"),
    ("certify its own key", "made, and logged in", "refused"),
    ("sign unknown bytes", "signed", "refused"),
    (
        "exhaust the agent",
        "owner gets no answer",
        "owner served as before",
    ),
];

#[test]
fn all_goes_as_said() {
    let world = World::new();
    let mut demo = world.command(programs::demo());
    let output = finish(demo.arg("--yes"));
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    for (attack, plain, guarded) in TABLE {
        let cells = said.lines().find_map(|line| {
            let cells = line.get(7..)?.strip_prefix(attack)?;
            Some(
                cells
                    .split("  ")
                    .map(str::trim)
                    .filter(|cell| !cell.is_empty()),
            )
        });
        let cells: Vec<_> = cells
            .unwrap_or_else(|| panic!("no {attack:?} in\n{said}"))
            .collect();
        assert_eq!(cells, [plain, guarded], "{attack}:\n{said}");
    }
    for words in [
        "work wants to log in as",
        "[work]$ ssh prod",
        "| inside prod",
        "| inside build",
        "Good \"git\" signature",
        "login",
        "all as written",
        "All went as said",
    ] {
        assert!(said.contains(words), "no {words:?} in\n{said}");
    }
    assert!(!said.contains('\x1b'), "colour where there is no terminal");
    assert_eq!(left_behind(&directory(&said)), Vec::<String>::new());
}

#[test]
fn an_interrupted_demo_leaves_nothing() {
    let world = World::new();
    let mut demo = world.command(programs::demo());
    demo.arg("--yes");
    let mut demo = Running::start(demo, &world.path("demo.log"));
    // Agents, servers, vault, client and pipe run now, and an attack.
    demo.wait_for_log("delete all keys");
    demo.signal(Signal::SIGINT);
    const INTERRUPTED: i32 = 130;
    assert_eq!(demo.wait().code(), Some(INTERRUPTED), "{}", demo.log());
    assert!(demo.log().contains("Nothing is left running or on disk"));
    assert_eq!(left_behind(&directory(&demo.log())), Vec::<String>::new());
}

#[test]
fn an_unknown_option_shows_the_usage() {
    let world = World::new();
    let output = finish(world.command(programs::demo()).arg("--bogus"));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("usage:"), "{}", text(&output));
}

/// The demo's directory, as it tells in its first lines.
fn directory(said: &str) -> PathBuf {
    let start = said
        .find("/tmp/split-ssh.")
        .expect("the demo names its directory");
    let end = said[start..].find(';').expect("and goes on after it");
    PathBuf::from(&said[start..start + end])
}

/// The directory, and the processes that were started with it or work in it.
fn left_behind(directory: &Path) -> Vec<String> {
    let name = directory.to_str().expect("a name of letters");
    let mut left: Vec<_> = processes().filter(|line| line.contains(name)).collect();
    if directory.exists() {
        left.push(name.to_owned());
    }
    left
}

/// Each process by its command line and its folder.
fn processes() -> impl Iterator<Item = String> {
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    all.map(|process| {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let folder = fs::read_link(process.path().join("cwd")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        format!("{command} in {}", folder.display())
    })
}
