//! The parts of a running vault, and who gets which.

use std::os::unix::net::UnixListener;
use std::sync::Arc;

use nix::unistd::Uid;
use policy::caller::Caller;
use policy::record::{Event, Record, RecordOutcome};

use crate::ask::asker::Asker;
use crate::ask::prompt::{Notifier, Prompter};
use crate::intake::call::Intake;
use crate::intake::sandboxes::Sandboxes;
use crate::keys::keyrings::Keyrings;
use crate::log::Log;
use crate::log::recorder::{Recorder, timestamp};
use crate::policy_files::{PolicyFiles, Reloaded};
use crate::sign::content::ContentCount;
use crate::sign::session::Signer;
use common::clock;
use common::config::vault::VaultConfig;
use common::crypto::Ring;
use common::error::Error;
use common::log::journal::{self, Priority};
use common::paths::Paths;

pub struct Daemon {
    pub intake: Arc<Intake>,
    pub sandboxes: Sandboxes,
    pub signer: Arc<Signer>,
    /// Of vault.toml, as it was read.
    pub settings: String,
    /// When this daemon started, RFC 3339.
    pub started: String,
}

impl Daemon {
    /// # Errors
    /// The log cannot be opened, or the system has no descriptors left.
    pub fn open(
        config: VaultConfig,
        paths: &Paths,
        sandboxes: Vec<(String, UnixListener)>,
    ) -> Result<Arc<Self>, Error> {
        let log = Log::open(&paths.state)?;
        let policy = PolicyFiles::unread(paths)
            .map_err(|error| Error::new(format!("cannot watch the policy's files: {error}")))?;
        let prompter = Prompter::new(&config.prompt, paths);
        let notifier = Notifier::start(&prompter);
        let recorder = Arc::new(Recorder::new(log, Arc::clone(&notifier)));
        let asker = Arc::new(Asker::new(
            prompter,
            notifier,
            Arc::clone(&recorder),
            Arc::clone(&policy),
        ));
        let signer = Arc::new(Signer {
            keys: Keyrings::new(paths.clone(), &config),
            policy,
            asker,
            recorder,
            crypto: Ring,
            contents: ContentCount::default(),
        });
        let settings = config.digest();
        let intake = Arc::new(Intake::new(
            config.limits,
            config.carry,
            Arc::clone(&signer),
        ));
        Ok(Arc::new(Self {
            settings,
            sandboxes: Sandboxes::new(paths.clone(), Arc::clone(&intake), sandboxes),
            intake,
            signer,
            started: timestamp().to_string(),
        }))
    }

    /// Reads the policy, now and whenever it changes, starts the keyrings' agents, and serves the sandboxes.
    ///
    /// # Errors
    /// There are no threads left, or the configuration of sandboxes is broken.
    pub fn begin(self: &Arc<Self>) -> Result<(), Error> {
        let daemon = Arc::clone(self);
        self.signer
            .policy
            .follow(move |reloaded| daemon.tell_of_reload(reloaded))
            .map_err(|error| Error::new(format!("cannot start a thread: {error}")))?;
        let mut start = self.record(Event::Start, RecordOutcome::Ok);
        if let Some(broken) = self.signer.policy.snapshot().broken() {
            start.outcome = RecordOutcome::Failed;
            start.reason = Some(broken.to_owned());
            let why = first_line(broken);
            let said = format!("everything is refused, because the policy is broken: {why}");
            journal::say(Priority::Error, &said);
        } else {
            start.reason = self.tell_of_unreadable_revocations();
        }
        self.signer.recorder.note(start);
        self.signer.keys.start_all();
        self.sandboxes.follow_configuration()
    }

    /// Records that another user's program tried to connect.
    pub fn note_refused_peer(&self, uid: Uid) {
        let mut refusal = self.record(Event::Refusal, RecordOutcome::Refused);
        refusal.qube = Some(Caller::Local(uid.as_raw()).to_string().into());
        let why = "only root and the vault's own user may connect to its sockets";
        self.signer.recorder.note(refusal.because(why));
    }

    /// To be called about once a minute.
    pub fn tick(&self) {
        // What cannot be written now is written the next time.
        let _ = self.signer.recorder.log.tick(timestamp());
        let policy = self.signer.policy.snapshot();
        policy.forget_old_counts(clock::now().boot);
    }

    /// A call is served, a sandbox may call, a question waits, or an answer is remembered.
    pub fn is_busy(&self) -> bool {
        self.intake.count() > 0
            || !self.sandboxes.is_empty()
            || !self.signer.asker.questions.is_idle()
    }

    /// Denies what waits, and ends what was started.
    pub fn end(&self) {
        self.sandboxes.close();
        self.signer.asker.questions.stop();
        self.signer
            .recorder
            .note(self.record(Event::Stop, RecordOutcome::Ok));
        // There is nobody left to tell of counts that could not be written.
        let _ = self.signer.recorder.log.close();
        self.signer.keys.stop();
    }

    /// Reads policy and known hosts again, starts the agents of keyrings that have come since, and serves the sandboxes
    /// that are configured now.
    ///
    /// # Errors
    /// What is broken; the last good policy still holds.
    pub fn reload(&self) -> Result<(), String> {
        self.signer.keys.start_all();
        let sandboxes = self.sandboxes.follow_configuration();
        self.signer.policy.read_again()?;
        sandboxes.map_err(|error| error.what().to_owned())
    }

    /// Tells who must know of a policy that was read again.
    fn tell_of_reload(&self, reloaded: &Reloaded) {
        match reloaded {
            Reloaded::Changed => {
                let mut record = self.record(Event::Reload, RecordOutcome::Ok);
                record.reason = self.tell_of_unreadable_revocations();
                self.signer.recorder.note(record);
                journal::say(Priority::Notice, "the policy was read again");
                self.signer.asker.end_what_no_longer_asks();
            }
            Reloaded::Failed(why) => {
                let record = self.record(Event::Reload, RecordOutcome::Failed);
                self.signer.recorder.note(record.because(why));
                let why = first_line(why);
                let said = format!("the policy is broken, the last good one still holds: {why}");
                journal::say(Priority::Error, &said);
                self.signer.asker.questions.notice(&said);
            }
        }
    }

    /// Tells the journal and the person of revocations that cannot be read, and returns them for a record.
    fn tell_of_unreadable_revocations(&self) -> Option<String> {
        let lines = self.signer.policy.snapshot().unreadable_revocations();
        for line in &lines {
            journal::say(Priority::Error, line);
        }
        let first = lines.first()?;
        self.signer.asker.questions.notice(first);
        Some(lines.join("\n"))
    }

    fn record(&self, event: Event, outcome: RecordOutcome) -> Record {
        self.signer.policy.record(event, outcome)
    }
}

/// Of what is wrong with a policy; the rest points at the place, as `split-ssh policy check` does.
fn first_line(why: &str) -> &str {
    why.lines().next().unwrap_or_default()
}
