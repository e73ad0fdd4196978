//! The set-ups of the guides, old and new: a vault that is being started or is off, keyrings of every kind, agents
//! of the session behind them, and the key that is loaded when the session starts.

use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;
use testbed::agent::{Agent, ssh_add};
use testbed::children::{Running, finish, run, text};
use testbed::keys::Key;
use testbed::lab::LOGINS_AND_FILES;
use testbed::partners::{serve_as_the_guide_does, serve_by_stdio};
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::programs;
use testbed::split_ssh::{ClientQube, Vault};
use testbed::ssh::Client;
use testbed::sshd::Sshd;
use testbed::wait::wait_for;
use testbed::world::World;

/// ssh-add's words for no answer at all, which the community guide promises for a vault that is off.
const NO_ANSWER: &str = "error fetching identities: communication with agent failed";

fn list(world: &World, socket: &Path) -> std::process::Command {
    let mut command = ssh_add(world, socket);
    command.arg("-L");
    command
}

/// What `ssh-add -L` says, on either output.
fn listed(world: &World, socket: &Path) -> String {
    text(&finish(&mut list(world, socket))).trim().to_owned()
}

/// Signs a file with a key of the agent, and says whether that worked.
fn signs(world: &World, socket: &Path, key: &Key) -> bool {
    let letter = world.file("letter", "a letter");
    // With the private key beside it ssh-keygen would do without the agent.
    let public = world.file("public/key.pub", key.line());
    drop(std::fs::remove_file(world.path("letter.sig")));
    let mut sign = world.command("ssh-keygen");
    sign.args(["-Y", "sign", "-n", "file", "-f"])
        .arg(public)
        .arg(letter)
        .env("SSH_AUTH_SOCK", socket);
    finish(&mut sign).status.success() && world.path("letter.sig").exists()
}

/// The folders of a vault that is not started yet.
fn vault_folders(world: &World) {
    for folder in [
        "vault",
        "vault/config",
        "vault/.ssh",
        "vault/run",
        "vault/state",
    ] {
        world.directory(folder);
    }
    world.file("vault/config/policy.toml", LOGINS_AND_FILES);
}

/// A key in a keyring's folder, as the guide has it made.
fn key_in_folder(world: &World, keyring: &str) -> Key {
    let key = Key::ed25519(world, keyring);
    let folder = world.directory(format!("vault/.ssh/identities.d/{keyring}"));
    let private = folder.join(&key.comment);
    let public = private.with_extension("pub");
    std::fs::rename(&key.private, &private).expect("a key");
    std::fs::rename(&key.public, &public).expect("a key");
    Key {
        private,
        public,
        comment: key.comment,
    }
}

/// The call starts the vault: first there is no socket, then systemd listens there, and then the daemon comes.
#[test]
fn a_call_that_starts_the_vault_waits_for_it() {
    let world = World::new();
    vault_folders(&world);
    let key = key_in_folder(&world, "default");
    let socket = world.path("vault/run/qrexec.sock");
    let qrexec = stand_in(&world, "work/qrexec", "work");
    serve_socket(&qrexec, &socket);
    world.file("work/qrexec/policy", "* * * * allow delay=1500\n");
    let client = ClientQube::start_calling(&world, "work", qrexec);

    let mut asking = Running::start(list(&world, &client.socket), &world.path("asking"));
    wait_for("the call", || (client.calls() == 1).then_some(()));
    let listener = UnixListener::bind(&socket).expect("a socket");
    wait_for("the call at the vault", || {
        is_called(&listener).then_some(())
    });
    assert!(asking.exit_status().is_none(), "{}", asking.log());

    let mut daemon = world.command("/bin/sh");
    let activated =
        "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=qrexec exec \"$@\"";
    daemon
        .args(["-c", activated, "sh"])
        .arg(programs::split_ssh());
    for (flag, folder) in [("config", "config"), ("runtime", "run"), ("state", "state")] {
        daemon
            .arg(format!("--{flag}-dir"))
            .arg(world.path("vault").join(folder));
    }
    daemon.arg("vault").env("HOME", world.path("vault"));
    daemon.stdin(OwnedFd::from(listener));
    let mut daemon = daemon.spawn().expect("a shell");
    let status = asking.wait();
    let said = asking.log();
    kill(
        Pid::from_raw(i32::try_from(daemon.id()).expect("a pid")),
        Signal::SIGTERM,
    )
    .expect("our child");
    daemon.wait().expect("our child");
    assert!(status.success(), "{said}");
    assert_eq!(said.trim(), key.line());
}

