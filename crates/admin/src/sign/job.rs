//! The arguments of `ssh-keygen -Y sign` that we serve.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// One call for signatures.
#[derive(Debug, PartialEq, Eq)]
pub struct SignJob {
    pub namespace: Vec<u8>,
    pub key_file: PathBuf,
    pub hash_algorithm: HashAlgorithm,
    pub is_quiet: bool,
    /// Empty: standard input, and the signature goes to standard output.
    pub files: Vec<PathBuf>,
}

/// What ssh-keygen hashes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    Sha256,
    Sha512,
}

impl SignJob {
    /// `None`: ssh-keygen is to serve it, or to say what is wrong.
    pub fn read(arguments: &[OsString]) -> Option<Self> {
        let (mut namespace, mut key_file, mut signs, mut is_quiet) = (None, None, false, false);
        let mut hash_algorithm = HashAlgorithm::Sha512;
        let mut rest = arguments.iter();
        let mut files = Vec::new();
        while let Some(word) = rest.next() {
            let bytes = word.as_encoded_bytes();
            if bytes == b"--" {
                break;
            }
            let flag = match bytes {
                [b'-', flag, ..] => *flag,
                // The first file. ssh-keygen reads no options behind it.
                _ => {
                    files.push(PathBuf::from(word));
                    break;
                }
            };
            match flag {
                // The key is in the agent: we know no other.
                b'U' | b'q' if bytes.len() == 2 => is_quiet |= flag == b'q',
                b'Y' | b'n' | b'f' | b'O' => {
                    let value = match bytes.get(2..) {
                        Some([]) | None => rest.next()?.clone(),
                        Some(_) => OsString::from(word.to_str()?.get(2..)?),
                    };
                    match flag {
                        b'Y' => signs = value == "sign",
                        b'n' => namespace = Some(value.into_encoded_bytes()),
                        b'f' => key_file = Some(PathBuf::from(value)),
                        _ => hash_algorithm = hash_option(&value)?,
                    }
                }
                _ => return None,
            }
        }
        files.extend(rest.map(PathBuf::from));
        let namespace: Vec<u8> = namespace?;
        let is_stdin = |file: &PathBuf| file.as_os_str() == "-";
        match files.as_slice() {
            [only] if is_stdin(only) => files.clear(),
            files if files.iter().any(is_stdin) => return None,
            _ => {}
        }
        (signs && !namespace.is_empty()).then_some(Self {
            namespace,
            key_file: key_file?,
            hash_algorithm,
            is_quiet,
            files,
        })
    }
}

fn hash_option(option: &OsStr) -> Option<HashAlgorithm> {
    match option.to_str()? {
        "hashalg=sha256" => Some(HashAlgorithm::Sha256),
        "hashalg=sha512" => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

impl HashAlgorithm {
    pub fn word(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Option<SignJob> {
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        SignJob::read(&words)
    }

    #[test]
    fn calls_of_git_and_jj_and_by_hand_are_ours() {
        let by_git = read("-Y sign -n git -f /tmp/key -U /tmp/buffer").unwrap();
        assert_eq!(
            (by_git.namespace.as_slice(), by_git.files.len()),
            (&b"git"[..], 1)
        );
        let by_jj = read("-Y sign -f key -n git").unwrap();
        assert!(by_jj.files.is_empty() && by_jj.hash_algorithm == HashAlgorithm::Sha512);
        assert_eq!(read("-Ysign -fkey -nfile -").unwrap().files.len(), 0);
        let more = read("-Y sign -n file -f key -q -O hashalg=sha256 -- -a b").unwrap();
        assert_eq!(more.files, [PathBuf::from("-a"), PathBuf::from("b")]);
        assert!(more.is_quiet && more.hash_algorithm == HashAlgorithm::Sha256);
        // Behind a file, all are files.
        assert_eq!(read("-Y sign -n file -f key a -U").unwrap().files.len(), 2);
    }

    #[test]
    fn the_rest_is_left_to_ssh_keygen() {
        for words in [
            "",
            "-Y verify -f signers -I ann -n git -s sig",
            "-Y find-principals -f signers -s sig",
            "-Y check-novalidate -n git -s sig",
            "-Y match-principals -f signers -I ann",
            "-Y sign -n git",
            "-Y sign -f key file",
            "-Y sign -n git -f",
            "-Y sign -n git -f key -O print-pubkey file",
            "-Y sign -n git -f key -v file",
            "-Y sign -n git -f key -Uq file",
            "-Y sign -n git -f key a -",
            "-l -f key",
        ] {
            assert_eq!(read(words), None, "{words}");
        }
    }
}
