//! The options of `split-ssh policy explain`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use policy::caller::{Caller, Keyring};
use policy::crypto::Fingerprint;
use policy::facts::{IntentKind, Proof};

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
    pub(super) record: Option<u64>,

    /// The log of --record, a file or a folder [default: this vault's own]
    #[arg(long, value_name = "LOG", requires = "record")]
    pub(super) log: Option<PathBuf>,

    /// Who asks: a qube's name, sandbox:NAME, ssh:NAME or local:UID
    #[arg(long, value_name = "QUBE", value_parser = Caller::parse, required_unless_present_any = ["record", "sandbox"])]
    pub(super) qube: Option<Caller>,

    /// Who asks, if it is a sandbox
    #[arg(long, value_name = "NAME", value_parser = Caller::sandbox, conflicts_with = "qube")]
    pub(super) sandbox: Option<Caller>,

    /// As in qubes.SshAgent+KEYRING [default: the one that holds the key]
    #[arg(long, value_name = "KEYRING", value_parser = Keyring::from_argument)]
    pub(super) keyring: Option<Keyring>,

    /// A label of the policy, a fingerprint, or a comment
    #[arg(long, value_name = "KEY")]
    pub(super) key: Option<String>,

    /// The key's comment, where --key is a label or fingerprint
    #[arg(long, value_name = "TEXT")]
    pub(super) comment: Option<String>,

    /// login, sshsig, certificate, sudo or raw [default: by --namespace]
    #[arg(long, value_parser = kinds(), hide_possible_values = true)]
    pub(super) kind: Option<IntentKind>,

    /// The user of a login or of sudo
    #[arg(long, value_name = "USER")]
    pub(super) user: Option<String>,

    /// The host of a login, by a name in known hosts [default: proven]
    #[arg(long, value_name = "HOST", conflicts_with = "host_key")]
    pub(super) host: Option<String>,

    /// The host of a login, by its key's fingerprint
    #[arg(long, value_name = "SHA256:...", value_parser = fingerprint)]
    pub(super) host_key: Option<Fingerprint>,

    /// How sure the host is
    #[arg(long, value_parser = proofs())]
    pub(super) proof: Option<Proof>,

    /// The namespace of an sshsig
    #[arg(long, value_name = "NAMESPACE")]
    pub(super) namespace: Option<String>,

    /// The client sends the content of an sshsig
    #[arg(long)]
    pub(super) content: bool,

    /// The mail address of a commit's author, or of a tagger
    #[arg(long, value_name = "MAIL")]
    pub(super) author: Option<String>,

    /// The mail address of a commit's committer [default: the author's]
    #[arg(long, value_name = "MAIL")]
    pub(super) committer: Option<String>,

    /// It comes from a forwarded agent
    #[arg(long)]
    pub(super) forwarded: bool,

    /// It is a SHA-1 signature of an RSA key
    #[arg(long)]
    pub(super) sha1: bool,

    /// The time of the day [default: now]
    #[arg(long, value_name = "HH:MM", value_parser = minute)]
    pub(super) at: Option<u16>,

    /// Try this file instead of the policy in force
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
}

fn kinds() -> impl TypedValueParser<Value = IntentKind> {
    by_word(IntentKind::ALL.map(|kind| (kind, PossibleValue::new(kind.word()))))
}

fn proofs() -> impl TypedValueParser<Value = Proof> {
    let proofs = [
        (Proof::Proven, "The signed data names the host key"),
        (Proof::Bound, "A verified bind names the host key"),
        (Proof::Unproven, "Nothing names the host key"),
    ];
    by_word(proofs.map(|(proof, help)| (proof, PossibleValue::new(proof.word()).help(help))))
}

/// The value that is called by a word.
fn by_word<T, const N: usize>(values: [(T, PossibleValue); N]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let words = values.clone().map(|(_, word)| word);
    PossibleValuesParser::new(words).try_map(move |said| {
        let mut values = values.iter();
        let found = values.find(|(_, word)| word.get_name() == said);
        found.map(|(value, _)| *value).ok_or("no such word")
    })
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