/// Whether somebody waits to be accepted.
fn is_called(listener: &UnixListener) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    let mut waiting = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    poll(&mut waiting, PollTimeout::ZERO).expect("a socket can be polled") > 0
}

/// Without a socket service the call itself starts the daemon.
#[test]
fn a_call_starts_the_daemon_and_is_served() {
    let world = World::new();
    vault_folders(&world);
    let key = key_in_folder(&world, "work");
    let qrexec = stand_in(&world, "work/qrexec", "work");
    serve_by_stdio(&world, "work/qrexec", "vault");
    let client = ClientQube::start_configured(&world, "work", qrexec, "keyring = \"work\"\n");

    let said = listed(&world, &client.socket);
    let control = world.path("vault/run/split-ssh-vault/control.sock");
    let daemon = UnixStream::connect(&control).expect("a daemon");
    let peer = getsockopt(&daemon, PeerCredentials).expect("its pid");
    assert_eq!(said, key.line());
    assert!(signs(&world, &client.socket, &key));
    kill(Pid::from_raw(peer.pid()), Signal::SIGTERM).expect("the daemon");
    wait_for("its end", || (!control.exists()).then_some(()));
}

/// A vault that is off, in each of the ways in which qrexec says so: the words of the guide, at once, without a
/// second call, and the reason in `split-ssh status`.
#[test]
fn a_vault_that_is_off() {
    let world = World::new();
    let qrexec = stand_in(&world, "work/qrexec", "work");
    let client = ClientQube::start_calling(&world, "work", qrexec.clone());
    let service = qrexec.join("qubes/vault/services/qubes.SshAgent");
    let dead = world.path("dead.sock");
    drop(UnixListener::bind(&dead).expect("a socket"));
    let allow = "* * * * allow\n";

    type Off<'a> = (&'a str, &'a str, Option<&'a Path>, &'a str);
    let not_yet = world.path("vault/run/split-ssh-vault/qrexec.sock");
    let ways: [Off<'_>; 4] = [
        (
            "dom0 does not start it",
            "* * * * deny\n",
            None,
            "refused by dom0",
        ),
        ("it has no Split SSH", allow, None, "no such service"),
        (
            "its session is not there yet",
            allow,
            Some(&not_yet),
            "no such service",
        ),
        (
            "its daemon has ended",
            allow,
            Some(&dead),
            "qrexec failed in the vault",
        ),
    ];
    for (calls, (what, policy, socket, reason)) in ways.into_iter().enumerate() {
        world.file("work/qrexec/policy", policy);
        if let Some(socket) = socket {
            drop(std::fs::remove_file(&service));
            symlink(socket, &service).expect("a link");
        }
        assert_eq!(listed(&world, &client.socket), NO_ANSWER, "{what}");
        assert_eq!(client.calls(), calls + 1, "{what}");
        let status = client.status();
        let last = status.lines().find(|line| line.starts_with("  2"));
        assert!(
            last.is_some_and(|line| line.contains(reason)),
            "{what}: {status}"
        );
    }
    client.wait_until_alone();
}

/// ssh goes on with the keys that it has itself.
#[test]
fn a_vault_that_is_off_keeps_nobody_from_logging_in_otherwise() {
    let world = World::new();
    let server = Sshd::start(&world);
    let key = Key::ed25519(&world, "own");
    server.authorize(&key);
    let qrexec = stand_in(&world, "work/qrexec", "work");
    let qube = ClientQube::start_calling(&world, "work", qrexec);
    let user = Client::new(&world, &qube.socket, &[&server]);
    let without = finish(&mut user.ssh(&["server", "echo inside"]));
    assert!(
        text(&without).contains("Permission denied"),
        "{}",
        text(&without)
    );
    let own = format!("IdentityFile={}", key.private.display());
    let with = run(&mut user.ssh(&["-o", &own, "server", "echo inside"]));
    assert_eq!(with, "inside\n");
}

