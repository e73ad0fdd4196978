//! Decisions of split-ssh. Pure: bytes, facts, clock, ids and cryptography are arguments; nothing
//! here reads a file, a socket or a clock.
//!
//! The story, in the order in which a request meets it:
//! [`caller`] who asks → [`intent`] what the bytes to be signed are for → [`session`] what is proven
//! about the host → [`facts`] all that a rule may look at → [`rules`] the judgement → [`record`] the log.

pub mod caller;
pub mod crypto;
pub mod display;
pub mod facts;
pub mod gather;
pub mod glob;
pub mod grant;
pub mod host_certificate;
pub mod intent;
pub mod judgement;
pub mod known_hosts;
pub mod language;
pub mod learn;
pub mod permit;
pub mod question;
pub mod rate;
pub mod record;
pub mod rules;
pub mod session;
pub mod waiting;
