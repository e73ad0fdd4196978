//! Where `split-ssh-prompt` is, whose windows the vault and `split-ssh ui` show.

use std::path::{Path, PathBuf};

const NAME: &str = "split-ssh-prompt";
/// Where packages put it.
const PLACES: [&str; 3] = ["/usr/bin", "/usr/libexec/split-ssh", "/usr/lib/split-ssh"];

/// The program beside our own, or where packages put it.
pub fn find() -> Option<PathBuf> {
    let ours = std::env::current_exe().ok();
    let beside = ours.as_deref().and_then(Path::parent).map(Path::to_owned);
    let places = beside.into_iter().chain(PLACES.iter().map(PathBuf::from));
    places
        .map(|place| place.join(NAME))
        .find(|path| path.is_file())
}