/// The vault's own no has other words than dom0's, and its reason is in the vault.
#[test]
fn a_refusal_is_told_where_it_was_made() {
    let world = World::new();
    vault_folders(&world);
    let key = key_in_folder(&world, "default");
    let policy = LOGINS_AND_FILES.replace("namespace = \"file\"", "namespace = \"git\"");
    let vault = Vault::start_configured(&world, "", &policy, "");
    let client = ClientQube::start(&world, &vault, "work");
    assert!(!signs(&world, &client.socket, &key));
    let status = text(&finish(&mut vault.control(&["status"])));
    assert!(status.contains(" work  denied sshsig "), "{status}");
    assert!(client.status().contains(" 0 failed"), "{}", client.status());
    for (mut command, place) in [
        (
            vault.control(&["status", "--json"]),
            "/vault/refusals/0/qube",
        ),
        (client.control(&["status", "--json"]), "/clients/0/served"),
    ] {
        let json: serde_json::Value = serde_json::from_str(&run(&mut command)).expect("JSON");
        assert!(json.pointer(place).is_some(), "{json:#}");
    }

    let unknown = ClientQube::start_configured(
        &world,
        "other",
        client.qrexec.clone(),
        "keyring = \"nobody\"\n",
    );
    let said = listed(&world, &unknown.socket);
    assert_eq!(said, "error fetching identities: agent refused operation");
    let status = text(&finish(&mut vault.control(&["status"])));
    assert!(status.contains("there is no such keyring"), "{status}");
}

/// `KEY.ssh-add-option`: here `-c`, which ssh-agent honours by a no, since it has no program to ask with.
#[test]
fn options_beside_a_key_are_honoured() {
    let world = World::new();
    vault_folders(&world);
    let free = key_in_folder(&world, "work");
    let bound = Key::ed25519(&world, "bound");
    let folder = world.path("vault/.ssh/identities.d/work");
    std::fs::copy(&bound.private, folder.join("bound")).expect("a copy");
    world.file("vault/.ssh/identities.d/work/bound.ssh-add-option", "-c\n");
    let vault = Vault::start_configured(&world, "", LOGINS_AND_FILES, "");
    let qrexec = stand_in(&world, "work/qrexec", "work");
    serve_socket(&qrexec, &vault.qrexec_socket);
    let client = ClientQube::start_configured(&world, "work", qrexec, "keyring = \"work\"\n");
    for reloaded in [false, true] {
        let keys = listed(&world, &client.socket);
        assert!(
            keys.contains(&free.line()) && keys.contains(&bound.line()),
            "{keys}"
        );
        assert!(signs(&world, &client.socket, &free), "reloaded: {reloaded}");
        assert!(
            !signs(&world, &client.socket, &bound),
            "reloaded: {reloaded}"
        );
        run(&mut vault.control(&["reload", "work"]));
    }
}

/// gpg-agent with ssh support, and a key of gpg's own.
struct GpgAgent {
    _process: Running,
    socket: PathBuf,
    line: String,
}

