//! From the command line to a serving daemon, and its end.

use std::io::{self, IsTerminal, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::ask::{lock_watch, showing};
use crate::control;
use crate::daemon::Daemon;
use crate::intake::accept::{Serve, accept, is_owner};
use crate::process;
use crate::sockets::Sockets;
use common::config::vault::VaultConfig;
use common::error::Error;
use common::paths::Paths;

/// How often the log's counts are written and its head is noted.
const FLUSH_INTERVAL: Duration = Duration::from_secs(60);
/// With --until-idle: long enough for the next of a series of calls.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// Serves until a signal ends it, or, if `until_idle`, after a minute with nothing to do or remember.
///
/// # Errors
/// The configuration is broken, the log can't be opened, or another vault runs.
pub fn run(until_idle: bool, paths: &Paths) -> Result<ExitCode, Error> {
    process::close_memory()?;
    // Before the sockets: whoever started us and waits for them is not to meet a vault that ends.
    let config = VaultConfig::load(paths)?;
    // Whoever ends us from here on has us remove the sockets.
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])
        .map_err(|error| Error::new(format!("cannot wait for signals: {error}")))?;
    let sockets = Sockets::bind(paths)?;
    process::make_room(&config);
    let daemon = Daemon::open(config, paths, sockets.sandboxes)?;
    daemon.begin()?;
    showing::follow(&daemon.signer.asker);
    lock_watch::watch(&daemon.signer.asker);
    let ticking = Arc::clone(&daemon);
    thread::spawn(move || tick(&ticking, until_idle));
    let calls = Arc::clone(&daemon.intake);
    let controls = Arc::clone(&daemon);
    let serve_call: Serve = Arc::new(move |stream, peer| calls.serve(stream, peer));
    accept_all(&daemon, sockets.calls, &serve_call);
    let serve_control: Serve = Arc::new(move |stream, _| {
        let _ = control::serve(&controls, &stream); // a peer that has left needs no answer
    });
    accept_all(&daemon, sockets.controls, &serve_control);
    if !sockets.ours.is_empty() {
        say_ready(&daemon, &paths.qrexec_socket());
    }
    wait_for_the_end(&daemon, signals);
    drop(sockets.ours);
    daemon.end();
    Ok(ExitCode::SUCCESS)
}

fn accept_all(daemon: &Arc<Daemon>, listeners: Vec<UnixListener>, serve: &Serve) {
    for listener in listeners {
        let (daemon, serve) = (Arc::clone(daemon), Arc::clone(serve));
        let allows = move |uid| {
            let is_owner = is_owner(uid);
            if !is_owner {
                daemon.note_refused_peer(uid);
            }
            is_owner
        };
        thread::spawn(move || accept(&listener, None, &allows, &serve));
    }
}

/// One line for whoever starts us by hand.
fn say_ready(daemon: &Daemon, socket: &Path) {
    let mut err = io::stderr();
    if err.is_terminal() {
        let way = daemon.signer.asker.prompter.state().asks_by;
        // A closed standard error is nobody's problem.
        let _ = writeln!(
            err,
            "split-ssh: listening at {}, asks by {way}",
            socket.display()
        );
    }
}

/// Reloads by SIGHUP, unless our terminal closed; any other signal is the end.
fn wait_for_the_end(daemon: &Daemon, mut signals: Signals) {
    let had_terminal = io::stderr().is_terminal();
    for signal in &mut signals {
        if signal != SIGHUP || had_terminal != io::stderr().is_terminal() {
            return;
        }
        // What is broken is in the journal and in the status.
        let _ = daemon.reload();
    }
}

/// Does what is due from time to time; ends this process when it has been idle for long enough, if it is to be.
fn tick(daemon: &Daemon, until_idle: bool) {
    let mut busy = Instant::now();
    let mut ticked = Instant::now();
    let step = if until_idle {
        IDLE_TIME / 12
    } else {
        FLUSH_INTERVAL
    };
    loop {
        thread::sleep(step);
        if ticked.elapsed() >= FLUSH_INTERVAL {
            ticked = Instant::now();
            daemon.tick();
        }
        if daemon.is_busy() {
            busy = Instant::now();
        }
        if until_idle && busy.elapsed() >= IDLE_TIME {
            // As whoever ends us from outside would.
            let _ = signal::kill(Pid::this(), Signal::SIGTERM);
            return;
        }
    }
}
