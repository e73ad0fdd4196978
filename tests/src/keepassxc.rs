//! The real KeePassXC, on a screen that nobody sees, with a database whose one entry has a key attached.
//! It is told what to do over D-Bus, as its window would be by hand.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::children::{Running, finish, run, text};
use crate::keys::Key;
use crate::wait::wait_for;
use crate::world::World;

const DATABASE_PASSWORD: &str = "of the database";
/// The passphrase of the key, and the entry's password.
const PASSPHRASE: &str = "of the key";
/// Of the key, and so of its attachment.
const KEY: &str = "git-work";

/// What the entry's page `SSH Agent` writes with its three boxes ticked: use the key, add it when the database is
/// opened, remove it when that is locked.
const SETTINGS: &str = r#"<?xml version="1.0" encoding="UTF-16"?>
<EntrySettings>
  <AllowUseOfSshKey>true</AllowUseOfSshKey>
  <AddAtDatabaseOpen>true</AddAtDatabaseOpen>
  <RemoveAtDatabaseClose>true</RemoveAtDatabaseClose>
  <UseConfirmConstraintWhenAdding>false</UseConfirmConstraintWhenAdding>
  <UseLifetimeConstraintWhenAdding>false</UseLifetimeConstraintWhenAdding>
  <Location>
    <SelectedType>attachment</SelectedType>
    <AttachmentName>git-work</AttachmentName>
  </Location>
</EntrySettings>
"#;

/// Settings, SSH Agent: on. The rest keeps windows away that would wait for a person.
const CONFIGURATION: &str = "[General]
ConfigVersion=2
UpdateCheckMessageShown=true
RememberLastDatabases=false
OpenPreviousDatabasesOnStartup=false
AutoSaveNonDataChanges=false
[GUI]
CheckForUpdates=false
ShowExpiredEntriesOnDatabaseUnlock=false
[Browser]
NoMigrationPrompt=true
[Security]
LockDatabaseIdle=false
LockDatabaseScreenLock=false
[SSHAgent]
Enabled=true
";

/// How KeePassXC is told where its agent is.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// By the session's `SSH_AUTH_SOCK`.
    Environment(&'a Path),
    /// By its own setting `SSH_AUTH_SOCK override`; the session has another agent.
    Override(&'a Path),
}

/// A database on disk.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    pub key: Key,
}

impl Database {
    pub fn create(world: &World) -> Self {
        let path = world.path("keys.kdbx");
        let twice = format!("{DATABASE_PASSWORD}\n{DATABASE_PASSWORD}\n");
        // A tenth of a second of key derivation: the least there is.
        let create = ["db-create", "-q", "-t", "100", "-p"];
        say_to(
            world.command("keepassxc-cli").args(create).arg(&path),
            &twice,
        );
        let database = Self {
            key: locked_key(world),
            path,
        };
        let both = format!("{DATABASE_PASSWORD}\n{PASSPHRASE}\n");
        let add = ["add", "-q", "-p", "-u", KEY];
        let entry = format!("/{KEY}");
        let mut command = world.command("keepassxc-cli");
        say_to(command.args(add).arg(&database.path).arg(&entry), &both);
        database.attach(world, KEY, &database.key.private);
        let settings = world.file("settings", as_utf16(SETTINGS));
        database.attach(world, "KeeAgent.settings", &settings);
        database
    }

    fn attach(&self, world: &World, name: &str, file: &Path) {
        let mut command = world.command("keepassxc-cli");
        command.args(["attachment-import", "-q"]).arg(&self.path);
        command.args([&format!("/{KEY}"), name]).arg(file);
        say_to(&mut command, &format!("{DATABASE_PASSWORD}\n"));
    }
}

fn locked_key(world: &World) -> Key {
    let private = world.directory("keys").join(KEY);
    let mut command = world.command("ssh-keygen");
    // One round of the passphrase's derivation: tests have no time for more.
    command.args([
        "-q", "-t", "ed25519", "-a", "1", "-C", KEY, "-N", PASSPHRASE, "-f",
    ]);
    run(command.arg(&private));
    Key {
        public: private.with_extension("pub"),
        private,
        comment: KEY.to_owned(),
    }
}