impl GpgAgent {
    fn start(world: &World) -> Self {
        let home = world.directory("gnupg");
        let gpg = |program: &str, words: &[&str]| {
            let mut command = world.command(program);
            command.arg("--homedir").arg(&home).args(words);
            command
        };
        let socket = run(&mut gpg("gpgconf", &["--list-dirs", "agent-ssh-socket"]));
        let socket = PathBuf::from(socket.trim());
        let words = ["--enable-ssh-support", "--daemon", "--no-detach"];
        let process = Running::start(gpg("gpg-agent", &words), &world.path("gpg-agent"));
        testbed::wait::wait_for_socket(&socket);
        let make = ["--batch", "--pinentry-mode", "loopback", "--passphrase", ""];
        let key = [
            "--quick-generate-key",
            "a@example.org",
            "ed25519",
            "auth",
            "never",
        ];
        run(&mut gpg("gpg", &[&make[..], &key].concat()));
        let keys = run(&mut gpg("gpg", &["--with-colons", "--with-keygrip", "-K"]));
        let grip = keys
            .lines()
            .find_map(|line| line.strip_prefix("grp:::::::::"));
        let grip = grip.expect("a keygrip").trim_end_matches(':');
        world.file("gnupg/sshcontrol", format!("{grip}\n"));
        let line = listed(world, &socket);
        assert!(line.starts_with("ssh-ed25519 "), "{line}");
        Self {
            _process: process,
            socket,
            line,
        }
    }
}

/// One vault: a folder's keyring, another agent's, gpg-agent's, and two that share an agent.
#[test]
fn keyrings_with_agents_of_every_kind() {
    let world = World::new();
    vault_folders(&world);
    let server = Sshd::start(&world);
    let folder = key_in_folder(&world, "folder");
    let other = Agent::start_named(&world, "other");
    let others = Key::ed25519(&world, "others");
    other.add(&world, &others);
    let shared = Agent::start_named(&world, "shared");
    let (left, right) = (Key::ed25519(&world, "left"), Key::ed25519(&world, "right"));
    shared.add(&world, &left);
    shared.add(&world, &right);
    let gpg = GpgAgent::start(&world);

    let at = |socket: &Path| format!("agent = \"{}\"\n", socket.display());
    let only = |key: &Key| format!("keys = [\"{}\"]\n", key.fingerprint(&world));
    let config = [
        "[keyring.other]\n".to_owned(),
        at(&other.socket),
        "[keyring.gpg]\n".to_owned(),
        at(&gpg.socket),
        "[keyring.left]\n".to_owned(),
        at(&shared.socket),
        only(&left),
        "[keyring.right]\n".to_owned(),
        at(&shared.socket),
        only(&right),
    ];
    let vault = Vault::start_configured(
        &world,
        &config.concat(),
        LOGINS_AND_FILES,
        &server.known_host(),
    );
    let qrexec = stand_in(&world, "work/qrexec", "work");
    serve_socket(&qrexec, &vault.qrexec_socket);

    let lines = [
        ("folder", folder.line()),
        ("other", others.line()),
        ("gpg", gpg.line.clone()),
        ("left", left.line()),
        ("right", right.line()),
    ];
    let calls = lines.iter().map(|(name, _)| (*name, "vault"));
    let client = client_of(&world, qrexec, calls);
    for (name, line) in lines {
        let socket = client.socket.with_file_name(format!("{name}.sock"));
        assert_eq!(listed(&world, &socket), line, "{name}");
        server.authorize_line(&line);
        let user = Client::new(&world, &socket, &[&server]);
        assert_eq!(
            run(&mut user.ssh(&["server", "echo inside"])),
            "inside\n",
            "{name}"
        );
    }
    assert!(!signs(
        &world,
        &client.socket.with_file_name("left.sock"),
        &right
    ));
}

/// One qube that uses our vault and, as before, one that has not been changed yet.
#[test]
fn a_qube_of_two_vaults() {
    let world = World::new();
    vault_folders(&world);
    let new = key_in_folder(&world, "new");
    let agent = Agent::start_named(&world, "agent");
    let old = Key::ed25519(&world, "old");
    agent.add(&world, &old);
    let vault = Vault::start_configured(&world, "", LOGINS_AND_FILES, "");
    let qrexec = stand_in(&world, "work/qrexec", "work");
    serve_socket(&qrexec, &vault.qrexec_socket);
    stand_in(&world, "older", "work");
    serve_as_the_guide_does(&world, "older", &agent.socket);
    symlink(
        world.path("older/qubes/vault"),
        qrexec.join("qubes/ssh-vault"),
    )
    .expect("a link");

    let calls = [("new", "vault"), ("old", "ssh-vault")];
    let client = client_of(&world, qrexec, calls.into_iter());
    for (name, key) in [("new", new), ("old", old)] {
        let socket = client.socket.with_file_name(format!("{name}.sock"));
        assert_eq!(listed(&world, &socket), key.line(), "{name}");
        assert!(signs(&world, &socket, &key), "{name}");
    }
}

