//! `split-ssh serve`: sockets for sandboxes, served by this user's vault.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use policy::caller::Keyring;

use crate::control_socket;
use crate::output::{self, counted, prose};
use crate::running_vault;
use crate::shown_question::ascii;
use common::config::vault::VaultConfig;
use common::config::{self};
use common::control::{Request, SandboxState};
use common::error::Error;
use common::keyrings;
use common::paths::Paths;
use common::sandbox::{self, CountsAsForwarded, Sandbox, SandboxConfig, Vsock};
use common::trusted_files::{self, quoted};
use common::vault_start;

/// Where the examples put the folder inside a sandbox.
const INSIDE: &str = "/run/ssh";

/// Give a sandbox of this machine a socket that leads to the vault
///
/// A sandbox is a container, a virtual machine or any other place whose programs
/// should use some keys, and not the agent that holds them. The vault knows it by
/// its socket: it is sandbox:NAME in policy, questions and log. Without a running
/// vault this starts one, which stays as long as it has sandboxes.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    next_line_help = true
)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,

    /// The sandbox: letters, digits, `_`, `.` and `-`
    #[arg(required = true)]
    name: Option<String>,

    /// The keyring that it is for [default: default]
    #[arg(long, value_name = "KEYRING")]
    keyring: Option<String>,

    /// Listen here, in a folder of its own [default: where sockets are]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// Let this uid of this machine connect; may be repeated [default: yours]
    #[arg(long = "uid", value_name = "UID")]
    uids: Vec<u32>,

    /// Count all that comes by this socket as forwarded, as ssh -R brings it
    #[arg(long)]
    forwarded: bool,

    /// Listen at this vsock port, too, for the virtual machine with this CID
    #[arg(long, value_name = "CID:PORT", value_parser = vsock)]
    vsock: Option<Vsock>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the sandboxes
    List,
    /// Close a sandbox's socket, and end its connections
    Remove {
        /// As `split-ssh serve list` shows it
        name: String,
    },
}

/// # Errors
/// A name or setting is refused, a file cannot be written, or the vault does not start.
pub fn run(args: Args, paths: &Paths) -> Result<ExitCode, Error> {
    let said = match (&args.action, &args.name) {
        (Some(Action::List), _) => list(paths)?,
        (Some(Action::Remove { name }), _) => remove(name, paths)?,
        (None, Some(name)) => serve(name, &args, paths)?,
        (None, None) => {
            return Err(Error::new("no sandbox is named")
                .hint("`split-ssh serve NAME` makes one, `split-ssh serve list` shows them"));
        }
    };
    output::print(&said)?;
    Ok(ExitCode::SUCCESS)
}

fn serve(name: &str, args: &Args, paths: &Paths) -> Result<String, Error> {
    sandbox::check_name(name)?;
    let lock = trusted_files::lock(&sandbox::folder(paths))?;
    let file = sandbox::file(paths, name);
    let before = config::read_toml::<SandboxConfig>(&file)?;
    let elsewhere = sandbox::configured(paths)?;
    let elsewhere = elsewhere
        .iter()
        .find(|it| it.name == name && it.file != file);
    match elsewhere {
        Some(configured) if args.changed(SandboxConfig::default()) != SandboxConfig::default() => {
            let place = configured.file.display();
            let what = format!("sandbox {name} is configured in {place}");
            return Err(Error::new(what).hint(format!(
                "change [sandbox.{name}] there, then: split-ssh serve {name}"
            )));
        }
        Some(_) => {}
        None => {
            let config = args.changed(before.clone().unwrap_or_default());
            if before.as_ref() != Some(&config) {
                check_keyring(&config, paths)?;
                write(&file, &config)?;
            }
        }
    }
    let served = sandbox::configured(paths).and_then(|_| start(name, paths));
    if served.is_err() && elsewhere.is_none() {
        // A setting that cannot be served would also stop the next start of the vault.
        match before {
            Some(before) => write(&file, &before)?,
            None => remove_file(&file)?,
        }
        let _ = ask(paths);
    }
    drop(lock);
    served.map(|state| self::served(&state))
}

/// Has the vault serve it, and starts one if none runs.
fn start(name: &str, paths: &Paths) -> Result<SandboxState, Error> {
    drop(vault_start::connect(&paths.control_socket(), paths)?);
    let mut states = ask(paths)?.into_iter();
    let Some(state) = states.find(|state| state.name == name) else {
        let what = format!("the vault does not know sandbox {name}");
        return Err(Error::new(what));
    };
    match &state.trouble {
        Some(why) => {
            let what = format!("sandbox {name} is not served: {}", prose(why));
            Err(Error::new(what))
        }
        None => Ok(state),
    }
}

impl Args {
    /// The settings with what the command says instead.
    fn changed(&self, config: SandboxConfig) -> SandboxConfig {
        // As people type paths in a shell: from where they stand.
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let uids = (!self.uids.is_empty()).then(|| self.uids.clone());
        let forwarded = self.forwarded.then_some(CountsAsForwarded::Always);
        SandboxConfig {
            keyring: self.keyring.clone().or(config.keyring),
            socket: self.socket.as_ref().map(absolute).or(config.socket),
            uids: uids.or(config.uids),
            forwarded: forwarded.or(config.forwarded),
            vsock: self.vsock.or(config.vsock),
        }
    }
}

