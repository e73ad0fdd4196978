//! One line of the audit log per decision: who asked for what, what was decided, by whom and why.
//! No secrets, no message bodies, no argv, no environment. The fields are described in `docs/log.md`.

mod escaped;
pub mod sentence;
mod timestamp;
mod words;

pub use escaped::{Escaped, MAX_TEXT};
pub use timestamp::Timestamp;
pub use words::{DecidedBy, Event, RecordOutcome};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::caller::{Caller, Keyring};
use crate::content::{ContentEvidence, Object, SHOWN_DIGITS};
use crate::facts::{ContentFacts, ContentProof, Facts, HostIdentity, IntentKind, Moment, Proof};
use crate::intent::{Intent, LooksLike};
use crate::judgement::{Judgement, Verdict};

/// The version of the fields below.
pub const VERSION: u32 = 1;

/// A field between the two `;` is left out of the line where it is `None`, empty or `false`.
macro_rules! record {
    (
        $(#[$of_record:meta])*
        pub struct $name:ident {
            $($(#[$of_first:meta])* pub $first:ident: $first_type:ty,)+ ;
            $($(#[$of_field:meta])* pub $field:ident: $type:ty,)+ ;
            $($(#[$of_last:meta])* pub $last:ident: $last_type:ty,)+
        }
    ) => {
        $(#[$of_record])*
        pub struct $name {
            $($(#[$of_first])* pub $first: $first_type,)+
            $($(#[$of_field])* #[serde(default, skip_serializing_if = "is_default")] pub $field: $type,)+
            $($(#[$of_last])* pub $last: $last_type,)+
        }
    };
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

record! {
    /// One line of the log. What is `None`, empty or `false` is left out of the line.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Record {
        pub v: u32,
        pub time: Timestamp,
        /// 1, 2, 3 … over the whole life of the log; set by the log.
        pub seq: u64,
        /// The kernel's boot id; set by the log.
        #[serde(default, skip_serializing_if = "str::is_empty")]
        pub boot: Arc<str>,
        pub event: Event,
        pub outcome: RecordOutcome,
        ;
        /// The caller as it prints: `NAME`, `ssh:NAME` or `local:UID`.
        pub qube: Option<Arc<str>>,
        pub keyring: Option<Arc<str>>,
        /// Counts agent connections since the vault started.
        pub connection: Option<u64>,

        /// The request's name in the agent protocol, such as `add-identity`.
        pub request: Option<String>,
        /// Of the request's payload, 64 hex digits.
        pub request_sha256: Option<String>,
        /// Of a message that is not kept.
        pub bytes: Option<u64>,
        /// Keys in the reply to a list.
        pub listed: Option<u64>,

        /// Fingerprint of the key that was to sign.
        pub key: Option<String>,
        pub key_algorithm: Option<String>,
        /// The upstream's comment of the key.
        pub comment: Option<Escaped>,
        /// The vault's own name of the key.
        pub label: Option<Escaped>,

        pub kind: Option<IntentKind>,
        /// Why the data is of no kind, and never signed.
        pub looks_like: Option<LooksLike>,
        /// An RSA signature with SHA-1 was asked for.
        pub sha1: bool,
        pub user: Option<Escaped>,
        /// Names of the host in the vault's known hosts; empty = unnamed.
        pub host: Vec<Escaped>,
        /// Fingerprint of the host's plain key.
        pub host_key: Option<String>,
        pub host_algorithm: Option<String>,
        /// Fingerprint of the CA whose certificate the host showed.
        pub host_ca: Option<String>,
        /// A name that a person typed into a prompt.
        pub host_label: Option<Escaped>,
        /// Names that an unnamed host could have, see `docs/log.md`.
        pub host_could_be: Vec<Escaped>,
        pub host_revoked: bool,
        pub proof: Option<Proof>,
        /// A forwarding bind was seen; `false` proves nothing.
        pub forwarded: Option<bool>,
        pub namespace: Option<Escaped>,
        /// `proven`: the client sent the content of an SSHSIG, and it has the hash that was to be signed.
        pub content: Option<ContentProof>,
        /// Mail address of a commit's author or a tagger; as those below, only if a rule says that the log keeps content.
        pub author: Option<Escaped>,
        /// Mail address of a commit's committer or a tagger.
        pub committer: Option<Escaped>,
        /// A commit's subject, or a tag's name.
        pub subject: Option<Escaped>,
        /// A commit's tree, or the object of a tag: 12 hex digits.
        pub object: Option<String>,
        /// Minutes since local midnight at the decision, 0..1440, for `hours` rules.
        pub local_minute: Option<u16>,

        /// The policy's word.
        pub verdict: Option<Verdict>,
        /// The deciding rule's name.
        pub rule: Option<String>,
        /// The deciding rule's `file:line`; absent when the default or a built-in refusal decided.
        pub rule_place: Option<String>,
        pub reason: Option<String>,
        pub decided_by: Option<DecidedBy>,
        /// Milliseconds that the request waited for a person.
        pub wait_ms: Option<u64>,
        /// Milliseconds that the upstream took to sign.
        pub sign_ms: Option<u64>,
        /// SHA-256 of the policy in force, 64 hex digits.
        pub policy: Option<Arc<str>>,

        /// How many alike this line stands for; absent = 1. Set by the log.
        pub count: Option<u64>,
        /// When the first of them came; set by the log.
        pub since: Option<Timestamp>,
        ;
        /// The `hash` of the line before, 64 hex digits, zeros in the first; set by the log.
        #[serde(default)]
        pub previous: String,
    }
}

impl Record {
    /// A record without particulars. `time` is the decision's.
    pub fn new(event: Event, outcome: RecordOutcome, time: Timestamp) -> Self {
        Self {
            v: VERSION,
            time,
            event,
            outcome,
            ..Self::default()
        }
    }

    #[must_use]
    pub fn caller(mut self, caller: &Caller, keyring: &Keyring) -> Self {
        self.qube = Some(caller.to_string().into());
        self.keyring = Some(keyring.as_str().into());
        self
    }

    /// What a request is for, as far as it says so itself.
    #[must_use]
    pub fn asked(mut self, intent: &Intent<'_>) -> Self {
        self.kind = Some(intent.kind());
        match intent {
            Intent::Login(login) => self.user = Some(Escaped::from_bytes(login.user)),
            Intent::Sudo(sudo) => self.user = Some(Escaped::from_bytes(sudo.user)),
            Intent::Sshsig(sshsig) => self.namespace = Some(Escaped::from_bytes(sshsig.namespace)),
            Intent::Certificate(_) | Intent::Raw => {}
        }
        self
    }

    /// All that a rule looked at, so that another policy can judge the record again.
    #[must_use]
    pub fn of(mut self, facts: &Facts, moment: &Moment) -> Self {
        self = self.caller(&facts.caller, &facts.keyring);
        self.key = Some(facts.key.fingerprint.to_string());
        self.key_algorithm = Some(facts.key.algorithm.clone());
        self.comment = Some(Escaped::from_bytes(&facts.key.comment));
        self.kind = Some(facts.kind);
        self.sha1 = facts.sha1;
        self.user = facts.user.as_deref().map(Escaped::from_bytes);
        self.proof = Some(facts.proof);
        self.forwarded = Some(facts.forwarded);
        self.namespace = facts.namespace.as_deref().map(Escaped::from_bytes);
        self.content = facts.content.as_ref().map(|_| ContentProof::Proven);
        self.local_minute = Some(moment.local_minute);
        if let Some(host) = &facts.host {
            self = self.host(host);
        }
        self
    }

    /// What the content says, if the policy lets the log keep that.
    #[must_use]
    pub fn keeping(mut self, content: &ContentEvidence, facts: &Facts) -> Self {
        let Some(proven) = content.proven() else {
            return self;
        };
        let (subject, object) = match proven.object() {
            Object::Commit(commit) => (&commit.message.subject, &commit.tree),
            Object::Tag(tag) => (&tag.name, &tag.object),
            Object::Push(_) | Object::Text { .. } | Object::Binary(_) => return self,
        };
        let mail = |of: fn(&ContentFacts) -> &Option<Vec<u8>>| {
            let mail = of(facts.content.as_ref()?).as_deref()?;
            Some(Escaped::from_bytes(mail))
        };
        self.author = mail(|content| &content.author);
        self.committer = mail(|content| &content.committer);
        self.subject = Some(Escaped::from_bytes(subject));
        self.object = object.get(..SHOWN_DIGITS).map(str::to_owned);
        self
    }

    /// The host that a login or a bind was shown to be for.
    #[must_use]
    pub fn host(mut self, host: &HostIdentity) -> Self {
        let escaped = |text: &String| Escaped::from_bytes(text.as_bytes());
        self.host = host.names.iter().map(escaped).collect();
        self.host_key = Some(host.fingerprint.to_string());
        self.host_algorithm = Some(host.algorithm.clone());
        self.host_ca = host.ca.as_ref().map(ToString::to_string);
        self.host_label = host.label.as_ref().map(escaped);
        self.host_could_be = host.possible_names.iter().map(escaped).collect();
        self.host_revoked = host.revocation.is_some();
        self
    }

    /// The policy's word; who decided in the end is `decided_by`, here the policy.
    #[must_use]
    pub fn judged(mut self, judgement: &Judgement) -> Self {
        self.verdict = Some(judgement.verdict());
        self.reason = Some(judgement.reason().to_owned());
        self.rule = judgement.rule().and_then(|rule| rule.name.clone());
        self.rule_place = judgement.rule().map(|rule| rule.place.to_string());
        self.decided_by = Some(DecidedBy::Policy);
        self
    }

    /// One sentence for people, lower case, no full stop.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// The moment of the decision. A record does not keep the boot-time clock: the time of day stands in
    /// for it, so that rates count along the log.
    pub fn moment(&self) -> Moment {
        let unix = self.time.unix_ms() / 1000;
        Moment {
            unix,
            local_minute: self.local_minute.unwrap_or(0),
            boot: unix,
        }
    }

    /// How many decisions the line stands for.
    pub fn times(&self) -> u64 {
        self.count.unwrap_or(1)
    }
}

#[cfg(test)]
mod tests;
