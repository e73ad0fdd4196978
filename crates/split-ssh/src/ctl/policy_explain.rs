//! `split-ssh policy explain`: what the policy would say of a request, and each rule's why and why not.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use policy::caller::{Caller, Keyring};
use policy::crypto::Fingerprint;
use policy::display;
use policy::facts::{Facts, HostIdentity, KeyFacts, Kind, Proof};
use policy::judgement::{Judgement, Remember, Verdict};
use policy::known_hosts::{HostKey, normalise};
use policy::rules::{Explanation, LoginTo, Policy, Prospect, RuleTrace};

use super::colour;
use super::policy_replay;
use crate::clock;
use crate::crypto::Ring;
use crate::error::Error;
use crate::known_hosts_files::{self, Hosts};
use crate::paths::Paths;

/// Characters of one value.
const SHOWN: usize = 60;
/// Characters of a sentence; the parts from outside are cut before.
const SENTENCE: usize = 400;

/// Try a request: which rule decides, and why not the others
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  split-ssh policy explain --qube work --key git-work --user git --host github.com --proof bound
  split-ssh policy explain --qube work --key git-work --namespace git")]
pub struct Args {
    /// Who asks: a qube's name, ssh:NAME or local:UID
    #[arg(long, value_name = "QUBE", value_parser = caller)]
    qube: Caller,

    /// The keyring, as in qubes.SshAgent+KEYRING
    #[arg(long, value_name = "KEYRING", default_value = "default", value_parser = keyring)]
    keyring: Keyring,

    /// The key: a label of the policy, a fingerprint, or a comment
    #[arg(long, value_name = "KEY", default_value = "key")]
    key: String,

    /// The key's comment, where --key is a label or fingerprint
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,

    /// What is to be signed; without it sshsig if there is a namespace, else login
    #[arg(long)]
    kind: Option<KindArg>,

    /// The user of a login or of sudo
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// The host of a login, by a name in known hosts
    #[arg(long, value_name = "NAME", conflicts_with = "host_key")]
    host: Option<String>,

    /// The host of a login, by its key's fingerprint
    #[arg(long, value_name = "SHA256:...", value_parser = fingerprint)]
    host_key: Option<Fingerprint>,

    /// How sure the host is; without it proven if a host is given
    #[arg(long)]
    proof: Option<ProofArg>,

    /// The namespace of an sshsig
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// It comes from a forwarded agent
    #[arg(long)]
    forwarded: bool,

    /// It is a SHA-1 signature of an RSA key
    #[arg(long)]
    sha1: bool,

