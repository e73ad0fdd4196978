//! The whole way: real ssh in a qube, the real vault, its real dialog on a screen, and a person who
//! looks, clicks and types.

use std::process::{Child, Command, Stdio};

use serde_json::Value;
use testbed::children::{finish, run};
use testbed::desk::{Desk, Window};
use testbed::guarded::rows;
use testbed::keys::Key;
use testbed::lab::Lab;
use testbed::message;
use testbed::programs;
use testbed::raw::Connection;
use testbed::split_ssh::{ClientQube, Vault};
use testbed::wait::wait_for;
use testbed::world::user_name;

const ASK: &str = "default = \"ask\"\n";
/// Asks about everyday requests and lets a yes last for five minutes.
const REMEMBER: &str = "default = \"deny\"\n[[rule]]\naction = \"ask\"\nremember = \"5m\"\n";

/// A qube, a vault, and somebody at the vault's screen.
struct Scene {
    qube: ClientQube,
    vault: Vault,
    desk: Desk,
    lab: Lab,
}

impl Scene {
    fn new(policy: &str) -> Self {
        let lab = Lab::new();
        let known_hosts = lab.known_hosts();
        Self::over(lab, policy, &known_hosts)
    }

    fn over(lab: Lab, policy: &str, known_hosts: &str) -> Self {
        let desk = Desk::new(&lab.world);
        let vault = desk.vault(&lab.world, &lab.agent.socket, policy, known_hosts);
        let qube = ClientQube::start(&lab.world, &vault, "work");
        Self {
            qube,
            vault,
            desk,
            lab,
        }
    }

    /// `ssh` that says where it got in, under way.
    fn ssh(&self, words: &[&str]) -> Child {
        let mut ssh = self.lab.client(&self.qube.socket).ssh(words);
        begin(ssh.arg("echo inside"))
    }

    /// `ssh-keygen -Y sign`, under way.
    fn sign(&self, namespace: &str) -> Child {
        let file = self.lab.world.file("letter", "Dear all");
        let mut keygen = self.lab.client(&self.qube.socket).with_agent("ssh-keygen");
        keygen.args(["-q", "-Y", "sign", "-n", namespace, "-f"]);
        begin(keygen.arg(&self.lab.key.public).arg(file))
    }

    /// A login to `server` as its own signature proves it, asked for by a qube of the test's choice.
    fn login(&self, qube: &str, session: u8, user: &str, key: &Key) -> Connection {
        let (key, host) = (key.blob(), self.lab.server.host_key.blob());
        let data = message::login(&[session; 32], user, "ssh-ed25519", &key, Some(&host));
        let mut connection = Connection::call(&self.vault.qrexec_socket, qube);
        connection.send(&message::sign(&key, &data));
        connection
    }

    fn split_ssh(&self, words: &[&str]) -> String {
        run(&mut self.vault.control(words))
    }

    /// What a window says of a login to this host.
    fn asks_for(&self, host: &str) -> String {
        format!("work wants to log in as {} on {host}", user_name())
    }

    /// The log's records of sign requests.
    fn signatures(&self) -> Vec<Value> {
        let mut records = self.vault.records();
        records.retain(|record| record.get("request_sha256").is_some());
        records
    }

    fn last(&self) -> Value {
        self.signatures().pop().expect("a record")
    }

    /// The questions that wait, as `split-ssh pending` has them.
    fn pending(&self) -> Vec<Value> {
        let printed = finish(&mut self.vault.control(&["pending", "--json"])).stdout;
        let pending: Vec<Value> = serde_json::from_slice(&printed).expect("JSON");
        pending.iter().map(|one| one["question"].clone()).collect()
    }
}

fn begin(command: &mut Command) -> Child {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped()).spawn().expect("it runs")
}

/// Whether a login got in.
fn gets_in(ssh: Child) -> bool {
    let output = ssh.wait_with_output().expect("its output");
    output.stdout == b"inside\n"
}

fn succeeds(program: Child) -> bool {
    program
        .wait_with_output()
        .expect("its end")
        .status
        .success()
}

fn is_signed(mut connection: Connection) -> bool {
    connection.answer().signature().is_some()
}

