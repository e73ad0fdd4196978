//! What the documents say is so: links lead somewhere, shown configuration is accepted, named commands are there.

use std::fs;
use std::path::{Path, PathBuf};

use testbed::children::{finish, run, text};
use testbed::programs;
use testbed::world::World;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All documents of the project, in the root and in `docs`.
fn documents() -> Vec<PathBuf> {
    let folders = [root(), root().join("docs")];
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("a folder of ours"));
    let files = entries.map(|entry| entry.expect("a file of ours").path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).expect("a document of ours")
}

/// The contents of the fenced blocks that are marked with `language`.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{language}") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push(block.join("\n") + "\n");
        } else if line.starts_with("```") {
            lines.by_ref().find(|line| *line == "```");
        }
    }
    found
}

/// What a heading is called in a link.
fn anchor_of(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().replace(' ', "-")
}

#[test]
fn links_lead_somewhere() {
    let mut links = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document of ours");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = link.split('#').next().unwrap_or_default();
            if link.contains("://") || file.is_empty() {
                continue;
            }
            links += 1;
            let target = document.parent().expect("a folder").join(file);
            assert!(target.exists(), "{}: {link}", document.display());
            if let Some((_, anchor)) = link.split_once('#') {
                let text = fs::read_to_string(&target).expect("a document");
                let mut anchors = text
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .map(anchor_of);
                assert!(
                    anchors.any(|is| is == anchor),
                    "{}: {link}",
                    document.display()
                );
            }
        }
    }
    assert!(links > 20, "only {links} links were found");
}

/// The names in `a/{b,c}.rs`, one by one.
fn spelled_out(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else {
        return vec![path.to_owned()];
    };
    let (names, after) = rest.split_once('}').expect("a closed brace");
    names
        .split(',')
        .map(|name| format!("{before}{name}{after}"))
        .collect()
}

/// The index has every document, in one order.
#[test]
fn the_index_names_every_document() {
    let index = read("docs/README.md");
    for document in documents() {
        let name = document.file_name().expect("a name").to_string_lossy();
        let is_named = index.contains(&*name);
        assert!(
            is_named || name == "CHANGELOG.md",
            "docs/README.md does not name {name}"
        );
    }
    let headings: Vec<&str> = index
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert_eq!(
        headings,
        [
            "Start here",
            "The policy",
            "Everyday",
            "Troubleshooting",
            "Security",
            "Internals"
        ]
    );
}

/// Whether there is a file or folder of this name, which may end in `*`.
fn is_there(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match name.strip_suffix('*') {
        None => path.exists(),
        Some(start) => {
            let folder = path.parent().expect("a folder");
            let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.any(|entry| entry.file_name().to_string_lossy().starts_with(start))
        }
    }
}

/// What looks like a path of the project in these documents is one, from the root or from `crates`.
#[test]
fn files_that_are_named_are_there() {
    const OF_A_PATH: &str = "._-/{},*";
    let mut paths = 0;
    for document in ["docs/design.md", "CONTRIBUTING.md"] {
        let text = read(document);
        let outside_blocks: String = text.split("```").step_by(2).collect();
        let quoted = outside_blocks.split('`').skip(1).step_by(2);
        let is_path = |word: &&str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || OF_A_PATH.contains(c);
            let is_built = word.starts_with("target/");
            word.contains('/')
                && !is_built
                && !word.starts_with(['/', '~'])
                && word.chars().all(fits)
        };
        for path in quoted.filter(is_path).flat_map(spelled_out) {
            paths += 1;
            let is_found =
                is_there(&root().join(&path)) || is_there(&root().join("crates").join(&path));
            assert!(is_found, "{document} names {path}");
        }
    }
    assert!(paths > 50, "only {paths} paths were found");
}

/// README's examples, one after the other, are one policy.
#[test]
fn the_policy_of_the_readme_is_good() {
    let world = World::new();
    let policy = blocks(&read("README.md"), "toml").concat();
    assert!(policy.contains("[[rule]]"), "no example was found");
    let file = world.file("policy.toml", policy);
    let mut check = world.command(programs::split_ssh());
    check.args(["policy", "check"]).arg(file);
    let output = finish(&mut check);
    assert!(output.status.success(), "{}", text(&output));
}

/// Each line of README's list begins with a command, or several between bars.
#[test]
fn the_commands_of_the_readme_are_there() {
    let world = World::new();
    let readme = read("README.md");
    let list = readme
        .split("## Commands")
        .nth(1)
        .expect("a list of commands");
    let list = blocks(list, "").concat();
    let mut commands = 0;
    for line in list.lines() {
        let words = line.strip_prefix("split-ssh ").expect("a command");
        let words = words.split("  ").next().unwrap_or_default();
        for command in words.split('|') {
            let command = command.split('[').next().unwrap_or_default().trim();
            run(world
                .command(programs::split_ssh())
                .args([command, "--help"]));
            commands += 1;
        }
    }
    assert!(commands > 10, "only {commands} commands were found");
}

