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
use crate::output::say;
use common::agent::{self, AgentError, ListedKey};
use common::agent_unit;
use common::config::vault::VaultConfig;
use common::control::Request;
use common::crypto::Ring;
use common::error::Error;
use common::identities::{self, NotLoaded};
use common::keyrings::{self, KeyringPlace};
use common::load_record::LoadRecord;
use common::paths::Paths;

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
    let agent = Agent::of(&args.keyring, paths)?;
    let code = agent.ssh_add(&["-l"], None)?;
    for key in agent::list(agent.socket()).unwrap_or_default() {
        if let Some(validity) = CertificateValidity::of(&key.blob) {
            say(&format!(
                "{}: {}",
                name_of(&key),
                validity_words::sentence(&validity)
            ));
        }
    }
    Ok(code)
}

/// # Errors
/// No such keyring, no such key, or ssh-add cannot be run.
pub fn add(args: &AddArgs, paths: &Paths) -> Result<ExitCode, Error> {
    let agent = Agent::of(&args.keyring, paths)?;
    let files = if args.files.is_empty() {
        let files = agent.folder_keys()?;
        if files.is_empty() {
            return Err(agent.no_keys());
        }
        files
    } else {
        args.files.clone()
    };
    let count = || agent::list(agent.socket()).map_or(0, |keys| keys.len());
    let before = count();
    let code = agent.add_all(&files, paths, !args.without_passphrases)?;
    if code == ExitCode::SUCCESS && !args.without_passphrases {
        let keyring = &agent.place.name;
        say(&match count().saturating_sub(before) {
            0 => format!("keyring {keyring} holds these keys already"),
            1 => format!("keyring {keyring} has 1 key more"),
            added => format!("keyring {keyring} has {added} keys more"),
        });
    }
    Ok(code)
}

/// Takes out what was loaded from the keyring's folder, and loads what is there now. What others added stays.
///
/// # Errors
/// No such keyring, its agent is another program's or refuses, or ssh-add cannot be run.
pub fn reload(args: &ReloadArgs, paths: &Paths) -> Result<ExitCode, Error> {
    let agent = Agent::of(&args.keyring, paths)?;
    let Some(record) = &agent.record else {
        return Err(Error::new(format!(
            "the keys of keyring {} come from another program's agent, {}",
            agent.place.name,
            agent.socket().display()
        ))
        .hint("add or remove keys in that program"));
    };
    let files = agent.folder_keys()?;
    let before = agent::list(agent.socket()).map_err(|error| agent.failed(&error))?;
    let loaded = record.keys();
    let ours = |key: &&ListedKey| loaded.iter().any(|ours| ours.blob == key.blob);
    for key in before.iter().filter(ours) {
        agent::remove(agent.socket(), &key.blob).map_err(|error| agent.failed(&error))?;
        record.forget(&key.blob)?;
    }
    let code = agent.add_all(&files, paths, true)?;
    let after = agent::list(agent.socket()).map_err(|error| agent.failed(&error))?;
    let is_in = |key: &ListedKey| after.iter().any(|other| other.blob == key.blob);
    for key in before.iter().filter(|key| !is_in(key)) {
        say(&format!("removed: {}", name_of(key)));
    }
    for key in before.iter().filter(|key| !ours(key)) {
        say(&format!(
            "left alone, as it was not loaded from the folder: {}",
            name_of(key)
        ));
    }
    if files.is_empty() {
        say(&agent.no_keys().plain());
    }
    let is_ours = |key: &&ListedKey| record.keys().iter().any(|ours| ours.blob == key.blob);
    let number = after.iter().filter(is_ours).count();
    let keys = if number == 1 { "key" } else { "keys" };
    say(&format!(
        "keyring {} reloaded: {number} {keys} from its folder",
        agent.place.name
    ));
    Ok(code)
}

