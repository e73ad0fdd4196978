//! `split-ssh client` over the qrexec stand-in and a command, with a real ssh-agent
//! at the other end.

#[path = "client/qube.rs"]
mod qube;

use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use qube::{MOMENT, ONE_SECOND, Qube, WAYS, Way, rest, split_ssh, ssh_add};
use testbed::children::{Running, finish, run};
use testbed::message::{self, Message};
use testbed::raw::{Answer, identities};
use testbed::wait::wait_for;
use testbed::world::World;

const FAILURE: [u8; 5] = [0, 0, 0, 1, 5];
const NOTHING: [u8; 0] = [];

fn list() -> Message {
    Message::of(message::LIST)
}

#[test]
fn keys_are_listed_and_sign_by_every_way() {
    for way in WAYS {
        let qube = Qube::start(way);
        assert!(
            ssh_add(&qube.world, &qube.socket).contains(qube.key.line().trim()),
            "{way:?}"
        );
        let file = qube.world.file("letter", "hello");
        let mut sign = qube.world.command("ssh-keygen");
        sign.args(["-Y", "sign", "-n", "file", "-f"])
            .arg(&qube.key.public)
            .arg(file);
        run(sign.env("SSH_AUTH_SOCK", &qube.socket));
        qube.wait_until_idle();
    }
}

#[test]
fn several_requests_go_over_one_stream() {
    let qube = Qube::start(Way::Qrexec);
    let mut connection = qube.connect();
    for _ in 0..3 {
        assert!(identities(&connection.ask(&list())).is_some());
    }
    drop(connection);
    qube.wait_until_idle();
    assert_eq!(qube.calls(), 1);
}

#[test]
fn a_connection_without_a_word_makes_no_call() {
    let qube = Qube::start(Way::Qrexec);
    drop(qube.connect());
    let waiting = qube.connect();
    ssh_add(&qube.world, &qube.socket);
    drop(waiting);
    qube.wait_until_idle();
    assert_eq!(qube.calls(), 1);
}

/// Asks for a signature, expects FAILURE and the end, and the reason in `split-ssh status`'s file.
fn refused(qube: &Qube, how: &str) {
    let mut connection = qube.connect();
    connection.send(&message::sign(b"key", b"data"));
    assert_eq!(rest(&mut connection), FAILURE, "{how}");
    let status = qube.status_with(1);
    assert_eq!(status["recent"][0]["answered"], true, "{status}");
    assert!(
        status["recent"][0]["outcome"].to_string().contains(how),
        "{status}"
    );
    qube.wait_until_idle();
}

#[test]
fn a_refused_call_is_a_failure_and_a_close() {
    let qube = Qube::start_with(Way::Qrexec, "deny", "");
    fs::write(qube.world.path("dom0/policy"), "").expect("no rule");
    refused(&qube, "126");
    assert_eq!(
        qube.status_with(1)["recent"][0]["untrusted_said"],
        "Request refused"
    );
}

#[test]
fn a_missing_service_is_a_failure_and_a_close() {
    let qube = Qube::start(Way::Qrexec);
    fs::remove_file(qube.world.path("dom0/qubes/vault/services/qubes.SshAgent"))
        .expect("a service");
    refused(&qube, "127");
}

#[test]
fn a_dead_vault_is_a_failure_and_a_close() {
    let qube = Qube::start(Way::Qrexec);
    let service = qube.world.path("dom0/qubes/vault/services/qubes.SshAgent");
    fs::remove_file(&service).expect("a service");
    drop(UnixListener::bind(&service).expect("a socket"));
    refused(&qube, "125");
}

#[test]
fn a_service_that_cannot_be_run_is_a_failure_and_a_close() {
    let qube = Qube::start(Way::Qrexec);
    let service = qube.world.path("dom0/qubes/vault/services/qubes.SshAgent");
    fs::set_permissions(service, fs::Permissions::from_mode(0o600)).expect("our own file");
    refused(&qube, "125");
}

