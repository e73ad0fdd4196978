//! How the process ends, as `docs/prompt-protocol.md` says.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::process::exit;

pub const EXIT_BAD_QUESTION: i32 = 2;
pub const EXIT_NO_SCREEN: i32 = 3;
pub const EXIT_ABANDONED: i32 = 4;

/// A window that is open, or the reason why there is none.
pub type Opened = Result<(), Box<dyn Error>>;

/// The answer was sent, or nobody is there to take it.
pub fn end(sent: io::Result<()>) -> ! {
    crate::notify::withdraw();
    exit(if sent.is_ok() { 0 } else { EXIT_ABANDONED })
}

/// The asker is gone.
pub fn abandon() -> ! {
    crate::notify::withdraw();
    exit(EXIT_ABANDONED)
}

pub fn fail(status: i32, reason: impl Display) -> ! {
    eprintln!("split-ssh-prompt: {reason}");
    exit(status)
}
