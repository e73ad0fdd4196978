//! What a denial for a while covers: nothing but what equals the question in every shown fact.

use crate::facts::{Facts, HostIdentity};
use crate::question::{Details, Subject};

/// Two requests are the same exactly if a person would see no difference between their questions. It covers every kind
/// of request, since a denial opens nothing; where an approval could cover a request, this covers the same as that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedRequest {
    /// What rules would see of such a request.
    pub facts: Facts,
    /// The hosts that it was forwarded through.
    via: Vec<HostIdentity>,
    /// Of the kinds that no approval covers. A login's session and an SSHSIG's hash differ each time.
    details: Option<Details>,
}

impl DeniedRequest {
    pub fn of(subject: &Subject) -> Self {
        let mut facts = subject.facts.clone();
        if let Some(host) = &mut facts.host {
            // Known hosts of other key types, which no question shows.
            host.possible_names.clear();
        }
        let details = match &subject.details {
            Details::Login { .. } | Details::Sshsig { .. } => None,
            shown => Some(shown.clone()),
        };
        Self {
            facts,
            via: subject.via.clone(),
            details,
        }
    }
}
