//! Sockets for sandboxes: the socket says who calls, and each sandbox has its own keys.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Output;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, VsockAddr, bind, getsockname};
use testbed::agent::Agent;
use testbed::children::{Running, finish, run, text};
use testbed::keys::Key;
use testbed::lab::Lab;
use testbed::message::{self, Message};
use testbed::programs;
use testbed::sandbox::{By, Sandbox};
use testbed::split_ssh::Vault;
use testbed::wait::{wait_for, wait_for_socket};
use testbed::world::user_name;

/// `second` stands for production, where qubes may log in.
const POLICY: &str = "default = \"ask\"

[[rule]]
qube = \"*\"
kind = \"login\"
host = \"second\"
forwarded = false
action = \"allow\"
";

fn socket(vault: &Vault, name: &str) -> PathBuf {
    let folder = vault.qrexec_socket.parent().and_then(|it| it.parent());
    folder
        .expect("the runtime folder")
        .join(format!("split-ssh-sandbox/{name}/agent.sock"))
}

/// All that is signed, pushed and tried from inside.
const COMMIT: &str = "git init -q repo && cd repo && echo text > file && git add file
    ssh-add -L > ../key.pub
    git -c gpg.format=ssh -c user.signingkey=../key.pub commit -q -S -m signed";
const LOG_IN_TO_PRODUCTION: &str = "ssh -F \"$CONFIG\" second echo inside";

fn push(lab: &Lab) -> String {
    let remote = lab.world.path("remote.git");
    format!(
        "cd repo && git push -q -f server:{} HEAD:main",
        remote.display()
    )
}

fn log_in_to_production(lab: &Lab) -> String {
    let config = lab.client(&PathBuf::new()).config;
    LOG_IN_TO_PRODUCTION.replace("$CONFIG", &config.display().to_string())
}

#[test]
fn a_sandbox_commits_and_pushes_and_gets_nothing_else() {
    commits_and_pushes_and_gets_nothing_else(&Lab::new(), By::Bubblewrap);
}

/// The same in a real container. docker and VS Code need a daemon and a desktop, which tests have not; they mount the
/// same folder in the same way.
#[test]
fn a_container_of_podman_commits_and_pushes_and_gets_nothing_else() {
    let lab = Lab::new();
    let probe = Sandbox::by(By::Podman, &lab, "probe", &lab.agent.socket).script("true");
    if !probe.status.success() {
        return eprintln!("podman runs no containers here: {}", text(&probe));
    }
    commits_and_pushes_and_gets_nothing_else(&lab, By::Podman);
}

fn commits_and_pushes_and_gets_nothing_else(lab: &Lab, by: By) {
    run(lab
        .world
        .command("git")
        .args(["init", "-q", "--bare"])
        .arg(lab.world.path("remote.git")));
    let vault = Vault::start(&lab.world, &lab.agent, POLICY, &lab.known_hosts());
    let said = run(&mut vault.control(&["serve", "1-dev"]));
    let socket = socket(&vault, "1-dev");
    assert!(said.contains(&socket.display().to_string()), "{said}");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(socket.parent().unwrap()), mode(&socket)),
        (0o700, 0o600)
    );

    let key = lab.key.fingerprint(&lab.world);
    let preset = |words: &[&str]| {
        let common = ["rule", "preset", words[0], "--sandbox", "1-dev", "--yes"];
        run(&mut vault.control(&[&common, &words[1..]].concat()))
    };
    let said = preset(&["git-sign", "--key", &key]);
    assert!(
        said.contains("namespace = \"git\"") && said.contains("action = \"deny\""),
        "{said}"
    );
    let said = preset(&[
        "push",
        "--key",
        &key,
        "--host",
        "server",
        "--user",
        &user_name(),
        "--repo",
        "one",
    ]);
    assert!(
        said.contains("An agent cannot see the repository"),
        "{said}"
    );
    assert!(
        !said.contains("deny"),
        "the rest is refused already: {said}"
    );

    let sandbox = Sandbox::by(by, lab, "guarded", &socket);
    let say = |output: Output| assert!(output.status.success(), "{}", text(&output));
    say(sandbox.script(COMMIT));
    say(sandbox.script(&push(lab)));
    assert!(!sandbox.succeeds(&log_in_to_production(lab)));
    assert!(!sandbox.succeeds("ssh-add -D"));
    assert_eq!(lab.agent.keys().len(), 1);
    assert_eq!(lab.second.logins(), 0);
    let records = vault.records();
    let callers = records.iter().filter_map(|record| record["qube"].as_str());
    assert!(
        callers.into_iter().all(|caller| caller == "sandbox:1-dev"),
        "{records:#?}"
    );
    // The folder outlives the sandbox, and a socket that the sandbox would remove.
    assert!(!sandbox.succeeds("rm /run/ssh/agent.sock"));

    // The control: the agent itself, bound in as every guide says.
    let plain = Sandbox::by(by, lab, "plain", &lab.agent.socket);
    say(plain.script(COMMIT));
    say(plain.script(&push(lab)));
    say(plain.script(&log_in_to_production(lab)));
    say(plain.script("ssh-add -D"));
    assert_eq!(lab.agent.keys().len(), 0);
}

