//! Clients that show nothing of the host: a rule that accepts no proof serves them, and no other rule does.

use std::path::Path;
use std::process::Command;

use testbed::children::{finish, text};
use testbed::guarded::Guarded;
use testbed::lab::Lab;
use testbed::other_clients;

const UNPROVEN: &str = "default = \"deny\"\n
[[rule]]
kind = \"login\"
host = \"unproven\"
action = \"allow\"
";

/// All that rules can say of the host, but that one word.
const ANY_HOST: &str = "default = \"deny\"\n
[host.server]
names = [\"server\"]
proof = \"bound\"

[[rule]]
kind = \"login\"
host = [\"server\", \"*\", \"unnamed\"]
action = \"allow\"

[[rule]]
kind = \"login\"
action = \"allow\"
";

fn needs_a_word_for_it(client: impl Fn(&Lab, &Path) -> Command) {
    for (policy, verdict) in [(UNPROVEN, "allow"), (ANY_HOST, "deny")] {
        let guarded = Guarded::over(Lab::new(), policy);
        let output = finish(&mut client(&guarded.lab, &guarded.client.socket));
        let served = verdict == "allow";
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.contains("inside"), served, "{}", text(&output));
        let server = &guarded.lab.server;
        assert_eq!(server.logins(), usize::from(served));
        let records = guarded.signatures();
        assert_eq!(records.len(), 1, "{records:#?}");
        assert_eq!(records[0]["proof"], "unproven", "{}", records[0]);
        assert_eq!(records[0]["verdict"], verdict, "{}", records[0]);
    }
}

#[test]
fn paramiko() {
    needs_a_word_for_it(other_clients::paramiko);
}

#[test]
fn plink() {
    needs_a_word_for_it(other_clients::plink);
}

#[test]
fn libssh() {
    needs_a_word_for_it(other_clients::libssh);
}

#[test]
fn go() {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
    needs_a_word_for_it(|lab, socket| other_clients::go(lab, socket, &cache));
}
