//! The attacks, side by side: each is played against a plain pipe and against us.

use testbed::attack::{self, Outcome, Target};

use crate::scene::{Demo, OPEN_FILES};
use crate::screen::{Cell, Ink};

struct Attack {
    letter: &'static str,
    what: &'static str,
    play: fn(&mut Target) -> Outcome,
}

const ATTACKS: [Attack; 12] = [
    attack("a", "see every key", attack::list_every_key),
    attack("b", "delete all keys", attack::delete_all_keys),
    attack("c", "lock the agent", attack::lock_the_agent),
    attack("", "kill the agent", attack::kill_the_agent),
    attack("d", "add a key", attack::add_a_key),
    attack("", "spoil a key", attack::poison_a_key),
    attack("e", "load a library", attack::load_pkcs11_module),
    attack("f", "1000 logins, 1 call", attack::sign_a_thousand_times),
    attack("g", "sign a release", attack::sign_a_release),
    attack("", "certify its own key", attack::issue_a_certificate),
    attack("", "sign unknown bytes", attack::sign_raw_bytes),
    attack("h", "exhaust the agent", attack::exhaust_descriptors),
];

const fn attack(
    letter: &'static str,
    what: &'static str,
    play: fn(&mut Target) -> Outcome,
) -> Attack {
    Attack { letter, what, play }
}

impl Demo {
    pub(crate) fn play_the_attacks(&mut self) {
        self.screen
            .step("The attacks of a compromised client, here and on a plain pipe");
        self.screen.say(&format!(
            "Beside split-ssh, the ncat pipe of the community guide, with an agent and keys of its own. Each cell \
             tells what was found in the vault afterwards. Both agents may load libraries from a folder of \
             the demo's, and hold {OPEN_FILES} files open instead of the usual 1024."
        ));
        self.screen.line("");
        let heading =
            ["attack", "ncat pipe", "split-ssh"].map(|text| -> Cell<'_> { (text, Ink::Strong) });
        self.screen.row("", heading);
        self.screen.rule();
        for attack in &ATTACKS {
            let plain = self.attack_plain_pipe(attack);
            let guarded = self.attack_us(attack);
            let cells = [(attack.what, Ink::Plain), cell(&plain), cell(&guarded)];
            self.screen.row(attack.letter, cells);
        }
        self.screen.rule();
        let intact = self.guarded.is_intact();
        self.expect(
            intact,
            "After all of this, our vault's agent runs with the same keys.",
        );
        let login = self.client.ssh(&["build", "true"]).output();
        let served = login.is_ok_and(|login| login.status.success());
        self.expect(served, "And the client still logs in where it may.");
    }

    /// An attack that a plain pipe stops shows nothing where we stop it.
    fn attack_plain_pipe(&mut self, attack: &Attack) -> Outcome {
        let outcome = (attack.play)(&mut self.plain);
        if let Outcome::Missed(what) = &outcome {
            self.wrong
                .push(format!("on the plain pipe, {}: {what}", attack.what));
        }
        // A key that signs wrongly is listed as before.
        if outcome.is_reached() || !self.plain.is_intact() {
            self.plain.restore(&self.plain_keys);
        }
        outcome
    }

    /// Our vault is never restored.
    fn attack_us(&mut self, attack: &Attack) -> Outcome {
        let outcome = (attack.play)(&mut self.guarded);
        if let Outcome::Reached(what) = &outcome {
            self.wrong.push(format!("{}: {what}", attack.what));
        }
        outcome
    }
}

fn cell(outcome: &Outcome) -> Cell<'_> {
    match outcome {
        Outcome::Reached(text) => (text, Ink::Bad),
        Outcome::Missed(text) => (text, Ink::Good),
    }
}
