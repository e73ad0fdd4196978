//! What greedy, slow and garbled streams cost a vault: a bounded amount, and nobody else.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::unistd::geteuid;
use testbed::agent::Agent;
use testbed::children::{Running, finish, text};
use testbed::keys::Key;
use testbed::message::{self, Message};
use testbed::raw::{self, Answer, Connection};
use testbed::split_ssh::Vault;
use testbed::wait::{wait_for, wait_for_listener};
use testbed::world::World;

const ALLOW: &str = "default = \"deny\"\n[[rule]]\nkind = \"sshsig\"\naction = \"allow\"\n";

struct Bench {
    world: World,
    agent: Agent,
    vault: Vault,
    key: Vec<u8>,
}

impl Bench {
    fn new(limits: &str) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        agent.add(&world, &key);
        let config = format!(
            "[keyring.default]\nagent = \"{}\"\n{limits}",
            agent.socket.display()
        );
        let vault = Vault::start_configured(&world, &config, ALLOW, "");
        Self {
            key: key.blob(),
            world,
            agent,
            vault,
        }
    }

    fn call(&self, qube: &str) -> Connection {
        Connection::call(&self.vault.qrexec_socket, qube)
    }

    fn is_served(&self, qube: &str) -> bool {
        let mut connection = self.call(qube);
        let listed = raw::identities(&connection.ask(&Message::of(message::LIST)));
        let data = message::sshsig("git", &[7; 64]);
        let signed = connection.ask(&message::sign(&self.key, &data));
        listed == Some(vec![self.key.clone()]) && signed.signature().is_some()
    }

    fn has_record(&self, event: &str, reason: &str) -> bool {
        self.vault.records().iter().any(|record| {
            record["event"] == event
                && record["reason"]
                    .as_str()
                    .is_some_and(|said| said.contains(reason))
        })
    }

    fn resident_kib(&self) -> u64 {
        self.process_has("VmRSS:")
    }

    fn threads(&self) -> u64 {
        self.process_has("Threads:")
    }

    /// A number of the vault's process, by its name in `proc(5)`.
    fn process_has(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.vault.process.pid()));
        let status = status.expect("the vault runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .expect("a number");
        line.trim()
            .trim_end_matches(" kB")
            .trim()
            .parse()
            .expect("a number")
    }
}

#[test]
fn a_thousand_connections_of_one_qube_disturb_no_other() {
    let bench = Bench::new("");
    let before = bench.resident_kib();
    let half = Message::of(message::SIGN).raw(vec![0; 200_000]).framed();
    let held: Vec<Connection> = (0..1000)
        .map(|_| {
            let mut connection = bench.call("greedy");
            connection.send_bytes(&half[..100_000]);
            connection
        })
        .collect();
    assert!(bench.is_served("work"), "another qube is served meanwhile");
    // 64 streams with a message of at most 256 KiB each, their threads, and room for the allocator.
    let grown = bench.resident_kib().saturating_sub(before);
    assert!(grown < 64 * 2 * 256 + 16 * 1024, "grew by {grown} KiB");
    wait_for("a record of the limit", || {
        bench
            .has_record("limit", "as many streams as one qube may have")
            .then_some(())
    });
    drop(held);
    wait_for("room again", || bench.is_served("greedy").then_some(()));
}

/// The vault hashes what it is sent, and keeps its beginning alone.
#[test]
fn contents_on_the_way_cost_a_bounded_amount() {
    let bench = Bench::new("");
    let before = bench.resident_kib();
    let chunk = vec![b'x'; 192 * 1024];
    let mut held: Vec<Connection> = (0..64).map(|_| bench.call("greedy")).collect();
    // 96 MiB, and none of the contents is at its end.
    for offset in (0..8).map(|number| number * chunk.len() as u64) {
        let content = Message::of(message::EXTENSION)
            .string("content@split-ssh")
            .string(&bench.key)
            .long(16 * 1024 * 1024)
            .long(offset)
            .string(&chunk);
        for connection in &mut held {
            assert_eq!(connection.ask(&content).number(), Some(message::SUCCESS));
        }
    }
    // 64 times the 64 KiB for a question, the buffer of a message of 192 KiB, and less than 1 KiB of hash states.
    let grown = bench.resident_kib().saturating_sub(before);
    assert!(grown < 20 * 1024 + 64, "grew by {grown} KiB");
}

