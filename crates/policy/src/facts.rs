//! Everything that a rule may look at, and nothing else. Values are as the wire gave them; whoever
//! shows one sends it through the sanitizer first.

use crate::caller::{Caller, Keyring};
use crate::crypto::Fingerprint;

word_enum! {
    /// What a sign request is for.
    pub enum IntentKind {
        Login = "login",
        Sshsig = "sshsig",
        Certificate = "certificate",
        Sudo = "sudo",
        Raw = "raw",
    }
}

word_enum! {
    /// How sure the host of a login is, weakest first.
    pub enum Proof {
        /// Nothing ties the data to a host.
        Unproven = "unproven",
        /// A verified bind carries the same session id: true unless the caller also owns that host's key.
        Bound = "bound",
        /// The signed data itself names the host key: no other server accepts the signature.
        Proven = "proven",
    }
}

word_enum! {
    /// Whether the content behind an SSHSIG's hash is known.
    pub enum ContentProof {
        /// The client sent none.
        Unproven = "unproven",
        /// The client sent it, and it has the hash that is to be signed.
        Proven = "proven",
    }
}

/// A host key that a login was shown to be for, with the names that the vault's own files give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostIdentity {
    /// Of the plain host key, also where the server showed a certificate.
    pub fingerprint: Fingerprint,
    pub algorithm: String,
    /// Of the CA, where a host certificate's signature, principals and validity were checked.
    pub ca: Option<Fingerprint>,
    /// From known hosts, those that leave open which name it is last; empty = unnamed.
    pub names: Vec<String>,
    /// Typed by a person into a prompt; shown and logged, but rules do not see it.
    pub label: Option<String>,
    /// Of an unnamed host: names and patterns for which known hosts have no key of this type. Their server
    /// may be met by another of its keys, or by its plain key instead of its certificate.
    pub possible_names: Vec<String>,
    /// `@revoked` lines of known hosts: no rule can allow what they revoke, or may revoke.
    pub revocation: Revocation,
}

/// What the `@revoked` lines of known hosts say of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Revocation {
    #[default]
    None,
    /// Its key, or its authority's, is on such a line.
    Revoked,
    /// A line that cannot be read could revoke it, or what the host showed cannot be compared with the lines.
    Unreadable,
}

impl Revocation {
    pub fn is_some(self) -> bool {
        self != Self::None
    }
}

impl HostIdentity {
    /// Whether known hosts or the person have a name for it.
    pub fn is_known(&self) -> bool {
        !self.names.is_empty() || self.label.is_some()
    }
}

/// The key that is to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    pub fingerprint: Fingerprint,
    pub algorithm: String,
    /// The upstream's comment, bytes.
    pub comment: Vec<u8>,
}

/// What rules see of the content behind an SSHSIG's hash, where the client sent it and it has that hash. It is what
/// will be signed, which anybody can write: no proof of who wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContentFacts {
    /// A commit's author's mail address, or a tagger's; `None` where nobody is named, or it is not known.
    pub author: Option<Vec<u8>>,
    /// A commit's committer's mail address, or a tagger's.
    pub committer: Option<Vec<u8>>,
}

/// The moment of the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub unix: u64,
    /// Minutes since local midnight, 0..1440, for `hours`.
    pub local_minute: u16,
    /// Seconds of the boot-time clock, which runs on while the machine is suspended.
    pub boot: u64,
}

/// What else the user of a login may be to a server. OpenSSH's sshd cuts the name at `:` (what follows is a
/// "style"), with some vendors' patches also at `/` (an SELinux role); other servers cut at neither.
pub fn cut_user(user: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let cuts = [b':', b'/'].map(|mark| user.iter().position(|byte| *byte == mark));
    cuts.into_iter().flatten().filter_map(|at| user.get(..at))
}

impl Facts {
    /// Of an SSHSIG.
    pub fn content_proof(&self) -> ContentProof {
        match self.content {
            Some(_) => ContentProof::Proven,
            None => ContentProof::Unproven,
        }
    }
}

/// One sign request, as rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub caller: Caller,
    pub keyring: Keyring,
    pub key: KeyFacts,
    pub kind: IntentKind,
    /// RSA with flags 0: a SHA-1 signature.
    pub sha1: bool,
    /// The remote user of a login, or of a sudo request. Bytes as signed.
    pub user: Option<Vec<u8>>,
    /// `Unproven` for all but logins.
    pub proof: Proof,
    /// `None` when nothing is shown about the host, and for all but logins.
    pub host: Option<HostIdentity>,
    /// The namespace of an SSHSIG. Bytes as signed.
    pub namespace: Option<Vec<u8>>,
    /// The content of an SSHSIG, if it is proven.
    pub content: Option<ContentFacts>,
    /// A forwarding bind was seen on this connection. `false` proves nothing.
    pub forwarded: bool,
}