/// The guide's client.toml and vault.toml are accepted, and name the socket that it says.
#[test]
fn the_configuration_of_the_guide_is_accepted() {
    let world = World::new();
    let blocks = blocks(&read("docs/guide.md"), "toml");
    let find = |word: &str| {
        let block = blocks.iter().find(|block| block.contains(word));
        block.expect("the guide shows it").clone()
    };
    let vault = find("[prompt]") + &find("[keyring.gpg]");
    world.file(".config/split-ssh/vault.toml", vault);
    world.file(".config/split-ssh/client.toml", find("[[vault]]"));
    world.directory("run");
    for (command, socket) in [
        ("vault", "run/split-ssh-vault/qrexec.sock"),
        ("client", ".split-ssh/work.sock"),
    ] {
        let mut program = world.command(programs::split_ssh());
        program
            .arg(command)
            .env("XDG_RUNTIME_DIR", world.path("run"));
        let started = testbed::children::Running::start(program, &world.path("output"));
        testbed::wait::wait_for_socket(&world.path(socket));
        drop(started);
    }
}

/// What the threat model says of a bound, and the line of code that holds it.
const LIMITS: [(&str, &str, &str); 20] = [
    (
        "512 bytes",
        "guard/src/intake/header.rs",
        "MAX_HEADER: usize = 512",
    ),
    (
        "512 bytes, 5 s",
        "guard/src/intake/header.rs",
        "Duration::from_secs(5)",
    ),
    (
        "64 a qube",
        "common/src/config/vault.rs",
        "streams_per_qube: 64",
    ),
    ("320 in all", "common/src/config/vault.rs", "streams: 320"),
    (
        "30 s from first byte to last",
        "guard/src/intake/connection.rs",
        "WHOLE_MESSAGE_TIME: Duration = Duration::from_secs(30)",
    ),
    (
        "| quiet stream | 300 s",
        "common/src/config/vault.rs",
        "idle_seconds: 300",
    ),
    (
        "3 600 s, 1 000 requests",
        "common/src/config/vault.rs",
        "total_seconds: 3600",
    ),
    (
        "3 600 s, 1 000 requests",
        "common/src/config/vault.rs",
        "requests: 1000",
    ),
    (
        "does not read its reply | 30 s",
        "guard/src/intake/stream.rs",
        "WRITE_TIME: Duration = Duration::from_secs(30)",
    ),
    (
        "6 keys for one login",
        "policy/src/session.rs",
        "MAX_KEYS_PER_LOGIN: usize = 6",
    ),
    (
        "4 in line",
        "policy/src/queue/queued.rs",
        "LISTED_PER_CALLER: usize = 4",
    ),
    (
        "64 requests waiting",
        "policy/src/queue.rs",
        "MAX_REQUESTS_PER_CALLER: usize = 64",
    ),
    (
        "60 s from display",
        "policy/src/question.rs",
        "SECONDS_FROM_SHOWN: u64 = 60",
    ),
    (
        "110 s from arrival",
        "policy/src/question.rs",
        "SECONDS_FROM_ARRIVAL: u64 = 110",
    ),
    (
        "denied for 600 s",
        "policy/src/remembered/denial_counter.rs",
        "COOL_DOWN_SECONDS: u64 = 600",
    ),
    (
        "| mute | 300 s",
        "policy/src/question/answer.rs",
        "MUTE_SECONDS: u64 = 300",
    ),
    (
        "10 s to list",
        "guard/src/keys/upstream.rs",
        "LIST_TIME: Duration = Duration::from_secs(10)",
    ),
    (
        "60 s to sign",
        "guard/src/keys/upstream.rs",
        "SIGN_TIME: Duration = Duration::from_secs(60)",
    ),
    (
        "8 MiB a file",
        "common/src/log/files.rs",
        "MAX_FILE: u64 = 8 * 1024 * 1024",
    ),
    (
        "8 old ones",
        "common/src/log/files.rs",
        "MAX_OLD_FILES: u32 = 8",
    ),
];

#[test]
fn the_limits_of_the_threat_model_are_those_of_the_code() {
    let model = read("docs/threat-model.md");
    for (said, file, line) in LIMITS {
        assert!(
            model.contains(said),
            "the threat model does not say: {said}"
        );
        let path = format!("crates/{file}");
        assert!(
            read(&path).contains(line),
            "{path} does not say `{line}`: does the threat model?"
        );
    }
}

/// All `.rs` and `.py` files below these folders, as one text.
fn sources(folders: &[PathBuf]) -> String {
    let entries = folders.iter().flat_map(fs::read_dir).flatten().flatten();
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries
        .map(|entry| entry.path())
        .filter(|path| !path.ends_with("target"))
        .partition(|path| path.is_dir());
    let is_source = |path: &PathBuf| {
        path.extension()
            .is_some_and(|end| end == "rs" || end == "py")
    };
    let texts = files
        .into_iter()
        .filter(is_source)
        .flat_map(fs::read_to_string);
    let below = if folders.is_empty() {
        String::new()
    } else {
        sources(&folders)
    };
    texts.collect::<String>() + &below
}

#[test]
fn tests_that_the_threat_model_names_are_there() {
    let sources = sources(&["crates", "tests", "prompt"].map(|folder| root().join(folder)));
    let model = read("docs/threat-model.md");
    let is_test = |word: &&str| {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        word.matches('_').count() >= 3 && !word.starts_with("pam_") && word.bytes().all(is_name)
    };
    let named: Vec<&str> = model
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(is_test)
        .collect();
    assert!(named.len() > 40, "{named:?}");
    for name in named {
        let macro_line = format!("    {name}\n");
        let is_there = [format!("fn {name}("), format!(" {name}: "), macro_line];
        assert!(
            is_there.iter().any(|text| sources.contains(text)),
            "there is no test {name}"
        );
    }
}
