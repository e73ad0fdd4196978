//! `split-ssh hosts`, as a person in the vault uses it.

mod keygen;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use common::crypto::Ring;
use common::known_hosts_files::Files;
use common::paths::Paths;
use keygen::{Folder, Key};
use policy::crypto::Crypto as _;
use policy::known_hosts::HostKey;

/// A vault's home, with keys of hosts in it.
struct Vault(Folder);

struct Done {
    ok: bool,
    out: String,
    err: String,
}

impl Vault {
    fn new() -> Self {
        let folder = Folder::new();
        fs::create_dir(folder.path().join(".ssh")).unwrap();
        Self(folder)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_split-ssh"));
        command
            .arg("hosts")
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear();
        command.env("HOME", self.0.path());
        command
    }

    fn hosts(&self, arguments: &[&str]) -> Done {
        Done::from(
            self.command(arguments)
                .stdin(Stdio::null())
                .output()
                .unwrap(),
        )
    }

    fn own(&self) -> PathBuf {
        self.0.path().join(".config/split-ssh/known_hosts")
    }

    fn own_text(&self) -> String {
        fs::read_to_string(self.own()).unwrap_or_default()
    }

    fn key(&self, name: &str) -> Key {
        self.0.key(name, "ed25519", "256")
    }

    fn files(&self) -> Files {
        let config = self.0.path().join(".config/split-ssh");
        let mut files = Files::of(&Paths::find(Some(config), None, None).unwrap());
        files.ssh = self.0.path().join(".ssh/known_hosts");
        files
    }
}

