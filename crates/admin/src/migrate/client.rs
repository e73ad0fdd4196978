//! A client of the guide's or of henn's scripts: lines in rc.local that listen, lines in ~/.bashrc that
//! point there.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::doctor::{Machine, read_qubesdb};
use super::super::dom0_policy::{Action, WantedRules};
use super::change::{Change, NewContent};
use super::documented::{self, Block};
use super::plan::{Part, Plan};
use super::scan::Found;

const VAULT_FILE: &str = "/rw/config/split-ssh-vault";
const SOCKET: &str = "/run/split-ssh-client/agent.sock";
const UNIT: &str = "/usr/lib/systemd/system/split-ssh-client.socket";
const PROFILE: &str = "/etc/profile.d/split-ssh.sh";

/// A file with lines that a document has.
struct Old {
    file: PathBuf,
    text: String,
    blocks: Vec<Block>,
    /// What the lines do.
    does: &'static str,
}

impl Old {
    /// `None` also for what cannot be written again as it was read.
    fn read(file: PathBuf, documents: &[&str], does: &'static str) -> Option<Self> {
        let text = fs::read_to_string(&file).ok()?;
        let blocks = documented::find(&text, documents);
        (!blocks.is_empty()).then_some(Self {
            file,
            text,
            blocks,
            does,
        })
    }

    fn take_out(&self) -> Change {
        let lines = self.blocks.iter().map(|block| &block.lines);
        let lines = lines.map(|lines| format!("{} to {}", lines.start(), lines.end()));
        let lines = lines.collect::<Vec<_>>().join(" and ");
        let left = documented::without(&self.text, &self.blocks);
        let why = format!("take out lines {lines}, which {}", self.does);
        Change::new(self.file.clone(), NewContent::Text(left), why)
    }

    fn takes_out(&self, found: &Found) -> bool {
        let mut blocks = self.blocks.iter();
        self.file == found.file && blocks.any(|block| block.lines.contains(&found.line))
    }
}

pub fn find(place: &Machine, found: &[Found], plan: &mut Plan) {
    let (rc_local, bashrc) = (
        place.at("/rw/config/rc.local"),
        place.paths.home.join(".bashrc"),
    );
    let rc_local = Old::read(rc_local, &documented::RC_LOCAL, "start the old client");
    let bashrc = Old::read(bashrc, &documented::BASHRC, "set SSH_AUTH_SOCK");
    let old = || rc_local.iter().chain(&bashrc);
    let blocks = old().flat_map(|old| &old.blocks);
    let mut vaults: Vec<&str> = blocks.map(|block| block.vault.as_str()).collect();
    vaults.sort_unstable();
    vaults.dedup();
    if vaults.is_empty() {
        return;
    }
    let names = vaults.join("`, `");
    let found_here = format!("a client of the guide's scripts, with the vault `{names}`");
    let mut part = Part::new(found_here);
    let is_other = |one: &&Found| one.calls_vault && !old().any(|old| old.takes_out(one));
    match (vaults.as_slice(), found.iter().find(is_other)) {
        _ if !place.has(UNIT) => part.by_hand.push(
            "first install split-ssh in this qube's template and restart the qube; then run this again"
                .to_owned(),
        ),
        ([vault], None) => {
            part.changes.extend(rc_local.iter().map(Old::take_out));
            // Without our profile nothing else would set the variable.
            if place.has(PROFILE) {
                part.changes.extend(bashrc.iter().map(Old::take_out));
            }
            switch_over(place, vault, &mut part);
        }
        // It would put its own socket over our link when the qube starts next.
        ([_], Some(other)) => part.by_hand.push(format!(
            "{}:{} starts a client too, in a way that no document has: take it out, then run this again",
            other.file.display(),
            other.line
        )),
        _ => part.by_hand.push(format!(
            "several vaults are beyond the documents: give each a [[vault]] in {}, take out the lines that start or \
             name the old clients, and let SSH_AUTH_SOCK be one of ~/.split-ssh/NAME.sock",
            place.paths.config.join("client.toml").display()
        )),
    }
    plan.add(part);
}

/// Names the vault to our client, which switches it on, and leads whatever knows the old socket to ours.
fn switch_over(place: &Machine, vault: &str, part: &mut Part) {
    if !place.has(VAULT_FILE) {
        part.changes.push(Change::new(
            place.at(VAULT_FILE),
            NewContent::Text(format!("{vault}\n")),
            "switches our client on and names its vault",
        ));
    }
    let link = place.paths.home.join(format!(".SSH_AGENT_{vault}"));
    if fs::read_link(&link).ok().as_deref() != Some(Path::new(SOCKET)) {
        let why = "so that whatever knows the old socket finds ours";
        part.changes
            .push(Change::new(link, NewContent::LinkTo(SOCKET.into()), why));
    }
    if part.changes.is_empty() {
        return;
    }
    let wanted = WantedRules {
        clients: vec![read_qubesdb(place, "/name").unwrap_or_else(|| "CLIENT".to_owned())],
        vault: vault.to_owned(),
        keyrings: Vec::new(),
        all_keyrings: false,
        action: Action::Ask,
        notify: false,
        autostart: true,
    };
    part.by_hand.push(format!(
        "in dom0, in /etc/qubes/policy.d/30-user-split-ssh.policy:\n{}",
        wanted.lines().unwrap_or_default().join("\n")
    ));
    let last = "in dom0, remove /etc/qubes-rpc/policy/qubes.SshAgent when no old client is left";
    part.by_hand.push(last.to_owned());
}
