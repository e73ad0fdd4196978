//! Agent messages put together by hand, independently of the parser under test.

pub const FAILURE: u8 = 5;
pub const SUCCESS: u8 = 6;
pub const REMOVE_ALL_V1: u8 = 9;
pub const LIST: u8 = 11;
pub const IDENTITIES: u8 = 12;
pub const SIGN: u8 = 13;
pub const SIGNATURE: u8 = 14;
pub const ADD: u8 = 17;
pub const REMOVE: u8 = 18;
pub const REMOVE_ALL: u8 = 19;
pub const ADD_SMARTCARD: u8 = 20;
pub const LOCK: u8 = 22;
pub const UNLOCK: u8 = 23;
pub const ADD_CONSTRAINED: u8 = 25;
pub const EXTENSION: u8 = 27;
pub const EXTENSION_FAILURE: u8 = 28;
pub const EXTENSION_RESPONSE: u8 = 29;

/// A message under construction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn of(number: u8) -> Self {
        Self::new().byte(number)
    }

    pub fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub fn int(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub fn long(mut self, value: u64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub fn string(self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.int(u32::try_from(bytes.len()).expect("a test's string is short"))
            .raw(bytes)
    }

    pub fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend(bytes.as_ref());
        self
    }

    /// With its length in front.
    pub fn framed(&self) -> Vec<u8> {
        Self::new().string(&self.0).0
    }
}

/// A sign request without flags.
pub fn sign(key: &[u8], data: &[u8]) -> Message {
    sign_flags(key, data, 0)
}

pub fn sign_flags(key: &[u8], data: &[u8], flags: u32) -> Message {
    Message::of(SIGN).string(key).string(data).int(flags)
}

/// What a login signs. With `host_key` it is hostbound.
pub fn login(
    session: &[u8],
    user: &str,
    algorithm: &str,
    key: &[u8],
    host_key: Option<&[u8]>,
) -> Vec<u8> {
    const USERAUTH_REQUEST: u8 = 50;
    let method = if host_key.is_some() {
        "publickey-hostbound-v00@openssh.com"
    } else {
        "publickey"
    };
    let data = Message::new()
        .string(session)
        .byte(USERAUTH_REQUEST)
        .string(user)
        .string("ssh-connection");
    let data = data.string(method).byte(1).string(algorithm).string(key);
    host_key
        .map_or(data.clone(), |host_key| data.string(host_key))
        .0
}

/// What `ssh-keygen -Y sign` and git sign.
pub fn sshsig(namespace: &str, hash: &[u8]) -> Vec<u8> {
    Message::new()
        .raw("SSHSIG")
        .string(namespace)
        .string("")
        .string("sha512")
        .string(hash)
        .0
}

pub fn session_bind(
    host_key: &[u8],
    session: &[u8],
    signature: &[u8],
    forwarding: bool,
) -> Message {
    let bind = Message::of(EXTENSION).string("session-bind@openssh.com");
    bind.string(host_key)
        .string(session)
        .string(signature)
        .byte(forwarding.into())
}

/// Reads the strings that `body` starts with, as many as fit.
pub fn strings(body: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = body;
    while let Some((string, after)) = split_string(rest) {
        found.push(string);
        rest = after;
    }
    found
}

fn split_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}
