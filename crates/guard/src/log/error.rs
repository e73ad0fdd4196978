//! Why the log cannot be opened or written, in words.

use std::io;
use std::path::Path;

use common::error::{Error, reason};

/// What failed at a file of the log, or its folder.
pub(super) fn failed(doing: &str, path: &Path, why: &io::Error) -> Error {
    let (path, why) = (path.display(), reason(why));
    Error::new(format!("{doing} the log {path} failed: {why}"))
}

/// Others could change the log.
pub(super) fn not_safe(path: &Path, why: &str) -> Error {
    let path = path.display();
    Error::new(format!("the log is not safe in {path}: {why}"))
        .hint("it must be a plain one, yours, that nobody else can write")
}