impl Done {
    fn from(output: Output) -> Self {
        Self {
            ok: output.status.success(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn good(self) -> String {
        assert!(self.ok && self.err.is_empty(), "{}{}", self.out, self.err);
        self.out
    }

    #[track_caller]
    fn refused(self, why: &str) {
        assert!(
            !self.ok && self.err.contains(why),
            "{}{}",
            self.out,
            self.err
        );
    }
}

fn fingerprint(key: &Key) -> String {
    Ring.fingerprint(&key.blob).to_string()
}

#[test]
fn a_name_is_added_listed_and_removed() {
    let vault = Vault::new();
    let (key, other) = (vault.key("a"), vault.key("b"));
    assert!(vault.hosts(&["list"]).good().contains("hosts import FILE"));
    let added = vault.hosts(&["add", "Prod.Example", "a.pub"]).good();
    assert!(
        added.contains("prod.example") && added.contains(&fingerprint(&key)),
        "{added}"
    );
    vault
        .hosts(&["add", "[prod.example]:2222", &key.line])
        .good();
    assert_eq!(
        vault.own_text(),
        format!("prod.example {0}\n[prod.example]:2222 {0}\n", key.line)
    );
    assert_eq!(
        fs::metadata(vault.own()).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let row = format!(
        "  prod.example         ssh-ed25519  {}  trusted  ",
        fingerprint(&key)
    );
    let list = vault.hosts(&["list"]).good();
    assert!(
        list.contains(&row) && list.contains("/known_hosts:1\n"),
        "{list}"
    );

    vault
        .hosts(&["add", "prod.example", "a.pub"])
        .refused("by this key already");
    vault
        .hosts(&["add", "prod.example", &other.line])
        .refused("by another key of this type");
    for name in [
        "*.example",
        "a,b",
        "a b",
        "!a",
        "@cert-authority",
        "|1|a|b",
        "unnamed",
        "caf\u{e9}",
    ] {
        vault
            .hosts(&["add", name, "a.pub"])
            .refused("cannot name a host");
    }
    vault
        .hosts(&["add", "x", "missing.pub"])
        .refused("hint: copy the whole line");

    vault.hosts(&["remove", "prod.example"]).good();
    assert_eq!(
        vault.own_text(),
        format!("[prod.example]:2222 {}\n", key.line)
    );
    vault
        .hosts(&["remove", "prod.example"])
        .refused("is not a name that split-ssh keeps");
}

#[test]
fn an_authority_is_added_and_removed_by_its_pattern() {
    let vault = Vault::new();
    let key = vault.key("ca");
    vault
        .hosts(&["add", "--authority", "*.example,!x.example", "ca.pub"])
        .good();
    assert_eq!(
        vault.own_text(),
        format!("@cert-authority *.example,!x.example {}\n", key.line)
    );
    assert!(vault.hosts(&["list"]).good().contains("  authority  "));
    vault
        .hosts(&["remove", "a.example"])
        .refused("is not a name that split-ssh keeps");
    vault.hosts(&["remove", "*.example"]).good();
    assert_eq!(vault.own_text(), "");
}

#[test]
fn other_names_of_a_line_and_other_files_stay() {
    let vault = Vault::new();
    let key = vault.key("a");
    vault.hosts(&["add", "first", "a.pub"]).good();
    vault.0.write(
        ".config/split-ssh/known_hosts",
        format!("one,two {0}\n# mine\n@revoked one {0}", key.line),
    );
    vault
        .0
        .write(".ssh/known_hosts", format!("ssh.example {}\n", key.line));
    vault.hosts(&["remove", "one"]).good();
    assert_eq!(
        vault.own_text(),
        format!("# mine\n@revoked one {0}\ntwo {0}\n", key.line)
    );
    vault
        .hosts(&["remove", "ssh.example"])
        .refused("ssh-keygen -R 'ssh.example'");
    vault.hosts(&["add", "new", "a.pub"]).refused("is revoked");
}

#[test]
fn import_shows_what_is_new_and_takes_it() {
    let vault = Vault::new();
    let [known, new, ca, evil] = ["known", "new", "ca", "evil"].map(|name| vault.key(name));
    vault.hosts(&["add", "known", "known.pub"]).good();
    let before = vault.own_text();
    let file = format!(
        "known {known}\nknown,extra {evil}\nnew.example,10.0.0.1 {new}\nnew.example {new}\n*.example {evil}\n\
         @cert-authority *.corp {ca}\n@revoked * {new}\n|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAAAAAAAAAAAAAAAAAAAAAAAAA= {evil}\n\
         bro\x1b]0;ken {evil}\nun,named,unnamed {known}\nwhat is this\n",
        known = known.line,
        new = new.line,
        ca = ca.line,
        evil = evil.line,
    );
    vault.0.write("client", &file);

    vault
        .hosts(&["import", "client"])
        .refused("there is no terminal to ask on");
    assert_eq!(vault.own_text(), before);

    let out = vault.hosts(&["import", "client", "--yes"]).good();
    assert!(
        out.bytes()
            .all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)),
        "{out:?}"
    );
    for part in [
        "known already, by the same key: 1\n".to_owned(),
        format!(
            "client:2: known is known already, by {}",
            fingerprint(&known)
        ),
        "client:5: a name with wildcards or `!` is taken only with --wildcards".to_owned(),
        "client:6: a CA is taken only with --authorities".to_owned(),
        "client:7: a @revoked line is not taken".to_owned(),
        "not taken, because they are hashed: 1 ".to_owned(),
        "client:9: the names contain control characters".to_owned(),
        "client:10: \"unnamed\" cannot name a host".to_owned(),
        "client:11: ".to_owned(),
        format!("  new.example  ssh-ed25519  {}\n", fingerprint(&new)),
        format!("  extra        ssh-ed25519  {}\n", fingerprint(&evil)),
        format!(
            "  named        ssh-ed25519  {}  also known\n",
            fingerprint(&known)
        ),
        "taken: 5\n".to_owned(),
    ] {
        assert!(out.contains(&part), "{part}\n{out}");
    }
    let expected = format!(
        "{before}extra {evil}\nnew.example {new}\n10.0.0.1 {new}\nun {known}\nnamed {known}\n",
        known = known.line,
        new = new.line,
        evil = evil.line,
    );
    assert_eq!(vault.own_text(), expected);
    assert!(
        vault
            .hosts(&["import", "client", "--yes"])
            .good()
            .contains("no new names")
    );
}

/// Debian hashes known_hosts: names are tried, and what is none of them stays out.
#[test]
fn hashed_names_are_taken_by_trying_names() {
    let vault = Vault::new();
    let (github, port, other) = (vault.key("github"), vault.key("port"), vault.key("other"));
    vault.0.write(
        "client",
        format!(
            "github.com {}\n[git.example]:2222 {}\nother.example {}\n",
            github.line, port.line, other.line
        ),
    );
    let hashed = Command::new("ssh-keygen")
        .args(["-q", "-H", "-f"])
        .arg(vault.0.path().join("client"))
        .output()
        .unwrap();
    assert!(hashed.status.success(), "{hashed:?}");
    let out = vault
        .hosts(&[
            "import",
            "--yes",
            "--name",
            "github.com,gitlab.com,[git.example]:2222",
            "client",
        ])
        .good();
    assert!(
        out.contains("not taken, because they are hashed: 1 ") && out.contains("taken: 2\n"),
        "{out}"
    );
    let listed = vault.hosts(&["list"]).good();
    for (name, key) in [("github.com", &github), ("[git.example]:2222", &port)] {
        let is_row =
            |line: &&str| line.trim_start().starts_with(name) && line.contains(&fingerprint(key));
        assert!(listed.lines().any(|line| is_row(&line)), "{listed}");
    }
}

#[test]
fn patterns_are_imported_by_flag_and_never_over_a_name_that_exists() {
    let vault = Vault::new();
    let [known, ca, wild] = ["known", "ca", "wild"].map(|name| vault.key(name));
    vault.hosts(&["add", "a.example", "known.pub"]).good();
    vault.0.write("client", format!(
        "@cert-authority *.corp {ca}\n@cert-authority *.example {ca}\n@cert-authority a.example {ca}\n\
         *.test {wild}\n* {wild}\n@cert-authority * {ca}\n",
        ca = ca.line, wild = wild.line,
    ));
    let out = vault
        .hosts(&["import", "client", "--yes", "--authorities", "--wildcards"])
        .good();
    for number in [2, 3, 5, 6] {
        assert!(out.contains(&format!("client:{number}: ")), "{out}");
    }
    assert!(
        out.contains("covers a.example, which is known already"),
        "{out}"
    );
    let expected = format!(
        "a.example {}\n@cert-authority *.corp {}\n*.test {}\n",
        known.line, ca.line, wild.line
    );
    assert_eq!(vault.own_text(), expected);

    // A pattern might cover what is hashed, and nobody can tell.
    vault.0.write("client", format!("*.other {}\n", wild.line));
    vault
        .0
        .write(".ssh/known_hosts", format!("secret {}\n", known.line));
    vault
        .0
        .ssh_keygen_may_complain(&["-H", "-f", ".ssh/known_hosts"]);
    let out = vault
        .hosts(&["import", "client", "--yes", "--wildcards"])
        .good();
    assert!(
        out.contains("may cover a name that this vault holds hashed"),
        "{out}"
    );
    vault.0.write("client", format!("secret {}\n", wild.line));
    assert!(
        vault
            .hosts(&["import", "client", "--yes"])
            .good()
            .contains("secret is known already")
    );
}

#[test]
fn import_asks_on_a_terminal() {
    let vault = Vault::new();
    let key = vault.key("a");
    vault.0.write("client", format!("a {}\n", key.line));
    for (answer, taken) in [
        ("no\n", false),
        ("\n", false),
        ("Y\n", false),
        ("yes\n", true),
    ] {
        // script(1) gives it a terminal.
        let mut script = Command::new("script");
        let program = env!("CARGO_BIN_EXE_split-ssh");
        script.args([
            "-qec",
            &format!("'{program}' hosts import client"),
            "/dev/null",
        ]);
        script
            .current_dir(vault.0.path())
            .env("HOME", vault.0.path())
            .env_remove("XDG_CONFIG_HOME");
        let mut child = script
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(answer.as_bytes())
            .unwrap();
        let out = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert!(
            out.contains(&fingerprint(&key)) && out.contains("take the 1 new? [yes/no]"),
            "{out}"
        );
        assert_eq!(
            vault.own_text().contains(&key.line),
            taken,
            "{answer:?}: {out}"
        );
    }
}

/// What is shown may have become known before the yes.
#[test]
fn a_name_that_came_while_import_asked_is_not_taken() {
    let vault = Vault::new();
    let [proposed, ours, other] = ["proposed", "ours", "other"].map(|name| vault.key(name));
    let file = format!("a {}\nb {}\n", proposed.line, other.line);
    vault.0.write("client", file);
    let mut script = Command::new("script");
    let program = env!("CARGO_BIN_EXE_split-ssh");
    let command = format!("'{program}' hosts import client");
    script.args(["-qec", &command, "/dev/null"]);
    let mut child = script
        .current_dir(vault.0.path())
        .env("HOME", vault.0.path())
        .env_remove("XDG_CONFIG_HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut said, mut byte) = (Vec::new(), [0]);
    let mut stdout = child.stdout.take().unwrap();
    while !said.ends_with(b"[yes/no] ") {
        stdout.read_exact(&mut byte).unwrap();
        said.extend(byte);
    }
    vault.hosts(&["add", "a", "ours.pub"]).good();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"yes\n").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    child.wait().unwrap();
    assert!(
        rest.contains("taken: 1") && rest.contains("known meanwhile: 1"),
        "{rest}"
    );
    assert_eq!(
        vault.own_text(),
        format!("a {}\nb {}\n", ours.line, other.line)
    );
}

#[test]
fn two_new_keys_of_one_type_are_pointed_out() {
    let vault = Vault::new();
    let [one, two] = ["one", "two"].map(|name| vault.key(name));
    vault
        .0
        .write("client", format!("a {}\na {}\n", one.line, two.line));
    let shown = vault.hosts(&["import", "client", "--yes"]).good();
    assert_eq!(
        shown.matches("one of 2 keys of this type").count(),
        2,
        "{shown}"
    );
}

/// A list of patterns could hide the one that matters where a screen cuts it.
#[test]
fn what_is_too_long_to_be_shown_whole_is_not_taken() {
    let vault = Vault::new();
    let [key, ca] = ["key", "ca"].map(|name| vault.key(name));
    let padding = "padding.example,".repeat(9);
    let long = format!("{}.example", "a".repeat(130));
    let hidden = format!("nice.example,{padding}*.corp,{padding}nice.example");
    let seen = format!("{}.example", "b".repeat(100));
    vault.0.write(
        "client",
        format!(
            "{long} {key}\n{hidden} {key}\n@cert-authority {hidden} {ca}\n{seen} {key}\n",
            key = key.line,
            ca = ca.line
        ),
    );
    let out = vault
        .hosts(&["import", "client", "--yes", "--authorities", "--wildcards"])
        .good();
    assert_eq!(
        out.matches("too long to be shown whole").count(),
        3,
        "{out}"
    );
    assert!(out.contains(&format!("  {seen}  ssh-ed25519")), "{out}");
    assert_eq!(vault.own_text(), format!("{seen} {}\n", key.line));
}

/// Work that grows with the square of the lines would take a minute here.
#[test]
fn twenty_thousand_hosts_are_taken_and_known_after_that() {
    const HOSTS: u32 = 20_000;
    let vault = Vault::new();
    let mut lines = String::new();
    for number in 0..HOSTS {
        let key = [&[0; 28][..], &number.to_be_bytes()].concat();
        let blob = [&[0, 0, 0, 11][..], b"ssh-ed25519", &[0, 0, 0, 32], &key].concat();
        let key = base64::prelude::BASE64_STANDARD.encode(blob);
        lines += &format!("host{number}.example ssh-ed25519 {key}\n");
    }
    fs::write(vault.0.path().join("client"), lines).unwrap();
    let out = vault.hosts(&["import", "client", "--yes"]).good();
    assert!(out.contains("taken: 20000"));
    let out = vault.hosts(&["import", "client", "--yes"]).good();
    assert!(out.contains("known already, by the same key: 20000"));
}

#[test]
fn keys_and_files_come_by_standard_input_too() {
    let vault = Vault::new();
    let [one, two] = ["one", "two"].map(|name| vault.key(name));
    let fed = |arguments: &[&str], input: &str| {
        let mut child = vault
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        Done::from(child.wait_with_output().unwrap()).good();
    };
    fed(&["add", "a", "-"], &format!("{}\n", one.line));
    fed(&["import", "-", "--yes"], &format!("b {}\n", two.line));
    assert_eq!(
        vault.own_text(),
        format!("a {}\nb {}\n", one.line, two.line)
    );
    vault
        .hosts(&["add", "c", "no-such-file.pub"])
        .refused("cannot read no-such-file.pub: No such file");
}

#[test]
fn a_label_is_kept_and_trusted() {
    let vault = Vault::new();
    let [one, two] = ["one", "two"].map(|name| vault.key(name));
    let files = vault.files();
    let host_key = |key: &'static Key| HostKey::parse(&key.blob).unwrap();
    let (one, two): (&'static Key, &'static Key) =
        (Box::leak(Box::new(one)), Box::leak(Box::new(two)));
    vault.hosts(&["add", "taken", "two.pub"]).good();

    assert_eq!(
        files.add_name("Box", &host_key(one), &[], false).unwrap(),
        "box"
    );
    let identity = files
        .read()
        .unwrap()
        .identify(&one.blob, &["box".to_owned()], 0);
    assert_eq!(
        (identity.names.len(), identity.label.as_deref()),
        (0, Some("box"))
    );

    for (name, key, policy) in [
        ("taken", one, vec![]),
        ("ruled", one, vec!["Ruled".to_owned()]),
        ("box", two, vec![]),
        ("*", one, vec![]),
        ("a\nb ssh-ed25519 AAAA", one, vec![]),
    ] {
        assert!(
            files
                .add_name(name, &host_key(key), &policy, false)
                .is_err(),
            "{name}"
        );
    }
    assert_eq!(
        files.add_name("crate", &host_key(one), &[], false).unwrap(),
        "crate"
    );
    let labels = fs::read_to_string(&files.labels).unwrap();
    assert_eq!(
        labels,
        format!("crate {}\n", one.line),
        "a host has one label"
    );

    let list = vault.hosts(&["list"]).good();
    assert!(list.contains("  label    "), "{list}");
    vault
        .hosts(&["add", "crate", "two.pub"])
        .refused("is a label already");
    vault.hosts(&["trust", "box"]).refused("is not a label");
    assert!(
        vault
            .hosts(&["trust", "crate"])
            .good()
            .contains(&fingerprint(one))
    );
    assert_eq!(fs::read_to_string(&files.labels).unwrap(), "");
    let identity = files.read().unwrap().identify(&one.blob, &[], 0);
    assert_eq!(
        (identity.names, identity.label),
        (vec!["crate".to_owned()], None)
    );
}

#[test]
fn files_that_others_can_write_are_named_and_nothing_is_known() {
    let vault = Vault::new();
    let key = vault.key("a");
    vault.hosts(&["add", "prod", "a.pub"]).good();
    fs::set_permissions(vault.own(), fs::Permissions::from_mode(0o666)).unwrap();
    vault
        .hosts(&["list"])
        .refused("known_hosts can be written by others");
    vault.hosts(&["list"]).refused("chmod go-w");
    fs::set_permissions(vault.own(), fs::Permissions::from_mode(0o600)).unwrap();
    vault
        .0
        .write(".ssh/known_hosts", format!("bad line\nok {}\n", key.line));
    let done = vault.hosts(&["list"]);
    assert!(done.ok && done.out.contains("  ok "), "{}", done.out);
    assert!(done.err.contains(".ssh/known_hosts:1: "), "{}", done.err);
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let vault = Vault::new();
    vault.key("a");
    vault.hosts(&["add", "prod", "a.pub"]).good();
    let mut child = vault
        .command(&["list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = Done::from(child.wait_with_output().unwrap());
    assert!(done.ok && done.err.is_empty(), "{}", done.err);
}
