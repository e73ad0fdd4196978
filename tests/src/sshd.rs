//! A real `sshd` on loopback, with its own port and host keys; root or not.

use std::net::TcpListener;
use std::path::PathBuf;

use crate::children::Running;
use crate::keys::{Key, Kind};
use crate::world::{World, user_name};

/// Another program may take the free port that we found before sshd does.
const PORT_ATTEMPTS: usize = 5;

#[derive(Debug)]
pub struct Sshd {
    pub process: Running,
    pub port: u16,
    pub host_key: Key,
    pub name: String,
    /// The CA of its host certificate, as on a public key line.
    authority: Option<String>,
    authorized: PathBuf,
}

/// What differs between servers.
#[derive(Debug)]
pub struct Options<'a> {
    pub name: &'a str,
    pub host_key: Kind,
    pub host_certificate: Option<&'a Key>,
    /// Further lines of sshd_config.
    pub lines: &'a [&'a str],
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            name: "server",
            host_key: Kind::Ed25519,
            host_certificate: None,
            lines: &[],
        }
    }
}

impl Sshd {
    pub fn start(world: &World) -> Self {
        Self::start_with(world, &Options::default())
    }

    pub fn named(world: &World, name: &str) -> Self {
        Self::start_with(
            world,
            &Options {
                name,
                ..Options::default()
            },
        )
    }

    pub fn start_with(world: &World, options: &Options<'_>) -> Self {
        let name = options.name;
        let host_key = Key::generate(world, &format!("host-{name}"), options.host_key);
        let authorized = world.file(format!("{name}/authorized_keys"), "");
        let mut lines = options
            .lines
            .iter()
            .map(|line| (*line).to_owned())
            .collect::<Vec<_>>();
        if let Some(authority) = options.host_certificate {
            let certificate = host_key.certify_host(world, authority, name);
            lines.push(format!("HostCertificate {}", certificate.display()));
        }
        if nix::unistd::Uid::current().is_root() {
            std::fs::create_dir_all("/run/sshd")
                .expect("root's sshd wants its privilege separation folder");
        }
        for _ in 0..PORT_ATTEMPTS {
            let port = free_port();
            let process = run(world, name, port, &host_key, &authorized, &lines);
            if let Some(process) = process {
                return Self {
                    process,
                    port,
                    host_key,
                    name: name.to_owned(),
                    authority: options.host_certificate.map(Key::line),
                    authorized,
                };
            }
        }
        panic!("no free port for sshd");
    }

    pub fn authorize(&self, key: &Key) {
        self.authorize_line(&key.line());
    }

    /// Adds a line to authorized_keys.
    pub fn authorize_line(&self, line: &str) {
        let text = std::fs::read_to_string(&self.authorized).expect("our own file");
        std::fs::write(&self.authorized, format!("{text}{line}\n")).expect("our own file");
    }

    /// A line for known_hosts: the host key, or the CA that vouches for it.
    pub fn known_host(&self) -> String {
        match &self.authority {
            Some(authority) => format!("@cert-authority {} {authority}\n", self.name),
            None => format!("{} {}\n", self.name, self.host_key.line()),
        }
    }

    /// How often somebody got in.
    pub fn logins(&self) -> usize {
        self.process.log().matches("Accepted publickey").count()
    }
}

/// Without PAM, root's sshd lets nobody in whose password is locked; a plain user's cannot look.
fn needs_pam() -> bool {
    let shadow = std::fs::read_to_string("/etc/shadow").unwrap_or_default();
    let locked = format!("{}:!", user_name());
    shadow.lines().any(|line| line.starts_with(&locked))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("a bound port").port()
}

fn run(
    world: &World,
    name: &str,
    port: u16,
    host_key: &Key,
    authorized: &std::path::Path,
    lines: &[String],
) -> Option<Running> {
    let config = format!(
        // Of two lines for one setting sshd takes the first.
        "{}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM {}\n\
         StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nAllowUsers {}\n\
         PermitRootLogin yes\nMaxStartups 100\nMaxSessions 100\nLogLevel VERBOSE\nSubsystem sftp internal-sftp\n",
        lines.join("\n"),
        host_key.private.display(),
        authorized.display(),
        if needs_pam() { "yes" } else { "no" },
        user_name(),
    );
    let config = world.file(format!("{name}/sshd_config"), config);
    let mut command = world.command("/usr/sbin/sshd");
    command.args(["-D", "-e", "-f"]).arg(config);
    let mut process = Running::start(command, &world.path(format!("{name}/log")));
    let listens = crate::wait::wait_for("sshd to listen", || {
        let log = process.log();
        if log.contains("Server listening on") {
            return Some(true);
        }
        process.exit_status().map(|status| {
            assert!(
                log.contains("Address already in use"),
                "sshd ended with {status}:\n{log}"
            );
            false
        })
    });
    listens.then_some(process)
}