/// A client with a `[[vault]]` for each keyring and the qube that has it.
fn client_of<'a>(
    world: &World,
    qrexec: PathBuf,
    calls: impl Iterator<Item = (&'a str, &'a str)>,
) -> ClientQube {
    let folder = world.path("work");
    let entries = calls.map(|(name, qube)| {
        format!(
            "[[vault]]\nname = \"{name}\"\nqube = \"{qube}\"\nkeyring = \"{name}\"\nsocket = \"{}\"\nqrexec = \"{}\"\n",
            folder.join(format!("{name}.sock")).display(),
            programs::qrexec_client_vm().display(),
        )
    });
    let entries: String = entries.collect();
    ClientQube::start_configured(world, "work", qrexec, &entries)
}

/// The guide's autostart entry: `ssh-add` asks for the passphrase when the session starts, and the key is in the
/// keyring's own agent.
#[test]
fn the_session_loads_a_key_by_autostart() {
    let world = World::new();
    vault_folders(&world);
    let private = world.path("vault/.ssh/id_ed25519");
    let mut make = world.command("ssh-keygen");
    make.args(["-q", "-t", "ed25519", "-a", "1", "-N", "a secret", "-f"]);
    run(make.arg(&private));
    let key = Key {
        public: private.with_extension("pub"),
        comment: "user@vault".to_owned(),
        private,
    };
    let vault = Vault::start_configured(&world, "", LOGINS_AND_FILES, "");
    let client = ClientQube::start(&world, &vault, "ssh-client");
    assert_eq!(
        listed(&world, &client.socket),
        "The agent has no identities."
    );

    let entry = world.file(
        "vault/.config/autostart/ssh-add.desktop",
        format!(
            "[Desktop Entry]\nName=ssh-add\nExec=ssh-add {}\nType=Application\n",
            key.private.display()
        ),
    );
    let askpass = world.script("askpass", "#!/bin/sh\necho a secret\n");
    let entry = std::fs::read_to_string(entry).expect("our own file");
    let line = entry.lines().find_map(|line| line.strip_prefix("Exec="));
    let mut session = world.command("/bin/sh");
    session.args(["-c", line.expect("a program")]);
    session
        .env(
            "SSH_AUTH_SOCK",
            world.path("vault/run/split-ssh/default.sock"),
        )
        .env("SSH_ASKPASS", askpass)
        .env("DISPLAY", ":0");
    run(&mut session);

    assert_eq!(listed(&world, &client.socket), key.line());
    assert!(signs(&world, &client.socket, &key));
}

#[test]
fn a_keyring_made_while_the_vault_runs_is_there_at_once() {
    let world = World::new();
    vault_folders(&world);
    let vault = Vault::start_configured(&world, "", LOGINS_AND_FILES, "");
    let key = key_in_folder(&world, "later");
    let listed = run(&mut vault.control(&["list", "later"]));
    assert!(listed.contains(&key.fingerprint(&world)), "{listed}");
}

/// A name that was mistyped starts no agent, and is not shown as an empty keyring.
#[test]
fn a_keyring_that_is_not_there_is_said_to_be_missing() {
    let world = World::new();
    vault_folders(&world);
    let vault = Vault::start_configured(&world, "[keyring.named]\n", LOGINS_AND_FILES, "");
    for words in [["list", "wrok"], ["add", "wrok"], ["reload", "wrok"]] {
        let output = finish(&mut vault.control(&words));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("no keyring wrok here"),
            "{said}"
        );
        assert!(said.contains("mkdir -p -m 700 "), "{said}");
    }
    assert!(!world.path("vault/run/split-ssh/wrok.sock").exists());
    for known in ["default", "named"] {
        let said = text(&finish(&mut vault.control(&["list", known])));
        assert!(said.contains("no identities"), "{said}");
    }
}
