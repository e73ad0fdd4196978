//! Files that a person names on the command line.

use std::fs::File;
use std::io;
use std::path::Path;

/// A file that a person names; `-` is standard input.
pub fn open(path: &Path) -> io::Result<Box<dyn io::Read>> {
    Ok(if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path)?)
    })
}
