//! What people type: one module a subcommand, each with its `Args` and `run`.

pub mod client_status;
pub mod hosts;
pub mod keyring;
pub mod log;
pub mod policy;
mod policy_learn;
mod policy_replay;
mod recorded;
pub mod status;