#[test]
fn a_sandboxs_commits_come_with_their_content() {
    let lab = Lab::new();
    let policy = "default = \"deny\"
[[rule]]
sandbox = \"dev\"
namespace = \"git\"
content = \"proven\"
action = \"allow\"
";
    let vault = Vault::start(&lab.world, &lab.agent, policy, "");
    run(&mut vault.control(&["serve", "dev"]));
    let sandbox = Sandbox::new(&lab, "guarded", &socket(&vault, "dev"));
    // The control: ssh-keygen sends a hash alone.
    assert!(!sandbox.succeeds(COMMIT));
    // A copy: what is built below the owner's home is not there inside.
    let program = sandbox.install(&programs::split_ssh(), "split-ssh-sign");
    let commit = COMMIT.replace(
        " commit ",
        &format!(" -c gpg.ssh.program={program} commit "),
    );
    let made = sandbox.script(&commit);
    assert!(made.status.success(), "{}", text(&made));
    let record = vault.records().pop().expect("a record");
    assert_eq!(
        (&record["qube"], &record["content"]),
        (&"sandbox:dev".into(), &"proven".into()),
        "{record}"
    );
}

#[test]
fn two_sandboxes_have_their_own_keys_names_and_uids() {
    let lab = Lab::new();
    let other_agent = Agent::start_named(&lab.world, "other");
    let other = Key::ed25519(&lab.world, "other-key");
    other_agent.add(&lab.world, &other);
    let config = format!(
        "[keyring.default]\nagent = \"{}\"\n[keyring.other]\nagent = \"{}\"\n[sandbox.b]\nkeyring = \"other\"\n",
        lab.agent.socket.display(),
        other_agent.socket.display()
    );
    let vault = Vault::start_configured(&lab.world, &config, "default = \"ask\"\n", "");
    run(&mut vault.control(&["serve", "a"]));
    let listed = |name: &str| {
        let mut add = lab.client(&socket(&vault, name)).with_agent("ssh-add");
        text(&finish(add.arg("-L")))
    };
    let base64 = |key: &Key| key.line().split(' ').nth(1).unwrap().to_owned();
    for (name, own, foreign) in [("a", &lab.key, &other), ("b", &other, &lab.key)] {
        let keys = listed(name);
        assert!(keys.contains(&base64(own)), "{name}: {keys}");
        assert!(!keys.contains(&base64(foreign)), "{name}: {keys}");
    }

    // Each is asked about by its own name.
    let mut login = lab.client(&socket(&vault, "a")).ssh(&["server", "true"]);
    let login = std::thread::spawn(move || finish(&mut login));
    let question = wait_for("a question", || {
        let pending = text(&finish(&mut vault.control(&["pending", "--json"])));
        pending.contains("sandbox:a").then_some(pending)
    });
    assert!(!question.contains("sandbox:b"), "{question}");
    vault.answer("deny");
    assert!(!login.join().unwrap().status.success());

    // What is removed is gone with its connections; what vault.toml names stays.
    let mut held = UnixStream::connect(socket(&vault, "a")).expect("a vault");
    held.write_all(&Message::of(message::LIST).framed())
        .expect("it reads");
    held.read_exact(&mut [0; 5]).expect("it answers");
    run(&mut vault.control(&["serve", "remove", "a"]));
    assert!(!socket(&vault, "a").exists() && socket(&vault, "b").exists());
    held.read_to_end(&mut Vec::new()).expect("the end");
    held.write_all(&Message::of(message::LIST).framed())
        .expect_err("nobody reads");
    let refused = finish(&mut vault.control(&["serve", "remove", "b"]));
    assert!(
        !refused.status.success() && text(&refused).contains("vault.toml"),
        "{}",
        text(&refused)
    );
    let list = run(&mut vault.control(&["serve", "list"]));
    assert!(
        list.starts_with("b  keyring other") && list.lines().count() == 2,
        "{list}"
    );
}

