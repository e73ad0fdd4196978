//! What a client records about its streams, for `split-ssh status` and `split-ssh doctor`.

pub mod file;
pub mod outcome;

/// Which transport carries a client's streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransportKind {
    #[default]
    Qrexec,
    Command,
    Unix,
}

impl TransportKind {
    pub fn program(self) -> &'static str {
        match self {
            Self::Qrexec => "qrexec-client-vm",
            Self::Command => "the command",
            Self::Unix => "the vault",
        }
    }
}
