//! A person is asked, by a fake prompter or in a terminal, and the answer goes where it belongs.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;

use testbed::agent::Agent;
use testbed::children::{finish, run, text};
use testbed::guarded::{row, sentence};
use testbed::keys::Key;
use testbed::lab::Lab;
use testbed::message;
use testbed::raw::{Answer, Connection};
use testbed::split_ssh::{ClientQube, Vault};
use testbed::wait::wait_for;
use testbed::world::World;

const ASK: &str = "default = \"ask\"\n";
/// Reads the question, keeps it, and says that it is on the screen. Notifications are kept apart; the
/// screen is locked when the test says so.
const SHOW: &str = r#"#!/bin/sh
[ "$1" = --notify ] && exec cat >> "$0.told"
[ "$1" = --watch-lock ] && echo $$ >> "$0.watches" && exec tail -n +1 -f --pid=$PPID "$0.lock"
read -r question
echo $$ >> "$0.pids"
printf '%s\n' "$question" >> "$0.asked"
echo '{"shown":true}'
id=${question#*'"id":"'}
id=${id%%'"'*}
"#;

struct Desk {
    world: World,
    _agent: Agent,
    vault: Vault,
    key: Key,
    host: Key,
    prompter: PathBuf,
}

impl Desk {
    /// A vault whose windows are shown by a script that goes on with `body`.
    fn with_prompter(policy: &str, body: &str) -> Self {
        Self::new(policy, &format!("{SHOW}{body}\n"), true)
    }

    fn without_window(policy: &str) -> Self {
        Self::new(policy, "#!/bin/sh\nexit 3\n", false)
    }

    fn new(policy: &str, script: &str, windows: bool) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        agent.add(&world, &key);
        let host = Key::ed25519(&world, "host");
        let prompter = world.script("prompter", script);
        let prompt = if windows {
            format!("program = \"{}\"", prompter.display())
        } else {
            "by = \"terminal\"".to_owned()
        };
        let config = format!(
            "[keyring.default]\nagent = \"{}\"\n[prompt]\n{prompt}\n",
            agent.socket.display()
        );
        let known_hosts = format!("box.example {}\n", host.line());
        let vault = Vault::start_in_session(&world, &config, policy, &known_hosts);
        Self {
            world,
            _agent: agent,
            vault,
            key,
            host,
            prompter,
        }
    }

    /// A login of its own to `box.example`, whose name the signature itself proves.
    fn login(&self, session: u8, user: &str) -> Vec<u8> {
        let (key, host) = (self.key.blob(), self.host.blob());
        message::login(&[session; 32], user, "ssh-ed25519", &key, Some(&host))
    }

    fn ask(&self, qube: &str, data: &[u8]) -> Answer {
        let mut connection = Connection::call(&self.vault.qrexec_socket, qube);
        connection.ask(&message::sign(&self.key.blob(), data))
    }

    fn begin(&self, qube: &str, data: &[u8]) -> Connection {
        let mut connection = Connection::call(&self.vault.qrexec_socket, qube);
        connection.send(&message::sign(&self.key.blob(), data));
        connection
    }

    /// The questions that the prompter was started for.
    fn asked(&self) -> Vec<serde_json::Value> {
        let lines = fs::read_to_string(self.prompter.with_extension("asked")).unwrap_or_default();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    fn wait_until_asked(&self, count: usize) {
        wait_for("the question", || {
            (self.asked().len() >= count).then_some(())
        });
    }

    fn split_ssh(&self, words: &[&str]) -> String {
        run(&mut self.vault.control(words))
    }

    /// The number of the one question that waits.
    fn waiting(&self) -> String {
        wait_for("a waiting question", || {
            let printed = text(&finish(&mut self.vault.control(&["pending", "--json"])));
            let waiting: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
            waiting[0]["question"]["id"].as_str().map(str::to_owned)
        })
    }

    fn reasons(&self) -> Vec<String> {
        let records = self.vault.records();
        records
            .iter()
            .filter_map(|record| record["reason"].as_str().map(str::to_owned))
            .collect()
    }
}

fn say(decision: &str) -> String {
    format!(r#"echo "{{\"id\":\"$id\",\"answer\":{{\"decision\":{decision}}}}}""#)
}

fn is_signed(answer: &Answer) -> bool {
    answer.signature().is_some()
}

#[test]
fn a_window_says_what_is_proven_and_its_yes_signs_once() {
    let desk = Desk::with_prompter(ASK, &say(r#"\"once\",\"same\":1"#));
    assert!(is_signed(&desk.ask("work", &desk.login(1, "git"))));
    assert!(is_signed(&desk.ask("work", &desk.login(2, "git"))));
    let asked = desk.asked();
    assert_eq!(asked.len(), 2, "once is once");
    assert_eq!(
        sentence(&asked[0]),
        "work wants to log in as git on box.example"
    );
    assert_eq!(row(&asked[0], "Server"), "box.example in known hosts");
    assert_eq!(asked[0]["proof"], "proven");
    let risks = [&asked[0]["risk"], &asked[1]["risk"]];
    assert_eq!(risks, ["unusual", "routine"], "the log had no such login");
}

#[test]
fn fifty_logins_at_once_are_one_question() {
    // Answers when all fifty share it.
    let body = r#"while read -r counts; do
        case $counts in *'"same":50}'*) break;; esac
    done
    echo "{\"id\":\"$id\",\"answer\":{\"decision\":\"once\",\"same\":50}}""#;
    let desk = Desk::with_prompter(ASK, body);
    let first = desk.begin("work", &desk.login(0, "git"));
    desk.wait_until_asked(1);
    let others = (1..50).map(|session| desk.begin("work", &desk.login(session, "git")));
    let connections: Vec<Connection> = [first].into_iter().chain(others).collect();
    let signed = connections
        .into_iter()
        .map(|mut connection| connection.answer());
    assert_eq!(signed.filter(is_signed).count(), 50);
    assert_eq!(desk.asked().len(), 1);
    let given = desk.vault.records();
    let given = given
        .iter()
        .filter(|record| record["event"] == "sign" && record["outcome"] == "ok");
    assert_eq!(given.count(), 50, "n shown, n recorded");
}

#[test]
fn a_yes_for_longer_is_listed_used_and_taken_back() {
    let policy = "default = \"deny\"\n[[rule]]\nkind = \"login\"\nhost = \"box.example\"\n\
                  action = \"ask\"\nremember = \"15m\"\n";
    let desk = Desk::with_prompter(policy, &say(r#"{\"for\":900},\"same\":1"#));
    assert!(is_signed(&desk.ask("work", &desk.login(1, "git"))));
    assert!(is_signed(&desk.ask("work", &desk.login(2, "git"))));
    assert_eq!(desk.asked().len(), 1, "remembered");
    let listed = desk.split_ssh(&["approvals"]);
    assert!(
        listed.contains("work") && listed.contains("used once"),
        "{listed}"
    );
    assert!(is_signed(&desk.ask("work", &desk.login(3, "root"))));
    assert!(is_signed(&desk.ask("other", &desk.login(4, "git"))));
    assert_eq!(
        desk.asked().len(),
        3,
        "another user and another qube are asked about"
    );
    assert!(
        desk.split_ssh(&["approvals", "revoke", "1"])
            .contains("revoked 1")
    );
    assert!(is_signed(&desk.ask("work", &desk.login(5, "git"))));
    assert_eq!(desk.asked().len(), 4);
    desk.split_ssh(&["approvals", "revoke", "all"]);
    assert!(
        desk.split_ssh(&["approvals"])
            .contains("no answer is remembered")
    );
}

fn watches(desk: &Desk) -> Vec<String> {
    let pids = fs::read_to_string(desk.prompter.with_extension("watches")).unwrap_or_default();
    pids.lines().map(str::to_owned).collect()
}

#[test]
fn a_locked_screen_ends_the_yeses_and_not_the_noes() {
    let policy = "default = \"deny\"\n[[rule]]\nkind = \"login\"\nhost = \"box.example\"\n\
                  action = \"ask\"\nremember = \"15m\"\n";
    let body = format!(
        "case $question in *noisy*) {} ;; *) {} ;; esac",
        say(r#"\"mute\",\"same\":1"#),
        say(r#"{\"for\":900},\"same\":1"#)
    );
    let desk = Desk::with_prompter(policy, &body);
    let desktop = desk.prompter.with_extension("lock");
    fs::write(&desktop, "").expect("a file");
    assert!(!is_signed(&desk.ask("noisy", &desk.login(1, "git"))));
    assert_eq!(watches(&desk).len(), 0, "a no needs no watch");
    assert!(is_signed(&desk.ask("work", &desk.login(2, "git"))));
    assert!(is_signed(&desk.ask("work", &desk.login(3, "root"))));
    wait_for("the watch", || (watches(&desk).len() == 1).then_some(()));

    fs::write(&desktop, "{\"locked\":true}\n").expect("a file");
    let ended = wait_for("the records", || {
        let mut records = desk.vault.records();
        records.retain(|record| record["event"] == "revoked");
        (records.len() == 2).then_some(records)
    });
    for (record, user) in ended.iter().zip(["git", "root"]) {
        assert_eq!(record["reason"], "the screen was locked");
        assert_eq!(
            (&record["qube"], &record["user"]),
            (&"work".into(), &user.into())
        );
    }
    wait_for("a notice", || {
        let told = fs::read_to_string(desk.prompter.with_extension("told")).unwrap_or_default();
        told.contains("2 approvals have ended").then_some(())
    });
    let left = desk.split_ssh(&["approvals"]);
    assert!(left.contains("noisy") && !left.contains("work"), "{left}");
    assert!(is_signed(&desk.ask("work", &desk.login(4, "git"))));
    assert_eq!(desk.asked().len(), 4, "asked again");
}

#[test]
fn the_lock_is_watched_for_as_long_as_a_yes_is_remembered() {
    let policy = "default = \"deny\"\n[[rule]]\nkind = \"login\"\nhost = \"box.example\"\n\
                  action = \"ask\"\nremember = \"15m\"\n";
    let desk = Desk::with_prompter(policy, &say(r#"{\"for\":900},\"same\":1"#));
    fs::write(desk.prompter.with_extension("lock"), "").expect("a file");
    let began = |count: usize| wait_for("the watch", || watches(&desk).into_iter().nth(count));
    let ended = |pid: &str| {
        wait_for("its end", || {
            (!Path::new("/proc").join(pid).exists()).then_some(())
        });
    };
    assert!(is_signed(&desk.ask("work", &desk.login(1, "git"))));
    let first = began(0);
    desk.split_ssh(&["approvals", "revoke", "all"]);
    ended(&first);
    assert!(is_signed(&desk.ask("work", &desk.login(2, "git"))));
    let second = began(1);
    drop(desk.vault);
    ended(&second);
}

#[test]
fn a_no_covers_the_logins_next_key_and_a_mute_the_qube() {
    let desk = Desk::with_prompter(ASK, &say(r#"\"deny\",\"same\":1"#));
    let login = desk.login(1, "git");
    let mut connection = Connection::call(&desk.vault.qrexec_socket, "work");
    for _ in 0..2 {
        let answer = connection.ask(&message::sign(&desk.key.blob(), &login));
        assert_eq!(
            answer.number(),
            Some(message::FAILURE),
            "never a closed connection"
        );
    }
    assert_eq!(desk.asked().len(), 1);

    let desk = Desk::with_prompter(ASK, &say(r#"\"mute\",\"same\":1"#));
    for session in 1..4 {
        assert!(!is_signed(&desk.ask("work", &desk.login(session, "git"))));
    }
    assert_eq!(desk.asked().len(), 1);
    assert!(
        desk.reasons().iter().any(|reason| reason.contains("muted")),
        "{:?}",
        desk.reasons()
    );
}

/// Names the host as the first window is answered, and otherwise in the second.
fn name_it(first: &str, second: &str) -> String {
    let once = |name: &str| say(&format!(r#"\"once\",\"name\":\"{name}\",\"same\":1"#));
    format!(
        "[ $(wc -l < \"$0.asked\") = 1 ] && {} && exit\n{}",
        once(first),
        once(second)
    )
}

#[test]
fn a_name_that_is_taken_is_asked_for_again() {
    let taken = "\"box.example\" is the name of another host: type another one, or none.";
    let desk = Desk::with_prompter(ASK, &name_it("box.example", "staging"));
    let unnamed = Key::ed25519(&desk.world, "unnamed");
    let key = desk.key.blob();
    let host = unnamed.blob();
    let login = message::login(&[1; 32], "git", "ssh-ed25519", &key, Some(&host));
    assert!(is_signed(&desk.ask("work", &login)));
    let asked = desk.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0]["id"], asked[1]["id"], "the same question");
    let warnings = |asked: &serde_json::Value| asked["warnings"].as_array().unwrap().clone();
    let expected = [vec![taken.into()], warnings(&asked[0])].concat();
    assert_eq!(warnings(&asked[1]), expected);
    wait_for("the name to be kept", || {
        desk.split_ssh(&["hosts", "list"])
            .contains("staging")
            .then_some(())
    });

    let policy = format!("{ASK}[host.forge]\nnames = [\"forge.example\"]\n");
    for word in ["forge", "forge.example"] {
        let desk = Desk::with_prompter(&policy, &name_it(word, "staging"));
        let key = desk.key.blob();
        let login = message::login(&[1; 32], "git", "ssh-ed25519", &key, Some(&host));
        assert!(is_signed(&desk.ask("work", &login)));
        assert_eq!(desk.asked().len(), 2, "{word} is the policy's");
    }

    let desk = Desk::with_prompter(ASK, &name_it("box.example", "BOX.example"));
    let key = desk.key.blob();
    let login = message::login(&[1; 32], "git", "ssh-ed25519", &key, Some(&host));
    assert!(!is_signed(&desk.ask("work", &login)));
    assert_eq!(desk.asked().len(), 6, "nobody types on and on");
    let reasons = desk.reasons();
    assert!(reasons.iter().any(|why| why.contains("another key")));
}

#[test]
fn a_prompter_that_dies_or_lies_is_a_no() {
    for body in [
        "kill -9 $$".to_owned(),
        say(r#"\"once\",\"same\":0"#),
        say(r#"\"once\",\"same\":2"#),
        say(r#"{\"for\":31536000}"#),
        "echo yes".into(),
    ] {
        let desk = Desk::with_prompter(ASK, &body);
        assert_eq!(
            desk.ask("work", &desk.login(1, "git")).number(),
            Some(message::FAILURE)
        );
        assert_eq!(desk.asked().len(), 1, "{body}");
        let told = desk.prompter.with_extension("told");
        wait_for("the notification that says so", || {
            let told = fs::read_to_string(&told).unwrap_or_default();
            told.contains("A request was denied").then_some(())
        });
    }
}

#[test]
fn a_client_that_hangs_up_takes_the_window_along() {
    let desk = Desk::with_prompter(ASK, "exec sleep 600");
    let connection = desk.begin("work", &desk.login(1, "git"));
    desk.wait_until_asked(1);
    let pid = fs::read_to_string(desk.prompter.with_extension("pids")).unwrap();
    drop(connection);
    wait_for("the window to close", || {
        (!Path::new("/proc").join(pid.trim()).exists()).then_some(())
    });
}

/// A person may answer a question that was asked by a policy of before.
#[test]
fn a_yes_is_not_taken_where_the_policy_denies_by_now() {
    let desk = Desk::without_window(ASK);
    let mut connection = desk.begin("work", &message::sshsig("git", &[7; 64]));
    let id = desk.waiting();
    desk.world
        .file("vault/config/policy.toml", "default = \"deny\"\n");
    // Whether the question is withdrawn before or the yes is not taken.
    finish(&mut desk.vault.control(&["allow", &id]));
    let answer = connection.answer();
    assert_eq!(answer.number(), Some(message::FAILURE), "{answer:?}");
}

#[test]
fn a_waiting_question_delays_nobody_else() {
    let policy =
        "default = \"ask\"\n[[rule]]\nqube = \"trusted\"\nkind = \"sshsig\"\naction = \"allow\"\n";
    let desk = Desk::with_prompter(policy, "exec sleep 600");
    let _waiting = desk.begin("work", &desk.login(1, "git"));
    desk.wait_until_asked(1);
    assert!(is_signed(
        &desk.ask("trusted", &message::sshsig("git", &[7; 64]))
    ));
}

#[test]
fn two_qubes_are_asked_about_one_after_the_other() {
    // A window that another one overlaps leaves a mark.
    let body = format!(
        r#"mkdir "$0.open" || touch "$0.two"
        while [ ! -e "$0.go" ]; do read -r counts || exit; done
        rmdir "$0.open"
        {}"#,
        say(r#"\"once\",\"same\":1"#)
    );
    let desk = Desk::with_prompter(ASK, &body);
    let one = desk.begin("one", &desk.login(1, "git"));
    desk.wait_until_asked(1);
    let two = desk.begin("two", &desk.login(2, "git"));
    fs::write(desk.prompter.with_extension("go"), "").unwrap();
    // A third one makes the first window count, and so look.
    let three = desk.begin("three", &desk.login(3, "git"));
    for mut connection in [one, two, three] {
        assert!(is_signed(&connection.answer()));
    }
    assert_eq!(desk.asked().len(), 3);
    assert!(
        !desk.prompter.with_extension("two").exists(),
        "two windows at once"
    );
}

#[test]
fn without_a_window_a_terminal_answers() {
    let desk = Desk::without_window(ASK);
    assert!(
        !finish(&mut desk.vault.control(&["pending"]))
            .status
            .success()
    );
    let mut connection = desk.begin("work", &desk.login(1, "git"));
    let id = desk.waiting();
    let shown = desk.split_ssh(&["pending"]);
    assert!(
        shown.contains("work wants to log in as git on box.example"),
        "{shown}"
    );
    let refused = finish(&mut desk.vault.control(&["allow", &id, "--for", "9d"]));
    assert!(
        text(&refused).contains("but for 5m and 15m"),
        "{}",
        text(&refused)
    );
    assert!(desk.split_ssh(&["allow", &id]).starts_with("allowed once"));
    assert!(is_signed(&connection.answer()));
    let late = finish(&mut desk.vault.control(&["deny", &id]));
    assert!(!late.status.success(), "numbers are never used again");

    let three = [10, 11, 12].map(|session| desk.begin("work", &desk.login(session, "git")));
    let id = desk.waiting();
    wait_for("all three", || {
        desk.split_ssh(&["pending"])
            .contains("split-ssh allow 2 --requests 3")
            .then_some(())
    });
    let one = finish(&mut desk.vault.control(&["allow", &id]));
    assert!(text(&one).contains("is for 3 requests"), "{}", text(&one));
    let more = finish(&mut desk.vault.control(&["allow", &id, "--requests", "4"]));
    assert!(!more.status.success(), "more than there are");
    desk.split_ssh(&["allow", &id, "--requests", "2"]);
    let rest = desk.waiting();
    assert_ne!(rest, id, "who was not counted is asked about anew");
    desk.split_ssh(&["deny", &rest]);
    let answers = three.map(|mut connection| connection.answer());
    assert_eq!(answers.iter().filter(|answer| is_signed(answer)).count(), 2);

    let mut connection = desk.begin("work", &desk.login(2, "git"));
    desk.split_ssh(&["deny", &desk.waiting(), "--mute"]);
    assert_eq!(connection.answer().number(), Some(message::FAILURE));
    assert!(desk.split_ssh(&["approvals"]).contains("deny"));
}

#[test]
fn what_was_denied_for_a_while_asks_no_more_until_that_is_taken_back() {
    let desk = Desk::without_window(ASK);
    let mut connection = desk.begin("work", &desk.login(1, "git"));
    let id = desk.waiting();
    let refused = text(&finish(
        &mut desk.vault.control(&["deny", &id, "--for", "2h"]),
    ));
    assert!(
        refused.contains("can be denied for 5m, 15m, 1h, 8h and stop"),
        "{refused}"
    );
    let said = desk.split_ssh(&["deny", &id, "--for", "1h"]);
    assert!(
        said.starts_with("denied for 1 hour: work wants to log in"),
        "{said}"
    );
    let undo = said.rsplit("split-ssh ").next().unwrap().trim();
    assert_eq!(connection.answer().number(), Some(message::FAILURE));

    assert!(!is_signed(&desk.ask("work", &desk.login(2, "git"))));
    let records = desk.vault.records();
    let last = records.last().unwrap();
    assert_eq!(
        (&last["outcome"], &last["decided_by"]),
        (&"refused".into(), &"remembered".into())
    );
    assert!(
        last["reason"]
            .as_str()
            .unwrap()
            .contains("you denied such requests")
    );
    let listed = desk.split_ssh(&["approvals"]);
    assert!(
        listed.contains("deny   work, 1 hour left, used once"),
        "{listed}"
    );
    for (qube, user) in [("work", "root"), ("home", "git")] {
        let mut other = desk.begin(qube, &desk.login(3, user));
        desk.split_ssh(&["allow", &desk.waiting()]);
        assert!(is_signed(&other.answer()), "{qube} {user}");
    }

    desk.split_ssh(&undo.split(' ').collect::<Vec<_>>());
    let mut connection = desk.begin("work", &desk.login(4, "git"));
    let id = desk.waiting();
    desk.split_ssh(&["deny", &id, "--for", "stop"]);
    assert_eq!(connection.answer().number(), Some(message::FAILURE));
    // It ends with the judgement that it was an answer to.
    let denies = format!("{ASK}[[rule]]\nhost = \"box.example\"\naction = \"deny\"\n");
    desk.world.file("vault/config/policy.toml", &denies);
    wait_for("the denial to end", || {
        let listed = desk.split_ssh(&["approvals"]);
        listed.contains("no answer is remembered").then_some(())
    });
    let reloads = || {
        let records = desk.vault.records();
        records.iter().filter(|it| it["event"] == "reload").count()
    };
    let before = reloads();
    desk.world.file("vault/config/policy.toml", ASK);
    wait_for("the policy to be read again", || {
        (reloads() > before).then_some(())
    });
    let _connection = desk.begin("work", &desk.login(5, "git"));
    desk.waiting();
}

/// From a server that nobody knows to one that asks no more, by what a terminal of the vault can say.
#[test]
fn a_server_is_given_a_name_and_a_rule() {
    let desk = Desk::without_window(ASK);
    let host = Key::ed25519(&desk.world, "unnamed").blob();
    let key = desk.key.blob();
    let login =
        |session: u8| message::login(&[session; 32], "git", "ssh-ed25519", &key, Some(&host));
    let mut connection = desk.begin("work", &login(1));
    let id = desk.waiting();
    let shown = desk.split_ssh(&["pending"]);
    assert!(
        shown.contains("The log has no earlier login to this server"),
        "{shown}"
    );
    let refused = |words: &[&str], why: &str| {
        let output = finish(&mut desk.vault.control(words));
        assert!(
            !output.status.success() && text(&output).contains(why),
            "{}",
            text(&output)
        );
    };
    refused(
        &["rule", "add", "--question", &id, "--yes"],
        "offers no rule",
    );
    refused(
        &["allow", &id, "--for", "5m"],
        "a server without a name can be allowed once only",
    );
    refused(
        &["allow", &id, "--name", "box.example", "--trust"],
        "another key",
    );
    refused(&["allow", &id, "--name", "-x", "--trust"], "");
    refused(&["allow", &id, "--trust"], "--name");
    let said = desk.split_ssh(&["allow", &id, "--name", "build", "--trust"]);
    assert!(said.contains("split-ssh hosts remove build"), "{said}");
    assert!(is_signed(&connection.answer()));
    let known_hosts = desk.world.path("vault/config/known_hosts");
    let mode = fs::metadata(&known_hosts).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut connection = desk.begin("work", &login(2));
    let id = desk.waiting();
    let shown = desk.split_ssh(&["pending"]);
    assert!(shown.contains("log in as git on build"), "{shown}");
    assert!(
        shown.contains("Last allowed less than a minute ago; 1 login today."),
        "{shown}"
    );
    let rule = desk.split_ssh(&["rule", "add", "--question", &id, "--print"]);
    assert!(
        rule.contains("host = \"build\"\nforwarded = false\n"),
        "{rule}"
    );
    let said = desk.split_ssh(&["rule", "add", "--question", &id, "--yes"]);
    assert!(said.contains("added rule 1 at "), "{said}");
    assert!(is_signed(&connection.answer()));
    let reasons = wait_for("a login without a question", || {
        is_signed(&desk.ask("work", &login(3))).then(|| desk.reasons())
    });
    assert!(reasons.last().unwrap().contains("added 1"), "{reasons:?}");

    desk.split_ssh(&["rule", "remove", "1", "--yes"]);
    let _connection = desk.begin("work", &login(4));
    desk.waiting();
}

/// `split-ssh pending --live`, typed into.
struct Live {
    child: Child,
    printed: PathBuf,
}

impl Live {
    fn start(desk: &Desk) -> Self {
        let printed = desk.world.path("live");
        let out = fs::File::create(&printed).unwrap();
        let mut command = desk.vault.control(&["pending", "--live"]);
        command.stdin(Stdio::piped()).stdout(out);
        let live = Self {
            child: command.spawn().unwrap(),
            printed,
        };
        live.wait_for("waiting for questions");
        live
    }

    fn wait_for(&self, words: &str) {
        wait_for(words, || {
            fs::read_to_string(&self.printed)
                .unwrap()
                .contains(words)
                .then_some(())
        });
    }

    fn type_line(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let ended = self.child.wait();
        if !thread::panicking() {
            assert!(ended.unwrap().success(), "it ends with its input");
        }
    }
}

#[test]
fn a_live_view_takes_whole_words_typed_after_the_question() {
    let desk = Desk::without_window(ASK);
    let mut live = Live::start(&desk);
    // Typed before there is a question: no answer to any.
    live.type_line("yes");
    let mut connection = desk.begin("work", &desk.login(1, "git"));
    live.wait_for("Allow? Type yes");
    live.type_line("");
    live.type_line("y");
    live.type_line("yes");
    assert!(is_signed(&connection.answer()));
    live.wait_for("allowed once: work wants to log in as git on box.example");

    let mut connection = desk.begin("work", &desk.login(2, "root"));
    wait_for("the second question", || {
        let printed = fs::read_to_string(&live.printed).unwrap();
        (printed.matches("question 2").count() == 1 && printed.ends_with("or mute: ")).then_some(())
    });
    live.type_line("no");
    assert_eq!(connection.answer().number(), Some(message::FAILURE));
}

/// A yes serves the requests that were read; those that joined while it was typed are asked about next.
#[test]
fn a_live_view_keeps_what_is_typed_while_requests_join() {
    let desk = Desk::without_window(ASK);
    let mut live = Live::start(&desk);
    let mut first = desk.begin("work", &desk.login(1, "git"));
    live.wait_for("Allow? Type yes");
    let mut second = desk.begin("work", &desk.login(2, "git"));
    wait_for("the second request to join", || {
        desk.split_ssh(&["pending"])
            .contains("2 identical requests")
            .then_some(())
    });
    live.type_line("yes");
    assert!(is_signed(&first.answer()));
    live.wait_for("question 2");
    wait_for("its prompt", || {
        let printed = fs::read_to_string(&live.printed).unwrap();
        (printed.matches("Allow? Type yes").count() == 2).then_some(())
    });
    live.type_line("yes");
    assert!(is_signed(&second.answer()));
}

/// What cannot be remembered says why, and the answer that can be given.
#[test]
fn a_length_that_is_not_offered_is_refused_with_its_reason() {
    let desk = Desk::without_window(&format!(
        "{ASK}[[rule]]\naction = \"ask\"\nremember = \"never\"\n"
    ));
    let mut connection = desk.begin("work", &desk.login(1, "git"));
    let id = desk.waiting();
    let refused = finish(&mut desk.vault.control(&["allow", &id, "--for", "15m"]));
    let said = text(&refused);
    assert!(
        said.contains("once only") && said.contains("policy.toml:2 says remember = \"never\""),
        "{said}"
    );
    assert!(
        said.contains(&format!("hint: `split-ssh allow {id}`")),
        "{said}"
    );
    desk.split_ssh(&["allow", &id]);
    assert!(is_signed(&connection.answer()));
}

#[test]
fn a_session_that_comes_up_later_shows_the_question() {
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixListener;

    let desk = Desk::new(ASK, "#!/bin/sh\nexit 3\n", true);
    let mut connection = desk.begin("work", &desk.login(1, "git"));
    let id = desk.waiting();
    let listener = UnixListener::bind(desk.world.path("vault/run/split-ssh-prompt.sock")).unwrap();
    let (session, _) = listener.accept().unwrap();
    let mut question = String::new();
    BufReader::new(&session).read_line(&mut question).unwrap();
    let question = serde_json::from_str(&question).unwrap();
    assert_eq!(
        sentence(&question),
        "work wants to log in as git on box.example"
    );
    let answer = format!(
        "{{\"shown\":true}}\n{{\"id\":\"{id}\",\"answer\":{{\"decision\":\"once\",\"same\":1}}}}\n"
    );
    (&session).write_all(answer.as_bytes()).unwrap();
    assert!(is_signed(&connection.answer()));
}

/// A vault with a real client and server, whose windows are shown by a script that goes on with `body`.
fn with_real_ssh(lab: &Lab, body: &str) -> (Vault, ClientQube, PathBuf) {
    let prompter = lab.world.script("prompter", format!("{SHOW}{body}\n"));
    let config = format!(
        "[keyring.default]\nagent = \"{}\"\n[prompt]\nprogram = \"{}\"\n",
        lab.agent.socket.display(),
        prompter.display()
    );
    let vault = Vault::start_in_session(&lab.world, &config, ASK, &lab.known_hosts());
    let qube = ClientQube::start(&lab.world, &vault, "work");
    (vault, qube, prompter)
}

fn questions(prompter: &Path) -> Vec<String> {
    let asked = fs::read_to_string(prompter.with_extension("asked")).unwrap_or_default();
    asked.lines().map(str::to_owned).collect()
}

#[test]
fn after_a_no_real_ssh_goes_on_to_a_key_of_its_own() {
    let lab = Lab::new();
    let second = Key::ed25519(&lab.world, "second-key");
    lab.agent.add(&lab.world, &second);
    let own = Key::ed25519(&lab.world, "own");
    for key in [&second, &own] {
        lab.server.authorize(key);
    }
    let (_vault, qube, prompter) = with_real_ssh(&lab, &say(r#"\"deny\",\"same\":1"#));
    let own = own.private.display().to_string();
    let mut ssh = lab
        .client(&qube.socket)
        .ssh(&["-i", &own, "server", "echo inside"]);
    assert_eq!(run(&mut ssh), "inside\n");
    assert_eq!(
        questions(&prompter).len(),
        1,
        "one no is one no, for both keys of the agent"
    );
}

#[test]
fn real_ssh_waits_for_a_yes() {
    let lab = Lab::new();
    let (_vault, qube, prompter) = with_real_ssh(&lab, &say(r#"\"once\",\"same\":1"#));
    let mut ssh = lab.client(&qube.socket).ssh(&["server", "echo inside"]);
    assert_eq!(run(&mut ssh), "inside\n");
    let asked = questions(&prompter);
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].contains("{\"words\":\" wants to log in as \"}"),
        "{}",
        asked[0]
    );
}
