//! The vault's daemon: all that meets bytes of other qubes. For each client connection:
//! bytes → frame → request → intent → judgement → (question → answer) → permit → upstream → reply → record.
//!
//! [`intake`] takes connections and messages, [`sign`] answers them (its `pipeline` is the heart), [`ask`] asks the
//! person, [`keys`] knows the agents, [`log`] writes the records, [`policy_files`] knows what is in force.
//!
//! Locks: a call's turn at reading, then a carried connection's own, then `Keyrings::unlocking`; and that of all sandboxes,
//! then one sandbox's. No other lock is held while a second one is taken.

#![forbid(unsafe_code)]

mod ask;
mod control;
mod daemon;
mod intake;
mod keys;
pub mod log;
mod policy_files;
mod process;
mod run;
mod sign;
mod sockets;
pub mod stdio;

pub use run::run;
