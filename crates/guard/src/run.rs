//! From the command line to a serving daemon, and its end.

use std::io::{self, IsTerminal, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Uid;
use policy::record::{Event, Outcome};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::policy_files::PolicyFiles;
use super::{Vault, control, first_line, timestamp};
use crate::ask::prompt::{self, Notifier, Prompter};
use crate::intake::accept;
use crate::intake::limits::Streams;
use crate::keys::keyrings::Keyrings;
use crate::log::Log;
use common::activation;
use common::clock;
use common::config::vault::VaultConfig;
use common::error::Error;
use common::log::journal::{self, Priority};
use common::own_socket::{self, Hints, SocketFile};
use common::paths::Paths;

/// How often the log's counts are written and its head is noted.
const MINUTE: Duration = Duration::from_secs(60);
/// With --until-idle: long enough for the next of a series of calls.
const IDLE: Duration = Duration::from_secs(60);
const HINTS: Hints = Hints {
    in_use: "a vault runs already: see `split-ssh status`",
    elsewhere: "choose another place with --runtime-dir",
};

/// How the daemon serves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// End after a minute with nothing to do or remember.
    pub until_idle: bool,
}

/// Serves until a signal ends it.
///
/// # Errors
/// The configuration is broken, the log can't be opened, or another vault runs.
pub fn run(options: Options, paths: &Paths) -> Result<ExitCode, Error> {
    close_memory()?;
    let sockets = Sockets::bind(paths)?;
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])
        .map_err(|error| Error::new(format!("cannot wait for signals: {error}")))?;
    let vault = Arc::new(open(paths)?);
    follow_policy(&vault)?;
    vault.begin();
    prompt::follow(&vault);
    prompt::watch_lock(&vault);
    for (listener, serve) in sockets.listeners {
        let vault = Arc::clone(&vault);
        thread::spawn(move || accept::accept(&vault, &listener, serve));
    }
    if !sockets.ours.is_empty() {
        say_ready(&vault, &paths.qrexec_socket());
    }
    wait_for_the_end(&vault, signals, options.until_idle);
    drop(sockets.ours);
    vault.end();
    Ok(ExitCode::SUCCESS)
}

/// Passphrases pass through our memory: no crash leaves it on a disk, and no other program of the same
/// user reads it (`proc(5)`, `ptrace(2)`).
fn close_memory() -> Result<(), Error> {
    let cannot = |what: &str, errno: Errno| Error::new(format!("cannot {what}: {errno}"));
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(|errno| cannot("forbid core dumps", errno))?;
    prctl::set_dumpable(false).map_err(|errno| cannot("keep debuggers out", errno))
}

/// Room for all streams at once, each with the agent's end and, while a person is asked, the two that wake
/// it; the usual 1024 are met before. Where the system grants no more, the last streams are refused.
fn make_room(config: &VaultConfig) {
    const OF_A_STREAM: u64 = 4;
    const OTHERS: u64 = 256;
    let streams = u64::try_from(config.limits.streams).unwrap_or(u64::MAX);
    let needed = streams.saturating_mul(OF_A_STREAM).saturating_add(OTHERS);
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        if soft < needed {
            let _ = setrlimit(Resource::RLIMIT_NOFILE, needed.min(hard), hard);
        }
    }
}

/// One line for whoever starts us by hand.
fn say_ready(vault: &Vault, socket: &Path) {
    let mut err = io::stderr();
    if err.is_terminal() {
        let way = vault.prompter.state().asks_by;
        let _ = writeln!(
            err,
            "split-ssh: listening at {}, asks by {way}",
            socket.display()
        );
    }
}

type Serve = fn(&Arc<Vault>, UnixStream, Uid);

/// The two sockets, made by systemd or by us.
struct Sockets {
    listeners: Vec<(UnixListener, Serve)>,
    /// Removed when this is dropped, so that a vault that does not start leaves none; empty if systemd
    /// made them.
    ours: Vec<SocketFile>,
}

