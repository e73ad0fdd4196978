//! What the demo plays with: our vault, its client qube, two servers, and the plain pipe beside them.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use testbed::agent::{Agent, ssh_add};
use testbed::attack::Target;
use testbed::children::run;
use testbed::keys::Key;
use testbed::plain_pipe::PlainPipe;
use testbed::split_ssh::{ClientQube, Vault};
use testbed::ssh::Client;
use testbed::sshd::{Options, Sshd};
use testbed::world::World;

use crate::screen::{Ink, Screen};

/// What the demo shows as the vault's policy, and runs with.
const POLICY: &str = r#"default = "deny"             # what no rule covers

[host.build]
names = ["build"]            # its key is in the vault's known_hosts

[[rule]]
name   = "log in to build"
qube   = "work"
key    = "work"
kind   = "login"
host   = "build"
action = "allow"

[[rule]]
name      = "sign commits"
qube      = "work"
key       = "work"
kind      = "sshsig"
namespace = "git"
action    = "allow"

[[rule]]
name   = "other logins"
qube   = "work"
key    = "work"
kind   = "login"
action = "ask"
"#;

/// An agent takes as many connections as it may have files open: 1024 as a rule. Fewer keep the demo short.
pub const OPEN_FILES: u32 = 24;

pub struct Demo {
    pub screen: Screen,
    /// The demo answers its own question.
    pub answers_itself: bool,
    /// Ours, as a target of attacks.
    pub guarded: Target,
    pub vault: Vault,
    _qube: ClientQube,
    pub client: Client,
    /// The plain pipe's vault, as a target of attacks, and the keys that its agent holds.
    pub plain: Target,
    pub plain_keys: [Key; 3],
    _pipe: PlainPipe,
    _prod: Sshd,
    /// What did not go as the demo says.
    pub wrong: Vec<String>,
    pub world: World,
}

impl Demo {
    pub fn set_the_scene(directory: &Path, answers_itself: bool) -> Self {
        let world = World::in_directory(directory);
        let mut screen = Screen::new();
        screen.title(
            "split-ssh demo",
            &format!(
                "Everything is real, throw-away, and in {}; nothing stays. Commands are shown without the options \
                 that point there.",
                directory.display()
            ),
        );

        screen.step("The vault: three keys in an ssh-agent, and the guard before it");
        world.directory("lib");
        let (agent, keys) = agent_with_keys(&world, "agent", "");
        let (plain_agent, plain_keys) = agent_with_keys(&world, "plain", "plain-");
        let [build, prod] = ["build", "prod"]
            .map(|name| server(&world, name, &keys[0], [&keys[2], &plain_keys[2]]));
        let build = Arc::new(build);
        let known_hosts = [build.known_host(), prod.known_host()].concat();
        let vault = Vault::start(&world, &agent, POLICY, &known_hosts);
        screen.command("vault", "ssh-add -l");
        screen.quote(&run(ssh_add(&world, &agent.socket).arg("-l")));
        screen.line("");
        let policy_file = world.path("vault/config/policy.toml");
        screen.command("vault", &format!("cat {}", policy_file.display()));
        screen.quote_toml(POLICY);

        screen.step("The client: qube \"work\", which has no key, and two servers to log in to");
        let qube = ClientQube::start(&world, &vault, "work");
        screen.say("It reaches the vault by a stand-in for Qubes' qrexec.");
        screen.say(&format!(
            "Both servers are real sshds on 127.0.0.1: build on port {}, prod on port {}.",
            build.port, prod.port
        ));
        screen.line("");
        screen.say("Of the three keys it sees the one that some rule could let it use:");
        screen.command("work", "ssh-add -l");
        screen.quote(&run(ssh_add(&world, &qube.socket).arg("-l")));

        let pipe = PlainPipe::guide(&world, &plain_agent);
        let target = |place, agent, socket: &Path, keys: &[Key; 3]| {
            let [granted, _, authority] = keys;
            Target::new(
                &world,
                place,
                agent,
                socket.to_owned(),
                [granted, authority],
                &build,
            )
        };
        Self {
            screen,
            answers_itself,
            guarded: target("attacker", agent, &qube.socket, &keys),
            client: Client::new(&world, &qube.socket, &[&build, &prod]),
            vault,
            _qube: qube,
            plain: target("plain-attacker", plain_agent, &pipe.socket, &plain_keys),
            plain_keys,
            _pipe: pipe,
            _prod: prod,
            wrong: Vec::new(),
            world,
        }
    }

    /// Fails if anything did not go as the demo says, and tells it.
    pub fn show(mut self) -> ExitCode {
        self.log_in_where_the_vault_asks();
        self.log_in_where_a_rule_allows();
        self.sign_a_commit();
        self.play_the_attacks();
        self.show_the_log();
        self.screen.line("");
        if self.wrong.is_empty() {
            return ExitCode::SUCCESS;
        }
        self.screen.say_in(Ink::Bad, "Not everything went as said:");
        for wrong in &self.wrong {
            self.screen.say_in(Ink::Bad, &format!("- {wrong}"));
        }
        ExitCode::FAILURE
    }

    /// Tells what came of a step, and remembers if it was not what the demo promised.
    pub fn expect(&mut self, good: bool, told: &str) {
        self.screen.result(good, told);
        if !good {
            self.wrong.push(told.to_owned());
        }
    }
}

/// An agent with the keys `work`, `home` and `ca`, with `prefix` before each name.
fn agent_with_keys(world: &World, name: &str, prefix: &str) -> (Agent, [Key; 3]) {
    let agent = Agent::start_with_descriptors(world, name, OPEN_FILES);
    let keys = ["work", "home", "ca"].map(|name| Key::ed25519(world, &format!("{prefix}{name}")));
    for key in &keys {
        agent.add(world, key);
    }
    (agent, keys)
}

/// A server that lets in whoever has `key`, or a certificate by one of `authorities`.
fn server(world: &World, name: &str, key: &Key, authorities: [&Key; 2]) -> Sshd {
    let lines = authorities.map(|authority| authority.line()).join("\n");
    let file = world.file(format!("{name}/authorities"), lines);
    let line = format!("TrustedUserCAKeys {}", file.display());
    let options = Options {
        name,
        lines: &[&line],
        ..Default::default()
    };
    let server = Sshd::start_with(world, &options);
    server.authorize(key);
    server
}
