//! Patterns and fingerprints of a policy file. One that can match nothing is a mistake: a rule with it would cover
//! nothing, and a rule that covers nothing denies nothing.

use std::net::IpAddr;

use crate::crypto::Fingerprint;
use crate::glob::Glob;
use crate::known_hosts::{is_port_without_brackets, normalise};
use crate::language::Language;

use super::rule::CallerPattern;
use super::value::{BadValue, Value};
use super::words::quoted;

/// SHA-256 in base64 without padding: 43 characters, and the last has two bits that are always zero.
const FINGERPRINT_CHARS: usize = 43;
const LAST_OF_FINGERPRINT: &[u8] = b"AEIMQUYcgkosw048";
/// What public keys begin with, as `.pub` files and `ssh-add -L` write them.
const KEY_TYPES: [&str; 4] = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];
const HOST_FORM: &str = "write it as known_hosts does: host.example, or [host.example]:2222";

fn glob(text: &str) -> Value<Glob> {
    let hint = "`*` stands for any text, `?` for one character, `\\` makes the next one plain";
    Glob::new(text).map_err(|bad| BadValue::new(bad, hint))
}

/// A pattern that a text of `language` can match.
fn glob_in(language: Language, text: &str) -> Value<Option<Glob>> {
    let glob = glob(text)?;
    Ok(language.witness(&glob).is_some().then_some(glob))
}

/// The same; `none` begins the sentence that there is no such text.
fn glob_of(
    language: Language,
    text: &str,
    none: &str,
    hint: impl FnOnce() -> String,
) -> Value<Glob> {
    let found = glob_in(language, text)?;
    found.ok_or_else(|| BadValue::new(format!("{none} {}", quoted(text)), hint()))
}

/// A hint for what is no text of `language`: what may have been meant, or how such a text looks.
fn write_or(language: Language, text: &str, meant: &str, form: &str) -> String {
    match glob_in(language, meant) {
        Ok(Some(_)) if meant != text => format!("write {meant:?}"),
        _ => form.to_owned(),
    }
}

/// A name or pattern of known hosts, normalised.
pub(super) fn host_name(text: &str) -> Value<Glob> {
    if text.starts_with("SHA256:") {
        return Err(BadValue::new(
            "a host key's fingerprint stands in a [host.NAME] table",
            format!("write [host.NAME] with keys = [{text:?}], and host = \"NAME\" here"),
        ));
    }
    for word in ["unnamed", "unproven"] {
        if text.eq_ignore_ascii_case(word) {
            let message = format!("{} can match no host", quoted(text));
            return Err(BadValue::new(message, format!("write \"{word}\"")));
        }
    }
    if let Some(glob) = host_glob(text)? {
        return match is_any_port_of_22(text, glob.as_str()) {
            false => Ok(glob),
            true => Err(BadValue::new(
                format!("{} would match other ports, too", quoted(text)),
                format!("write {:?} if these are meant", glob.as_str()),
            )),
        };
    }
    let message = format!("{} can match no host", quoted(text));
    let hint = match corrected_host(text) {
        _ if is_network(text) => {
            "a network is written as a pattern of addresses, such as \"10.0.0.*\"".to_owned()
        }
        Some((Some(user), host)) if !user.is_empty() => {
            format!("write {host:?} here, and user = {user:?} beside it")
        }
        Some((_, host)) => format!("write {host:?}"),
        None if !text.is_ascii() => {
            format!("{HOST_FORM}; a name with other letters is looked up as xn--...")
        }
        None if text.contains(',') => "a list is written [\"a.example\", \"b.example\"]".to_owned(),
        None if text.starts_with('!') => {
            "a rule has no exceptions: put a rule for that host above this one".to_owned()
        }
        None => HOST_FORM.to_owned(),
    };
    Err(BadValue::new(message, hint))
}

/// The words of `host` that are no names of hosts.
pub(super) fn host_name_of_table(text: &str) -> Value<Glob> {
    if matches!(text, "unnamed" | "unproven") {
        return Err(BadValue::new(
            format!("`{text}` is no host's name"),
            format!("a rule says host = \"{text}\""),
        ));
    }
    host_name(text)
}

