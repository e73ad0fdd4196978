//! Several vaults behind one socket: lists joined in bounded time, each key used in the vault that listed it, and lists
//! that are remembered.

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
    _vault: Vault,
    _second: Vault,
    _second_agent: Agent,
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
            _vault: vault,
            _second: second,
            _second_agent: second_agent,
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
        status.contains("NO ANSWER since").then_some(())
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
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&file)
            .expect("a remembered list")
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
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

#[test]
fn a_vault_may_forbid_that_its_list_is_remembered() {
    let lab = Lab::new();
    let config = format!(
        "[keyring.default]\nagent = \"{}\"\n[carry]\nremember = false\n",
        lab.agent.socket.display()
    );
    let vault = Vault::start_configured(&lab.world, &config, LOGINS_AND_FILES, "");
    let qrexec = stand_in(&lab.world, "work/qrexec", "work");
    serve_socket(&qrexec, &vault.qrexec_socket);
    let client = ClientQube::start_configured(&lab.world, "work", qrexec, "start = \"on-use\"\n");
    for calls in 1..=2 {
        let listed = run(ssh_add(&lab.world, &client.socket).arg("-L"));
        assert!(listed.contains(lab.key.line().trim()));
        assert_eq!(client.calls(), calls);
    }
    assert!(!lab.world.path("work/state/remembered-keys").exists());
}

/// Through the merged socket, too, the client knows that the vault asks, and in a word what came of it. Who waits is told
/// once for all that waits.
#[test]
fn the_client_tells_of_questions() {
    let lab = Lab::new();
    let notify = format!(
        "#!/bin/sh\nfor word; do :; done\necho \"$word\" >>{}\n",
        lab.world.path("notified").display()
    );
    lab.world.script("work/bin/notify-send", notify);
    let notified = || std::fs::read_to_string(lab.world.path("notified")).unwrap_or_default();
    let config = format!(
        "[keyring.default]\nagent = \"{}\"\n[carry]\nqubes = [\"work\"]\n",
        lab.agent.socket.display()
    );
    let vault = Vault::start_configured(&lab.world, &config, "default = \"ask\"\n", "");
    let qrexec = stand_in(&lab.world, "work/qrexec", "work");
    serve_socket(&qrexec, &vault.qrexec_socket);
    let merged = lab.world.path("work/merged.sock");
    let lines = format!("[merged]\nsocket = \"{}\"\n", merged.display());
    let client = ClientQube::start_configured(&lab.world, "work", qrexec, &lines);
    wait_for_listener(&merged);
    let mut connections = [(); 3].map(|()| Connection::open(&merged));
    for (number, connection) in connections.iter_mut().enumerate() {
        let _ = connection.ask(&Message::of(message::LIST));
        let data = message::sshsig(["file", "git"][number % 2], &[7; 64]);
        connection.send(&message::sign(&lab.key.blob(), &data));
    }
    wait_for("the status", || {
        let status = client.status();
        let words = "WAITING FOR YOUR ANSWER IN THE VAULT: 3";
        status.contains(words).then_some(())
    });
    let waiting = "A program here wants a signature by vault vault.\n";
    wait_for("a notification", || (notified() == waiting).then_some(()));
    vault.answer("deny");
    vault.answer("deny");
    for connection in &mut connections {
        assert_eq!(connection.answer().number(), Some(message::FAILURE));
    }
    let status = client.status();
    assert!(status.contains("refused: denied in the vault"), "{status}");
    let told = format!("{waiting}Vault vault: denied in the vault.\n");
    wait_for("the reason", || (notified() == told).then_some(()));
    wait_for("its end", || {
        (!client.status().contains("WAITING")).then_some(())
    });
    assert_eq!(notified(), told);
}
