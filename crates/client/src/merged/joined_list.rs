//! The lists of several vaults as one.

use wire::limits::{MAX_IDENTITIES, MAX_MESSAGE};

use crate::remembered::Key;

/// Bytes of a key in a list beside its blob and comment: two lengths.
const KEY_OVERHEAD: usize = 8;

/// The keys of one vault.
#[derive(Clone, Debug, Default)]
pub struct List {
    pub keys: Vec<Key>,
    /// The first ones, that a rule allows for the server that the connection has shown.
    pub allowed: usize,
}

impl From<Vec<Key>> for List {
    fn from(keys: Vec<Key>) -> Self {
        Self { keys, allowed: 0 }
    }
}

/// All keys once, the first comment of each, as many as a list may have. On a connection that has shown its server come first
/// those that a rule of their vault allows there, as a server does not try many; a vault that cannot say how many these are
/// lists them first, too, so that the first keys of all come before any second one.
pub fn join(lists: &[&List], is_bound: bool) -> Vec<Key> {
    let mut keys: Vec<((bool, usize), &Key)> = Vec::new();
    for list in lists {
        let ranks = (0..).map(|rank| (rank >= list.allowed, rank));
        keys.extend(ranks.zip(&list.keys));
    }
    if is_bound {
        keys.sort_by_key(|(rank, _)| *rank);
    }
    let mut joined: Vec<Key> = Vec::new();
    let mut bytes = KEY_OVERHEAD;
    for (_, key) in keys {
        let size = key.0.len() + key.1.len() + KEY_OVERHEAD;
        let is_new = !joined.iter().any(|(known, _)| *known == key.0);
        if is_new && joined.len() < MAX_IDENTITIES && bytes + size <= MAX_MESSAGE {
            bytes += size;
            joined.push(key.clone());
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_listed_once_and_for_a_server_the_allowed_ones_first() {
        let list = |keys: &[u8]| -> Vec<Key> {
            let key = |key: &u8| (vec![*key], vec![]);
            keys.iter().map(key).collect()
        };
        let joined = |allowed, is_bound| {
            let second = List {
                keys: list(b"dae"),
                allowed,
            };
            join(&[&List::from(list(b"abc")), &second], is_bound)
        };
        assert_eq!(joined(2, false), list(b"abcde"));
        assert_eq!(joined(0, true), list(b"adbce"));
        assert_eq!(joined(2, true), list(b"dabce"));
        assert_eq!(joined(3, true), list(b"daebc"));
    }
}
