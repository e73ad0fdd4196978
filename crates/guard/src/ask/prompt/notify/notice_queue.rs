//! What is to be told, counted per subject. Pure: the time since the start comes with each call.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use policy::display;
use policy::facts::{Facts, IntentKind};
use policy::question::Version;
use policy::question::protocol::{Notification, Urgency};

/// Notices of one subject within this time are told together.
const MERGE_WINDOW: Duration = Duration::from_secs(60);
/// Notifications in a minute, of all subjects; more would be noise.
const PER_MINUTE: usize = 10;
/// Subjects that are kept apart; what comes beyond is counted as others.
const MAX_SUBJECTS: usize = 32;
/// Longest texts, in characters.
const MAX_SUMMARY: usize = 100;
const MAX_BODY: usize = 400;

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    kind: NoticeKind,
    /// For whom; empty for what is of no caller.
    caller: String,
    sentence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NoticeKind {
    Used,
    /// By the approval of this number.
    Approved(u64),
    Refused,
    /// Never told together: it is of use now or not at all.
    Touch,
    Said,
    Other,
}

#[derive(Debug, Default)]
pub(super) struct NoticeQueue {
    subjects: BTreeMap<(NoticeKind, String), NoticeSubject>,
    /// When the last notifications were sent.
    sent: VecDeque<Duration>,
}

#[derive(Debug)]
struct NoticeSubject {
    /// Not before this.
    due: Duration,
    count: u64,
    last: String,
}

impl Notice {
    fn new(kind: NoticeKind, caller: impl ToString, sentence: String) -> Self {
        Self {
            kind,
            caller: caller.to_string(),
            sentence,
        }
    }

    /// A signature was given.
    pub fn used(facts: &Facts) -> Self {
        Self::new(NoticeKind::Used, &facts.caller, sentence(facts))
    }

    /// A signature was given by the approval of this number.
    pub fn approved(facts: &Facts, number: u64) -> Self {
        let used = sentence(facts);
        let sentence =
            format!("{used}. To revoke the approval: split-ssh approvals revoke {number}");
        Self::new(NoticeKind::Approved(number), &facts.caller, sentence)
    }

    /// A request was refused in a way that the person should know of.
    pub fn refused(caller: &str, sentence: String) -> Self {
        Self::new(NoticeKind::Refused, caller, sentence)
    }

    /// A signature waits for the touch of a security key.
    pub fn touch(facts: &Facts) -> Self {
        let sentence = format!("{}: {}", facts.caller, sentence(facts));
        Self::new(NoticeKind::Touch, &facts.caller, sentence)
    }

    /// One sentence of our own.
    pub fn said(sentence: String) -> Self {
        Self::new(NoticeKind::Said, "", sentence)
    }
}

impl NoticeQueue {
    pub(super) fn add(&mut self, notice: Notice, now: Duration) {
        let caller = display::ascii(notice.caller.as_bytes(), MAX_SUMMARY);
        let mut name = (notice.kind, caller);
        if !self.subjects.contains_key(&name) && self.subjects.len() >= MAX_SUBJECTS {
            name = (NoticeKind::Other, String::new());
        }
        let subject = self.subjects.entry(name).or_insert(NoticeSubject {
            due: now,
            count: 0,
            last: String::new(),
        });
        subject.count = subject.count.saturating_add(1);
        subject.last = display::prose(notice.sentence.as_bytes(), MAX_BODY);
    }

    /// The next notification whose time has come.
    pub(super) fn take_due(&mut self, now: Duration) -> Option<Notification> {
        while self
            .sent
            .front()
            .is_some_and(|at| now >= *at + MERGE_WINDOW)
        {
            self.sent.pop_front();
        }
        // Quiet for its minute: its next notice is news again.
        self.subjects
            .retain(|_, subject| subject.count > 0 || now < subject.due);
        if self.sent.len() >= PER_MINUTE {
            return None;
        }
        let due = self
            .subjects
            .iter_mut()
            .filter(|(_, s)| s.count > 0 && s.due <= now);
        let ((kind, caller), subject) = due.min_by_key(|(_, subject)| subject.due)?;
        let message = message(*kind, caller, subject);
        subject.count = 0;
        subject.due = if *kind == NoticeKind::Touch {
            now
        } else {
            now + MERGE_WINDOW
        };
        self.sent.push_back(now);
        Some(message)
    }

    /// When [`NoticeQueue::take_due`] may have something next.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let due = self
            .subjects
            .values()
            .filter(|s| s.count > 0)
            .map(|s| s.due)
            .min()?;
        if self.sent.len() < PER_MINUTE {
            return Some(due);
        }
        let room = self.sent.front().map(|at| *at + MERGE_WINDOW)?;
        Some(due.max(room))
    }
}