    /// The time of the day, HH:MM; without it now
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
    let policy = policy_replay::load(args.policy.as_deref(), paths)?;
    let hosts = known_hosts_files::Files::of(paths).read()?;
    let mut notes = Vec::new();
    let facts = args.facts(&policy, &hosts, &mut notes)?;
    let mut moment = clock::now();
    moment.local_minute = args.at.unwrap_or(moment.local_minute);
    let explained = policy.explain(&facts, &moment);
    let page = Page {
        policy: &policy,
        facts: &facts,
        colour: colour(),
    };
    let mut text = page.text(&explained);
    for note in notes {
        text += &format!("note: {}\n", display::prose(note.as_bytes(), SENTENCE));
    }
    drop(io::stdout().write_all(text.as_bytes()));
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn facts(
        &self,
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
        let only = |given: bool, option: &str, kinds: &[Kind]| {
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
        only(self.user.is_some(), "--user", &[Kind::Login, Kind::Sudo])?;
        only(host.is_some(), "--host", &[Kind::Login])?;
        only(self.proof.is_some(), "--proof", &[Kind::Login])?;
        only(self.namespace.is_some(), "--namespace", &[Kind::Sshsig])?;
        let bytes = |text: &Option<String>, unsaid: &str| {
            Some(text.as_deref().unwrap_or(unsaid).as_bytes().to_vec())
        };
        Ok(Facts {
            caller: self.qube.clone(),
            keyring: self.keyring.clone(),
            key: self.key_facts(policy),
            kind,
            sha1: self.sha1,
            user: match kind {
                Kind::Login | Kind::Sudo => bytes(&self.user, "user"),
                _ => None,
            },
            proof,
            // What is not shown is not known to rules either.
            host: host.filter(|_| proof != Proof::Unproven),
            namespace: match kind {
                Kind::Sshsig => bytes(&self.namespace, "file"),
                _ => None,
            },
            forwarded: self.forwarded,
        })
    }

    fn kind(&self) -> Kind {
        match self.kind {
            Some(KindArg::Login) => Kind::Login,
            Some(KindArg::Sshsig) => Kind::Sshsig,
            Some(KindArg::Certificate) => Kind::Certificate,
            Some(KindArg::Sudo) => Kind::Sudo,
            Some(KindArg::Raw) => Kind::Raw,
            None if self.namespace.is_some() => Kind::Sshsig,
            None => Kind::Login,
        }
    }

    fn key_facts(&self, policy: &Policy) -> KeyFacts {
        let labelled = policy.labelled(&self.key);
        let (fingerprint, is_comment) = match (labelled, self.key.starts_with("SHA256:")) {
            (Some(fingerprint), _) => (fingerprint.clone(), false),
            (None, true) => (Fingerprint(self.key.clone()), false),
            (None, false) => (Fingerprint("SHA256:?".to_owned()), true),
        };
        let comment = match &self.comment {
            None if is_comment => &self.key,
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
            .identify_names()
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
                notes.push(format!(
                    "known hosts have no key for {}; this is as if they had",
                    display::ascii(name.as_bytes(), SHOWN)
                ));
                stranger(Fingerprint("SHA256:?".to_owned()), vec![normalise(name)])
            }));
        }
        let wanted = self.host_key.as_ref()?;
        let entries = hosts.known.entries().iter();
        let known = entries
            .map(|entry| entry.known_key(&Ring))
            .find(|key| key.fingerprint == *wanted);
        Some(
            known
                .and_then(|key| identify(&key.blob))
                .unwrap_or_else(|| stranger(wanted.clone(), Vec::new())),
        )
    }
}

fn stranger(fingerprint: Fingerprint, names: Vec<String>) -> HostIdentity {
    HostIdentity {
        fingerprint,
        algorithm: "unknown".to_owned(),
        ca: None,
        names,
        label: None,
        could_be: Vec::new(),
        revoked: false,
    }
}

/// The answer on the screen.
struct Page<'a> {
    policy: &'a Policy,
    facts: &'a Facts,
    colour: bool,
}