/// Whether `[…]:22`, which known hosts write without its port, is a pattern that matches `[…]:2222`, too.
fn is_any_port_of_22(text: &str, normal: &str) -> bool {
    let is_any = |c: char| "*?".contains(c);
    !text.eq_ignore_ascii_case(normal)
        && normal.starts_with(is_any)
        && normal.ends_with(|c: char| is_any(c) || c.is_ascii_digit())
}

/// `10.0.0.0/24`
fn is_network(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, bits)| {
        address.parse::<IpAddr>().is_ok() && bits.parse::<u8>().is_ok()
    })
}

fn host_glob(text: &str) -> Value<Option<Glob>> {
    let normal = normalise(text);
    let glob = glob_in(Language::HostName, &normal)?;
    Ok(glob.filter(|_| !is_port_without_brackets(&normal)))
}

/// The user, and the host as known hosts write it, of what people write elsewhere: `ssh://user@host:port/`,
/// `user@host`, `host:path`, `host:port`, `host.`, `.domain`, `[host]`.
fn corrected_host(text: &str) -> Option<(Option<&str>, String)> {
    let text = text.trim();
    let (is_url, text) = match text.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, text),
    };
    let text = text.split_once('/').map_or(text, |(host, _)| host);
    let (user, text) = match text.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, text),
    };
    let (host, port) = if let Some(inside) = text.strip_prefix('[') {
        let (host, rest) = inside.split_once(']')?;
        (host, Some(rest.trim_start_matches(':')))
    } else if is_port_without_brackets(text) || (is_url && text.matches(':').count() == 1) {
        let (host, port) = text.split_once(':')?;
        (host, Some(port))
    } else {
        // What follows one colon is a path, as for scp.
        match text.split_once(':') {
            Some((host, path)) if !path.contains(':') => (host, None),
            _ => (text, None),
        }
    };
    let host = host.trim_end_matches('.');
    let host = match host.starts_with('.') {
        true => format!("*{host}"),
        false => host.to_owned(),
    };
    let port = port.map(|port| match port.parse::<u16>() {
        Ok(number) => number.to_string(),
        Err(_) => port.to_owned(),
    });
    let right = normalise(&match port.as_deref() {
        None | Some("") => host,
        Some(port) => format!("[{host}]:{port}"),
    });
    let is_right = host_glob(&right).is_ok_and(|glob| glob.is_some());
    is_right.then_some((user, right))
}

pub(super) fn caller(text: &str) -> Value<CallerPattern> {
    if text.starts_with('@') {
        return Err(BadValue::new(
            format!(
                "{} is a word of dom0's policy, the vault does not know it",
                quoted(text)
            ),
            "name qubes here, by pattern if you like: \"work-*\"; tags choose the keyring in dom0",
        ));
    }
    if let Some(name) = text.strip_prefix("sandbox:") {
        return Err(BadValue::new(
            format!(
                "{} is a sandbox, which no pattern for qubes covers",
                quoted(text)
            ),
            format!("write sandbox = {name:?} in place of `qube`"),
        ));
    }
    let found = match text.split_once(':') {
        Some(("ssh", name)) => glob_in(Language::CallerName, name)?.map(CallerPattern::Ssh),
        Some(("local", uid)) => glob_in(Language::Uid, uid)?.map(CallerPattern::Local),
        _ => glob_in(Language::QubeName, text)?.map(CallerPattern::Qube),
    };
    found.ok_or_else(|| {
        let hint = match text.contains(',') {
            true => "a list is written [\"work\", \"home\"]",
            false => "a qube's name as in qvm-ls, ssh:NAME or local:UID",
        };
        BadValue::new(format!("no caller can be called {}", quoted(text)), hint)
    })
}

