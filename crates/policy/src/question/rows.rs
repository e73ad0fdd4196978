//! Lays a request out as rows, in an order that never changes. One claim a row, so that no value can pass for another
//! row.

use super::names::{is_plain, quoted, short_name, value};
use super::row::{first_labelled, own_row};
use super::{CertificateFields, Details, KeyValidity, Row, Subject, content, counted, date};
use crate::content::ContentEvidence;
use crate::display;
use crate::facts::HostIdentity;

/// The longest text of one row, in characters: a user of 256 bytes, all of them escaped, fits.
const MAX_TEXT: usize = 2048;
/// The longest list or command, which the prompt protocol bounds.
const MAX_LIST: usize = 4096;
/// The longest name in a list.
const MAX_LISTED: usize = 128;
/// The longest option of a certificate, such as a forced command.
const MAX_OPTION: usize = 1024;
/// Hosts of a forwarded path that get a row; the rest are counted. The prompt takes 12 facts, and 8 may be of a commit.
const MAX_VIA: usize = 3;
/// Bytes of a hash that are shown: enough to compare by eye, and the whole decides.
const SHOWN_HASH_BYTES: usize = 16;

/// What decides, beyond what the heading says already.
pub(super) fn facts(subject: &Subject) -> Vec<Row> {
    let facts = &subject.facts;
    let mut rows = match &subject.details {
        Details::Login { .. } => login(subject),
        Details::Sshsig { .. } => {
            let mut rows = unusual_name("Namespace", facts.namespace.as_deref());
            if let Some(content) = subject.proven_content() {
                rows.extend(content::facts(content, subject.author_history()));
            }
            rows
        }
        Details::Certificate(fields) => certificate(fields),
        Details::Sudo {
            command,
            asking_user,
            host,
            directory,
            ..
        } => {
            let user = facts.user.as_deref().unwrap_or_default();
            let command = match command {
                Some(words) => quoted_words(words),
                None => "(the request does not say)".to_owned(),
            };
            let mut rows = vec![list_row("Command", &command).stands_out()];
            rows.push(ascii("User", user));
            if asking_user != user {
                rows.push(ascii("Asked by", asking_user).stands_out());
            }
            rows.push(ascii("Host", host).note("by its own word"));
            rows.push(ascii("Directory", directory));
            rows
        }
        Details::Raw { length, .. } => vec![own_row("Length", format!("{length} bytes"))],
    };
    if facts.forwarded {
        rows.extend(forwarders(subject, short_name));
    }
    rows
}

/// What a closer look needs.
pub(super) fn details(subject: &Subject) -> Vec<Row> {
    let facts = &subject.facts;
    let mut rows = vec![own_row("Keyring", facts.keyring.to_string())];
    match &subject.details {
        Details::Login { .. } => {
            let host = subject.shown_host().filter(|host| host.is_known());
            rows.extend(host.into_iter().flat_map(host_rows));
        }
        Details::Sshsig {
            hash_algorithm,
            hash,
            content,
        } => {
            let namespace = facts.namespace.as_deref().unwrap_or_default();
            rows.push(ascii("Namespace", namespace));
            rows.push(
                ascii("Hash", &hash_text(hash_algorithm, hash)).note(match content {
                    ContentEvidence::NotSent => "the vault sees no more".to_owned(),
                    ContentEvidence::TooLong(total) => {
                        format!("the content, of {total} bytes by the client's word, is too long to be shown")
                    }
                    ContentEvidence::Proven(_) => "of the content above".to_owned(),
                }),
            );
            rows.extend(content::details(content));
        }
        Details::Certificate(_) => {}
        Details::Sudo { service, .. } => rows.push(ascii("Service", service)),
        Details::Raw { sha256, .. } => rows.push(own_row("SHA-256", hex(sha256)).in_full()),
    }
    let algorithm = display::ascii(facts.key.algorithm.as_bytes(), MAX_LISTED);
    rows.push(ascii("Your key", &facts.key.comment).note(algorithm));
    rows.push(own_row("", facts.key.fingerprint.to_string()));
    if let Some(KeyValidity { validity, .. }) = &subject.key_validity {
        rows.push(own_row(
            "Its certificate",
            dates(validity.after, validity.before),
        ));
    }
    if facts.forwarded {
        rows.extend(forwarders(subject, |host| host.fingerprint.to_string()));
    } else {
        rows.push(own_row("Path", "direct".into()).note("as far as this vault can see"));
    }
    rows
}

fn login(subject: &Subject) -> Vec<Row> {
    let mut rows = unusual_name("Log in as", subject.facts.user.as_deref());
    match subject.shown_host() {
        // Whatever accepts this key may be the destination.
        None => rows.push(ascii("Your key", &subject.facts.key.comment)),
        Some(host) if !host.is_known() => {
            rows.push(own_row("Host key", host.fingerprint.to_string()).note(host_note(host)));
        }
        Some(_) => {}
    }
    rows
}

