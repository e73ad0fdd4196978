//! Whose commits and tags a key has signed, for questions to point out an author who is new.

use std::collections::{HashMap, HashSet};

use crate::facts::Facts;
use crate::question::AuthorHistory;
use crate::record::Record;

/// Authors that are remembered, of all keys together: more than a person has, in 1 MiB. Above it nobody is added, so that
/// whoever is not remembered is pointed out each time.
const MAX_AUTHORS: usize = 1024;

/// Mail addresses by a key's fingerprint.
#[derive(Debug, Default)]
pub struct PastAuthors(HashMap<String, HashSet<Vec<u8>>>);

impl PastAuthors {
    /// Takes in what was signed now.
    pub fn add(&mut self, facts: &Facts) {
        if let Some(author) = author(facts) {
            self.insert(&facts.key.fingerprint.to_string(), author);
        }
    }

    /// Takes in a record of a signature, whose author is there if a rule had the log keep content.
    pub fn add_record(&mut self, record: &Record) {
        let author = record.author.as_ref().and_then(|author| author.to_bytes());
        if let (Some(key), Some(author)) = (&record.key, author) {
            self.insert(key, &author);
        }
    }

    fn insert(&mut self, key: &str, author: &[u8]) {
        let known: usize = self.0.values().map(HashSet::len).sum();
        if known < MAX_AUTHORS {
            let authors = self.0.entry(key.to_owned()).or_default();
            authors.insert(author.to_vec());
        }
    }

    /// Whether the key that is to sign has signed for the author before.
    pub fn history(&self, facts: &Facts) -> AuthorHistory {
        let authors = self.0.get(&facts.key.fingerprint.to_string());
        match (author(facts), authors) {
            (None, _) => AuthorHistory::Known,
            (Some(_), None) => AuthorHistory::First,
            (Some(author), Some(authors)) if authors.contains(author) => AuthorHistory::Known,
            (Some(_), Some(_)) => AuthorHistory::New,
        }
    }
}

fn author(facts: &Facts) -> Option<&[u8]> {
    facts.content.as_ref()?.author.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Fingerprint;
    use crate::facts::ContentFacts;
    use crate::question::tests::sample::sshsig;

    fn by(key: &str, author: Option<&[u8]>) -> Facts {
        let mut facts = sshsig("work", "git", b"hash").facts;
        facts.key.fingerprint = Fingerprint(key.to_owned());
        facts.content = Some(ContentFacts {
            author: author.map(<[u8]>::to_vec),
            committer: None,
        });
        facts
    }

    #[test]
    fn authors_are_known_by_key() {
        let mut past = PastAuthors::default();
        let ann = by("one", Some(b"ann@example.org"));
        let bob = by("one", Some(b"bob@example.org"));
        assert_eq!(past.history(&ann), AuthorHistory::First);
        past.add(&by("one", None));
        past.add(&ann);
        assert_eq!(past.history(&ann), AuthorHistory::Known);
        assert_eq!(past.history(&bob), AuthorHistory::New);
        assert_eq!(past.history(&by("one", None)), AuthorHistory::Known);
        let elsewhere = by("two", Some(b"ann@example.org"));
        assert_eq!(past.history(&elsewhere), AuthorHistory::First);
    }

    #[test]
    fn memory_is_bounded_and_nobody_is_forgotten() {
        let mut past = PastAuthors::default();
        for number in 0..MAX_AUTHORS + 10 {
            past.add(&by("one", Some(number.to_string().as_bytes())));
        }
        let history = |number: usize| past.history(&by("one", Some(number.to_string().as_bytes())));
        assert_eq!(history(0), AuthorHistory::Known);
        assert_eq!(history(MAX_AUTHORS), AuthorHistory::New);
    }
}
