//! What keeps OpenSSH from reading a private key's file. ssh-add says "error in libcrypto" or "invalid format" for
//! most of it.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use common::identities::{PUTTY, SSH2, is_private_key, read_small};
use common::trusted_files::quoted;

/// What OpenSSH's own private keys begin and end with.
const OPENSSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const OPENSSH_END: &str = "-----END OPENSSH PRIVATE KEY-----";
/// PKCS#8 without a passphrase, and what OpenSSL writes before or around elliptic keys.
const WITH_TYPE: [&str; 3] = [
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN EC PRIVATE KEY-----",
    "-----BEGIN EC PARAMETERS-----",
];
/// The object identifiers, in DER, of the keys that OpenSSH reads there: RSA, DSA, and NIST's three curves.
const READ_TYPES: [&[u8]; 5] = [
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01],
    &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01],
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
    &[0x2b, 0x81, 0x04, 0x00, 0x22],
    &[0x2b, 0x81, 0x04, 0x00, 0x23],
];
/// That of ed25519 keys.
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// Why ssh-add does not load a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFileProblem {
    /// Group or others may read it.
    Exposed,
    WindowsLineEnds,
    NoLastNewline,
    /// Blanks before the key or its lines.
    Indented,
    /// Text before the key.
    TextBefore,
    /// A mark of Windows programs before the text.
    ByteOrderMark,
    /// Two bytes for each character.
    Utf16,
    Pkcs8Ed25519,
    /// A curve that SSH does not have.
    UnknownType,
    Putty,
    /// ssh.com's form.
    Ssh2,
    /// Lines are missing or joined, or are no base64.
    Damaged,
}

impl KeyFileProblem {
    /// The first problem of a file; `None` for a file that seems to be fine, cannot be read, or is no private key.
    pub fn find(path: &Path) -> Option<Self> {
        let mode = fs::metadata(path).ok()?.permissions().mode();
        let bytes = read_small(path)?;
        let text = String::from_utf8_lossy(&bytes);
        if text.starts_with(PUTTY) {
            return Some(Self::Putty);
        }
        if text.trim_start().starts_with(SSH2) {
            return Some(Self::Ssh2);
        }
        if !is_private_key(&bytes) {
            return None;
        }
        if mode & 0o077 != 0 {
            return Some(Self::Exposed);
        }
        if text.contains('\0') {
            return Some(Self::Utf16);
        }
        Self::of_text(&text)
    }

    fn of_text(text: &str) -> Option<Self> {
        if text.starts_with('\u{feff}') {
            return Some(Self::ByteOrderMark);
        }
        let first = text.trim_start().lines().next().unwrap_or_default().trim();
        if WITH_TYPE.contains(&first) {
            let der = base64_of(text.trim_start())?;
            let names = |oid: &[u8]| der.windows(oid.len()).any(|part| part == oid);
            if names(ED25519) {
                return Some(Self::Pkcs8Ed25519);
            }
            let is_read = READ_TYPES.into_iter().any(names);
            return (!is_read).then_some(Self::UnknownType);
        }
        // OpenSSH's parser wants its own format byte for byte; the older formats are OpenSSL's, which is lenient.
        let key = text.get(text.find(OPENSSH)?..)?;
        if key.contains('\r') {
            return Some(Self::WindowsLineEnds);
        }
        let Some(end) = key.find(OPENSSH_END) else {
            return Some(Self::Damaged);
        };
        let (inside, last) = key.split_at(end);
        if !first.starts_with(OPENSSH) {
            return Some(Self::TextBefore);
        }
        let mut lines = inside.lines().chain(last.lines().take(1));
        if !text.starts_with(OPENSSH) || lines.any(|line| line.starts_with([' ', '\t'])) {
            return Some(Self::Indented);
        }
        if !inside.starts_with(&format!("{OPENSSH}\n")) || base64_of(text).is_none() {
            return Some(Self::Damaged);
        }
        (!last.contains('\n')).then_some(Self::NoLastNewline)
    }

