//! What is measured.

use testbed::children::run;
use testbed::message::{self, Message, sign, sshsig};
use testbed::programs;
use testbed::raw::{Connection, identities};

use crate::ways::Way;

pub struct Operation {
    pub name: &'static str,
    /// Not measured.
    pub prepare: fn(&mut Way),
    pub run: fn(&mut Way),
    /// By a program that knows nothing of qrexec's header: not for the guard alone.
    pub by_program: bool,
}

pub const CONNECT_AND_LIST: &str = "raw connect and list";
pub const SIGN_ON_OPEN: &str = "one signature on an open connection";
pub const BIND_AND_SIGN: &str = "a bind and its login's signature";
pub const COMMIT: &str = "a commit, by ssh-keygen";
/// Where the agent knows no content, `split-ssh sign` leaves it to ssh-keygen.
pub const COMMIT_WITH_CONTENT: &str = "a commit, by split-ssh sign";

/// git knows it without having it.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

pub const OPERATIONS: [Operation; 7] = [
    Operation {
        name: "ssh-add -L",
        prepare: nothing,
        run: ssh_add,
        by_program: true,
    },
    Operation {
        name: "ssh-keygen -Y sign",
        prepare: nothing,
        run: ssh_keygen,
        by_program: true,
    },
    Operation {
        name: CONNECT_AND_LIST,
        prepare: nothing,
        run: connect_and_list,
        by_program: false,
    },
    Operation {
        name: SIGN_ON_OPEN,
        prepare: nothing,
        run: sign_on_open,
        by_program: false,
    },
    Operation {
        name: BIND_AND_SIGN,
        prepare: connect_and_list_first,
        run: bind_and_sign,
        by_program: false,
    },
    Operation {
        name: COMMIT,
        prepare: repository,
        run: |way| commit(way, "ssh-keygen"),
        by_program: true,
    },
    Operation {
        name: COMMIT_WITH_CONTENT,
        prepare: repository,
        run: |way| commit(way, "./split-ssh-sign"),
        by_program: true,
    },
];

/// Whether the environment leaves this to be measured.
pub fn is_wanted(name: &str) -> bool {
    std::env::var("ONLY").map_or(true, |only| name.contains(&only))
}

fn nothing(_way: &mut Way) {}

fn ssh_add(way: &mut Way) {
    run(way
        .world
        .command("ssh-add")
        .arg("-L")
        .env("SSH_AUTH_SOCK", &way.socket));
}

fn ssh_keygen(way: &mut Way) {
    let message = way.world.path("message");
    // ssh-keygen asks before it overwrites a signature.
    drop(std::fs::remove_file(way.world.path("message.sig")));
    std::fs::write(&message, "content\n").expect("our own file");
    let mut sign = way.world.command("ssh-keygen");
    sign.args(["-q", "-Y", "sign", "-n", "file", "-f"])
        .arg(&way.key.public)
        .arg(message);
    run(sign.env("SSH_AUTH_SOCK", &way.socket));
}

fn connect_and_list(way: &mut Way) {
    listed(way);
}

fn sign_on_open(way: &mut Way) {
    let request = sign(&way.key.blob(), &sshsig("file", &[1; 64]));
    assert!(way.open.ask(&request).signature().is_some(), "{}", way.name);
}

fn listed(way: &Way) -> Connection {
    let mut connection = way.connect();
    let listed = identities(&connection.ask(&Message::of(message::LIST)));
    assert_eq!(listed.map(|keys| keys.len()), Some(1), "{}", way.name);
    connection
}

/// ssh has connected and listed by the time that it binds.
fn connect_and_list_first(way: &mut Way) {
    way.fresh = Some(listed(way));
}

fn bind_and_sign(way: &mut Way) {
    let request = sign(&way.key.blob(), &way.login);
    let connection = way.fresh.as_mut().expect("prepared");
    let bound = connection.ask(&way.bind);
    assert_eq!(bound.number(), Some(message::SUCCESS), "{}", way.name);
    assert!(
        connection.ask(&request).signature().is_some(),
        "{}",
        way.name
    );
}

fn repository(way: &mut Way) {
    let repository = way.world.path("repository");
    if !repository.exists() {
        let mut init = way.world.command("git");
        run(init.args(["init", "-q", "--bare"]).arg(&repository));
        let link = repository.join("split-ssh-sign");
        std::os::unix::fs::symlink(programs::split_ssh(), link).expect("our own folder");
    }
}

fn commit(way: &mut Way, program: &str) {
    let mut git = way.world.command("git");
    for setting in [
        "user.name=A",
        "user.email=a@example.org",
        "gpg.format=ssh",
        &format!("gpg.ssh.program={program}"),
        &format!("user.signingkey={}", way.key.public.display()),
    ] {
        git.args(["-c", setting]);
    }
    git.args(["commit-tree", "-S", "-m", "A subject", EMPTY_TREE])
        .current_dir(way.world.path("repository"));
    run(git.env("SSH_AUTH_SOCK", &way.socket));
}
