//! A desk with a person: an X server and a session bus of its own, the vault's windows on it, and
//! somebody who looks at them through AT-SPI and presses real keys and clicks.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::children::{Running, run};
use crate::programs;
use crate::split_ssh::Vault;
use crate::wait::wait_for;
use crate::world::World;

/// The distribution's own: what AT-SPI needs comes as its packages.
const PYTHON: &str = "/usr/bin/python3";

#[derive(Debug)]
pub struct Desk {
    person: RefCell<Person>,
    notifications: Running,
    _bus: Running,
    _screen: Running,
    /// What tells a program of this desk.
    pub environment: Vec<(String, String)>,
}

impl Desk {
    pub fn new(world: &World) -> Self {
        programs::insist_on("/usr/bin/Xvfb");
        let mut command = world.command("Xvfb");
        command.args(["-displayfd", "1", "-noreset", "-screen", "0", "1280x900x24"]);
        let screen = Running::start(command, &world.path("desk-screen"));
        let display = wait_for("an X server", || {
            let said = screen.log();
            let number = |line: &&str| line.bytes().all(|byte| byte.is_ascii_digit());
            let mut lines = said
                .split_inclusive('\n')
                .filter_map(|line| line.strip_suffix('\n'));
            lines.find(number).map(|number| format!(":{number}"))
        });
        let mut command = world.command("dbus-daemon");
        command
            .args(["--session", "--nofork", "--print-address=1"])
            .env("DISPLAY", &display);
        let bus = Running::start(command, &world.path("desk-bus"));
        let address = wait_for("a session bus", || {
            let said = bus.log();
            let mut lines = said
                .split_inclusive('\n')
                .filter_map(|line| line.strip_suffix('\n'));
            lines
                .find(|line| line.starts_with("unix:"))
                .map(str::to_owned)
        });
        let environment = vec![
            ("DISPLAY".to_owned(), display),
            ("DBUS_SESSION_BUS_ADDRESS".to_owned(), address),
        ];
        let mut command = python(world, "notifications.py");
        command.envs(environment.iter().cloned());
        let mut notifications = Running::start(command, &world.path("desk-notifications"));
        notifications.wait_for_log("ready\n");
        Self {
            person: RefCell::new(Person::start(world, &environment)),
            notifications,
            _bus: bus,
            _screen: screen,
            environment,
        }
    }

    /// A vault whose windows are the real dialog's, on this desk.
    pub fn vault(&self, world: &World, agent: &Path, policy: &str, known_hosts: &str) -> Vault {
        let config = format!("[keyring.default]\nagent = \"{}\"\n", agent.display());
        self.vault_configured(world, &config, policy, known_hosts)
    }

    /// The same with a vault.toml of the test's own, but for who shows windows.
    pub fn vault_configured(
        &self,
        world: &World,
        config: &str,
        policy: &str,
        known_hosts: &str,
    ) -> Vault {
        let program = programs::split_ssh_prompt();
        let config = format!("{config}[prompt]\nprogram = \"{}\"\n", program.display());
        let environment = self.environment.iter();
        let environment: Vec<_> = environment
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        Vault::start_with(world, &config, policy, known_hosts, &environment)
    }

    /// The session's socket unit with `Accept=yes`, for one connection: waits for it and starts the program.
    pub fn socket_unit(&self, socket: &Path, mut program: Command) -> Child {
        let listener = UnixListener::bind(socket).expect("a socket");
        listener.set_nonblocking(true).expect("a setting");
        let connection = wait_for("the vault", || listener.accept().ok()).0;
        let connection = OwnedFd::from(connection);
        program.env_clear().envs(self.environment.iter().cloned());
        program
            .stdin(connection.try_clone().expect("a descriptor"))
            .stdout(connection)
            .spawn()
            .expect("it runs")
    }

    /// Waits for a window that has not been returned before.
    pub fn window(&self) -> Window<'_> {
        let found = self.tell(&json!(["new_window"]));
        let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        Window {
            desk: self,
            pid: found["pid"].as_i64().expect("a pid"),
            title: text("title"),
        }
    }

    /// How many windows were open at the same time at most, and how many there have been.
    pub fn windows(&self) -> (u64, u64) {
        let seen = self.tell(&json!(["watch"]));
        let count = |name: &str| seen[name].as_u64().expect("a count");
        (count("most"), count("total"))
    }

    /// The notifications so far.
    pub fn notifications(&self) -> Vec<Notification> {
        let said = self.notifications.log();
        let whole = said
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole
            .filter_map(|line| serde_json::from_str(line).ok())
            .map(|(summary, body, icon, urgency, buttons)| Notification {
                summary,
                body,
                icon,
                urgency,
                buttons,
            })
            .collect()
    }

    /// Presses a button of the last notification.
    pub fn press_notification(&self, world: &World, button: &str) {
        let mut command = world.command("dbus-send");
        command.envs(self.environment.iter().cloned());
        command.args(["--session", "--print-reply"]);
        command.arg("--dest=org.freedesktop.Notifications");
        command.arg("/org/freedesktop/Notifications");
        command.arg("org.freedesktop.Notifications.Press");
        run(command.arg(format!("string:{button}")));
    }

    fn tell(&self, order: &Value) -> Value {
        self.person.borrow_mut().tell(order)
    }
}