#[test]
fn a_yes_by_key_or_click_lets_ssh_in() {
    let scene = Scene::new(ASK);
    let ssh = scene.ssh(&["server"]);
    let window = scene.desk.window();
    assert_eq!(window.title, "Split SSH: log in");
    window.says(&scene.asks_for("server"));
    window.says("The server proved this destination.");
    window.says("Keyring: default");
    window.key("alt+o");
    assert!(gets_in(ssh));
    let ssh = scene.ssh(&["server"]);
    scene.desk.window().press("Allow once");
    assert!(gets_in(ssh), "once is once, and asks again");
    let record = scene.last();
    assert_eq!(
        (&record["outcome"], &record["decided_by"]),
        (&"ok".into(), &"prompt".into()),
        "{record}"
    );
}

#[test]
fn an_early_click_is_no_yes() {
    const TRIES: usize = 5;
    let scene = Scene::new(ASK);
    for _ in 0..TRIES {
        let ssh = scene.ssh(&["server"]);
        let window = scene.desk.window();
        let was_early = window.click_early("Allow once");
        if was_early {
            assert!(window.is_there(), "still there to be answered");
            window.key("Escape");
            assert!(!gets_in(ssh));
            return;
        }
        window.press("Allow once");
        assert!(gets_in(ssh));
    }
    panic!("this machine is too slow to click within a second");
}

