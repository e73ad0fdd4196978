//! `split-ssh demo`: vault, client and servers on this machine, with throw-away keys; what works, and what
//! bounces off. Everything that it shows has just happened; nothing of it stays.

mod agent;
mod attack;
mod contest;
mod ending;
mod plain_pipe;
mod programs;
mod qube;
mod question;
mod running;
mod screen;
mod server;
mod steps;
mod vault;
mod world;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use agent::{Agent, Keys};
use plain_pipe::PlainPipe;
use qube::Qube;
use screen::{Ink, Screen};
use server::Server;
use vault::Vault;
use world::World;

use common::error::Error;

/// Show all of it and attacks on this machine, with throw-away keys
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Answer the question itself, as where there is no terminal
    #[arg(long, short)]
    yes: bool,

    /// Call the vault by this qrexec-client-vm, or its stand-in
    #[arg(long, value_name = "PATH")]
    qrexec: Option<PathBuf>,
}

/// # Errors
/// A program is missing, or something could not be set up.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    programs::check(args.qrexec.as_deref())?;
    let world = World::new()?;
    let mut demo = Demo::set_the_scene(&world, args)?;
    demo.log_in_where_the_vault_asks()?;
    demo.log_in_where_a_rule_allows()?;
    demo.sign_a_commit()?;
    demo.play_the_attacks()?;
    demo.show_the_log()?;
    demo.clean_up()
}

struct Demo<'w> {
    screen: Screen,
    world: &'w World,
    /// The demo answers its own question.
    answers_itself: bool,
    keys: Keys,
    vault: Vault,
    qube: Qube,
    build: Server,
    prod: Server,
    /// The plain pipe's vault, if there can be one.
    plain: Option<(PlainPipe, Agent, Keys)>,
    /// What did not go as the demo says.
    wrong: Vec<String>,
}

impl<'w> Demo<'w> {
    fn set_the_scene(world: &'w World, args: &Args) -> Result<Self, Error> {
        let mut screen = Screen::new();
        screen.title(
            "split-ssh demo",
            &format!(
                "Everything is real, throw-away, and in {}; nothing stays. Commands are shown without the options \
                 that point there.",
                world.directory().display()
            ),
        );

        screen.step("The vault: three keys in an ssh-agent, and the guard before it");
        world.folder("lib")?;
        let keys = Keys::make(world, "vault/keys")?;
        let plain_keys = Keys::make(world, "plain/keys")?;
        let authorities = [&keys.ca, &plain_keys.ca];
        let build = Server::start(world, "build", &keys.work, &authorities)?;
        let prod = Server::start(world, "prod", &keys.work, &authorities)?;
        let qrexec = args.qrexec.clone().or_else(programs::qrexec_stand_in);
        let caller = qube::caller(qrexec.as_deref());
        let agent = Agent::start(world, "vault", &keys)?;
        let vault = Vault::start(world, agent, &caller, &[&build, &prod])?;
        screen.command("vault", "ssh-add -l");
        let mut list = agent::ssh_add(world, &vault.agent.socket);
        list.arg("-l");
        screen.quote(&world.run(list)?);
        screen.line("");
        screen.command("vault", &format!("cat {}", vault.policy_file().display()));
        screen.quote_toml(&vault.policy);

        screen.step("The client: qube \"work\", which has no key, and two servers to log in to");
        qube::configure(world, &keys, &[&build, &prod])?;
        let qube = Qube::start(world, &vault, qrexec.as_deref())?;
        screen.say(match qrexec {
            Some(_) => "It reaches the vault by a stand-in for Qubes' qrexec.",
            None => "It reaches the vault by a unix socket, as there is no qrexec here.",
        });
        screen.say(&format!(
            "Both servers are real sshds on 127.0.0.1: build on port {}, prod on port {}.",
            build.port, prod.port
        ));

        screen.line("");
        screen.say("Of the three keys it sees the one that some rule could let it use:");
        screen.command("work", "ssh-add -l");
        let mut list = agent::ssh_add(world, &qube.socket);
        list.arg("-l");
        screen.quote(&world.run(list)?);

        let plain = match plain_pipe::program() {
            None => None,
            Some(program) => {
                let agent = Agent::start(world, "plain", &plain_keys)?;
                let pipe = PlainPipe::start(world, program, &agent)?;
                Some((pipe, agent, plain_keys))
            }
        };
        Ok(Self {
            screen,
            world,
            answers_itself: args.yes || !io::stdin().is_terminal(),
            keys,
            vault,
            qube,
            build,
            prod,
            plain,
            wrong: Vec::new(),
        })
    }

    fn clean_up(self) -> Result<ExitCode, Error> {
        self.world.end();
        let screen = &self.screen;
        screen.line("");
        if self.wrong.is_empty() {
            screen.say_in(
                Ink::Good,
                "All went as said. Nothing is left running or on disk.",
            );
            screen.line("");
            screen.say("A compromised client can still do what a rule allows it: here, log in to build and sign commits. Keep rules narrow, and read the log.");
            screen.say(
                "Next: README.md for how to install it, `split-ssh --help` for what else there is.",
            );
            return Ok(ExitCode::SUCCESS);
        }
        screen.say_in(Ink::Bad, "Not everything went as said:");
        for wrong in &self.wrong {
            screen.say_in(Ink::Bad, &format!("- {wrong}"));
        }
        Ok(ExitCode::FAILURE)
    }

    /// Tells what came of a step, and remembers if it was not what the demo promised.
    fn expect(&mut self, good: bool, told: &str) {
        self.screen.result(good, told);
        if !good {
            self.wrong.push(told.to_owned());
        }
    }
}
