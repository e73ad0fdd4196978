//! The official package's set-up: its files and names are ours, so there is little to do.

use super::super::doctor::Place;
use super::plan::{Part, Plan};

/// Its program that a vault ran for each keyring; our package replaces it.
const START_AGENT: &str = "/usr/lib/split-ssh/start-agent";

pub fn find(place: &Place, plan: &mut Plan) {
    if !place.has(START_AGENT) {
        return;
    }
    let mut part = Part::new("the official package qubes-split-ssh");
    part.by_hand.push(
        "install split-ssh in the template: it takes the package's place and keeps its keyrings, \
         /rw/config/split-ssh-vault and ~/.split-ssh sockets"
            .to_owned(),
    );
    part.by_hand.push(
        "dom0's lines stay good; a vault is switched on by `qvm-service VAULT split-ssh-vault on`"
            .to_owned(),
    );
    plan.add(part);
}