#[test]
fn a_peer_whose_uid_is_not_listed_is_refused_and_told_of() {
    let lab = Lab::new();
    let vault = Vault::start(&lab.world, &lab.agent, "default = \"ask\"\n", "");
    // Any uid but ours: to the kernel, a stranger is who is not on the list.
    run(&mut vault.control(&["serve", "box", "--uid", "4242"]));
    let list = || {
        finish(
            lab.client(&socket(&vault, "box"))
                .with_agent("ssh-add")
                .arg("-L"),
        )
    };
    assert!(!list().status.success());
    let status = wait_for("the refusal", || {
        let status = run(&mut vault.control(&["status"]));
        status.contains("may not connect").then_some(status)
    });
    let uid = nix::unistd::Uid::current().to_string();
    let told = status.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("sandbox:box") && told.contains(&format!("uid {uid} may not connect")),
        "{status}"
    );
    let records = vault.records();
    let refusal = records
        .iter()
        .find(|record| record["qube"] == "sandbox:box");
    let reason = refusal.expect("a record")["reason"].to_string();
    // The command that it names lets the peer in.
    let (_, command) = reason.split_once('`').expect("a command");
    let words: Vec<&str> = command.split('`').next().unwrap().split(' ').collect();
    run(&mut vault.control(&words[1..]));
    assert!(list().status.success(), "{words:?}");
}

/// A port of vsock that nobody has; none if this kernel has no vsock.
fn free_port_of_vsock() -> Option<u32> {
    let socket = bind_vsock(VMADDR_ANY, VMADDR_ANY).ok()?;
    Some(
        getsockname::<VsockAddr>(socket.as_raw_fd())
            .expect("its address")
            .port(),
    )
}

const VMADDR_ANY: u32 = u32::MAX;
/// `VMADDR_CID_LOCAL`: this machine itself, where the kernel has the module `vsock_loopback`.
const THIS_MACHINE: u32 = 1;

fn bind_vsock(cid: u32, port: u32) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = nix::sys::socket::socket(AddressFamily::Vsock, SockType::Stream, flags, None)?;
    bind(socket.as_raw_fd(), &VsockAddr::new(cid, port))?;
    Ok(socket)
}

