//! What goes to dom0: the policy is what dom0 takes, salt writes the same lines as `split-ssh dom0-policy`,
//! and Python reads the tests that only run there.

use std::path::{Path, PathBuf};

use testbed::children::{finish, run, text};
use testbed::programs;
use testbed::world::World;

fn project(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the project");
    folder.join(name)
}

fn check(world: &World, file: &Path) -> (String, bool) {
    let mut command = world.command(programs::split_ssh());
    let output = finish(command.args(["dom0-policy", "--check"]).arg(file));
    (text(&output), output.status.success())
}

#[test]
fn the_packages_policy_denies_all_without_a_word() {
    let file = project("qubes/dom0/policy.d/90-split-ssh.policy");
    let (said, is_good) = check(&World::new(), &file);
    assert!(is_good && said.contains("no line lets a call"), "{said}");
    let policy = std::fs::read_to_string(&file).expect("the policy");
    let lines: Vec<String> = policy
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(lines, ["qubes.SshAgent * @anyvm @anyvm deny notify=no"]);
}

#[test]
fn the_guides_line_gives_the_vault_the_qubes_colors() {
    let guide = std::fs::read_to_string(project("docs/guide.md")).expect("the guide");
    let mut lines = guide.lines();
    let line = lines
        .find(|line| line.starts_with("qvm-ls "))
        .expect("the line");
    let world = World::new();
    let home = world.directory("home");
    world.script(
        "bin/qvm-ls",
        "#!/bin/sh\nprintf 'work|blue\\npersonal|yellow\\n'\n",
    );
    world.script("bin/qvm-run", "#!/bin/sh\nexec sh -c \"$3\"\n");
    let bin = world.path("bin");
    let mut dom0 = world.command("sh");
    dom0.args(["-c", line]).env("HOME", &home);
    run(dom0.env("PATH", format!("{}:/usr/bin:/bin", bin.display())));
    let written = std::fs::read_to_string(home.join(".config/split-ssh/policy.d/colors.toml"));
    assert_eq!(
        written.expect("the colors"),
        "[qube.\"work\"]\ncolor = \"blue\"\n[qube.\"personal\"]\ncolor = \"yellow\"\n"
    );
    let mut check = world.command(programs::split_ssh());
    run(check.args(["policy", "check"]).env("HOME", &home));
}

/// salt's own part of rendering: the pillar, and how a template gives up.
const RENDER: &str = r#"
import sys, jinja2, yaml
folder, name, pillar = sys.argv[1:4]
pillar = yaml.safe_load(pillar)
def give_up(words):
    raise SystemExit(words)
salt = {"pillar.get": lambda key, default: pillar.get(key, default)}
loader = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined)
text = loader.get_template(name).render(salt=salt, **{"raise": give_up})
if name.endswith(".sls"):
    import json
    text = json.dumps(yaml.safe_load(text))
print(text)
"#;

fn rendered(world: &World, name: &str, pillar: &str) -> Result<String, String> {
    let mut command = world.command("python3");
    command
        .arg("-c")
        .arg(RENDER)
        .arg(project("qubes/dom0/salt/split-ssh"));
    let output = finish(command.arg(name).arg(pillar));
    if output.status.success() {
        return Ok(text(&output));
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn example() -> String {
    let file = project("qubes/dom0/salt/split-ssh/pillar.example.sls");
    std::fs::read_to_string(file).expect("the example")
}

fn lines_of(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn salt_writes_the_lines_of_dom0_policy() {
    let world = World::new();
    let printed = |words: &[&str]| {
        let mut command = world.command(programs::split_ssh());
        lines_of(&run(command.arg("dom0-policy").args(words)))
    };
    let mut expected = printed(&[
        "--client",
        "work-dev",
        "--vault",
        "vault",
        "--keyring",
        "work",
    ]);
    expected.extend(printed(&["--client", "admin", "--vault", "vault"]));
    let policy = rendered(&world, "policy.jinja", &example()).expect("the policy");
    assert_eq!(lines_of(&policy), expected);
    let (said, is_good) = check(&world, &world.file("30-split-ssh-salt.policy", &policy));
    assert!(is_good && said.ends_with(": good\n"), "{said}");

    let quiet = example()
        .replace("action: ask", "action: allow")
        .replace("notify: false", "notify: true");
    let policy = rendered(&world, "policy.jinja", &quiet).expect("the policy");
    let words = "--client work-dev --vault vault --keyring work --allow --notify";
    let words: Vec<&str> = words.split(' ').collect();
    assert_eq!(lines_of(&policy)[..2], printed(&words));
}

#[test]
fn salt_makes_vaults_and_clients() {
    let world = World::new();
    let states = rendered(&world, "init.sls", &example()).expect("states");
    let states: serde_json::Value = serde_json::from_str(&states).expect("JSON");
    let vault = states["split-ssh-vault-vault"]["qvm.vm"].to_string();
    for part in [
        r#"{"name":"vault"}"#,
        r#"{"template":"debian-13"}"#,
        r#"{"netvm":""}"#,
        r#"["split-ssh-vault"]"#,
    ] {
        assert!(vault.contains(part), "{part}: {vault}");
    }
    let client = states["split-ssh-client-work-dev"]["qvm.vm"].to_string();
    assert!(
        client.contains(r#"{"vm-config.split-ssh-keyring":"work"}"#),
        "{client}"
    );
    assert!(client.contains(r#"["split-ssh-client"]"#), "{client}");
    assert!(
        !client.contains("present"),
        "a qube that is there is not made: {client}"
    );
    let made = states["split-ssh-client-admin"]["qvm.vm"].to_string();
    assert!(
        made.contains("present") && !made.contains("keyring"),
        "{made}"
    );
    let policy = states["split-ssh-policy"]["file.managed"].to_string();
    assert!(
        policy.contains("/etc/qubes/policy.d/30-split-ssh-salt.policy"),
        "{policy}"
    );

    let nothing = rendered(&world, "init.sls", "{}").expect("states");
    assert!(nothing.contains("split-ssh-policy"), "{nothing}");
    rendered(&world, "template.sls", "{}").expect("states");
}

#[test]
fn a_bad_word_in_the_pillar_breaks_nothing_in_dom0() {
    let world = World::new();
    for (good, bad) in [
        ("work-dev:", "'work dev':"),
        ("work-dev:", "'a,b':"),
        ("work-dev:", "'@anyvm':"),
        ("keyring: work", "keyring: 'w deny'"),
        ("vault: vault", "vault: '*'"),
        ("action: ask", "action: yes-please"),
    ] {
        let pillar = example().replace(good, bad);
        let refused = rendered(&world, "policy.jinja", &pillar);
        let said = refused.expect_err(bad);
        assert!(said.contains("split-ssh: "), "{bad}: {said}");
    }
}

#[test]
fn python_reads_the_tests_for_dom0() {
    let world = World::new();
    for file in [
        "setup.py",
        "split_ssh_tests/__init__.py",
        "split_ssh_tests/tests.py",
    ] {
        let script = "import sys, py_compile; py_compile.compile(sys.argv[1], cfile=sys.argv[2], doraise=True)";
        let mut command = world.command("python3");
        command
            .args(["-c", script])
            .arg(project("tests/dom0").join(file));
        run(command.arg(world.path("compiled")));
    }
}