/// A name that the heading does not show as it is.
fn unusual_name(label: &str, untrusted: Option<&[u8]>) -> Vec<Row> {
    let untrusted = untrusted.unwrap_or_default();
    if is_plain(untrusted) {
        return Vec::new();
    }
    let name = own_row(label, value(untrusted, MAX_LIST));
    vec![name.in_full().stands_out()]
}

/// What the vault knows of a server that has a name.
fn host_rows(host: &HostIdentity) -> Vec<Row> {
    let server = match &host.label {
        Some(label) if host.names.is_empty() => {
            ascii("Server", label.as_bytes()).note("your name for it; not in known hosts")
        }
        _ => ascii(
            "Server",
            listed(host.names.iter().map(String::as_bytes), MAX_LISTED).as_bytes(),
        )
        .note("in known hosts"),
    };
    let key = own_row("Host key", host.fingerprint.to_string()).note(host_note(host));
    vec![server, key]
}

fn host_note(host: &HostIdentity) -> String {
    let algorithm = display::ascii(host.algorithm.as_bytes(), MAX_LISTED);
    match &host.ca {
        Some(ca) => format!("{algorithm}, certified by {ca}"),
        None => algorithm,
    }
}

/// The hosts that a request was forwarded through, nearest first.
fn forwarders(subject: &Subject, show: impl Fn(&HostIdentity) -> String) -> Vec<Row> {
    let rows = first_labelled("Forwarded by").zip(subject.via.iter().take(MAX_VIA));
    let rows = rows.map(|(label, host)| ascii(label, show(host).as_bytes()));
    let mut rows: Vec<Row> = rows.collect();
    let more = subject.via.len().saturating_sub(MAX_VIA) as u64;
    if more > 0 {
        let more = counted(more, "more host");
        rows.push(own_row("", format!("and {more}")));
    }
    rows
}

fn certificate(fields: &CertificateFields) -> Vec<Row> {
    let names = fields.principals_by_weight();
    let opens_most = names.first().is_none_or(|name| fields.is_root(name));
    let principals = if names.is_empty() {
        "EVERY NAME".to_owned()
    } else {
        listed(names.into_iter(), MAX_LISTED)
    };
    let mut rows = vec![
        list_row("For", &principals).stands_out_if(opens_most),
        own_row("Valid", dates(fields.valid_after, fields.valid_before))
            .stands_out_if(fields.valid_before == u64::MAX),
        ascii("Key ID", &fields.key_id).note(format!("serial {}", fields.serial)),
        own_row("Certifies", fields.subject.to_string()),
    ];
    for (label, options) in [
        ("Limits", &fields.critical_options),
        ("Extensions", &fields.extensions),
    ] {
        if !fields.for_hosts || !options.is_empty() {
            rows.push(list_row(label, &named_values(options)));
        }
    }
    rows
}

/// `force-command=backup, source-address=10.0.0.0/8`
fn named_values(options: &[(Vec<u8>, Vec<u8>)]) -> String {
    if options.is_empty() {
        return "none".to_owned();
    }
    let joined: Vec<Vec<u8>> = options
        .iter()
        .map(|(name, value)| match value.is_empty() {
            true => name.clone(),
            false => [name.as_slice(), b"=", value].concat(),
        })
        .collect();
    listed(joined.iter().map(Vec::as_slice), MAX_OPTION)
}

/// Each word in quotes, so that `rm "a b"` does not look like `rm a b`.
fn quoted_words(words: &[Vec<u8>]) -> String {
    let words = words
        .iter()
        .map(|word| quoted(&display::ascii(word, MAX_LIST)));
    words.collect::<Vec<_>>().join(" ")
}

/// A certificate's first second and the first one outside.
fn dates(valid_after: u64, valid_before: u64) -> String {
    let from = match valid_after {
        0 => "always".to_owned(),
        seconds => date::utc(seconds),
    };
    if valid_before == u64::MAX {
        return format!("{from} to FOREVER");
    }
    let length = date::length(valid_before.saturating_sub(valid_after));
    let until = date::utc(valid_before);
    if valid_after == 0 {
        return format!("until {until}");
    }
    format!("{from} to {until} ({length})")
}

/// Names with commas between; one that has more in it than a name needs is quoted, so that it can't
/// pass for two.
fn listed<'a>(names: impl Iterator<Item = &'a [u8]>, max: usize) -> String {
    let shown = names.map(|name| {
        let plain = name
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"._-+@/:*?[]=%".contains(b));
        let text = display::ascii(name, max);
        match plain && !name.is_empty() {
            true => text,
            false => quoted(&text),
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn hash_text(algorithm: &[u8], hash: &[u8]) -> Vec<u8> {
    let start = hash.get(..SHOWN_HASH_BYTES).unwrap_or(hash);
    let more = if start.len() < hash.len() { "..." } else { "" };
    [algorithm, b" ", hex(start).as_bytes(), more.as_bytes()].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value from outside, sanitized.
fn ascii(label: &str, untrusted: &[u8]) -> Row {
    own_row(label, value(untrusted, MAX_TEXT))
}

/// A list of ours, shown whole.
fn list_row(label: &str, text: &str) -> Row {
    own_row(label, display::ascii(text.as_bytes(), MAX_LIST)).in_full()
}
