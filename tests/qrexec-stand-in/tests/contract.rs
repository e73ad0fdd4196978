//! The contract, seen from a caller.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

struct World {
    directory: tempfile::TempDir,
}

impl World {
    fn new(policy: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("qubes/vault/services")).unwrap();
        fs::write(directory.path().join("source"), "work\n").unwrap();
        fs::write(directory.path().join("policy"), policy).unwrap();
        Self { directory }
    }

    fn service(&self, name: &str) -> PathBuf {
        self.directory
            .path()
            .join("qubes/vault/services")
            .join(name)
    }

    fn script(&self, name: &str, text: &str) {
        write_program(&self.service(name), text);
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qrexec-client-vm"));
        command
            .args(words)
            .env("QREXEC_STAND_IN", self.directory.path())
            .env("SSH_AUTH_SOCK", "/leaked");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn start(&self, words: &[&str]) -> Child {
        self.command(words).spawn().unwrap()
    }

    /// Calls with `input` and its end.
    fn call(&self, words: &[&str], input: &[u8]) -> Output {
        let mut child = self.start(words);
        // A call that is refused does not read its input.
        drop(child.stdin.take().unwrap().write_all(input));
        child.wait_with_output().unwrap()
    }
}

/// By another process: while a file is open for writing, if only in a child that another thread is about to start, it
/// can't be run.
fn write_program(path: &Path, text: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", "printf %s \"$1\" >\"$0\" && chmod 755 \"$0\""]);
    assert!(command.arg(path).arg(text).status().unwrap().success());
}

const ALLOW: &str = "* * work vault allow\n* * work @default deny\n";

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn an_executable_service_gets_its_argument_and_a_bare_environment() {
    let world = World::new(ALLOW);
    world.script("svc", "#!/bin/sh\necho \"$1\" \"$QREXEC_REMOTE_DOMAIN\" \"$QREXEC_SERVICE_FULL_NAME\" \"${SSH_AUTH_SOCK-none}\"\nread line; echo got \"$line\"; echo oops >&2; exit 7\n");
    let output = world.call(&["vault", "svc+a b"], b"hello\n");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "a_b work svc+a_b none\ngot hello\n"
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "oops\n");
    assert_eq!(code(&output), 7);
    assert_eq!(
        fs::read_to_string(world.directory.path().join("calls")).unwrap(),
        "work vault svc+a_b allow\n"
    );
}

#[test]
fn the_argument_is_looked_up_first() {
    let world = World::new(ALLOW);
    world.script("svc", "#!/bin/sh\necho plain\n");
    world.script("svc+one", "#!/bin/sh\necho one\n");
    assert_eq!(world.call(&["vault", "svc+one"], b"").stdout, b"one\n");
    assert_eq!(world.call(&["vault", "svc+two"], b"").stdout, b"plain\n");
}

#[test]
fn every_failure_has_its_exit_code() {
    let world = World::new(ALLOW);
    let refused = world.call(&["nowhere", "svc"], b"");
    assert_eq!(
        (code(&refused), refused.stderr.as_slice()),
        (126, b"Request refused\n".as_slice())
    );
    assert_eq!(code(&world.call(&["vault", "missing"], b"")), 127);
    symlink("/nonexistent/socket", world.service("dangling")).unwrap();
    assert_eq!(code(&world.call(&["vault", "dangling"], b"")), 127);
    world.script("bad-interpreter", "#!/nonexistent/sh\n");
    assert_eq!(code(&world.call(&["vault", "bad-interpreter"], b"")), 127);
    fs::write(world.service("not-executable"), "text").unwrap();
    assert_eq!(code(&world.call(&["vault", "not-executable"], b"")), 125);
    drop(UnixListener::bind(world.service("dead")).unwrap());
    assert_eq!(code(&world.call(&["vault", "dead"], b"")), 125);
    world.script("killed", "#!/bin/sh\nkill -9 $$\n");
    assert_eq!(code(&world.call(&["vault", "killed"], b"")), 137);
    assert_eq!(code(&world.call(&["vault"], b"")), 2);
    let unplugged = world
        .command(&["vault", "svc"])
        .env_remove("QREXEC_STAND_IN")
        .output()
        .unwrap();
    assert_eq!(code(&unplugged), 1);
}

fn read_header(stream: &mut UnixStream) -> Vec<u8> {
    let mut header = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).unwrap() == 1 && byte[0] != 0 {
        header.push(byte[0]);
    }
    header
}

#[test]
fn a_socket_service_gets_the_header_and_both_half_closes() {
    for header in ["alone", "joined", "split"] {
        let world = World::new(&format!("svc * work vault allow header={header}\n"));
        let listener = UnixListener::bind(world.directory.path().join("real.sock")).unwrap();
        symlink(
            world.directory.path().join("real.sock"),
            world.service("svc"),
        )
        .unwrap();
        let served = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let header = read_header(&mut stream);
            let mut request = Vec::new();
            // Comes to its end only because the caller's half-close arrives.
            stream.read_to_end(&mut request).unwrap();
            stream.write_all(b"late reply").unwrap();
            (header, request)
        });
        let output = world.call(&["vault", "svc"], b"request");
        assert_eq!(
            served.join().unwrap(),
            (b"svc+ work".to_vec(), b"request".to_vec()),
            "{header}"
        );
        assert_eq!(
            (code(&output), output.stdout.as_slice()),
            (0, b"late reply".as_slice()),
            "{header}"
        );
    }
}

