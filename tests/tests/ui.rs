//! `split-ssh ui` on a screen, beside the real vault: what it shows is what happens, and its buttons do what they say.

use std::process::{Child, Command, Stdio};

use testbed::children::{finish, run};
use testbed::desk::{Desk, Window};
use testbed::lab::Lab;
use testbed::message;
use testbed::programs;
use testbed::raw::Connection;
use testbed::split_ssh::{ClientQube, Vault};
use testbed::world::user_name;

const REMEMBER: &str = "default = \"ask\"\n[qube.work]\ncolor = \"blue\"\n[[rule]]\naction = \"ask\"\nremember = \"5m\"\n";

fn begin(command: &mut Command) -> Child {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().expect("it runs")
}

fn gets_in(ssh: Child) -> bool {
    let output = ssh.wait_with_output().expect("its output");
    output.stdout == b"inside\n"
}

fn ssh(lab: &Lab, qube: &ClientQube) -> Child {
    begin(&mut lab.client(&qube.socket).ssh(&["server", "echo inside"]))
}

/// The window, and the program that tells it what to show.
fn ui<'a>(vault: &Vault, desk: &'a Desk) -> (Child, Window<'a>) {
    let mut command = vault.control(&["ui"]);
    let program = begin(command.envs(desk.environment.iter().cloned()));
    let window = desk.window();
    assert_eq!(window.title, "Split SSH");
    (program, window)
}

fn login(vault: &Vault, lab: &Lab, user: &str) -> Connection {
    let (key, host) = (lab.key.blob(), lab.server.host_key.blob());
    let data = message::login(&[1; 32], user, "ssh-ed25519", &key, Some(&host));
    let mut connection = Connection::call(&vault.qrexec_socket, "work");
    connection.send(&message::sign(&key, &data));
    connection
}

#[test]
fn an_answer_is_seen_and_taken_back_and_a_vault_that_goes_comes_back() {
    let lab = Lab::new();
    let desk = Desk::new(&lab.world);
    let start = || desk.vault(&lab.world, &lab.agent.socket, REMEMBER, &lab.known_hosts());
    let mut vault = start();
    let qube = ClientQube::start(&lab.world, &vault, "work");
    let (program, window) = ui(&vault, &desk);
    window.wait_to_read("The vault runs since");

    let waiting = ssh(&lab, &qube);
    let question = desk.window();
    let login = format!("{}@server", user_name());
    window.wait_to_read(&format!(
        "work wants to log in as {} on server",
        user_name()
    ));
    window.wait_to_read("the vault asks in a window");
    window.wait_to_read("work 1 connection");
    window.wait_to_read("blue qube");
    question.press("Allow for 5 min");
    assert!(gets_in(waiting));
    window.wait_to_read(&format!("work Allowed: login {login}"));
    window.wait_to_read(&format!("work Signed login {login}"));
    window.wait_to_read("not used yet");
    assert!(gets_in(ssh(&lab, &qube)), "without a question");
    window.wait_to_read("used once");

    window.click("Revoke work");
    window.wait_to_read("work Answer ended");
    let listed = run(&mut vault.control(&["approvals"]));
    assert_eq!(listed, "no answer is remembered\n");
    let asked_again = ssh(&lab, &qube);
    desk.window().press("Deny");
    assert!(!gets_in(asked_again));
    window.wait_to_read(&format!("work Denied login {login}"));

    vault.stop();
    window.wait_to_read("No vault runs here");
    let _vault = start();
    window.wait_to_read("The vault runs since");
    window.says(&format!("work Signed login {login}"));
    window.close();
    let ended = program.wait_with_output().expect("its end");
    assert!(ended.status.success());
}

#[test]
fn a_question_without_a_window_gets_one_and_hostile_names_stay_text() {
    let lab = Lab::new();
    let desk = Desk::new(&lab.world);
    let prompt = programs::split_ssh_prompt();
    let config = format!(
        "[keyring.default]\nagent = \"{}\"\n[prompt]\nby = \"terminal\"\nprogram = \"{}\"\n",
        lab.agent.socket.display(),
        prompt.display()
    );
    let vault = Vault::start_with(&lab.world, &config, REMEMBER, &lab.known_hosts(), &[]);
    let (mut program, window) = ui(&vault, &desk);
    let mut connection = login(&vault, &lab, "<b>git</b>\u{202e}\n");
    window.wait_to_read("no window asks");
    window.click("Answer...");
    let question = desk.window();
    assert_eq!(question.title, "Split SSH: log in");
    question.press("Allow once");
    assert!(connection.answer().signature().is_some());
    window.wait_to_read("work Signed login <b>git</b>\\u{202e}\\x0a@server");
    for text in window.texts() {
        assert!(!text.contains(['\u{202e}', '\n']), "{text:?}");
    }

    let gone = login(&vault, &lab, "git");
    window.wait_to_read("work wants to log in as git");
    window.click("Answer...");
    let question = desk.window();
    drop(gone);
    question.wait_until_gone();
    program.kill().expect("it runs");
    window.wait_until_gone();
    program.wait().expect("its end");
}

#[test]
fn without_a_window_it_says_what_to_type() {
    let lab = Lab::new();
    let config = "[prompt]\nprogram = \"/nonexistent\"\n";
    let vault = Vault::start_with(&lab.world, config, "", "", &[]);
    let failed = finish(&mut vault.control(&["ui"]));
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(!failed.status.success());
    for words in [
        "split-ssh-prompt, which shows windows, is not installed",
        "split-ssh log --follow",
    ] {
        assert!(said.contains(words), "{said}");
    }
}
