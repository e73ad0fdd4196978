//! The name of a policy file: dom0 denies every call while one has a name that it does not take.

use super::problem::LintProblem;

/// The file that our lines go to unless somebody names another: 30 is the user's own number.
pub const USUAL_FILE: &str = "30-user-split-ssh.policy";
/// What the dom0 package brings: it denies what no earlier file allows.
pub const PACKAGED_FILE: &str = "90-split-ssh.policy";
/// Where dom0 reads policy.
pub const POLICY_FOLDER: &str = "/etc/qubes/policy.d";

/// # Errors
/// A name, the last part of a path in policy.d, that would break dom0 or would have no effect there.
pub fn check(name: &str) -> Result<(), LintProblem> {
    let is_taken = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase() || "_.-".contains(c);
    let problem = if name.contains('/') {
        LintProblem::broken("a file's name is wanted, without its folder")
    } else if !name.ends_with(".policy") || name.starts_with('.') {
        LintProblem::broken(
            "dom0 reads only files that end with .policy and do not start with a dot",
        )
    } else if let Some(bad) = name.chars().find(|c| !is_taken(*c)) {
        LintProblem::broken(format!(
            "`{}` in a policy file's name makes dom0 deny every call of the system; \
             only 0-9, a-z, `_`, `.` and `-` may stand there",
            bad.escape_debug()
        ))
    } else if name > PACKAGED_FILE {
        LintProblem::warning(format!(
            "it is read after {PACKAGED_FILE}, whose deny comes first"
        ))
    } else {
        return Ok(());
    };
    Err(problem.hint(format!("call it {POLICY_FOLDER}/{USUAL_FILE}")))
}
