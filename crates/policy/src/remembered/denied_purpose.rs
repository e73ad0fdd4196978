//! What a denial is of: requests that would do the same have one purpose, whichever key they name and however often they
//! come.

use crate::crypto::Fingerprint;
use crate::display;
use crate::facts::{Facts, IntentKind};

/// Characters of a user's name or a namespace in a sentence.
const MAX_NAME: usize = 34;

/// A login as one user at one host, signatures in one namespace, or all requests of another kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeniedPurpose {
    kind: IntentKind,
    user: Option<Vec<u8>>,
    host: Option<Fingerprint>,
    /// The vault's first name of the host, for sentences only.
    host_name: Option<String>,
    namespace: Option<Vec<u8>>,
}

impl DeniedPurpose {
    pub fn of(facts: &Facts) -> Self {
        let host = facts.host.as_ref();
        Self {
            kind: facts.kind,
            user: facts.user.clone(),
            host: host.map(|host| host.fingerprint.clone()),
            host_name: host.and_then(|host| host.names.first().cloned()),
            namespace: facts.namespace.clone(),
        }
    }

    /// `login root@build.example`, `sshsig file`, `raw`.
    pub fn words(&self) -> String {
        let kind = self.kind.word();
        let shown = |text: &[u8]| display::ascii(text, MAX_NAME);
        let user = self.user.as_deref().map(shown);
        let host = self.host_name.as_deref().map(|name| shown(name.as_bytes()));
        match (self.kind, &self.namespace) {
            (IntentKind::Login, _) => {
                let user = user.unwrap_or_default();
                let host = host.unwrap_or_else(|| "a server without a name".to_owned());
                format!("{kind} {user}@{host}")
            }
            (_, Some(namespace)) => format!("{kind} {}", shown(namespace)),
            (_, None) => kind.to_owned(),
        }
    }
}
