//! Key pairs made by `ssh-keygen`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::children::run;
use crate::world::World;

/// Every type that people use, with the size where there is a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ed25519,
    Ecdsa(u16),
    Rsa(u16),
    /// Security keys, made and used through [`SkProvider`].
    SkEd25519,
    SkEcdsa,
}

pub const ALL: [Kind; 7] = [
    Kind::Ed25519,
    Kind::Ecdsa(256),
    Kind::Ecdsa(384),
    Kind::Ecdsa(521),
    Kind::Rsa(3072),
    Kind::SkEd25519,
    Kind::SkEcdsa,
];

impl Kind {
    fn options(self) -> Vec<String> {
        let (name, bits) = match self {
            Self::Ed25519 => ("ed25519", None),
            Self::Ecdsa(bits) => ("ecdsa", Some(bits)),
            Self::Rsa(bits) => ("rsa", Some(bits)),
            Self::SkEd25519 => ("ed25519-sk", None),
            Self::SkEcdsa => ("ecdsa-sk", None),
        };
        let bits = bits
            .map(|bits| vec!["-b".to_owned(), bits.to_string()])
            .unwrap_or_default();
        [vec!["-t".to_owned(), name.to_owned()], bits].concat()
    }

    pub fn is_sk(self) -> bool {
        matches!(self, Self::SkEd25519 | Self::SkEcdsa)
    }
}

/// A key pair on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub private: PathBuf,
    pub public: PathBuf,
    pub comment: String,
}

impl Key {
    /// Makes a key pair without a passphrase; its comment is its name.
    pub fn generate(world: &World, name: &str, kind: Kind) -> Self {
        let private = world.directory("keys").join(name);
        let mut command = world.command("ssh-keygen");
        command
            .args(["-q", "-N", "", "-C", name, "-f"])
            .arg(&private)
            .args(kind.options());
        if kind.is_sk() {
            command.arg("-w").arg(SkProvider::build(world).library);
        }
        run(&mut command);
        Self {
            public: with_suffix(&private, ".pub"),
            private,
            comment: name.to_owned(),
        }
    }

    pub fn ed25519(world: &World, name: &str) -> Self {
        Self::generate(world, name, Kind::Ed25519)
    }

    /// The line of the public file.
    pub fn line(&self) -> String {
        fs::read_to_string(&self.public)
            .expect("a public key file")
            .trim()
            .to_owned()
    }

    /// The public key as it goes over the wire.
    pub fn blob(&self) -> Vec<u8> {
        blob(&self.line())
    }

    pub fn algorithm(&self) -> String {
        self.line().split(' ').next().unwrap_or_default().to_owned()
    }

    pub fn fingerprint(&self, world: &World) -> String {
        let line = run(world.command("ssh-keygen").arg("-lf").arg(&self.public));
        line.split(' ').nth(1).expect("a fingerprint").to_owned()
    }

    /// Certifies this key as a user's; the certificate lies where `ssh-add` finds it.
    pub fn certify_user(&self, world: &World, authority: &Self, principals: &str) -> PathBuf {
        self.certify(world, authority, &["-n", principals])
    }

    pub fn certify_host(&self, world: &World, authority: &Self, principals: &str) -> PathBuf {
        self.certify(world, authority, &["-h", "-n", principals])
    }

    /// The same for some time only, as `ssh-keygen -V` takes it.
    pub fn certify_host_for(
        &self,
        world: &World,
        authority: &Self,
        principals: &str,
        validity: &str,
    ) -> PathBuf {
        self.certify(world, authority, &["-h", "-n", principals, "-V", validity])
    }

    fn certify(&self, world: &World, authority: &Self, options: &[&str]) -> PathBuf {
        let mut command = world.command("ssh-keygen");
        command
            .arg("-qs")
            .arg(&authority.private)
            .args(["-I", &self.comment])
            .args(options)
            .arg(&self.public);
        run(&mut command);
        with_suffix(&self.private, "-cert.pub")
    }
}

/// The wire form of the key on a public key line.
pub fn blob(line: &str) -> Vec<u8> {
    let base64 = line
        .split(' ')
        .nth(1)
        .expect("a public key line has a second word");
    BASE64_STANDARD
        .decode(base64)
        .expect("a public key is base64")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A security key in software, compiled from `assets/sk_provider.c`.
#[derive(Clone, Debug)]
pub struct SkProvider {
    pub library: PathBuf,
}

impl SkProvider {
    pub fn build(world: &World) -> Self {
        Self {
            library: library(world, "sk_provider", "sk_provider", &["-lcrypto"]),
        }
    }
}

/// A library that writes its caller's name into `marker` when it is loaded and claims to be a PKCS#11 module.
pub fn marker_library(world: &World, name: &str, marker: &Path) -> PathBuf {
    let define = format!("-DMARKER=\"{}\"", marker.display());
    library(world, name, "marker", &[&define])
}

fn library(world: &World, name: &str, source: &str, options: &[&str]) -> PathBuf {
    let target = world.directory("lib").join(format!("{name}.so"));
    if !target.exists() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("assets")
            .join(format!("{source}.c"));
        let mut command = Command::new("cc");
        run(command
            .args(["-shared", "-fPIC", "-Wall", "-o"])
            .arg(&target)
            .arg(source)
            .args(options));
    }
    target
}
