//! Where our dialog is not installed: real zenity, as the vault's child and as the session starts it.

use std::process::{Child, Command, Stdio};

use serde_json::Value;
use testbed::children::{finish, run};
use testbed::desk::Desk;
use testbed::lab::Lab;
use testbed::programs;
use testbed::split_ssh::{ClientQube, Vault};
use testbed::wait::wait_for;

const POLICY: &str = "default = \"deny\"\n[[rule]]\naction = \"ask\"\nremember = \"5m\"\n";

struct Scene {
    qube: ClientQube,
    vault: Vault,
    lab: Lab,
}

impl Scene {
    fn new(environment: &[(String, String)]) -> Self {
        let lab = Lab::new();
        // Named and not there: ours may be installed on this machine.
        let config = format!(
            "[keyring.default]\nagent = \"{}\"\n[prompt]\nprogram = \"{}\"\n",
            lab.agent.socket.display(),
            lab.world.path("no-dialog").display()
        );
        let vault = Vault::start_with(
            &lab.world,
            &config,
            POLICY,
            &lab.known_hosts(),
            &environment
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect::<Vec<_>>(),
        );
        let qube = ClientQube::start(&lab.world, &vault, "work");
        Self { qube, vault, lab }
    }

    fn ssh(&self, server: &str) -> Child {
        let mut ssh = self
            .lab
            .client(&self.qube.socket)
            .ssh(&[server, "echo inside"]);
        ssh.stdin(Stdio::null()).stdout(Stdio::piped());
        ssh.stderr(Stdio::piped()).spawn().expect("ssh runs")
    }

    /// Waits until an answer would count.
    fn wait_until_shown(&self) {
        wait_for("the shown question", || {
            let printed = finish(&mut self.vault.control(&["pending", "--json"])).stdout;
            let pending: Vec<Value> = serde_json::from_slice(&printed).ok()?;
            (pending.first()?["shown"] == true).then_some(())
        });
    }
}

fn gets_in(ssh: Child) -> bool {
    let output = ssh.wait_with_output().expect("its output");
    output.stdout == b"inside\n"
}

#[test]
fn only_a_considered_click_allows() {
    programs::insist_on("/usr/bin/zenity");
    let lab = Lab::new();
    let desk = Desk::new(&lab.world);
    let scene = Scene::new(&desk.environment);

    let ssh = scene.ssh("server");
    let window = desk.window();
    window.says("work asks to log in to server");
    window.press("Allow once");
    // Too soon to have been read: asked again.
    let window = desk.window();
    scene.wait_until_shown();
    window.press("Allow once");
    assert!(gets_in(ssh));

    for no in ["Return", "Escape"] {
        let ssh = scene.ssh("server");
        let window = desk.window();
        scene.wait_until_shown();
        window.key(no);
        assert!(!gets_in(ssh), "{no} allowed");
    }

    let ssh = scene.ssh("second");
    let window = desk.window();
    scene.wait_until_shown();
    window.press("Allow for 5 minutes");
    assert!(gets_in(ssh));
    assert!(gets_in(scene.ssh("second")), "the yes is remembered");
    assert_eq!(desk.windows().1, 5);
}

#[test]
fn the_session_starts_it_for_a_vault_that_may_start_nothing() {
    programs::insist_on("/usr/bin/zenity");
    let lab = Lab::new();
    let desk = Desk::new(&lab.world);
    let scene = Scene::new(&[("DISPLAY".to_owned(), ":none".to_owned())]);
    let zenity = || {
        let mut command = Command::new(programs::split_ssh());
        command.arg("zenity");
        command
    };
    let socket = scene.lab.world.path("vault/run/split-ssh-zenity.sock");

    let ssh = scene.ssh("server");
    let mut prompter = desk.socket_unit(&socket, zenity());
    let window = desk.window();
    scene.wait_until_shown();
    window.press("Allow once");
    assert!(gets_in(ssh));
    assert!(prompter.wait().expect("its end").success());

    std::fs::remove_file(&socket).expect("the unit's socket");
    let mut ssh = scene.ssh("server");
    let mut prompter = desk.socket_unit(&socket, zenity());
    let window = desk.window();
    ssh.kill().expect("it runs");
    window.wait_until_gone();
    assert!(prompter.wait().expect("its end").success());
    ssh.wait().expect("its end");
    assert!(run(&mut scene.vault.control(&["log"])).contains("signed"));
}
