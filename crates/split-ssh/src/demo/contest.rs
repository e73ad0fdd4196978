//! The attacks, side by side: each is played against a plain pipe and against us.

use super::attack::{self, Outcome, Target};
use super::screen::{Cell, Ink};
use super::{Demo, agent, plain_pipe};
use common::error::Error;

impl Demo<'_> {
    pub(super) fn play_the_attacks(&mut self) -> Result<(), Error> {
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
}

fn cell(outcome: &Outcome) -> Cell<'_> {
    match outcome {
        Outcome::Reached(text) => (text, Ink::Bad),
        Outcome::Missed(text) => (text, Ink::Good),
        Outcome::NotTried(text) => (text, Ink::Dim),
    }
}
