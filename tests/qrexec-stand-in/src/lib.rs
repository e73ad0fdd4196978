//! Honours qrexec's contract on one machine, so that tests and the demo run real clients and real
//! vaults without Qubes. The README says what it honours and what it does not.
//!
//! A call, top to bottom: [`arguments`] -> [`world`] (who calls, which qubes exist) -> [`policy`]
//! (dom0's answer) -> [`service`] (what the target offers) -> [`call`] (the stream) -> an exit code.

pub mod arguments;
pub mod call;
pub mod log;
pub mod policy;
pub mod pump;
pub mod service;
pub mod transactions;
pub mod world;

/// Exit codes of `qrexec-client-vm` that are not the service's own.
pub mod exit {
    /// No connection to the local agent, or protocol trouble.
    pub const LOCAL_TROUBLE: u8 = 1;
    pub const USAGE: u8 = 2;
    /// Allowed, but qrexec could not run the service in the target.
    pub const SERVICE_TROUBLE: u8 = 125;
    /// Denied by policy or by the person, or the target did not start: all look the same.
    pub const REFUSED: u8 = 126;
    pub const NO_SUCH_SERVICE: u8 = 127;
    /// The stream was cut: the target died.
    pub const CUT: u8 = 255;
}