#[test]
fn the_stdin_socket_carries_both_directions() {
    let world = World::new(ALLOW);
    world.script("svc", "#!/bin/sh\ncat\necho end\n");
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut command = world.command(&["--use-stdin-socket", "--", "vault", "svc"]);
    let mut child = command
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    drop(command);
    ours.write_all(b"hello ").unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    ours.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello end\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Whoever waits for the program's end to answer on its socket comes too late.
#[test]
fn a_stdin_socket_is_shut_before_a_failure_is_told() {
    let world = World::new(ALLOW);
    drop(UnixListener::bind(world.service("dead")).unwrap());
    for (service, code) in [("missing", 127), ("dead", 125)] {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut kept = theirs.try_clone().unwrap();
        let mut command = world.command(&["--use-stdin-socket", "--", "vault", service]);
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null());
        ours.write_all(b"request").unwrap();
        let mut child = command.spawn().unwrap();
        drop(command);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let refused = kept.write_all(b"answer").unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::BrokenPipe, "{service}");
        assert_eq!(ours.read(&mut [0]).unwrap(), 0, "{service}");
    }
}

#[test]
fn more_than_ten_set_ups_at_once_fail() {
    let world =
        World::new("svc +slow work vault allow transaction=600000\nsvc * work vault allow\n");
    world.script("svc", "#!/bin/sh\nexit 0\n");
    let mut slow: Vec<Child> = (0..10)
        .map(|_| world.start(&["vault", "svc+slow"]))
        .collect();
    // Some may not have begun.
    let failed = std::iter::repeat_with(|| world.call(&["vault", "svc"], b""))
        .find(|output| code(output) != 0)
        .unwrap();
    assert_eq!(code(&failed), 1);
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(said.contains("Data vchan connection failed"), "{said}");
    for child in &mut slow {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(code(&world.call(&["vault", "svc"], b"")), 0);
}

#[test]
fn a_remote_vault_is_called_through_its_relay() {
    let world = World::new("* * @anyvm @anyvm allow\n");
    let qube = |path: &str| world.directory.path().join("qubes").join(path);
    fs::create_dir_all(qube("remote")).unwrap();
    fs::create_dir_all(qube("relay/services")).unwrap();
    fs::write(qube("remote/relay"), "relay bench.Env\n").unwrap();
    let transport = qube("relay/services/bench.Env");
    write_program(&transport, "#!/bin/sh\necho \"$1\"\n");
    for (called, nested) in [("svc+work", "remote+svc+work\n"), ("svc", "remote+svc+\n")] {
        let output = world.call(&["remote", called], b"");
        assert_eq!(String::from_utf8_lossy(&output.stdout), nested);
    }
    world.script("svc", "#!/bin/sh\necho \"$QREXEC_REMOTE_DOMAIN\"\n");
    let speak = |source: &str| {
        let mut command = world.command(&["-s", "remote", "vault", "svc"]);
        command
            .env("QREXEC_STAND_IN_SOURCE", source)
            .output()
            .unwrap()
    };
    assert_eq!(speak("relay").stdout, b"remote\n");
    assert_eq!(
        code(&speak("work")),
        126,
        "only its own relay speaks for it"
    );
}

#[test]
fn a_call_lingers_until_the_caller_closes_when_only_the_output_ended() {
    let world = World::new(ALLOW);
    let listener = UnixListener::bind(world.service("svc")).unwrap();
    let mut child = world.start(&["vault", "svc"]);
    let (mut stream, _) = listener.accept().unwrap();
    assert_eq!(read_header(&mut stream), b"svc+ work");
    drop(stream);
    let mut output = Vec::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_end(&mut output)
        .unwrap();
    assert!(
        child.try_wait().unwrap().is_none(),
        "ended before the caller closed"
    );
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_local_program_takes_the_place_of_stdin_and_stdout() {
    let world = World::new(ALLOW);
    world.script(
        "svc",
        "#!/bin/sh\nread line\necho \"service heard $line\"\n",
    );
    let script = "echo hello; read line; echo \"$line\" >&$SAVED_FD_1; exit 3";
    let output = world.call(&["vault", "svc", "/bin/bash", "-c", script], b"");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "service heard hello\n"
    );
    assert_eq!(code(&output), 3);
}

#[test]
fn a_cut_stream_is_255_and_an_ask_is_answered() {
    let world = World::new(
        "svc +cut work vault allow cut=1\nsvc +yes work vault ask answer=yes\nsvc * work vault ask\n",
    );
    world.script("svc", "#!/bin/sh\ncat\n");
    let mut child = world.start(&["vault", "svc+cut"]);
    // At the end of its input the service would end by itself, perhaps before the cut.
    let _input = child.stdin.take();
    let cut = child.wait_with_output().unwrap();
    assert_eq!(code(&cut), 255);
    let said = String::from_utf8_lossy(&cut.stderr);
    assert!(said.contains("vchan connection closed early"), "{said}");
    assert_eq!(world.call(&["vault", "svc+yes"], b"x").stdout, b"x");
    assert_eq!(code(&world.call(&["vault", "svc+no"], b"")), 126);
}
