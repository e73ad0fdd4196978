//! The service file: what qrexec runs, or connects to, when a client calls.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::finding::{Check, Findings};
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
const PACKAGED_SOCKET: &str = "/run/split-ssh-vault/qrexec.sock";

pub fn check(place: &Machine, findings: &mut Findings) {
    let mut check = findings.check("service");
    let found = place.service_files(&FOLDERS);
    // Files of one argument come before the plain one, in every folder.
    let (plain, of_arguments): (Vec<PathBuf>, _) =
        found.into_iter().partition(|path| path.ends_with(SERVICE));
    if plain.is_empty() {
        check.bad(
            format!("there is no {SERVICE} in /etc/qubes-rpc: clients see exit 127"),
            format!(
                "install split-ssh in this vault's template; or, for this vault alone: \
                 sudo mkdir -p {OWN_FOLDER}; sudo ln -s {} {OWN_FOLDER}/{SERVICE}",
                socket(place).display()
            ),
        );
    }
    for path in plain.iter().chain(&of_arguments) {
        judge(path, place, &mut check);
    }
}

fn judge(path: &Path, place: &Machine, check: &mut Check<'_>) {
    let shown = path.display();
    let Ok(target) = fs::read_link(path) else {
        return judge_program(path, path, check);
    };
    let real = match target.is_absolute() {
        true => place.at(&target),
        false => path.with_file_name(&target),
    };
    let ours = place.paths.qrexec_socket();
    let is_packaged = target == Path::new(PACKAGED_SOCKET);
    if is_packaged || is_same(&target, &ours) || is_same(&real, &ours) {
        return check.ok(format!("{shown} leads to the guard"));
    }
    let target = target.display();
    let what = match fs::metadata(&real) {
        Err(_) => format!("{shown} leads to {target}, which is not there: clients see exit 127"),
        Ok(found) if found.file_type().is_socket() => {
            format!("{shown} leads past the guard to {target}")
        }
        Ok(_) => return judge_program(path, &real, check),
    };
    let (socket, there) = (socket(place), in_template(path));
    check.bad(
        what,
        format!("sudo ln -sfn {} {shown}{there}", socket.display()),
    );
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
    let own_folder = OWN_FOLDER.trim_start_matches('/');
    match path.parent() {
        Some(folder) if folder.ends_with(own_folder) => "",
        _ => "; in the template too",
    }
}

fn judge_program(path: &Path, program: &Path, check: &mut Check<'_>) {
    let shown = path.display();
    let found = fs::metadata(program);
    let is_executable = found.is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
    let text = text_of(program).unwrap_or_default();
    if !is_executable {
        let what = format!("{shown} is not executable: clients see exit 125");
        let remedy = format!("sudo chmod 755 {shown}{}", in_template(path));
        check.bad(what, remedy);
    } else if text.contains("split-ssh vault --stdio") {
        check.ok(format!("{shown} starts split-ssh vault --stdio"));
    } else {
        let what = format!("{shown} hands requests on to an agent that no guard stands before");
        check.bad(what, "split-ssh migrate");
    }
}
