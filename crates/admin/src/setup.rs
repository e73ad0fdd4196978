//! `split-ssh setup`: what the guide has a person do in a vault, in a client and in dom0. Each step looks first, so that
//! a second run changes nothing, and says what it did.

mod client;
mod dom0;
mod steps;
mod vault;

use std::path::PathBuf;
use std::process::ExitCode;

use policy::caller::{Caller, Keyring};

use super::doctor::{Machine, read_qubesdb, roles};
use crate::output::say;
use common::error::Error;
use common::paths::Paths;

/// Set up this qube as a vault or as a client, as the guide says
///
/// In a vault: a keyring with a key, and the service where no package brings it.
/// In a client: the way to the vault, where no package brings it. In dom0 it prints
/// what to paste there. It changes nothing that is there already.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// This qube keeps the keys
    #[arg(long, conflicts_with = "client")]
    vault: bool,

    /// Programs in this qube use the keys
    #[arg(long)]
    client: bool,

    /// The keyring to make, or to use
    #[arg(long, value_name = "KEYRING", default_value = "default", value_parser = keyring)]
    keyring: Keyring,

    /// The vault's name in dom0's lines
    #[arg(long, value_name = "QUBE", default_value = "vault", value_parser = qube)]
    vault_name: String,

    /// The client's name in dom0's lines
    #[arg(long, value_name = "QUBE", default_value = "work", value_parser = qube)]
    client_name: String,

    /// Look for the system's files below DIR
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

fn keyring(text: &str) -> Result<Keyring, String> {
    Keyring::from_argument(text).map_err(|bad| bad.to_string())
}

fn qube(text: &str) -> Result<String, String> {
    match Caller::parse(text) {
        Ok(Caller::Qube(name)) => Ok(name),
        Ok(_) => Err("a qube's name is expected".to_owned()),
        Err(bad) => Err(bad.to_string()),
    }
}

/// # Errors
/// It cannot be told what this qube is to be, or a step fails.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let machine = Machine::new(args.root.clone(), paths.clone());
    let (mut vault, mut client) = (args.vault_name.clone(), args.client_name.clone());
    // Only dom0 has the tools that manage qubes.
    if machine.has("/usr/bin/qvm-service") && !args.vault && !args.client {
        steps::paste(&dom0::lines(&vault, &client, &args.keyring));
        return Ok(ExitCode::SUCCESS);
    }
    let own_name = read_qubesdb(&machine, "/name");
    match (args.vault, args.client, roles(&machine)) {
        (true, _, _) | (false, false, (true, false)) => {
            vault = own_name.unwrap_or(vault);
            vault::set_up(&machine, &args.keyring)?;
        }
        (_, true, _) | (false, false, (false, true)) => {
            client = own_name.unwrap_or(client);
            client::set_up(&machine, &args.keyring)?;
        }
        (false, false, _) => {
            return Err(Error::new(
                "it cannot be told whether this qube is to be a vault or a client",
            )
            .hint(
                "where the keys are to be: `split-ssh setup --vault`; where ssh and git are used: \
                 `split-ssh setup --client`",
            ));
        }
    }
    say("in dom0, if that is not done yet, with the names of your qubes:");
    steps::paste(&dom0::lines(&vault, &client, &args.keyring));
    say("then `split-ssh doctor`, in either qube, says whether all is well");
    Ok(ExitCode::SUCCESS)
}