/// What a signature is for, with which key; one claim after the other, the client's texts last.
fn sentence(facts: &Facts) -> String {
    let clean = |text: &[u8]| display::ascii(text, MAX_SUMMARY);
    let what = match facts.kind {
        IntentKind::Login => {
            let name = facts
                .host
                .as_ref()
                .and_then(|host| host.names.first().or(host.label.as_ref()));
            let host = name.map_or("an unnamed server".to_owned(), |name| {
                clean(name.as_bytes())
            });
            format!(
                "login to {host} as {}",
                clean(facts.user.as_deref().unwrap_or_default())
            )
        }
        IntentKind::Sshsig => {
            format!(
                "signature in namespace {}",
                clean(facts.namespace.as_deref().unwrap_or_default())
            )
        }
        other => other.word().to_owned(),
    };
    format!("{what}, key {}", clean(&facts.key.comment))
}

fn message(kind: NoticeKind, caller: &str, subject: &NoticeSubject) -> Notification {
    let NoticeSubject { count, last, .. } = subject;
    let (one, many, urgency) = match kind {
        NoticeKind::Used => (
            format!("{caller} used a key"),
            format!("{count} signatures for {caller} in the last minute"),
            Urgency::Low,
        ),
        NoticeKind::Approved(number) => (
            format!("{caller} used your approval {number}"),
            format!("{caller} used your approval {number} {count} times in the last minute"),
            Urgency::Low,
        ),
        NoticeKind::Refused => (
            format!("A request of {caller} was refused"),
            format!("{count} requests of {caller} were refused in the last minute"),
            Urgency::Normal,
        ),
        NoticeKind::Touch => {
            let now = "Touch your security key".to_owned();
            (now.clone(), now, Urgency::Critical)
        }
        NoticeKind::Said => (
            "Split SSH".to_owned(),
            format!("Split SSH: {count} messages"),
            Urgency::Normal,
        ),
        NoticeKind::Other => (
            "Another qube was served or refused".to_owned(),
            format!("{count} more requests of other qubes"),
            Urgency::Low,
        ),
    };
    let (summary, body) = match count {
        0 | 1 => (one, last.clone()),
        _ => (many, format!("Last: {last}")),
    };
    Notification {
        v: Version,
        summary,
        body,
        urgency,
        revokes: match kind {
            NoticeKind::Approved(number) => Some(number),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(caller: &str, number: u32) -> Notice {
        Notice::new(NoticeKind::Used, caller, format!("login {number}"))
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_is_told_at_once_and_the_rest_together() {
        let mut notice_queue = NoticeQueue::default();
        notice_queue.add(used("work", 0), at(0));
        let first = notice_queue.take_due(at(0)).unwrap();
        assert_eq!(
            (first.summary.as_str(), first.body.as_str()),
            ("work used a key", "login 0")
        );
        for number in 1..=12 {
            notice_queue.add(used("work", number), at(5));
            assert_eq!(notice_queue.take_due(at(5)), None);
        }
        assert_eq!(notice_queue.next_due(), Some(at(60)));
        let rest = notice_queue.take_due(at(60)).unwrap();
        assert_eq!(rest.summary, "12 signatures for work in the last minute");
        assert_eq!(rest.body, "Last: login 12");
        assert_eq!(notice_queue.next_due(), None);
        notice_queue.add(used("work", 13), at(120));
        assert_eq!(
            notice_queue.take_due(at(120)).unwrap().summary,
            "work used a key",
            "news again"
        );
    }

    #[test]
    fn subjects_are_told_apart_and_bounded() {
        let mut notice_queue = NoticeQueue::default();
        for number in 0..100_000 {
            notice_queue.add(used(&format!("qube{}", number % 1000), number), at(0));
        }
        assert_eq!(notice_queue.subjects.len(), MAX_SUBJECTS + 1);
        let sent = std::iter::from_fn(|| notice_queue.take_due(at(1))).count();
        assert_eq!(sent, PER_MINUTE);
        assert_eq!(notice_queue.next_due(), Some(at(61)));
        let mut later = 0;
        let mut now = at(61);
        while let Some(due) = notice_queue.next_due() {
            now = now.max(due);
            later += std::iter::from_fn(|| notice_queue.take_due(now)).count();
        }
        assert_eq!(later, MAX_SUBJECTS + 1 - PER_MINUTE, "late, but told");
        assert!(notice_queue.sent.len() <= PER_MINUTE);
    }

    #[test]
    fn text_is_cleaned() {
        let mut notice_queue = NoticeQueue::default();
        notice_queue.add(Notice::said("a\u{1b}[2J\n\u{202e}b".to_owned()), at(0));
        assert_eq!(
            notice_queue.take_due(at(0)).unwrap().body,
            "a\\x1b[2J \\u{202e}b"
        );
    }
}
