use std::os::unix::fs::{PermissionsExt as _, symlink};

use policy::judgement::Verdict;

use super::*;

struct Dirs {
    _root: tempfile::TempDir,
    config: PathBuf,
    system: PathBuf,
}

impl Dirs {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (config, system) = (root.path().join("config"), root.path().join("etc"));
        Self {
            _root: root,
            config,
            system,
        }
    }

    fn write(&self, path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        chmod(path, 0o644);
        chmod(path.parent().unwrap(), 0o755);
    }

    fn load(&self) -> Result<LoadedPolicy, BrokenPolicy> {
        load(&self.config, &self.system)
    }

    #[track_caller]
    fn refused(&self, needle: &str) {
        let message = self.load().unwrap_err().to_string();
        assert!(message.contains(needle), "{message}");
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn rule(name: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\naction = \"ask\"\n")
}

fn rules(loaded: &LoadedPolicy) -> Vec<&str> {
    loaded
        .policy
        .rules
        .iter()
        .filter_map(|rule| rule.name.as_deref())
        .collect()
}

#[test]
fn without_a_file_the_shipped_policy_holds() {
    let loaded = Dirs::new().load().unwrap();
    assert_eq!(
        (loaded.policy.default_verdict(), loaded.files.len()),
        (Verdict::Ask, 0)
    );
}

#[test]
fn the_users_file_comes_first_and_the_systems_drop_ins_last() {
    let dirs = Dirs::new();
    dirs.write(
        &dirs.system.join("policy.toml"),
        &format!("default = \"deny\"\n{}", rule("system")),
    );
    dirs.write(&dirs.system.join("policy.d/50-s.toml"), &rule("s"));
    let system = dirs.load().unwrap();
    assert_eq!(
        (rules(&system), system.policy.default_verdict()),
        (vec!["system", "s"], Verdict::Deny)
    );

    dirs.write(
        &dirs.config.join("policy.toml"),
        &format!("default = \"ask\"\n{}", rule("user")),
    );
    dirs.write(&dirs.config.join("policy.d/20-b.toml"), &rule("b"));
    dirs.write(&dirs.config.join("policy.d/10-a.toml"), &rule("a"));
    dirs.write(&dirs.config.join("policy.d/notes.txt"), "no policy");
    dirs.write(&dirs.config.join("policy.d/.10-a.toml"), "an editor's file");
    let loaded = dirs.load().unwrap();
    assert_eq!(
        (rules(&loaded), loaded.policy.default_verdict()),
        (vec!["user", "a", "b", "s"], Verdict::Ask)
    );
    assert_eq!(loaded.files.len(), 4);
    assert_ne!(loaded.digest, system.digest);
    assert_eq!(loaded.digest.len(), 64);
}

#[test]
fn drop_ins_that_nothing_would_read_are_an_error() {
    let dirs = Dirs::new();
    dirs.write(&dirs.config.join("policy.d/10-a.toml"), &rule("a"));
    dirs.refused("10-a.toml stands beside no policy.toml");
    dirs.write(&dirs.system.join("policy.toml"), "default = \"ask\"");
    dirs.refused("10-a.toml stands beside no policy.toml");

    let dirs = Dirs::new();
    dirs.write(&dirs.system.join("policy.d/10-a.toml"), &rule("a"));
    dirs.refused("no policy.toml that they add to");
}

#[test]
fn files_that_others_can_write_are_refused() {
    let dirs = Dirs::new();
    let (main, drop_in) = (
        dirs.config.join("policy.toml"),
        dirs.config.join("policy.d/10-a.toml"),
    );
    dirs.write(&main, "default = \"ask\"");
    dirs.write(&drop_in, &rule("a"));
    dirs.load().unwrap();
    for path in [&main, &drop_in, &dirs.config, &dirs.config.join("policy.d")] {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        chmod(path, mode | 0o020);
        dirs.refused("can be written by others");
        chmod(path, mode);
    }
    dirs.load().unwrap();

    // An empty folder too: who can write it can add a rule.
    fs::remove_file(&drop_in).unwrap();
    chmod(&dirs.config.join("policy.d"), 0o777);
    dirs.refused("can be written by others");
}

#[test]
fn what_cannot_be_read_is_an_error_and_never_the_shipped_policy() {
    let dirs = Dirs::new();
    let main = dirs.config.join("policy.toml");
    dirs.write(&main, "default = \"allow\"");
    dirs.refused("policy.toml:1:11: the default cannot be allow");
    assert_eq!(dirs.load().unwrap_err().files, std::slice::from_ref(&main));

    fs::write(&main, b"default = \"ask\"\n# \xff").unwrap();
    dirs.refused("policy.toml:2: not UTF-8 text");
    fs::write(&main, " ".repeat(MAX_FILE + 1)).unwrap();
    dirs.refused("is larger than");
    fs::remove_file(&main).unwrap();
    symlink(dirs.config.join("nowhere"), &main).unwrap();
    dirs.refused("is a link to a file that is not there");
    fs::remove_file(&main).unwrap();
    fs::create_dir(&main).unwrap();
    dirs.refused("policy.toml");
}
