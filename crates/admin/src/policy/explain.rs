//! `split-ssh policy explain`: what the policy would say of a request, and each rule's why and why not.

mod page;
mod why;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use policy::caller::{Caller, Keyring};
use policy::crypto::Fingerprint;
use policy::display;
use policy::facts::{ContentFacts, Facts, HostIdentity, IntentKind, KeyFacts, Proof};
use policy::known_hosts::{HostKey, normalise};
use policy::rules::Policy;

use page::{Page, SENTENCE, SHOWN};

use super::replay;
use crate::{colour, recorded};
use common::clock;
use common::control::{self, Request};
use common::crypto::Ring;
use common::error::Error;
use common::keyrings::KeyringState;
use common::known_hosts_files::{self, Hosts};
use common::paths::Paths;

/// Try a request: which rule decides, and why not the others
#[derive(Debug, clap::Args)]
#[command(
    next_line_help = true,
    after_help = "Examples:
  split-ssh policy explain --qube work --user git --host github.com
  split-ssh policy explain --qube work --key git-work --namespace git
  split-ssh policy explain --record 1042"
)]
pub struct Args {
    /// Explain a request of the log: the `seq` in split-ssh log --json
    #[arg(long, value_name = "SEQ", conflicts_with_all = [
        "qube", "sandbox", "keyring", "key", "comment", "kind", "user", "host", "host_key", "proof", "namespace", "content", "author", "committer", "forwarded", "sha1",
    ])]
    record: Option<u64>,

    /// The log of --record, a file or a folder [default: this vault's own]
    #[arg(long, value_name = "LOG", requires = "record")]
    log: Option<PathBuf>,

    /// Who asks: a qube's name, sandbox:NAME, ssh:NAME or local:UID
    #[arg(long, value_name = "QUBE", value_parser = caller, required_unless_present_any = ["record", "sandbox"])]
    qube: Option<Caller>,

    /// Who asks, if it is a sandbox
    #[arg(long, value_name = "NAME", value_parser = Caller::sandbox, conflicts_with = "qube")]
    sandbox: Option<Caller>,

    /// As in qubes.SshAgent+KEYRING [default: the one that holds the key]
    #[arg(long, value_name = "KEYRING", value_parser = keyring)]
    keyring: Option<Keyring>,

    /// A label of the policy, a fingerprint, or a comment
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// The key's comment, where --key is a label or fingerprint
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,

    /// login, sshsig, certificate, sudo or raw [default: by --namespace]
    #[arg(long, hide_possible_values = true)]
    kind: Option<KindArg>,

    /// The user of a login or of sudo
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// The host of a login, by a name in known hosts; proven unless said
    #[arg(long, value_name = "HOST", conflicts_with = "host_key")]
    host: Option<String>,

    /// The host of a login, by its key's fingerprint
    #[arg(long, value_name = "SHA256:...", value_parser = fingerprint)]
    host_key: Option<Fingerprint>,

    /// How sure the host is
    #[arg(long)]
    proof: Option<ProofArg>,

    /// The namespace of an sshsig
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// The client sends the content of an sshsig
    #[arg(long)]
    content: bool,

    /// The mail address of a commit's author, or of a tagger
    #[arg(long, value_name = "MAIL")]
    author: Option<String>,

    /// The mail address of a commit's committer [default: the author's]
    #[arg(long, value_name = "MAIL")]
    committer: Option<String>,

    /// It comes from a forwarded agent
    #[arg(long)]
    forwarded: bool,

    /// It is a SHA-1 signature of an RSA key
    #[arg(long)]
    sha1: bool,

    /// The time of the day [default: now]
    #[arg(long, value_name = "HH:MM", value_parser = minute)]
    at: Option<u16>,

    /// Try this file instead of the policy in force
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindArg {
    Login,
    Sshsig,
    Certificate,
    Sudo,
    Raw,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProofArg {
    /// The signed data names the host key
    Proven,
    /// A verified bind names the host key
    Bound,
    /// Nothing does
    Unproven,
}

/// # Errors
/// The policy or known hosts cannot be read, or the options contradict each other.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let policy = replay::load(args.policy.as_deref(), paths)?;
    let mut notes = Vec::new();
    let (facts, mut moment) = match (args.record, args.qube.as_ref().or(args.sandbox.as_ref())) {
        (Some(seq), _) => recorded::facts_of(seq, args.log.as_deref(), paths)?,
        (None, Some(qube)) => {
            let hosts = known_hosts_files::Files::of(paths).read()?;
            let holder = || keyring_with(args.key.as_deref()?, paths);
            let keyring = args.keyring.clone().or_else(holder);
            (
                args.facts(qube, keyring, &policy, &hosts, &mut notes)?,
                clock::now(),
            )
        }
        (None, None) => return Err(Error::new("who asks?").hint("say --qube NAME or --record SEQ")),
    };
    moment.local_minute = args.at.unwrap_or(moment.local_minute);
    let explained = policy.trace(&facts, &moment);
    let page = Page {
        policy: &policy,
        facts: &facts,
        moment: &moment,
        colour: colour(),
        to_people: io::stdout().is_terminal(),
    };
    let mut text = page.text(&explained);
    for note in notes {
        let note = display::prose(note.as_bytes(), SENTENCE);
        text += &format!("note: {}\n", page.folded(&note, "note: ".len()));
    }
    drop(io::stdout().write_all(text.as_bytes()));
    Ok(ExitCode::SUCCESS)
}

