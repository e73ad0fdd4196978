//! A launcher that stays the parent of all that its program starts: the pipes leave processes behind whose
//! CPU time nobody else would count.

use std::process::{Command, exit};

use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::wait::wait;

/// The first argument of this program when it is the launcher.
pub const ADOPT: &str = "--adopt";

/// Runs `command` and waits for it and all its orphans.
pub fn run(command: &[String]) -> ! {
    set_child_subreaper(true).expect("a process may adopt its descendants");
    let (program, arguments) = command.split_first().expect("a program to launch");
    let child = Command::new(program).args(arguments).spawn();
    child.unwrap_or_else(|error| panic!("{program}: {error}"));
    while wait() != Err(Errno::ECHILD) {}
    exit(0);
}
