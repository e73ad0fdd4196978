//! The SSH agent protocol: bytes <-> values. Pure: no I/O, no clock, no hashing, no dependency.
//!
//! Formats: RFC 9987 (agent), RFC 4251 §5 (base types), RFC 4253 §6.6, 5656 and 8709 (keys and
//! signatures), RFC 4252 §7 (publickey), OpenSSH's PROTOCOL.agent, PROTOCOL.sshsig and
//! PROTOCOL.u2f, draft-miller-ssh-cert, draft-miller-sshm-mldsa44-ed25519-composite-sigs, and the source
//! of pam_ssh_agent_auth.
//!
//! One rule holds for every type here: **what `parse` accepts, `rebuild` gives back byte for byte.**
//! So every field is consumed to its end, nothing is left over, and there is one spelling of each
//! value: who decides on the parsed value has decided on the bytes. Where the program has no use for
//! it, `rebuild` is the tests' own (`tests/rebuild`).
//!
//! Keys and signatures inside messages stay blobs (`&[u8]`), so that one odd key spoils nothing;
//! [`key::PublicKey::parse`] and [`signature::Signature::parse`] look inside.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

pub mod algorithm;
pub mod allowed;
pub mod bind;
pub mod carry;
pub mod certificate;
pub mod content;
pub mod frame;
pub mod key;
pub mod limits;
mod malformed;
pub mod plain_key;
pub mod reader;
pub mod reply;
pub mod request;
pub mod signature;
pub mod sshsig;
pub mod sudo;
pub mod userauth;
pub mod writer;

pub use malformed::{BadMessage, Malformed, Problem};