#[test]
fn a_virtual_machine_is_a_sandbox_by_its_cid_and_no_other_is() {
    let lab = Lab::new();
    let vault = Vault::start(&lab.world, &lab.agent, "default = \"ask\"\n", "");
    let serve = |words: &[&str]| finish(&mut vault.control(&[&["serve"], words].concat()));
    let refuses = |words: &[&str], why: &str| {
        let refused = serve(words);
        let said = text(&refused);
        assert!(!refused.status.success() && said.contains(why), "{said}");
    };
    refuses(&["guest", "--vsock", "4294967295:5000"], "stands for any");
    let Some(port) = free_port_of_vsock() else {
        refuses(&["guest", "--vsock", "3:5000"], "cannot listen");
        return eprintln!("this kernel has no vsock: nothing more was tested");
    };
    let of = |cid: u32| format!("{cid}:{port}");
    let said = text(&serve(&["guest", "--vsock", &of(THIS_MACHINE)]));
    assert!(said.contains(&format!("VSOCK-CONNECT:2:{port}")), "{said}");
    assert_eq!(bind_vsock(VMADDR_ANY, port).err(), Some(Errno::EADDRINUSE));
    refuses(&["other", "--vsock", &of(7)], "have the same port");
    assert!(serve(&["list"]).status.success(), "nothing of it is left");

    if bind_vsock(THIS_MACHINE, VMADDR_ANY).is_ok() {
        let inside = lab.world.path("guest.sock");
        let mut socat = lab.world.command("socat");
        socat.arg(format!("UNIX-LISTEN:{},fork", inside.display()));
        socat.arg(format!("VSOCK-CONNECT:{THIS_MACHINE}:{port}"));
        let _socat = Running::start(socat, &lab.world.path("socat"));
        wait_for_socket(&inside);
        let lists = || finish(lab.client(&inside).with_agent("ssh-add").arg("-L"));
        assert!(lists().status.success(), "{}", text(&lists()));
        assert!(serve(&["guest", "--vsock", &of(99)]).status.success());
        assert!(!lists().status.success());
        wait_for("the refusal", || {
            let status = run(&mut vault.control(&["status"]));
            status.contains("CID 1 may not").then_some(())
        });
        let command = vault.records().iter().find_map(|record| {
            let reason = record["reason"].as_str()?.to_owned();
            reason.split('`').nth(1).map(str::to_owned)
        });
        let command = command.expect("a command");
        let words: Vec<&str> = command.split(' ').collect();
        run(&mut vault.control(&words[1..]));
        assert!(lists().status.success(), "{command}");
        let records = vault.records();
        let mut callers = records.iter().filter_map(|record| record["qube"].as_str());
        assert!(callers.all(|caller| caller == "sandbox:guest"));
    } else {
        eprintln!("this kernel has no vsock_loopback: no machine connected");
    }
    assert!(serve(&["remove", "guest"]).status.success());
    assert!(bind_vsock(VMADDR_ANY, port).is_ok(), "the port is free");
}

#[test]
fn no_header_makes_a_caller_a_sandbox() {
    let lab = Lab::new();
    let vault = Vault::start(&lab.world, &lab.agent, "default = \"ask\"\n", "");
    let list = Message::of(message::LIST).framed();
    for (source, is_served) in [("sandbox:dev", false), ("ssh:dev", true)] {
        let mut stream = UnixStream::connect(&vault.qrexec_socket).expect("a vault");
        let header = format!("qubes.SshAgent+ {source}\0");
        stream
            .write_all(&[header.as_bytes(), &list].concat())
            .expect("it reads");
        let mut reply = [0; 5];
        assert_eq!(stream.read_exact(&mut reply).is_ok(), is_served, "{source}");
    }
}