#[test]
fn streams_in_all_are_bounded() {
    let bench = Bench::new("[limits]\nstreams = 6\nstreams-per-qube = 4\n");
    let mut held: Vec<Connection> = Vec::new();
    for qube in ["one", "one", "one", "two", "two", "two"] {
        let mut connection = bench.call(qube);
        assert!(matches!(
            connection.ask(&Message::of(message::LIST)),
            Answer::Reply(_)
        ));
        held.push(connection);
    }
    assert!(matches!(
        bench.call("three").ask(&Message::of(message::LIST)),
        Answer::Closed
    ));
    assert!(bench.has_record("limit", "as many streams as there may be in all"));
    held.pop();
    wait_for("room again", || bench.is_served("three").then_some(()));
}

#[test]
fn a_quiet_stream_ends() {
    let bench = Bench::new("[limits]\nidle-seconds = 1\n");
    let mut connection = bench.call("work");
    assert!(matches!(
        connection.ask(&Message::of(message::LIST)),
        Answer::Reply(_)
    ));
    assert!(matches!(connection.answer(), Answer::Closed));
    assert!(bench.has_record("limit", "no request for too long"));
}

#[test]
fn a_busy_stream_ends_too() {
    let bench = Bench::new("[limits]\ntotal-seconds = 1\n");
    let mut connection = bench.call("work");
    let ended = wait_for("the end of the stream", || {
        match connection.ask(&Message::of(message::LIST)) {
            Answer::Closed => Some(true),
            _ => None,
        }
    });
    assert!(ended);
    assert!(bench.has_record("limit", "the longest time for a stream"));
}

#[test]
fn requests_on_a_stream_are_bounded() {
    let bench = Bench::new("[limits]\nrequests = 3\n");
    let mut connection = bench.call("work");
    for _ in 0..3 {
        assert!(matches!(
            connection.ask(&Message::of(message::LIST)),
            Answer::Reply(_)
        ));
    }
    assert!(matches!(
        connection.ask(&Message::of(message::LIST)),
        Answer::Closed
    ));
    assert!(bench.has_record("limit", "too many requests on one stream"));
}

#[test]
fn a_header_is_read_in_any_pieces() {
    let bench = Bench::new("");
    let list = Message::of(message::LIST).framed();
    let whole = [b"qubes.SshAgent+default work\0".as_slice(), &list].concat();
    for size in [1, 2, 7, whole.len()] {
        let mut connection = Connection::open(&bench.vault.qrexec_socket);
        for piece in whole.chunks(size) {
            connection.stream.write_all(piece).expect("the vault reads");
        }
        assert!(
            raw::identities(&connection.answer()).is_some(),
            "pieces of {size}"
        );
    }
}

#[test]
fn a_header_that_does_not_come_is_not_waited_for() {
    let bench = Bench::new("");
    let mut silent = Connection::open(&bench.vault.qrexec_socket);
    let mut half = Connection::open(&bench.vault.qrexec_socket);
    half.send_bytes(b"qubes.SshAgent+ wo");
    assert_eq!(silent.answer(), Answer::Closed);
    assert_eq!(half.answer(), Answer::Closed);
    assert!(bench.has_record("malformed", "no qrexec header within 5 s"));
}

/// Whatever the socket's mode may have become. Only root can try it, as nobody.

#[test]
fn a_bad_header_closes_the_stream_and_is_told() {
    let bench = Bench::new("");
    let long = [b"qubes.SshAgent+".as_slice(), &[b'a'; 600]].concat();
    for header in [
        b"qubes.Gpg+ work\0".as_slice(),
        b"qubes.SshAgent+../x work\0",
        b"qubes.SshAgent+default\0",
        b"qubes.SshAgent+default wo rk\0",
        b"qubes.SshAgent+default work;id\0",
        b"qubes.SshAgent+default local:4294967295\0",
        b"\0",
        &long,
    ] {
        let mut connection = Connection::open(&bench.vault.qrexec_socket);
        connection.send_bytes(header);
        connection.send(&Message::of(message::LIST));
        let answer = connection.answer();
        // A local caller under another uid's name is refused for all but root.
        let by_root =
            header.ends_with(b"local:4294967295\0") && nix::unistd::Uid::current().is_root();
        assert!(
            by_root || matches!(answer, Answer::Closed),
            "{header:?}: {answer:?}"
        );
    }
    assert!(bench.has_record("malformed", "another service"));
    assert!(bench.has_record("malformed", "bad keyring name"));
    let records = bench.vault.records();
    let mut of_work = records.iter().filter(|record| record["qube"] == "work");
    assert!(
        of_work.any(|record| record["event"] == "malformed"),
        "it is told who asks for a keyring that cannot be: {records:?}"
    );
    assert!(bench.is_served("work"));
}

