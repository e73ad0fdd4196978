//! Lists of keys that a client remembers, and what a client of one vault does when that is not there.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use testbed::lab::{LOGINS_AND_FILES, Lab};
use testbed::message::{self, Message};
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::raw::{Connection, identities};
use testbed::split_ssh::{ClientQube, Vault};
use testbed::wait::{wait_for, wait_for_listener};

/// A vault that carries, and a client of it with a merged socket and further lines.
struct Single {
    client: ClientQube,
    merged: PathBuf,
    vault: Option<Vault>,
    lab: Lab,
}

impl Single {
    fn new(lab: Lab, carry: &str, lines: &str) -> Self {
        let vault = Self::start(&lab, carry);
        let qrexec = stand_in(&lab.world, "work/qrexec", "work");
        serve_socket(&qrexec, &vault.qrexec_socket);
        let merged = lab.world.path("work/merged.sock");
        let lines = format!("{lines}\n[merged]\nsocket = \"{}\"\n", merged.display());
        let client = ClientQube::start_configured(&lab.world, "work", qrexec, &lines);
        wait_for_listener(&merged);
        Self {
            client,
            merged,
            vault: Some(vault),
            lab,
        }
    }

    fn start(lab: &Lab, carry: &str) -> Vault {
        let config = format!(
            "[keyring.default]\nagent = \"{}\"\n[carry]\nqubes = [\"work\"]\n{carry}",
            lab.agent.socket.display()
        );
        Vault::start_configured(&lab.world, &config, LOGINS_AND_FILES, &lab.known_hosts())
    }

    fn restart(&mut self, carry: &str) {
        self.vault = None;
        self.vault = Some(Self::start(&self.lab, carry));
    }

    fn sign(&self) -> Message {
        message::sign(&self.lab.key.blob(), &message::sshsig("file", &[7; 64]))
    }

    fn lists(&self, socket: &Path) -> bool {
        testbed::raw::list(socket).is_some_and(|keys| keys == [self.lab.key.blob()])
    }

    fn remembered(&self) -> PathBuf {
        remembered(&self.lab)
    }
}

/// Where the client keeps the keys of its vault.
fn remembered(lab: &Lab) -> PathBuf {
    let folder = lab.world.path("work/state/remembered-keys");
    folder.join("vault.identities")
}

/// Where a vault forbids it, or comes to do so, nothing is kept; nor where it cannot be asked.
#[test]
fn a_vault_may_forbid_that_its_list_is_remembered() {
    let mut scene = Single::new(Lab::new(), "", "start = \"on-use\"\n");
    assert!(scene.lists(&scene.merged) && scene.remembered().exists());
    scene.restart("remember = false\n");
    // Nothing tells the client before it calls.
    assert!(scene.lists(&scene.merged) && scene.remembered().exists());
    let signed = Connection::open(&scene.merged).ask(&scene.sign());
    assert!(signed.signature().is_some());
    assert!(!scene.remembered().exists());
    assert!(scene.lists(&scene.merged) && !scene.remembered().exists());
    let cannot_be_told = Single::new(Lab::new(), "", "start = \"on-use\"\ncarry = false\n");
    for calls in 1..=2 {
        assert!(cannot_be_told.lists(&cannot_be_told.merged));
        assert_eq!(cannot_be_told.client.calls(), calls);
    }
    assert!(!cannot_be_told.remembered().exists());
}

/// What is no list, or may be somebody else's, is as nothing: the vault is asked, and the file written again.
#[test]
fn a_remembered_list_that_cannot_be_trusted_is_none() {
    let list = [message::IDENTITIES, 0, 0, 0, 0];
    // Who is not root cannot make a file somebody else's.
    let uid = nix::unistd::getuid().as_raw();
    let other = if uid == 0 { 65534 } else { uid };
    let more = [list.as_slice(), b"more"].concat();
    let cases: [(&[u8], u32, u32); 6] = [
        (b"", uid, 0o600),
        (b"{\"v\":0,\"keys\":[]}", uid, 0o600),
        (&more, uid, 0o600),
        (&vec![0; 1 << 20], uid, 0o600),
        (if other == uid { b"" } else { &list }, other, 0o600),
        (&list, uid, 0o666),
    ];
    for (number, (content, owner, mode)) in cases.into_iter().enumerate() {
        let lab = Lab::new();
        let file = lab
            .world
            .file("work/state/remembered-keys/vault.identities", content);
        lab.world.directory("work/state/remembered-keys");
        chown(&file, Some(owner), None).expect("our own file");
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).expect("a file");
        let scene = Single::new(lab, "", "start = \"on-use\"\n");
        assert!(scene.lists(&scene.merged), "{number}");
        assert_eq!(scene.client.calls(), 1, "{number}");
        let metadata = std::fs::metadata(&file).expect("a remembered list");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{number}");
        assert!(scene.lists(&scene.merged), "{number}");
    }
}

