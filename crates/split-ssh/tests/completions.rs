//! Completions in a real bash, by what this machine knows.

use std::fs;
use std::path::Path;
use std::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/completions/split-ssh.bash");

/// What bash offers after these words, the last of which is being typed.
fn offered(home: &Path, words: &[&str]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_BIN_EXE_split-ssh")).parent().unwrap();
    let script = "source \"$1\"; shift; COMP_WORDS=(split-ssh \"$@\"); COMP_CWORD=$#; \
                  _split_ssh; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let output = Command::new("bash")
        .args(["-c", script, "bash", SCRIPT])
        .args(words)
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(str::to_owned)
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn bash_completes_commands_flags_and_what_this_machine_knows() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join(".ssh/identities.d/work")).unwrap();
    fs::write(
        home.path().join(".ssh/known_hosts"),
        "build.example,*.odd.example ssh-ed25519 \
         AAAAC3NzaC1lZDI1NTE5AAAAIN1k39BpolyXhkY+8kAbWianFi1vi7dqK8txFNgKZsDp\n",
    )
    .unwrap();
    let offered = |words: &[&str]| offered(home.path(), words);
    assert_eq!(offered(&["doc"]), ["doctor"]);
    assert_eq!(offered(&["help", "nothing"]), [""; 0]);
    assert_eq!(offered(&["help", "fi"]), ["files"]);
    assert_eq!(offered(&["help", "hosts", "t"]), ["trust"]);
    assert_eq!(offered(&["hosts", "im"]), ["import"]);
    assert_eq!(offered(&["doctor", "--js"]), ["--json"]);
    assert_eq!(offered(&["list", ""]), ["default", "work"]);
    assert_eq!(offered(&["policy", "explain", "--keyring", "w"]), ["work"]);
    assert_eq!(
        offered(&["policy", "explain", "--proof", "un"]),
        ["unproven"]
    );
    assert_eq!(
        offered(&["--config-dir", "list", "log", "--host", ""]),
        ["build.example"]
    );
    assert_eq!(offered(&["hosts", "remove", "b"]), ["build.example"]);
    assert_eq!(offered(&["add", "work", ""]), [""; 0], "files are bash's");
    assert_eq!(
        offered(&["allow", ""]),
        [""; 0],
        "no vault runs, and nothing fails"
    );
    assert!(!offered(&[""]).contains(&"complete".to_owned()));
}
