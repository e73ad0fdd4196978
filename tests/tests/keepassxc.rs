//! KeePassXC, the real one, puts its keys into a keyring's own agent and takes them out again; a client sees them
//! come and go, and they sign as the policy and the person say.

use std::path::PathBuf;

use testbed::agent::ssh_add;
use testbed::children::{Running, finish, text};
use testbed::keepassxc::{Database, KeePassXc, Told};
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::split_ssh::{ClientQube, Vault};
use testbed::ssh::Client;
use testbed::sshd::Sshd;
use testbed::wait::wait_for;
use testbed::world::World;

const ASK: &str = "default = \"ask\"\n";
/// ssh-add's words, which the community guide quotes.
const NO_KEYS: &str = "The agent has no identities.";
const NO_ANSWER: &str = "error fetching identities: communication with agent failed";

/// What `ssh-add -L` says at a socket, on either output.
fn listed(world: &World, socket: &std::path::Path) -> String {
    text(&finish(ssh_add(world, socket).arg("-L")))
        .trim()
        .to_owned()
}

/// Where the agent of a keyring of our own is, as the guide tells KeePassXC's user.
fn own_agent(world: &World, keyring: &str) -> PathBuf {
    world.path(format!("vault/run/split-ssh/{keyring}.sock"))
}

/// The community guide's "Testing the KeePassXC Setup" and "Test Your Configuration", step by step.
#[test]
fn the_guides_test_of_the_configuration() {
    let world = World::new();
    let database = Database::create(&world);
    let qrexec = stand_in(&world, "client/qrexec", "ssh-client");
    let client = ClientQube::start_calling(&world, "client", qrexec.clone());

    // 1. Shut the vault down. 2. Try to fetch the identities.
    let vault_is_there = qrexec.join("qubes/vault");
    let vault_is_off = qrexec.join("vault-that-is-off");
    std::fs::rename(&vault_is_there, &vault_is_off).expect("a vault");
    assert_eq!(listed(&world, &client.socket), NO_ANSWER);
    assert!(
        client.status().contains("refused by dom0"),
        "{}",
        client.status()
    );

    // 4. Start the vault; its KeePassXC finds the agent as the package's profile.d says.
    std::fs::rename(&vault_is_off, &vault_is_there).expect("a vault");
    let vault = Vault::start_configured(&world, "", ASK, "");
    serve_socket(&qrexec, &vault.qrexec_socket);
    let agent = own_agent(&world, "default");
    let keepassxc = KeePassXc::start(&world, &database, Told::Environment(&agent));
    assert_eq!(listed(&world, &agent), NO_KEYS);
    assert_eq!(listed(&world, &client.socket), NO_KEYS);

    // … and unlock the database. 5. Try to fetch the identities.
    keepassxc.unlock();
    assert_eq!(listed(&world, &agent), database.key.line());
    assert_eq!(listed(&world, &client.socket), database.key.line());

    keepassxc.lock();
    assert_eq!(listed(&world, &agent), NO_KEYS);
    assert_eq!(listed(&world, &client.socket), database.key.line());
}

/// A vault with a keyring of KeePassXC's, and a qube that may use it.
struct Desk {
    keepassxc: KeePassXc,
    client: ClientQube,
    vault: Vault,
    server: Sshd,
    database: Database,
    world: World,
}

impl Desk {
    fn new() -> Self {
        let world = World::new();
        let database = Database::create(&world);
        let server = Sshd::start(&world);
        server.authorize(&database.key);
        let vault = Vault::start_configured(&world, "[keyring.work]\n", ASK, &server.known_host());
        let qrexec = stand_in(&world, "work/qrexec", "work");
        serve_socket(&qrexec, &vault.qrexec_socket);
        let client = ClientQube::start_configured(&world, "work", qrexec, "keyring = \"work\"\n");
        let agent = own_agent(&world, "work");
        let keepassxc = KeePassXc::start(&world, &database, Told::Override(&agent));
        Self {
            keepassxc,
            client,
            vault,
            server,
            database,
            world,
        }
    }

    fn in_the_client(&self) -> String {
        listed(&self.world, &self.client.socket)
    }

    fn in_the_agent(&self) -> String {
        listed(&self.world, &own_agent(&self.world, "work"))
    }

    /// A login that waits for an answer.
    fn login(&self, name: &str) -> Running {
        let user = Client::new(&self.world, &self.client.socket, &[&self.server]);
        let login = user.ssh(&["server", "echo inside"]);
        Running::start(login, &self.world.path(name))
    }

    /// How many questions there are.
    fn questions(&self) -> usize {
        let pending = finish(&mut self.vault.control(&["pending", "--json"])).stdout;
        let pending: serde_json::Value = serde_json::from_slice(&pending).expect("JSON");
        pending.as_array().expect("a list").len()
    }

    fn wait_for_a_question(&self) {
        wait_for("the question", || (self.questions() == 1).then_some(()));
    }
}

#[test]
fn its_keys_sign_as_the_person_says_and_logins_wait_for_it() {
    let desk = Desk::new();
    let key = desk.database.key.line();
    assert_eq!(desk.in_the_client(), NO_KEYS);
    desk.keepassxc.unlock();
    assert_eq!(desk.in_the_client(), key);

    let mut login = desk.login("allowed");
    desk.vault.answer("allow");
    assert!(login.wait().success(), "{}", login.log());
    assert_eq!(login.log(), "inside\n");

    // A question stands, and KeePassXC, whose window freezes while it waits, is not held up by it.
    let mut login = desk.login("denied");
    desk.wait_for_a_question();
    desk.keepassxc.lock();
    assert_eq!(
        (desk.in_the_agent().as_str(), desk.questions()),
        (NO_KEYS, 1)
    );
    desk.keepassxc.unlock();
    assert_eq!((desk.in_the_agent(), desk.questions()), (key.clone(), 1));
    desk.vault.answer("deny");
    assert!(!login.wait().success());

    // The yes comes when the key is gone already: the login waits until the owner unlocks the database.
    let mut login = desk.login("late");
    desk.wait_for_a_question();
    desk.keepassxc.lock();
    desk.vault.answer("allow");
    desk.keepassxc.unlock();
    assert!(login.wait().success(), "{}", login.log());
    assert_eq!(desk.server.logins(), 2);

    // The end of the session, with the database open.
    assert_eq!(desk.in_the_client(), key);
    desk.keepassxc.end();
    let agent = own_agent(&desk.world, "work");
    assert_eq!(listed(&desk.world, &agent), NO_KEYS);
    let in_the_client = listed(&desk.world, &desk.client.socket);
    assert_eq!(in_the_client, key, "a login would wait");
}