/// As KeePassXC writes it: with a byte order mark.
fn as_utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// Runs `command` with `input` on its standard input and insists on success.
fn say_to(command: &mut Command, input: &str) {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{command:?}: {}", text(&output));
}

/// A running KeePassXC; its database is locked at first.
#[derive(Debug)]
pub struct KeePassXc {
    program: Running,
    bus: String,
    database: PathBuf,
    world: World,
    _bus: Running,
    _screen: Running,
}

impl KeePassXc {
    pub fn start(world: &World, database: &Database, told: Told<'_>) -> Self {
        for folder in ["desk/home", "desk/run", "desk/tmp"] {
            world.directory(folder);
        }
        let mut screen = world.command("Xvfb");
        screen.args([
            "-displayfd",
            "1",
            "-noreset",
            "-screen",
            "0",
            "1280x900x24",
            "-nolisten",
            "tcp",
        ]);
        let screen = Running::start(screen, &world.path("desk/screen"));
        let mut bus = world.command("dbus-daemon");
        bus.args(["--session", "--nofork", "--print-address=1"]);
        let bus = Running::start(bus, &world.path("desk/bus"));
        let display = line_of(&screen, |line| line.parse::<u16>().is_ok());
        let address = line_of(&bus, |line| line.starts_with("unix:"));

        let (socket, local) = match told {
            Told::Environment(socket) => (socket.to_owned(), String::new()),
            Told::Override(socket) => (
                world.path("desk/nobody.sock"),
                format!("[SSHAgent]\nAuthSockOverride={}\n", socket.display()),
            ),
        };
        let mut program = world.command("keepassxc");
        program
            .arg(&database.path)
            .env("DISPLAY", format!(":{display}"))
            .env("DBUS_SESSION_BUS_ADDRESS", &address)
            .env("SSH_AUTH_SOCK", socket)
            .env("HOME", world.path("desk/home"))
            .env("XDG_RUNTIME_DIR", world.path("desk/run"))
            .env("TMPDIR", world.path("desk/tmp"))
            .env("KPXC_CONFIG", world.file("desk/settings", CONFIGURATION))
            .env("KPXC_CONFIG_LOCAL", world.file("desk/local", local));
        let keepassxc = Self {
            program: Running::start(program, &world.path("desk/keepassxc")),
            bus: address,
            database: database.path.clone(),
            world: world.clone(),
            _bus: bus,
            _screen: screen,
        };
        wait_for("KeePassXC's window", || {
            let asked = finish(&mut keepassxc.call("isHardwareKeySupported", &[]));
            asked.status.success().then_some(())
        });
        keepassxc
    }

    /// Opens the database; returns when its keys have been handed to the agent.
    pub fn unlock(&self) {
        let words = [self.database.to_str().expect("text"), DATABASE_PASSWORD];
        run(&mut self.call("openDatabase", &words));
        self.wait_until_it_listens();
    }

    pub fn lock(&self) {
        run(&mut self.call("lockAllDatabases", &[]));
        self.wait_until_it_listens();
    }

    /// Its window does nothing else while it waits for an agent: this call would not come back.
    fn wait_until_it_listens(&self) {
        run(&mut self.call("isHardwareKeySupported", &[]));
    }

    /// Ends it as the end of a session does.
    pub fn end(mut self) {
        self.program.signal(Signal::SIGTERM);
        self.program.wait();
    }

    fn call(&self, method: &str, words: &[&str]) -> Command {
        let mut command = self.world.command("dbus-send");
        command
            .args(["--session", "--print-reply", "--reply-timeout=25000"])
            .args(["--dest=org.keepassxc.KeePassXC.MainWindow", "/keepassxc"])
            .arg(format!("org.keepassxc.KeePassXC.MainWindow.{method}"))
            .args(words.iter().map(|word| format!("string:{word}")))
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus);
        command
    }
}

/// Waits for a line of a program's output.
fn line_of(program: &Running, wanted: impl Fn(&str) -> bool) -> String {
    wait_for("a program to say where it is", || {
        let log = program.log();
        // A line is whole when its end is there.
        let whole = log.rsplit_once('\n')?.0;
        whole.lines().find(|line| wanted(line)).map(str::to_owned)
    })
}
