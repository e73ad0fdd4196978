use std::path::Path;
use std::time::Duration;

use super::*;
use crate::transport::Transport;

fn places(folder: &Path) -> Paths {
    Paths::find(
        Some(folder.to_owned()),
        Some(folder.to_owned()),
        Some(folder.to_owned()),
    )
    .unwrap()
}

/// What a client.toml with `text` and these flags comes to.
fn read_text(
    text: &str,
    only: Option<&str>,
    flags: VaultEntry,
) -> Result<Vec<VaultConfig>, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), text).unwrap();
    read(&places(folder.path()), only, flags).map_err(|error| {
        error
            .to_string()
            .replace(&folder.path().display().to_string(), "")
    })
}

fn refused(text: &str) -> String {
    read_text(text, None, VaultEntry::default()).expect_err(text)
}

#[test]
fn no_file_is_one_vault_that_dom0_names() {
    let folder = tempfile::tempdir().unwrap();
    let vaults = read(&places(folder.path()), None, VaultEntry::default()).unwrap();
    let [vault] = vaults.as_slice() else {
        panic!("{vaults:?}")
    };
    assert_eq!(vault.name, "agent");
    assert!(vault.socket.ends_with(".split-ssh/agent.sock"));
    assert_eq!(vault.set_up_time, Duration::from_secs(120));
    let expected = Transport::Qrexec {
        program: None,
        target: "@default".to_owned(),
        argument: String::new(),
    };
    assert_eq!(vault.transport, expected);
}

#[test]
fn each_vault_has_a_socket_of_its_own() {
    let text = "[[vault]]\nkeyring = \"work\"\n[[vault]]\nname = \"home\"\ntransport = \"unix:/run/v/qrexec.sock\"\n";
    let vaults = read_text(text, None, VaultEntry::default()).unwrap();
    let names: Vec<_> = vaults.iter().map(|vault| vault.name.as_str()).collect();
    assert_eq!(names, ["work", "home"]);
    assert!(vaults[0].socket.ends_with(".split-ssh/work.sock"));
    let unix = Transport::Unix {
        path: "/run/v/qrexec.sock".into(),
        argument: String::new(),
    };
    assert_eq!(vaults[1].transport, unix);
    assert!(refused("[[vault]]\n[[vault]]\n").contains("two vaults are called `agent`"));
}

#[test]
fn flags_change_the_vault_that_is_meant() {
    let text = "[[vault]]\nname = \"a\"\n[[vault]]\nname = \"b\"\nqube = \"old\"\n";
    let flags = VaultEntry {
        qube: Some("new".to_owned().try_into().unwrap()),
        ..VaultEntry::default()
    };
    let vaults = read_text(text, Some("b"), flags.clone()).unwrap();
    assert!(
        matches!(&vaults[..], [VaultConfig { transport: Transport::Qrexec { target, .. }, .. }] if target == "new")
    );
    assert!(
        read_text(text, None, flags.clone())
            .unwrap_err()
            .contains("--vault NAME")
    );
    assert!(
        read_text(text, Some("c"), flags)
            .unwrap_err()
            .contains("no vault `c`")
    );
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (text, place, what) in [
        (
            "[[vault]]\nqueb = \"x\"\n",
            "/client.toml:2:1",
            "unknown field `queb`",
        ),
        (
            "[[vault]]\n  qube = \"-x\"\n",
            "/client.toml:2:10",
            "no qube's name",
        ),
        (
            "[[vault]]\nkeyring = \"a b\"\n",
            "/client.toml:2:11",
            "keyring",
        ),
        (
            "[[vault]]\nsocket = \"x.sock\"\n",
            "/client.toml:2:10",
            "absolute",
        ),
        (
            "[[vault]]\nsetup-seconds = 0\n",
            "/client.toml:2:17",
            "from 1 to 3600",
        ),
        (
            "[[vault]]\ntransport = \"ssh\"\n",
            "/client.toml:2:13",
            "no transport `ssh`",
        ),
        (
            "[[vault]]\ncommand = []\n",
            "/client.toml:2:11",
            "needs a command",
        ),
        (
            "[[vault]]\nstart = \"maybe\"\n",
            "/client.toml:2:9",
            "unknown variant `maybe`",
        ),
        ("[[vault]]\nqube = 7\n", "/client.toml:2:8", "string"),
        ("[vault\n", "/client.toml:1:", ""),
        (
            "socket = \"/x\"\n",
            "/client.toml:1:1",
            "unknown field `socket`",
        ),
    ] {
        let said = refused(text);
        assert!(
            said.contains(place) && said.contains(what) && said.contains("hint:"),
            "{text}: {said}"
        );
    }
}
