//! The order of a list: servers take few keys of a login, so those come first that a rule allows for its host.

use testbed::agent::Agent;
use testbed::children::{finish, text};
use testbed::guarded::Guarded;
use testbed::keys::Key;
use testbed::lab::Lab;
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::split_ssh::{ClientQube, Vault};
use testbed::world::World;

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

/// Nine keys in two vaults behind one socket, and a server that takes six tries. The first vault would ask about its five
/// keys; the second one allows its four there, of which the server knows the last.
#[test]
fn the_keys_that_are_allowed_for_the_host_come_first_of_all_vaults() {
    let lab = Lab::new();
    let start = |world: &World, agent: &Agent, policy: &str| {
        let socket = agent.socket.display();
        let config =
            format!("[keyring.default]\nagent = \"{socket}\"\n[carry]\nqubes = [\"work\"]\n");
        Vault::start_configured(world, &config, policy, &lab.known_hosts())
    };
    let add = |world: &World, agent: &Agent, count: usize| {
        for number in 0..count {
            agent.add(world, &Key::ed25519(world, &format!("other-{number}")));
        }
    };
    let asking = Agent::start_named(&lab.world, "asking");
    add(&lab.world, &asking, 5);
    let first = start(&lab.world, &asking, "default = \"ask\"\n");
    let second_world = World::new();
    let allowing = Agent::start(&second_world);
    add(&second_world, &allowing, 3);
    allowing.add(&second_world, &lab.key);
    let policy = "default = \"deny\"\n[host.server]\nnames = [\"server\"]\n\
                  [[rule]]\nkind = \"login\"\nhost = \"server\"\naction = \"allow\"\n";
    let second = start(&second_world, &allowing, policy);
    let qrexec = stand_in(&lab.world, "work/qrexec", "work");
    serve_socket(&qrexec, &first.qrexec_socket);
    let services = lab.world.directory("work/qrexec/qubes/second/services");
    std::os::unix::fs::symlink(&second.qrexec_socket, services.join("qubes.SshAgent"))
        .expect("our own folder");
    let merged = lab.world.path("work/merged.sock");
    let lines = format!(
        "[[vault]]\nname = \"second\"\nqube = \"second\"\nsocket = \"{}\"\nqrexec = \"{}\"\n\
         [merged]\nsocket = \"{}\"\n",
        lab.world.path("work/second.sock").display(),
        testbed::programs::qrexec_client_vm().display(),
        merged.display()
    );
    let _client = ClientQube::start_configured(&lab.world, "work", qrexec, &lines);
    let login = finish(&mut lab.client(&merged).ssh(&["server", "true"]));
    assert!(login.status.success(), "{}", text(&login));
}