#[test]
fn a_socket_stays_usable_through_a_restart_and_never_beside_other_files() {
    let lab = Lab::new();
    let mut vault = Vault::start(&lab.world, &lab.agent, "default = \"ask\"\n", "");
    run(&mut vault.control(&["serve", "dev"]));
    let socket = socket(&vault, "dev");
    vault.stop();
    assert!(!socket.exists() && socket.parent().unwrap().is_dir());
    let vault = Vault::start(&lab.world, &lab.agent, "default = \"ask\"\n", "");
    wait_for_socket(&socket);
    assert!(
        finish(lab.client(&socket).with_agent("ssh-add").arg("-L"))
            .status
            .success()
    );

    // From a writable mount the sandbox takes it away, or puts one of its own there.
    for replaces in [false, true] {
        std::fs::remove_file(&socket).expect("it was there");
        if replaces {
            drop(std::os::unix::net::UnixListener::bind(&socket).expect("room"));
        }
        let doctor = text(&finish(&mut vault.control(&["doctor", "--sandbox", "dev"])));
        assert!(doctor.contains("removed or replaced"), "{doctor}");
        run(&mut vault.control(&["serve", "dev"]));
        let listed = finish(lab.client(&socket).with_agent("ssh-add").arg("-L"));
        assert!(listed.status.success(), "{}", text(&listed));
    }

    // It has room for a container's id, but a path has not always.
    let long = "1f".repeat(32);
    let short = lab.world.path("short/agent.sock").display().to_string();
    run(&mut vault.control(&["serve", &long, "--socket", &short]));
    run(&mut vault.control(&["serve", "remove", &long]));
    let folder = lab.world.path("f".repeat(70)).display().to_string();
    let refused =
        finish(&mut vault.control(&["serve", "x", "--socket", &format!("{folder}/{long}")]));
    assert!(
        !refused.status.success() && text(&refused).contains("107 bytes long: choose"),
        "{}",
        text(&refused)
    );

    for (name, why) in [
        ("list", "a word of"),
        ("a/b", "bad sandbox name"),
        ("..", "bad sandbox name"),
    ] {
        let refused = finish(&mut vault.control(&["serve", "--", name]));
        assert!(
            !refused.status.success() && text(&refused).contains(why),
            "{}",
            text(&refused)
        );
    }
    let crowded = lab.world.path("agent-of-all.sock").display().to_string();
    let refused = finish(&mut vault.control(&["serve", "dev", "--socket", &crowded]));
    assert!(
        !refused.status.success() && text(&refused).contains("is beside the socket"),
        "{}",
        text(&refused)
    );
    // What cannot be served leaves everything as it was.
    assert!(socket.exists());
    let refused = finish(&mut vault.control(&["serve", "dev", "--keyring", "none"]));
    assert!(
        !refused.status.success() && text(&refused).contains("no keyring none"),
        "{}",
        text(&refused)
    );
}

/// In place of `ssh -A`: what comes back is the sandbox's, and asked about with the server's proof.
#[test]
fn a_remote_host_gets_a_sandbox_in_place_of_the_agent() {
    let lab = Lab::new();
    let policy = "default = \"ask\"\n";
    let vault = Vault::start(&lab.world, &lab.agent, policy, &lab.known_hosts());
    run(&mut vault.control(&["serve", "remote", "--forwarded"]));
    let there = lab.world.path("there.sock");
    let forward = format!("{}:{}", there.display(), socket(&vault, "remote").display());
    let first = lab.client(&lab.agent.socket);
    let words = [
        "-N",
        "-o",
        "ExitOnForwardFailure=yes",
        "-R",
        &forward,
        "server",
    ];
    let _tunnel = Running::start(first.ssh(&words), &lab.world.path("tunnel"));
    wait_for_socket(&there);
    let config = first.config.display();
    let on = format!(
        "SSH_AUTH_SOCK={} ssh -F {config} second echo inside",
        there.display()
    );
    for (verdict, gets_in) in [("deny", false), ("allow", true)] {
        let mut ssh = first.ssh(&["server", &on]);
        let login = std::thread::spawn(move || finish(&mut ssh));
        let question = wait_for("a question", || {
            let pending = text(&finish(&mut vault.control(&["pending", "--json"])));
            pending.contains("sandbox:remote").then_some(pending)
        });
        assert!(
            question.contains("passes on a request") && question.contains("\"proven\""),
            "{question}"
        );
        vault.answer(verdict);
        let output = login.join().expect("ssh ends");
        assert_eq!(output.stdout == b"inside\n", gets_in, "{}", text(&output));
    }
    // The control: by `ssh -A` the first server logs in wherever it likes.
    let config = config.to_string();
    let on = format!("ssh -F {config} second echo inside");
    let output = finish(&mut first.ssh(&["-A", "server", &on]));
    assert_eq!(output.stdout, b"inside\n", "{}", text(&output));
}

