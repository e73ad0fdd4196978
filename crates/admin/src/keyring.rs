//! `split-ssh list|add|reload KEYRING`, as in the official package: the keys in a keyring's own agent.
//! The owner is at the keyboard here, so ssh-add may ask for passphrases.

use std::io::{self, IsTerminal};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use policy::caller::Keyring;
use policy::certificate_validity::CertificateValidity;
use policy::display;

use crate::control_socket;
use crate::key_file::KeyFileProblem;
use crate::output::{counted, exit_code, say};
use common::agent::{self, AgentError, ListedKey};
use common::agent_unit;
use common::config::vault::VaultConfig;
use common::control::Request;
use common::crypto::Ring;
use common::error::Error;
use common::identities;
use common::key_loading::NotLoaded;
use common::keyrings::{self, KeyringPlace};
use common::paths::Paths;
use common::trusted_files::quoted;

use crate::validity_words;

/// A person who types a passphrase three times, each within a minute.
const PERSON_TIME: Duration = Duration::from_secs(200);
/// Characters of a key's comment.
const SHOWN_COMMENT: usize = 60;

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The keyring
    #[arg(value_name = "KEYRING", default_value = "default")]
    keyring: String,
}

#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// The keyring
    #[arg(value_name = "KEYRING")]
    keyring: String,
    /// Key files; without one, all of ~/.ssh/identities.d/KEYRING
    files: Vec<PathBuf>,
    /// Leave keys with a passphrase for when they may sign
    #[arg(long)]
    without_passphrases: bool,
}

#[derive(Debug, clap::Args)]
pub struct ReloadArgs {
    /// The keyring
    #[arg(value_name = "KEYRING")]
    keyring: String,
}

/// # Errors
/// No such keyring, or ssh-add cannot be run.
pub fn list(args: &ListArgs, paths: &Paths) -> Result<ExitCode, Error> {
    let place = find(&args.keyring, paths)?;
    let code = ssh_add(&place, &["-l"], None)?;
    for key in agent::list(&place.socket).unwrap_or_default() {
        if let Some(validity) = CertificateValidity::of(&key.blob) {
            let validity = validity_words::sentence(&validity);
            say(format_args!("{}: {validity}", name_of(&key)));
        }
    }
    Ok(code)
}

/// # Errors
/// No such keyring, no such key, or ssh-add cannot be run.
pub fn add(args: &AddArgs, paths: &Paths) -> Result<ExitCode, Error> {
    let place = find(&args.keyring, paths)?;
    let files = match args.files.is_empty() {
        true => folder_keys(&place)?,
        false => args.files.clone(),
    };
    if files.is_empty() {
        return Err(no_keys(&place));
    }
    let count = || agent::list(&place.socket).map_or(0, |keys| keys.len());
    let before = count();
    let code = add_all(&place, &files, paths, !args.without_passphrases)?;
    if code == ExitCode::SUCCESS && !args.without_passphrases {
        let keyring = &place.name;
        match count().saturating_sub(before) {
            0 => say(format_args!("keyring {keyring} holds these keys already")),
            added => {
                let added = counted(added, "key", "keys");
                say(format_args!("keyring {keyring} has {added} more"));
            }
        }
    }
    Ok(code)
}

/// Takes out what was loaded from the keyring's folder, and loads what is there now. What others added stays.
///
/// # Errors
/// No such keyring, its agent is another program's or refuses, or ssh-add cannot be run.
pub fn reload(args: &ReloadArgs, paths: &Paths) -> Result<ExitCode, Error> {
    let place = find(&args.keyring, paths)?;
    let (name, socket) = (&place.name, &place.socket);
    let Some(record) = place.record() else {
        return Err(Error::new(format!(
            "the keys of keyring {name} come from another program's agent, {}",
            socket.display()
        ))
        .hint("add or remove keys in that program"));
    };
    let files = folder_keys(&place)?;
    let list = || agent::list(socket).map_err(|error| failed(&place, &error));
    let before = list()?;
    let loaded = record.keys();
    let ours = |key: &&ListedKey| loaded.iter().any(|ours| ours.blob == key.blob);
    for key in before.iter().filter(ours) {
        agent::remove(socket, &key.blob).map_err(|error| failed(&place, &error))?;
        record.forget(&key.blob)?;
    }
    let code = add_all(&place, &files, paths, true)?;
    let after = list()?;
    let is_in = |key: &ListedKey| after.iter().any(|other| other.blob == key.blob);
    for key in before.iter().filter(|key| !is_in(key)) {
        say(format_args!("removed: {}", name_of(key)));
    }
    for key in before.iter().filter(|key| !ours(key)) {
        let key = name_of(key);
        say(format_args!(
            "left alone, as it was not loaded from the folder: {key}"
        ));
    }
    if files.is_empty() {
        say(no_keys(&place).plain());
    }
    let loaded = record.keys();
    let is_ours = |key: &&ListedKey| loaded.iter().any(|ours| ours.blob == key.blob);
    let keys = counted(after.iter().filter(is_ours).count(), "key", "keys");
    say(format_args!(
        "keyring {name} reloaded: {keys} from its folder"
    ));
    Ok(code)
}

fn name_of(key: &ListedKey) -> String {
    let facts = key.facts(&Ring);
    let comment = display::ascii(&key.comment, SHOWN_COMMENT);
    format!("{} {comment} ({})", facts.fingerprint, facts.algorithm)
}

