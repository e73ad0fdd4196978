//! Several vaults behind one socket: lists joined in bounded time, and each key used in the vault that listed it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use testbed::agent::{Agent, ssh_add};
use testbed::children::{finish, run, text};
use testbed::flows;
use testbed::keys::Key;
use testbed::lab::{LOGINS_AND_FILES, Lab};
use testbed::message::{self, Message};
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::raw::{Answer, Connection, identities};
use testbed::split_ssh::{ClientQube, Vault};
use testbed::wait::{wait_for, wait_for_listener};
use testbed::world::World;

const SECOND_POLICY: &str =
    "default = \"deny\"\n[[rule]]\nkind = \"sshsig\"\nnamespace = \"file\"\naction = \"allow\"\n";
/// What the slowest vault may delay a list, and as much again for a busy machine.
const BOUND: Duration = Duration::from_secs(8);

/// As `list-seconds` says.
const LIST_TIME: Duration = Duration::from_secs(2);
/// Lists by a late vault: each takes far less than one that waits for it.
const LISTS: u32 = 10;

/// A client of two vaults, and whatever else client.toml names.
struct Scene {
    client: ClientQube,
    merged: PathBuf,
    second_key: Key,
    vault: Vault,
    second: Vault,
    second_agent: Agent,
    second_world: World,
    lab: Lab,
}

impl Scene {
    /// `lines` go to the first vault, `more` behind the second one.
    fn new(lab: Lab, lines: &str, more: &str) -> Self {
        let vault = Vault::start(&lab.world, &lab.agent, LOGINS_AND_FILES, &lab.known_hosts());
        let second_world = World::new();
        let second_agent = Agent::start(&second_world);
        let second_key = Key::ed25519(&second_world, "second-key");
        second_agent.add(&second_world, &second_key);
        let second = Vault::start(&second_world, &second_agent, SECOND_POLICY, "");
        let qrexec = stand_in(&lab.world, "work/qrexec", "work");
        serve_socket(&qrexec, &vault.qrexec_socket);
        let merged = lab.world.path("work/merged.sock");
        let lines = format!(
            "{lines}
[[vault]]
name = \"second\"
transport = \"unix:{}\"
socket = \"{}\"
{more}
[merged]
socket = \"{}\"
list-seconds = 2
",
            second.qrexec_socket.display(),
            lab.world.path("work/second.sock").display(),
            merged.display()
        );
        let client = ClientQube::start_configured(&lab.world, "work", qrexec, &lines);
        wait_for_listener(&merged);
        Self {
            client,
            merged,
            second_key,
            vault,
            second,
            second_agent,
            second_world,
            lab,
        }
    }

    /// What `ssh-add -L` prints, once it has been seen to come in bounded time.
    fn listed(&self) -> String {
        let began = Instant::now();
        let listed = run(ssh_add(&self.lab.world, &self.merged).arg("-L"));
        assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
        listed
    }

    fn second_signs(&self) {
        let file = self.second_world.file("letter", "hello");
        let mut sign = self.second_world.command("ssh-keygen");
        sign.args(["-Y", "sign", "-n", "file", "-f"])
            .arg(&self.second_key.public)
            .arg(file);
        run(sign.env("SSH_AUTH_SOCK", &self.merged));
        std::fs::remove_file(self.second_world.path("letter.sig")).expect("a signature");
    }
}

#[test]
fn vaults_that_are_off_or_hang_spoil_nothing() {
    let lab = Lab::new();
    // ssh-agent itself checks the binds that the vault passes on.
    run(ssh_add(&lab.world, &lab.agent.socket).arg("-D"));
    let hosts = lab.world.file("hosts", lab.known_hosts());
    let hosts = hosts.to_string_lossy().into_owned();
    lab.agent
        .add_with(&lab.world, &lab.key, &["-h", "server", "-H", &hosts]);
    let third_world = World::new();
    let third = Agent::start(&third_world);
    let third_key = Key::ed25519(&third_world, "third-key");
    third.add(&third_world, &third_key);
    lab.second.authorize(&third_key);
    let hangs = lab.world.file("hangs", "");
    let hanging = format!(
        "#!/bin/sh\nwhile [ -e {} ]; do sleep 0.1; done\nexec socat - UNIX-CONNECT:{}\n",
        hangs.display(),
        third.socket.display()
    );
    let hanging = lab.world.script("hanging", hanging);
    let again = lab.world.path("vault/run/split-ssh-vault/qrexec.sock");
    let more = format!(
        "[[vault]]\nname = \"off\"\ntransport = \"unix:/nowhere\"\n\
         [[vault]]\nname = \"hanging\"\ncommand = [\"{}\"]\n\
         [[vault]]\nname = \"again\"\ntransport = \"unix:{}\"\n",
        hanging.display(),
        again.display()
    );
    let scene = Scene::new(lab, "", &more);
    let lines = |keys: &[&Key]| {
        let listed = scene.listed();
        let listed: Vec<&str> = listed.lines().collect();
        let is_key = |(line, key): (&&str, &&Key)| line.contains(key.line().trim());
        listed.len() == keys.len() && listed.iter().zip(keys).all(is_key)
    };
    let (first, second) = (&scene.lab.key, &scene.second_key);
    assert!(lines(&[first, second]));
    // It is late now, and delays nobody any more.
    let began = Instant::now();
    for _ in 0..LISTS {
        assert!(lines(&[first, second]));
    }
    assert!(began.elapsed() < LIST_TIME * LISTS, "{:?}", began.elapsed());
    wait_for("the status", || {
        let status = scene.client.status();
        // A vault that is off says so once.
        let is_short = status.matches("cannot connect").count() == 1;
        let is_whole = is_short && status.contains("merged with others at");
        (is_whole && status.contains("NO ANSWER since")).then_some(())
    });
    for flow in [flows::login, flows::copy_a_file, flows::git_over_ssh] {
        flow(&scene.lab, &scene.merged);
    }
    scene.second_signs();
    // The constraint holds: this key is not for the second server.
    let to_second = || finish(&mut scene.lab.client(&scene.merged).ssh(&["second", "true"]));
    let elsewhere = to_second();
    assert!(!elsewhere.status.success(), "{}", text(&elsewhere));
    // Once it answers, the request of the first list brings its keys, and they are used.
    std::fs::remove_file(&hangs).expect("it hung");
    wait_for("its keys", || {
        lines(&[first, second, &third_key]).then_some(())
    });
    wait_for("the status", || {
        (!scene.client.status().contains("NO ANSWER")).then_some(())
    });
    let logged_in = to_second();
    assert!(logged_in.status.success(), "{}", text(&logged_in));
    // When it hangs again, what it listed last stands in.
    scene.lab.world.file("hangs", "");
    assert!(lines(&[first, second, &third_key]));
    assert!(lines(&[first, second, &third_key]));
}

