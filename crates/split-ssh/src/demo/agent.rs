//! Real ssh-agents with throw-away keys, and bare connections to an agent for what no real client sends.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use wire::limits::MAX_MESSAGE;
use wire::reply::Reply;
use wire::request::{Request, SignRequest};

use super::running::Running;
use super::world::World;
use common::error::Error;

/// An agent takes as many connections as it may have files open: 1024 as a rule. Fewer keep the demo short.
pub const OPEN_FILES: usize = 24;
/// Long for an agent, short for a person who watches.
pub const SOON: Duration = Duration::from_secs(3);

/// A key pair made by `ssh-keygen`; its comment is its name.
#[derive(Clone, Debug)]
pub struct Key {
    pub private: PathBuf,
    pub public: PathBuf,
    /// As on a public key line.
    pub line: String,
    pub blob: Vec<u8>,
}

impl Key {
    pub fn make(world: &World, folder: &str, name: &str) -> Result<Self, Error> {
        let private = world.folder(folder)?.join(name);
        let public = private.with_extension("pub");
        let mut keygen = world.command("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]);
        keygen.arg(&private);
        world.run(keygen)?;
        let line =
            fs::read_to_string(&public).map_err(|error| Error::io("read", &public, &error))?;
        let blob = line
            .split(' ')
            .nth(1)
            .and_then(|base64| BASE64_STANDARD.decode(base64).ok())
            .ok_or_else(|| Error::new(format!("{} is no public key", public.display())))?;
        Ok(Self {
            private,
            public,
            line: line.trim().to_owned(),
            blob,
        })
    }
}

/// The keys of one vault.
#[derive(Clone, Debug)]
pub struct Keys {
    pub work: Key,
    pub home: Key,
    /// Signs user certificates.
    pub ca: Key,
}

impl Keys {
    pub fn make(world: &World, folder: &str) -> Result<Self, Error> {
        Ok(Self {
            work: Key::make(world, folder, "work")?,
            home: Key::make(world, folder, "home")?,
            ca: Key::make(world, folder, "ca")?,
        })
    }

    pub fn all(&self) -> [&Key; 3] {
        [&self.work, &self.home, &self.ca]
    }
}

/// `ssh-agent` with some keys.
#[derive(Debug)]
pub struct Agent {
    process: Running,
    pub socket: PathBuf,
}

impl Agent {
    /// `name` is the folder that it lives in. It may load libraries from the folder `lib` beside.
    pub fn start(world: &World, name: &str, keys: &Keys) -> Result<Self, Error> {
        let socket = world.folder(name)?.join("agent.sock");
        let _ = fs::remove_file(&socket);
        let script = format!("ulimit -n {OPEN_FILES}; exec ssh-agent \"$@\"");
        let mut command = world.command("sh");
        command.args(["-c", &script, "sh", "-D", "-P"]);
        command.arg(format!("{}/*", world.path("lib").display()));
        command.arg("-a").arg(&socket);
        let mut process = world.start(command, &format!("{name}/agent.log"))?;
        process.wait_until("ssh-agent", |_| UnixStream::connect(&socket).is_ok())?;
        for key in keys.all() {
            let mut add = ssh_add(world, &socket);
            add.arg("-q").arg(&key.private);
            world.run(add)?;
        }
        Ok(Self { process, socket })
    }

    pub fn runs(&mut self) -> bool {
        self.process.runs()
    }

    pub fn stop(&mut self) -> Result<(), Error> {
        self.process.stop()
    }

    /// The blobs of the keys that it lists to the vault's own user. `None`: no answer.
    pub fn keys(&self) -> Option<Vec<Vec<u8>>> {
        keys_at(&self.socket)
    }

    /// What it signs for the vault's own user.
    pub fn sign(&self, key: &Key, data: &[u8]) -> Option<Vec<u8>> {
        Connection::open(&self.socket).ok()?.sign(&key.blob, data)
    }
}

/// The blobs of the keys listed at `socket`.
pub fn keys_at(socket: &Path) -> Option<Vec<Vec<u8>>> {
    let reply = Connection::open(socket)
        .ok()?
        .ask(&Request::List.rebuild())?;
    match Reply::parse(&reply) {
        Ok(Reply::Identities(keys)) => Some(keys.iter().map(|key| key.key.to_vec()).collect()),
        _ => None,
    }
}

/// `ssh-add` that speaks to `socket`.
pub fn ssh_add(world: &World, socket: &Path) -> Command {
    let mut command = world.command("ssh-add");
    command.env("SSH_AUTH_SOCK", socket);
    command
}

/// A connection to an agent.
#[derive(Debug)]
pub struct Connection(UnixStream);

impl Connection {
    /// # Errors
    /// Nobody listens.
    pub fn open(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.set_write_timeout(Some(SOON))?;
        Ok(Self(stream))
    }

    /// Sends a request and returns the reply; `None` if none comes.
    pub fn ask(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        self.send(&wire::frame::encode(request)).ok()?;
        self.answer()
    }

    /// The next reply; `None` if none comes.
    pub fn answer(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).ok()?;
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        if length > MAX_MESSAGE {
            return None;
        }
        let mut reply = vec![0; length];
        self.0.read_exact(&mut reply).ok()?;
        Some(reply)
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// An answer, or the connection's end, can be read.
    pub fn has_answer(&self) -> bool {
        let mut wanted = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        poll(&mut wanted, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// The signature, if one is given.
    pub fn sign(&mut self, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
        let flags = 0;
        let reply = self.ask(&Request::Sign(SignRequest { key, data, flags }).rebuild())?;
        match Reply::parse(&reply) {
            Ok(Reply::Signature(signature)) => Some(signature.to_vec()),
            _ => None,
        }
    }
}
