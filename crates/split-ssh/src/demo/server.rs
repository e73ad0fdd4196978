//! A real sshd on loopback.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use nix::unistd::Uid;

use super::agent::Key;
use super::programs;
use super::running::Running;
use super::world::{World, user_name};
use common::error::Error;

/// Another program may take the free port that we found before sshd does.
const PORT_ATTEMPTS: usize = 5;
/// Root's sshd locks its unprivileged half up here; Debian's boot scripts make it.
const PRIVILEGE_SEPARATION: &str = "/run/sshd";

#[derive(Debug)]
pub struct Server {
    pub name: &'static str,
    pub port: u16,
    pub host_key: Key,
    _process: Running,
}

impl Server {
    /// Lets in whoever has `key`, or a certificate by one of `authorities`.
    pub fn start(
        world: &World,
        name: &'static str,
        key: &Key,
        authorities: &[&Key],
    ) -> Result<Self, Error> {
        if Uid::current().is_root() {
            world.folder_elsewhere(Path::new(PRIVILEGE_SEPARATION))?;
        }
        let host_key = Key::make(world, name, "host_key")?;
        world.file(&format!("{name}/authorized_keys"), &key.line)?;
        let lines: Vec<_> = authorities.iter().map(|key| key.line.as_str()).collect();
        world.file(&format!("{name}/authorities"), &lines.join("\n"))?;
        for _ in 0..PORT_ATTEMPTS {
            let port = free_port()?;
            if let Some(process) = run(world, name, port)? {
                return Ok(Self {
                    name,
                    port,
                    host_key,
                    _process: process,
                });
            }
        }
        Err(Error::new("no free port for sshd"))
    }

    /// The server's line in known_hosts.
    pub fn known_host(&self) -> String {
        format!("{} {}\n", self.name, self.host_key.line)
    }
}

/// `None` if the port was taken meanwhile.
fn run(world: &World, name: &str, port: u16) -> Result<Option<Running>, Error> {
    let place = world.path(name);
    let place = place.display();
    let user = user_name();
    let pam = if needs_pam(&user) { "yes" } else { "no" };
    let config = world.file(
        &format!("{name}/sshd_config"),
        &format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {place}/host_key\n\
             AuthorizedKeysFile {place}/authorized_keys\nTrustedUserCAKeys {place}/authorities\n\
             AllowUsers {user}\nPermitRootLogin yes\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nUsePAM {pam}\nStrictModes no\nPidFile none\n\
             PrintMotd no\nPrintLastLog no\n"
        ),
    )?;
    let program = programs::find("sshd").ok_or_else(|| Error::new("sshd is gone"))?;
    let mut command = world.command(program);
    command.args(["-D", "-e", "-f"]).arg(config);
    let mut process = world.start(command, &format!("{name}/log"))?;
    match process.wait_until("sshd", |sshd| sshd.said().contains("Server listening on")) {
        Ok(()) => Ok(Some(process)),
        Err(_) if process.said().contains("Address already in use") => Ok(None),
        Err(error) => Err(error),
    }
}

fn free_port() -> Result<u16, Error> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Error::new(format!("no free port on loopback: {error}")))
}

/// Without PAM, root's sshd lets nobody in whose password is locked; a plain user's cannot look.
fn needs_pam(user: &str) -> bool {
    let shadow = fs::read_to_string("/etc/shadow").unwrap_or_default();
    let locked = |line: &str| line.starts_with(&format!("{user}:!"));
    shadow.lines().any(locked)
}