fn name_of(key: &ListedKey) -> String {
    let facts = key.facts(&Ring);
    let comment = display::ascii(&key.comment, SHOWN_COMMENT);
    format!("{} {comment} ({})", facts.fingerprint, facts.algorithm)
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

struct Agent {
    place: KeyringPlace,
    record: Option<LoadRecord>,
}

impl Agent {
    fn of(untrusted_name: &str, paths: &Paths) -> Result<Self, Error> {
        let keyring =
            Keyring::from_argument(untrusted_name).map_err(|bad| Error::new(bad.to_string()))?;
        let config = VaultConfig::load(paths)?;
        let Some(place) = keyrings::of(&keyring, paths, &config) else {
            let folder = identities::folder(&paths.home, keyring.as_str());
            let what = format!("there is no keyring {keyring} here");
            return Err(Error::new(what).hint(format!(
                "a keyring is a folder of keys: `mkdir -p -m 700 {}`",
                folder.display()
            )));
        };
        start(&place, paths)?;
        let record = place.record();
        Ok(Self { place, record })
    }

    fn socket(&self) -> &Path {
        &self.place.socket
    }

    /// The key files of the keyring's folder; none if there is no folder.
    fn folder_keys(&self) -> Result<Vec<PathBuf>, Error> {
        let Some(folder) = &self.place.folder else {
            return Ok(Vec::new());
        };
        match identities::private_keys(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Error::io("read", folder, &error)
                .hint(format!("`ls -ld {}` shows whose it is", folder.display()))),
            Ok(keys) => Ok(keys),
        }
    }

    fn no_keys(&self) -> Error {
        let Some(folder) = &self.place.folder else {
            return Error::new(format!("keyring {} has no folder of keys", self.place.name))
                .hint("name the key files");
        };
        let folder = folder.display();
        Error::new(format!("no private key in {folder}")).hint(format!(
            "make one: `ssh-keygen -t ed25519 -f {folder}/id_ed25519`"
        ))
    }

    /// Adds each file; one that fails keeps none of the others out.
    fn add_all(&self, files: &[PathBuf], paths: &Paths, ask: bool) -> Result<ExitCode, Error> {
        let mut worst = ExitCode::SUCCESS;
        for file in files {
            if !ask || !io::stdin().is_terminal() {
                if let Err(error) = self.add_without_terminal(file, paths, ask) {
                    error.print();
                    worst = ExitCode::FAILURE;
                }
                continue;
            }
            let options = identities::options(file).map_err(Error::new)?;
            let mut words: Vec<&str> = options.iter().map(String::as_str).collect();
            words.push("--");
            let code = self.recording(file, || self.ssh_add(&words, Some(file)))?;
            if code != ExitCode::SUCCESS {
                worst = code;
            }
        }
        Ok(worst)
    }

    fn recording<T>(&self, file: &Path, load: impl FnOnce() -> T) -> T {
        match &self.record {
            Some(record) => record.recording(file, load),
            None => load(),
        }
    }

    /// From an autostart entry there is no terminal to type a passphrase into: the vault asks in a window.
    fn add_without_terminal(&self, file: &Path, paths: &Paths, ask: bool) -> Result<(), Error> {
        let failed = |why: String| Error::new(format!("{} was not loaded: {why}", file.display()));
        match identities::load_key(file, self.socket(), None, self.record.as_ref()) {
            Ok(()) => return Ok(()),
            Err(NotLoaded::Locked) if !ask => return Ok(()),
            Err(NotLoaded::Locked) => {}
            Err(why) => {
                let problem = KeyFileProblem::find(file);
                return Err(match problem.filter(|_| why == NotLoaded::BadFile) {
                    Some(problem) => failed(problem.to_string()).hint(problem.remedy(file)),
                    None => failed(why.to_string()),
                });
            }
        }
        let file_path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let request = Request::Load {
            keyring: self.place.name.to_string(),
            file: file_path,
        };
        match control_socket::ask_within(paths, &request, PERSON_TIME) {
            Ok(reply) => reply
                .error
                .map_or(Ok(()), |why| Err(failed(why.to_string()))),
            Err(_) => Err(failed(
                "it has a passphrase, and no vault runs that could ask for it".to_owned(),
            )
            .hint(format!(
                "in a terminal, `SSH_AUTH_SOCK={} ssh-add {}` asks for it",
                self.socket().display(),
                file.display()
            ))),
        }
    }

    fn nobody_answers(&self) -> Error {
        Error::new(format!("no agent answers on {}", self.socket().display())).hint(
            "start the vault, and this agent with it: `split-ssh vault`; if it is installed as a service, \
             `split-ssh doctor` says why it does not run",
        )
    }

    fn failed(&self, error: &AgentError) -> Error {
        let socket = self.socket().display();
        match error {
            AgentError::Unreachable(_) => self.nobody_answers(),
            AgentError::Refused => Error::new(format!(
                "the agent of keyring {} does not let its keys be taken out",
                self.place.name
            ))
            .hint(format!(
                "if it is locked, `SSH_AUTH_SOCK={socket} ssh-add -X` unlocks it"
            )),
            AgentError::Slow | AgentError::NotAnAgent => Error::new(format!("{socket}: {error}")),
        }
    }

    fn ssh_add(&self, words: &[&str], file: Option<&Path>) -> Result<ExitCode, Error> {
        // ssh-add's own words for it tell nobody what to do.
        if UnixStream::connect(self.socket()).is_err() {
            return Err(self.nobody_answers());
        }
        let mut command = Command::new("ssh-add");
        command
            .args(words)
            .args(file)
            .env("SSH_AUTH_SOCK", self.socket());
        let status = command.status().map_err(|error| {
            Error::new(format!("cannot run ssh-add: {error}")).hint("install openssh-client")
        })?;
        let code = status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1);
        if code == 2 {
            return Err(self.nobody_answers());
        }
        Ok(ExitCode::from(code))
    }
}