impl Page<'_> {
    fn text(&self, explained: &Explanation) -> String {
        let judgement = &explained.judgement;
        let mut text = format!("{}\n\n", self.request());
        let verdict = self.painted(
            judgement.verdict,
            &format!("{:<5}", judgement.verdict.word()),
        );
        text += &format!("  {verdict}  {}\n", clean(&judgement.reason));
        for line in self.details(judgement) {
            text += &format!("         {line}\n");
        }
        text.push('\n');
        let width = explained
            .rules
            .iter()
            .map(|trace| place(trace).len())
            .max()
            .unwrap_or(0)
            .max("default".len());
        for trace in &explained.rules {
            let decides = judgement
                .rule
                .as_ref()
                .is_some_and(|rule| rule.index == trace.rule.index);
            text += &self.rule(trace, width, decides);
        }
        let end = if judgement.rule.is_none() {
            "<- decides"
        } else {
            ""
        };
        text + &self.row(width, "default", self.policy.default_verdict(), "", end)
    }

    fn request(&self) -> String {
        let facts = self.facts;
        let key = match (
            self.policy.label(&facts.key.fingerprint),
            facts.key.comment.as_slice(),
        ) {
            (Some(label), _) => label.to_owned(),
            (None, []) => facts.key.fingerprint.to_string(),
            (None, comment) => display::ascii(comment, SHOWN),
        };
        let user = display::ascii(facts.user.as_deref().unwrap_or_default(), SHOWN);
        let what = match facts.kind {
            Kind::Login => format!("log in as {user} at {}", self.host()),
            Kind::Sshsig => {
                let namespace = facts.namespace.as_deref().unwrap_or_default();
                format!(
                    "sign data in namespace {}",
                    display::ascii(namespace, SHOWN)
                )
            }
            Kind::Certificate => "issue a certificate".to_owned(),
            Kind::Sudo => format!("use sudo as {user}"),
            Kind::Raw => "sign raw data".to_owned(),
        };
        let forwarded = if facts.forwarded { ", forwarded" } else { "" };
        let sha1 = if facts.sha1 { ", with SHA-1" } else { "" };
        format!(
            "{} asks keyring {} to {what} with key {key}{forwarded}{sha1}",
            facts.caller, facts.keyring
        )
    }

    fn host(&self) -> String {
        let Some(host) = &self.facts.host else {
            return "an unproven host".to_owned();
        };
        let name = match host.names.as_slice() {
            [] => format!("an unnamed host {}", host.fingerprint),
            names => display::ascii(names.join(", ").as_bytes(), SHOWN),
        };
        format!("{name} ({})", self.facts.proof.word())
    }

    fn details(&self, judgement: &Judgement) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(rule) = &judgement.rule {
            lines.push(display::ascii(rule.place.to_string().as_bytes(), SENTENCE));
        }
        if judgement.verdict == Verdict::Ask {
            lines.push(match judgement.remember {
                Remember::Never => "the answer is not remembered".to_owned(),
                Remember::UpTo(seconds) => {
                    format!("the answer may be remembered for {}", span(seconds))
                }
            });
        }
        if judgement.signatures > 1 {
            lines.push(format!(
                "up to {} signatures on a connection",
                judgement.signatures
            ));
        }
        let rate = judgement
            .rule
            .as_ref()
            .and_then(|rule| self.policy.rules().get(rule.index)?.rate);
        lines.extend(rate.map(|rate| format!("at most {rate} for a qube")));
        if judgement.notify {
            lines.push("with a notification".to_owned());
        }
        let listed = |login_to| {
            let Facts {
                caller,
                keyring,
                key,
                forwarded,
                ..
            } = self.facts;
            self.policy.visible(&Prospect {
                caller,
                keyring,
                key,
                forwarded: *forwarded,
                login_to,
            })
        };
        let bound = self.facts.host.as_ref().map(|host| {
            listed(Some(LoginTo {
                host,
                verified: true,
            }))
        });
        lines.push(match (listed(None), bound) {
            (false, _) => format!("the key is not listed for {}", self.facts.caller),
            (true, Some(false)) => {
                "the key is listed, but not on a connection bound to this host".to_owned()
            }
            (true, _) => format!("the key is listed for {}", self.facts.caller),
        });
        lines
    }

    fn rule(&self, trace: &RuleTrace, width: usize, decides: bool) -> String {
        let name = display::ascii(
            trace.rule.name.as_deref().unwrap_or_default().as_bytes(),
            SHOWN,
        );
        let end = match (decides, trace.reached) {
            (true, _) => "<- decides",
            (false, true) => "",
            (false, false) => "(not reached)",
        };
        let mut text = self.row(
            width,
            &place(trace),
            trace.action,
            trace.result.word(),
            &format!("{name}  {end}"),
        );
        for matcher in trace.matchers.iter().filter(|_| trace.reached) {
            let word = matcher.matcher.word();
            let why = clean(&matcher.why);
            text += &format!(
                "{:width$}  {word:<9}  {:<5}  {why}\n",
                "",
                matcher.result.word()
            );
        }
        text
    }

    fn row(&self, width: usize, place: &str, action: Verdict, result: &str, end: &str) -> String {
        let action = self.painted(action, &format!("{:<9}", action.word()));
        let row = format!("{place:<width$}  {action}  {result:<5}  {}", end.trim());
        format!("{}\n", row.trim_end())
    }

    fn painted(&self, verdict: Verdict, text: &str) -> String {
        let code = match verdict {
            Verdict::Allow => "\x1b[32m",
            Verdict::Ask => "\x1b[33m",
            Verdict::Deny => "\x1b[31m",
        };
        if self.colour {
            format!("{code}{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

fn clean(sentence: &str) -> String {
    display::prose(sentence.as_bytes(), SENTENCE)
}

/// The file's own name is enough to find the line by.
fn place(trace: &RuleTrace) -> String {
    let file = trace.rule.place.file.rsplit('/').next().unwrap_or_default();
    format!(
        "{}:{}",
        display::ascii(file.as_bytes(), SHOWN),
        trace.rule.place.line
    )
}

fn span(seconds: u64) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
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