#[test]
fn presets_are_a_few_lines_that_do_what_they_say() {
    let lab = Lab::new();
    let vault = Vault::start(
        &lab.world,
        &lab.agent,
        "default = \"ask\"\n",
        &lab.known_hosts(),
    );
    let preset =
        |words: &[&str]| finish(&mut vault.control(&[&["rule", "preset"], words].concat()));
    let explain = |words: &[&str]| {
        let common = ["policy", "explain", "--key", "k"];
        text(&finish(&mut vault.control(&[&common, words].concat())))
    };
    let github = [
        "push",
        "--sandbox",
        "dev",
        "--key",
        "k",
        "--host",
        "github.com",
    ];
    let printed = text(&preset(&[&github[..], &["--print"]].concat()));
    assert!(
        printed.contains("preset-github.com") && printed.contains("proof = \"bound\""),
        "{printed}"
    );
    for name in ["no sandbox is called `dev`", "no keyring has a key `k`"] {
        assert!(printed.contains(&format!("warning: {name}")), "{printed}");
    }
    assert!(text(&finish(&mut vault.control(&["rule", "list"]))).contains("no rule was added"));

    let known = ["known-hosts-only", "--sandbox", "dev", "--yes"];
    assert!(preset(&known).status.success());
    let login = ["--user", "root", "--host", "server"];
    for (caller, words, verdict) in [
        ("--sandbox=dev", &login[..], "ask"),
        (
            "--sandbox=dev",
            &["--user", "root", "--kind", "login"],
            "deny",
        ),
        ("--sandbox=dev", &["--namespace", "git"], "deny"),
        ("--sandbox=dev2", &["--namespace", "git"], "ask"),
        ("--qube=dev", &["--namespace", "git"], "ask"),
    ] {
        let said = explain(&[&[caller], words].concat());
        let decided = said.lines().nth(2).unwrap_or_default().trim_start();
        assert!(decided.starts_with(verdict), "{caller} {words:?}: {said}");
    }
    // A second rule for everything else would never decide.
    let second = preset(&["ask-everything", "--sandbox", "dev", "--yes"]);
    assert!(
        !second.status.success() && text(&second).contains("split-ssh rule remove"),
        "{}",
        text(&second)
    );
    assert!(!preset(&known).status.success(), "it is there already");
}

#[test]
fn doctor_sees_what_a_sandbox_was_given() {
    let lab = Lab::new();
    let vault = Vault::start(&lab.world, &lab.agent, "default = \"ask\"\n", "");
    run(&mut vault.control(&["serve", "dev"]));
    let doctor = || text(&finish(&mut vault.control(&["doctor", "--sandbox", "dev"])));
    let given = |name: &str, socket: &std::path::Path| {
        let sandbox = Sandbox::new(&lab, name, socket);
        let mut running = Running::start(
            sandbox.command("echo ready; sleep 600"),
            &lab.world.path(format!("{name}-log")),
        );
        running.wait_for_log("ready");
        running
    };
    let said = doctor();
    assert!(
        said.contains("no container has") && said.contains("ssh-add -D"),
        "{said}"
    );
    let right = given("right", &socket(&vault, "dev"));
    let said = doctor();
    assert!(
        said.contains("has it at /run/ssh/agent.sock") && !said.contains("BAD"),
        "{said}"
    );
    drop(right);
    let wrong = given("wrong", &vault.qrexec_socket);
    let said = doctor();
    assert!(
        said.contains("can name itself any qube") && said.contains("BAD"),
        "{said}"
    );
    let whole = text(&finish(&mut vault.control(&["doctor", "--vault"])));
    assert!(
        whole.contains("has qrexec.sock at /run/ssh/qrexec.sock"),
        "{whole}"
    );
    drop(wrong);
    let said = text(&finish(&mut vault.control(&[
        "doctor",
        "--sandbox",
        "none",
    ])));
    assert!(said.contains("there is no sandbox none"), "{said}");
}

