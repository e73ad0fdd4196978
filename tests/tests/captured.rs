//! Every message that real clients and a real agent exchange must parse, and rebuild to the same bytes.

use std::path::Path;

use testbed::agent::ssh_add;
use testbed::children::finish;
use testbed::flows::{self, Flow};
use testbed::keys::{self, Key, Kind};
use testbed::lab::Lab;
use testbed::recorder::Recorder;
use wire::reply::Reply;
use wire::request::Request;

/// Records `flow` between the client and the agent, and checks all that was said.
fn capture(lab: &Lab, name: &str, flow: impl FnOnce(&Lab, &Path)) -> Vec<u8> {
    let recorder = Recorder::start(lab.world.path(format!("{name}.sock")), &lab.agent.socket);
    flow(lab, &recorder.socket);
    for conversation in recorder.conversations() {
        for payload in conversation.request_payloads() {
            let request = Request::parse(&payload)
                .unwrap_or_else(|bad| panic!("{name}: {bad:?}: {payload:02x?}"));
            assert_eq!(request.rebuild(), payload, "{name}: {request:?}");
        }
        for payload in conversation.reply_payloads() {
            let reply = Reply::parse(&payload)
                .unwrap_or_else(|bad| panic!("{name}: {bad:?}: {payload:02x?}"));
            assert_eq!(reply.rebuild(), payload, "{name}: {reply:?}");
        }
    }
    recorder.numbers()
}

const LOGIN: [u8; 3] = [27, 11, 13];

#[test]
fn flows_of_openssh() {
    let flows: [(&str, Flow, &[u8]); 10] = [
        ("login", flows::login, &LOGIN),
        ("unused", flows::login_with_unused_forwarding, &LOGIN),
        ("list", flows::list_keys, &[11, 11]),
        ("test", flows::test_a_key, &[13]),
        (
            "jump",
            flows::login_through_a_jump_host,
            &[27, 11, 13, 27, 11, 13],
        ),
        (
            "remote-list",
            flows::list_from_the_server,
            &[27, 11, 13, 27, 11],
        ),
        ("file", flows::sign_a_file, &[11, 13]),
        ("files", flows::sign_several_files, &[11, 13, 13, 13]),
        ("commit", flows::sign_a_commit, &[11, 13]),
        ("shared", flows::share_a_connection, &LOGIN),
    ];
    let lab = Lab::new();
    for (name, flow, numbers) in flows {
        assert_eq!(capture(&lab, name, flow), numbers, "{name}");
    }
    capture(&lab, "onward", flows::login_from_the_server);
    capture(&lab, "git", flows::git_over_ssh);
    capture(&lab, "scp", flows::copy_a_file);
    capture(&lab, "unbound", flows::login_without_hostbound);
}

#[test]
fn flows_of_others() {
    let lab = Lab::new();
    capture(&lab, "paramiko", flows::login_by_paramiko);
    capture(&lab, "plink", flows::login_by_plink);
}

#[test]
fn every_kind_of_key() {
    for kind in keys::ALL {
        let lab = Lab::with_key(kind);
        capture(&lab, "login", flows::login);
        capture(&lab, "file", flows::sign_a_file);
    }
}

#[test]
fn host_keys_and_certificates_of_every_kind() {
    for host_key in [
        Kind::Ecdsa(256),
        Kind::Ecdsa(384),
        Kind::Ecdsa(521),
        Kind::Rsa(3072),
    ] {
        let options = testbed::sshd::Options {
            host_key,
            ..Default::default()
        };
        capture(&Lab::with(Kind::Ed25519, &options), "login", flows::login);
    }
    for kind in keys::ALL {
        let lab = Lab::with_key(kind);
        let authority = Key::ed25519(&lab.world, "authority");
        lab.key.certify_user(&lab.world, &authority, "someone");
        lab.agent.add(&lab.world, &lab.key);
        capture(&lab, "list", flows::list_keys);
    }
}

/// What the guard refuses must parse all the same: the log names it.
#[test]
fn requests_that_change_the_agent() {
    let lab = Lab::new();
    let known_hosts = lab.world.file("hosts", lab.known_hosts());
    let known_hosts = known_hosts.to_string_lossy();
    let seen = capture(&lab, "change", |lab, socket| {
        let askpass = lab.world.script("askpass", "#!/bin/sh\necho 1234\n");
        let add = |words: &[&str]| {
            let mut command = ssh_add(&lab.world, socket);
            command
                .env("SSH_ASKPASS", &askpass)
                .env("SSH_ASKPASS_REQUIRE", "force")
                .args(words);
            finish(&mut command)
        };
        for kind in keys::ALL.into_iter().filter(|kind| !kind.is_sk()) {
            let key = Key::generate(&lab.world, &format!("added-{kind:?}"), kind);
            key.certify_user(&lab.world, &lab.key, "someone");
            let private = key.private.to_string_lossy().into_owned();
            assert!(add(&["-q", &private]).status.success());
            assert!(add(&["-q", "-t", "60", "-c", &private]).status.success());
            assert!(
                add(&[
                    "-q",
                    "-h",
                    "server",
                    "-h",
                    "server>second",
                    "-H",
                    &known_hosts,
                    &private
                ])
                .status
                .success()
            );
        }
        for words in [
            &["-s", "/usr/lib/none.so"][..],
            &["-t", "5", "-c", "-s", "/usr/lib/none.so"],
            &["-e", "/usr/lib/none.so"],
        ] {
            assert!(!add(words).status.success());
        }
        for words in [
            &["-x"][..],
            &["-X"],
            &["-d", &lab.key.public.to_string_lossy()],
            &["-D"],
        ] {
            assert!(add(words).status.success(), "{words:?}");
        }
    });
    for number in [9, 17, 18, 19, 20, 21, 22, 23, 25, 26] {
        assert!(seen.contains(&number), "{number} was not among {seen:?}");
    }
}
