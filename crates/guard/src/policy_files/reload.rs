//! The thread that reads the files again. Nothing else reads them.

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use super::snapshot::PolicySnapshot;
use super::store::{PolicyFiles, SETTLE_TIME};
use super::writers::Writers;
use common::open_files;
use common::policy_files;
use common::stamps::Stamps;
use common::sync::lock;
use common::wait;

/// How soon a change is found that no request asks about.
const TICK: Duration = Duration::from_secs(1);

/// What reading the files came to, if they do not say what they said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    Changed,
    /// The last good policy still holds.
    Failed(String),
}

/// Files that are to be read.
struct Pending {
    stamps: Stamps,
    /// Unless they change before.
    settled_at: Instant,
}

impl PolicyFiles {
    /// Starts the thread, has it read the files for the first time, and waits for that. `tell` hears of every later
    /// reading that changes something or fails; it ends with the process.
    ///
    /// # Errors
    /// There are no threads left.
    pub fn follow(self: &Arc<Self>, tell: impl Fn(&Reloaded) + Send + 'static) -> io::Result<()> {
        let files = Arc::clone(self);
        thread::Builder::new().spawn(move || files.reload_for_ever(&tell))?;
        // What is wrong is in the snapshot.
        let _ = self.read_again();
        Ok(())
    }

    /// The policy's files that there are.
    fn found(&self) -> Vec<PathBuf> {
        policy_files::found(&self.paths.config, &self.paths.system_config)
    }

    fn reload_for_ever(&self, tell: &dyn Fn(&Reloaded)) {
        let mut writers = Writers::new(open_files::are_told());
        let mut pending: Option<Pending> = None;
        loop {
            let watched = self.watched(&self.found());
            writers.watch(&watched);
            writers.note_events();
            let stamps = Stamps::of(&watched);
            pending = self.pending(pending, &stamps);
            // Who asks for it has saved them.
            let is_asked = {
                let state = lock(&self.state);
                state.asked > state.done
            };
            let is_whole = pending
                .as_ref()
                .is_some_and(|files| files.settled_at <= Instant::now())
                && (is_asked || !writers.may_have_missed())
                && !writers.has_written()
                && !open_files::is_open_for_writing(&watched);
            if is_whole {
                pending = None;
                if let Some(reloaded) = self.take(&stamps) {
                    tell(&reloaded);
                }
            } else {
                self.wait(&writers, if pending.is_some() { SETTLE_TIME } else { TICK });
            }
        }
    }

    /// What there is to be read, if anything.
    fn pending(&self, last: Option<Pending>, stamps: &Stamps) -> Option<Pending> {
        let mut state = lock(&self.state);
        let settled_in = |time| Pending {
            stamps: stamps.clone(),
            settled_at: Instant::now() + time,
        };
        if *stamps == state.stamps {
            state.unsettled = None;
            // They were whole when they were read.
            let is_asked = state.asked > state.done;
            return is_asked.then(|| settled_in(Duration::ZERO));
        }
        let is_first = state.done == 0;
        if is_first && stamps.are_older_than(SETTLE_TIME) {
            return Some(settled_in(Duration::ZERO));
        }
        let unchanged = last.filter(|last| last.stamps == *stamps);
        Some(unchanged.unwrap_or_else(|| settled_in(SETTLE_TIME)))
    }

    fn wait(&self, writers: &Writers, time: Duration) {
        let mut fds = vec![PollFd::new(self.wake.as_fd(), PollFlags::POLLIN)];
        if let Some(inotify) = writers.as_fd() {
            fds.push(PollFd::new(inotify, PollFlags::POLLIN));
        }
        // A poll that fails is a wait that ends early.
        let _ = wait::until(&mut fds, Some(Instant::now() + time));
        self.wake.clear();
    }

    /// Reads the files, if they are as `stamps` say before and after; `None` if nothing is to be told.
    fn take(&self, stamps: &Stamps) -> Option<Reloaded> {
        let before = self.snapshot();
        let files = self.found();
        let (asked, done) = {
            let state = lock(&self.state);
            (state.asked, state.done)
        };
        let read = PolicySnapshot::read(&self.paths, &self.hosts);
        let is_same_list = files == self.found();
        let watched = self.watched(&files);
        let looked = Instant::now();
        if !is_same_list || Stamps::of(&watched) != *stamps {
            return None;
        }
        let (snapshot, reloaded) = match read {
            Ok(fresh) if fresh.digest == before.digest => {
                let is_other = lock(&self.state).stamps != *stamps;
                let is_news = is_other || before.trouble().is_some();
                let fresh = fresh.with_counts_of(&before);
                (fresh, is_news.then_some(Reloaded::Changed))
            }
            Ok(fresh) => (fresh, Some(Reloaded::Changed)),
            Err(why) => {
                let stale = before.marked_stale(&why, files);
                let is_known = before.trouble() == Some(&why) && asked == done;
                (stale, (!is_known).then_some(Reloaded::Failed(why)))
            }
        };
        let mut state = lock(&self.state);
        state.watched = watched;
        state.stamps = stamps.clone();
        state.snapshot = Arc::new(snapshot);
        state.looked = looked;
        state.unsettled = None;
        state.done = asked;
        self.changed.notify_all();
        let is_first = done == 0;
        reloaded.filter(|_| !is_first)
    }
}
