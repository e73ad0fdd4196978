//! ssh itself says whether a host's key is good for a name; the guard must say the same.

mod keygen;

use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use common::crypto::Ring;
use keygen::{Folder, Key};
use policy::known_hosts::{HostKey, KnownHosts};

const NAMES: [&str; 4] = ["a.example", "b.example", "c.test", "plain"];

/// Whether ssh, meeting `host` with or without its certificate, takes it for `name`.
fn ssh_accepts(folder: &Folder, host: &Key, with_certificate: bool, name: &str) -> bool {
    let host = host.path.display();
    let certificate = if with_certificate {
        format!("-o HostCertificate={host}-cert.pub")
    } else {
        String::new()
    };
    let sshd = format!(
        "/usr/sbin/sshd -i -f /dev/null -h {host} {certificate} -o UsePAM=no -o PidFile=none"
    );
    let output = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "PreferredAuthentications=none",
        ])
        .args([
            "-o",
            "UserKnownHostsFile=known_hosts",
            "-o",
            "GlobalKnownHostsFile=none",
        ])
        .args(["-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no"])
        .args([
            "-o",
            "HostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com,ssh-ed25519",
        ])
        .args([
            "-o",
            &format!("HostKeyAlias={name}"),
            "-o",
            &format!("ProxyCommand={sshd}"),
            "nobody@host",
        ])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    match (
        stderr.contains("Permission denied"),
        stderr.contains("Host key verification failed"),
    ) {
        (true, false) => true,
        (false, true) => false,
        _ => panic!("ssh did not come to the host key:\n{stderr}"),
    }
}

fn guard_accepts(known_hosts: &str, shown: &[u8], name: &str) -> bool {
    let (known, _) = KnownHosts::parse(&[("known_hosts", known_hosts.as_bytes())]);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let found = known.identify(
        &HostKey::parse(shown).unwrap(),
        &[name.to_owned()],
        &Ring,
        now,
    );
    found.names.iter().any(|known| known == name) && !found.revocation.is_some()
}

#[test]
fn the_guard_gives_a_name_exactly_where_ssh_does() {
    if nix::unistd::Uid::effective().is_root() {
        std::fs::create_dir_all("/run/sshd").unwrap(); // where sshd separates privileges
    }
    let folder = Folder::new();
    let (host, ca) = (
        folder.key("host", "ed25519", "256"),
        folder.key("ca", "ed25519", "256"),
    );
    let (by, key) = (&ca.line, &host.line);
    let good: &[&str] = &["-n", "a.example,c.test", "-V", "always:forever"];
    let expired: &[&str] = &["-n", "a.example,c.test", "-V", "20200101:20200102"];
    let future: &[&str] = &["-n", "a.example,c.test", "-V", "20900101:20900102"];
    let critical: &[&str] = &["-n", "a.example,c.test", "-O", "critical:x@example.com=1"];
    let any = format!("@cert-authority * {by}\nplain {key}\n");
    // A certificate on a @revoked line stands for the key inside, whoever signed it and however long the line is.
    let stranger = folder.key("stranger", "ed25519", "256");
    folder.certify(&stranger, &host, &["-h", "-n", "elsewhere"]);
    let certificate = std::fs::read_to_string(folder.path().join("host-cert.pub")).unwrap();
    let certificate = certificate.trim();
    folder.certify(&ca, &stranger, &["-h", "-n", "elsewhere"]);
    let of_stranger = std::fs::read_to_string(folder.path().join("stranger-cert.pub")).unwrap();
    let of_stranger = of_stranger.trim();
    let many = "other.example,".repeat(10_000);
    let mut accepted = 0;
    for (certificate, known_hosts) in [
        (Some(good), any.clone()),
        (Some(good), format!("@cert-authority *.example {by}\n")),
        (
            Some(good),
            format!("@cert-authority *,!a.example {by}\nb.example {key}\n"),
        ),
        (
            Some(good),
            format!("*.example {by}\n@cert-authority c.test {key}\n"),
        ),
        (Some(good), format!("@revoked * {by}\n{any}")),
        (Some(good), format!("{any}@revoked * {key}\n")),
        (Some(expired), any.clone()),
        (Some(future), any.clone()),
        (Some(critical), any.clone()),
        (None, any.clone()),
        (
            None,
            format!("*.example,!b.example {key}\nc.test,plain {by}\n"),
        ),
        (None, format!("{any}@revoked * {key}\n")),
        (None, format!("{any}@revoked * {certificate}\n")),
        (Some(good), format!("{any}@revoked * {certificate}\n")),
        (Some(good), format!("{any}@revoked * {of_stranger}\n")),
        (None, format!("{any}@revoked {many}* {key}\n")),
        (Some(good), format!("{any}@revoked {many}* {by}\n")),
        (Some(good), format!("{any}@revoked {many}* {certificate}\n")),
        (
            Some(good),
            format!("{any}@revoked * {key} {}\n", "x".repeat(100_000)),
        ),
    ] {
        let shown = match certificate {
            Some(options) => folder.certify(&ca, &host, &[&["-h"], options].concat()),
            None => host.blob.clone(),
        };
        folder.write("known_hosts", &known_hosts);
        for name in NAMES {
            let expected = ssh_accepts(&folder, &host, certificate.is_some(), name);
            let what = format!("{name} by a certificate with {certificate:?} under\n{known_hosts}");
            assert_eq!(
                guard_accepts(&known_hosts, &shown, name),
                expected,
                "{what}"
            );
            accepted += usize::from(expected);
        }
    }
    assert!(
        (8..44).contains(&accepted),
        "both answers are exercised: {accepted}"
    );
}