#[test]
fn an_unknown_keyring_is_refused_and_starts_nothing() {
    let bench = Bench::new("");
    let mut connection = Connection::open(&bench.vault.qrexec_socket);
    connection.send_bytes(b"qubes.SshAgent+other work\0");
    let answer = connection.ask(&Message::of(message::LIST));
    assert_eq!(answer.number(), Some(message::FAILURE));
    assert!(bench.has_record("upstream", "there is no such keyring"));
}

#[test]
fn an_agent_that_leaves_costs_a_failure_and_the_next_one_serves() {
    let mut bench = Bench::new("");
    let mut connection = bench.call("work");
    assert!(matches!(
        connection.ask(&Message::of(message::LIST)),
        Answer::Reply(_)
    ));
    bench.agent.stop();
    let answer = connection.ask(&message::sign(
        &bench.key,
        &message::sshsig("git", &[7; 64]),
    ));
    assert_eq!(answer.number(), Some(message::FAILURE));
    assert!(bench.has_record("upstream", "cannot be reached"));
    let list = Message::of(message::LIST);
    let listed = connection.ask(&list).number();
    assert_eq!(listed, Some(message::IDENTITIES), "the key may come back");

    let mut bench = Bench::new("");
    bench.agent.stop();
    let answer = bench.call("work").ask(&list);
    assert_eq!(answer.number(), Some(message::FAILURE), "no key is known");
}

/// The agents that a vault has started hold its keys: none is left to whoever comes next.
#[test]
fn a_killed_vault_takes_its_agents_along() {
    let world = World::new();
    let key = Key::ed25519(&world, "key");
    let private = std::fs::read(&key.private).expect("a key");
    world.file("vault/.ssh/identities.d/own/key", private);
    let mut vault = Vault::start_configured(&world, "", ALLOW, "");
    let agent = world.path("vault/run/split-ssh/own.sock");
    let keys = wait_for("the keyring's agent", || {
        let agent = UnixStream::connect(&agent).ok().map(|_| &agent);
        raw::list(agent?).filter(|keys| !keys.is_empty())
    });
    assert_eq!(keys, [key.blob()]);
    vault.process.signal(nix::sys::signal::Signal::SIGKILL);
    vault.process.wait();
    wait_for("the agent's end", || {
        UnixStream::connect(&agent).is_err().then_some(())
    });
}

#[test]
fn nothing_is_given_that_cannot_be_logged() {
    let bench = Bench::new("");
    let list = Message::of(message::LIST);
    let mut listed = bench.call("listed");
    assert!(raw::identities(&listed.ask(&list)).is_some());
    let (state, aside) = (
        bench.world.path("vault/state"),
        bench.world.path("vault/aside"),
    );
    std::fs::rename(&state, &aside).expect("our own folder");
    bench
        .world
        .file("vault/state", "in the place of the folder");
    let sign = message::sign(&bench.key, &message::sshsig("git", &[7; 64]));
    assert_eq!(listed.ask(&sign).number(), Some(message::FAILURE));
    let answer = bench.call("another").ask(&list);
    assert_eq!(answer.number(), Some(message::FAILURE));
    let status = finish(&mut bench.vault.control(&["status"]));
    assert!(text(&status).contains("CANNOT BE WRITTEN"), "{status:?}");

    std::fs::remove_file(&state).expect("our own file");
    std::fs::rename(&aside, &state).expect("our own folder");
    assert!(bench.is_served("third"));
}

/// Somebody who looks at the questions again and again costs nothing afterwards, though no question comes.
#[test]
fn a_view_that_closes_leaves_nothing() {
    const VIEWS: u64 = 20;
    /// Threads that wait for the next connection.
    const READY_THREADS: u64 = 2;
    let bench = Bench::new("");
    let control = bench.vault.qrexec_socket.with_file_name("control.sock");
    let views: Vec<UnixStream> = (0..VIEWS)
        .map(|_| {
            let mut view = UnixStream::connect(&control).expect("the vault listens");
            view.write_all(b"{\"v\":1,\"do\":\"watch\"}\n")
                .expect("the vault reads");
            let mut said = String::new();
            BufReader::new(&view)
                .read_line(&mut said)
                .expect("an answer");
            assert_eq!(said, "{\"v\":1}\n");
            view
        })
        .collect();
    let open = bench.threads();
    drop(views);
    wait_for("the views' threads to end", || {
        (bench.threads() + VIEWS <= open + READY_THREADS).then_some(())
    });
}

