//! `split-ssh rule preset`: a few readable lines for what sandboxes are mostly allowed.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use policy::caller::Caller;
use policy::judgement::Verdict;
use policy::narrow_rule::table_name;
use policy::rules::Policy;
use policy::toml_text::{string, strings};

use super::saved::{Consent, say_added, taken_by_vault};
use super::written::{Preset, add_preset, propose_preset};
use common::error::Error;
use common::paths::Paths;
use common::policy_files;
use common::sandbox;

/// Servers that do not offer OpenSSH's host-bound logins, so that a rule for proven ones would never cover them.
const FORGES_WITHOUT_PROOF: [&str; 3] = ["github.com", "gitlab.com", "bitbucket.org"];

/// Add a few lines of policy for a sandbox or a qube, after showing them
///
/// What a preset allows goes above the rules that were added before. What it says
/// of everything else goes below them, so that presets for one sandbox add up.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:
  split-ssh rule preset git-sign --sandbox dev --key signing
  split-ssh rule preset push --sandbox dev --key deploy --host github.com"
)]
pub(super) struct PresetArgs {
    #[command(subcommand)]
    preset: PresetCommand,
}

#[derive(Debug, Subcommand)]
enum PresetCommand {
    /// Sign git commits and tags with a key, and nothing else
    GitSign {
        #[command(flatten)]
        common: CommonArgs,
        /// A label of the policy, a fingerprint, or a comment
        #[arg(long, value_name = "KEY")]
        key: String,
    },
    /// Push to and fetch from servers, and nothing else
    Push {
        #[command(flatten)]
        common: CommonArgs,
        /// A label of the policy, a fingerprint, or a comment
        #[arg(long, value_name = "KEY")]
        key: String,
        /// A server, by its name in known hosts; may be repeated
        #[arg(long = "host", value_name = "NAME", required = true)]
        hosts: Vec<String>,
        /// Who pushes log in as
        #[arg(long, value_name = "USER", default_value = "git")]
        user: String,
        /// Written down only: an agent cannot see the repository
        #[arg(long = "repo", value_name = "REPOSITORY")]
        repositories: Vec<String>,
        /// Accept bound logins: these servers prove no more
        #[arg(long)]
        bound: bool,
    },
    /// Ask about every login and signature
    AskEverything {
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Ask about logins to servers with a name, and nothing else
    KnownHostsOnly {
        #[command(flatten)]
        common: CommonArgs,
    },
}

#[derive(Debug, Args)]
struct CommonArgs {
    /// The sandbox that it is for
    #[arg(long, value_name = "NAME", value_parser = Caller::sandbox, required_unless_present = "qube")]
    sandbox: Option<Caller>,

    /// The qube that it is for
    #[arg(long, value_name = "QUBE", value_parser = Caller::parse, conflicts_with = "sandbox")]
    qube: Option<Caller>,

    #[command(flatten)]
    consent: Consent,
}

/// # Errors
/// The policy would be broken, or it cannot be written.
pub(super) fn run(args: &PresetArgs, paths: &Paths) -> Result<ExitCode, Error> {
    let preset = args.preset.lines(paths)?;
    let addition = propose_preset(paths, preset)?;
    for warning in addition.warnings(paths) {
        let (what, hint) = (warning.message, warning.hint.unwrap_or_default());
        // A closed standard error is nobody's problem.
        let _ = writeln!(
            io::stderr(),
            "split-ssh: warning: {what}\nsplit-ssh: hint: {hint}"
        );
    }
    let consent = &args.preset.common().consent;
    if let Some(code) = consent.refused(&addition.shown(), "add these lines to the policy?")? {
        return Ok(code);
    }
    for added in add_preset(paths, &addition)? {
        say_added(&added)?;
    }
    taken_by_vault(paths)
}

/// What holds for everything that no preset allows.
fn rest(action: Verdict, who: &str) -> String {
    let name = match action {
        Verdict::Ask => "ask about everything",
        _ => "and nothing else",
    };
    let action = action.word();
    format!("[[rule]]\nname = \"{name}\"\n{who}action = \"{action}\"\n")
}

/// One rule says what holds for everything else: the first decides, so a second would be wrong about itself.
fn unless_other_stands(
    allowed: Option<String>,
    action: Verdict,
    who: &str,
    paths: &Paths,
) -> Result<Preset, Error> {
    let other = match action {
        Verdict::Ask => Verdict::Deny,
        _ => Verdict::Ask,
    };
    let other = rest(other, who);
    let added = policy_files::added_rules(paths)?;
    let standing = added.iter().find(|added| added.text == other);
    if let (Some(standing), None) = (standing, &allowed) {
        let number = standing.number;
        return Err(
            Error::new(format!("rule {number} refuses everything else already"))
                .hint(format!("`split-ssh rule remove {number}` removes it first")),
        );
    }
    Ok(Preset {
        allowed,
        rest: standing.is_none().then(|| rest(action, who)),
    })
}

impl PresetCommand {
    fn common(&self) -> &CommonArgs {
        match self {
            Self::GitSign { common, .. }
            | Self::Push { common, .. }
            | Self::AskEverything { common }
            | Self::KnownHostsOnly { common } => common,
        }
    }

