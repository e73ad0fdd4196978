//! What a client leaves for `split-ssh status` and `doctor`: its face for everything but its own crate.

pub mod file;
pub mod outcome;

/// The kind of transport, for words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Qrexec,
    Command,
    Unix,
}

impl Kind {
    pub fn program(self) -> &'static str {
        match self {
            Self::Qrexec => "qrexec-client-vm",
            Self::Command => "the command",
            Self::Unix => "the vault",
        }
    }
}
