//! From the command line to a serving daemon, and its end.

use std::io::{self, IsTerminal, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::ask::{lock_watch, showing};
use crate::control;
use crate::daemon::Daemon;
use crate::intake::accept::{Accept, Refuse, Serve, accept, is_owner};
use crate::process;
use crate::sockets::Sockets;
use common::config::vault::VaultConfig;
use common::error::Error;
use common::paths::Paths;

/// How often the log's counts are written and its head is noted.
const FLUSH_INTERVAL: Duration = Duration::from_secs(60);
/// With --until-idle: long enough for the next of a series of calls.
const IDLE_TIME: Duration = Duration::from_secs(60);

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
    process::close_memory()?;
    // Before the sockets: whoever started us and waits for them is not to meet a vault that ends.
    let config = VaultConfig::load(paths)?;
    let sockets = Sockets::bind(paths)?;
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])
        .map_err(|error| Error::new(format!("cannot wait for signals: {error}")))?;
    process::make_room(&config);
    let daemon = Daemon::open(config, paths, sockets.sandboxes)?;
    daemon.begin()?;
    showing::follow(&daemon.asker);
    lock_watch::watch(&daemon.asker);
    let calls = Arc::clone(&daemon.intake);
    let controls = Arc::clone(&daemon);
    let refusing = Arc::clone(&daemon);
    let refuse: Refuse = Arc::new(move |uid| refusing.note_refused_peer(uid));
    accept_all(
        sockets.calls,
        &(Arc::new(move |stream, peer| calls.serve(stream, peer)) as Serve),
        &refuse,
    );
    accept_all(
        sockets.controls,
        &(Arc::new(move |stream, _| control::serve(&controls, &stream)) as Serve),
        &refuse,
    );
    if !sockets.ours.is_empty() {
        say_ready(&daemon, &paths.qrexec_socket());
    }
    wait_for_the_end(&daemon, signals, options.until_idle);
    drop(sockets.ours);
    daemon.end();
    Ok(ExitCode::SUCCESS)
}

fn accept_all(listeners: Vec<UnixListener>, serve: &Serve, refuse: &Refuse) {
    for listener in listeners {
        let how = Accept {
            allows: Box::new(is_owner),
            serve: Arc::clone(serve),
            refuse: Arc::clone(refuse),
        };
        thread::spawn(move || accept(&listener, None, &how));
    }
}

/// One line for whoever starts us by hand.
fn say_ready(daemon: &Daemon, socket: &Path) {
    let mut err = io::stderr();
    if err.is_terminal() {
        let way = daemon.asker.prompter.state().asks_by;
        // A closed standard error is nobody's problem.
        let _ = writeln!(
            err,
            "split-ssh: listening at {}, asks by {way}",
            socket.display()
        );
    }
}

enum SignalRequest {
    Reload,
    End,
}

fn wait_for_the_end(daemon: &Daemon, mut signals: Signals, until_idle: bool) {
    let (sender, receiver) = mpsc::channel();
    // SIGHUP reloads, unless our terminal closed; then we exit.
    let had_terminal = io::stderr().is_terminal();
    thread::spawn(move || {
        for signal in &mut signals {
            let is_reload = signal == SIGHUP && had_terminal == io::stderr().is_terminal();
            let told = if is_reload {
                SignalRequest::Reload
            } else {
                SignalRequest::End
            };
            if sender.send(told).is_err() {
                return;
            }
        }
    });
    let mut busy = Instant::now();
    let mut ticked = Instant::now();
    let step = if until_idle {
        IDLE_TIME / 12
    } else {
        FLUSH_INTERVAL
    };
    loop {
        match receiver.recv_timeout(step) {
            Ok(SignalRequest::End) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
            Ok(SignalRequest::Reload) => {
                // What is broken is in the journal and in the status.
                let _ = daemon.reload();
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if ticked.elapsed() >= FLUSH_INTERVAL {
            ticked = Instant::now();
            daemon.tick();
        }
        if daemon.is_busy() {
            busy = Instant::now();
        }
        if until_idle && busy.elapsed() >= IDLE_TIME {
            return;
        }
    }
}