#[test]
fn the_sessions_own_agent_is_found_once_and_never_one_of_ours() {
    let lab = Lab::new();
    let config = "[keyring.default]\nupstream = \"session\"\n[prompt]\nby = \"terminal\"\n";
    let policy = "default = \"ask\"\n";
    let agent = lab.agent.socket.to_str().expect("UTF-8");
    let start = |environment: &[(&str, &str)]| {
        Vault::start_with(&lab.world, config, policy, "", environment)
    };
    let mut vault = start(&[("SSH_AUTH_SOCK", agent)]);
    run(vault.control(&["serve", "dev"]).env("SSH_AUTH_SOCK", agent));
    let listed = |vault: &Vault| {
        let dev = socket(vault, "dev");
        wait_for_socket(&dev);
        text(&finish(lab.client(&dev).with_agent("ssh-add").arg("-L")))
    };
    assert!(listed(&vault).starts_with("ssh-ed25519"));
    let kept = lab.world.path("vault/config/session-agent");
    assert_eq!(
        std::fs::read_to_string(&kept).expect("a file").trim(),
        agent
    );
    // Whoever sets the environment later has no say.
    vault.stop();
    let other = Agent::start_named(&lab.world, "other");
    let vault = start(&[("SSH_AUTH_SOCK", other.socket.to_str().expect("UTF-8"))]);
    assert!(listed(&vault).starts_with("ssh-ed25519"));
    // The loop: a session whose agent is the vault's own socket.
    std::fs::remove_file(&kept).expect("it was there");
    let elsewhere = lab.world.path("linked.sock");
    std::os::unix::fs::symlink(socket(&vault, "dev"), &elsewhere).expect("a link");
    let mut list = vault.control(&["serve", "list"]);
    let refused = finish(list.env("SSH_AUTH_SOCK", &elsewhere));
    assert!(
        !refused.status.success() && text(&refused).contains("would ask itself"),
        "{}",
        text(&refused)
    );
}

/// As `split-ssh@NAME.socket` does it: systemd holds the socket, and the first connection starts the vault.
#[test]
fn a_socket_of_systemd_is_a_sandboxs_by_its_name() {
    let lab = Lab::new();
    let mut vault = Vault::start_configured(&lab.world, "", "default = \"ask\"\n", "");
    vault.stop();
    let config = format!(
        "[keyring.default]\nagent = \"{}\"\n[sandbox.dev]\n[prompt]\nby = \"terminal\"\n",
        lab.agent.socket.display()
    );
    lab.world.file("vault/config/vault.toml", config);
    let dev = socket(&vault, "dev");
    lab.world.directory("vault/run/split-ssh-sandbox/dev");
    let vault_command = vault.control(&["vault"]);
    let mut activate = lab.world.command("systemd-socket-activate");
    activate.arg("-l").arg(&dev).arg("--fdname=sandbox.dev");
    for (name, _) in vault_command.get_envs() {
        activate.arg("-E").arg(name);
    }
    activate.envs(
        vault_command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    activate
        .arg(vault_command.get_program())
        .args(vault_command.get_args());
    let _unit = Running::start(activate, &lab.world.path("unit"));
    wait_for_socket(&dev);
    let list = || finish(lab.client(&dev).with_agent("ssh-add").arg("-L"));
    assert!(
        list().status.success(),
        "the vault's own sockets are its own"
    );
    let status = run(&mut vault.control(&["status"]));
    assert!(status.contains("dev  keyring default"), "{status}");
    // Other settings at the same socket: nobody waits there for whom the old ones held.
    let config = lab.world.path("vault/config/vault.toml");
    let before = std::fs::read_to_string(&config).expect("our own file");
    lab.world.file(
        "vault/config/vault.toml",
        before.replace("[prompt]", "forwarded = \"always\"\n[prompt]"),
    );
    let list_of_all = run(&mut vault.control(&["serve", "list"]));
    assert!(list_of_all.contains("counts as forwarded"), "{list_of_all}");
    for _ in 0..4 {
        assert!(list().status.success());
    }
}
