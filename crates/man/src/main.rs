//! `split-ssh-man OUT_DIR`: man pages in `man1`, `man5` and `man8`, completions in `bash`, `zsh` and `fish`.

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let (Some(folder), None) = (words.next().map(PathBuf::from), words.next()) else {
        eprintln!("usage: split-ssh-man OUT_DIR");
        return ExitCode::from(2);
    };
    match pages::write_all(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "split-ssh-man: cannot write to {}: {error}",
                folder.display()
            );
            ExitCode::FAILURE
        }
    }
}
