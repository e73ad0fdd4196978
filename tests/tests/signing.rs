//! `split-ssh sign`, as git, jj and people call it: the vault is shown what it signs.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;

use testbed::agent::Agent;
use testbed::children::{finish, run, text};
use testbed::guarded::{row, sentence};
use testbed::keys::Key;
use testbed::message::{self, Message};
use testbed::plain_pipe::{serve_socket, stand_in};
use testbed::programs;
use testbed::raw::Connection;
use testbed::split_ssh::{ClientQube, Vault};
use testbed::ssh::Client;
use testbed::wait::{wait_for, wait_for_listener};
use testbed::world::World;

const ASK: &str = "default = \"ask\"\n";
const ALLOW: &str = "default = \"deny\"
[[rule]]
namespace = [\"git\", \"file\"]
action = \"allow\"
";

struct Scene {
    qube: ClientQube,
    /// The qube's socket for the vault and for a plain agent, which knows no content.
    merged: PathBuf,
    vault: Vault,
    key: Key,
    program: PathBuf,
    agent: Agent,
    plain_agent: Agent,
    world: World,
}

impl Scene {
    fn new(policy: &str) -> Self {
        Self::configured(policy, "")
    }

    /// With `lines` in vault.toml.
    fn configured(policy: &str, lines: &str) -> Self {
        let world = World::new();
        let agent = Agent::start(&world);
        let key = Key::ed25519(&world, "key");
        agent.add(&world, &key);
        std::fs::remove_file(&key.private).expect("the vault alone has it");
        let config = format!(
            "[keyring.default]\nagent = \"{}\"\n{lines}",
            agent.socket.display()
        );
        let vault = Vault::start_configured(&world, &config, policy, "");
        let plain_agent = Agent::start_named(&world, "plain");
        let merged = world.path("merged.sock");
        let lines = format!(
            "[[vault]]\nname = \"plain\"\ncommand = [\"socat\", \"-\", \"UNIX-CONNECT:{}\"]\n\
             [merged]\nsocket = \"{}\"\n",
            plain_agent.socket.display(),
            merged.display()
        );
        let qrexec = stand_in(&world, "work/qrexec", "work");
        serve_socket(&qrexec, &vault.qrexec_socket);
        let qube = ClientQube::start_configured(&world, "work", qrexec, &lines);
        wait_for_listener(&merged);
        let program = world.path("split-ssh-sign");
        std::os::unix::fs::symlink(programs::split_ssh(), &program).expect("a link");
        world.file("signers", format!("a@example.org {}\n", key.line()));
        world.file("pushed", "");
        Self {
            qube,
            merged,
            vault,
            key,
            program,
            agent,
            plain_agent,
            world,
        }
    }

    fn client(&self) -> Client {
        Client::new(&self.world, &self.qube.socket, &[])
    }

    fn git(&self, words: &[&str]) -> Command {
        let settings = [
            format!("gpg.ssh.program={}", self.program.display()),
            format!("user.signingkey={}", self.key.public.display()),
            format!(
                "gpg.ssh.allowedSignersFile={}",
                self.world.path("signers").display()
            ),
            "commit.gpgsign=true".to_owned(),
            "tag.gpgsign=true".to_owned(),
        ];
        let mut all: Vec<&str> = settings
            .iter()
            .flat_map(|setting| ["-c", setting])
            .collect();
        all.extend(words);
        self.client().git(&all)
    }

    /// In the repository `here`.
    fn git_here(&self, words: &[&str]) -> Command {
        self.git(&[&["-C", "here"], words].concat())
    }

    /// `split-ssh-sign` with the qube's agent.
    fn sign(&self, words: &[&str]) -> Command {
        let mut command = self
            .client()
            .with_agent(&self.program.display().to_string());
        command.args(words);
        command
    }

    fn key_file(&self) -> String {
        self.key.public.display().to_string()
    }

    fn verify(&self, signature: &str, content: &str, namespace: &str) -> Output {
        let script = format!(
            "exec ssh-keygen -Y verify -f signers -I a@example.org -n {namespace} -s {signature} < {content}"
        );
        finish(self.world.command("sh").args(["-c", &script]))
    }

    /// A whole content for the key.
    fn content(&self) -> Message {
        Message::of(message::EXTENSION)
            .string("content@split-ssh")
            .string(self.key.blob())
            .long(4)
            .long(0)
            .string("text")
    }

    /// A request for a signature over some hash, not that content's.
    fn signs(&self) -> Message {
        message::sign(&self.key.blob(), &message::sshsig("git", &[7; 64]))
    }

    fn question(&self) -> serde_json::Value {
        wait_for("a question", || {
            let pending = finish(&mut self.vault.control(&["pending", "--json"])).stdout;
            let pending: serde_json::Value = serde_json::from_slice(&pending).expect("JSON");
            pending.get(0).map(|first| first["question"].clone())
        })
    }
}

#[test]
fn the_question_shows_the_commit() {
    let scene = Scene::new(ASK);
    run(&mut scene.git(&["init", "-q", "here"]));
    let mut commit = scene.git_here(&[
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "Größe prüfen\n\nAll of it.",
    ]);
    thread::scope(|scope| {
        let commits = scope.spawn(|| finish(&mut commit));
        let question = scene.question();
        assert_eq!(
            sentence(&question),
            "work wants to sign a commit: Größe prüfen"
        );
        assert!(row(&question, "Author").starts_with("A <a@example.org>"));
        assert_eq!(
            row(&question, "Parents"),
            "none the first commit of a history"
        );
        assert_eq!(row(&question, "Message"), "All of it.");
        let shown = run(&mut scene.vault.control(&["pending"]));
        assert!(
            shown.contains("work wants to sign a commit: Größe prüfen"),
            "{shown}"
        );
        scene.vault.answer("allow");
        let commits = commits.join().expect("git");
        assert!(commits.status.success(), "{}", text(&commits));
    });
    let log = run(&mut scene.git_here(&["log", "--show-signature", "--format=%s"]));
    assert!(
        log.contains("Good \"git\" signature for a@example.org"),
        "{log}"
    );
    // A no is a no: nothing is committed.
    let mut commit = scene.git_here(&["commit", "-q", "--allow-empty", "-m", "Two"]);
    thread::scope(|scope| {
        let commits = scope.spawn(|| finish(&mut commit));
        scene.vault.answer("deny");
        let commits = commits.join().expect("git");
        assert!(!commits.status.success());
        assert!(
            text(&commits).contains("the vault did not sign"),
            "{}",
            text(&commits)
        );
    });
    assert_eq!(
        run(&mut scene.git_here(&["rev-list", "--count", "HEAD"])),
        "1\n"
    );
}

#[test]
fn an_author_that_the_key_never_signed_for_is_pointed_out() {
    let mut scene = Scene::new(
        "default = \"deny\"
[[rule]]
namespace = \"git\"
action = \"ask\"
log-content = true
",
    );
    run(&mut scene.git(&["init", "-q", "here"]));
    // A question's warnings, and what stands beside the author.
    let commit_by = |scene: &Scene, mail: &str, answer: &str| {
        let mut commit = scene.git_here(&["commit", "-q", "--allow-empty", "-m", mail]);
        commit.env("GIT_AUTHOR_EMAIL", mail);
        thread::scope(|scope| {
            let commits = scope.spawn(|| finish(&mut commit));
            let question = scene.question();
            scene.vault.answer(answer);
            commits.join().expect("git");
            (question["warnings"].to_string(), row(&question, "Author"))
        })
    };
    let never = "not seen this key sign for this author before";
    let (_, author) = commit_by(&scene, "a@example.org", "allow");
    assert!(author.ends_with("the first author that the vault sees for this key"));
    let (warnings, author) = commit_by(&scene, "a@example.org", "allow");
    assert_eq!(
        (warnings.as_str(), author.as_str()),
        ("[]", "A <a@example.org>")
    );
    // A no makes nobody known.
    for answer in ["deny", "allow"] {
        assert!(commit_by(&scene, "b@example.org", answer).0.contains(never));
    }
    assert_eq!(commit_by(&scene, "b@example.org", "allow").0, "[]");
    // The log kept both.
    scene.vault.restart();
    assert_eq!(commit_by(&scene, "b@example.org", "allow").0, "[]");
    assert!(commit_by(&scene, "c@example.org", "deny").0.contains(never));
}

#[test]
fn git_signs_all_that_it_can_sign() {
    let scene = Scene::new(ALLOW);
    run(&mut scene.git(&["init", "-q", "here"]));
    let commit =
        |message: &str| run(&mut scene.git_here(&["commit", "-q", "--allow-empty", "-m", message]));
    for number in 0..21 {
        commit(&format!("Commit {number}"));
    }
    run(&mut scene.git_here(&["commit", "-q", "--amend", "--allow-empty", "-m", "Amended"]));
    // All but the first are made anew.
    run(&mut scene.git_here(&["rebase", "-q", "--force-rebase", "--keep-empty", "HEAD~20"]));
    run(&mut scene.git_here(&["checkout", "-q", "-b", "side", "HEAD~3"]));
    commit("On the side");
    run(&mut scene.git_here(&["checkout", "-q", "main"]));
    run(&mut scene.git_here(&["merge", "-q", "--no-ff", "-m", "Merge the side", "side"]));
    run(&mut scene.git_here(&["tag", "-a", "-m", "First", "v1"]));
    let good = run(&mut scene.git_here(&["log", "--format=%G?", "main"]));
    assert_eq!(good, "G\n".repeat(23), "{good}");
    let tag = finish(&mut scene.git_here(&["tag", "-v", "v1"]));
    assert!(
        text(&tag).contains("Good \"git\" signature"),
        "{}",
        text(&tag)
    );

    run(&mut scene.git(&["init", "-q", "--bare", "there"]));
    run(&mut scene.git(&["-C", "there", "config", "receive.certNonceSeed", "seed"]));
    let hook = format!(
        "#!/bin/sh\necho \"$GIT_PUSH_CERT_STATUS\" >> {}\n",
        scene.world.path("pushed").display()
    );
    scene.world.script("there/hooks/post-receive", hook);
    let remote = scene.world.path("there").display().to_string();
    run(&mut scene.git_here(&["push", "-q", "--signed", &remote, "main", "v1"]));
    let records = scene.vault.records();
    let signed =
        |record: &&serde_json::Value| record["event"] == "sign" && record["outcome"] == "ok";
    // 21, amended, 20 rebased, the side, the merge, the tag, and the push.
    assert_eq!(records.iter().filter(signed).count(), 46);
}

#[test]
fn key_and_program_are_found_however_git_is_told() {
    let policy = ALLOW.replace("action", "content = \"proven\"\naction");
    let scene = Scene::new(&policy);
    run(&mut scene.git(&["init", "-q", "here"]));
    let with_blanks = scene.world.path("a folder/split-ssh-sign");
    std::fs::create_dir(with_blanks.parent().expect("a folder")).expect("made");
    std::fs::rename(&scene.program, &with_blanks).expect("moved");
    let ours = programs::split_ssh().display().to_string();
    let wrapper = format!("#!/bin/sh\nexec {ours} sign \"$@\"\n");
    let wrapper = scene.world.script("sign-by-vault", wrapper);
    let line = scene.key.line();
    let private = scene.key.private.display();
    for setting in [
        format!("gpg.ssh.program={}", with_blanks.display()),
        format!("gpg.ssh.program={}", wrapper.display()),
        format!("user.signingkey=key::{line}"),
        format!("user.signingkey={line}"),
        // The file is not in the qube; its public half beside it is.
        format!("user.signingkey={private}"),
    ] {
        let program = format!("gpg.ssh.program={}", wrapper.display());
        let words = ["-c", &program, "-c", &setting, "commit", "-q"];
        let mut commit = scene.git_here(&words);
        let made = finish(commit.args(["--allow-empty", "-m", "Some"]));
        assert!(made.status.success(), "{setting}: {}", text(&made));
    }
    let good =
        run(&mut scene.git_here(&["-c", "gpg.ssh.program=ssh-keygen", "log", "--format=%G?"]));
    assert_eq!(good, "G\n".repeat(5));
}

#[test]
fn files_and_standard_input_are_signed_as_by_ssh_keygen() {
    let scene = Scene::new(ALLOW);
    let key = scene.key_file();
    scene.world.file("empty", "");
    scene.world.file("text", "some text\n");
    // More than a message, and more than the vault takes.
    scene.world.file("long", vec![b'x'; 700_000]);
    scene.world.file("longer", vec![0; 17_000_000]);
    let files = ["empty", "text", "long", "longer"];
    let words = [&["-Y", "sign", "-n", "file", "-f", &key], &files[..]].concat();
    run(&mut scene.sign(&words));
    for file in files {
        let verified = scene.verify(&format!("{file}.sig"), file, "file");
        assert!(verified.status.success(), "{file}: {}", text(&verified));
    }
    let made = std::fs::read_to_string(scene.world.path("text.sig")).expect("a signature");
    assert!(made.lines().all(|line| line.len() <= 70));

    // Nothing is overwritten.
    let again = finish(&mut scene.sign(&["-Y", "sign", "-n", "file", "-f", &key, "text"]));
    assert!(!again.status.success() && text(&again).contains("is there already"));

    let program = scene.program.display();
    let script =
        format!("exec {program} -Y sign -f {key} -n git -O hashalg=sha256 < text > stdin.sig");
    run(scene.client().with_agent("sh").args(["-c", &script]));
    assert!(scene.verify("stdin.sig", "text", "git").status.success());

    // By the command itself.
    let mut command = scene
        .client()
        .with_agent(&programs::split_ssh().display().to_string());
    run(command.args([
        "sign",
        "-Y",
        "sign",
        "-n",
        "file",
        "-f",
        &key,
        "-U",
        "stdin.sig",
    ]));
    assert!(
        scene
            .verify("stdin.sig.sig", "stdin.sig", "file")
            .status
            .success()
    );
}

#[test]
fn a_failure_is_never_taken_for_success() {
    let scene =
        Scene::new("default = \"deny\"\n[[rule]]\nnamespace = \"git\"\naction = \"allow\"\n");
    let key = scene.key_file();
    scene.world.file("text", "some text\n");
    for words in [
        &["-Y", "sign", "-n", "file", "-f", &key, "text"][..],
        &["-Y", "sign", "-n", "git", "-f", &key, "missing"],
        &["-Y", "sign", "-n", "git", "-f", "missing.pub", "text"],
        &["-Y", "sign", "-n", "git", "text"],
    ] {
        let made = finish(&mut scene.sign(words));
        assert!(
            !made.status.success() && made.stdout.is_empty(),
            "{words:?}"
        );
        assert!(!scene.world.path("text.sig").exists(), "{words:?}");
    }
    // Nobody behind the socket.
    let mut alone = scene.sign(&["-Y", "sign", "-n", "git", "-f", &key, "-U", "text"]);
    let made = finish(alone.env("SSH_AUTH_SOCK", scene.world.path("nobody")));
    assert!(!made.status.success() && !scene.world.path("text.sig").exists());
}

#[test]
fn the_rest_is_ssh_keygens() {
    let scene = Scene::new(ALLOW);
    let key = scene.key_file();
    scene.world.file("text", "some text\n");
    // An agent that knows no content signs as ever.
    let mut plain = scene.sign(&["-Y", "sign", "-n", "file", "-f", &key, "text"]);
    run(plain.env("SSH_AUTH_SOCK", &scene.agent.socket));
    assert!(scene.verify("text.sig", "text", "file").status.success());
    for (words, input) in [
        (
            "-Y verify -f signers -I a@example.org -n file -s text.sig",
            "text",
        ),
        (
            "-Y verify -f signers -I b@example.org -n file -s text.sig",
            "text",
        ),
        (
            "-Y verify -f signers -I a@example.org -n file -s text.sig",
            "signers",
        ),
        ("-Y find-principals -f signers -s text.sig", "text"),
        ("-Y check-novalidate -n file -s text.sig", "text"),
        ("-Y match-principals -f signers -I a@example.org", "text"),
        ("-l -f signers", "text"),
        ("-Y nonsense", "text"),
    ] {
        let by = |program: &str| {
            let script = format!("exec {program} {words} < {input}");
            let output = finish(scene.client().with_agent("sh").args(["-c", &script]));
            (output.status.code(), text(&output))
        };
        assert_eq!(
            by(&scene.program.display().to_string()),
            by("ssh-keygen"),
            "{words}"
        );
    }
}

/// What an author is and that there is one decides where the vault saw it; the log keeps it where a rule says so.
#[test]
fn rules_see_the_content() {
    let scene = Scene::new(
        "default = \"deny\"
[[rule]]
namespace = \"git\"
content = \"proven\"
author = \"a@example.org\"
log-content = true
action = \"allow\"
",
    );
    run(&mut scene.git(&["init", "-q", "here"]));
    run(&mut scene.git_here(&["commit", "-q", "--allow-empty", "-m", "Größe"]));
    let record = scene.vault.records().pop().expect("a record");
    assert_eq!(
        (&record["content"], &record["author"], &record["subject"]),
        (
            &"proven".into(),
            &"a@example.org".into(),
            &"Gr\\xc3\\xb6\\xc3\\x9fe".into()
        ),
        "{record}"
    );
    assert_eq!(record["object"], "4b825dc642cb", "the empty tree");
    let log = run(&mut scene.vault.control(&["log"]));
    assert!(log.contains("git \"Größe\" (4b825dc642cb) with"), "{log}");
    // ssh-keygen sends a hash alone, and another author is not the rule's.
    let mut plain = scene.git_here(&[
        "-c",
        "gpg.ssh.program=ssh-keygen",
        "commit",
        "--allow-empty",
    ]);
    assert!(!finish(plain.args(["-m", "Two"])).status.success());
    let mut other = scene.git_here(&["commit", "-q", "--allow-empty", "-m", "Three"]);
    assert!(
        !finish(other.env("GIT_AUTHOR_EMAIL", "b@example.org"))
            .status
            .success()
    );
    assert_eq!(
        run(&mut scene.git_here(&["rev-list", "--count", "HEAD"])),
        "1\n"
    );
}

/// By whatever way a signature's request comes, its content comes by the same.
#[test]
fn content_comes_through_carried_calls_and_merged_agents() {
    let policy = ALLOW.replace("action", "content = \"proven\"\naction");
    let scene = Scene::configured(&policy, "[carry]\nqubes = [\"work\"]\n");
    run(&mut scene.git(&["init", "-q", "here"]));
    for socket in [&scene.qube.socket, &scene.merged] {
        let commit = |settings: &[&str]| {
            let words = ["commit", "-q", "--allow-empty", "-m", "Some"];
            let mut git = scene.git_here(&[settings, &words].concat());
            finish(git.env("SSH_AUTH_SOCK", socket))
        };
        let made = commit(&[]);
        assert!(made.status.success(), "{}", text(&made));
        assert_eq!(
            scene.vault.records().pop().expect("a record")["content"],
            "proven"
        );
        // The control: a hash alone.
        let plain = commit(&["-c", "gpg.ssh.program=ssh-keygen"]);
        assert!(!plain.status.success());
        // Whoever lies about it is found out.
        let mut liar = Connection::open(socket);
        liar.ask(&Message::of(message::LIST));
        assert_eq!(liar.ask(&scene.content()).number(), Some(message::SUCCESS));
        assert_eq!(liar.ask(&scene.signs()).number(), Some(message::FAILURE));
        wait_for("a record of the lie", || {
            let records = scene.vault.records();
            let mut reasons = records.iter().filter_map(|it| it["reason"].as_str());
            reasons
                .any(|why| why.contains("another hash"))
                .then_some(())
        });
    }
    assert_eq!(scene.qube.calls(), 1, "carried");
    let good = run(&mut scene.git_here(&["log", "--format=%G?"]));
    assert_eq!(good, "G\nG\n");

    // The merged agent cannot tell which of its vaults know content.
    let other = Key::ed25519(&scene.world, "other");
    scene.plain_agent.add(&scene.world, &other);
    std::fs::remove_file(&other.private).expect("the agent alone has it");
    scene.world.file("text", "some text\n");
    scene
        .world
        .file("signers", format!("a@example.org {}\n", other.line()));
    let key = other.public.display().to_string();
    let mut sign = scene.sign(&["-Y", "sign", "-n", "file", "-f", &key, "text"]);
    run(sign.env("SSH_AUTH_SOCK", &scene.merged));
    assert!(scene.verify("text.sig", "text", "file").status.success());
}

/// A call that ends takes the content along: what comes after it is never signed as if there had been none.
#[test]
fn content_that_is_lost_with_its_call_is_not_signed_without_it() {
    for (lines, is_merged) in [
        ("", false),
        ("[carry]\nqubes = [\"work\"]\n", false),
        ("", true),
    ] {
        let mut scene = Scene::configured(ALLOW, lines);
        let socket = match is_merged {
            true => &scene.merged,
            false => &scene.qube.socket,
        };
        let mut connection = Connection::open(socket);
        let (content, sign) = (scene.content(), scene.signs());
        connection.ask(&Message::of(message::LIST));
        assert_eq!(connection.ask(&content).number(), Some(message::SUCCESS));
        scene.vault.restart();
        assert_ne!(connection.ask(&sign).number(), Some(message::SIGNATURE));
        let signed = |record: &serde_json::Value| record["event"] == "sign";
        assert!(!scene.vault.records().iter().any(signed), "{lines}");
        // The control: the request alone is signed.
        let mut again = Connection::open(socket);
        again.ask(&Message::of(message::LIST));
        assert_eq!(again.ask(&sign).number(), Some(message::SIGNATURE));
    }

    // git has no commit then, and the log says that nobody answered.
    let mut scene = Scene::new(ASK);
    run(&mut scene.git(&["init", "-q", "here"]));
    let mut commit = scene.git_here(&["commit", "-q", "--allow-empty", "-m", "Lost"]);
    let commit = thread::spawn(move || finish(&mut commit));
    scene.question();
    scene.vault.restart();
    let made = commit.join().expect("git");
    assert!(!made.status.success(), "{}", text(&made));
    let records = scene.vault.records();
    let lost = records.iter().find(|record| record["event"] == "no-answer");
    let lost = lost.unwrap_or_else(|| panic!("{records:#?}"));
    assert_eq!(
        (&lost["outcome"], &lost["content"]),
        (&"refused".into(), &"proven".into())
    );
}

/// What git writes beyond plain commits is read as a commit, with the subject that git shows.
#[test]
fn unusual_commits_of_git_are_read_as_git_reads_them() {
    let scene = Scene::new(&ALLOW.replace("action", "log-content = true\naction"));
    let program = scene.program.display();
    let key = scene.key_file();
    let signers = scene.world.path("signers");
    for format in ["sha1", "sha256"] {
        let script = format!(
            r#"set -e
exec 2>&1
git init -q -b main --object-format={format} {format}
cd {format}
git config gpg.ssh.program '{program}'
git config gpg.ssh.allowedSignersFile '{signers}'
git config user.signingkey '{key}'
git config commit.gpgsign true
git config gpg.format ssh
git config user.name A
git config user.email a@example.org
commit() {{ git commit -q --allow-empty "$@"; }}
commit -m First
for side in one two three; do git branch $side; done
git checkout -q one; commit -m 'Side one'
git checkout -q two; commit -m 'Side two'
git tag -s -m 'A signed tag' signed-tag
git checkout -q three; commit -m 'Side three'
git checkout -q main
git merge -q --no-ff -m 'Octopus' one three
git merge -q --no-ff -m 'Merge with its tag' signed-tag
printf 'Gr\366\337e\n' | git -c i18n.commitEncoding=ISO-8859-1 commit -q --allow-empty -F -
commit --allow-empty-message -m ''
printf '\n \nCRLF\r\n\r\nbody\r\n' | git commit -q --allow-empty --cleanup=verbatim -F -
GIT_AUTHOR_DATE='@0 -1130' GIT_COMMITTER_DATE='@4102444800 +1400' commit -m 'Far off'
GIT_AUTHOR_NAME='Ann (the other) "quoted"' GIT_AUTHOR_EMAIL='' commit -m 'No mail'
GIT_COMMITTER_NAME='Bob' commit --amend --no-edit --author 'Әсел <asel@example.org>'
git verify-commit $(git rev-list --all)
git verify-tag signed-tag
"#,
            signers = signers.display()
        );
        let made = finish(scene.client().with_agent("sh").args(["-c", &script]));
        assert!(made.status.success(), "{format}: {}", text(&made));
        let records = scene.vault.records();
        let signed: Vec<_> = records.iter().filter(|it| it["event"] == "sign").collect();
        let last = &signed[signed.len() - 13..];
        let subjects: Vec<_> = last.iter().map(|it| it["subject"].as_str()).collect();
        let expected = [
            "First",
            "Side one",
            "Side two",
            "signed-tag",
            "Side three",
            "Octopus",
            "Merge with its tag",
            r"Gr\xf6\xdfe",
            "",
            "CRLF",
            "Far off",
            "No mail",
            "No mail",
        ];
        assert_eq!(subjects, expected.map(Some), "{format}");
        assert!(last.iter().all(|it| it["content"] == "proven"), "{format}");
    }
}
