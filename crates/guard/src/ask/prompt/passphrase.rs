//! Asks the owner for a key file's passphrase, in the same dialog. Only for a key that a rule or a yes
//! has let sign: a client's call alone never gets here.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use common::askpass::wipe;
use common::wait;
use nix::poll::PollFd;
use policy::question::protocol::{MAX_PASSPHRASE, PassphraseAnswer, PassphraseQuestion};

use super::Prompter;
use super::conversation::{GRACE, START_TIME};
use super::lines::{NextLine, PrompterLines};
use super::protocol;
use super::unit;

/// A passphrase may be all escapes in JSON, and has a few words around it.
const MAX_LINE: usize = MAX_PASSPHRASE * 6 + 256;

/// A secret that is overwritten when it is dropped.
pub struct Passphrase(Vec<u8>);

impl Passphrase {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Passphrase {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl Prompter {
    /// Asks; `None` is a no, by the owner, by time, or because `client` hung up.
    ///
    /// # Errors
    /// There is no window to ask in.
    pub fn passphrase(
        &self,
        question: &PassphraseQuestion,
        client: &UnixStream,
    ) -> Result<Option<Passphrase>, String> {
        let (_running, stream) = self.start(unit::PASSPHRASE, Some("--passphrase"))?;
        Ok(converse(question, &stream, client))
    }
}

fn converse(
    question: &PassphraseQuestion,
    mut stream: &UnixStream,
    client: &UnixStream,
) -> Option<Passphrase> {
    stream.write_all(&protocol::line(question)?).ok()?;
    let mut lines = PrompterLines::new(stream, MAX_LINE);
    let hang_up = PollFd::new(client.as_fd(), wait::PEER_CLOSED);
    let mut next = |until| match lines.next(Some(&hang_up), until) {
        NextLine::Line(line) => Some(Passphrase(line)),
        _ => None,
    };
    let shown = next(Instant::now() + START_TIME)?;
    if !protocol::is_shown(shown.bytes()) {
        return None;
    }
    let line = next(Instant::now() + Duration::from_secs(question.seconds) + GRACE)?;
    let answer: PassphraseAnswer<'_> = serde_json::from_slice(line.bytes()).ok()?;
    answer
        .passphrase
        .filter(|_| answer.id == question.id)
        .map(|passphrase| Passphrase(passphrase.into_owned().into_bytes()))
}
