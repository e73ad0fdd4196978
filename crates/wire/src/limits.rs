//! Every bound of the protocol, with its reason.

/// Bytes of one message, type byte included. ssh-agent's `AGENT_MAX_LEN`; clients bound replies alike.
pub const MAX_MESSAGE: usize = 256 * 1024;

/// Identities in one answer. OpenSSH's clients take no more (`MAX_AGENT_IDENTITIES`).
pub const MAX_IDENTITIES: usize = 2048;

/// Bytes of a session id. ssh-agent's `AGENT_MAX_SID_LEN`; the longest hash in use gives 64.
pub const MAX_SESSION_ID: usize = 128;

/// Binds recorded on one connection. ssh-agent's `AGENT_MAX_SESSION_IDS`: one for each hop.
pub const MAX_BINDS: usize = 16;

/// Bytes of a remote user's name. The longest that ssh-agent accepts as a user pattern; Linux allows 32.
pub const MAX_USER: usize = 256;

/// Bytes of an algorithm, method or extension name. RFC 4251 §6.
pub const MAX_NAME: usize = 64;

/// Principals of one certificate. OpenSSH's `SSHKEY_CERT_MAX_PRINCIPALS`.
pub const MAX_PRINCIPALS: usize = 256;

/// Bytes of the content behind an SSHSIG that a vault takes. Commits and tags are far smaller; what is larger costs the
/// vault more to hash than a person gains by it.
pub const MAX_CONTENT: u64 = 16 * 1024 * 1024;
