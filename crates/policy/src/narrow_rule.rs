//! A rule that covers requests of the same facts as one request, and nothing else. What came from a client is escaped,
//! as a pattern and as TOML.

use std::fmt::Write as _;

use crate::caller::{Caller, Keyring};
use crate::crypto::Fingerprint;
use crate::display;
use crate::facts::{Facts, HostIdentity, IntentKind, Proof};
use crate::glob::{self, Glob};
use crate::language::Language;
use crate::rules::Policy;
use crate::toml_text::{string, strings};

/// Characters of a host's name in a comment.
const MAX_SHOWN: usize = 64;
/// Characters of a host's name in the name of its table, with room for a number below the policy's 64.
const MAX_TABLE_NAME: usize = 40;

const NO_PATTERN: &str = "the user or namespace cannot be written as a pattern";

/// What the rule's matchers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NarrowRule {
    pub qubes: Vec<Caller>,
    pub keyring: Keyring,
    pub key: Fingerprint,
    pub kind: IntentKind,
    /// A pattern that matches one text.
    pub user: Option<String>,
    pub hosts: Vec<HostWord>,
    pub namespace: Option<String>,
    /// Content that the vault was shown, and no hash alone.
    pub proven_content: bool,
    /// A pattern that matches one mail address.
    pub author: Option<String>,
    pub forwarded: bool,
    pub sha1: bool,
}

/// What a rule's `host` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostWord {
    /// A pattern that matches one name in known hosts.
    Name(String),
    /// A table for one key, to be defined beside the rule.
    Key {
        fingerprint: Fingerprint,
        /// The name that the vault gives it, for people.
        shown: String,
        proof: Proof,
        /// Patterns for all its names: a rule that names the key alone has none of them, so that rules below it
        /// that name one of them would still count.
        names: Vec<String>,
    },
}

impl NarrowRule {
    /// # Errors
    /// Such requests need a person, or no pattern can be written for a name.
    pub fn of(facts: &Facts, policy: &Policy) -> Result<Self, String> {
        let (mut user, mut namespace, mut author, mut hosts) = (None, None, None, Vec::new());
        match facts.kind {
            IntentKind::Login => {
                user = Some(pattern(facts.user.as_deref())?);
                let host = facts.host.as_ref();
                let host = host.filter(|_| facts.proof > Proof::Unproven);
                let host = host.ok_or(
                    "nothing shows which host it is for, and host = \"unproven\" would cover every host",
                )?;
                hosts.push(host_word(host, facts.proof, policy)?);
            }
            IntentKind::Sshsig => {
                namespace = Some(pattern(facts.namespace.as_deref())?);
                let content = facts.content.as_ref();
                let mail = content.and_then(|content| content.author.as_deref());
                author = mail.map(|mail| pattern(Some(mail))).transpose()?;
            }
            IntentKind::Certificate | IntentKind::Sudo | IntentKind::Raw => {
                return Err(format!(
                    "a rule for {} is worth a whole machine: write it by hand",
                    facts.kind.word()
                ));
            }
        }
        Ok(Self {
            qubes: vec![facts.caller.clone()],
            keyring: facts.keyring.clone(),
            key: facts.key.fingerprint.clone(),
            kind: facts.kind,
            user,
            hosts,
            namespace,
            proven_content: facts.content.is_some(),
            author,
            forwarded: facts.forwarded,
            sha1: facts.sha1,
        })
    }

    /// A rule names its callers by `sandbox` or by `qube`, not by both.
    pub fn names_sandboxes(&self) -> bool {
        matches!(self.qubes.first(), Some(Caller::Sandbox(_)))
    }

    /// The rule in TOML, without its tables; `table` is the name of the table for a host key.
    pub fn to_toml(&self, name: &str, table: &dyn Fn(&Fingerprint) -> Option<String>) -> String {
        let callers = self.qubes.iter().map(|caller| match caller {
            Caller::Sandbox(name) => name.clone(),
            other => other.to_string(),
        });
        let callers: Vec<String> = callers.collect();
        let mut text = String::new();
        let mut put = |matcher: &str, value: String| {
            let _ = writeln!(text, "{matcher} = {value}"); // writing to a string cannot fail
        };
        put("name", string(name));
        match self.names_sandboxes() {
            true => put("sandbox", strings(&callers)),
            false => put("qube", strings(&callers)),
        }
        put("keyring", string(self.keyring.as_str()));
        put("key", string(&self.key.0));
        put("kind", string(self.kind.word()));
        if let Some(user) = &self.user {
            put("user", string(user));
        }
        if self.kind == IntentKind::Login {
            let hosts = self.hosts.iter().flat_map(|host| host.words(table));
            put("host", strings(&hosts.collect::<Vec<_>>()));
        }
        if let Some(namespace) = &self.namespace {
            put("namespace", string(namespace));
        }
        if self.proven_content {
            put("content", string("proven"));
        }
        if let Some(author) = &self.author {
            put("author", string(author));
        }
        put("forwarded", self.forwarded.to_string());
        put("sha1", self.sha1.to_string());
        put("action", string("allow"));
        format!("[[rule]]\n{text}")
    }
}

