//! The binds of a program's connection, kept to be told again where the connection's call is replaced by another one, or
//! where another vault gets to know of the connection.

use wire::bind::SESSION_BIND;
use wire::limits::MAX_BINDS;
use wire::request::EXTENSION;
use wire::writer::Writer;

#[derive(Clone, Debug, Default)]
pub struct Binds {
    pub messages: Vec<Vec<u8>>,
    /// There were more than an agent takes; the vault has refused one, and it is not told again.
    has_too_many: bool,
}

impl Binds {
    /// Keeps a request if it is a bind, well-formed or not: a vault that is told of a bad one signs nothing more, and so
    /// must the next.
    pub fn keep(&mut self, request: &[u8]) {
        if self.messages.len() > MAX_BINDS {
            self.has_too_many = true;
        } else {
            self.messages.push(request.to_vec());
        }
    }

    /// Whether a new call can be told all that this connection has shown.
    pub fn can_be_told(&self) -> bool {
        !self.has_too_many
    }
}

/// Whether a request is a bind by its first words.
pub fn is_bind(request: &[u8]) -> bool {
    let start = Writer::build(|writer| {
        writer.u8(EXTENSION).string(SESSION_BIND);
    });
    request.starts_with(&start)
}