/// A call that took long to set up is looked at seldom: all of the stream may be over at the next look.
#[test]
fn a_stream_that_is_over_between_two_looks_was_served() {
    const CALLS: u64 = 4;
    for way in WAYS {
        let qube = Qube::start_behind(way, "allow", "", "sleep 0.3");
        for _ in 0..CALLS {
            ssh_add(&qube.world, &qube.socket);
        }
        qube.wait_until_idle();
        wait_for("all calls in the status", || {
            (qube.status_with(0)["served"] == CALLS).then_some(())
        });
    }
}

/// Success is what qrexec reports of it.
#[test]
fn a_service_that_ends_by_itself_is_told() {
    for way in WAYS {
        let qube = Qube::start(way);
        let ends = "#!/bin/sh\nexit 0\n";
        qube.world
            .script("dom0/qubes/vault/services/qubes.SshAgent", ends);
        let mut connection = qube.connect();
        connection.send(&list());
        assert_eq!(connection.answer(), Answer::Closed, "{way:?}");
        let status = qube.status_with(1);
        assert_eq!(status["recent"][0]["outcome"]["how"], "cut", "{way:?}");
        assert_eq!(status["served"], 0, "{way:?}");
    }
}

#[test]
fn a_program_that_is_missing_is_a_failure_and_a_close() {
    let qube = Qube::start(Way::Command);
    fs::remove_file(qube.world.path("dom0/qubes/vault/services/qubes.SshAgent"))
        .expect("a command");
    refused(&qube, "cannot-start");
}

#[test]
fn a_set_up_that_hangs_is_tried_twice_and_given_up() {
    let qube = Qube::start_with(Way::Qrexec, "allow hang=yes", ONE_SECOND);
    refused(&qube, "set-up-timed-out");
    assert_eq!(qube.calls(), 2);
}

#[test]
fn the_second_attempt_serves() {
    let qube = Qube::start_with(Way::Qrexec, "allow hang=yes", ONE_SECOND);
    let mut connection = qube.connect();
    connection.send(&list());
    wait_for("the first call", || (qube.calls() == 1).then_some(()));
    fs::write(
        qube.world.path("dom0/policy"),
        "qubes.SshAgent * work @default allow target=vault\n",
    )
    .expect("a policy");
    assert!(identities(&connection.answer()).is_some());
}

#[test]
fn few_calls_are_set_up_at_once() {
    const MOST: usize = 2;
    let qube = Qube::start_with(
        Way::Qrexec,
        "allow hang=yes",
        &format!("setup-seconds = 20\nsetups = {MOST}"),
    );
    let ask = || {
        let mut connection = qube.connect();
        connection.send(&list());
        connection
    };
    let wait_for_calls = |calls| {
        wait_for("the calls", || {
            assert!(qube.calls() <= calls, "{} calls at once", qube.calls());
            (qube.calls() == calls).then_some(())
        });
        assert!(qube.carriers().len() <= MOST);
    };
    let first = [ask(), ask()];
    wait_for_calls(MOST);
    let later = [ask(), ask(), ask(), ask()];
    // Each that gives up makes room for one more call, and nothing else does.
    for (given_up, connection) in first.into_iter().enumerate() {
        drop(connection);
        wait_for_calls(MOST + given_up + 1);
    }
    drop(later);
    qube.wait_until_idle();
}

#[test]
fn a_client_that_gives_up_ends_its_call() {
    let qube = Qube::start_with(Way::Qrexec, "allow hang=yes", "setup-seconds = 600");
    let mut connection = qube.connect();
    connection.send(&list());
    wait_for("the call", || (qube.calls() == 1).then_some(()));
    drop(connection);
    qube.wait_until_idle();
}

/// The next request makes another one.
#[test]
fn a_killed_carrier_costs_an_idle_connection_nothing() {
    for way in WAYS {
        let qube = Qube::start(way);
        let mut connection = qube.connect();
        assert!(identities(&connection.ask(&list())).is_some());
        for carrier in qube.carriers() {
            kill(Pid::from_raw(carrier), Signal::SIGKILL).expect("a carrier");
        }
        assert_eq!(
            qube.status_with(1)["recent"][0]["outcome"]["how"],
            "killed",
            "{way:?}"
        );
        assert!(identities(&connection.ask(&list())).is_some(), "{way:?}");
        drop(connection);
        qube.wait_until_idle();
    }
}

