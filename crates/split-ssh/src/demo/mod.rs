//! `split-ssh demo`: vault, client and servers on this machine, with throw-away keys; what works, and what
//! bounces off. Everything that it shows has just happened; nothing of it stays.

mod agent;
mod attack;
mod plain_pipe;
mod programs;
mod qube;
mod question;
mod screen;
mod server;
mod vault;
mod world;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use agent::{Agent, Keys};
use attack::{Outcome, Target};
use plain_pipe::PlainPipe;
use qube::Qube;
use question::Given;
use screen::{Cell, Ink, Screen};
use server::Server;
use vault::Vault;
use world::{PATIENCE, World};

use crate::error::Error;

/// Lines of the log that are shown.
const LOG_LINES: usize = 14;

/// Show vault, client, a real sshd and the attacks at work, on this machine, with throw-away keys
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Answer the vault's question itself; so too where there is no terminal
    #[arg(long, short)]
    yes: bool,

    /// Call the vault by this qrexec-client-vm (the stand-in for machines without Qubes)
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

    fn log_in_where_the_vault_asks(&mut self) -> Result<(), Error> {
        self.screen
            .step("A login to prod, which no rule allows: the vault asks");
        self.screen.command("work", "ssh prod 'echo inside prod'");
        let mut ssh = self.qube.ssh();
        ssh.args(["prod", "echo inside prod"]);
        let mut login = self.world.start(ssh, "work/login")?;
        let given = question::answer(&self.screen, &self.vault, &mut login, self.answers_itself)?;
        let patience = match given {
            // Until the vault gives up waiting.
            Given::Nothing => 2 * PATIENCE,
            Given::Yes | Given::No => PATIENCE,
        };
        let inside = login.wait(patience)?.success();
        self.screen.line("");
        self.screen.quote(&login.said());
        let told = match (given, inside) {
            (Given::Yes, true) => "Logged in, once. The next login to prod is asked about again.",
            (Given::Yes, false) => "You said yes, and the login failed.",
            (Given::No, false) => "You said no, so there is no signature and no login.",
            (Given::Nothing, false) => "Nobody answered, so there is no signature and no login.",
            (Given::No | Given::Nothing, true) => "There was no yes, and the login worked.",
        };
        self.expect((given == Given::Yes) == inside, told);
        Ok(())
    }

    fn log_in_where_a_rule_allows(&mut self) -> Result<(), Error> {
        self.screen
            .step("A login to build, which a rule allows: no question");
        self.screen.command("work", "ssh build 'echo inside build'");
        let mut ssh = self.qube.ssh();
        ssh.args(["build", "echo inside build"]);
        let login = self.world.finish(ssh)?;
        let said = [login.stdout, login.stderr].concat();
        self.screen.quote(&String::from_utf8_lossy(&said));
        let told = "Logged in. The signed data names build's host key, which the vault knows; \
                    the signature is of no use elsewhere.";
        self.expect(login.status.success(), told);
        Ok(())
    }

    fn sign_a_commit(&mut self) -> Result<(), Error> {
        self.screen.step("A signed commit");
        let public = self.world.path("client/work.pub").display().to_string();
        self.world.folder("work/repository")?;
        let signers = format!("you@work {}\n", self.keys.work.line);
        let signers = self.world.file("work/signers", &signers)?;
        self.world.run(self.qube.git(&["init", "-q"]))?;
        for (name, value) in [
            ("user.name", "you"),
            ("user.email", "you@work"),
            ("gpg.format", "ssh"),
            ("user.signingkey", &public),
            ("gpg.ssh.allowedSignersFile", &signers.display().to_string()),
        ] {
            self.world.run(self.qube.git(&["config", name, value]))?;
        }
        let commit = ["commit", "-q", "-S", "--allow-empty", "-m", "A good commit"];
        self.screen
            .command("work", "git commit -S -m 'A good commit'");
        let committed = self.world.finish(self.qube.git(&commit))?;
        self.screen
            .quote(&String::from_utf8_lossy(&committed.stderr));
        self.screen.command("work", "git verify-commit HEAD");
        let verified = self
            .world
            .finish(self.qube.git(&["verify-commit", "HEAD"]))?;
        self.screen
            .quote_wrapped(&String::from_utf8_lossy(&verified.stderr));
        let good = committed.status.success() && verified.status.success();
        self.expect(good, "Signed with the key in the vault; git agrees.");
        Ok(())
    }

    fn play_the_attacks(&mut self) -> Result<(), Error> {
        self.screen
            .step("The attacks of a compromised client, here and on a plain pipe");
        let pipe = match plain_pipe::program() {
            Some(program) => format!("{program} pipe"),
            None => "plain pipe".to_owned(),
        };
        self.screen.say(&format!(
            "Beside split-ssh, the {pipe} of the community guide, with an agent and keys of its own. Each cell \
             tells what was found in the vault afterwards. Both agents may load libraries from a folder of \
             the demo's, and hold {} files open instead of the usual 1024.",
            agent::OPEN_FILES
        ));
        if self.plain.is_none() {
            self.screen
                .say("Neither ncat nor socat is here, so that column stays empty.");
        }
        self.screen.line("");
        let strong = |text| -> Cell<'_> { (text, Ink::Strong) };
        self.screen
            .row("", [strong("attack"), strong(&pipe), strong("split-ssh")]);
        self.screen.rule();
        for attack in attack::ALL {
            let plain = self.attack_plain_pipe(&attack)?;
            let guarded = self.attack_us(&attack)?;
            let (plain, guarded) = (cell(&plain), cell(&guarded));
            self.screen
                .row(attack.letter, [(attack.what, Ink::Plain), plain, guarded]);
        }
        self.screen.rule();
        let intact = self.guarded().is_intact();
        self.expect(
            intact,
            "After all of this, our vault's agent runs with the same keys.",
        );
        let mut ssh = self.qube.ssh();
        ssh.args(["build", "true"]);
        let served = self.world.finish(ssh)?.status.success();
        self.expect(served, "And the client still logs in where it may.");
        Ok(())
    }

    fn attack_plain_pipe(&mut self, attack: &attack::Attack) -> Result<Outcome, Error> {
        let Some((pipe, agent, keys)) = &mut self.plain else {
            return Ok(Outcome::NotTried("not tried".to_owned()));
        };
        let mut target = Target {
            world: self.world,
            name: "plain",
            socket: pipe.socket.clone(),
            agent,
            keys: keys.clone(),
            allowed: &self.build,
            other: &self.prod,
        };
        let outcome = (attack.play)(&mut target)?;
        if matches!(outcome, Outcome::Reached(_)) || !target.is_intact() {
            target.restore()?;
        }
        Ok(outcome)
    }

    fn attack_us(&mut self, attack: &attack::Attack) -> Result<Outcome, Error> {
        let outcome = (attack.play)(&mut self.guarded())?;
        if let Outcome::Reached(what) = &outcome {
            self.wrong.push(format!("{}: {what}", attack.what));
        }
        Ok(outcome)
    }

    /// Our vault, as a target. Never restored.
    fn guarded(&mut self) -> Target<'_> {
        Target {
            world: self.world,
            name: "vault",
            socket: self.qube.socket.clone(),
            agent: &mut self.vault.agent,
            keys: self.keys.clone(),
            allowed: &self.build,
            other: &self.prod,
        }
    }

    fn show_the_log(&mut self) -> Result<(), Error> {
        self.screen.step("What the vault wrote down");
        // With its counts of what came again and again.
        self.vault.stop()?;
        self.screen
            .command("vault", &format!("split-ssh log | tail -{LOG_LINES}"));
        let mut log = self.vault.split_ssh()?;
        log.arg("log");
        let text = self.world.run(log)?;
        let lines: Vec<_> = text.lines().collect();
        let last = lines.len().saturating_sub(LOG_LINES);
        let last = lines.get(last..).unwrap_or_default().join("\n");
        self.screen.quote_wrapped(&last);
        self.screen.line("");
        self.screen.command("vault", "split-ssh log --verify");
        let mut verify = self.vault.split_ssh()?;
        verify.args(["log", "--verify"]);
        let verified = self.world.finish(verify)?;
        let said = [verified.stdout, verified.stderr].concat();
        self.screen.quote_wrapped(&String::from_utf8_lossy(&said));
        self.expect(
            verified.status.success(),
            "The log is whole: each line holds the hash of the one before.",
        );
        Ok(())
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

fn cell(outcome: &Outcome) -> Cell<'_> {
    match outcome {
        Outcome::Reached(text) => (text, Ink::Bad),
        Outcome::Missed(text) => (text, Ink::Good),
        Outcome::NotTried(text) => (text, Ink::Dim),
    }
}
