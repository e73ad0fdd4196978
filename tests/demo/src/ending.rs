//! No process and no file outlives the demo.

use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use testbed::children::children;
use testbed::wait::wait_at_most;
use testbed::world::World;

use crate::IN;
use crate::screen::{Ink, Screen};

/// A unix socket's path has 107 bytes, so the directory's has to be short.
const PREFIX: &str = "split-ssh.";
/// Root's sshd locks its unprivileged half up here; Debian's boot scripts make it.
const PRIVILEGE_SEPARATION: &str = "/run/sshd";
/// What a shell reports of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
/// Between asking a program to end and making it.
const GRACE: Duration = Duration::from_secs(2);

/// How the process that shows the demo came to its end.
enum End {
    /// With success or not.
    Itself(bool),
    Interrupted,
}

/// Has the demo shown by a second process, and removes what that leaves.
pub fn show_and_clean_up(yes: bool) -> ExitCode {
    // Before there is anything to remove.
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP, SIGCHLD]).expect("signals can be waited for");
    // What programs leave behind becomes our child, so that we find it.
    nix::sys::prctl::set_child_subreaper(true).expect("orphans can be adopted");
    let world = World::with_prefix(PREFIX);
    let elsewhere = PathBuf::from(PRIVILEGE_SEPARATION);
    let elsewhere = (!elsewhere.exists()).then_some(elsewhere);
    let mut shows = Command::new(std::env::current_exe().expect("a program knows its own path"));
    shows.arg(IN).arg(world.root());
    if yes {
        shows.arg("--yes");
    }
    let mut child = shows.spawn().expect("our own program runs");
    let end = wait(&mut child, &mut signals);
    clean_up(world, elsewhere.as_deref());
    tell(&end)
}

fn wait(child: &mut Child, signals: &mut Signals) -> End {
    for signal in signals.forever() {
        if signal != SIGCHLD {
            // Nothing new is started from here on.
            let _ = child.kill();
            let _ = child.wait();
            return End::Interrupted;
        }
        match child.try_wait() {
            Ok(None) => {}
            // Ctrl-C reaches both of us, in any order.
            Ok(Some(status)) if status.signal().is_some() => return End::Interrupted,
            Ok(Some(status)) => return End::Itself(status.success()),
            Err(_) => return End::Itself(false),
        }
    }
    End::Interrupted
}

fn clean_up(world: World, elsewhere: Option<&Path>) {
    end_all_children();
    drop(world);
    if let Some(folder) = elsewhere {
        // It may not have been made.
        let _ = std::fs::remove_dir(folder);
    }
}

fn tell(end: &End) -> ExitCode {
    let screen = Screen::new();
    match end {
        End::Itself(true) => {
            screen.say_in(
                Ink::Good,
                "All went as said. Nothing is left running or on disk.",
            );
            screen.line("");
            screen.say("A compromised client can still do what a rule allows it: here, log in to build and sign commits. Keep rules narrow, and read the log.");
            screen.say(
                "Next: README.md for how to install it, `split-ssh --help` for what else there is.",
            );
            ExitCode::SUCCESS
        }
        End::Itself(false) => ExitCode::FAILURE,
        End::Interrupted => {
            // A closed terminal has seen enough.
            let _ = writeln!(
                io::stdout(),
                "\n\nInterrupted. Nothing is left running or on disk."
            );
            ExitCode::from(INTERRUPTED)
        }
    }
}

/// Ends our children, and theirs, which become ours.
fn end_all_children() {
    let all_ended = |signal| {
        for child in children(Pid::this()) {
            let _ = kill(Pid::from_raw(child), signal);
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => return None,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return Some(()),
            }
        }
    };
    let politely = wait_at_most(GRACE, || all_ended(Signal::SIGTERM));
    politely.or_else(|| wait_at_most(GRACE, || all_ended(Signal::SIGKILL)));
}
