//! What works: logins, a signed commit, and the log of it all.

use super::Demo;
use super::question::{self, Given};
use super::running::PATIENCE;
use common::error::Error;

/// Lines of the log that are shown.
const LOG_LINES: usize = 14;

impl Demo<'_> {
    pub(super) fn log_in_where_the_vault_asks(&mut self) -> Result<(), Error> {
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
        self.screen.quote_wrapped(&login.said());
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

    pub(super) fn log_in_where_a_rule_allows(&mut self) -> Result<(), Error> {
        self.screen
            .step("A login to build, which a rule allows: no question");
        self.screen.command("work", "ssh build 'echo inside build'");
        let mut ssh = self.qube.ssh();
        ssh.args(["build", "echo inside build"]);
        let login = self.world.finish(ssh)?;
        let said = [login.stdout, login.stderr].concat();
        self.screen.quote_wrapped(&String::from_utf8_lossy(&said));
        let told = "Logged in. The signed data names build's host key, which the vault knows; \
                    the signature is of no use elsewhere.";
        self.expect(login.status.success(), told);
        Ok(())
    }

    pub(super) fn sign_a_commit(&mut self) -> Result<(), Error> {
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
            .quote_wrapped(&String::from_utf8_lossy(&committed.stderr));
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

    pub(super) fn show_the_log(&mut self) -> Result<(), Error> {
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
}