fn check_keyring(config: &SandboxConfig, paths: &Paths) -> Result<(), Error> {
    let Some(name) = &config.keyring else {
        return Ok(());
    };
    let keyring = Keyring::from_argument(name).map_err(|bad| Error::new(bad.to_string()))?;
    let vault = VaultConfig::load(paths)?;
    if keyrings::of(&keyring, paths, &vault).is_some() {
        return Ok(());
    }
    let folder = common::identities::folder(&paths.home, name);
    Err(Error::new(format!("this vault has no keyring {keyring}")).hint(format!(
        "put its keys into a folder: mkdir -p {0} && mv KEY {0}; or write [keyring.{keyring}] in vault.toml",
        folder.display()
    )))
}

fn write(file: &Path, config: &SandboxConfig) -> Result<(), Error> {
    let text = toml::to_string(config).map_err(|error| Error::new(error.to_string()))?;
    let text = format!("# Written by `split-ssh serve`.\n{text}");
    trusted_files::replace(file, text.as_bytes())
}

fn remove(name: &str, paths: &Paths) -> Result<String, Error> {
    let lock = trusted_files::lock(&sandbox::folder(paths))?;
    let configured = sandbox::configured(paths)?;
    let file = sandbox::file(paths, name);
    let Some(found) = configured.iter().find(|it| it.name == name) else {
        return Err(Error::new(format!("there is no sandbox {}", ascii(name)))
            .hint("`split-ssh serve list` shows those that there are"));
    };
    if found.file != file {
        let place = found.file.display();
        return Err(
            Error::new(format!("sandbox {name} is configured in {place}")).hint(format!(
                "remove [sandbox.{name}] there; then `split-ssh serve list` closes it"
            )),
        );
    }
    remove_file(&file)?;
    drop(lock);
    // Without a vault there is no socket to close.
    if control_socket::ask(paths, &Request::Status).is_ok() {
        ask(paths)?;
    }
    Ok(format!("sandbox {name} is no longer served\n"))
}

fn remove_file(file: &Path) -> Result<(), Error> {
    fs::remove_file(file).map_err(|error| Error::io("remove", file, &error))
}

fn list(paths: &Paths) -> Result<String, Error> {
    let configured = sandbox::configured(paths)?;
    if configured.is_empty() {
        return Ok("there are no sandboxes; `split-ssh serve NAME` makes one\n".to_owned());
    }
    let states = ask(paths).unwrap_or_else(|_| configured.iter().map(not_served).collect());
    Ok(states.iter().map(line).collect())
}

fn not_served(sandbox: &Sandbox) -> SandboxState {
    let trouble = format!("no vault runs: split-ssh serve {}", sandbox.name);
    SandboxState::of(sandbox, 0, Some(trouble))
}

/// Has the vault serve what is configured, and tells of all of it.
fn ask(paths: &Paths) -> Result<Vec<SandboxState>, Error> {
    let reply = running_vault::ask(&Request::Sandboxes, paths)?;
    Ok(reply.sandboxes.unwrap_or_default())
}

/// One sandbox in a list.
pub(crate) fn line(state: &SandboxState) -> String {
    let how = match &state.trouble {
        Some(why) => format!("NOT SERVED: {}", prose(why)),
        None => counted(state.connections, "connection", "connections"),
    };
    let forwarded = match state.forwarded {
        true => ", counts as forwarded",
        false => "",
    };
    format!(
        "{}  keyring {}, {}{forwarded}, {how}\n  {}\n",
        ascii(&state.name),
        ascii(&state.keyring),
        uids(state),
        ascii(&state.socket.display().to_string())
    )
}

pub(crate) fn uids(state: &SandboxState) -> String {
    let uids: Vec<String> = state.uids.iter().map(u32::to_string).collect();
    let uids = format!("for uid {}", uids.join(" and "));
    match state.vsock {
        Some(Vsock { cid, port }) => format!("{uids}, and CID {cid} at vsock port {port}"),
        None => uids,
    }
}

fn vsock(untrusted: &str) -> Result<Vsock, String> {
    let (cid, port) = untrusted.split_once(':').unwrap_or_default();
    match (cid.parse(), port.parse()) {
        (Ok(cid), Ok(port)) => Ok(Vsock { cid, port }),
        _ => Err("the machine's CID and a port are expected, such as 3:5000".to_owned()),
    }
}

/// What to do with the socket.
fn served(state: &SandboxState) -> String {
    let folder = state.socket.parent().unwrap_or(Path::new("/"));
    let folder = quoted(folder);
    let socket = state.socket.file_name().unwrap_or_default();
    let socket = socket.to_string_lossy();
    if let Some(Vsock { port, .. }) = state.vsock {
        return format!(
            "{}in the virtual machine, where its programs have no vsock of their own:\n  \
             socat UNIX-LISTEN:/run/ssh-agent.sock,fork,mode=600 VSOCK-CONNECT:2:{port}\n",
            line(state)
        );
    }
    format!(
        "{}give the sandbox the folder, read-only, for instance:\n  \
         podman run -v {folder}:{INSIDE}:ro -e SSH_AUTH_SOCK={INSIDE}/{socket} IMAGE\n\
         then check it: split-ssh doctor --sandbox {}\n",
        line(state),
        state.name
    )
}
