//! `split-ssh doctor`: what is wrong in this qube, and how to fix it. Each check is one line; it only
//! looks, and changes nothing.

mod client;
mod desktop;
mod finding;
mod hosts;
mod keyrings;
mod keys;
mod log;
mod mounts;
mod owner;
mod place;
mod policy;
mod qube;
mod qubesdb;
mod rpc_config;
mod sandboxes;
mod service;
mod settings;
mod units;
mod vault;

use std::path::PathBuf;
use std::process::ExitCode;

use finding::{Finding, Findings};
pub(super) use place::{Machine, name_of, paths_in, text_of};
pub(super) use qubesdb::read as read_qubesdb;
pub(super) use units::{CLIENT, VAULT};

use super::output;
use common::error::Error;
use common::paths::Paths;

/// Find what is wrong in this vault or client, and how to fix it
///
/// The exit code is 0 if nothing is bad, with or without warnings.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Look at this qube as a vault [default: if it is one]
    #[arg(long)]
    vault: bool,

    /// Look at this qube as a client [default: if it is one]
    #[arg(long)]
    client: bool,

    /// Look at one sandbox only
    #[arg(long, value_name = "NAME", conflicts_with_all = ["vault", "client"])]
    sandbox: Option<String>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Look for the system's files below DIR
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

/// Exit code 1 if anything is bad.
///
/// # Errors
/// None but those of JSON, which cannot come.
pub fn run(args: &Args, paths: &Paths) -> Result<ExitCode, Error> {
    let place = Machine::new(args.root.clone(), paths.clone());
    let mut findings = Findings::default();
    match owner::other_user(&place) {
        Some(name) => {
            findings.side = "user";
            findings.check("user").bad(
                format!("split-ssh runs as {name} here, and you are somebody else"),
                format!("sudo -u {name} split-ssh doctor"),
            );
        }
        None => check(args, &place, &mut findings),
    }
    let ok = findings.is_well();
    let text = if args.json {
        let checks = &findings.all;
        output::json(&Report { ok, checks })?
    } else {
        let inside = args.sandbox.as_ref().map_or("", |_| sandboxes::INSIDE);
        findings.to_text() + inside
    };
    // `split-ssh doctor | head` is no failure.
    drop(output::print(&text));
    Ok(output::exit_code(ok))
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Report<'f> {
    ok: bool,
    checks: &'f [Finding],
}

/// Whether this qube is set up as a vault, and whether as a client.
pub(super) fn roles(place: &Machine) -> (bool, bool) {
    (vault::is_meant(place), client::is_meant(place))
}

fn check(args: &Args, place: &Machine, findings: &mut Findings) {
    if let Some(name) = &args.sandbox {
        findings.side = "vault";
        return sandboxes::check_one(name, place, findings);
    }
    let named = args.vault || args.client;
    let as_vault = args.vault || (!named && vault::is_meant(place));
    let as_client = args.client || (!named && client::is_meant(place));
    if as_vault {
        findings.side = "vault";
        vault::check(place, findings);
    }
    if as_client {
        findings.side = "client";
        client::check(place, findings);
    }
    if as_vault && as_client {
        findings.side = "both";
        findings.check("both").warn(
            "this qube is a vault and a client: programs in this qube can reach the keys directly",
            format!(
                "in dom0, switch off what it is not meant to be: qvm-service {} split-ssh-vault off; \
                 keys belong into a qube of their own, and qrexec never lets a qube call itself",
                qubesdb::own_name(place)
            ),
        );
    }
    if !as_vault && !as_client {
        findings.side = "qube";
        findings.check("role").bad(
            "this qube is set up neither as a vault nor as a client",
            format!(
                "in dom0: qvm-service {0} split-ssh-vault on, or qvm-service {0} split-ssh-client on; \
                 then restart the qube",
                qubesdb::own_name(place)
            ),
        );
        client::check_old(place, findings);
    }
}