/// As the desktop was asked to show it.
#[derive(Debug)]
pub struct Notification {
    pub summary: String,
    pub body: String,
    pub icon: String,
    /// From 0, low, to 2, critical.
    pub urgency: u8,
    pub buttons: Vec<String>,
}

/// One of the vault's windows, as the person sees it.
#[derive(Debug)]
pub struct Window<'a> {
    desk: &'a Desk,
    pid: i64,
    pub title: String,
}

impl Window<'_> {
    /// All that a screen reader would say.
    pub fn texts(&self) -> Vec<String> {
        let texts = self.desk.tell(&json!(["read", self.pid]));
        serde_json::from_value(texts).expect("texts")
    }

    /// # Panics
    /// Nothing in the window says this.
    pub fn says(&self, words: &str) {
        let texts = self.texts();
        assert!(
            texts.iter().any(|text| text.contains(words)),
            "no {words:?} in {texts:#?}"
        );
    }

    pub fn wait_to_read(&self, words: &str) {
        self.desk.tell(&json!(["wait_to_read", self.pid, words]));
    }

    /// Clicks a button as soon as the window takes clicks, and waits until the window is gone.
    pub fn press(self, button: &str) {
        self.desk.tell(&json!(["press", self.pid, button]));
        self.wait_until_gone();
    }

    /// Clicks the button whose name starts so, in a window that has no gate.
    pub fn click(&self, start: &str) {
        self.desk.tell(&json!(["click", self.pid, start]));
    }

    /// Presses keys as soon as the window takes them, and waits until it is gone.
    pub fn key(self, keys: &str) {
        self.desk.tell(&json!(["press_keys", self.pid, keys]));
        self.wait_until_gone();
    }

    /// Clicks a button before it opens; false if this machine was too slow for that.
    pub fn click_early(&self, button: &str) -> bool {
        let clicked = self.desk.tell(&json!(["click_early", self.pid, button]));
        clicked.as_bool().expect("a yes or a no")
    }

    /// Types a name for the host.
    pub fn name_host(&self, name: &str) {
        self.desk.tell(&json!(["name_host", self.pid, name]));
    }

    /// Types a passphrase as soon as the window takes it, presses Enter, and waits until it is gone.
    pub fn unlock(self, passphrase: &str) {
        self.desk.tell(&json!(["unlock", self.pid, passphrase]));
        self.wait_until_gone();
    }

    /// As a window manager closes a window.
    pub fn close(self) {
        self.desk.tell(&json!(["close", self.pid]));
        self.wait_until_gone();
    }

    pub fn kill(self) {
        let pid = i32::try_from(self.pid).expect("a pid");
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is there to be killed");
        self.wait_until_gone();
    }

    pub fn wait_until_gone(&self) {
        let process = PathBuf::from(format!("/proc/{}", self.pid));
        wait_for("the window's program to end", || {
            (!process.exists()).then_some(())
        });
    }

    pub fn is_there(&self) -> bool {
        Path::new(&format!("/proc/{}", self.pid)).exists()
    }
}

/// The program that looks and presses.
#[derive(Debug)]
struct Person {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Person {
    fn start(world: &World, environment: &[(String, String)]) -> Self {
        let mut command = python(world, "person.py");
        command
            .envs(environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = command.spawn().expect("python3 runs");
        let orders = process.stdin.take().expect("a pipe");
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut person = Self {
            process,
            orders,
            answers,
        };
        person.hear();
        person
    }

    fn tell(&mut self, order: &Value) -> Value {
        writeln!(self.orders, "{order}").expect("somebody at the desk");
        let mut answer = self.hear();
        assert!(
            answer["failed"].is_null(),
            "{order}: {}",
            answer["failed"].as_str().unwrap_or_default()
        );
        answer["done"].take()
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("an answer: run scripts/install-deps first")
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn python(world: &World, asset: &str) -> Command {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let mut command = world.command(PYTHON);
    // Nothing is left behind in the source tree.
    command.arg("-B").arg(assets.join(asset));
    command
}
