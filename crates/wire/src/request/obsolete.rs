use std::fmt;

/// A request of protocol 1 that no agent of today serves; its body stays unread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Obsolete<'a> {
    pub(super) number: u8,
    pub(super) body: &'a [u8],
}

impl fmt::Debug for Obsolete<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 7 and 24 carry private keys.
        f.debug_struct("Obsolete")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// The name of the obsolete request of this number; `None` for any other number.
pub(super) fn name(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "request-rsa-identities",
        3 => "rsa-challenge",
        7 => "add-rsa-identity",
        8 => "remove-rsa-identity",
        24 => "add-rsa-id-constrained",
        _ => return None,
    })
}
