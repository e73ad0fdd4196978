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
    let found = place.service_files(&FOLDERS);
    let plain = found.iter().find(|path| path.ends_with(SERVICE));
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
    for path in found.iter().filter(|path| !path.ends_with(SERVICE)) {
        judge(path, place, findings);
    }
}

fn judge(path: &Path, place: &Machine, findings: &mut Findings) {
    let shown = path.display();
    let Ok(target) = fs::read_link(path) else {
        return judge_program(path, path, findings);
    };
    if leads_to_us(&target, path, place) {
        return findings.ok(CHECK, format!("{shown} leads to the guard"));
    }
    let real = if target.is_absolute() {
        place.at(&target)
    } else {
        path.with_file_name(&target)
    };
    let target = target.display();
    let what = match fs::metadata(&real) {
        Err(_) => {
            format!("{shown} leads to {target}, which is not there: clients see exit 127")
        }
        Ok(found) if found.file_type().is_socket() => {
            format!("{shown} leads past the guard to {target}")
        }
        Ok(_) => return judge_program(path, &real, findings),
    };
    let socket = socket(place);
    let remedy = format!(
        "sudo ln -sfn {} {shown}{}",
        socket.display(),
        in_template(path)
    );
    findings.bad(CHECK, what, remedy);
}

/// Where this vault listens.
fn socket(place: &Machine) -> PathBuf {
    if units::VAULT.is_installed(place) {
        PathBuf::from(PACKAGED_SOCKET)
    } else {
        place.paths.qrexec_socket()
    }
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
