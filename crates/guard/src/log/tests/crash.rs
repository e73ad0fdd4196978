//! The log under kill -9 and on a full disk. The writers are processes of their own: this test program,
//! started again for one of the ignored tests below.

use std::env;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::*;

const FOLDER: &str = "SPLIT_SSH_TEST_LOG";
const FIRST: &str = "SPLIT_SSH_TEST_FIRST";

fn folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

fn this_test(name: &str) -> Vec<String> {
    let program = env::current_exe().unwrap().to_string_lossy().into_owned();
    let test = format!("log::tests::crash::{name}");
    vec![
        program,
        "--exact".into(),
        test,
        "--ignored".into(),
        "--nocapture".into(),
        "--test-threads=1".into(),
    ]
}

#[test]
fn a_log_that_was_killed_at_any_moment_keeps_all_that_it_acknowledged() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("log");
    let mut acknowledged = 0;
    for round in 0..40_u64 {
        let [program, arguments @ ..] = &this_test("writes_until_it_is_killed")[..] else {
            unreachable!()
        };
        let mut writer = Command::new(program)
            .args(arguments)
            .env(FOLDER, &folder)
            .env(FIRST, (acknowledged + 1).to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Each `!` is a record that was acknowledged; how many there are to be differs each time.
        let mut stdout = writer.stdout.take().unwrap();
        let mut seen = 0;
        let mut byte = [0];
        while seen < 1 + round * 37 % 101 {
            assert_eq!(
                stdout.read(&mut byte).unwrap(),
                1,
                "the writer ended by itself"
            );
            seen += u64::from(byte == *b"!");
        }
        writer.kill().unwrap();
        assert_eq!(writer.wait().unwrap().signal(), Some(9));
        acknowledged += seen;

        match verify(&folder, &[]) {
            Ok(_)
            | Err(LogDamage::Line {
                what: LineDamage::Bad(BadLine::Torn),
                ..
            }) => {}
            Err(broken) => panic!("round {round}: {broken}"),
        }
        Log::open_with(&folder, SMALL)
            .unwrap()
            .write(refused("work", "between", 0))
            .unwrap();
        verify(&folder, &[]).unwrap();
        let last = records(&folder)
            .iter()
            .filter_map(|record| record.connection)
            .max()
            .unwrap();
        assert!(
            last >= acknowledged,
            "round {round}: {last} < {acknowledged}"
        );
        acknowledged = last;
    }
}

#[test]
#[ignore = "a process of its own that others start"]
fn writes_until_it_is_killed() {
    let Some(folder) = folder() else { return };
    let first: u64 = env::var(FIRST).unwrap().parse().unwrap();
    let log = Log::open_with(&folder, SMALL).unwrap();
    for i in first.. {
        log.write(refused("work", "noise", i)).unwrap();
        log.write(signed(i)).unwrap();
        std::io::stdout().write_all(b"!").unwrap();
    }
}

#[test]
fn a_full_disk_is_an_error_and_the_log_goes_on_when_there_is_room() {
    for bytes in (9_000..9_600).step_by(97) {
        let base = tempfile::tempdir().unwrap();
        let [program, arguments @ ..] = &this_test("writes_under_a_limit")[..] else {
            unreachable!()
        };
        let output = Command::new(program)
            .args(arguments)
            .env(FOLDER, base.path())
            .env(FIRST, bytes.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && said.contains("was full"),
            "{bytes}: {said}"
        );
    }
}

#[test]
#[ignore = "a process of its own that others start"]
fn writes_under_a_limit() {
    let Some(folder) = folder() else { return };
    let bytes: u64 = env::var(FIRST).unwrap().parse().unwrap();
    // With a handler the write fails instead of the process.
    signal_hook::flag::register(nix::libc::SIGXFSZ, Arc::new(AtomicBool::new(false))).unwrap();
    let (_, most) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, bytes, most).unwrap();
    fill_and_go_on(&folder, || {
        setrlimit(Resource::RLIMIT_FSIZE, most, most).unwrap()
    });
}

/// A file system of its own, where the system lets us mount one.
#[test]
fn a_full_file_system_is_an_error_too() {
    let base = tempfile::tempdir().unwrap();
    let script =
        r#"mount -t tmpfs -o size=24k,mode=700 none "$SPLIT_SSH_TEST_LOG" || exit 77; exec "$@""#;
    let output = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .args(this_test("writes_on_a_small_file_system"))
        .env(FOLDER, base.path())
        .output();
    let Ok(output) = output else { return };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if said.contains("running 1 test") {
        assert!(
            output.status.success() && said.contains("was full"),
            "{said}"
        );
    }
}

#[test]
#[ignore = "a process of its own that others start"]
fn writes_on_a_small_file_system() {
    let Some(folder) = folder() else { return };
    let ballast = folder.join("ballast");
    fs::write(&ballast, [0; 8192]).unwrap();
    fill_and_go_on(&folder, || fs::remove_file(&ballast).unwrap());
}

fn fill_and_go_on(folder: &Path, make_room: impl FnOnce()) {
    let log = Log::open(folder).unwrap();
    let mut written = 0;
    while log.write(signed(written)).is_ok() {
        written += 1;
        assert!(written < 1000, "the disk never was full");
    }
    assert_eq!(
        verify(folder, &[]).unwrap().records,
        written,
        "no half line stays"
    );
    for _ in 0..3 {
        for record in [signed(written), refused("work", "why", 0)] {
            let failed = log.write(record).unwrap_err();
            assert!(failed.what().starts_with("writing the log"), "{failed}");
        }
    }
    make_room();
    log.write(signed(written)).unwrap();
    log.write(refused("work", "why", 0)).unwrap();
    assert_eq!(verify(folder, &[]).unwrap().records, written + 3);
    let records = records(folder);
    let told = records
        .iter()
        .find(|record| record.event == Event::Recovered)
        .unwrap();
    assert_eq!((told.outcome, told.count), (RecordOutcome::Failed, Some(7)));
    println!("was full");
}
