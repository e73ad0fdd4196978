//! What a login signs: RFC 4252 §7 `publickey`, and `publickey-hostbound-v00@openssh.com`
//! (OpenSSH's PROTOCOL §3.1), which also names the server's host key.

use crate::Malformed;
use crate::bind::read_session_id;
use crate::key::PublicKey;
use crate::limits::MAX_USER;
use crate::reader::Reader;

/// `SSH_MSG_USERAUTH_REQUEST`.
const USERAUTH_REQUEST: u8 = 50;
const SERVICE: &str = "ssh-connection";
const PUBLICKEY: &str = "publickey";
const HOSTBOUND: &str = "publickey-hostbound-v00@openssh.com";

/// A login of `user` in the session `session_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserauthRequest<'a> {
    /// The session's first exchange hash, 1 to 128 bytes.
    pub session_id: &'a [u8],
    /// The remote user's name, at most [`MAX_USER`] bytes, no NUL.
    pub user: &'a [u8],
    /// The service after the login; `ssh-connection`, always.
    pub service: &'a str,
    /// Which of the two methods.
    pub method: Method<'a>,
    /// The signature algorithm that the server is told; fits `key`.
    pub algorithm: &'a str,
    /// The key, or certificate, that logs in, as a blob; a proper [`PublicKey`].
    pub key: &'a [u8],
}

/// How a login is tied to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method<'a> {
    /// By the session id alone.
    Publickey,
    /// A server with another host key refuses the signature.
    Hostbound {
        /// The server's key, or certificate, as a blob; a proper [`PublicKey`].
        host_key: &'a [u8],
    },
}

impl<'a> UserauthRequest<'a> {
    /// Reads what is to be signed.
    ///
    /// # Errors
    /// Anything but exactly one such login.
    pub fn parse(data: &'a [u8]) -> Result<Self, Malformed> {
        Reader::whole(data, |reader| {
            let session_id = read_session_id(reader)?;
            reader.constant_u8(USERAUTH_REQUEST, "number 50, a login")?;
            let user = reader.string_that("a user of at most 256 bytes", |user| {
                user.len() <= MAX_USER && !user.contains(&0)
            })?;
            reader.constant(SERVICE, "service ssh-connection")?;
            let what = "method publickey or publickey-hostbound-v00@openssh.com";
            let is_hostbound = reader.read_as(what, Reader::name, |name| match name {
                PUBLICKEY => Some(false),
                HOSTBOUND => Some(true),
                _ => None,
            })?;
            let (algorithm, key) = read_algorithm_and_key(reader)?;
            let method = if is_hostbound {
                Method::Hostbound {
                    host_key: reader.nested("a host key", PublicKey::read)?.0,
                }
            } else {
                Method::Publickey
            };
            Ok(Self {
                session_id,
                user,
                service: SERVICE,
                method,
                algorithm,
                key,
            })
        })
    }

    /// The server's host key, where the signed data names it.
    pub fn host_key(&self) -> Option<&'a [u8]> {
        match self.method {
            Method::Publickey => None,
            Method::Hostbound { host_key } => Some(host_key),
        }
    }
}

/// Reads `bool TRUE, string algorithm, string key`, where the algorithm fits the key.
pub(crate) fn read_algorithm_and_key<'a>(
    reader: &mut Reader<'a>,
) -> Result<(&'a str, &'a [u8]), Malformed> {
    reader.constant_u8(1, "the mark that a signature follows")?;
    let wrong = reader.expected("a signature algorithm that fits the key");
    let algorithm = reader.name("a signature algorithm's name")?;
    let (blob, key) = reader.nested("a public key", PublicKey::read)?;
    if key.may_sign_as(algorithm) {
        Ok((algorithm, blob))
    } else {
        Err(wrong)
    }
}
