//! Names for host keys, from the vault's own known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
//!
//! ssh asks "is this the key of that name?"; the guard asks "which names does this key have?". So names
//! come from the lines that spell them out, and from *tries*: names that the policy mentions, which
//! hashed and wildcard lines are asked about.

mod identify;
mod index;
mod line;
mod names;
mod unread;

pub use index::{Entry, KnownHosts, MAX_FILE};
pub use line::{BadLine, Line, MAX_LINE, Marker, key as parse_key};
pub use names::{
    ANY, HASHED, Names, Pattern, check_name, glob as to_glob, host_of_any_port, host_of_port,
    is_open, is_port_without_brackets, normalise,
};
/// What a server showed as its host key: a plain key, or a certificate around one. Nothing about it is believed yet.
pub use wire::key::PublicKey as HostKey;

pub use unread::UnreadLine;
