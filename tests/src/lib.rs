//! What every end-to-end test stands on: real keys, agents, servers and clients in a directory that goes
//! away, the plain pipes of other Split SSHs, and split-ssh itself over the qrexec stand-in.
//!
//! Everything here panics when it cannot do its job: a test that cannot set up its world has failed.

pub mod agent;
pub mod attack;
pub mod children;
pub mod desk;
pub mod flows;
pub mod guarded;
pub mod host_keys;
pub mod impostor;
pub mod keepassxc;
pub mod keys;
pub mod lab;
pub mod lone_key;
pub mod message;
pub mod other_clients;
pub mod partners;
pub mod plain_pipe;
pub mod programs;
pub mod raw;
pub mod recorder;
pub mod sandbox;
pub mod split_ssh;
pub mod ssh;
pub mod sshd;
pub mod wait;
pub mod world;
