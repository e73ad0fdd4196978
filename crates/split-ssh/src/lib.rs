//! split-ssh: a guard between qubes and the ssh-agent of a vault. The library is the program;
//! `bin/split-ssh.rs` only calls [`cli::main`].

pub mod cli;
