//! Which `SSH_AUTH_SOCK` programs get: the shells and systemd's own programs are asked, as they would start a
//! session.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use nix::unistd::{Uid, User, geteuid};

use super::super::doctor::{Machine, name_of, paths_in};
use super::meaning;
use common::wait;

/// A shell whose start takes longer waits for something.
const SHELL_TIME: Duration = Duration::from_secs(10);
/// What a shell's start may print, in bytes.
const MAX_OUTPUT: u64 = 64 * 1024;
/// Stands around the value, so that what dotfiles print is told apart.
const MARK: &str = "\x1f";
/// systemd.environment-generator(7), in the order in which one of a name comes before another.
const GENERATORS: [&str; 4] = [
    "/run/systemd/user-environment-generators",
    "/etc/systemd/user-environment-generators",
    "/usr/local/lib/systemd/user-environment-generators",
    "/usr/lib/systemd/user-environment-generators",
];

/// What one kind of session sets.
pub struct Winner {
    pub session: String,
    /// Empty if it sets none.
    pub value: String,
}

impl Winner {
    /// Whether programs reach our client, or a keyring's agent, by it.
    pub fn is_ours(&self) -> bool {
        let target = fs::read_link(&self.value).unwrap_or_default();
        meaning::is_ours(&self.value) || meaning::is_ours(&target.to_string_lossy())
    }
}

/// Asks for a login shell, a desktop session and a user unit. A shell that does not answer is left out.
pub fn ask(place: &Machine) -> Vec<Winner> {
    let person = Person::of(&place.paths.home);
    let unit = person.unit_environment(place);
    let in_unit = unit.iter().rev().find(|(name, _)| name == "SSH_AUTH_SOCK");
    let in_unit = in_unit.map_or_else(String::new, |(_, value)| value.clone());
    let login = format!("a login shell ({})", name_of(&person.shell));
    let winner = |session: &str, value: Option<String>| {
        value.map(|value| Winner {
            session: session.to_owned(),
            value,
        })
    };
    let winners = [
        winner(&login, person.ask_shell(true, &[])),
        // It is started by a login shell that is not interactive, on top of what systemd gives it.
        winner("a desktop session", person.ask_shell(false, &unit)),
        winner("a user unit", Some(in_unit)),
    ];
    winners.into_iter().flatten().collect()
}

struct Person {
    home: PathBuf,
    uid: Uid,
    user: Option<User>,
    shell: PathBuf,
}

impl Person {
    fn of(home: &Path) -> Self {
        let uid = fs::metadata(home).map_or(geteuid(), |found| Uid::from_raw(found.uid()));
        let user = User::from_uid(uid).ok().flatten();
        let shell = user.as_ref().map(|user| user.shell.clone());
        let shell = shell.filter(|shell| shell.is_file());
        Self {
            home: home.to_owned(),
            uid,
            shell: shell.unwrap_or_else(|| "/bin/bash".into()),
            user,
        }
    }

    /// A program in the environment that a login gives; never as root in somebody else's home, whose files it runs.
    fn command(&self, program: &str) -> Command {
        let mut command = match &self.user {
            Some(user) if geteuid().is_root() && !self.uid.is_root() => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={}", self.uid));
                command.arg(format!("--regid={}", user.gid));
                command.args(["--init-groups", "--", program]);
                command
            }
            _ => Command::new(program),
        };
        let name = self.user.as_ref().map_or("user", |user| user.name.as_str());
        command
            .env_clear()
            .current_dir(&self.home)
            .env("HOME", &self.home)
            .env("USER", name)
            .env("LOGNAME", name)
            .env("SHELL", &self.shell)
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("TERM", "dumb")
            .env("XDG_RUNTIME_DIR", format!("/run/user/{}", self.uid));
        command
    }

    fn ask_shell(&self, interactive: bool, environment: &[(String, String)]) -> Option<String> {
        let script = format!("printf '{MARK}%s{MARK}' \"$SSH_AUTH_SOCK\"");
        // setsid: an interactive shell would take our terminal.
        let mut command = self.command("setsid");
        command.arg("--wait").arg(&self.shell).arg("-l");
        if interactive {
            command.arg("-i");
        }
        command.args(["-c", &script]);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let output = output_of(&mut command)?;
        output.split(MARK).nth(1).map(str::to_owned)
    }

    /// What systemd's generators make, each on top of those before it.
    fn unit_environment(&self, place: &Machine) -> Vec<(String, String)> {
        let mut programs: BTreeMap<OsString, PathBuf> = BTreeMap::new();
        for program in GENERATORS
            .iter()
            .flat_map(|folder| paths_in(&place.at(folder)))
        {
            let name = program.file_name().unwrap_or_default().to_owned();
            programs.entry(name).or_insert(program);
        }
        let mut environment: Vec<(String, String)> = Vec::new();
        for program in programs.values() {
            let mut command = self.command(&program.to_string_lossy());
            command.envs(environment.iter().map(|(name, value)| (name, value)));
            environment.extend(variables(&output_of(&mut command).unwrap_or_default()));
        }
        environment
    }
}

fn variables(text: &str) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let clean = |value: &str| value.trim_matches(['"', '\'']).to_owned();
    pairs
        .map(|(name, value)| (name.to_owned(), clean(value)))
        .collect()
}

/// What a program prints within its time.
fn output_of(command: &mut Command) -> Option<String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut stdout = child.stdout.take()?;
    let end = Instant::now() + SHELL_TIME;
    let mut text = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
        let waited = wait::until(&mut fds, Some(end));
        if waited.is_err() || wait::revents(&fds[0]).is_empty() || text.len() as u64 > MAX_OUTPUT {
            let _ = child.kill();
            break;
        }
        match stdout.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(count) => text.extend_from_slice(chunk.get(..count).unwrap_or_default()),
        }
    }
    let _ = child.wait();
    Some(String::from_utf8_lossy(&text).into_owned())
}
