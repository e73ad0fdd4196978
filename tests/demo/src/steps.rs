//! What works: logins, a signed commit, and the log of it all.

use testbed::children::{Running, finish, run, text};

use crate::question::{self, Given};
use crate::scene::Demo;

/// Lines of the log that are shown.
const LOG_LINES: usize = 14;

impl Demo {
    pub(crate) fn log_in_where_the_vault_asks(&mut self) {
        self.screen
            .step("A login to prod, which no rule allows: the vault asks");
        self.screen.command("work", "ssh prod 'echo inside prod'");
        let ssh = self.client.ssh(&["prod", "echo inside prod"]);
        let mut login = Running::start(ssh, &self.world.path("login"));
        let given = question::answer(&self.screen, &self.vault, &mut login, self.answers_itself);
        let inside = login.wait().success();
        self.screen.line("");
        self.screen.quote_wrapped(&login.log());
        let told = match (given, inside) {
            (Given::Consent, true) => {
                "Logged in, once. The next login to prod is asked about again."
            }
            (Given::Consent, false) => "You said yes, and the login failed.",
            (Given::No, false) => "You said no, so there is no signature and no login.",
            (Given::Nothing, false) => "Nobody answered, so there is no signature and no login.",
            (Given::No | Given::Nothing, true) => "There was no yes, and the login worked.",
        };
        self.expect((given == Given::Consent) == inside, told);
    }

    pub(crate) fn log_in_where_a_rule_allows(&mut self) {
        self.screen
            .step("A login to build, which a rule allows: no question");
        self.screen.command("work", "ssh build 'echo inside build'");
        let login = finish(&mut self.client.ssh(&["build", "echo inside build"]));
        self.screen.quote_wrapped(&text(&login));
        let told = "Logged in. The signed data names build's host key, which the vault knows; \
                    the signature is of no use elsewhere.";
        self.expect(login.status.success(), told);
    }

    pub(crate) fn sign_a_commit(&mut self) {
        self.screen.step("A signed commit");
        let key = &self.guarded.granted;
        let signers = format!("you@work {}\n", key.line());
        let signers = self.world.file("signers", signers);
        let signers = format!("gpg.ssh.allowedSignersFile={}", signers.display());
        let signing = format!("user.signingkey={}", key.public.display());
        let git = |words: &[&str]| {
            let common = ["-C", "repository", "-c", &signing, "-c", &signers];
            let mut git = self.client.git(&[&common, words].concat());
            git.env("GIT_COMMITTER_EMAIL", "you@work");
            finish(&mut git)
        };
        run(&mut self.client.git(&["init", "-q", "repository"]));
        self.screen
            .command("work", "git commit -S -m 'A good commit'");
        let committed = git(&["commit", "-q", "-S", "--allow-empty", "-m", "A good commit"]);
        self.screen.quote_wrapped(&text(&committed));
        self.screen.command("work", "git verify-commit HEAD");
        let verified = git(&["verify-commit", "HEAD"]);
        self.screen.quote_wrapped(&text(&verified));
        let good = committed.status.success() && verified.status.success();
        self.expect(good, "Signed with the key in the vault; git agrees.");
    }

    pub(crate) fn show_the_log(&mut self) {
        self.screen.step("What the vault wrote down");
        // With its counts of what came again and again.
        self.vault.stop();
        self.screen
            .command("vault", &format!("split-ssh log | tail -{LOG_LINES}"));
        let log = run(&mut self.vault.control(&["log"]));
        let lines: Vec<_> = log.lines().collect();
        let first = lines.len().saturating_sub(LOG_LINES);
        self.screen.quote_wrapped(&lines[first..].join("\n"));
        self.screen.line("");
        self.screen.command("vault", "split-ssh log --verify");
        let verified = finish(&mut self.vault.control(&["log", "--verify"]));
        self.screen.quote_wrapped(&text(&verified));
        self.expect(
            verified.status.success(),
            "The log is whole: each line holds the hash of the one before.",
        );
    }
}
