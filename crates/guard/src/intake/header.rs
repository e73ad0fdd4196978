//! The line that qrexec writes before a socket service's data: `SERVICE+ARGUMENT SOURCE\0`
//! (QubesOS core-qrexec, `doc/execution.rst`). The only statement of who calls.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use common::service::SERVICE;
use policy::caller::{BadName, Caller, Keyring};

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

#[derive(Debug)]
pub enum BadHeader {
    /// The peer closed before a header was whole; `true` if it had begun one.
    Ended(bool),
    Late,
    TooLong,
    NotText,
    NoSource,
    OtherService,
    Source(BadName),
    /// A caller that asks for what can be no keyring.
    Keyring(Caller, BadName),
    Io(io::Error),
}

impl BadHeader {
    /// Who calls, as far as the header tells.
    pub fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Keyring(caller, _) => Some(caller),
            _ => None,
        }
    }
}

impl fmt::Display for BadHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(_) => f.write_str("the stream ended before the qrexec header"),
            Self::Late => write!(f, "no qrexec header within {} s", HEADER_TIME.as_secs()),
            Self::TooLong => write!(f, "a qrexec header of more than {MAX_HEADER} bytes"),
            Self::NotText => f.write_str("a qrexec header with bytes outside printable ASCII"),
            Self::NoSource => f.write_str("a qrexec header that is not `SERVICE+ARGUMENT SOURCE`"),
            Self::OtherService => write!(f, "a call for another service than {SERVICE}"),
            Self::Source(bad) | Self::Keyring(_, bad) => bad.fmt(f),
            Self::Io(error) => write!(f, "cannot read the qrexec header: {error}"),
        }
    }
}

/// Reads the header text, without its NUL.
///
/// # Errors
/// Anything but `qubes.SshAgent+ARGUMENT SOURCE` with a valid keyring and caller.
pub fn parse(untrusted: &[u8]) -> Result<Header, BadHeader> {
    if !untrusted.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(BadHeader::NotText);
    }
    let untrusted = std::str::from_utf8(untrusted).map_err(|_| BadHeader::NotText)?;
    let (untrusted_call, untrusted_source) =
        untrusted.split_once(' ').ok_or(BadHeader::NoSource)?;
    let (untrusted_service, untrusted_argument) =
        untrusted_call.split_once('+').ok_or(BadHeader::NoSource)?;
    if untrusted_service != SERVICE {
        return Err(BadHeader::OtherService);
    }
    let caller = Caller::parse(untrusted_source).map_err(BadHeader::Source)?;
    match Keyring::from_argument(untrusted_argument) {
        Ok(keyring) => Ok(Header { caller, keyring }),
        Err(bad) => Err(BadHeader::Keyring(caller, bad)),
    }
}

/// Reads the header from `stream` and returns it with the bytes that came after it in the same read.
///
/// # Errors
/// See [`BadHeader`]; at most [`MAX_HEADER`] bytes and [`HEADER_TIME`] are spent.
pub fn read(stream: &mut ByteStream) -> Result<(Header, Vec<u8>), BadHeader> {
    let until = Instant::now() + HEADER_TIME;
    let mut untrusted = Vec::with_capacity(MAX_HEADER);
    let mut chunk = [0_u8; MAX_HEADER];
    loop {
        let room = MAX_HEADER.saturating_sub(untrusted.len());
        let count = match stream
            .read_until(&mut chunk[..room], until)
            .map_err(BadHeader::Io)?
        {
            None => return Err(BadHeader::Late),
            Some(0) => return Err(BadHeader::Ended(!untrusted.is_empty())),
            Some(count) => count,
        };
        untrusted.extend_from_slice(&chunk[..count]);
        if let Some(end) = untrusted.iter().position(|&byte| byte == 0) {
            let data = untrusted.split_off(end + 1);
            untrusted.truncate(end);
            return Ok((parse(&untrusted)?, data));
        }
        if untrusted.len() >= MAX_HEADER {
            return Err(BadHeader::TooLong);
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
