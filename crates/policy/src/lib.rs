//! Decisions of split-ssh. Pure: bytes, facts, clock, ids and cryptography are arguments; nothing
//! here reads a file, a socket or a clock.
//!
//! The story, in the order in which a request meets it:
//! [`caller`] who asks → [`intent`] what the bytes to be signed are for → [`session`] what is proven
//! about the host → [`gather`] the [`facts`] that rules look at → [`rules`] the judgement → [`queue`] the
//! person's answer → [`permit`] the leave to sign → [`record`] the log.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::unreachable
    )
)]

#[macro_use]
mod word_enum;

mod calendar;
pub mod caller;
pub mod certificate_validity;
pub mod content;
pub mod crypto;
pub mod denied_by;
pub mod display;
pub mod facts;
pub mod gather;
pub mod glob;
pub mod host_certificate;
pub mod intent;
pub mod known_hosts;
pub mod language;
pub mod narrow_rule;
pub mod overview;
pub mod past_authors;
pub mod past_requests;
pub mod permit;
pub mod qube_color;
pub mod question;
pub mod queue;
pub mod rate;
pub mod record;
pub mod remembered;
pub mod rules;
pub mod scope;
#[cfg(doctest)]
mod sealed;
pub mod session;
pub mod sign_request;
pub mod toml_text;

pub use rules::judgement;
