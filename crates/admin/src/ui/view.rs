//! What the window shows, in the words that `pending`, `approvals`, `status` and `log` have for it.

use std::time::Duration;

use policy::caller::Caller;
use policy::display;
use policy::overview::{Action, Entry, Mark, Overview, Section};
use policy::qube_color::QubeColor;
use policy::question::{Question, QuestionId, Version};
use policy::record::sentence::{Sentence, Tone};
use policy::record::{Record, Timestamp};
use policy::rules::Policy;

use crate::approvals::uses;
use crate::local_time;
use crate::log::last::LastDecisions;
use crate::running_vault::{self, ask};
use crate::shown_question::{MAX_SENTENCE, ascii};
use crate::status::connections;
use common::clock;
use common::control::{Approval, AsksBy, PendingQuestion, Request, VaultStatus};
use common::error::Error;
use common::paths::Paths;
use common::policy_files;

pub(super) struct View<'p> {
    paths: &'p Paths,
    decisions: LastDecisions,
    pending: Vec<PendingQuestion>,
    approvals: Vec<Approval>,
    /// The policy with this digest has these colours of qubes.
    policy: Option<(String, Policy)>,
    /// What went wrong with the last answer.
    said: Option<String>,
}

impl<'p> View<'p> {
    pub(super) fn new(paths: &'p Paths) -> Self {
        Self {
            paths,
            decisions: LastDecisions::of(paths.state.clone()),
            pending: Vec::new(),
            approvals: Vec::new(),
            policy: None,
            said: None,
        }
    }

    /// Looks at the vault and the log.
    pub(super) fn look(&mut self) -> Overview {
        let (state, is_trouble, connected, asks_by) = match self.ask_vault() {
            Ok(status) => {
                let (state, is_trouble) = state(&status);
                let asks_by = Some(status.prompt.asks_by);
                (state, is_trouble, status.connected, asks_by)
            }
            Err(error) => {
                self.pending.clear();
                self.approvals.clear();
                let why = sentence(error.what());
                let state = format!("{why}. What there is shows as soon as one does.");
                (state, true, Vec::new(), None)
            }
        };
        let state = [Some(state), self.said.as_deref().map(sentence)];
        let waiting = self.pending.iter().map(|one| waiting(one, asks_by));
        let connected = connected.iter();
        let connected =
            connected.map(|one| self.entry(Mark::Connected, &one.qube, connections(one)));
        let remembered = self.approvals.iter().map(|one| self.remembered(one));
        Overview {
            v: Version,
            state: state.into_iter().flatten().collect::<Vec<_>>().join(" "),
            is_trouble: is_trouble || self.said.is_some(),
            sections: vec![
                section("Waiting", "Nothing waits.", waiting),
                section("Connected", "Nobody is connected.", connected),
                section("Remembered answers", "No answer is remembered.", remembered),
                self.decided(),
            ],
        }
    }

    fn ask_vault(&mut self) -> Result<VaultStatus, Error> {
        let status = ask(&Request::Status, self.paths)?.status;
        self.pending = running_vault::waiting(self.paths)?;
        let approvals = ask(&Request::Approvals, self.paths)?.approvals;
        self.approvals = approvals.unwrap_or_default();
        let status = status.ok_or_else(|| Error::new("the vault does not tell how it is"))?;
        let digest = &status.policy_sha256;
        let known = self.policy.as_ref().map(|(digest, _)| digest);
        if known != Some(digest) {
            let loaded = policy_files::load(&self.paths.config, &self.paths.system_config);
            self.policy = loaded.ok().map(|loaded| (digest.clone(), loaded.policy));
        }
        Ok(status)
    }

    /// Keeps what went wrong on the screen, until the next answer went well.
    pub(super) fn say(&mut self, said: Option<String>) {
        self.said = said;
    }

    /// A waiting question, with the time that it has left.
    pub(super) fn question(&self, id: QuestionId) -> Option<Question> {
        let mut pending = self.pending.iter();
        let found = pending.find(|pending| pending.question.id == id)?;
        let mut question = found.question.clone();
        question.seconds = found.seconds_left.max(1);
        Some(question)
    }

    /// Until the first remembered answer is over.
    pub(super) fn time_until_change(&self) -> Option<Duration> {
        let left = self.approvals.iter().map(|approval| approval.seconds_left);
        // Seconds are rounded down.
        left.min().map(|seconds| Duration::from_secs(seconds + 1))
    }

    fn color(&self, qube: &str) -> Option<QubeColor> {
        let (_, policy) = self.policy.as_ref()?;
        policy.color_of(&Caller::parse(qube).ok()?)
    }