#[test]
fn a_killed_agent_closes_the_connection_at_its_next_list() {
    for way in WAYS {
        let mut qube = Qube::start(way);
        let mut connection = qube.connect();
        assert!(identities(&connection.ask(&list())).is_some());
        qube.agent.stop();
        connection.send(&list());
        assert_eq!(rest(&mut connection), NOTHING, "{way:?}");
        drop(connection);
        qube.wait_until_idle();
    }
}

#[test]
fn a_request_with_the_end_of_input_gets_its_reply() {
    for way in WAYS {
        let qube = Qube::start(way);
        // The end of input is there before the client looks: it is held back on every way.
        qube.stop_for_a_moment();
        let mut connection = qube.connect();
        connection.send(&list());
        connection
            .stream
            .shutdown(Shutdown::Write)
            .expect("a half-close");
        qube.client.signal(Signal::SIGCONT);
        let reply = rest(&mut connection);
        assert_eq!(
            reply.get(4),
            Some(&message::IDENTITIES),
            "{way:?}: {reply:?}"
        );
        drop(connection);
        qube.wait_until_idle();
    }
}

#[test]
fn a_slow_reply_is_waited_for() {
    for way in WAYS {
        let qube = Qube::start_with(way, "allow", ONE_SECOND);
        kill(qube.agent.pid(), Signal::SIGSTOP).expect("our agent");
        let mut connection = qube.connect();
        let answer = connection.ask_within(&list(), MOMENT * 6);
        assert_eq!(
            answer,
            Answer::Silence,
            "{way:?}: set-up is over, so no time-out"
        );
        kill(qube.agent.pid(), Signal::SIGCONT).expect("our agent");
        assert!(identities(&connection.answer()).is_some(), "{way:?}");
    }
}

#[test]
fn a_large_request_passes_whole() {
    for way in WAYS {
        let qube = Qube::start(way);
        let mut connection = qube.connect();
        let request = message::sign(&qube.key.blob(), &vec![7; 200_000]);
        let answer = connection.ask(&request);
        assert_eq!(answer.number(), Some(message::SIGNATURE), "{way:?}");
    }
}

#[test]
fn hundreds_of_connections_leave_nothing_behind() {
    for way in WAYS {
        let qube = Qube::start(way);
        assert!(identities(&qube.connect().ask(&list())).is_some());
        qube.wait_until_idle();
        let before = qube.open_files();
        for _ in 0..100 {
            assert!(
                identities(&qube.connect().ask(&list())).is_some(),
                "{way:?}"
            );
        }
        thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| {
                    assert!(
                        identities(&qube.connect().ask(&list())).is_some(),
                        "{way:?}"
                    )
                });
            }
        });
        qube.wait_until_idle();
        // A thread that is kept may still be with its last connection, before and now.
        wait_for("no more open files than before", || {
            (qube.open_files() <= before).then_some(())
        });
    }
}

#[test]
fn silent_connections_make_room_for_one_that_speaks() {
    let qube = Qube::start(Way::Qrexec);
    let silent: Vec<_> = (0..300).map(|_| qube.connect()).collect();
    assert!(identities(&qube.connect().ask(&list())).is_some());
    assert!(qube.threads() < 200, "{} threads", qube.threads());
    drop(silent);
    qube.wait_until_idle();
}

#[test]
fn half_a_request_and_a_client_that_never_reads_disturb_nobody() {
    for way in WAYS {
        let qube = Qube::start(way);
        let mut half = qube.connect();
        half.send_bytes(&list().framed()[..3]);
        let mut deaf = qube.connect();
        deaf.stream.set_nonblocking(true).expect("our own socket");
        while deaf.stream.write(&list().framed()).is_ok() {}
        assert!(
            identities(&qube.connect().ask(&list())).is_some(),
            "{way:?}"
        );
        drop((half, deaf));
        qube.wait_until_idle();
    }
}

