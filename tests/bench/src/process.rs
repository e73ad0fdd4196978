//! CPU time and memory of processes, from /proc and rusage.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::Pid;
use testbed::children::children;

/// Wall clock of one run, and CPU time of the programs that it started itself.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub wall: Duration,
    pub children: Duration,
}

pub fn measure(run: impl FnOnce()) -> Sample {
    let (before, start) = (children_cpu(), Instant::now());
    run();
    Sample {
        wall: start.elapsed(),
        children: children_cpu().saturating_sub(before),
    }
}

fn children_cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("our own usage");
    let total = (usage.user_time() + usage.system_time()).num_microseconds();
    Duration::from_micros(u64::try_from(total).unwrap_or(0))
}

/// CPU time of a process and of all its descendants, alive or ended.
pub fn cpu(pid: i32) -> Duration {
    own_cpu(pid)
        + children(Pid::from_raw(pid))
            .into_iter()
            .map(cpu)
            .sum::<Duration>()
}

/// CPU time of a process and of its ended children.
fn own_cpu(pid: i32) -> Duration {
    /// utime, stime, cutime and cstime are fields 14 to 17; the second, the name, may hold blanks.
    const AFTER_NAME: usize = 11;
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return Duration::ZERO;
    };
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields
        .split_whitespace()
        .skip(AFTER_NAME)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok());
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
        .ok()
        .flatten()
        .unwrap_or(100);
    Duration::from_secs(ticks.sum()) / u32::try_from(per_second).unwrap_or(100)
}

/// Memory of a process and of its descendants in KiB, shared pages counted by their share, our launcher not at all.
pub fn memory(pid: i32) -> u64 {
    let descendants = children(Pid::from_raw(pid))
        .into_iter()
        .map(memory)
        .sum::<u64>();
    if fs::read_link(format!("/proc/{pid}/exe")).ok() == std::env::current_exe().ok() {
        return descendants;
    }
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
        + descendants
}
