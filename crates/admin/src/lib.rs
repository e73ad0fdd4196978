//! What people type: one module a subcommand, each with its `Args` and `run`.

pub mod approvals;
pub mod client_status;
pub mod complete;
mod confirm;
mod control_socket;
pub mod doctor;
pub mod dom0_policy;
mod fold;
pub mod hosts;
mod key_file;
pub mod keyring;
mod live;
mod local_time;
pub mod log;
pub mod migrate;
mod output;
mod paint;
pub mod pending;
pub mod policy;
mod recorded;
mod recorded_facts;
pub mod rule;
mod running_vault;
pub mod serve;
pub mod setup;
pub mod shown_question;
pub mod sign;
pub mod status;
pub mod ui;
mod validity_words;

use std::io::{self, IsTerminal};

/// Colour is for terminals whose owner did not say no (<https://no-color.org>).
fn colour() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    // As other tools do for whoever passes the output on to a terminal: https://bixense.com/clicolors
    (io::stdout().is_terminal() || set("CLICOLOR_FORCE").is_some())
        && set("NO_COLOR").is_none()
        && set("TERM").is_none_or(|term| term != "dumb")
}