pub(super) fn sandbox(text: &str) -> Value<CallerPattern> {
    let hint = || match (text.strip_prefix("sandbox:"), text.contains(',')) {
        (Some(name), _) => format!("write {name:?}"),
        (None, true) => "a list is written [\"dev\", \"ci\"]".to_owned(),
        (None, false) => {
            "it is the NAME of `split-ssh serve NAME`: letters, digits, `_`, `.` and `-`".to_owned()
        }
    };
    let name = glob_of(Language::CallerName, text, "no sandbox can be called", hint)?;
    Ok(CallerPattern::Sandbox(name))
}

pub(super) fn keyring(text: &str) -> Value<Glob> {
    let language = Language::KeyringName;
    glob_of(language, text, "no keyring can be called", || {
        let name = text.rsplit('+').next().unwrap_or_default();
        let form = "it is the NAME in qubes.SshAgent+NAME: letters, digits, `_`, `.` and `-`";
        write_or(language, text, name, form)
    })
}

/// A user, a namespace, or an author's or committer's mail address.
pub(super) fn line(text: &str, what: &str) -> Value<Glob> {
    let none = format!("no {what} is called");
    if text.contains(',') {
        let items: Vec<&str> = text.split(',').map(str::trim).collect();
        let message = format!("{none} {}", quoted(text));
        return Err(BadValue::new(
            message,
            format!("a list is written {items:?}"),
        ));
    }
    glob_of(Language::Line, text, &none, || {
        let form = "one line of at most 255 bytes without control characters";
        write_or(Language::Line, text, text.trim(), form)
    })
}

/// A pattern for a key's comment: what is neither a label nor a fingerprint.
pub(super) fn comment(text: &str) -> Value<Glob> {
    if is_public_key(text) {
        return Err(public_key());
    }
    let is_hex_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    let is_md5 = text.split(':').count() == 16 && text.split(':').all(is_hex_pair);
    if is_md5 || text.starts_with("MD5:") {
        return Err(BadValue::new(
            "MD5 fingerprints are not told apart safely",
            "`split-ssh list` prints SHA256 fingerprints",
        ));
    }
    glob_of(Language::Line, text, "no key has the comment", || {
        "one line of at most 255 bytes without control characters, as `split-ssh list` shows it"
            .to_owned()
    })
}

fn public_key() -> BadValue {
    BadValue::new(
        "a public key stands where its fingerprint, label or comment is expected",
        "`ssh-keygen -lf FILE` prints the fingerprint of FILE",
    )
}

/// `TYPE BASE64`, as in a `.pub` file.
fn is_public_key(text: &str) -> bool {
    let is_type = KEY_TYPES.iter().any(|start| text.starts_with(start));
    is_type && text.contains(" AAAA")
}

/// Whether somebody meant a fingerprint, right or wrong.
pub(super) fn is_like_a_fingerprint(text: &str) -> bool {
    let start = text.get(..7).unwrap_or_default();
    start.eq_ignore_ascii_case("SHA256:")
}

pub(super) fn fingerprint(text: &str) -> Value<Fingerprint> {
    if let Some(fingerprint) = exact_fingerprint(text) {
        return Ok(fingerprint);
    }
    if is_public_key(text) {
        return Err(public_key());
    }
    let digits = match is_like_a_fingerprint(text) {
        true => text.get(7..).unwrap_or_default(),
        false => text,
    };
    let right = format!("SHA256:{}", digits.trim().trim_end_matches('='));
    let hint = match exact_fingerprint(&right) {
        Some(_) => format!("write {right:?}"),
        None => "`ssh-keygen -lf FILE` prints it: SHA256: and 43 characters".to_owned(),
    };
    let message = format!("{} is not a fingerprint", quoted(text));
    Err(BadValue::new(message, hint))
}

fn exact_fingerprint(text: &str) -> Option<Fingerprint> {
    let digits = text.strip_prefix("SHA256:")?;
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    let last = digits.bytes().last()?;
    let is_exact = digits.len() == FINGERPRINT_CHARS
        && digits.bytes().all(is_base64)
        && LAST_OF_FINGERPRINT.contains(&last);
    is_exact.then(|| Fingerprint(text.to_owned()))
}
