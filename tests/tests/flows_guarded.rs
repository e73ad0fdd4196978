//! What people do with their agent works through client, qrexec and vault, as far as the policy lets it.

use testbed::children::{finish, run, text};
use testbed::flows;
use testbed::guarded::Guarded;
use testbed::keys::{self, Key, Kind};
use testbed::lab::Lab;
use testbed::sshd::{Options, Sshd};
use testbed::world::user_name;

/// Two named servers.
const HOSTS: &str = "default = \"deny\"

[host.server]
names = [\"server\"]

[host.second]
names = [\"second\"]
";

const LOGINS: &str = "
[[rule]]
kind = \"login\"
host = [\"server\", \"second\"]
forwarded = [true, false]
action = \"allow\"
";

const SSHSIGS: &str = "
[[rule]]
kind = \"sshsig\"
namespace = [\"git\", \"file\"]
action = \"allow\"
";

const UNPROVEN: &str = "
[[rule]]
kind = \"login\"
host = \"unproven\"
action = \"allow\"
";

fn guarded(rules: &[&str]) -> Guarded {
    guarded_over(Lab::new(), rules)
}

fn guarded_over(lab: Lab, rules: &[&str]) -> Guarded {
    Guarded::over(lab, &[&[HOSTS], rules].concat().concat())
}

macro_rules! works {
    ($($flow:ident: $rules:expr;)*) => {$(
        #[test]
        fn $flow() {
            guarded(&$rules).run(flows::$flow);
        }
    )*};
}

works! {
    login: [LOGINS];
    login_with_unused_forwarding: [LOGINS];
    list_from_the_server: [LOGINS];
    login_from_the_server: [LOGINS];
    login_through_a_jump_host: [LOGINS];
    share_a_connection: [LOGINS];
    copy_a_file: [LOGINS];
    git_over_ssh: [LOGINS];
    sign_a_commit: [SSHSIGS];
    sign_a_file: [SSHSIGS];
    list_keys: [LOGINS];
    login_by_paramiko: [UNPROVEN];
    login_by_plink: [UNPROVEN];
    test_a_key: ["[[rule]]\nkind = \"raw\"\naction = \"allow\"\n"];
    sign_several_files: ["[[rule]]\nkind = \"sshsig\"\nsignatures = 3\naction = \"allow\"\n"];
}

/// The rows of the written list of differences: without their line these are refused.
#[test]
fn what_needs_a_line_of_its_own() {
    let guarded = guarded(&[LOGINS, SSHSIGS]);
    let client = guarded.lab.client(&guarded.client.socket);
    let test = finish(
        client
            .with_agent("ssh-add")
            .arg("-T")
            .arg(&guarded.lab.key.public),
    );
    assert!(!test.status.success(), "raw data was signed");
    let mut sign = client.with_agent("ssh-keygen");
    sign.args(["-Y", "sign", "-n", "file", "-f"])
        .arg(&guarded.lab.key.public);
    for name in ["one", "two"] {
        sign.arg(guarded.lab.world.file(name, name));
    }
    let output = finish(&mut sign);
    assert!(
        guarded.lab.world.path("one.sig").exists(),
        "{}",
        text(&output)
    );
    assert!(
        !guarded.lab.world.path("two.sig").exists(),
        "a second signature on one connection"
    );
}

#[test]
fn a_login_that_does_not_name_its_host_needs_a_word_for_it() {
    let plain = ["-o", "PubkeyAuthentication=unbound", "server"];
    assert!(
        !guarded(&[LOGINS]).gets_in(&plain),
        "a bind alone was taken for proof"
    );
    let bound = LOGINS.replace("second\"]", "forge\"]");
    let forge = "\n[host.forge]\nnames = [\"server\"]\nproof = \"bound\"\n";
    assert!(guarded(&[forge, &bound]).gets_in(&plain));
}

#[test]
fn every_kind_of_key() {
    for kind in keys::ALL {
        let guarded = guarded_over(Lab::with_key(kind), &[LOGINS, SSHSIGS]);
        guarded.run(flows::list_keys);
        guarded.run(flows::login);
        guarded.run(flows::sign_a_file);
    }
}

#[test]
fn every_kind_of_host_key() {
    for host_key in [
        Kind::Ecdsa(256),
        Kind::Ecdsa(384),
        Kind::Ecdsa(521),
        Kind::Rsa(3072),
    ] {
        let options = Options {
            host_key,
            ..Options::default()
        };
        guarded_over(Lab::with(Kind::Ed25519, &options), &[LOGINS]).run(flows::login);
    }
}

/// The server shows a certificate, and the vault knows its CA by name.
#[test]
fn a_host_certificate() {
    let scratch = testbed::world::World::new();
    let authority = Key::ed25519(&scratch, "authority");
    let options = Options {
        host_certificate: Some(&authority),
        ..Options::default()
    };
    let guarded = guarded_over(Lab::with(Kind::Ed25519, &options), &[LOGINS]);
    guarded.run(flows::login);
    guarded.run(flows::login_from_the_server);
}

/// A user certificate in the agent, and one on the client's disk with its key in the agent.
#[test]
fn user_certificates() {
    for kind in [Kind::Ed25519, Kind::Ecdsa(256), Kind::Rsa(3072)] {
        let scratch = testbed::world::World::new();
        let authority = Key::ed25519(&scratch, "authority");
        let line = format!("TrustedUserCAKeys {}", authority.public.display());
        let options = Options {
            lines: &[&line, "AuthorizedKeysFile none"],
            ..Options::default()
        };
        let lab = Lab::with(kind, &options);
        let certificate =
            lab.key
                .certify_user(&lab.world, &authority, &testbed::world::user_name());
        let guarded = guarded_over(lab, &[LOGINS]);
        let file = format!("CertificateFile={}", certificate.display());
        let identity = format!("IdentityFile={}", guarded.lab.key.public.display());
        assert!(!guarded.gets_in(&["server"]), "the key alone was enough");
        assert!(
            guarded.gets_in(&["-o", &file, "-o", &identity, "server"]),
            "{kind:?}: certificate on disk"
        );
        guarded.lab.agent.add(&guarded.lab.world, &guarded.lab.key);
        assert!(
            guarded.gets_in(&["server"]),
            "{kind:?}: certificate in the agent"
        );
    }
}

/// Paramiko signs with the first key in vain, then with the right one, on one connection.
#[test]
fn paramiko_with_the_right_key_second() {
    let lab = Lab::new();
    let wrong = Key::ed25519(&lab.world, "wrong");
    let mut agent = lab.agent;
    agent.stop();
    let agent = testbed::agent::Agent::start_named(&lab.world, "two");
    agent.add(&lab.world, &wrong);
    agent.add(&lab.world, &lab.key);
    let guarded = guarded_over(Lab { agent, ..lab }, &[UNPROVEN]);
    guarded.run(flows::login_by_paramiko);
}

#[test]
fn a_server_that_wants_two_keys() {
    let options = Options {
        lines: &["AuthenticationMethods publickey,publickey"],
        ..Options::default()
    };
    let lab = Lab::with(Kind::Ed25519, &options);
    let further = Key::generate(&lab.world, "further", Kind::Ecdsa(256));
    lab.agent.add(&lab.world, &further);
    lab.server.authorize(&further);
    guarded_over(lab, &[LOGINS]).run(flows::login);
}

/// Binds reach the agent on the connection that signs, so its own destination constraints still hold.
#[test]
fn destination_constraints_of_the_agent() {
    let lab = Lab::new();
    let known_hosts = lab.world.file("hosts", lab.known_hosts());
    let mut agent = lab.agent;
    agent.stop();
    let agent = testbed::agent::Agent::start_named(&lab.world, "constrained");
    let hosts = known_hosts.to_string_lossy();
    agent.add_with(
        &lab.world,
        &lab.key,
        &["-H", &hosts, "-h", "server", "-h", "server>second"],
    );
    let guarded = guarded_over(Lab { agent, ..lab }, &[LOGINS]);
    assert!(
        guarded.gets_in(&["server"]),
        "the constrained key does not reach its server"
    );
    guarded.run(flows::login_from_the_server);
    assert!(
        !guarded.gets_in(&["second"]),
        "the agent's constraint was lost on the way"
    );
    // Not the key of an agent that is locked, for which a login would wait.
    let records = guarded.vault.records();
    let list = records.iter().rfind(|record| record["event"] == "list");
    assert_eq!(list.expect("a list")["listed"], 0);
}

#[test]
fn a_question_is_answered_in_the_vaults_terminal() {
    let ask = LOGINS.replace("allow", "ask");
    let guarded = guarded(&[&ask]);
    for (verdict, expected) in [("allow", true), ("deny", false)] {
        std::thread::scope(|scope| {
            let login = scope.spawn(|| guarded.gets_in(&["server"]));
            guarded.vault.answer(verdict);
            assert_eq!(login.join().unwrap(), expected, "{verdict}");
        });
    }
}

/// Every signature is one record, every refusal has its reason.
#[test]
fn the_log_tells_what_happened() {
    let guarded = guarded(&[LOGINS]);
    guarded.run(flows::login);
    let signed = |record: &serde_json::Value| record.to_string().contains("\"allow\"");
    assert_eq!(
        guarded
            .vault
            .records()
            .iter()
            .filter(|record| signed(record))
            .count(),
        1
    );
    run(&mut guarded.vault.control(&["log"]));
}

/// Nobody is asked by dom0 for a connection on which nothing is said.
#[test]
fn a_silent_connection_makes_no_call() {
    let guarded = guarded(&[LOGINS]);
    guarded.run(flows::login_with_unused_forwarding);
    assert_eq!(guarded.client.calls(), 1);
    assert_eq!(guarded.lab.server.logins(), 1);
}

#[test]
fn another_server_is_refused() {
    let guarded = guarded(&[LOGINS]);
    let stranger = Sshd::named(&guarded.lab.world, "stranger");
    stranger.authorize(&guarded.lab.key);
    let client =
        testbed::ssh::Client::new(&guarded.lab.world, &guarded.client.socket, &[&stranger]);
    assert!(
        !finish(&mut client.ssh(&["stranger", "true"]))
            .status
            .success()
    );
    assert_eq!(stranger.logins(), 0);
}

/// sshd takes what follows a colon for a style, and lets the user before it in.
#[test]
fn a_style_behind_the_user_is_no_way_around_a_rule_for_the_user() {
    let styled = format!("{}:style", user_name());
    let words = ["-l", &styled, "server"];
    assert!(guarded(&[LOGINS]).gets_in(&words), "the control: it does");
    let deny = format!(
        "\n[[rule]]\nuser = \"{}\"\naction = \"deny\"\n",
        user_name()
    );
    let guarded = guarded(&[&deny, LOGINS]);
    assert!(!guarded.gets_in(&words));
    assert_eq!(guarded.lab.server.logins(), 0);
    let reason = guarded.last_signature()["reason"].to_string();
    assert!(
        reason.contains("servers may cut the user's name"),
        "{reason}"
    );
}
