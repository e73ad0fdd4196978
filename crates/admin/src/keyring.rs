//! `split-ssh list|add|reload KEYRING`, as in the official package: the keys in a keyring's own agent.
//! The owner is at the keyboard here, so ssh-add may ask for passphrases.

use std::io::{self, IsTerminal};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use policy::caller::{DEFAULT_KEYRING, Keyring};
use policy::crypto::Crypto as _;

use common::config::vault::VaultConfig;
use common::control;
use common::crypto::Ring;
use common::error::Error;
use common::identities::{self, NotLoaded};
use common::paths::Paths;
use guard::ask::prompt::Prompter;
use guard::keys::agent_unit;
use guard::sign::unlock::Unlock;

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// The keyring
    #[arg(default_value = "default")]
    keyring: String,
}

#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// The keyring
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
    keyring: String,
}

/// # Errors
/// No such keyring, or ssh-add cannot be run.
pub fn list(args: &ListArgs, paths: &Paths) -> Result<ExitCode, Error> {
    let agent = Agent::of(&args.keyring, paths)?;
    agent.ssh_add(&["-l"])
}

/// # Errors
/// No such keyring, no such key, or ssh-add cannot be run.
pub fn add(args: &AddArgs, paths: &Paths) -> Result<ExitCode, Error> {
    let agent = Agent::of(&args.keyring, paths)?;
    let files = if args.files.is_empty() {
        agent.folder_keys()?
    } else {
        args.files.clone()
    };
    let ask = !args.without_passphrases;
    agent.add_all(&files, paths, ask)
}

/// # Errors
/// No such keyring, or ssh-add cannot be run.
pub fn reload(args: &ReloadArgs, paths: &Paths) -> Result<ExitCode, Error> {
    let agent = Agent::of(&args.keyring, paths)?;
    let files = agent.folder_keys()?;
    if agent.ssh_add(&["-q", "-D"])? != ExitCode::SUCCESS {
        let socket = agent.socket.display();
        return Err(Error::new(format!(
            "the agent of keyring {} does not let its keys be taken out",
            agent.keyring
        ))
        .hint(format!(
            "if it is locked (ssh-add -x): SSH_AUTH_SOCK={socket} ssh-add -X"
        )));
    }
    agent.add_all(&files, paths, true)
}

/// The socket of the agent that is the keyring's own; systemd starts one that nobody has called yet.
fn own_agent(keyring: &Keyring, config: &VaultConfig, paths: &Paths) -> Result<PathBuf, Error> {
    let socket = paths.agent_runtime().join(format!("{keyring}.sock"));
    if UnixStream::connect(&socket).is_ok() {
        return Ok(socket);
    }
    let folder = identities::folder(&paths.home, keyring.as_str());
    let is_known = keyring.as_str() == DEFAULT_KEYRING
        || config.keyring.contains_key(keyring.as_str())
        || folder.is_dir();
    if !is_known {
        return Err(
            Error::new(format!("there is no keyring {keyring} here")).hint(format!(
                "a keyring is a folder of keys: mkdir -p -m 700 {}",
                folder.display()
            )),
        );
    }
    let units = paths.keyring_socket();
    if agent_unit::is_offered(&units) {
        agent_unit::start(keyring, &units)?;
    } else {
        // A vault that runs starts the agent of a folder that has come since. Whether it did is seen next.
        let _ = control::ask(
            paths,
            &control::Request::Reload {
                v: control::VERSION,
            },
        );
    }
    Ok(socket)
}

struct Agent {
    keyring: Keyring,
    socket: PathBuf,
    folder: PathBuf,
}

impl Agent {
    fn of(untrusted_name: &str, paths: &Paths) -> Result<Self, Error> {
        let keyring =
            Keyring::from_argument(untrusted_name).map_err(|bad| Error::new(bad.to_string()))?;
        let config = VaultConfig::load(&paths.config, &paths.system_config)?;
        let configured = config
            .keyring
            .get(keyring.as_str())
            .and_then(|keyring| keyring.agent.clone());
        let socket = match configured {
            Some(socket) => socket,
            None => own_agent(&keyring, &config, paths)?,
        };
        Ok(Self {
            socket,
            folder: identities::folder(&paths.home, keyring.as_str()),
            keyring,
        })
    }

    fn folder_keys(&self) -> Result<Vec<PathBuf>, Error> {
        let keys = identities::private_keys(&self.folder).map_err(|error| {
            let hint = match error.kind() {
                io::ErrorKind::NotFound => "put the keyring's private keys there".to_owned(),
                _ => format!("whose is it? ls -ld {}", self.folder.display()),
            };
            Error::io("read", &self.folder, &error).hint(hint)
        })?;
        if keys.is_empty() {
            return Err(
                Error::new(format!("no private key in {}", self.folder.display())).hint(format!(
                    "make one: ssh-keygen -t ed25519 -f {}/NAME",
                    self.folder.display()
                )),
            );
        }
        Ok(keys)
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
            let code = self.run(&words, Some(file))?;
            if code != ExitCode::SUCCESS {
                worst = code;
            }
        }
        Ok(worst)
    }

    /// From an autostart entry there is no terminal to type a passphrase into: a window asks.
    fn add_without_terminal(&self, file: &Path, paths: &Paths, ask: bool) -> Result<(), Error> {
        let failed = |why: String| Error::new(format!("{} was not loaded: {why}", file.display()));
        match identities::load_key(file, &self.socket, None) {
            Ok(()) => return Ok(()),
            Err(NotLoaded::Failed(why)) => return Err(failed(why)),
            Err(NotLoaded::Locked) if !ask => return Ok(()),
            Err(NotLoaded::Locked) => {}
        }
        let config = VaultConfig::load(&paths.config, &paths.system_config)?;
        // The owner is here: nobody can hang up.
        let (_here, client) = UnixStream::pair().map_err(|error| failed(error.to_string()))?;
        let unlock = Unlock {
            prompter: &Prompter::new(&config.prompt, paths),
            private: file,
            fingerprint: &self.fingerprint(file),
            why: format!("split-ssh add {}", self.keyring),
            by_hand: format!("split-ssh add {}", self.keyring),
        };
        unlock
            .unlock(&self.socket, &client, Instant::now() + Unlock::time())
            .map_err(failed)
    }

    fn fingerprint(&self, file: &Path) -> String {
        let locked = identities::locked_keys(&self.folder);
        let key = locked.iter().find(|key| key.private == file);
        key.map_or_else(
            || "no .pub file beside it".to_owned(),
            |key| Ring.fingerprint(&key.blob).0,
        )
    }

    fn nobody_answers(&self) -> Error {
        Error::new(format!("no agent answers on {}", self.socket.display())).hint(
            "start the vault: `split-ssh vault`, or `qvm-service VAULT split-ssh-vault on` in dom0",
        )
    }

    fn ssh_add(&self, words: &[&str]) -> Result<ExitCode, Error> {
        self.run(words, None)
    }

    fn run(&self, words: &[&str], file: Option<&Path>) -> Result<ExitCode, Error> {
        // ssh-add's own words for it tell nobody what to do.
        if UnixStream::connect(&self.socket).is_err() {
            return Err(self.nobody_answers());
        }
        let mut command = Command::new("ssh-add");
        command
            .args(words)
            .args(file)
            .env("SSH_AUTH_SOCK", &self.socket);
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
