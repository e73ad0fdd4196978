//! split-ssh: a guard between qubes and the ssh-agent of a vault. The library is the program;
//! `bin/split-ssh.rs` only calls [`cli::main`].

pub mod activation;
pub mod askpass;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod control;
pub mod crypto;
pub mod ctl;
pub mod demo;
pub mod error;
pub mod identities;
pub mod known_hosts_files;
pub mod log;
pub mod own_socket;
pub mod paths;
pub mod policy_files;
pub mod sync;
pub mod trusted_files;
pub mod vault;
