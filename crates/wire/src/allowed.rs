//! `allowed@split-ssh`: how many keys of a list a rule allows for the host that the connection has shown; see
//! `docs/extensions.md`.

use crate::reader::Reader;
use crate::reply::Reply;
use crate::request::{Extension, Request};

/// The extension's name.
pub const ALLOWED: &str = "allowed@split-ssh";

/// The request, which has nothing but the name.
pub fn request() -> Vec<u8> {
    let extension = Extension::Other {
        name: ALLOWED,
        contents: &[],
    };
    Request::Extension(extension).rebuild()
}

/// The reply: the first `keys` of the connection's last list.
pub fn reply(keys: u32) -> Vec<u8> {
    Reply::to_extension(ALLOWED, |writer| {
        writer.u32(keys);
    })
}

/// Reads a reply. `None`: the vault does not know the extension.
pub fn parse_reply(untrusted_reply: &[u8]) -> Option<u32> {
    match Reply::parse(untrusted_reply) {
        Ok(Reply::ExtensionResponse {
            name: ALLOWED,
            contents,
        }) => Reader::whole(contents, |reader| reader.u32("a number of keys")).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_to_its_end() {
        assert_eq!(parse_reply(&reply(3)), Some(3));
        let longer = [reply(3), vec![0]].concat();
        for other in [&[5][..], &request(), &longer] {
            assert_eq!(parse_reply(other), None);
        }
    }
}