    /// A command that makes the file usable.
    pub fn remedy(self, path: &Path) -> String {
        let file = quoted(path);
        match self {
            Self::Exposed => format!("chmod 600 {file}"),
            Self::WindowsLineEnds => format!("sed -i 's/\\r$//; s/\\r/\\n/g; $a\\' {file}"),
            Self::NoLastNewline => format!("echo >> {file}"),
            Self::Indented => format!("sed -i 's/^[[:space:]]*//; /./,$!d' {file}"),
            // Also on each line, as mail quotes it, or before the key on its line.
            Self::TextBefore => format!(
                "sed -i 's/^[>[:space:]]*//; s/^.*\\(-----BEGIN \\)/\\1/; /^-----BEGIN /,$!d' {file}"
            ),
            Self::ByteOrderMark => format!("sed -i '1s/^\\xef\\xbb\\xbf//' {file}"),
            Self::Utf16 => format!(
                "(umask 077; iconv -f UTF-16 -t UTF-8 {file} | tr -d '\\r' > {file}.new) && mv {file}.new {file}"
            ),
            Self::UnknownType => {
                format!("rm {file}, and make a key that SSH has: ssh-keygen -t ed25519")
            }
            Self::Ssh2 => format!(
                "without a passphrase: ssh-keygen -i -f {file} > {file}.openssh && chmod 600 {file}.openssh && rm {file}"
            ),
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
            Self::TextBefore => "other text stands before the key, so OpenSSH cannot read it",
            Self::ByteOrderMark => {
                "the file begins with a byte order mark, as Windows programs write it, so OpenSSH cannot read it"
            }
            Self::Utf16 => "the file is in UTF-16, as Windows programs write it, so OpenSSH cannot read it",
            Self::UnknownType => "the file holds a key of a type that SSH does not have",
            Self::Ssh2 => "the file is in ssh.com's form, which ssh-add cannot read",
            Self::Pkcs8Ed25519 => {
                "the file holds an ed25519 key in PKCS#8 form, which OpenSSH reads only from 9.6 on"
            }
            Self::Putty => "the file is in PuTTY's form, which OpenSSH cannot read",
            Self::Damaged => {
                "the file is damaged: it is no first line, lines of base64, and last line"
            }
        })
    }
}

/// What stands between the first and the last line.
fn base64_of(text: &str) -> Option<Vec<u8>> {
    let inside = text.lines().skip(1);
    let encoded = inside.take_while(|line| !line.starts_with('-'));
    let encoded: String = encoded.map(str::trim).collect();
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
            ("tr '\\n' '\\r' < key > t; mv t key", WindowsLineEnds),
            ("printf %s \"$(cat key)\" > t; mv t key", NoLastNewline),
            ("sed -i 's/^/  /' key", Indented),
            ("(echo; cat key) > t; mv t key", Indented),
            ("(echo Bag Attributes; cat key) > t; mv t key", TextBefore),
            ("sed -i 's/^/> /' key", TextBefore),
            ("sed -i '1s/^/<pre>/' key", TextBefore),
            (
                "(printf '\\357\\273\\277'; cat key) > t; mv t key",
                ByteOrderMark,
            ),
            ("sed 's/$/\\r/' key | iconv -t UTF-16 > t; mv t key", Utf16),
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
             for n in joined short blank; do ssh-keygen -q -t ed25519 -N '' -f $n; done
             tr -d '\\n' < joined > t; mv t joined; head -c 200 short > t; mv t short; printf '\\n  \\n' >> blank
             openssl genpkey -algorithm x25519 -out x25519
             openssl ecparam -name secp256k1 -genkey -out curve 2>/dev/null
             openssl ecparam -name prime256v1 -genkey -out nist 2>/dev/null
             openssl rsa -in rsa -outform DER -out der 2>/dev/null
             printf -- '---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\\nAAAA\\n' > com
             echo hello > note",
        );
        assert_eq!(problem("pkcs8"), Some(Pkcs8Ed25519));
        assert_eq!(problem("rsa"), None, "OpenSSH reads RSA keys in PKCS#8");
        assert_eq!(problem("key.ppk"), Some(Putty));
        assert_eq!(problem("cut"), Some(Damaged));
        assert_eq!(problem("joined"), Some(Damaged));
        assert_eq!(problem("short"), Some(Damaged));
        assert_eq!(problem("blank"), None, "OpenSSH takes blanks behind it");
        assert_eq!(problem("x25519"), Some(UnknownType));
        assert_eq!(problem("curve"), Some(UnknownType));
        assert_eq!(problem("nist"), None);
        assert_eq!(problem("com"), Some(Ssh2));
        assert_eq!(problem("der"), None, "it is no text");
        assert_eq!(problem("note"), None);
        assert_eq!(problem("cut.pub"), None);
    }
}