/// Each stream that waits for a person takes four descriptors; the usual 1024 would not do for 320.
#[test]
fn all_streams_have_their_descriptors() {
    let mut bench = Bench::new("");
    bench
        .vault
        .process
        .signal(nix::sys::signal::Signal::SIGTERM);
    bench.vault.process.wait();
    let vault = bench.vault.control(&["vault"]);
    let mut limited = bench.world.command("prlimit");
    let environment = vault
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    limited
        .arg("--nofile=256:4096")
        .arg(vault.get_program())
        .args(vault.get_args())
        .envs(environment);
    bench.vault.process = Running::start(limited, &bench.world.path("vault/again"));
    wait_for_listener(&bench.vault.qrexec_socket);
    assert!(bench.is_served("work"));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", bench.vault.process.pid()));
    let limits = limits.expect("the vault runs");
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    assert!(files.expect("a number") >= 320 * 4, "{limits}");
}

#[test]
fn what_is_in_memory_stays_there() {
    let bench = Bench::new("");
    let process = format!("/proc/{}", bench.vault.process.pid());
    let limits = std::fs::read_to_string(format!("{process}/limits")).expect("the vault runs");
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"))
        .expect("a limit");
    let core: Vec<_> = core.split_whitespace().take(2).collect();
    assert_eq!(core, ["0", "0"], "soft and hard: {limits}");
    // The system gives these files of a process that can't be dumped to root; to root's own it makes no difference.
    let owner = std::fs::metadata(format!("{process}/environ")).map(|file| file.uid());
    assert_eq!(owner.expect("the vault runs"), 0);
}

/// Whoever may open a socket's file, by its mode or by its folder's, is still asked who they are.
#[test]
fn another_user_is_not_listened_to() {
    const NOBODY: u32 = 65534;
    if !geteuid().is_root() {
        eprintln!("SKIPPED: only root can call as another user");
        return;
    }
    let bench = Bench::new("");
    let control = bench.world.path("vault/run/split-ssh-vault/control.sock");
    let folders = bench.vault.qrexec_socket.ancestors().skip(1);
    let open = |path: &Path| {
        std::fs::set_permissions(path, Permissions::from_mode(0o777)).expect("our own file");
    };
    folders
        .take_while(|folder| folder.starts_with(bench.world.root()))
        .for_each(open);
    open(&bench.vault.qrexec_socket);
    open(&control);

    let ask_as = |uid: u32, socket: &Path, said: &[u8]| {
        let file = bench.world.file("said", said);
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("our own file");
        let mut command = bench.world.command("setpriv");
        command.args([&format!("--reuid={uid}"), "--clear-groups", "--", "socat"]);
        command.args([
            "-t5".into(),
            "-".into(),
            format!("UNIX-CONNECT:{}", socket.display()),
        ]);
        command.stdin(std::fs::File::open(&file).expect("our own file"));
        command.output().expect("socat runs").stdout
    };
    let list = [
        b"qubes.SshAgent+ work\0".as_slice(),
        &Message::of(message::LIST).framed(),
    ]
    .concat();
    let status = b"{\"do\":\"status\",\"v\":1}\n";
    for (socket, said, answer) in [
        (
            &bench.vault.qrexec_socket,
            list.as_slice(),
            bench.key.as_slice(),
        ),
        (&control, status.as_slice(), b"\"status\":".as_slice()),
    ] {
        let heard = ask_as(0, socket, said);
        let is_served = heard.windows(answer.len()).any(|part| part == answer);
        assert!(
            is_served,
            "root is served: {}",
            String::from_utf8_lossy(&heard)
        );
        assert_eq!(ask_as(NOBODY, socket, said), b"", "{}", socket.display());
    }
    wait_for("a record of the refusals", || {
        let records = bench.vault.records();
        let is_told = |record: &&serde_json::Value| {
            record["event"] == "refusal"
                && record["qube"] == "local:65534"
                && record["reason"]
                    .as_str()
                    .is_some_and(|why| why.contains("only root and the vault's own user"))
        };
        records.iter().find(is_told).map(|_| ())
    });
}
