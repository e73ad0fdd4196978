//! What the target qube offers under a service's name.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Longest file name: a longer `SERVICE+ARG` is not looked up by its argument.
const MAX_FILE_NAME: usize = 255;

/// `SERVICE+ARG` as it leaves dom0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub service: String,
    pub argument: String,
}

impl Name {
    /// Splits at the first `+`; every byte outside `A-Za-z0-9_.+-` becomes `_`, silently, as in dom0.
    pub fn sanitised(untrusted: &str) -> Self {
        let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte);
        let clean: String = untrusted
            .bytes()
            .map(|byte| if keep(byte) { byte.into() } else { '_' })
            .collect();
        match clean.split_once('+') {
            Some((service, argument)) => Self {
                service: service.to_owned(),
                argument: argument.to_owned(),
            },
            None => Self {
                service: clean,
                argument: String::new(),
            },
        }
    }

    /// What a relay is asked for to reach the RemoteVM `remote`: all of it is the argument of `transport`.
    pub fn nested(&self, transport: &str, remote: &str) -> Self {
        Self {
            service: transport.to_owned(),
            argument: format!("{remote}+{}", self.full()),
        }
    }

    /// `SERVICE+ARG`, with the plus also when the argument is empty.
    pub fn full(&self) -> String {
        format!("{}+{}", self.service, self.argument)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Program(PathBuf),
    Socket(PathBuf),
    /// There, but neither a socket nor executable.
    Unusable(PathBuf),
    Nothing,
}

/// Looks `SERVICE+ARG` up, then `SERVICE`. A dangling link is nothing.
pub fn find(services: &Path, name: &Name) -> Found {
    let full = name.full();
    let with_argument = (full.len() <= MAX_FILE_NAME).then_some(full.as_str());
    for file in with_argument.into_iter().chain([name.service.as_str()]) {
        let path = services.join(file);
        if let Ok(metadata) = fs::metadata(&path) {
            return classify(path, &metadata);
        }
    }
    Found::Nothing
}

fn classify(path: PathBuf, metadata: &fs::Metadata) -> Found {
    const ANY_EXECUTE: u32 = 0o111;
    if metadata.file_type().is_socket() {
        Found::Socket(path)
    } else if metadata.is_file() && metadata.permissions().mode() & ANY_EXECUTE != 0 {
        Found::Program(path)
    } else {
        Found::Unusable(path)
    }
}

/// The exit code for a program that could not be started: a missing interpreter looks like no service.
pub fn start_failure(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::NotFound => crate::exit::NO_SUCH_SERVICE,
        _ => crate::exit::SERVICE_TROUBLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dom0_sanitises_what_the_client_sends() {
        let name = Name::sanitised("qubes.SshAgent+a/b c;$x@y:z+-");
        assert_eq!(
            (name.service.as_str(), name.argument.as_str()),
            ("qubes.SshAgent", "a_b_c__x_y_z+-")
        );
        assert_eq!(Name::sanitised("svc").full(), "svc+");
    }
}
