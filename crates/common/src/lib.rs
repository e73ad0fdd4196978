//! The machine around both sides of split-ssh: errors, paths, clocks, locks, sockets of our own, the files of
//! the person, the control socket's language, cryptography, and what the log's readers and its writer share.
//! Nothing here reads bytes of strangers from a socket.

pub mod activation;
pub mod agent;
pub mod agent_unit;
pub mod askpass;
pub mod clock;
pub mod config;
pub mod control;
pub mod crypto;
pub mod error;
pub mod identities;
pub mod key_loading;
pub mod keyrings;
pub mod known_hosts_files;
pub mod load_record;
pub mod log;
pub mod open_files;
pub mod own_socket;
pub mod paths;
pub mod policy_files;
pub mod prompt_program;
pub mod sandbox;
pub mod service;
pub mod session_agent;
pub mod stamps;
pub mod stdio_failure;
pub mod sync;
pub mod trusted_files;
pub mod vault_start;
pub mod wait;
pub mod wake;
pub mod workers;
