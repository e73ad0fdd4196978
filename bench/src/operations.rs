//! What is measured.

use testbed::children::run;
use testbed::message::{self, Message, sign, sshsig};
use testbed::raw::{Connection, identities};

use crate::ways::Way;

pub struct Operation {
    pub name: &'static str,
    pub run: fn(&mut Way),
}

pub const CONNECT_AND_LIST: &str = "raw connect and list";
pub const SIGN_ON_OPEN: &str = "one signature on an open connection";

pub const OPERATIONS: [Operation; 4] = [
    Operation {
        name: "ssh-add -L",
        run: ssh_add,
    },
    Operation {
        name: "ssh-keygen -Y sign",
        run: ssh_keygen,
    },
    Operation {
        name: CONNECT_AND_LIST,
        run: connect_and_list,
    },
    Operation {
        name: SIGN_ON_OPEN,
        run: sign_on_open,
    },
];

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
    let listed = identities(&Connection::open(&way.socket).ask(&Message::of(message::LIST)));
    assert_eq!(listed.map(|keys| keys.len()), Some(1), "{}", way.name);
}

fn sign_on_open(way: &mut Way) {
    let request = sign(&way.key.blob(), &sshsig("file", &[1; 64]));
    assert!(way.open.ask(&request).signature().is_some(), "{}", way.name);
}