    fn lines(&self, paths: &Paths) -> Result<Preset, Error> {
        let common = self.common();
        let who = common.who()?;
        let forwarded = common.counts_as_forwarded(paths)?;
        let (allowed, action) = match self {
            Self::GitSign { key, .. } => {
                let key = string(key);
                let text = format!(
                    "[[rule]]\nname = \"git-sign\"\n{who}key = {key}\nkind = \"sshsig\"\nnamespace = \"git\"\n\
                     forwarded = {forwarded}\naction = \"allow\"\n"
                );
                (Some(text), Verdict::Deny)
            }
            Self::Push {
                key,
                hosts,
                user,
                repositories,
                bound,
                ..
            } => {
                let policy = policy_files::load(&paths.config, &paths.system_config)
                    .map_err(|broken| Error::new(broken.to_string()))?
                    .policy;
                let (mut text, names) = host_tables(hosts, *bound, &policy);
                if !repositories.is_empty() {
                    let list = strings(repositories);
                    text += &format!(
                        "# Meant for {list}. An agent cannot see the repository: who may use this key here may push\n\
                         # wherever it may. A deploy key, which opens one repository only, is what holds.\n"
                    );
                }
                text += &format!(
                    "[[rule]]\nname = \"push\"\n{who}key = {}\nkind = \"login\"\nuser = {}\nhost = {}\n\
                     forwarded = {forwarded}\naction = \"allow\"\n",
                    string(key),
                    string(user),
                    strings(&names)
                );
                (Some(text), Verdict::Deny)
            }
            Self::AskEverything { .. } => (None, Verdict::Ask),
            Self::KnownHostsOnly { .. } => {
                let text = format!(
                    "[[rule]]\nname = \"known hosts only\"\n{who}kind = \"login\"\nhost = \"*\"\n\
                     forwarded = {forwarded}\naction = \"ask\"\n"
                );
                (Some(text), Verdict::Deny)
            }
        };
        unless_other_stands(allowed, action, &who, paths)
    }
}

/// Tables for the servers that cannot prove more than a bound login, and how the rule is to call each server.
fn host_tables(hosts: &[String], bound: bool, policy: &Policy) -> (String, Vec<String>) {
    let mut tables = String::new();
    let mut names = Vec::new();
    for host in hosts {
        if !bound && !FORGES_WITHOUT_PROOF.contains(&host.as_str()) {
            names.push(host.clone());
            continue;
        }
        let is_for_it = |known: &&policy::rules::rule::Host| {
            let mut globs = known.names.iter();
            globs.any(|glob| glob.literal() == Some(host.as_bytes()))
        };
        if let Some(known) = policy.hosts.iter().find(is_for_it) {
            names.push(known.name.clone());
            continue;
        }
        let is_taken = |name: &str| policy.hosts.iter().any(|known| known.name == name);
        let name = table_name("preset", host, is_taken);
        tables += &format!(
            "# {0} proves no more than a bound login: whoever holds its private host key could use the signature, too.\n\
             [host.{1}]\nnames = [{0}]\nproof = \"bound\"\n",
            string(host),
            string(&name)
        );
        names.push(name);
    }
    (tables, names)
}

impl CommonArgs {
    /// The line that names the caller.
    fn who(&self) -> Result<String, Error> {
        match (&self.sandbox, &self.qube) {
            (Some(Caller::Sandbox(name)), _) => Ok(format!("sandbox = {}\n", string(name))),
            (_, Some(Caller::Sandbox(name))) => {
                Err(Error::new("a sandbox is no qube").hint(format!("say --sandbox {name}")))
            }
            (_, Some(qube)) => Ok(format!("qube = {}\n", string(&qube.to_string()))),
            _ => Err(Error::new("for whom?").hint("say --sandbox NAME or --qube QUBE")),
        }
    }

    /// All that comes from such a sandbox counts as forwarded, so a rule for the rest would cover nothing.
    fn counts_as_forwarded(&self, paths: &Paths) -> Result<bool, Error> {
        let Some(caller) = &self.sandbox else {
            return Ok(false);
        };
        let mut configured = sandbox::configured(paths)?.into_iter();
        Ok(configured.any(|it| it.caller == *caller && it.forwarded))
    }
}