#[test]
fn requests_are_routed_by_who_listed_the_key() {
    let scene = Scene::new(Lab::new(), "", "");
    let data = message::sshsig("file", &[7; 64]);
    let sign = |key: &Key| message::sign(&key.blob(), &data);
    let connect = || Connection::open(&scene.merged);
    // Nobody has listed it yet.
    let unknown = connect().ask(&sign(&scene.second_key));
    assert_eq!(unknown.number(), Some(message::FAILURE));
    let mut connection = connect();
    let listed = identities(&connection.ask(&Message::of(message::LIST)));
    let both = vec![scene.lab.key.blob(), scene.second_key.blob()];
    assert_eq!(listed, Some(both));
    for key in [&scene.second_key, &scene.lab.key] {
        let signed = connection.ask(&sign(key));
        assert_eq!(signed.number(), Some(message::SIGNATURE));
    }
    // As plink and `ssh-add -T` do: by the last list of another connection.
    let signed = connect().ask(&sign(&scene.second_key));
    assert_eq!(signed.number(), Some(message::SIGNATURE));
    let other = Message::of(message::REMOVE_ALL);
    assert_eq!(connect().ask(&other).number(), Some(message::FAILURE));
    // An extension of ours begins with the key.
    let content = Message::of(message::EXTENSION)
        .string("content@split-ssh")
        .string(scene.second_key.blob())
        .long(1)
        .long(0)
        .string("x");
    let answer = connect().ask(&content);
    assert_eq!(answer.number(), Some(message::SUCCESS));
    let nobodys = Message::of(message::EXTENSION).string("content@split-ssh");
    let answer = connect().ask(&nobodys.string("no key").long(0).long(0).string(""));
    assert_eq!(answer, Answer::Reply(vec![message::FAILURE]));
}

/// The same key in two vaults: the first that lists it signs, and the other one once the first does not list it any more.
#[test]
fn a_key_of_two_vaults_is_used_where_it_is_listed() {
    let scene = Scene::new(Lab::new(), "", "");
    let key = &scene.lab.key;
    scene.second_agent.add(&scene.second_world, key);
    let signed = |vault: &Vault| {
        let records = vault.records();
        let signed = records.iter().filter(|record| record["event"] == "sign");
        signed.count()
    };
    let sign = message::sign(&key.blob(), &message::sshsig("file", &[7; 64]));
    let mut connection = Connection::open(&scene.merged);
    let (first, second) = (key.blob(), scene.second_key.blob());
    let in_order = [[first.clone(), second.clone()], [second, first]];
    for (order, counts) in in_order.into_iter().zip([(1, 0), (1, 1)]) {
        wait_for("the list", || {
            let listed = connection.ask(&Message::of(message::LIST));
            (identities(&listed)? == order).then_some(())
        });
        assert!(connection.ask(&sign).signature().is_some());
        assert_eq!((signed(&scene.vault), signed(&scene.second)), counts);
        // What a vault never signs with it does not list.
        let policy = "vault/config/policy.toml";
        scene.lab.world.file(policy, "default = \"deny\"\n");
    }
}

#[test]
fn a_remembered_list_starts_no_vault() {
    let scene = Scene::new(Lab::new(), "start = \"on-use\"\n", "");
    let key = scene.lab.key.line();
    assert!(scene.listed().contains(key.trim()));
    let calls = scene.client.calls();
    assert_eq!(calls, 1, "nothing was remembered");
    let file = scene
        .lab
        .world
        .path("work/state/remembered-keys/vault.identities");
    let metadata = std::fs::metadata(&file).expect("a remembered list");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert!(scene.listed().contains(key.trim()));
    assert_eq!(scene.client.calls(), calls);
    // A login tells the vault of its bind first, then uses the key.
    flows::login(&scene.lab, &scene.merged);
    assert!(scene.client.calls() > calls);
    let calls = scene.client.calls();
    run(&mut scene.client.control(&["client", "--forget"]));
    assert!(scene.listed().contains(key.trim()));
    assert!(scene.client.calls() > calls);
}
