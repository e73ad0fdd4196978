//! Lays a request out as rows. The order never changes: who, what, for whom, with which key, on which
//! path. One claim a row, so that no value can pass for another row.

use super::{CertificateFields, Class, Details, Mark, Row, Subject, date};
use crate::display;
use crate::facts::{Facts, HostIdentity, Proof, cut_user};

/// The longest text of one row, in characters: a user of 256 bytes, all of them escaped, fits.
const MAX_TEXT: usize = 2048;
/// The longest name in a list.
const MAX_LISTED: usize = 128;
/// Hosts of a forwarded path that get a row; the rest are counted.
const MAX_VIA: usize = 4;
/// Bytes of a hash that are shown: enough to compare by eye, and the whole decides.
const SHOWN_HASH_BYTES: usize = 16;

pub(super) fn rows(subject: &Subject) -> Vec<Row> {
    let facts = &subject.facts;
    let mut rows = vec![
        ours("Qube", facts.caller.to_string()).note(format!("keyring {}", facts.keyring)),
        ours("Asks to", what(subject)),
    ];
    match &subject.details {
        Details::Login { .. } => rows.extend(login(subject)),
        Details::Sshsig {
            hash_algorithm,
            hash,
        } => {
            let namespace = facts.namespace.as_deref().unwrap_or_default();
            rows.push(ascii("Namespace", namespace).mark(Mark::Proven));
            rows.push(
                ascii("Content", &hash_text(hash_algorithm, hash))
                    .note("a hash; all the vault sees"),
            );
        }
        Details::Certificate(fields) => rows.extend(certificate(fields)),
        Details::Sudo {
            command,
            host,
            directory,
            service,
        } => {
            let command = command.as_deref().unwrap_or(b"not said");
            rows.push(
                ascii("Command", command)
                    .in_full()
                    .mark(Mark::None)
                    .stands_out(),
            );
            rows.push(ascii("User", facts.user.as_deref().unwrap_or_default()).mark(Mark::None));
            rows.push(ascii("Host", host).note("its own word").mark(Mark::None));
            rows.push(ascii("Directory", directory).mark(Mark::None));
            rows.push(ascii("Service", service).mark(Mark::None));
        }
        Details::Raw { length, sha256 } => {
            rows.push(ours("Length", format!("{length} bytes")));
            rows.push(ours("SHA-256", hex(sha256)).in_full());
        }
    }
    rows.extend(key(facts));
    rows.extend(path(subject));
    rows
}

fn what(subject: &Subject) -> String {
    match &subject.details {
        Details::Login { .. } => "log in",
        Details::Sshsig { .. } if subject.facts.namespace.as_deref() == Some(b"git") => {
            "sign data (SSHSIG; no SSH server takes it as a login)"
        }
        // Tools derive keys from such a signature, and web sites take it as a login.
        Details::Sshsig { .. } => {
            "sign data (SSHSIG; it may decrypt a file, or log in to a web site)"
        }
        Details::Certificate(fields) if fields.for_hosts => "issue a host certificate",
        Details::Certificate(_) => "issue a user certificate",
        Details::Sudo { .. } => "approve sudo by ssh-agent",
        Details::Raw { .. } => "sign data of no known kind",
    }
    .to_owned()
}

fn login(subject: &Subject) -> Vec<Row> {
    let facts = &subject.facts;
    let mark = match facts.proof {
        Proof::Proven => Mark::Proven,
        Proof::Bound => Mark::Bound,
        Proof::Unproven => Mark::None,
    };
    let user = user(facts.user.as_deref().unwrap_or_default()).mark(mark);
    let Some(host) = facts
        .host
        .as_ref()
        .filter(|_| facts.proof != Proof::Unproven)
    else {
        let why = if subject.unverifiable_bind {
            "its host key is of a kind that this vault cannot check"
        } else {
            "nothing shows which server this is for"
        };
        return vec![
            user,
            ours("Server", "UNPROVEN".into())
                .note(why)
                .mark(mark)
                .stands_out(),
        ];
    };
    vec![
        user,
        server(host).mark(mark),
        ours("", host.fingerprint.to_string()).note(host_note(host)),
    ]
}

fn user(user: &[u8]) -> Row {
    let row = ascii("Log in as", user);
    match cut_user(user).min_by_key(|account| account.len()) {
        Some(account) => {
            let account = display::ascii(account, MAX_LISTED);
            row.note(format!("the server may take it for {account}"))
                .stands_out()
        }
        None => row,
    }
}

fn server(host: &HostIdentity) -> Row {
    if host.names.is_empty() {
        return match &host.label {
            Some(label) => ascii("Server", label.as_bytes()).note("your label; not in known hosts"),
            None => ours("Server", "UNNAMED".into())
                .note("this vault has no name for its host key")
                .stands_out(),
        };
    }
    ascii(
        "Server",
        listed(host.names.iter().map(String::as_bytes)).as_bytes(),
    )
    .note("known to this vault")
}

fn host_note(host: &HostIdentity) -> String {
    let algorithm = display::ascii(host.algorithm.as_bytes(), MAX_LISTED);
    match &host.ca {
        Some(ca) => format!("{algorithm}, certified by {ca}"),
        None => algorithm,
    }
}

fn key(facts: &Facts) -> Vec<Row> {
    let algorithm = display::ascii(facts.key.algorithm.as_bytes(), MAX_LISTED);
    let mut rows = vec![
        ascii("Your key", &facts.key.comment).note(algorithm),
        ours("", facts.key.fingerprint.to_string()),
    ];
    if facts.sha1 {
        rows.push(ours("Signature", "SHA-1, which is broken".into()).stands_out());
    }
    rows
}

