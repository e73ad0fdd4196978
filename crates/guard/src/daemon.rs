//! The parts of a running vault, and who gets which.

use std::os::unix::net::UnixListener;
use std::sync::Arc;

use nix::unistd::Uid;
use policy::caller::Caller;
use policy::record::{Event, Record, RecordOutcome};

use crate::ask::asker::Asker;
use crate::ask::prompt::{Notifier, Prompter};
use crate::control::Control;
use crate::intake::call::Intake;
use crate::intake::sandboxes::Sandboxes;
use crate::keys::registry::Keys;
use crate::log::Log;
use crate::log::recorder::{Recorder, timestamp};
use crate::policy_files::{PolicyFiles, Reloaded};
use crate::sign::held_content::ContentCount;
use crate::sign::session::Signer;
use common::clock;
use common::config::vault::VaultConfig;
use common::crypto::Ring;
use common::error::Error;
use common::log::journal::{self, Priority};
use common::paths::Paths;

pub struct Daemon {
    /// What the owner may ask about is all there is.
    pub control: Arc<Control>,
}

impl Daemon {
    /// # Errors
    /// The log cannot be opened, or the system has no descriptors left.
    pub fn open(
        config: VaultConfig,
        paths: &Paths,
        sandboxes: Vec<(String, UnixListener)>,
    ) -> Result<Self, Error> {
        let log = Log::open(&paths.state)?;
        let policy = PolicyFiles::unread(paths)
            .map_err(|error| Error::new(format!("cannot watch the policy's files: {error}")))?;
        let prompter = Prompter::new(&config.prompt, paths);
        let notifier = Notifier::start(&prompter);
        let recorder = Arc::new(Recorder::new(log, notifier.clone()));
        let keys = Arc::new(Keys::new(paths.clone(), &config));
        let asker = Arc::new(Asker::new(
            prompter,
            notifier,
            Arc::clone(&recorder),
            Arc::clone(&policy),
        ));
        let signer = Signer {
            policy: Arc::clone(&policy),
            keys: Arc::clone(&keys),
            asker: Arc::clone(&asker),
            recorder: Arc::clone(&recorder),
            crypto: Ring,
            contents: ContentCount::default(),
        };
        let settings = config.digest();
        let intake = Arc::new(Intake::new(config.limits, config.carry, signer));
        let control = Control {
            settings,
            sandboxes: Sandboxes::new(paths.clone(), Arc::clone(&intake), sandboxes),
            intake,
            policy,
            keys,
            asker,
            recorder,
            started: timestamp().to_string(),
        };
        Ok(Self {
            control: Arc::new(control),
        })
    }

    /// Reads the policy, now and whenever it changes, starts the keyrings' agents, and serves the sandboxes.
    ///
    /// # Errors
    /// There are no threads left, or the configuration of sandboxes is broken.
    pub fn begin(&self) -> Result<(), Error> {
        let control = Arc::clone(&self.control);
        let policy = &self.control.policy;
        policy
            .follow(move |reloaded| tell_of_reload(&control, reloaded))
            .map_err(|error| Error::new(format!("cannot start a thread: {error}")))?;
        let mut start = record(&self.control, Event::Start, RecordOutcome::Ok);
        if let Some(broken) = policy.snapshot().broken() {
            start.outcome = RecordOutcome::Failed;
            start.reason = Some(broken.to_owned());
            let why = first_line(broken);
            let said = format!("everything is refused, because the policy is broken: {why}");
            journal::say(Priority::Error, &said);
        } else {
            start.reason = tell_of_unreadable_revocations(&self.control);
        }
        self.control.recorder.note(start);
        self.control.keys.start_agents();
        self.control.sandboxes.follow_configuration()
    }

    /// Records that another user's program tried to connect.
    pub fn note_refused_peer(&self, uid: Uid) {
        let mut refusal = record(&self.control, Event::Refusal, RecordOutcome::Refused);
        refusal.qube = Some(Caller::Local(uid.as_raw()).to_string().into());
        let why = "only root and the vault's own user may connect to its sockets";
        self.control.recorder.note(refusal.because(why));
    }

    /// To be called about once a minute.
    pub fn tick(&self) {
        self.control.recorder.tick();
        let policy = self.control.policy.snapshot();
        policy.forget_old_counts(clock::now().boot);
    }

    /// A call is served, a sandbox may call, a question waits, or an answer is remembered.
    pub fn is_busy(&self) -> bool {
        self.control.intake.count() > 0
            || !self.control.sandboxes.is_empty()
            || !self.control.asker.questions.is_idle()
    }

    /// Denies what waits, and ends what was started.
    pub fn end(&self) {
        let control = &self.control;
        control.sandboxes.close();
        control.asker.questions.stop();
        control
            .recorder
            .note(record(control, Event::Stop, RecordOutcome::Ok));
        // There is nobody left to tell of counts that could not be written.
        let _ = control.recorder.close();
        control.keys.stop_agents();
    }
}

/// Tells who must know of a policy that was read again.
fn tell_of_reload(control: &Control, reloaded: &Reloaded) {
    match reloaded {
        Reloaded::Same => {}
        Reloaded::Changed => {
            let mut record = record(control, Event::Reload, RecordOutcome::Ok);
            record.reason = tell_of_unreadable_revocations(control);
            control.recorder.note(record);
            journal::say(Priority::Notice, "the policy was read again");
            control.asker.end_what_no_longer_asks();
        }
        Reloaded::Failed(why) => {
            let record = record(control, Event::Reload, RecordOutcome::Failed);
            control.recorder.note(record.because(why));
            let why = first_line(why);
            let said = format!("the policy is broken, the last good one still holds: {why}");
            journal::say(Priority::Error, &said);
            control.asker.questions.notice(&said);
        }
    }
}

/// Tells the journal and the person of revocations that cannot be read, and returns them for a record.
fn tell_of_unreadable_revocations(control: &Control) -> Option<String> {
    let lines = control.policy.snapshot().unreadable_revocations();
    for line in &lines {
        journal::say(Priority::Error, line);
    }
    let first = lines.first()?;
    control.asker.questions.notice(first);
    Some(lines.join("\n"))
}

fn record(control: &Control, event: Event, outcome: RecordOutcome) -> Record {
    let mut record = Record::new(event, outcome, timestamp());
    record.policy = Some(Arc::clone(control.policy.snapshot().digest()));
    record
}

/// Of what is wrong with a policy; the rest points at the place, as `split-ssh policy check` does.
fn first_line(why: &str) -> &str {
    why.lines().next().unwrap_or_default()
}
