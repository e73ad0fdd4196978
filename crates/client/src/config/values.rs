//! The values of `client.toml` and of the flags that stand for them. Each is checked where it is read, so that the place of
//! a mistake is told.

use std::path::{Path, PathBuf};

use policy::caller::Keyring;
use serde::Deserialize;

/// What qrexec-client-vm keeps of a target's name, in bytes.
const MAX_TARGET: usize = 63;

/// A name of a vault, which names its socket, or of a keyring.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(pub(super) String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match Keyring::from_argument(&name) {
            Ok(_) => Ok(Self(name)),
            Err(bad) => Err(format!("bad name: {}", bad.rule)),
        }
    }
}

/// A qube's name, or one of dom0's words for a target (`@default`, `@dispvm:NAME`).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Target(pub(super) String);

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-@:".contains(&byte);
        let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '@');
        match starts && text.len() <= MAX_TARGET && text.bytes().all(is_one) {
            true => Ok(Self(text)),
            false => Err(format!(
                "`{}` is no qube's name; without one, dom0's policy names the vault",
                text.escape_debug()
            )),
        }
    }
}

/// A path from `/` or from the home directory.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "PathBuf")]
pub struct UserPath(PathBuf);

impl TryFrom<PathBuf> for UserPath {
    type Error = String;

    fn try_from(path: PathBuf) -> Result<Self, String> {
        match path.is_absolute() || path.starts_with("~") {
            true => Ok(Self(path)),
            false => Err(format!(
                "`{}` is not an absolute path: start it with / or ~/",
                path.display().to_string().escape_debug()
            )),
        }
    }
}

impl UserPath {
    pub(super) fn below(&self, home: &Path) -> PathBuf {
        match self.0.strip_prefix("~") {
            Ok(rest) => home.join(rest),
            Err(_) => self.0.clone(),
        }
    }
}

/// A number from 1 to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Count<const MOST: u16>(u16);

impl<const MOST: u16> TryFrom<u64> for Count<MOST> {
    type Error = String;

    fn try_from(count: u64) -> Result<Self, String> {
        let small = u16::try_from(count).ok();
        let good = small.filter(|count| (1..=MOST).contains(count));
        good.map(Self)
            .ok_or_else(|| format!("`{count}` is not from 1 to {MOST}"))
    }
}

impl<const MOST: u16> Count<MOST> {
    pub(super) fn or<T: From<u16>>(given: Option<Self>, default: u16) -> T {
        given.map_or(default, |count| count.0).into()
    }
}

/// A program, and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct CommandLine {
    pub program: String,
    pub arguments: Vec<String>,
}

impl TryFrom<Vec<String>> for CommandLine {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        match words.as_slice() {
            [program, arguments @ ..] if !program.is_empty() => Ok(Self {
                program: program.clone(),
                arguments: arguments.to_vec(),
            }),
            _ => Err(NO_COMMAND.to_owned()),
        }
    }
}

pub(super) const NO_COMMAND: &str = "transport `command` needs a command, for example \
                                     command = [\"ssh\", \"box\", \"split-ssh\", \"vault\", \"--stdio\"]";

/// The word for a transport.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub enum TransportWord {
    Qrexec,
    Command,
    /// The vault's `qrexec.sock`.
    Unix(UserPath),
}

impl TryFrom<String> for TransportWord {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match (word.as_str(), word.strip_prefix("unix:")) {
            (_, Some(path)) => PathBuf::from(path).try_into().map(Self::Unix),
            ("qrexec", _) => Ok(Self::Qrexec),
            ("command", _) => Ok(Self::Command),
            _ => Err(format!(
                "there is no transport `{}`: it is `qrexec`, `command` or `unix:/path/of/qrexec.sock`",
                word.escape_debug()
            )),
        }
    }
}
