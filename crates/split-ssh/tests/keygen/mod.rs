//! Real keys, signatures and certificates by ssh-keygen.
#![allow(dead_code)] // each test program uses its part

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::crypto::Ring;
use policy::crypto::Crypto as _;

/// A temporary folder with keys in it.
pub struct Folder(tempfile::TempDir);

pub struct Key {
    pub path: PathBuf,
    pub blob: Vec<u8>,
    /// `TYPE BASE64`, as in known_hosts.
    pub line: String,
}

/// The parts of an SSHSIG file (PROTOCOL.sshsig), and the data that it signs.
pub struct SshSignature {
    pub key: Vec<u8>,
    pub signature: Vec<u8>,
    pub data: Vec<u8>,
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// Runs ssh-keygen in the folder, in UTC; its standard output.
    pub fn ssh_keygen(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("ssh-keygen");
        let output = command
            .args(arguments)
            .current_dir(self.path())
            .env("TZ", "UTC")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "ssh-keygen {arguments:?}: {stderr}"
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// For commands that end badly after good work: `-H` does, on wildcards and bad lines.
    pub fn ssh_keygen_may_complain(&self, arguments: &[&str]) {
        let mut command = Command::new("ssh-keygen");
        command
            .args(arguments)
            .current_dir(self.path())
            .output()
            .unwrap();
    }

    pub fn key(&self, name: &str, kind: &str, bits: &str) -> Key {
        self.ssh_keygen(&["-q", "-t", kind, "-b", bits, "-N", "", "-C", "", "-f", name]);
        let text = fs::read_to_string(self.path().join(format!("{name}.pub"))).unwrap();
        let line = text.trim().to_owned();
        Key {
            path: self.path().join(name),
            blob: blob_of(&line),
            line,
        }
    }

    pub fn sign(&self, key: &Key, message: &str) -> SshSignature {
        let message = format!("{message}\n");
        self.write("message", &message);
        let _ = fs::remove_file(self.path().join("message.sig"));
        let key = key.path.to_str().unwrap();
        self.ssh_keygen(&[
            "-q",
            "-Y",
            "sign",
            "-n",
            "file",
            "-O",
            "hashalg=sha256",
            "-f",
            key,
            "message",
        ]);
        let armored = fs::read_to_string(self.path().join("message.sig")).unwrap();
        SshSignature::parse(&armored, message.as_bytes())
    }

    /// The blob of a certificate for `host`, made with `options`.
    pub fn certify(&self, ca: &Key, host: &Key, options: &[&str]) -> Vec<u8> {
        let (ca, host) = (ca.path.to_str().unwrap(), host.path.to_str().unwrap());
        let public = format!("{host}.pub");
        self.ssh_keygen(&[&["-q", "-s", ca, "-I", "id"], options, &[public.as_str()]].concat());
        blob_of(&fs::read_to_string(format!("{host}-cert.pub")).unwrap())
    }
}

fn blob_of(line: &str) -> Vec<u8> {
    STANDARD
        .decode(line.split_ascii_whitespace().nth(1).unwrap())
        .unwrap()
}

impl SshSignature {
    pub fn parse(armored: &str, message: &[u8]) -> Self {
        let encoded: String = armored
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let bytes = STANDARD.decode(encoded).unwrap();
        let mut rest = bytes.strip_prefix(b"SSHSIG\0\0\0\x01").unwrap();
        let mut next = || {
            let (length, tail) = rest.split_at(4);
            let (string, tail) =
                tail.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize);
            rest = tail;
            string.to_vec()
        };
        let (key, namespace, reserved, hash, signature) = (next(), next(), next(), next(), next());
        assert_eq!(hash, b"sha256");
        let signed = strings(&[&namespace, &reserved, &hash, &Ring.sha256(message)]);
        Self {
            key,
            signature,
            data: [b"SSHSIG", &signed[..]].concat(),
        }
    }
}

/// SSH strings (RFC 4251 §5), one after the other.
pub fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let with_length =
        |part: &&[u8]| [&u32::try_from(part.len()).unwrap().to_be_bytes(), *part].concat();
    parts.iter().flat_map(with_length).collect()
}

/// The contents of an mpint from an unsigned big-endian number.
pub fn mpint(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    let magnitude = &number[zeros..];
    if magnitude.first().is_some_and(|byte| byte & 0x80 != 0) {
        [&[0], magnitude].concat()
    } else {
        magnitude.to_vec()
    }
}