#[test]
fn half_a_request_for_a_refused_call_is_closed() {
    let qube = Qube::start_with(Way::Qrexec, "deny", "");
    let mut half = qube.connect();
    half.send_bytes(&[0, 0, 1]);
    assert_eq!(rest(&mut half), NOTHING);
    qube.wait_until_idle();
}

#[test]
fn being_told_to_stop_leaves_nothing_running() {
    for (way, verdict) in [(Way::Qrexec, "allow"), (Way::Qrexec, "allow hang=yes")] {
        let mut qube = Qube::start_with(way, verdict, "");
        let mut open = qube.connect();
        open.send(&list());
        let _silent = qube.connect();
        let carriers = wait_for("a carrier", || {
            Some(qube.carriers()).filter(|carriers| !carriers.is_empty())
        });
        assert_eq!(qube.stop().code(), Some(0), "{way:?} {verdict}");
        assert!(!qube.socket.exists());
        for carrier in carriers {
            assert!(
                kill(Pid::from_raw(carrier), None).is_err(),
                "{carrier} still runs"
            );
        }
    }
}

#[test]
fn the_socket_and_its_folder_are_for_us_alone() {
    let qube = Qube::start(Way::Qrexec);
    let mode = |path: &std::path::Path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&qube.socket), 0o600);
    assert_eq!(mode(&qube.world.path(".split-ssh")), 0o700);
}

#[test]
fn only_a_dead_socket_makes_room() {
    let world = World::new();
    let socket = world.path("a.sock");
    let mut client = split_ssh(&world);
    client.args(["client", "--command", "cat", "--socket"]);
    let refused = |reason: &str| {
        let mut command = split_ssh(&world);
        let output = finish(
            command
                .arg("client")
                .arg("--socket")
                .arg(&socket)
                .args(["--command", "cat"]),
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(reason), "{said}");
    };
    fs::write(&socket, "a letter").expect("a file");
    refused("is not a socket");
    assert_eq!(fs::read(&socket).expect("it is still there"), b"a letter");
    fs::remove_file(&socket).expect("our own file");

    let listener = UnixListener::bind(&socket).expect("a socket");
    refused("is in use");
    drop(listener); // the file stays, dead
    let mut command = split_ssh(&world);
    command
        .arg("client")
        .arg("--socket")
        .arg(&socket)
        .args(["--command", "cat"]);
    let mut client = Running::start(command, &world.path("output"));
    wait_for("the client", || {
        std::os::unix::net::UnixStream::connect(&socket).ok()
    });
    client.signal(Signal::SIGTERM);
    assert!(client.wait().success());
    assert!(!socket.exists());
}

#[test]
fn a_socket_that_is_passed_to_us_is_served_and_left_alone() {
    let qube = Qube::start(Way::Command);
    let socket = qube.world.path("passed.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let mut command = qube.world.command("/bin/sh");
    let run = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"";
    command
        .args(["-c", run, "sh"])
        .arg(testbed::programs::split_ssh());
    command
        .arg("--config-dir")
        .arg(qube.world.path("config"))
        .arg("--runtime-dir")
        .arg(qube.world.path("run2"));
    command.arg("client");
    command.stdin(std::os::fd::OwnedFd::from(listener));
    let mut client = command.spawn().expect("a shell");
    assert!(ssh_add(&qube.world, &socket).contains(qube.key.line().trim()));
    let mut status = qube.world.command(testbed::programs::split_ssh());
    status
        .arg("--runtime-dir")
        .arg(qube.world.path("run2"))
        .arg("status");
    let said = testbed::children::text(&testbed::children::finish(&mut status));
    assert!(
        said.contains(&format!("listening at {}", socket.display())),
        "the place that was passed, not the settings': {said}"
    );
    kill(
        Pid::from_raw(i32::try_from(client.id()).expect("a pid")),
        Signal::SIGTERM,
    )
    .expect("our child");
    assert!(client.wait().expect("our child").success());
    assert!(socket.exists(), "systemd's socket is not ours to remove");
}
