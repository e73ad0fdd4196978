//! What a remembered answer covers, in words for people. Each part fits a terminal of 80 columns with
//! room for its label; a part that is longer is cut in its own middle, so that none is lost to another.

use super::{DeniedPurpose, RememberedAnswer};
use crate::caller::{Caller, DEFAULT_KEYRING};
use crate::display;
use crate::facts::Facts;

const MAX_USER: usize = 24;
/// A host's name, a namespace, a key's comment.
const MAX_NAME: usize = 34;

impl RememberedAnswer {
    pub fn caller(&self) -> &Caller {
        match self {
            Self::Approval(scope) => &scope.facts().caller,
            Self::Denial(denied) => &denied.facts.caller,
            Self::Mute(caller) => caller,
            Self::CoolDown(cool_down) => &cool_down.caller,
        }
    }

    /// What is allowed or denied, and to whom: `login git@github.com (proven)`.
    pub fn what(&self) -> String {
        match self {
            Self::Approval(scope) => approved(scope.facts()),
            Self::Denial(denied) => DeniedPurpose::of(&denied.facts).words(),
            Self::Mute(muted) => {
                let caller = muted.noun();
                format!("every question, because you muted {caller}")
            }
            Self::CoolDown(cool_down) => match &cool_down.purpose {
                Some(purpose) => format!("{}, after too many denials", purpose.words()),
                None => "every question, after too many denials".to_owned(),
            },
        }
    }

    /// The key that may sign, or may not, and its keyring if it has a name: `work laptop of keyring work`.
    pub fn key(&self) -> Option<String> {
        self.facts().map(key_in_words)
    }
}

/// What an approval of such requests allows.
fn approved(facts: &Facts) -> String {
    if let Some(host) = &facts.host {
        let host = host.names.first().map_or_else(
            || host.fingerprint.to_string(),
            |name| shown(name.as_bytes(), MAX_NAME),
        );
        let user = shown(facts.user.as_deref().unwrap_or_default(), MAX_USER);
        return format!("login {user}@{host} ({})", facts.proof.word());
    }
    let namespace = shown(facts.namespace.as_deref().unwrap_or_default(), MAX_NAME);
    match facts.content.as_ref().map(|content| &content.author) {
        None => format!("sign in namespace {namespace}"),
        Some(None) => format!("sign shown content in namespace {namespace}"),
        Some(Some(mail)) => format!("sign {namespace} objects by {}", shown(mail, MAX_NAME)),
    }
}

fn key_in_words(facts: &Facts) -> String {
    let sha1 = if facts.sha1 { " by SHA-1" } else { "" };
    let certificate = if facts.key.algorithm.contains("-cert-v") {
        " (certificate)"
    } else {
        ""
    };
    let key = match facts.key.comment.as_slice() {
        [] => facts.key.fingerprint.to_string(),
        comment => shown(comment, MAX_NAME),
    };
    match facts.keyring.to_string() {
        default if default == DEFAULT_KEYRING => format!("{key}{certificate}{sha1}"),
        keyring => format!(
            "{key}{certificate} of keyring {}{sha1}",
            shown(keyring.as_bytes(), MAX_USER)
        ),
    }
}

fn shown(untrusted: &[u8], max: usize) -> String {
    display::ascii(untrusted, max)
}
