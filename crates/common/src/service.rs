//! The name of the service.

/// The qrexec service that every split SSH calls.
pub const SERVICE: &str = "qubes.SshAgent";

/// The service with its argument, as a caller names it: `qubes.SshAgent` alone for no argument, so that every older
/// dom0 policy reads it as well.
pub fn service_with(argument: &str) -> String {
    match argument {
        "" => SERVICE.to_owned(),
        argument => format!("{SERVICE}+{argument}"),
    }
}
