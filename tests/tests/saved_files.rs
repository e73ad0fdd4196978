//! A policy takes effect as it was saved whole, and not while it is being saved.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testbed::agent::Agent;
use testbed::keys::Key;
use testbed::message::{login, sign};
use testbed::raw::Connection;
use testbed::split_ssh::Vault;
use testbed::wait::wait_for;
use testbed::world::World;

/// As much as many editors and `cat` write at once, in bytes.
const BLOCK: usize = 4096;
const SESSION: [u8; 32] = [7; 32];

/// A policy whose first block ends within its rule: what it allows so far is more than the whole allows.
fn split_rule() -> (String, String) {
    let head = "default = \"deny\"\n";
    let rule = "[[rule]]\nkind = \"login\"\nhost = \"*\"\nforwarded = false\naction = \"allow\"\n";
    let padding = "x".repeat(BLOCK - head.len() - rule.len() - 2);
    (
        format!("{head}#{padding}\n{rule}"),
        "user = \"nobody\"\n".to_owned(),
    )
}

struct Scene {
    vault: Vault,
    key: Key,
    host: Key,
    world: World,
    _agent: Agent,
}

impl Scene {
    fn new(policy: &str) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        agent.add(&world, &key);
        let host = Key::ed25519(&world, "host");
        let known_hosts = format!("server {}\n", host.line());
        Self {
            vault: Vault::start(&world, &agent, policy, &known_hosts),
            key,
            host,
            world,
            _agent: agent,
        }
    }

    fn policy_file(&self) -> PathBuf {
        self.world.path("vault/config/policy.toml")
    }

    fn logs_in_as(&self, user: &str) -> bool {
        let (key, host) = (self.key.blob(), self.host.blob());
        let data = login(&SESSION, user, &self.key.algorithm(), &key, Some(&host));
        let mut call = Connection::call(&self.vault.qrexec_socket, "work");
        call.ask(&sign(&key, &data)).signature().is_some()
    }

    /// Root's signatures while `save` runs over and over for this time.
    fn roots_logins_while(&self, time: Duration, save: impl Fn() + Sync) -> usize {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let end = Instant::now() + time;
                while Instant::now() < end {
                    save();
                }
                is_over.store(true, Ordering::Relaxed);
            });
            let mut given = 0;
            while !is_over.load(Ordering::Relaxed) {
                given += usize::from(self.logs_in_as("root"));
            }
            given
        })
    }
}

/// What a program does between two blocks of a file, which takes time.
fn pause_within_a_save() {
    thread::sleep(Duration::from_millis(30));
}

fn save_in_two_blocks(file: &PathBuf) {
    let (first, rest) = split_rule();
    let mut open = File::create(file).expect("a policy file");
    open.write_all(first.as_bytes()).expect("the first block");
    pause_within_a_save();
    open.write_all(rest.as_bytes()).expect("the rest");
    drop(open);
    pause_within_a_save();
}

#[test]
fn the_first_block_alone_would_let_root_in() {
    let (first, rest) = split_rule();
    assert_eq!(first.len(), BLOCK);
    let scene = Scene::new(&first);
    assert!(scene.logs_in_as("root"), "the control: half a policy");
    let scene = Scene::new(&format!("{first}{rest}"));
    assert!(!scene.logs_in_as("root"), "the whole policy");
    assert!(scene.logs_in_as("nobody"));
}

#[test]
fn a_policy_that_is_being_saved_in_place_is_never_obeyed() {
    let scene = Scene::new("default = \"deny\"\n");
    let file = scene.policy_file();
    let given = scene.roots_logins_while(Duration::from_secs(6), || save_in_two_blocks(&file));
    assert_eq!(given, 0, "signatures by half a policy");
    wait_for("the whole policy", || {
        scene.logs_in_as("nobody").then_some(())
    });
    assert!(!scene.logs_in_as("root"));
}

/// However slowly: a file that is open and was written to is not whole.
#[test]
fn a_file_that_stays_open_is_not_whole() {
    let scene = Scene::new("default = \"deny\"\n");
    assert!(!scene.logs_in_as("root"), "the policy that is there holds");
    let (first, rest) = split_rule();
    let mut open = File::create(scene.policy_file()).expect("a policy file");
    open.write_all(first.as_bytes()).expect("the first block");
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        assert!(!scene.logs_in_as("root"), "a signature by half a policy");
    }
    open.write_all(rest.as_bytes()).expect("the rest");
    drop(open);
    wait_for("the whole policy", || {
        scene.logs_in_as("nobody").then_some(())
    });
}

/// The same for a drop-in that was not there before.
#[test]
fn a_drop_in_that_is_being_written_is_not_obeyed() {
    let scene = Scene::new("default = \"deny\"\n");
    let folder = scene.world.directory("vault/config/policy.d");
    let (first, rest) = split_rule();
    let without_default = |text: &str| text.replacen("default = \"deny\"\n", "", 1);
    let file = folder.join("10-more.toml");
    let mut open = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&file)
        .expect("a drop-in");
    open.write_all(without_default(&first).as_bytes())
        .expect("the first block");
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        assert!(!scene.logs_in_as("root"), "a signature by half a drop-in");
        open.write_all(b"# more comes\n").expect("a comment");
    }
    open.write_all(rest.as_bytes()).expect("the rest");
    drop(open);
    wait_for("the whole policy", || {
        scene.logs_in_as("nobody").then_some(())
    });
    assert!(!scene.logs_in_as("root"));
}

/// What held before holds meanwhile, and the log says when the new policy began to hold.
#[test]
fn the_old_policy_holds_until_the_log_says_that_another_does() {
    let (first, rest) = split_rule();
    let scene = Scene::new(&format!("{first}{rest}"));
    assert!(scene.logs_in_as("nobody"));
    let mut open = File::create(scene.policy_file()).expect("a policy file");
    open.write_all(b"default = \"deny\"\n").expect("a line");
    for _ in 0..3 {
        assert!(scene.logs_in_as("nobody"), "the old policy allows it");
    }
    let reloads = || {
        let records = scene.vault.records();
        let reloads = records.iter().filter(|record| record["event"] == "reload");
        reloads.count()
    };
    assert_eq!(reloads(), 0);
    drop(open);
    wait_for("a record of the new policy", || {
        (reloads() == 1).then_some(())
    });
    assert!(!scene.logs_in_as("nobody"));
}
