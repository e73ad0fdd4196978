//! What one line of a script, unit or setting has to do with SSH agents.

use std::collections::BTreeSet;

/// Names of sockets and folders that other split SSHs use.
const OTHERS_SOCKETS: [&str; 4] = [
    ".SSH_AGENT_",
    "qusal-ssh-agent-forwarder",
    "qubes-ssh-agent",
    ".qubes_ssh",
];
/// Parts of the paths at which our own client and agents listen.
const OURS: [&str; 4] = [
    "/run/split-ssh-client/",
    "/.split-ssh/",
    "/run/split-ssh/",
    "split-ssh-vault/",
];

/// What is known of a line before it is looked at.
pub struct Context<'a> {
    /// The line's file names the service somewhere.
    pub names_service: bool,
    /// Written by hand: an ssh-agent there is somebody's, not the desktop's.
    pub is_own: bool,
    /// Sockets at which somebody was found to listen for agent requests.
    pub sockets: &'a BTreeSet<String>,
    /// The line's file is a unit's, whose other half calls a vault.
    pub socket_of: Option<&'a str>,
}

/// Whether a text names a service for SSH agents, ours or another split SSH's.
pub fn service_in(text: &str) -> Option<&str> {
    let end = text.to_ascii_lowercase().find("sshagent")? + "sshagent".len();
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let start = text[..end].rfind(|c| !is_part(c)).map_or(0, |at| at + 1);
    let name = &text[start..end];
    name.contains('.').then_some(name)
}

/// The socket at which a line listens.
pub fn listens_at(line: &str) -> Option<String> {
    if let Some(path) = line.trim().strip_prefix("ListenStream=") {
        return Some(path.to_owned());
    }
    if let Some((_, rest)) = line.split_once("UNIX-LISTEN:") {
        return first_word(rest);
    }
    let mut words = words(line);
    let is_listener = words.clone().any(|word| ["ncat", "nc"].contains(&word))
        && words.clone().any(|word| {
            word.starts_with('-') && !word.starts_with("--") && word.contains('l')
                || word == "--listen"
        });
    let takes_path =
        |word: &&str| word.starts_with('-') && word.ends_with('U') || *word == "--unixsock";
    words.find(takes_path).filter(|_| is_listener)?;
    words.next().map(str::to_owned)
}

/// The part of a socket's path that others must name: `%t` of a unit is a folder that scripts spell in other ways.
pub fn known_part(socket: &str) -> &str {
    socket.strip_prefix("%t").unwrap_or(socket)
}

/// What the line does; `None` if it has nothing to do with agents.
pub fn of(line: &str, context: &Context<'_>) -> Option<String> {
    let mut does = Vec::new();
    let service = service_in(line);
    let has_client = line.contains("qrexec-client-vm");
    if let Some(socket) = listens_at(line) {
        match context.socket_of {
            Some(unit) => does.push(format!(
                "listens at {socket} for {unit}, which calls a vault"
            )),
            None if has_client
                || service.is_some()
                || context.sockets.contains(known_part(&socket)) =>
            {
                does.push(format!("listens at {socket}"));
            }
            None => {}
        }
    }
    if has_client && (service.is_some() || context.names_service) {
        let target = words(line).skip_while(|word| !word.ends_with("qrexec-client-vm"));
        let mut target = target.skip(1).filter(|word| !word.starts_with('-'));
        does.push(match (target.next(), service) {
            (Some(target), Some(service)) => format!("calls {service} in {target}"),
            (Some(target), None) => format!("calls {target}"),
            _ => "calls a vault".to_owned(),
        });
    } else if let Some(service) = service {
        does.push(format!("names the service {service}"));
    }
    does.extend(of_variable(line, context.is_own));
    let mut line_words = words(line);
    let (first, agent) = (line_words.next(), line_words.next().unwrap_or_default());
    let names_agent = first.is_some_and(|word| word.eq_ignore_ascii_case("IdentityAgent"));
    if names_agent && !is_ours(agent) && agent != "SSH_AUTH_SOCK" {
        does.push(format!("leads ssh to the agent {agent}"));
    }
    if does.is_empty() {
        let found = context.sockets.iter().map(String::as_str);
        let mut sockets = found.chain(OTHERS_SOCKETS);
        if let Some(socket) = sockets.find(|socket| line.contains(socket)) {
            does.push(match first {
                Some("rm") => format!("removes {socket}, another split SSH's socket"),
                _ => format!("names {socket} of another split SSH"),
            });
        }
    }
    if context.is_own {
        let runs = |program: &str| words(line).any(|word| word.rsplit('/').next() == Some(program));
        if runs("ssh-agent") {
            does.push("starts an ssh-agent".to_owned());
        }
        if runs("ssh-add") {
            does.push("adds keys to an agent".to_owned());
        }
    }
    (!does.is_empty()).then(|| does.join(", "))
}

fn of_variable(line: &str, is_own: bool) -> Option<String> {
    const NAME: &str = "SSH_AUTH_SOCK";
    let (before, after) = line.split_once(NAME)?;
    let value = if let Some(value) = after.strip_prefix('=') {
        first_word(value)
    } else if let Some((_, value)) = after.split_once("DEFAULT=") {
        // pam_env
        first_word(value)
    } else if before.trim_start().starts_with("set ") || before.trim_start().starts_with("setenv ")
    {
        // fish and csh
        first_word(after.trim_start())
    } else {
        None
    };
    match value {
        Some(value) if is_ours(&value) => None,
        Some(value) => Some(format!("sets {NAME} to {value}")),
        None if before.contains("unset ") => Some(format!("unsets {NAME}")),
        None => is_own.then(|| format!("uses {NAME}")),
    }
}

/// Whether a socket is one of our client's or of our keyrings' agents.
pub fn is_ours(socket: &str) -> bool {
    OURS.iter().any(|part| socket.contains(part))
}

fn first_word(text: &str) -> Option<String> {
    let text = text.trim_start_matches(['"', '\'']);
    let end = text.find(|c: char| c.is_whitespace() || "\"',;&".contains(c));
    let word = &text[..end.unwrap_or(text.len())];
    (!word.is_empty()).then(|| word.to_owned())
}

/// A line's words, whatever quotes and brackets stand around them.
fn words(line: &str) -> impl Iterator<Item = &str> + Clone {
    let is_gap = |c: char| c.is_whitespace() || "\"'`()=,;&|:".contains(c);
    line.split(is_gap).filter(|word| !word.is_empty())
}
