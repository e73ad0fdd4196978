//! `split-ssh sign`: signs as `ssh-keygen -Y sign` does, and shows the vault what it signs. For `gpg.ssh.program`, jj,
//! and files by hand.
//!
//! Whatever is not a signature by a vault that takes content goes to the `ssh-keygen` of PATH, as it is: other
//! operations, other options, another agent, a key that the agent does not list.

mod armor;
mod job;
mod vault;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use common::error::Error;
use common::identities::beside;
use common::trusted_files::quoted;

use job::SignJob;
use vault::{Content, SigningVault};

/// The name by which a program that takes no arguments, such as git, calls this command.
pub const PROGRAM: &str = "split-ssh-sign";

/// Sign as ssh-keygen does, and show the vault what is signed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The vault gets the content ahead of its signature, compares it with the hash
that it signs, and shows it in the question. What is no signature by such a
vault is left to ssh-keygen, with the same arguments.

Examples:
  git config --global gpg.ssh.program split-ssh-sign
  split-ssh sign -Y sign -n file -f ~/.ssh/key.pub release.tar.gz")]
pub struct Args {
    /// Those of ssh-keygen: -Y sign -n NAMESPACE -f KEY [FILE...]
    #[arg(
        value_name = "ARGUMENT",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<OsString>,
}

/// # Errors
/// No signature was made.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    run_with(&args.arguments)
}

/// Runs the program under its other name, if that is how it was called. Its arguments are ssh-keygen's then.
pub fn run_by_name() -> Option<Result<ExitCode, Error>> {
    let mut words = std::env::args_os();
    let name = PathBuf::from(words.next()?);
    if name.file_name()?.as_bytes() != PROGRAM.as_bytes() {
        return None;
    }
    Some(run_with(&words.collect::<Vec<_>>()))
}

fn run_with(arguments: &[OsString]) -> Result<ExitCode, Error> {
    let Some(job) = SignJob::read(arguments) else {
        return Err(ssh_keygen(arguments));
    };
    let Some(mut vault) = SigningVault::for_key(&job.key_file) else {
        return Err(ssh_keygen(arguments));
    };
    if job.files.is_empty() {
        let content = Content::read(io::stdin(), job.hash_algorithm)
            .map_err(|error| Error::new(format!("cannot read standard input: {error}")))?;
        let signature = vault.sign(&content, &job.namespace)?;
        let mut out = io::stdout();
        out.write_all(signature.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| Error::new(format!("cannot write the signature: {error}")))?;
    }
    for (number, path) in job.files.iter().enumerate() {
        if number > 0 {
            // A connection gets one signature, unless a rule says more.
            vault = vault.call_again()?;
        }
        sign_file(path, &job, &mut vault)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn sign_file(path: &Path, job: &SignJob, vault: &mut SigningVault) -> Result<(), Error> {
    let target = beside(path, ".sig");
    if target.symlink_metadata().is_ok() {
        let what = format!("{} is there already", target.display());
        return Err(Error::new(what).hint(format!("rm {}", quoted(&target))));
    }
    let content = File::open(path)
        .and_then(|file| Content::read(file, job.hash_algorithm))
        .map_err(|error| Error::io("read", path, &error))?;
    let signature = vault.sign(&content, &job.namespace)?;
    write_whole(&target, &signature).map_err(|error| Error::io("write", &target, &error))?;
    if !job.is_quiet {
        let _ = writeln!(io::stderr(), "Write signature to {}", target.display());
    }
    Ok(())
}

/// Whoever finds the file finds all of it.
fn write_whole(target: &Path, text: &str) -> io::Result<()> {
    let part = beside(target, &format!(".{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&part)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&part, target));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// Becomes ssh-keygen. Returns only where it cannot be started.
fn ssh_keygen(arguments: &[OsString]) -> Error {
    let error = Command::new("ssh-keygen").args(arguments).exec();
    Error::new(format!("cannot start ssh-keygen: {error}"))
        .hint("command -v ssh-keygen; OpenSSH's client programs have it")
}
