//! The sentence that says who wants what, where: our own words, and names set in bold.

use super::names::{inline_name, short_name};
use super::{Details, HeadingPart, Subject, content};

pub(super) fn heading(subject: &Subject) -> Vec<HeadingPart> {
    let mut sentence = Sentence::default();
    sentence.name(subject.facts.caller.to_string());
    sentence.words(if subject.facts.forwarded {
        " passes on a request to "
    } else {
        " wants to "
    });
    if let Some((words, text)) = subject.proven_content().and_then(content::heading) {
        sentence.words(words);
        sentence.parts.push(text);
        return sentence.parts;
    }
    match &subject.details {
        Details::Login { .. } => {
            sentence.words("log in as ");
            sentence.name(inline_name(
                subject.facts.user.as_deref().unwrap_or_default(),
            ));
            match subject.shown_host() {
                None => sentence.words(" on an unproven server"),
                Some(host) if host.is_known() => {
                    sentence.words(" on ");
                    sentence.name(short_name(host));
                }
                Some(_) => sentence.words(" on a server that this vault does not know"),
            }
        }
        // Words of ours for the namespaces that everybody meets.
        Details::Sshsig { .. } => match subject.facts.namespace.as_deref() {
            Some(b"git") => sentence.words("sign a git commit, tag or push"),
            Some(b"file") => sentence.words("sign a file"),
            namespace => {
                sentence.words("sign data for ");
                sentence.name(inline_name(namespace.unwrap_or_default()));
            }
        },
        Details::Certificate(fields) => {
            sentence.words(if fields.for_hosts {
                "issue a host certificate for "
            } else {
                "issue a user certificate for "
            });
            let names = fields.principals_by_weight();
            match names.split_first() {
                None => sentence.name("every name".to_owned()),
                Some((first, others)) => {
                    sentence.name(inline_name(first));
                    if !others.is_empty() {
                        sentence.words(&format!(" and {} more", others.len()));
                    }
                }
            }
            if fields.valid_before == u64::MAX {
                sentence.words(", valid ");
                sentence.name("for ever".to_owned());
            }
        }
        Details::Sudo { .. } => sentence.words("run a command by sudo"),
        Details::Raw { .. } => sentence.words("sign data of no known kind"),
    }
    sentence.parts
}

#[derive(Default)]
struct Sentence {
    parts: Vec<HeadingPart>,
}

impl Sentence {
    fn words(&mut self, words: &str) {
        if let Some(HeadingPart::Words(last)) = self.parts.last_mut() {
            last.push_str(words);
        } else {
            self.parts.push(HeadingPart::Words(words.to_owned()));
        }
    }

    fn name(&mut self, name: String) {
        self.parts.push(HeadingPart::Name(name));
    }
}
