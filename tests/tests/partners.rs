//! Old and foreign partners: our client, the official one and the community guide's, each with our vault as a
//! socket and as a program, the official vault and the guide's, each with an argument and without.

use testbed::agent::Agent;
use testbed::children::{finish, run, text};
use testbed::keys::Key;
use testbed::lab::{LOGINS_AND_FILES, Lab};
use testbed::partners::{
    ARGUMENTS, Argument, Client, KINDS, Kind, serve_as_the_guide_does, serve_by_stdio,
    serve_officially,
};
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::split_ssh::Vault;

/// The stand-in's folder.
const DOM0: &str = "dom0";

/// Two keyrings, each an agent with a key of its own, and a server that takes both keys.
struct Desk {
    work_agent: Agent,
    work: Key,
    lab: Lab,
}

impl Desk {
    fn new() -> Self {
        let lab = Lab::new();
        lab.world.directory("agents");
        let work_agent = Agent::start_named(&lab.world, "agents/work");
        let work = Key::ed25519(&lab.world, "work-key");
        work_agent.add(&lab.world, &work);
        lab.server.authorize(&work);
        stand_in(&lab.world, DOM0, "work");
        Self {
            work_agent,
            work,
            lab,
        }
    }

    /// Our vault with both keyrings.
    fn vault(&self) -> Vault {
        let config = format!(
            "[keyring.work]\nagent = \"{}\"\n[keyring.default]\nagent = \"{}\"\n",
            self.work_agent.socket.display(),
            self.lab.agent.socket.display()
        );
        Vault::start_configured(
            &self.lab.world,
            &config,
            LOGINS_AND_FILES,
            &self.lab.known_hosts(),
        )
    }

    /// The key of the keyring that `argument` names.
    fn key(&self, argument: Argument) -> &Key {
        match argument {
            Argument::Work => &self.work,
            Argument::None => &self.lab.key,
        }
    }

    fn client(&self, kind: Kind, argument: Argument) -> Client {
        Client::start(&self.lab.world, kind, argument, &self.lab.world.path(DOM0))
    }

    /// Every client, with every way to name a keyring.
    fn clients(&self) -> Vec<(String, Argument, Client)> {
        let all = KINDS.iter().flat_map(|&kind| {
            ARGUMENTS.map(|argument| {
                let name = format!("{kind:?}, {argument:?}");
                (name, argument, self.client(kind, argument))
            })
        });
        all.collect()
    }

    /// What an agent is for: `key`, and no other, is listed, logs in, and signs.
    fn assert_serves(&self, name: &str, client: &Client, key: &Key) {
        let user = self.lab.client(&client.socket);
        let listed = run(user.with_agent("ssh-add").arg("-L"));
        assert_eq!(listed.trim(), key.line(), "{name}");

        let inside = run(&mut user.ssh(&["server", "echo inside"]));
        assert_eq!(inside, "inside\n", "{name}");

        let letter = self.lab.world.file("letter", name);
        let signature = letter.with_extension("sig");
        drop(std::fs::remove_file(&signature));
        let mut sign = user.with_agent("ssh-keygen");
        sign.args(["-Y", "sign", "-n", "file", "-f"])
            .arg(&key.public)
            .arg(&letter);
        run(&mut sign);
        let check = format!(
            "ssh-keygen -Y check-novalidate -n file -s {} <{}",
            signature.display(),
            letter.display()
        );
        run(user.with_agent("/bin/sh").args(["-c", &check]));
    }
}

#[test]
fn all_clients_with_our_vault() {
    let desk = Desk::new();
    let vault = desk.vault();
    serve_socket(&desk.lab.world.path(DOM0), &vault.qrexec_socket);
    for (name, argument, client) in desk.clients() {
        desk.assert_serves(&name, &client, desk.key(argument));
    }
    assert!(
        vault
            .records()
            .iter()
            .any(|record| record["qube"] == "work")
    );
}

#[test]
fn all_clients_with_our_vault_as_a_program() {
    let desk = Desk::new();
    let _vault = desk.vault();
    serve_by_stdio(&desk.lab.world, DOM0, "vault");
    for (name, argument, client) in desk.clients() {
        desk.assert_serves(&name, &client, desk.key(argument));
    }
}

#[test]
fn all_clients_with_the_official_vault() {
    let desk = Desk::new();
    serve_officially(&desk.lab.world, DOM0, &desk.lab.world.path("agents"));
    for (name, argument, client) in desk.clients() {
        match argument {
            Argument::Work => desk.assert_serves(&name, &client, &desk.work),
            Argument::None => {
                let user = desk.lab.client(&client.socket);
                let output = finish(user.with_agent("ssh-add").arg("-L"));
                assert_eq!(text(&output).trim(), NO_ANSWER, "{name}");
            }
        }
    }
}

/// It has one agent for all, whatever the argument.
#[test]
fn all_clients_with_the_guides_vault() {
    let desk = Desk::new();
    let bubbles = serve_as_the_guide_does(&desk.lab.world, DOM0, &desk.lab.agent.socket);
    for (name, _, client) in desk.clients() {
        desk.assert_serves(&name, &client, &desk.lab.key);
    }
    let bubbles = std::fs::read_to_string(bubbles).expect("what notify-send was told");
    assert!(
        bubbles.starts_with("[vault] SSH agent access from: work\n"),
        "{bubbles}"
    );
}

/// What ssh-add says when the vault gave no answer: the community guide promises these words.
const NO_ANSWER: &str = "error fetching identities: communication with agent failed";

/// A vault that has just been started has no session, and the guide's script no agent to connect to.
#[test]
fn the_guides_vault_before_its_session() {
    let desk = Desk::new();
    serve_as_the_guide_does(&desk.lab.world, DOM0, &desk.lab.agent.socket);
    desk.lab
        .world
        .file(format!("{DOM0}/qubes/vault/environment"), "");
    for kind in KINDS {
        let client = desk.client(kind, Argument::None);
        let user = desk.lab.client(&client.socket);
        let output = finish(user.with_agent("ssh-add").arg("-L"));
        assert_eq!(text(&output).trim(), NO_ANSWER, "{kind:?}");
    }
}
