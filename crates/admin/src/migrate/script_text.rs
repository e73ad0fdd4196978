//! Files that are written anew: only what was read whole, as it is, may be.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Scripts of people are far smaller, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// A file's text, as far as it can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptText {
    pub text: String,
    /// Why writing it anew would lose something.
    pub unfit: Option<&'static str>,
}

/// `None` if there is no file that can be read.
pub fn read_script(path: &Path) -> Option<ScriptText> {
    let file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).ok()?;
    let is_long = bytes.len() as u64 > MAX_FILE;
    let (text, is_text) = match String::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(error) => (
            String::from_utf8_lossy(error.as_bytes()).into_owned(),
            false,
        ),
    };
    let unfit = if is_long {
        Some("is longer than a script is")
    } else {
        (!is_text).then_some("is not UTF-8 text")
    };
    Some(ScriptText { text, unfit })
}
