//! The sentence that says who wants what, where: our own words, and names set in bold.

use super::names::{inline_name, short_name};
use super::{CertificateFields, Details, HeadingPart, Subject, content};

pub(super) fn heading(subject: &Subject) -> Vec<HeadingPart> {
    let wants = match subject.facts.forwarded {
        true => "passes on a request to",
        false => "wants to",
    };
    let proven = subject.proven_content().and_then(content::heading);
    let (what, names, last) = match proven {
        Some((what, text)) => (what.to_owned(), Vec::new(), Some(text)),
        None => {
            let (what, names) = purpose(subject);
            (what, names, None)
        }
    };
    let mut parts = vec![HeadingPart::Name(subject.facts.caller.to_string())];
    let mut names = names.into_iter().map(HeadingPart::Name);
    for words in format!(" {wants} {what}").split("{}") {
        if !words.is_empty() {
            parts.push(HeadingPart::Words(words.to_owned()));
        }
        parts.extend(names.next());
    }
    parts.extend(last);
    parts
}

/// What it wants to do, with a `{}` for each of the names.
fn purpose(subject: &Subject) -> (String, Vec<String>) {
    let facts = &subject.facts;
    let (what, names) = match &subject.details {
        Details::Login { .. } => {
            let user = inline_name(facts.user.as_deref().unwrap_or_default());
            match subject.shown_host() {
                None => ("log in as {} on an unproven server", vec![user]),
                Some(host) if host.is_known() => {
                    ("log in as {} on {}", vec![user, short_name(host)])
                }
                Some(_) => {
                    let unknown = "log in as {} on a server that this vault does not know";
                    (unknown, vec![user])
                }
            }
        }
        // Words of ours for the namespaces that everybody meets.
        Details::Sshsig { .. } => match facts.namespace.as_deref().unwrap_or_default() {
            b"git" => ("sign a git commit, tag or push", vec![]),
            b"file" => ("sign a file", vec![]),
            namespace => ("sign data for {}", vec![inline_name(namespace)]),
        },
        Details::Certificate(fields) => return certificate(fields),
        Details::Sudo { .. } => ("run a command by sudo", vec![]),
        Details::Raw { .. } => ("sign data of no known kind", vec![]),
    };
    (what.to_owned(), names)
}

fn certificate(fields: &CertificateFields) -> (String, Vec<String>) {
    let who = if fields.for_hosts { "host" } else { "user" };
    let mut what = format!("issue a {who} certificate for {{}}");
    let mut names = match fields.principals_by_weight().as_slice() {
        [] => vec!["every name".to_owned()],
        [only] => vec![inline_name(only)],
        [first, others @ ..] => {
            what.push_str(&format!(" and {} more", others.len()));
            vec![inline_name(first)]
        }
    };
    if fields.valid_before == u64::MAX {
        what.push_str(", valid {}");
        names.push("for ever".to_owned());
    }
    (what, names)
}
