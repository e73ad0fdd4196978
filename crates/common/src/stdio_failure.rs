//! Why the last call by `split-ssh vault --stdio` came to nothing. Such a call has no standard error of the vault's
//! own, and on a machine without a journal nothing else keeps the reason. One small file, written anew each time.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::error::Error;
use crate::trusted_files;

/// A sentence and a hint, in bytes.
const MAX_FILE: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StdioFailure {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub at: u64,
    pub what: String,
    pub hint: Option<String>,
}

impl StdioFailure {
    pub fn new(error: &Error) -> Self {
        Self {
            at: clock::since_1970().as_secs(),
            what: error.what().to_owned(),
            hint: error.next().map(str::to_owned),
        }
    }

    /// # Errors
    /// The folder cannot be written.
    pub fn keep(&self, state: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec(self).map_err(|error| Error::new(error.to_string()))?;
        trusted_files::replace(&path(state), &text)
    }

    /// The last one, if there was any.
    pub fn last(state: &Path) -> Option<Self> {
        let text = trusted_files::read(&path(state), MAX_FILE).ok()??;
        serde_json::from_slice(&text).ok()
    }
}

fn path(state: &Path) -> PathBuf {
    state.join("stdio-failure.json")
}
