//! What keeps OpenSSH from reading a private key's file. ssh-add says "error in libcrypto" or "invalid format" for
//! most of it.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::trusted_files::quoted;

/// What OpenSSH's own private keys begin with.
const OPENSSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
/// PKCS#8; with a passphrase its label says ENCRYPTED.
const PKCS8: [&str; 2] = [
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----",
];
/// The object identifier of ed25519 keys, 1.3.101.112, in DER.
const ED25519: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];
/// What PuTTY's keys begin with.
const PUTTY: &str = "PuTTY-User-Key-File-";

/// Why ssh-add does not load a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFileProblem {
    /// Group or others may read it.
    Exposed,
    WindowsLineEnds,
    NoLastNewline,
    /// Something stands before the first line, such as blanks.
    Indented,
    Pkcs8Ed25519,
    Putty,
    /// The lines between the first and the last are no base64.
    Damaged,
}

impl KeyFileProblem {
    /// The first problem of a file; `None` for a file that seems to be fine, cannot be read, or is no private key.
    pub fn find(path: &Path) -> Option<Self> {
        let mode = fs::metadata(path).ok()?.permissions().mode();
        let bytes = fs::read(path).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        if text.starts_with(PUTTY) {
            return Some(Self::Putty);
        }
        if !text.contains("-----BEGIN ") || !text.contains("PRIVATE KEY-----") {
            return None;
        }
        if mode & 0o077 != 0 {
            return Some(Self::Exposed);
        }
        Self::of_text(&text)
    }

    fn of_text(text: &str) -> Option<Self> {
        // OpenSSH's parser wants its own format byte for byte; the older formats are OpenSSL's, which is lenient.
        let first = text.trim_start().lines().next().unwrap_or_default().trim();
        if PKCS8.contains(&first) {
            let der = base64_of(text.trim_start());
            let is_ed25519 = der.is_some_and(|der| der.windows(5).any(|part| part == ED25519));
            return is_ed25519.then_some(Self::Pkcs8Ed25519);
        }
        if first != OPENSSH {
            return None;
        }
        if text.contains('\r') {
            return Some(Self::WindowsLineEnds);
        }
        if !text.starts_with(OPENSSH) || text.lines().any(|line| line.starts_with([' ', '\t'])) {
            return Some(Self::Indented);
        }
        if !text.ends_with('\n') {
            return Some(Self::NoLastNewline);
        }
        base64_of(text).is_none().then_some(Self::Damaged)
    }

    /// A command that makes the file usable.
    pub fn remedy(self, path: &Path) -> String {
        let file = quoted(path);
        match self {
            Self::Exposed => format!("chmod 600 {file}"),
            Self::WindowsLineEnds => format!("sed -i 's/\\r$//' {file}"),
            Self::NoLastNewline => format!("echo >> {file}"),
            Self::Indented => format!("sed -i 's/^[[:space:]]*//' {file}"),
            Self::Pkcs8Ed25519 => format!(
                "where OpenSSH is 9.6 or newer: ssh-keygen -p -f {file}, which writes OpenSSH's own format"
            ),
            Self::Putty => format!(
                "puttygen {file} -O private-openssh-new -o {}",
                quoted(&path.with_extension("openssh"))
            ),
            Self::Damaged => format!("copy {file} again from where it came"),
        }
    }
}

impl fmt::Display for KeyFileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exposed => "others could read the file, so ssh-add refuses it",
            Self::WindowsLineEnds => {
                "the file has Windows line ends (CRLF), which OpenSSH cannot read"
            }
            Self::NoLastNewline => "the file's last line has no newline, so OpenSSH cannot read it",
            Self::Indented => "the file has blanks before its lines, so OpenSSH cannot read it",
            Self::Pkcs8Ed25519 => {
                "the file holds an ed25519 key in PKCS#8 form, which OpenSSH reads only from 9.6 on"
            }
            Self::Putty => "the file is in PuTTY's form, which OpenSSH cannot read",
            Self::Damaged => {
                "the file is damaged: what stands between its first and last line is no base64"
            }
        })
    }
}

/// What stands between the first and the last line.
fn base64_of(text: &str) -> Option<Vec<u8>> {
    let inside = text.lines().skip(1);
    let encoded: String = inside
        .take_while(|line| !line.starts_with('-'))
        .map(str::trim)
        .collect();
    STANDARD.decode(encoded).ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn run(folder: &Path, command: &str) {
        let mut shell = Command::new("sh");
        let status = shell.args(["-c", command]).current_dir(folder).status();
        assert!(status.expect("a shell").success(), "{command}");
    }

    /// Each file is refused by ssh-keygen, its problem is found, and the remedy makes it good.
    #[test]
    fn each_problem_is_found_and_its_remedy_helps() {
        use KeyFileProblem::*;
        let dir = tempfile::tempdir().expect("a folder");
        for (spoil, problem) in [
            ("sed -i 's/$/\\r/' key", WindowsLineEnds),
            ("printf %s \"$(cat key)\" > t; mv t key", NoLastNewline),
            ("sed -i 's/^/  /' key", Indented),
            ("chmod 644 key", Exposed),
        ] {
            run(
                dir.path(),
                "rm -f key*; umask 077; ssh-keygen -q -t ed25519 -N '' -f key",
            );
            let key = dir.path().join("key");
            assert_eq!(KeyFileProblem::find(&key), None, "a fresh key");
            run(dir.path(), &format!("umask 077; {spoil}"));
            run(dir.path(), "! ssh-keygen -y -f key >/dev/null 2>&1");
            assert_eq!(KeyFileProblem::find(&key), Some(problem), "{spoil}");
            run(dir.path(), &problem.remedy(&key));
            assert_eq!(KeyFileProblem::find(&key), None, "{spoil}");
            run(dir.path(), "ssh-keygen -y -f key >/dev/null");
        }
    }

    #[test]
    fn formats_of_other_programs_are_named() {
        use KeyFileProblem::*;
        let dir = tempfile::tempdir().expect("a folder");
        let problem = |name: &str| KeyFileProblem::find(&dir.path().join(name));
        run(
            dir.path(),
            "umask 077; openssl genpkey -algorithm ed25519 -out pkcs8 2>/dev/null
             openssl genpkey -algorithm rsa -out rsa 2>/dev/null
             printf 'PuTTY-User-Key-File-3: ssh-ed25519\\nEncryption: none\\n' > key.ppk
             ssh-keygen -q -t ed25519 -N '' -f cut; sed -i '3d;2s/.$//' cut
             echo hello > note",
        );
        assert_eq!(problem("pkcs8"), Some(Pkcs8Ed25519));
        assert_eq!(problem("rsa"), None, "OpenSSH reads RSA keys in PKCS#8");
        assert_eq!(problem("key.ppk"), Some(Putty));
        assert_eq!(problem("cut"), Some(Damaged));
        assert_eq!(problem("note"), None);
        assert_eq!(problem("cut.pub"), None);
    }
}
