//! The order of a list: servers take few keys of a login, so those come first that a rule allows for its host.

use testbed::agent::Agent;
use testbed::guarded::Guarded;
use testbed::keys::Key;
use testbed::lab::Lab;

/// The server takes six tries, and the key that it knows is the agent's ninth.
#[test]
fn the_key_for_the_host_comes_first() {
    let lab = Lab::new();
    let agent = Agent::start_named(&lab.world, "many");
    for number in 0..8 {
        agent.add(
            &lab.world,
            &Key::ed25519(&lab.world, &format!("other-{number}")),
        );
    }
    agent.add(&lab.world, &lab.key);
    let policy = format!(
        "default = \"ask\"\n[host.server]\nnames = [\"server\"]\n\
         [[rule]]\nkind = \"login\"\nhost = \"server\"\nkey = \"{}\"\naction = \"allow\"\n",
        lab.key.fingerprint(&lab.world)
    );
    let guarded = Guarded::over(Lab { agent, ..lab }, &policy);
    assert!(guarded.gets_in(&["server"]));
}
