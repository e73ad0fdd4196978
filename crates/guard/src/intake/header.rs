//! The line that qrexec writes before a socket service's data: `SERVICE+ARGUMENT SOURCE\0`
//! (QubesOS core-qrexec, `doc/execution.rst`). The only statement of who calls.

use std::time::{Duration, Instant};

use common::service::SERVICE;
use policy::caller::{Caller, Keyring};

use super::stream::ByteStream;

/// Service, argument and source at their longest are 112 bytes; the rest is room for strangers to be
/// refused by name rather than by length.
pub const MAX_HEADER: usize = 512;
/// qrexec writes the header itself, at once.
pub const HEADER_TIME: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub caller: Caller,
    pub keyring: Keyring,
}

/// What is wrong with a header.
#[derive(Debug)]
pub struct BadHeader {
    /// Who calls, as far as the header tells.
    pub caller: Option<Caller>,
    pub why: String,
}

impl BadHeader {
    fn new(why: impl ToString) -> Self {
        let (caller, why) = (None, why.to_string());
        Self { caller, why }
    }
}

/// Reads the header text, without its NUL.
///
/// # Errors
/// Anything but `qubes.SshAgent+ARGUMENT SOURCE` with a valid keyring and caller.
pub fn parse(untrusted: &[u8]) -> Result<Header, BadHeader> {
    let not_text = || BadHeader::new("a qrexec header with bytes outside printable ASCII");
    let no_source = || BadHeader::new("a qrexec header that is not `SERVICE+ARGUMENT SOURCE`");
    if !untrusted.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(not_text());
    }
    let untrusted = std::str::from_utf8(untrusted).map_err(|_| not_text())?;
    let (untrusted_call, untrusted_source) = untrusted.split_once(' ').ok_or_else(no_source)?;
    let (untrusted_service, untrusted_argument) =
        untrusted_call.split_once('+').ok_or_else(no_source)?;
    if untrusted_service != SERVICE {
        let why = format!("a call for another service than {SERVICE}");
        return Err(BadHeader::new(why));
    }
    let caller = Caller::parse(untrusted_source).map_err(BadHeader::new)?;
    match Keyring::from_argument(untrusted_argument) {
        Ok(keyring) => Ok(Header { caller, keyring }),
        Err(bad) => Err(BadHeader {
            caller: Some(caller),
            why: bad.to_string(),
        }),
    }
}

/// Reads the header from `stream` and returns it with the bytes that came after it in the same read; `None` if the peer
/// only looked whether we are there.
///
/// # Errors
/// See [`BadHeader`]; at most [`MAX_HEADER`] bytes and [`HEADER_TIME`] are spent.
pub fn read(stream: &mut ByteStream) -> Result<Option<(Header, Vec<u8>)>, BadHeader> {
    let until = Instant::now() + HEADER_TIME;
    let late = || {
        BadHeader::new(format!(
            "no qrexec header within {} s",
            HEADER_TIME.as_secs()
        ))
    };
    let mut buffer = [0_u8; MAX_HEADER];
    let mut filled = 0;
    loop {
        let read = stream.read_until(&mut buffer[filled..], until);
        let count = read
            .map_err(|error| BadHeader::new(format!("cannot read the qrexec header: {error}")))?
            .ok_or_else(late)?;
        filled += count;
        let untrusted = &buffer[..filled];
        if let Some(end) = untrusted.iter().position(|&byte| byte == 0) {
            let (header, data) = untrusted.split_at(end);
            return Ok(Some((parse(header)?, data[1..].to_vec())));
        }
        match (count, filled) {
            (0, 0) => return Ok(None),
            (0, _) => {
                let why = "the stream ended before the qrexec header";
                return Err(BadHeader::new(why));
            }
            (_, MAX_HEADER) => {
                let why = format!("a qrexec header of more than {MAX_HEADER} bytes");
                return Err(BadHeader::new(why));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_argument_styles_are_read() {
        let header = parse(b"qubes.SshAgent+work client-1").unwrap();
        assert_eq!(header.keyring.as_str(), "work");
        assert_eq!(header.caller, Caller::Qube("client-1".into()));
        assert_eq!(
            parse(b"qubes.SshAgent+ client").unwrap().keyring.as_str(),
            "default"
        );
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "qubes.SshAgent+work",
            "qubes.SshAgent client",
            "qubes.Gpg+ client",
            "qubes.SshAgent+work client extra",
            "qubes.SshAgent+work  client",
            "qubes.SshAgent+a+b client",
            "qubes.SshAgent+../x client",
            "qubes.SshAgent+-x client",
            " qubes.SshAgent+ client",
            "qubes.SshAgent+ client\n",
            "qubes.SshAgentX+ client",
            "qubes.SshAgent+ dom0 vm vault",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