    /// An entry of a qube, without what only some have.
    fn entry(&self, mark: Mark, qube: &str, what: String) -> Entry {
        Entry {
            mark,
            color: self.color(qube),
            qube: ascii(qube),
            what,
            when: String::new(),
            details: String::new(),
            action: None,
        }
    }

    fn remembered(&self, approval: &Approval) -> Entry {
        let (mark, verdict) = match approval.allows {
            true => (Mark::Yes, "Allowed"),
            false => (Mark::No, "Denied"),
        };
        let key = approval.key.as_deref();
        let key = key.map(|key| format!("with {}", ascii(key)));
        let details: Vec<String> = key.into_iter().chain([uses(approval)]).collect();
        let end = clock::now().unix.saturating_add(approval.seconds_left);
        let end = moment(end.saturating_mul(1000));
        // Seconds would flicker.
        let end = end.rsplit_once(':').map_or("", |(minute, _)| minute);
        let what = format!("{verdict}: {}", ascii(&approval.covers));
        Entry {
            when: format!("until {end}"),
            details: sentence(&details.join(", ")),
            action: Some(Action::Revoke(approval.number)),
            ..self.entry(mark, &approval.qube, what)
        }
    }

    fn decided(&mut self) -> Section {
        let empty = match self.decisions.read_on() {
            Ok(()) => "Nothing was decided yet.".to_owned(),
            Err(error) => sentence(&format!("the log cannot be read: {error}")),
        };
        let decisions = self.decisions.youngest_first();
        let entries = decisions.map(|(record, said)| self.decision(record, &said));
        section("Last decisions", &empty, entries)
    }

    fn decision(&self, record: &Record, said: &Sentence) -> Entry {
        let qube = record.qube.as_deref().unwrap_or_default();
        let what = sentence(format!("{} {}", said.head, said.what).trim_end());
        let mark = match said.tone {
            Tone::Signed => Mark::Yes,
            Tone::Refused => Mark::No,
            Tone::Alarm => Mark::Alarm,
            Tone::Plain => Mark::Plain,
        };
        Entry {
            when: moment(record.time.unix_ms()),
            details: sentence(&said.why),
            ..self.entry(mark, qube, what)
        }
    }
}

fn section(title: &str, empty: &str, entries: impl Iterator<Item = Entry>) -> Section {
    Section {
        title: title.to_owned(),
        empty: empty.to_owned(),
        entries: entries.collect(),
    }
}

/// A question names its qube itself. Where the vault asks in windows, this one has its own, or will.
fn waiting(pending: &PendingQuestion, asks_by: Option<AsksBy>) -> Entry {
    let question = &pending.question;
    let is_unseen = asks_by == Some(AsksBy::Terminal);
    let place = match is_unseen {
        true => "no window asks",
        false => "the vault asks in a window, one at a time",
    };
    let same = match question.same {
        0 | 1 => String::new(),
        same => format!("{same} identical requests, "),
    };
    let what = display::text(question.sentence().as_bytes(), MAX_SENTENCE);
    Entry {
        mark: Mark::Waits,
        color: question.color,
        qube: String::new(),
        what,
        when: String::new(),
        details: format!("{}: {same}{place}", question.risk.word()),
        action: is_unseen.then_some(Action::Answer(question.id)),
    }
}

/// How the vault is, and whether that needs a second look.
fn state(status: &VaultStatus) -> (String, bool) {
    // The rest of a problem points at its place in the policy.
    let first = |text: &String| text.lines().next().unwrap_or_default().to_owned();
    let trouble = if let Some(why) = &status.log_trouble {
        format!("the log cannot be written, everything is refused: {why}")
    } else if let Some(why) = status.broken.as_ref().map(first) {
        format!("the policy is broken, everything is refused: {why}")
    } else if let Some(why) = status.stale.as_ref().map(first) {
        format!("the last good policy holds; what is on disk is broken: {why}")
    } else if let Some(line) = status.unreadable_revocations.first() {
        format!("a revocation cannot be read: {line}")
    } else {
        let since = local_time::of_text(&status.started);
        return (format!("The vault runs since {since}."), false);
    };
    (sentence(&trouble), true)
}

/// Clean, and with a capital letter.
fn sentence(text: &str) -> String {
    let text = running_vault::sentence(text);
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// The time on the wall, with its day if that is not today.
fn moment(unix_ms: u64) -> String {
    let time = local_time::of_record(Timestamp::from_unix_ms(unix_ms));
    let now = local_time::of_seconds(clock::now().unix);
    match (time.split_once(' '), now.split_once(' ')) {
        (Some((day, clock)), Some((today, _))) if day == today => clock.to_owned(),
        _ => time,
    }
}
