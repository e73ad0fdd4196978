//! Which records are to be shown.

use policy::glob::Glob;
use policy::record::{Escaped, Event, Record, RecordOutcome, Timestamp};

/// What is not asked for lets everything through.
pub(super) struct Filter {
    pub(super) qube: Option<Glob>,
    pub(super) key: Option<Glob>,
    pub(super) host: Option<Glob>,
    pub(super) since: Option<Timestamp>,
    /// Only what [`is_denied`].
    pub(super) denied: bool,
}

/// Whether somebody asked and got nothing, by a decision or because something failed.
pub(super) fn is_denied(record: &Record) -> bool {
    let is_asked = match record.event {
        Event::List | Event::Sign | Event::Bind | Event::Refusal | Event::Malformed => true,
        Event::Limit | Event::Upstream | Event::NoAnswer => true,
        Event::Start | Event::Stop | Event::Reload | Event::Undelivered => false,
        Event::Revoked | Event::Recovered => false,
    };
    is_asked
        && matches!(
            record.outcome,
            RecordOutcome::Refused | RecordOutcome::Failed
        )
}

impl Filter {
    pub(super) fn lets(&self, record: &Record) -> bool {
        let qube = plain(&record.qube);
        let key = plain(&record.key).chain(texts(record.label.iter().chain(&record.comment)));
        let host = plain(&record.host_key).chain(plain(&record.host_ca));
        let host = host.chain(texts(record.host.iter().chain(&record.host_label)));
        self.since.is_none_or(|since| record.time >= since)
            && (!self.denied || is_denied(record))
            && lets(self.qube.as_ref(), qube)
            && lets(self.key.as_ref(), key)
            && lets(self.host.as_ref(), host)
    }
}

fn lets(wanted: Option<&Glob>, mut names: impl Iterator<Item = Vec<u8>>) -> bool {
    wanted.is_none_or(|glob| names.any(|name| glob.matches(&name)))
}

fn plain(text: &Option<impl AsRef<str>>) -> impl Iterator<Item = Vec<u8>> {
    text.iter().map(|text| text.as_ref().as_bytes().to_vec())
}

fn texts<'a>(texts: impl Iterator<Item = &'a Escaped>) -> impl Iterator<Item = Vec<u8>> {
    texts.map(|text| {
        text.to_bytes()
            .unwrap_or_else(|| text.as_str().as_bytes().to_vec())
    })
}

#[cfg(test)]
mod tests {
    use policy::record::{Event, RecordOutcome};

    use super::*;

    #[test]
    fn records_are_found_by_any_of_their_names() {
        let mut record = Record::new(
            Event::Sign,
            RecordOutcome::Ok,
            Timestamp::from_unix_ms(1000),
        );
        record.qube = Some("work-dev".into());
        record.key = Some("SHA256:key".to_owned());
        record.comment = Some(Escaped::from_bytes("b\u{fc}ro".as_bytes()));
        record.host = vec![
            Escaped::from_bytes(b"gh"),
            Escaped::from_bytes(b"github.com"),
        ];
        record.host_key = Some("SHA256:host".to_owned());
        let lets =
            |qube: Option<&str>, key: Option<&str>, host: Option<&str>, since: Option<u64>| {
                let glob = |text: Option<&str>| text.map(|text| Glob::new(text).unwrap());
                let since = since.map(Timestamp::from_unix_ms);
                Filter {
                    qube: glob(qube),
                    key: glob(key),
                    host: glob(host),
                    since,
                    denied: false,
                }
                .lets(&record)
            };
        assert!(lets(None, None, None, None));
        assert!(lets(
            Some("work-*"),
            Some("b\u{fc}ro"),
            Some("github.*"),
            Some(1000)
        ));
        assert!(lets(None, Some("SHA256:key"), Some("SHA256:host"), None));
        assert!(!lets(Some("work"), None, None, None));
        assert!(!lets(None, Some("SHA256:host"), None, None));
        assert!(!lets(None, None, Some("gitlab.com"), None));
        assert!(!lets(None, None, None, Some(1001)));
    }
}
