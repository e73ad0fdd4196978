//! The key files of a keyring: which of them its agent cannot have.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::finding::Findings;
use common::identities;

/// Keys of a folder that its agent does not hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files {
    /// They wait for a passphrase.
    pub locked: usize,
    /// Something was found about them.
    pub troubled: usize,
}

/// Looks at the keys of `folder` whose agent holds `loaded`.
pub fn check(check: &str, folder: &Path, loaded: &[&[u8]], findings: &mut Findings) -> Files {
    let Ok(files) = identities::private_keys(folder) else {
        return Files::default();
    };
    let mut troubled = 0;
    let locked: Vec<PathBuf> = identities::locked_keys(folder)
        .into_iter()
        .filter(|key| !loaded.contains(&key.blob.as_slice()))
        .map(|key| key.private)
        .collect();
    for file in &files {
        let shown = file.display();
        troubled += 1;
        let mode = fs::metadata(file).map_or(0, |status| status.permissions().mode());
        if mode & 0o077 != 0 {
            findings.bad(
                check,
                format!("others could read {shown}, so ssh-add refuses it"),
                format!("chmod 600 {shown}"),
            );
            continue;
        }
        if let Err(why) = identities::options(file) {
            findings.bad(
                check,
                why,
                "write ssh-add's options on one line, as in a shell",
            );
            continue;
        }
        let public = public_blob(file);
        let is_loaded = public
            .as_ref()
            .is_some_and(|blob| loaded.contains(&blob.as_slice()));
        if is_loaded || locked.contains(file) {
            troubled -= 1;
            continue;
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        match public {
            Some(_) => findings.warn(
                check,
                format!("{name} is not loaded"),
                format!("split-ssh reload {}", keyring_of(folder)),
            ),
            None => findings.warn(
                check,
                format!("{name} has no .pub beside it: nobody can see whether it is loaded"),
                format!("ssh-keygen -y -f {shown} > {shown}.pub"),
            ),
        }
    }
    Files {
        locked: locked.len(),
        troubled,
    }
}

fn keyring_of(folder: &Path) -> String {
    folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn public_blob(private: &Path) -> Option<Vec<u8>> {
    let mut public = private.as_os_str().to_owned();
    public.push(".pub");
    let text = fs::read_to_string(PathBuf::from(public)).ok()?;
    STANDARD.decode(text.split_whitespace().nth(1)?).ok()
}