/// Only who uses its own socket calls a vault with `start = "never"`. While its call is open, the merged agent has its keys.
#[test]
fn a_vault_that_is_never_started_is_used_while_it_is_there() {
    let scene = Single::new(Lab::new(), "", "start = \"never\"\n");
    let merged = || Connection::open(&scene.merged);
    assert!(!scene.lists(&scene.merged));
    assert_eq!(merged().ask(&scene.sign()).number(), Some(message::FAILURE));
    assert_eq!(scene.client.calls(), 0);
    assert!(scene.lists(&scene.client.socket));
    assert!(scene.lists(&scene.merged));
    assert!(merged().ask(&scene.sign()).signature().is_some());
    assert_eq!(scene.client.calls(), 1);
}

/// Fifty connections on one call: when the vault restarts they go on by the next one, with their binds.
#[test]
fn carried_connections_outlive_their_vault() {
    let mut scene = Single::new(Lab::new(), "", "");
    let mut connections: Vec<Connection> =
        (0..50).map(|_| Connection::open(&scene.merged)).collect();
    for connection in &mut connections {
        let listed = connection.ask(&Message::of(message::LIST));
        assert_eq!(identities(&listed), Some(vec![scene.lab.key.blob()]));
    }
    assert_eq!(scene.client.calls(), 1);
    scene.restart("");
    let sign = scene.sign();
    connections
        .iter_mut()
        .for_each(|connection| connection.send(&sign));
    for connection in &mut connections {
        assert!(connection.answer().signature().is_some());
    }
    assert!(scene.client.calls() <= 3, "{} calls", scene.client.calls());
}

/// Through the merged socket, too, the client knows that the vault asks, and in a word what came of it. Who waits is told
/// once for all that waits.
#[test]
fn the_client_tells_of_questions() {
    let lab = Lab::new();
    let notify = format!(
        "#!/bin/sh\nfor word; do :; done\necho \"$word\" >>{}\n",
        lab.world.path("notified").display()
    );
    lab.world.script("work/bin/notify-send", notify);
    let notified = || std::fs::read_to_string(lab.world.path("notified")).unwrap_or_default();
    let config = format!(
        "[keyring.default]\nagent = \"{}\"\n[carry]\nqubes = [\"work\"]\n",
        lab.agent.socket.display()
    );
    let vault = Vault::start_configured(&lab.world, &config, "default = \"ask\"\n", "");
    let qrexec = stand_in(&lab.world, "work/qrexec", "work");
    serve_socket(&qrexec, &vault.qrexec_socket);
    let merged = lab.world.path("work/merged.sock");
    let lines = format!("[merged]\nsocket = \"{}\"\n", merged.display());
    let client = ClientQube::start_configured(&lab.world, "work", qrexec, &lines);
    wait_for_listener(&merged);
    let mut connections = [(); 3].map(|()| Connection::open(&merged));
    for (number, connection) in connections.iter_mut().enumerate() {
        let _ = connection.ask(&Message::of(message::LIST));
        let data = message::sshsig(["file", "git"][number % 2], &[7; 64]);
        connection.send(&message::sign(&lab.key.blob(), &data));
    }
    wait_for("the status", || {
        let status = client.status();
        let words = "WAITING FOR YOUR ANSWER IN THE VAULT: 3";
        status.contains(words).then_some(())
    });
    let waiting = "A program here wants a signature by vault vault.\n";
    wait_for("a notification", || (notified() == waiting).then_some(()));
    vault.answer("deny");
    vault.answer("deny");
    for connection in &mut connections {
        assert_eq!(connection.answer().number(), Some(message::FAILURE));
    }
    let status = client.status();
    assert!(status.contains("refused: denied in the vault"), "{status}");
    let told = format!("{waiting}Vault vault: denied in the vault.\n");
    wait_for("the reason", || (notified() == told).then_some(()));
    wait_for("its end", || {
        (!client.status().contains("WAITING")).then_some(())
    });
    assert_eq!(notified(), told);
}