/// The keyring of this name, with its agent running if it is one of our own.
fn find(untrusted_name: &str, paths: &Paths) -> Result<KeyringPlace, Error> {
    let keyring =
        Keyring::from_argument(untrusted_name).map_err(|bad| Error::new(bad.to_string()))?;
    let config = VaultConfig::load(paths)?;
    let Some(place) = keyrings::of(&keyring, paths, &config) else {
        let folder = identities::folder(&paths.home, keyring.as_str());
        let what = format!("there is no keyring {keyring} here");
        return Err(Error::new(what).hint(format!(
            "a keyring is a folder of keys: `mkdir -p -m 700 {}`",
            quoted(&folder)
        )));
    };
    start(&place, paths)?;
    Ok(place)
}

/// Has the agent of a keyring of our own started if it does not run.
fn start(place: &KeyringPlace, paths: &Paths) -> Result<(), Error> {
    if place.folder.is_none() || UnixStream::connect(&place.socket).is_ok() {
        return Ok(());
    }
    let units = paths.keyring_socket();
    if agent_unit::is_offered(&units) {
        return agent_unit::start(&place.name, &units);
    }
    // A vault that runs starts the agent of whatever keyring it is asked for. Whether it did is seen next.
    let request = Request::Keyrings {
        name: Some(place.name.to_string()),
    };
    let _ = control_socket::ask(paths, &request);
    Ok(())
}

/// The key files of the keyring's folder; none if there is no folder.
fn folder_keys(place: &KeyringPlace) -> Result<Vec<PathBuf>, Error> {
    let Some(folder) = &place.folder else {
        return Ok(Vec::new());
    };
    match identities::private_keys(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        keys => keys.map_err(|error| {
            let hint = format!("`ls -ld {}` shows whose it is", quoted(folder));
            Error::io("read", folder, &error).hint(hint)
        }),
    }
}

fn no_keys(place: &KeyringPlace) -> Error {
    let Some(folder) = &place.folder else {
        let what = format!("keyring {} has no folder of keys", place.name);
        return Error::new(what).hint("name the key files");
    };
    let file = quoted(&folder.join("id_ed25519"));
    Error::new(format!("no private key in {}", folder.display()))
        .hint(format!("make one: `ssh-keygen -t ed25519 -f {file}`"))
}

/// Adds each file; one that fails keeps none of the others out.
fn add_all(
    place: &KeyringPlace,
    files: &[PathBuf],
    paths: &Paths,
    ask: bool,
) -> Result<ExitCode, Error> {
    let mut worst = ExitCode::SUCCESS;
    for file in files {
        let code = if ask && io::stdin().is_terminal() {
            let options = identities::options(file).map_err(Error::new)?;
            let mut words: Vec<&str> = options.iter().map(String::as_str).collect();
            words.push("--");
            place.recording(file, || ssh_add(place, &words, Some(file)))?
        } else {
            let added = add_without_terminal(place, file, paths, ask);
            exit_code(added.map_err(|error| error.print()).is_ok())
        };
        if code != ExitCode::SUCCESS {
            worst = code;
        }
    }
    Ok(worst)
}

/// From an autostart entry there is no terminal to type a passphrase into: the vault asks in a window.
fn add_without_terminal(
    place: &KeyringPlace,
    file: &Path,
    paths: &Paths,
    ask: bool,
) -> Result<(), Error> {
    let failed = |why: &str| Error::new(format!("{} was not loaded: {why}", file.display()));
    match place.load_key(file, None) {
        Ok(()) => return Ok(()),
        Err(NotLoaded::Locked) if !ask => return Ok(()),
        Err(NotLoaded::Locked) => {}
        Err(why) => {
            let problem = KeyFileProblem::find(file);
            return Err(match problem.filter(|_| why == NotLoaded::BadFile) {
                Some(problem) => failed(&problem.to_string()).hint(problem.remedy(file)),
                None => failed(&why.to_string()),
            });
        }
    }
    let request = Request::Load {
        keyring: place.name.to_string(),
        file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
    };
    match control_socket::ask_within(paths, &request, PERSON_TIME) {
        Ok(reply) => reply
            .error
            .map_or(Ok(()), |why| Err(failed(&why.to_string()))),
        Err(_) => Err(
            failed("it has a passphrase, and no vault runs that could ask for it").hint(format!(
                "in a terminal, `SSH_AUTH_SOCK={} ssh-add {}` asks for it",
                quoted(&place.socket),
                quoted(file)
            )),
        ),
    }
}

fn nobody_answers(place: &KeyringPlace) -> Error {
    Error::new(format!("no agent answers on {}", place.socket.display())).hint(
        "start the vault, and this agent with it: `split-ssh vault`; if it is installed as a service, \
         `split-ssh doctor` says why it does not run",
    )
}

fn failed(place: &KeyringPlace, error: &AgentError) -> Error {
    let socket = place.socket.display();
    match error {
        AgentError::Unreachable(_) => nobody_answers(place),
        AgentError::Refused => Error::new(format!(
            "the agent of keyring {} does not let its keys be taken out",
            place.name
        ))
        .hint(format!(
            "if it is locked, `SSH_AUTH_SOCK={} ssh-add -X` unlocks it",
            quoted(&place.socket)
        )),
        AgentError::Slow | AgentError::NotAnAgent => Error::new(format!("{socket}: {error}")),
    }
}

fn ssh_add(place: &KeyringPlace, words: &[&str], file: Option<&Path>) -> Result<ExitCode, Error> {
    // ssh-add's own words for it tell nobody what to do.
    if UnixStream::connect(&place.socket).is_err() {
        return Err(nobody_answers(place));
    }
    let mut command = Command::new("ssh-add");
    command.args(words).args(file);
    let status = command.env("SSH_AUTH_SOCK", &place.socket).status();
    let status = status.map_err(|error| {
        Error::new(format!("cannot run ssh-add: {error}")).hint("install openssh-client")
    })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    match code {
        Some(2) => Err(nobody_answers(place)),
        code => Ok(ExitCode::from(code.unwrap_or(1))),
    }
}