impl HostWord {
    fn words(&self, table: &dyn Fn(&Fingerprint) -> Option<String>) -> Vec<String> {
        match self {
            Self::Name(name) => vec![name.clone()],
            Self::Key {
                fingerprint, names, ..
            } => {
                let table = table(fingerprint).into_iter();
                table.chain(names.iter().cloned()).collect()
            }
        }
    }
}

/// The table for a host key, in TOML.
pub fn host_table(name: &str, fingerprint: &Fingerprint, proof: Proof) -> String {
    let (name, key) = (string(name), string(&fingerprint.0));
    let proof = match proof {
        Proof::Bound => "proof = \"bound\"\n",
        Proof::Proven | Proof::Unproven => "",
    };
    format!("[host.{name}]\nkeys = {key}\n{proof}")
}

/// A name for the table of the host that is `shown` so: `PREFIX-SHOWN`, with a number if that is taken.
pub fn table_name(prefix: &str, shown: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let plain = shown.replace(|c| !is_plain(c), "-");
    let plain: String = plain.chars().take(MAX_TABLE_NAME).collect();
    let mut name = format!("{prefix}-{plain}");
    for number in 2..usize::MAX {
        if !is_taken(&name) {
            break;
        }
        name = format!("{prefix}-{plain}-{number}");
    }
    name
}

/// A pattern for exactly this text.
fn pattern(untrusted: Option<&[u8]>) -> Result<String, &'static str> {
    let untrusted = untrusted.ok_or(NO_PATTERN)?;
    let text = std::str::from_utf8(untrusted).map_err(|_| NO_PATTERN)?;
    // The policy takes no pattern that has a control character, a blank at an end, or a comma.
    if !Language::Line.contains(untrusted) || text.contains(',') {
        return Err(NO_PATTERN);
    }
    let escaped = glob::escape(text);
    match Glob::new(&escaped) {
        Ok(glob) if glob.literal() == Some(untrusted) => Ok(escaped),
        _ => Err(NO_PATTERN),
    }
}

fn host_word(host: &HostIdentity, proof: Proof, policy: &Policy) -> Result<HostWord, &'static str> {
    if host.revocation.is_some() {
        return Err("the host key is revoked");
    }
    let said = policy.said_proof(host);
    if said.is_some_and(|required| required > proof) {
        return Err("the policy wants more proof of this host than it shows");
    }
    let is_proof_enough = said.is_some() || proof == Proof::Proven;
    let names = host.names.iter();
    let names: Vec<String> = names
        .filter_map(|name| host_pattern(name, policy))
        .collect();
    match names.first() {
        Some(name) if is_proof_enough => Ok(HostWord::Name(name.clone())),
        _ => Ok(HostWord::Key {
            fingerprint: host.fingerprint.clone(),
            shown: match host.names.first() {
                Some(name) => display::ascii(name.as_bytes(), MAX_SHOWN),
                None => "unnamed".to_owned(),
            },
            proof,
            names,
        }),
    }
}

/// A pattern for exactly this name, if rules can write it. A name that is also one of the words of
/// `host`, or a table's, is escaped so far that it is neither.
fn host_pattern(name: &str, policy: &Policy) -> Option<String> {
    let name = name.to_lowercase();
    // A pattern of known hosts, or a hashed name, leaves open which name the host has.
    if !Language::HostName.contains(name.as_bytes()) {
        return None;
    }
    let escaped = pattern(Some(name.as_bytes())).ok()?;
    let is_word = ["unnamed", "unproven"].contains(&escaped.as_str())
        || policy.hosts.iter().any(|table| table.name == escaped);
    let escape = if is_word { "\\" } else { "" };
    Some(format!("{escape}{escaped}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::tests::sample::login;
    use crate::rules::Source;

    #[test]
    fn a_host_that_may_have_to_prove_itself_gets_no_rule_for_less() {
        let source = Source {
            name: "policy.toml",
            text: "default = \"ask\"\n[host.prod]\nnames = [\"*.prod.example\"]\nproof = \"proven\"\n",
            main: true,
        };
        let policy = Policy::parse(&[source]).unwrap();
        let rule = |name: &str, proof| {
            let mut facts = login("work", "git", name).facts;
            facts.proof = proof;
            NarrowRule::of(&facts, &policy)
        };
        // A pattern of known hosts leaves open whether it is one of prod's.
        for name in ["web.prod.example", "*.example"] {
            let refused = rule(name, Proof::Bound).unwrap_err();
            assert!(refused.contains("wants more proof"), "{refused}");
            assert!(rule(name, Proof::Proven).is_ok());
        }
        assert!(rule("web.example", Proof::Bound).is_ok());
    }
}
