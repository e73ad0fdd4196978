//! Lines for (client, vault, keyring). Two for each: the client may call `@default`, as ours does, or
//! the vault by its name, as the seeds' clients and the official package's do.

use policy::caller::{Caller, DEFAULT_KEYRING, Keyring};

use super::file_name::{PACKAGED_FILE, POLICY_FOLDER};
use super::lint::lint_lines;
use super::problem::LintProblem;
use common::error::Error;
use common::service::SERVICE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Ask,
    Allow,
}

/// What somebody wants dom0 to do.
#[derive(Clone, Debug)]
pub struct WantedRules {
    pub clients: Vec<String>,
    pub vault: String,
    /// Empty: the keyring `default`.
    pub keyrings: Vec<String>,
    pub all_keyrings: bool,
    pub action: Action,
    pub notify: bool,
    pub autostart: bool,
}

impl WantedRules {
    /// The whole file, with where it goes.
    ///
    /// # Errors
    /// What dom0 would refuse, or what would let more qubes in than anybody meant.
    pub fn to_file(&self, file: &str) -> Result<String, Error> {
        let carry = match self.action {
            Action::Ask => {
                "# One yes covers a call. Do not name these qubes in [carry] of the vault's vault.toml: one call\n\
                 # would carry many connections then."
            }
            Action::Allow => {
                "# Name these qubes in [carry] of the vault's vault.toml, and one call carries many connections."
            }
        };
        Ok(format!(
            "# {POLICY_FOLDER}/{file} in dom0, mode 0664, owner root:qubes\n\
             # Put changes here, not in {PACKAGED_FILE}, which denies what no earlier file allows.\n\
             {carry}\n{}\n",
            self.lines()?.join("\n")
        ))
    }

    /// The lines alone, linted.
    ///
    /// # Errors
    /// As [`Self::to_file`].
    pub fn lines(&self) -> Result<Vec<String>, Error> {
        self.check_vault()?;
        let mut lines = Vec::new();
        for client in &self.clients {
            self.check_client(client)?;
            for argument in self.arguments()? {
                for target in ["@default", self.vault.as_str()] {
                    let line = self.line(&argument, client, target);
                    if !lines.contains(&line) {
                        lines.push(line);
                    }
                }
            }
        }
        let mut problems = lint_lines(&lines.join("\n")).into_iter();
        match problems.find(LintProblem::is_error) {
            None => Ok(lines),
            Some(problem) => Err(problem.into()),
        }
    }

    fn line(&self, argument: &str, client: &str, target: &str) -> String {
        let vault = &self.vault;
        let mut line = format!("{SERVICE} {argument} {client} {target} ");
        line += &match self.action {
            Action::Ask => format!("ask target={vault} default_target={vault}"),
            Action::Allow => format!("allow target={vault}"),
        };
        if self.notify {
            line += " notify=yes";
        }
        if !self.autostart {
            line += " autostart=no";
        }
        line
    }

    fn check_vault(&self) -> Result<(), Error> {
        let vault = &self.vault;
        if vault == "dom0" {
            return Err(Error::new("dom0 is no vault: it answers no call for keys")
                .hint("a vault is a qube of its own, without network: --vault vault"));
        }
        if matches!(Caller::parse(vault), Ok(Caller::Qube(_))) {
            return Ok(());
        }
        let error = Error::new(format!("`{}` is not one qube's name", vault.escape_debug()));
        Err(error.hint("a call goes to exactly one vault: --vault vault"))
    }

    fn check_client(&self, client: &str) -> Result<(), Error> {
        if *client == self.vault {
            return Err(
                Error::new(format!("{client} cannot call itself: qrexec refuses it"))
                    .hint("in the vault, programs use the keyring's own agent"),
            );
        }
        if ["*", "@anyvm"].contains(&client) {
            let what = format!("`{client}` would let in every qube, also ones made later");
            return Err(Error::new(what).hint(
                "name the qubes, or tag them: `qvm-tags QUBE add split-ssh-client` in dom0, \
                 then --client @tag:split-ssh-client",
            ));
        }
        if ["dom0", "@adminvm"].contains(&client) {
            return Err(Error::new("dom0 must not use a vault's keys"));
        }
        let is_name = matches!(Caller::parse(client), Ok(Caller::Qube(_)));
        if client.starts_with('@') || is_name {
            return Ok(());
        }
        let error = Error::new(format!("`{}` is no qube's name", client.escape_debug()));
        Err(error.hint(if client.contains(',') {
            "one --client for each qube"
        } else {
            "a letter, then letters, digits, `_`, `.` and `-`, 31 bytes at most; or @tag:TAG"
        }))
    }

    /// A client that names no keyring calls with none, one that names `default` with that.
    fn arguments(&self) -> Result<Vec<String>, Error> {
        if self.all_keyrings {
            return Ok(vec!["*".to_owned()]);
        }
        let named = match self.keyrings.as_slice() {
            [] => &[DEFAULT_KEYRING.to_owned()],
            named => named,
        };
        let mut arguments = Vec::new();
        for name in named {
            let keyring = Keyring::from_argument(name)
                .map_err(|bad| Error::new(format!("`{}`: {bad}", name.escape_debug())))?;
            if keyring.as_str() == DEFAULT_KEYRING {
                arguments.push("+".to_owned());
            }
            arguments.push(format!("+{keyring}"));
        }
        Ok(arguments)
    }
}