fn path(subject: &Subject) -> Vec<Row> {
    if !subject.facts.forwarded {
        return vec![
            ours("Path", "direct".into())
                .note("as the caller tells it")
                .mark(Mark::None),
        ];
    }
    let mut rows = vec![
        ours("Path", "FORWARDED".into())
            .note("made on another host")
            .stands_out(),
    ];
    for host in subject.via.iter().take(MAX_VIA) {
        let name = short_name(host);
        rows.push(
            ascii("", name.as_bytes())
                .note(format!("via, {}", host.fingerprint))
                .mark(Mark::None),
        );
    }
    if subject.via.len() > MAX_VIA {
        rows.push(ours(
            "",
            format!("and {} more hosts", subject.via.len() - MAX_VIA),
        ));
    }
    rows
}

/// How a host is called in a heading or a list: by the vault's own words only.
pub(super) fn short_name(host: &HostIdentity) -> String {
    match (host.names.first(), &host.label) {
        (Some(name), _) => display::ascii(name.as_bytes(), 48),
        (None, Some(label)) => format!("\"{}\"", display::ascii(label.as_bytes(), 48)),
        (None, None) => "an unnamed server".to_owned(),
    }
}

fn certificate(fields: &CertificateFields) -> Vec<Row> {
    let any = ("EVERY NAME".to_owned(), true);
    let (principals, principals_stand_out) = if fields.principals.is_empty() {
        any
    } else {
        let mut names: Vec<&[u8]> = fields.principals.iter().map(Vec::as_slice).collect();
        let is_root = |name: &[u8]| !fields.for_hosts && name == b"root";
        // First, where no cut can hide it.
        names.sort_by_key(|name| !is_root(name));
        let root = names.first().is_some_and(|name| is_root(name));
        (listed(names.into_iter()), root)
    };
    let for_ever = fields.valid_before == u64::MAX;
    let mut rows = vec![
        ascii("For", principals.as_bytes())
            .in_full()
            .mark(Mark::Proven)
            .stands_out_if(principals_stand_out),
        ours("Valid", validity(fields))
            .mark(Mark::Proven)
            .stands_out_if(for_ever),
        ascii("Key ID", &fields.key_id)
            .note(format!("serial {}", fields.serial))
            .mark(Mark::Proven),
        ours("Certifies", fields.subject.to_string()).mark(Mark::Proven),
    ];
    if !fields.for_hosts || !fields.critical_options.is_empty() {
        let options = fields.critical_options.iter().map(|(name, value)| {
            [
                name.as_slice(),
                if value.is_empty() { b"" } else { b"=" },
                value,
            ]
            .concat()
        });
        let options = or_none(options.collect());
        rows.push(
            ascii("Limits", options.as_bytes())
                .in_full()
                .mark(Mark::Proven),
        );
    }
    if !fields.for_hosts || !fields.extensions.is_empty() {
        let extensions = or_none(fields.extensions.clone());
        rows.push(
            ascii("Extensions", extensions.as_bytes())
                .in_full()
                .mark(Mark::Proven),
        );
    }
    rows
}

fn validity(fields: &CertificateFields) -> String {
    let from = match fields.valid_after {
        0 => "always".to_owned(),
        seconds => date::utc(seconds),
    };
    if fields.valid_before == u64::MAX {
        return format!("{from} to FOREVER");
    }
    let length = date::length(fields.valid_before.saturating_sub(fields.valid_after));
    let until = date::utc(fields.valid_before);
    if fields.valid_after == 0 {
        return format!("until {until}");
    }
    format!("{from} to {until} ({length})")
}

fn or_none(values: Vec<Vec<u8>>) -> String {
    if values.is_empty() {
        "none".to_owned()
    } else {
        listed(values.iter().map(Vec::as_slice))
    }
}

/// Names with commas between; one that has more in it than a name needs is quoted, so that it can't
/// pass for two.
fn listed<'a>(names: impl Iterator<Item = &'a [u8]>) -> String {
    let shown = names.map(|name| {
        let plain = name
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"._-+@/:*?[]=%".contains(b));
        let text = display::ascii(name, MAX_LISTED);
        if plain && !name.is_empty() {
            text
        } else {
            format!("\"{}\"", text.replace('"', "\\x22"))
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
    ours(label, value(untrusted, MAX_TEXT))
}

/// The same without a row; one that is empty is there to be seen too.
pub(super) fn value(untrusted: &[u8], max: usize) -> String {
    if untrusted.is_empty() {
        "(empty)".to_owned()
    } else {
        display::ascii(untrusted, max)
    }
}

/// A value of ours, or one that is sanitized already.
fn ours(label: &str, text: String) -> Row {
    Row {
        label: label.to_owned(),
        text,
        note: None,
        class: Class::Ascii,
        mark: None,
        stands_out: false,
    }
}

impl Row {
    fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Wraps instead of being shortened in its middle: a list or command must be read to its end.
    fn in_full(mut self) -> Self {
        self.class = Class::Prose;
        self
    }

    fn mark(mut self, mark: Mark) -> Self {
        self.mark = Some(mark);
        self
    }

    fn stands_out(self) -> Self {
        self.stands_out_if(true)
    }

    fn stands_out_if(mut self, stands_out: bool) -> Self {
        self.stands_out = stands_out;
        self
    }
}