#[test]
fn after_a_no_ssh_goes_on_to_its_own_key() {
    let scene = Scene::new(ASK);
    let own = Key::ed25519(&scene.lab.world, "own");
    scene.lab.server.authorize(&own);
    let own = own.private.display().to_string();
    let refusals: [fn(Window<'_>); 2] = [|window| window.key("Escape"), |window| window.close()];
    for refuse in refusals {
        let ssh = scene.ssh(&["-i", &own, "server"]);
        refuse(scene.desk.window());
        assert!(gets_in(ssh));
        let record = scene.last();
        assert_eq!(
            (&record["outcome"], &record["decided_by"]),
            (&"refused".into(), &"prompt".into()),
            "{record}"
        );
    }
    assert_eq!(scene.desk.windows().1, 2);
}

#[test]
fn a_killed_dialog_is_no_answer_and_the_next_question_has_a_window() {
    let scene = Scene::new(ASK);
    let ssh = scene.ssh(&["server"]);
    let window = scene.desk.window();
    wait_for("the vault to know that it is seen", || {
        let printed = finish(&mut scene.vault.control(&["pending", "--json"])).stdout;
        let pending: Value = serde_json::from_slice(&printed).expect("JSON");
        (pending[0]["shown"] == true).then_some(())
    });
    window.kill();
    assert!(!gets_in(ssh));
    let record = scene.last();
    assert_eq!(record["event"], "no-answer", "{record}");
    let ssh = scene.ssh(&["server"]);
    scene.desk.window().press("Allow once");
    assert!(gets_in(ssh));
}

#[test]
fn a_yes_for_five_minutes_covers_only_what_was_shown() {
    let scene = Scene::new(REMEMBER);
    let allow = || scene.desk.window().press("Allow for 5 min");
    let ssh = scene.ssh(&["server"]);
    allow();
    assert!(gets_in(ssh));
    assert!(gets_in(scene.ssh(&["server"])), "nobody had to answer");
    assert_eq!(scene.last()["decided_by"], "remembered");
    assert_eq!(scene.desk.windows().1, 1);
    let listed = scene.split_ssh(&["approvals"]);
    assert!(
        listed.contains("work") && listed.contains("used once"),
        "{listed}"
    );

    // Each differs in one fact.
    let second = Key::ed25519(&scene.lab.world, "second-key");
    scene.lab.agent.add(&scene.lab.world, &second);
    let key = &scene.lab.key;
    let others = [
        ("work", "nobody", key),
        ("other", "root", key),
        ("work", "root", &second),
    ];
    let user = testbed::world::user_name();
    for (session, (qube, other_user, key)) in (1..).zip(others) {
        let user = if other_user == "root" {
            &user
        } else {
            other_user
        };
        let login = scene.login(qube, session, user, key);
        allow();
        assert!(is_signed(login), "{qube} {user} {}", key.comment);
    }
    let ssh = scene.ssh(&["second"]);
    allow();
    assert!(gets_in(ssh), "another host");
    for namespace in ["file", "git"] {
        let signing = scene.sign(namespace);
        let window = scene.desk.window();
        window.says(&format!("Namespace: {namespace}"));
        window.press("Allow for 5 min");
        assert!(succeeds(signing));
    }
    let asked = scene.desk.windows().1;
    assert_eq!(asked, 7);

    assert!(
        gets_in(scene.ssh(&["server"])),
        "the first yes still stands"
    );
    let listed = scene.split_ssh(&["approvals"]);
    assert_eq!(listed.matches("used").count(), 7, "{listed}");
    scene.split_ssh(&["approvals", "revoke", "1"]);
    let ssh = scene.ssh(&["server"]);
    scene.desk.window().press("Allow once");
    assert!(gets_in(ssh));
    scene.split_ssh(&["approvals", "revoke", "all"]);
    let ssh = scene.ssh(&["second"]);
    scene.desk.window().press("Allow once");
    assert!(gets_in(ssh));
    assert_eq!(scene.desk.windows(), (1, asked + 2));
}

#[test]
fn a_signature_by_an_approval_is_told_of_with_a_button_that_revokes_it() {
    let scene = Scene::new(REMEMBER);
    let ssh = scene.ssh(&["server"]);
    scene.desk.window().press("Allow for 5 min");
    assert!(gets_in(ssh));
    assert!(gets_in(scene.ssh(&["server"])), "nobody had to answer");
    let told = wait_for("the notification", || scene.desk.notifications().pop());
    assert_eq!(told.summary, "work used your approval 1");
    assert!(told.body.starts_with("login to server as "), "{told:?}");
    assert_eq!((told.icon.as_str(), told.urgency), ("dialog-password", 0));
    assert_eq!(told.buttons, ["Revoke"]);

    scene.desk.press_notification(&scene.lab.world, "Revoke");
    wait_for("the end of the approval", || {
        let listed = scene.split_ssh(&["approvals"]);
        (!listed.contains("work")).then_some(())
    });
    let ssh = scene.ssh(&["server"]);
    scene.desk.window().press("Deny");
    assert!(!gets_in(ssh), "it asks again");
    let records = scene.vault.records();
    assert!(records.iter().any(|record| record["event"] == "revoked"));
}

#[test]
fn a_host_named_in_the_window_is_a_label_until_it_is_trusted() {
    let lab = Lab::new();
    let known_hosts = lab.second.known_host();
    let scene = Scene::over(lab, ASK, &known_hosts);
    let ssh = scene.ssh(&["server"]);
    let window = scene.desk.window();
    window.says("This vault does not know this server.");
    window.name_host("second");
    window.press("Allow once");
    let window = scene.desk.window();
    window.says("\"second\" is the name of another host: type another one, or none.");
    window.name_host("staging");
    window.press("Allow once");
    assert!(gets_in(ssh));

    let rule = "[[rule]]\nkind = \"login\"\nhost = \"staging\"\naction = \"allow\"\n";
    let policy = format!("{ASK}{rule}");
    scene.lab.world.file("vault/config/policy.toml", policy);
    let ssh = scene.ssh(&["server"]);
    let window = scene.desk.window();
    window.says(&scene.asks_for("\"staging\""));
    window.says("Server: staging (your name for it; not in known hosts)");
    window.press("Allow once");
    assert!(gets_in(ssh), "no rule sees a label");
    let record = scene.last();
    assert!(record.to_string().contains("staging"), "{record}");

    scene.split_ssh(&["hosts", "trust", "staging"]);
    assert!(gets_in(scene.ssh(&["server"])), "the rule allows it now");
    assert_eq!(scene.last()["decided_by"], "policy");
    assert_eq!(scene.desk.windows(), (1, 3));
}

#[test]
fn two_at_once_have_one_window_at_a_time() {
    let scene = Scene::new(ASK);
    let one = scene.login("one", 1, "git", &scene.lab.key);
    let window = scene.desk.window();
    window.says("one wants to log in as git on server");
    let two = scene.login("two", 2, "git", &scene.lab.key);
    window.wait_to_read("1 more question waits");
    window.press("Allow once");
    assert!(is_signed(one));
    let window = scene.desk.window();
    window.says("two wants to log in as git on server");
    window.press("Deny");
    assert!(!is_signed(two));
    assert_eq!(scene.desk.windows(), (1, 2));
}

#[test]
fn a_client_that_hangs_up_takes_its_window_along() {
    let scene = Scene::new(ASK);
    let mut ssh = scene.ssh(&["server"]);
    let window = scene.desk.window();
    ssh.kill().expect("it runs");
    ssh.wait().expect("its end");
    window.wait_until_gone();
    let record = wait_for("its record", || scene.signatures().pop());
    assert_eq!(record["event"], "no-answer", "{record}");
    assert!(scene.pending().is_empty());
}

#[test]
fn a_mute_silences_the_qube_and_no_other() {
    let scene = Scene::new(ASK);
    let ssh = scene.ssh(&["server"]);
    scene
        .desk
        .window()
        .press("Deny everything from this qube for 5 min");
    assert!(!gets_in(ssh));
    assert!(!gets_in(scene.ssh(&["second"])), "without a window");
    let record = scene.last();
    let reason = record["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("muted"), "{record}");
    let other = scene.login("other", 1, "git", &scene.lab.key);
    scene.desk.window().press("Allow once");
    assert!(is_signed(other));
    assert_eq!(scene.desk.windows().1, 2);
}

#[test]
fn fifty_parallel_logins_are_one_window_and_one_answer() {
    const LOGINS: usize = 50;
    let scene = Scene::new(ASK);
    // More calls at once than a client makes by itself.
    let qrexec = scene.qube.qrexec.clone();
    let qube = ClientQube::start_configured(&scene.lab.world, "many", qrexec, "calls = 64\n");
    // One for all: making a client writes its configuration anew.
    let client = scene.lab.client(&qube.socket);
    let login = |_| begin(&mut client.ssh(&["server", "echo inside"]));
    let logins: Vec<Child> = (0..LOGINS).map(login).collect();
    let window = scene.desk.window();
    window.wait_to_read("50 identical requests are waiting; your answer applies to all of them.");
    window.press("Allow once");
    let inside = logins.into_iter().map(gets_in).filter(|inside| *inside);
    assert_eq!(inside.count(), LOGINS);
    let signed = scene.signatures();
    let signed = signed.iter().filter(|record| record["outcome"] == "ok");
    assert_eq!(signed.count(), LOGINS, "n shown, n recorded");
    assert_eq!(scene.desk.windows(), (1, 1));
}

#[test]
fn a_certificate_for_root_and_for_ever_stands_out() {
    let policy = "default = \"deny\"\n[[rule]]\nkind = \"certificate\"\naction = \"ask\"\n";
    let scene = Scene::new(policy);
    let subject = Key::ed25519(&scene.lab.world, "subject");
    let issue = |options: &[&str]| {
        let mut keygen = scene
            .lab
            .client(&scene.qube.socket)
            .with_agent("ssh-keygen");
        keygen.args(["-q", "-I", "somebody", "-Us"]);
        keygen.arg(&scene.lab.key.public).args(options);
        begin(keygen.arg(&subject.public))
    };
    let outstanding = || -> Vec<String> {
        let question = scene.pending().remove(0);
        let outstanding = rows(&question).filter(|row| row["stands_out"] == true);
        outstanding
            .map(|row| row["label"].as_str().unwrap_or_default().to_owned())
            .collect()
    };

    let issuing = issue(&["-n", "root,alice"]);
    let window = scene.desk.window();
    assert_eq!(window.title, "Split SSH: issue a certificate");
    window.says("For: root, alice");
    window.says("Valid: always to FOREVER");
    window.says("Key ID: somebody");
    assert_eq!(outstanding(), ["For", "Valid"]);
    window.press("Deny");
    assert!(!succeeds(issuing));

    let issuing = issue(&["-n", "alice", "-V", "20300101:20300102"]);
    let window = scene.desk.window();
    window.says("For: alice");
    window.says("2030-01-02");
    assert_eq!(outstanding(), <[&str; 0]>::default());
    window.press("Allow once");
    assert!(succeeds(issuing));
}

#[test]
fn a_signed_commit_shows_its_namespace_and_hash() {
    let scene = Scene::new(ASK);
    let client = scene.lab.client(&scene.qube.socket);
    run(&mut client.git(&["init", "-q", "signed"]));
    let key = format!("user.signingkey={}", scene.lab.key.public.display());
    let mut git = client.git(&["-C", "signed", "-c", &key, "commit", "-q", "--allow-empty"]);
    let committing = begin(git.args(["-S", "-m", "signed"]));
    let window = scene.desk.window();
    assert_eq!(window.title, "Split SSH: sign");
    window.says("Namespace: git");
    window.says("Hash: sha512 ");
    window.press("Allow once");
    assert!(succeeds(committing));
    let mut log = client.git(&["-C", "signed", "cat-file", "commit", "HEAD"]);
    assert!(run(&mut log).contains("BEGIN SSH SIGNATURE"));
}

#[test]
fn a_session_that_comes_up_later_shows_the_window() {
    let lab = Lab::new();
    let config = format!(
        "[keyring.default]\nagent = \"{}\"\n",
        lab.agent.socket.display()
    );
    // Named, so that the vault does not find the display of whoever runs the tests.
    let vault = Vault::start_with(
        &lab.world,
        &config,
        ASK,
        &lab.known_hosts(),
        &[("DISPLAY", ":none")],
    );
    let qube = ClientQube::start(&lab.world, &vault, "work");
    let mut ssh = lab.client(&qube.socket).ssh(&["server", "echo inside"]);
    let ssh = begin(&mut ssh);
    wait_for("the question", || {
        let printed = finish(&mut vault.control(&["pending"]));
        printed.status.success().then_some(())
    });
    let desk = Desk::new(&lab.world);
    let socket = lab.world.path("vault/run/split-ssh-prompt.sock");
    let mut prompt = desk.socket_unit(&socket, Command::new(programs::split_ssh_prompt()));
    let window = desk.window();
    window.says("work wants to log in as");
    std::thread::scope(|scope| {
        scope.spawn(|| prompt.wait());
        window.press("Allow once");
    });
    assert!(gets_in(ssh));
}

#[test]
fn a_locked_key_is_asked_for_after_the_yes() {
    let scene = {
        let lab = Lab::new();
        let desk = Desk::new(&lab.world);
        let folder = lab.world.directory("vault/.ssh/identities.d/default");
        for file in [&lab.key.private, &lab.key.public] {
            let name = file.file_name().expect("a name");
            std::fs::copy(file, folder.join(name)).expect("a copy");
        }
        let mut encrypt = lab.world.command("ssh-keygen");
        encrypt.args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"]);
        run(encrypt.arg(folder.join("key")));
        let vault = desk.vault_configured(&lab.world, "", ASK, &lab.known_hosts());
        let qube = ClientQube::start(&lab.world, &vault, "work");
        Scene {
            qube,
            vault,
            desk,
            lab,
        }
    };
    let ssh = scene.ssh(&["server"]);
    let window = scene.desk.window();
    assert_eq!(
        window.title, "Split SSH: log in",
        "no passphrase before the yes"
    );
    window.press("Allow once");
    let window = scene.desk.window();
    assert_eq!(window.title, "Split SSH: unlock a key");
    window.says("identities.d/default/key");
    window.unlock("open barley");
    let window = scene.desk.window();
    window.says("Wrong passphrase. Please try again.");
    window.unlock("open sesame");
    assert!(gets_in(ssh));
    let ssh = scene.ssh(&["server"]);
    scene.desk.window().press("Allow once");
    assert!(gets_in(ssh), "the key is loaded now");
    assert_eq!(scene.desk.windows(), (1, 4));
    let log = std::fs::read_to_string(scene.lab.world.path("vault/state/log.jsonl"));
    assert!(!log.expect("a log").contains("sesame"));
}
