//! What was saved counts once the running vault has read it; only the vault can say that it has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::running_vault::reload;
use super::output::shown;
use crate::control_socket;
use crate::output::say;
use common::control::Request;
use common::error::Error;
use common::paths::Paths;

/// Has the running vault read the known hosts that were just saved.
///
/// # Errors
/// The vault does not take them. They stay saved.
pub fn read_by_vault(paths: &Paths) -> Result<(), Error> {
    match reload(paths) {
        None => say("no vault runs here: this counts once one starts"),
        Some(Ok(())) => {}
        Some(Err(why)) => {
            let what = format!("it is saved, but the vault goes on without it: {why}");
            let hint = "`split-ssh policy check` and `split-ssh doctor` say why";
            return Err(Error::new(what).hint(hint));
        }
    }
    Ok(())
}

/// The same, and sees that the vault now gives this name to the key.
///
/// # Errors
/// As [`read_by_vault`], or the vault knows the key by other names only.
pub fn known_by_vault(paths: &Paths, name: &str, key: &[u8]) -> Result<(), Error> {
    read_by_vault(paths)?;
    let request = Request::Host {
        key: STANDARD.encode(key),
    };
    let Some(names) = control_socket::ask(paths, &request)
        .unwrap_or_default()
        .names
    else {
        return Ok(());
    };
    if names.iter().any(|known| known == name) {
        say("the running vault knows it");
        return Ok(());
    }
    let names: Vec<String> = names.iter().map(|name| shown(name)).collect();
    let names = match names.is_empty() {
        true => "no name".to_owned(),
        false => names.join(", "),
    };
    let what = format!("it is saved, but the running vault has {names} for this key");
    Err(Error::new(what).hint("`split-ssh hosts list` shows every line about it"))
}
