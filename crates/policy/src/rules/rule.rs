//! A policy's parts as they mean, after reading: rules, hosts, labels.

use std::fmt;

use crate::crypto::Fingerprint;
use crate::facts::{ContentProof, IntentKind, Proof};
use crate::glob::Glob;
use crate::judgement::{Place, Remember, RuleRef, Verdict};
use crate::qube_color::QubeColor;
use crate::rate::Rate;

/// `[host.NAME]`: a name for host keys that the vault trusts.
#[derive(Clone, Debug, Default)]
pub struct Host {
    pub name: String,
    pub place: Place,
    /// Names in known hosts, in lower case.
    pub names: Vec<Glob>,
    pub keys: Vec<Fingerprint>,
    pub ca: Vec<Fingerprint>,
    /// What known hosts call its keys and authorities, see [`super::Policy::with_known_hosts`]: a server of such a name that
    /// shows another key may be the same host.
    pub known_hosts_aliases: Vec<Glob>,
    /// What its logins must show; not said means `Proven`.
    pub proof: Option<Proof>,
}

/// `[qube.NAME]`: how a qube looks in questions.
#[derive(Clone, Debug)]
pub struct QubeLook {
    pub name: String,
    pub place: Place,
    pub color: QubeColor,
}

/// `[key.LABEL]`: our own name for keys; it stands in listings instead of their comments.
#[derive(Clone, Debug)]
pub struct Label {
    pub name: String,
    pub place: Place,
    pub fingerprints: Vec<Fingerprint>,
}

word_enum! {
    /// The matchers, in the order in which explanations list them.
    pub enum Matcher {
        Qube = "qube",
        Keyring = "keyring",
        Kind = "kind",
        Key = "key",
        User = "user",
        Namespace = "namespace",
        Content = "content",
        Author = "author",
        Committer = "committer",
        Host = "host",
        Forwarded = "forwarded",
        Sha1 = "sha1",
        Hours = "hours",
    }
}

impl Matcher {
    /// Whether requests of a kind have the fact that this matcher looks at.
    pub fn looks_at(self, kind: IntentKind) -> bool {
        match self {
            Self::User => matches!(kind, IntentKind::Login | IntentKind::Sudo),
            Self::Host => kind == IntentKind::Login,
            Self::Namespace | Self::Content | Self::Author | Self::Committer => {
                kind == IntentKind::Sshsig
            }
            _ => true,
        }
    }
}

/// `[[rule]]`. `None` in a matcher means that the rule does not say; see [`super::matching`] for what
/// that covers.
#[derive(Clone, Debug, Default)]
pub struct Rule {
    pub index: usize,
    pub place: Place,
    pub name: Option<String>,
    pub action: Verdict,
    /// The matchers that it has.
    pub said: Vec<Matcher>,
    /// What its `qube` names, or its `sandbox`.
    pub qube: Option<Vec<CallerPattern>>,
    pub keyring: Option<Vec<Glob>>,
    pub key: Option<Vec<KeyPattern>>,
    pub kind: Option<Vec<IntentKind>>,
    pub user: Option<Vec<Glob>>,
    pub host: Option<Vec<HostPattern>>,
    pub namespace: Option<Vec<Glob>>,
    pub content: Option<Vec<ContentProof>>,
    /// Of mail addresses.
    pub author: Option<Vec<Glob>>,
    pub committer: Option<Vec<Glob>>,
    pub forwarded: Option<Vec<bool>>,
    pub sha1: Option<Vec<bool>>,
    pub hours: Option<Vec<Hours>>,
    pub rate: Option<Rate>,
    pub remember: Option<Remember>,
    pub notify: bool,
    /// The log keeps a commit's subject, people and tree, and a tag's.
    pub log_content: bool,
    pub signatures: u32,
}

/// A pattern for callers of one kind. One for qubes never covers a caller that did not come by qrexec, and one for
/// sandboxes covers nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerPattern {
    Qube(Glob),
    Sandbox(Glob),
    Ssh(Glob),
    Local(Glob),
}

/// What a rule's `key` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPattern {
    /// The index of a [`Label`].
    Label(usize),
    Fingerprint(Fingerprint),
    Comment(Glob),
}

/// What a rule's `host` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// The index of a [`Host`].
    Host(usize),
    /// A name in known hosts, in lower case.
    Name(Glob),
    /// A host key that is shown, but has no name in the vault.
    Unnamed,
    /// Nothing shows which host it is.
    Unproven,
}

/// `"08:00-20:00"`, local time, from the first minute to before the last; may go over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    pub from: u16,
    pub to: u16,
}

impl Hours {
    /// Whether `minute` since local midnight lies within.
    pub fn contain(self, minute: u16) -> bool {
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

impl Rule {
    /// A rule that denies and says nothing else.
    pub(super) fn silent(index: usize, place: Place) -> Self {
        Self {
            index,
            place,
            signatures: 1,
            ..Self::default()
        }
    }

    pub(super) fn to_ref(&self) -> RuleRef {
        RuleRef {
            index: self.index,
            name: self.name.clone(),
            place: self.place.clone(),
        }
    }

    /// Whether the rule itself has this matcher.
    pub fn says(&self, matcher: Matcher) -> bool {
        self.said.contains(&matcher)
    }

    /// How sentences call it.
    pub fn called(&self) -> String {
        match &self.name {
            Some(name) => format!("rule `{}`", crate::display::ascii(name.as_bytes(), 64)),
            None => format!("the rule at {}", self.place),
        }
    }
}

/// `HH:MM` of a minute since midnight.
pub fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", clock(self.from), clock(self.to))
    }
}

impl fmt::Display for CallerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Qube(glob) => write!(f, "{glob}"),
            Self::Sandbox(glob) => write!(f, "sandbox:{glob}"),
            Self::Ssh(glob) => write!(f, "ssh:{glob}"),
            Self::Local(glob) => write!(f, "local:{glob}"),
        }
    }
}