/// The only keyring of the running vault that holds this key, by its comment or fingerprint.
fn keyring_with(key: &str, paths: &Paths) -> Option<Keyring> {
    let request = Request::Keyrings { name: None };
    let keyrings = control::ask(paths, &request).ok()?.keyrings?;
    let holds = |state: &&KeyringState| {
        let mut keys = state.keys.iter();
        keys.any(|held| held.comment == key || held.fingerprint == key)
    };
    let mut holders = keyrings.iter().filter(holds);
    let holder = holders.next().filter(|_| holders.next().is_none())?;
    Keyring::from_argument(&holder.name).ok()
}

impl Args {
    fn facts(
        &self,
        qube: &Caller,
        keyring: Option<Keyring>,
        policy: &Policy,
        hosts: &Hosts,
        notes: &mut Vec<String>,
    ) -> Result<Facts, Error> {
        let kind = self.kind();
        let host = self.identity(policy, hosts, notes);
        let proof = match (self.proof, &host) {
            (Some(ProofArg::Proven), Some(_)) | (None, Some(_)) => Proof::Proven,
            (Some(ProofArg::Bound), Some(_)) => Proof::Bound,
            (Some(ProofArg::Unproven), _) | (None, None) => Proof::Unproven,
            (Some(_), None) => {
                let hint = "add --host NAME or --host-key FINGERPRINT";
                return Err(Error::new("a host that is shown needs to be named").hint(hint));
            }
        };
        let only = |given: bool, option: &str, kinds: &[IntentKind]| {
            if given && !kinds.contains(&kind) {
                return Err(Error::new(format!(
                    "{option} has no meaning for kind {}",
                    kind.word()
                ))
                .hint(format!(
                    "leave it out, or say --kind {}",
                    kinds.first().map_or("login", |kind| kind.word())
                )));
            }
            Ok(())
        };
        only(
            self.user.is_some(),
            "--user",
            &[IntentKind::Login, IntentKind::Sudo],
        )?;
        only(host.is_some(), "--host", &[IntentKind::Login])?;
        only(self.proof.is_some(), "--proof", &[IntentKind::Login])?;
        only(
            self.namespace.is_some(),
            "--namespace",
            &[IntentKind::Sshsig],
        )?;
        only(
            self.content().is_some(),
            "--content, --author, --committer",
            &[IntentKind::Sshsig],
        )?;
        let mut assumed = Vec::new();
        let mut said = |option: &str, text: &Option<String>, unsaid: &str| {
            let text = text.as_deref().unwrap_or_else(|| {
                assumed.push(format!("{option} {unsaid}"));
                unsaid
            });
            text.to_owned()
        };
        let key = said("--key", &self.key, "key");
        let user = match kind {
            IntentKind::Login | IntentKind::Sudo => Some(said("--user", &self.user, "user")),
            _ => None,
        };
        let namespace = match kind {
            IntentKind::Sshsig => Some(said("--namespace", &self.namespace, "file")),
            _ => None,
        };
        let is_known = keyring.is_some();
        let keyring = match keyring {
            Some(keyring) => keyring,
            None => Keyring::from_argument("").map_err(|bad| Error::new(bad.to_string()))?,
        };
        let rules_tell_keyrings = policy.rules().iter().any(|rule| rule.keyring.is_some());
        if !is_known && rules_tell_keyrings {
            assumed.push(format!("--keyring {keyring}"));
        }
        if !assumed.is_empty() {
            notes.push(format!(
                "not said, so this is as with {}",
                assumed.join(" and ")
            ));
        }
        Ok(Facts {
            caller: qube.clone(),
            keyring,
            key: self.key_facts(&key, policy),
            kind,
            sha1: self.sha1,
            user: user.map(String::into_bytes),
            proof,
            // What is not shown is not known to rules either.
            host: host.filter(|_| proof != Proof::Unproven),
            content: self.content(),
            namespace: namespace.map(String::into_bytes),
            forwarded: self.forwarded,
        })
    }

