//! What an approval covers: nothing but what equals the question in every shown fact.

use crate::facts::{Facts, IntentKind, Proof};

/// The facts of all requests that one approval covers. Two requests have the same scope exactly if a person would see
/// no difference between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(Facts);

impl Scope {
    /// The scope of a request; `None` if its kind leaves no approval: a certificate, sudo, raw data, an
    /// unproven or unnamed host, anything forwarded.
    pub fn of(facts: &Facts) -> Option<Self> {
        let leaves_approval = match (facts.kind, &facts.host) {
            (IntentKind::Login, Some(host)) => {
                facts.proof != Proof::Unproven
                    && !host.names.is_empty()
                    && !host.revocation.is_some()
            }
            (IntentKind::Sshsig, _) => true,
            (IntentKind::Login, None)
            | (IntentKind::Certificate | IntentKind::Sudo | IntentKind::Raw, _) => false,
        };
        if facts.forwarded || !leaves_approval {
            return None;
        }
        Some(Self(facts.clone()))
    }

    /// What rules would see of such a request.
    pub fn facts(&self) -> &Facts {
        &self.0
    }
}
