//! What needs a second look, and how much care a question needs.

use super::names::{is_plain, short_name};
use super::{AuthorHistory, CertificateFields, Details, KeyValidity, Risk, Subject, content, date};
use crate::certificate_validity::ValidityState;
use crate::display;
use crate::facts::{IntentKind, cut_user};

/// The longest name within a warning.
const MAX_NAME: usize = 48;

/// Dangerous is what may open more than one door: a signature that no server is tied to, a certificate, a command.
pub(super) fn risk(subject: &Subject, warnings: &[String]) -> Risk {
    match subject.facts.kind {
        IntentKind::Certificate | IntentKind::Sudo | IntentKind::Raw => Risk::Dangerous,
        IntentKind::Login if subject.shown_host().is_none() => Risk::Dangerous,
        IntentKind::Login | IntentKind::Sshsig if warnings.is_empty() => Risk::Routine,
        IntentKind::Login | IntentKind::Sshsig => Risk::Unusual,
    }
}

/// Sentences, the weightiest first. A question that is not routine has one at least.
pub(super) fn warnings(subject: &Subject) -> Vec<String> {
    let mut said = Vec::new();
    match &subject.details {
        Details::Login { .. } => login(subject, &mut said),
        Details::Sshsig { .. } => sshsig(subject, &mut said),
        Details::Certificate(fields) => certificate(fields, &mut said),
        Details::Sudo { .. } => {
            let unchecked = "Nothing shows which host this is for. What the request says of itself is not checked.";
            said.push(unchecked.to_owned());
        }
        Details::Raw { .. } => {
            said.push("The vault cannot tell what this signature is good for.".to_owned());
        }
    }
    if subject.facts.forwarded {
        said.push(match subject.via.last() {
            Some(last) => format!(
                "This request was forwarded: whoever has root on {} could have made it.",
                short_name(last)
            ),
            None => "This request was forwarded: another host could have made it.".to_owned(),
        });
    }
    said.extend(subject.key_validity.as_ref().and_then(key_validity));
    if subject.facts.sha1 {
        said.push("The signature would use SHA-1, which is broken.".to_owned());
    }
    if subject.history.is_some_and(|history| history.first) {
        said.push(first_time(subject));
    }
    said
}

fn login(subject: &Subject, said: &mut Vec<String>) {
    match subject.shown_host() {
        None => {
            let anywhere = "This signature is not tied to a server: it could log in to any server that accepts this key.";
            said.push(anywhere.to_owned());
            if subject.unverifiable_bind {
                said.push("The server's host key is of a kind that this vault cannot check.".to_owned());
            }
        }
        Some(host) if !host.is_known() => said.push(
            "This vault does not know this server. Check the fingerprint with its owner before you allow."
                .to_owned(),
        ),
        Some(_) => {}
    }
    let user = subject.facts.user.as_deref().unwrap_or_default();
    if let Some(account) = cut_user(user).min_by_key(|account| account.len()) {
        let account = display::ascii(account, MAX_NAME);
        said.push(format!(
            "The server may take this user name for \"{account}\"."
        ));
    } else if !is_plain(user) {
        said.push("This is an unusual user name. Read it to its end.".to_owned());
    }
}

fn sshsig(subject: &Subject, said: &mut Vec<String>) {
    let namespace = subject.facts.namespace.as_deref().unwrap_or_default();
    if let Details::Sshsig { content, .. } = &subject.details {
        said.extend(content::warnings(namespace, content));
    }
    if subject.author_history() == AuthorHistory::New {
        let new = "The vault has not seen this key sign for this author before, only for others.";
        said.push(new.to_owned());
    }
    if namespace != b"git" {
        let key_or_login = "Some tools make a decryption key of such a signature, and some web sites take it as a login.";
        said.push(key_or_login.to_owned());
    }
}

fn certificate(fields: &CertificateFields, said: &mut Vec<String>) {
    said.push(
        if fields.for_hosts {
            "Whoever holds the certified key can pass for these hosts wherever this authority is trusted."
        } else {
            "Whoever holds the certified key can log in as these users wherever this authority is trusted."
        }
        .to_owned(),
    );
    if fields.principals.is_empty() {
        said.push("The certificate is valid for every name.".to_owned());
    }
    if fields.valid_before == u64::MAX {
        said.push("The certificate never expires.".to_owned());
    }
}

/// Whoever renews the certificate needs to hear of its end in time.
fn key_validity(key: &KeyValidity) -> Option<String> {
    let end = date::utc(key.validity.before);
    match key.state {
        ValidityState::Valid | ValidityState::LastWeek => None,
        ValidityState::EndsSoon => Some(format!("The key's certificate ends at {end}.")),
        ValidityState::Expired => Some(format!(
            "The key's certificate expired at {end}: servers will refuse it."
        )),
        ValidityState::NotYet => Some(format!(
            "The key's certificate is not valid before {}: servers will refuse it.",
            date::utc(key.validity.after)
        )),
    }
}

fn first_time(subject: &Subject) -> String {
    let earlier = match subject.facts.kind {
        IntentKind::Login => "login to this server from",
        IntentKind::Sshsig => "signature like this for",
        IntentKind::Certificate => "certificate for",
        IntentKind::Sudo => "sudo request from",
        IntentKind::Raw => "request like this from",
    };
    let caller = subject.facts.caller.noun();
    format!("The log has no earlier {earlier} {caller}.")
}
