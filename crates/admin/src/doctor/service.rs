//! The service file: what qrexec runs, or connects to, when a client calls.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::finding::Findings;
use super::place::{Machine, is_same, text_of};
use super::units;
use common::service::SERVICE;

/// qrexec looks through these folders in this order; the first since Qubes 4.3.
const FOLDERS: [&str; 3] = [
    "/run/qubes-rpc",
    "/usr/local/etc/qubes-rpc",
    "/etc/qubes-rpc",
];
/// The one of them that is a qube's own.
const OWN_FOLDER: &str = "/usr/local/etc/qubes-rpc";
const CHECK: &str = "service";
const PACKAGED_SOCKET: &str = "/run/split-ssh-vault/qrexec.sock";

pub fn check(place: &Machine, findings: &mut Findings) {
    let found = find(place);
    let plain = found.iter().find(|path| name_of(path) == SERVICE);
    match plain {
        None => findings.bad(
            CHECK,
            format!("there is no {SERVICE} in /etc/qubes-rpc: clients see exit 127"),
            format!(
                "install split-ssh in this vault's template; or, for this vault alone: \
                 sudo mkdir -p {OWN_FOLDER}; sudo ln -s {} {OWN_FOLDER}/{SERVICE}",
                socket(place).display()
            ),
        ),
        Some(path) => judge(path, place, findings),
    }
    // Files of one argument come before the plain one, in every folder.
    for path in found.iter().filter(|path| name_of(path) != SERVICE) {
        judge(path, place, findings);
    }
}

/// The files that qrexec would use, one for each name.
fn find(place: &Machine) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in FOLDERS {
        let entries = fs::read_dir(place.at(folder))
            .into_iter()
            .flatten()
            .flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = name_of(&path);
            let is_ours = name == SERVICE || name.starts_with("qubes.SshAgent+");
            if is_ours && !found.iter().any(|other| name_of(other) == name) {
                found.push(path);
            }
        }
    }
    found
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn judge(path: &Path, place: &Machine, findings: &mut Findings) {
    let shown = path.display();
    if let Ok(target) = fs::read_link(path) {
        if leads_to_us(&target, path, place) {
            return findings.ok(CHECK, format!("{shown} leads to the guard"));
        }
        let real = if target.is_absolute() {
            place.at(&target)
        } else {
            path.with_file_name(&target)
        };
        let Ok(status) = fs::metadata(&real) else {
            return findings.bad(
                CHECK,
                format!(
                    "{shown} leads to {}, which is not there: clients see exit 127",
                    target.display()
                ),
                link(path, place),
            );
        };
        if status.file_type().is_socket() {
            return findings.bad(
                CHECK,
                format!("{shown} leads past the guard to {}", target.display()),
                link(path, place),
            );
        }
        return judge_program(path, &real, findings);
    }
    judge_program(path, path, findings);
}

/// Where this vault listens.
fn socket(place: &Machine) -> PathBuf {
    if units::VAULT.is_installed(place) {
        PathBuf::from(PACKAGED_SOCKET)
    } else {
        place.paths.qrexec_socket()
    }
}

fn link(path: &Path, place: &Machine) -> String {
    let socket = socket(place);
    format!(
        "sudo ln -sfn {} {}{}",
        socket.display(),
        path.display(),
        in_template(path)
    )
}

/// An app qube's /etc is its template's at each start.
fn in_template(path: &Path) -> &'static str {
    let is_own = path
        .parent()
        .is_some_and(|folder| folder.ends_with(OWN_FOLDER.trim_start_matches('/')));
    if is_own { "" } else { "; in the template too" }
}

fn leads_to_us(target: &Path, link: &Path, place: &Machine) -> bool {
    let ours = place.paths.qrexec_socket();
    let target = if target.is_absolute() {
        target.to_owned()
    } else {
        link.with_file_name(target)
    };
    target == Path::new(PACKAGED_SOCKET)
        || is_same(&target, &ours)
        || is_same(&place.at(&target), &ours)
}

fn judge_program(path: &Path, program: &Path, findings: &mut Findings) {
    let shown = path.display();
    let is_executable =
        fs::metadata(program).is_ok_and(|status| status.permissions().mode() & 0o111 != 0);
    let text = text_of(program).unwrap_or_default();
    let is_ours = text.contains("split-ssh vault --stdio");
    if is_ours && is_executable {
        findings.ok(CHECK, format!("{shown} starts split-ssh vault --stdio"));
    } else if is_ours || !is_executable {
        findings.bad(
            CHECK,
            format!("{shown} is not executable: clients see exit 125"),
            format!("sudo chmod 755 {shown}{}", in_template(path)),
        );
    } else {
        findings.bad(
            CHECK,
            format!("{shown} hands requests on to an agent that no guard stands before"),
            "split-ssh migrate",
        );
    }
}