    fn content(&self) -> Option<ContentFacts> {
        let committer = self.committer.as_ref().or(self.author.as_ref());
        let is_shown = self.content || committer.is_some();
        let mail = |mail: Option<&String>| mail.map(|mail| mail.clone().into_bytes());
        is_shown.then(|| ContentFacts {
            author: mail(self.author.as_ref()),
            committer: mail(committer),
        })
    }

    fn kind(&self) -> IntentKind {
        match self.kind {
            Some(KindArg::Login) => IntentKind::Login,
            Some(KindArg::Sshsig) => IntentKind::Sshsig,
            Some(KindArg::Certificate) => IntentKind::Certificate,
            Some(KindArg::Sudo) => IntentKind::Sudo,
            Some(KindArg::Raw) => IntentKind::Raw,
            None if self.namespace.is_some() || self.content().is_some() => IntentKind::Sshsig,
            None => IntentKind::Login,
        }
    }

    fn key_facts(&self, key: &str, policy: &Policy) -> KeyFacts {
        let labelled = policy.labelled(key);
        let (fingerprint, is_comment) = match (labelled, key.starts_with("SHA256:")) {
            (Some(fingerprint), _) => (fingerprint.clone(), false),
            (None, true) => (Fingerprint(key.to_owned()), false),
            (None, false) => (Fingerprint("SHA256:?".to_owned()), true),
        };
        let comment = match &self.comment {
            None if is_comment => key,
            None => "",
            Some(comment) => comment.as_str(),
        };
        let algorithm = if self.sha1 { "ssh-rsa" } else { "unknown" };
        KeyFacts {
            fingerprint,
            algorithm: algorithm.to_owned(),
            comment: comment.as_bytes().to_vec(),
        }
    }

    /// The host as known hosts name it, all its names included.
    fn identity(
        &self,
        policy: &Policy,
        hosts: &Hosts,
        notes: &mut Vec<String>,
    ) -> Option<HostIdentity> {
        let tries: Vec<String> = policy
            .literal_host_names()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let identify = |blob: &[u8]| {
            HostKey::parse(blob)
                .is_ok()
                .then(|| hosts.identify(blob, &tries, clock::now().unix))
        };
        if let Some(name) = &self.host {
            let known = hosts.known.keys_for(name, &Ring);
            let plain = known
                .iter()
                .find_map(|key| identify(&key.blob).filter(|host| !host.names.is_empty()));
            return Some(plain.unwrap_or_else(|| {
                let shown = display::ascii(name.as_bytes(), SHOWN);
                notes.push(match policy.hosts().iter().any(|table| table.name == *name) {
                    true => format!("{shown} is the policy's own word: say --host with one of the names in [host.{shown}]"),
                    false => format!("known hosts have no key for {shown}; this is as if they had"),
                });
                stranger(Fingerprint("SHA256:?".to_owned()), vec![normalise(name)])
            }));
        }
        let wanted = self.host_key.as_ref()?;
        let entries = hosts.known.entries().iter();
        let known = entries
            .map(|entry| entry.known_key(&Ring))
            .find(|key| key.fingerprint == *wanted);
        let known = known.and_then(|key| identify(&key.blob));
        Some(known.unwrap_or_else(|| {
            notes.push(
                "known hosts do not have this key; by its type it could be a host that a rule denies or asks about, \
                 and then it is a question"
                    .to_owned(),
            );
            stranger(wanted.clone(), Vec::new())
        }))
    }
}

fn stranger(fingerprint: Fingerprint, names: Vec<String>) -> HostIdentity {
    HostIdentity {
        fingerprint,
        algorithm: "unknown".to_owned(),
        ca: None,
        names,
        label: None,
        possible_names: Vec::new(),
        revocation: policy::facts::Revocation::None,
    }
}

fn caller(text: &str) -> Result<Caller, String> {
    Caller::parse(text).map_err(|bad| bad.to_string())
}

fn keyring(text: &str) -> Result<Keyring, String> {
    Keyring::from_argument(text).map_err(|bad| bad.to_string())
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    match text.strip_prefix("SHA256:") {
        Some(_) => Ok(Fingerprint(text.to_owned())),
        None => Err("a fingerprint begins with SHA256:, as `ssh-keygen -lf` prints it".to_owned()),
    }
}

fn minute(text: &str) -> Result<u16, String> {
    let parts = text
        .split_once(':')
        .and_then(|(hour, minute)| Some((hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?)));
    match parts {
        Some((hour, minute)) if hour < 24 && minute < 60 => Ok(hour * 60 + minute),
        _ => Err("a time of the day is HH:MM".to_owned()),
    }
}