impl Sockets {
    fn bind(paths: &Paths) -> Result<Self, Error> {
        let activated = activation::listeners()
            .map_err(|error| Error::new(format!("cannot take systemd's sockets: {error}")))?;
        if activated.is_empty() {
            // Whoever finds the socket for calls finds the other one, too.
            let (control, control_file) = own_socket::listen_at(&paths.control_socket(), HINTS)?;
            let (qrexec, qrexec_file) = own_socket::listen_at(&paths.qrexec_socket(), HINTS)?;
            return Ok(Self {
                listeners: vec![(qrexec, accept::serve_call), (control, control::serve)],
                ours: vec![qrexec_file, control_file],
            });
        }
        let mut listeners = Vec::new();
        for socket in activated {
            let serve: Serve = match socket.name.as_str() {
                "qrexec" => accept::serve_call,
                "control" => control::serve,
                other => {
                    return Err(
                        Error::new(format!("systemd passed a socket named {other:?}")).hint(
                            "FileDescriptorName= of the two socket units is `qrexec` and `control`",
                        ),
                    );
                }
            };
            listeners.push((socket.listener, serve));
        }
        Ok(Self {
            listeners,
            ours: Vec::new(),
        })
    }
}

fn open(paths: &Paths) -> Result<Vault, Error> {
    let config = VaultConfig::load(&paths.config, &paths.system_config)?;
    make_room(&config);
    let log = Log::open(&paths.state).map_err(|error| {
        let failed = Error::new(error.to_string());
        match error.hint() {
            Some(hint) => failed.hint(hint),
            None => failed,
        }
    })?;
    let policy = PolicyFiles::read(paths)
        .map_err(|error| Error::new(format!("cannot watch the policy's files: {error}")))?;
    let prompter = Prompter::new(&config.prompt, paths);
    Ok(Vault {
        keyrings: Keyrings::new(paths.clone(), &config),
        policy,
        questions: Default::default(),
        notifier: Notifier::start(&prompter),
        prompter,
        streams: Streams::new(config.limits.streams, config.limits.streams_per_qube),
        turns: Default::default(),
        unlocking: Default::default(),
        log,
        crypto: common::crypto::Ring,
        connections: Default::default(),
        refusals: Default::default(),
        started: timestamp().to_string(),
        config,
    })
}

/// Reads the policy, and from then on whenever it changes.
fn follow_policy(vault: &Arc<Vault>) -> Result<(), Error> {
    let told = Arc::clone(vault);
    vault
        .policy
        .follow(move |reloaded| told.reloaded(reloaded))
        .map_err(|error| Error::new(format!("cannot start a thread: {error}")))
}

impl Vault {
    fn begin(&self) {
        let mut start = self.record(Event::Start, Outcome::Ok);
        if let Some(broken) = self.policy.snapshot().broken() {
            start.outcome = Outcome::Failed;
            start.reason = Some(broken.to_owned());
            let why = first_line(broken);
            let said = format!("everything is refused, because the policy is broken: {why}");
            journal::say(Priority::Error, &said);
        } else {
            start.reason = self.tell_unreadable_revocations();
        }
        self.write(start);
        self.start_agents();
    }

    fn end(&self) {
        self.questions.stop();
        self.write(self.record(Event::Stop, Outcome::Ok));
        let _ = self.log.close();
        self.keyrings.stop();
    }
}

enum Woken {
    Reload,
    End,
}

fn wait_for_the_end(vault: &Vault, mut signals: Signals, until_idle: bool) {
    let (sender, receiver) = mpsc::channel();
    // A terminal that closes takes along what was started in it, and is none from then on.
    let by_hand = io::stderr().is_terminal();
    thread::spawn(move || {
        for signal in &mut signals {
            let woken = if signal == SIGHUP && by_hand == io::stderr().is_terminal() {
                Woken::Reload
            } else {
                Woken::End
            };
            if sender.send(woken).is_err() {
                return;
            }
        }
    });
    let mut busy = Instant::now();
    let mut ticked = Instant::now();
    let step = if until_idle { IDLE / 12 } else { MINUTE };
    loop {
        match receiver.recv_timeout(step) {
            Ok(Woken::End) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
            Ok(Woken::Reload) => {
                let _ = vault.reload();
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if ticked.elapsed() >= MINUTE {
            ticked = Instant::now();
            let _ = vault.log.tick(timestamp());
            vault.policy.snapshot().forget_old_counts(clock::now().boot);
        }
        if vault.streams.count() > 0 || !vault.questions.is_idle() {
            busy = Instant::now();
        }
        if until_idle && busy.elapsed() >= IDLE {
            return;
        }
    }
}
