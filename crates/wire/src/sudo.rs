//! What sudo on a remote host asks to be signed through pam_ssh_agent_auth (its source, 0.10.3:
//! `iterate_ssh_agent_keys.c` and `userauth_pubkey_from_id.c`).

use crate::Malformed;
use crate::reader::Reader;
use crate::userauth::read_algorithm_and_key;

/// `SSH2_MSG_USERAUTH_TRUST_REQUEST`.
const TRUST_REQUEST: u8 = 54;
/// `PAM_SSH_AGENT_AUTH_REQUESTv1`.
const VERSION: u32 = 101;
const SERVICE: &str = "pam_ssh_agent_auth";
const METHOD: &str = "publickey";

/// One command run by sudo (or whatever asks PAM). All texts are the requester's claims, no NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SudoRequest<'a> {
    /// Random bytes of the requester.
    pub cookie: &'a [u8],
    /// Who shall be authenticated.
    pub user: &'a [u8],
    /// Who asks; the format carries it twice, and both must agree.
    pub ruser: &'a [u8],
    /// The PAM service, `sudo` as a rule.
    pub service: &'a [u8],
    /// The working directory; empty if unknown.
    pub cwd: &'a [u8],
    /// The command and its arguments; `None` if the requester could not tell.
    pub action: Option<Vec<&'a [u8]>>,
    /// The requester's own name for its host.
    pub hostname: &'a [u8],
    /// Seconds since 1970 by the requester's clock.
    pub time: u64,
    /// The signature algorithm; fits `key`.
    pub algorithm: &'a str,
    /// The signing key as a blob; a proper [`PublicKey`](crate::key::PublicKey).
    pub key: &'a [u8],
}

impl<'a> SudoRequest<'a> {
    /// Reads what is to be signed.
    ///
    /// # Errors
    /// Anything but exactly one such request.
    pub fn parse(data: &'a [u8]) -> Result<Self, Malformed> {
        Reader::whole(data, |reader| {
            let (_, session) = reader.nested("a sudo session", Self::read_session)?;
            reader.constant_u8(TRUST_REQUEST, "number 54, a sudo request")?;
            reader.string_that("the same asking user again", |again| again == session.ruser)?;
            reader.constant(SERVICE, "service pam_ssh_agent_auth")?;
            reader.constant(METHOD, "method publickey")?;
            let (algorithm, key) = read_algorithm_and_key(reader)?;
            Ok(Self {
                algorithm,
                key,
                ..session
            })
        })
    }

    /// Reads what the format calls `session_id2`: all but the algorithm and the key.
    fn read_session(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let what = "version 101 of a sudo session";
        reader.read_as(what, Reader::u32, |version| {
            (version == VERSION).then_some(())
        })?;
        Ok(Self {
            cookie: reader.string("a cookie")?,
            user: reader.text("a user")?,
            ruser: reader.text("the asking user")?,
            service: reader.text("a PAM service")?,
            cwd: reader.text("a working directory")?,
            action: reader.nested("a command", read_action)?.1,
            hostname: reader.text("a host name")?,
            time: reader.u64("a time")?,
            algorithm: "",
            key: &[],
        })
    }
}

fn read_action<'a>(reader: &mut Reader<'a>) -> Result<Option<Vec<&'a [u8]>>, Malformed> {
    if reader.is_empty() {
        return Ok(None);
    }
    let count = reader.u32("a number of arguments")?;
    // Collecting stops at the first argument that is not there, whatever was claimed.
    (0..count)
        .map(|_| reader.text("an argument"))
        .collect::<Result<_, _>>()
        .map(Some)
}
