//! The settings of a sandbox.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[sandbox.NAME]` of `vault.toml`, and the whole of `sandbox.d/NAME.toml`, which `split-ssh serve` writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// The keyring that it is for; `default` if it does not say.
    pub keyring: Option<String>,
    /// Where the vault listens; a folder of its own below the runtime directory if it does not say.
    pub socket: Option<PathBuf>,
    /// Uids that may connect, as this machine counts them; ours if it does not say.
    pub uids: Option<Vec<u32>>,
    /// `"always"`: all that comes by this socket counts as forwarded from another host.
    pub forwarded: Option<CountsAsForwarded>,
    /// The one virtual machine that may connect, and at which port.
    pub vsock: Option<Vsock>,
}

/// A virtual machine of this host, as the kernel tells it, and where the vault listens for it (`vsock(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Vsock {
    pub cid: u32,
    pub port: u32,
}

/// Nothing in the requests says that `ssh -R` brought them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CountsAsForwarded {
    Always,
}
