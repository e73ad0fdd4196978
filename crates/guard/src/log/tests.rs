use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use policy::record::{Event, Record, RecordOutcome, Timestamp};

use admin::log::verify::{LineDamage, LogDamage, verify};
use common::log::heads::Head;
use common::log::line::BadLine;
use common::log::read;

use super::{Log, MAX_OLD_FILES};

const SMALL: u64 = 4096;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_ms((1_795_289_000 + seconds) * 1000)
}

fn signed(number: u64) -> Record {
    let mut record = Record::new(Event::Sign, RecordOutcome::Ok, at(number));
    record.connection = Some(number);
    record.qube = Some("work".into());
    record
}

fn refused(qube: &str, reason: &str, seconds: u64) -> Record {
    let mut record =
        Record::new(Event::Refusal, RecordOutcome::Refused, at(seconds)).because(reason);
    record.connection = Some(seconds);
    record.qube = Some(qube.into());
    record
}

fn records(folder: &Path) -> Vec<Record> {
    let mut records = Vec::new();
    for mut lines in read::open_all(folder).unwrap() {
        while let Some(line) = lines.next_line().unwrap() {
            records.push(line.record().unwrap().0);
        }
    }
    records
}

fn write_signatures(folder: &Path, number: u64, max_file: u64) {
    let log = Log::open_with(folder, max_file).unwrap();
    for i in 0..number {
        log.write(signed(i)).unwrap();
    }
}

fn place(broken: &LogDamage) -> (String, usize) {
    match broken {
        LogDamage::Line { file, line, .. } => (
            file.file_name().unwrap().to_string_lossy().into_owned(),
            *line,
        ),
        other => panic!("{other}"),
    }
}

fn damage(broken: &LogDamage) -> &LineDamage {
    match broken {
        LogDamage::Line { what, .. } => what,
        other => panic!("{other}"),
    }
}

#[test]
fn the_chain_goes_on_when_the_log_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        write_signatures(folder.path(), 4, SMALL * 100);
    }
    let whole = verify(folder.path(), &[]).unwrap();
    assert_eq!((whole.records, whole.files, whole.first), (12, 1, 1));
    let seqs: Vec<u64> = records(folder.path())
        .iter()
        .map(|record| record.seq)
        .collect();
    assert_eq!(seqs, (1..=12).collect::<Vec<_>>());
}

#[test]
fn a_log_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let first = Log::open(folder.path()).unwrap();
    let second = Log::open(folder.path()).err().unwrap();
    assert!(second.what().starts_with("another vault"), "{second}");
    drop(first);
    assert!(Log::open(folder.path()).is_ok());
}

#[test]
fn files_are_for_their_owner_only_and_others_folders_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("state/split-ssh");
    write_signatures(&folder, 1, SMALL);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&folder), mode(&folder.join("log.jsonl"))),
        (0o700, 0o600)
    );
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();
    let refused = Log::open(&folder).err().unwrap();
    assert!(refused.what().contains("not safe"), "{refused}");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    fs::remove_file(folder.join("log.jsonl")).unwrap();
    std::os::unix::fs::symlink("/dev/null", folder.join("log.jsonl")).unwrap();
    let link = Log::open(&folder).err().unwrap();
    assert!(link.what().ends_with("it is a symbolic link"), "{link}");
    assert!(link.next().is_some());
}

#[test]
fn a_folder_that_others_come_to_write_is_not_used_any_more() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    log.write(signed(1)).unwrap();
    let mode = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    let refused = log.write(signed(2)).unwrap_err();
    assert!(refused.what().contains("not safe"), "{refused}");
    assert!(log.trouble().is_some());
    mode(0o700);
    log.write(signed(3)).unwrap();
    assert_eq!(log.trouble(), None);
    let records = records_that_can_be_read(folder.path());
    assert_eq!(
        records.len(),
        3,
        "two, and one that tells of the lost one: {records:?}"
    );
}

/// What a log still says after `meddle` with its folder while it is open.
fn meddled_with(meddle: impl FnOnce(&Path)) -> (tempfile::TempDir, Log, String) {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    log.write(signed(1)).unwrap();
    log.write(signed(2)).unwrap();
    meddle(folder.path());
    log.write(signed(3)).unwrap();
    let records = records_that_can_be_read(folder.path());
    let [.., told, last] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!(
        (told.event, last.seq, last.connection),
        (Event::Recovered, 4, Some(3))
    );
    let reason = told.reason.clone().unwrap();
    (folder, log, reason)
}

fn records_that_can_be_read(folder: &Path) -> Vec<Record> {
    let mut records = Vec::new();
    for mut lines in read::open_all(folder).unwrap() {
        while let Some(line) = lines.next_line().unwrap() {
            records.extend(line.record().map(|(record, _)| record));
        }
    }
    records
}

#[test]
fn a_log_that_is_taken_away_under_the_vault_goes_on_where_it_was() {
    let newest = |folder: &Path| folder.join("log.jsonl");
    for (meddled, expected) in [
        (
            meddled_with(|folder| fs::remove_file(newest(folder)).unwrap()),
            "log.jsonl was moved away or removed",
        ),
        (
            meddled_with(|folder| fs::rename(newest(folder), folder.join("old")).unwrap()),
            "log.jsonl was moved away or removed",
        ),
        (
            meddled_with(|folder| fs::write(newest(folder), "").unwrap()),
            "lines were cut off",
        ),
    ] {
        let (folder, _log, reason) = meddled;
        assert!(reason.starts_with(expected), "{reason}");
        let broken = verify(folder.path(), &[]).unwrap_err();
        assert!(
            matches!(damage(&broken), LineDamage::Missing { from: 1, to: 2 }),
            "{broken}"
        );
    }
}

#[test]
fn no_record_is_lost_behind_what_another_program_wrote() {
    use std::io::Write;
    for garbage in ["half a line", "a line\n"] {
        let (folder, _log, reason) = meddled_with(|folder| {
            let file = fs::OpenOptions::new()
                .append(true)
                .open(folder.join("log.jsonl"));
            file.unwrap().write_all(garbage.as_bytes()).unwrap();
        });
        assert!(reason.starts_with("another program wrote"), "{reason}");
        let whole = verify(folder.path(), &[]);
        assert_eq!(
            whole.is_ok(),
            !garbage.ends_with('\n'),
            "half a line is cut off again"
        );
    }
}

#[test]
fn trouble_is_told_until_a_record_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    log.write(signed(1)).unwrap();
    assert_eq!(log.trouble(), None);
    let newest = folder.path().join("log.jsonl");
    fs::remove_file(&newest).unwrap();
    fs::create_dir(&newest).unwrap();
    log.write(signed(2)).unwrap_err();
    assert!(log.trouble().unwrap().contains("log.jsonl"));
    fs::remove_dir(&newest).unwrap();
    log.write(signed(3)).unwrap();
    assert_eq!(log.trouble(), None);
}

#[test]
fn rotation_keeps_the_newest_files_and_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    write_signatures(folder.path(), 30, SMALL);
    let whole = verify(folder.path(), &[]).unwrap();
    assert!(whole.files > 2 && whole.records == 30, "{whole:?}");
    assert_eq!(whole.first, 1);

    write_signatures(folder.path(), 300, SMALL);
    let whole = verify(folder.path(), &[]).unwrap();
    assert_eq!(whole.files, MAX_OLD_FILES as usize + 1);
    assert_eq!(whole.first + whole.records, 331);
    assert!(whole.first > 1);
    for lines in read::open_all(folder.path()).unwrap() {
        assert!(fs::metadata(&lines.path).unwrap().len() <= SMALL);
    }
}

#[test]
fn a_rotation_that_a_crash_cut_short_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    write_signatures(folder.path(), 330, SMALL);
    let name = |number: u32| common::log::files::kept(folder.path(), number);
    // Stopped between two renames: a gap in the numbers.
    fs::rename(name(7), name(8)).unwrap();
    fs::rename(name(6), name(7)).unwrap();
    verify(folder.path(), &[]).unwrap();
    // Stopped before the new file was made.
    for number in (1..=5).rev() {
        fs::rename(name(number), name(number + 1)).unwrap();
    }
    fs::rename(common::log::files::newest(folder.path()), name(1)).unwrap();
    verify(folder.path(), &[]).unwrap();
    write_signatures(folder.path(), 50, SMALL);
    let whole = verify(folder.path(), &[]).unwrap();
    assert_eq!(whole.first + whole.records, 381);
}

#[test]
fn any_changed_byte_is_found_in_its_line() {
    let folder = tempfile::tempdir().unwrap();
    write_signatures(folder.path(), 14, SMALL);
    for name in ["log.jsonl.1", "log.jsonl"] {
        let path = folder.path().join(name);
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 7);
            fs::write(&path, &bad).unwrap();
            let line = 1 + good[..at].iter().filter(|&&byte| byte == b'\n').count();
            let broken = verify(folder.path(), &[]).unwrap_err();
            assert_eq!(
                place(&broken),
                (name.to_owned(), line),
                "byte {at}: {broken}"
            );
        }
        fs::write(&path, &good).unwrap();
        verify(folder.path(), &[]).unwrap();
    }
}

#[test]
fn missing_swapped_and_repeated_lines_are_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    write_signatures(folder.path(), 40, SMALL);
    let path = folder.path().join("log.jsonl.1");
    let good = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let check = |lines: &[&str]| {
        fs::write(&path, lines.concat()).unwrap();
        verify(folder.path(), &[])
    };
    for at in 0..lines.len() {
        let mut less = lines.clone();
        less.remove(at);
        let broken = check(&less).unwrap_err();
        let next = if at + 1 == lines.len() {
            ("log.jsonl".to_owned(), 1)
        } else {
            ("log.jsonl.1".to_owned(), at + 1)
        };
        assert_eq!(place(&broken), next);
        assert!(
            matches!(damage(&broken), LineDamage::Missing { from, to } if from == to),
            "{broken}"
        );

        let mut more = lines.clone();
        more.insert(at, lines[at]);
        let broken = check(&more).unwrap_err();
        assert!(
            matches!(damage(&broken), LineDamage::Misplaced { .. }),
            "{broken}"
        );
        assert_eq!(place(&broken).1, at + 2);

        if at > 0 {
            let mut swapped = lines.clone();
            swapped.swap(at - 1, at);
            let broken = check(&swapped).unwrap_err();
            assert!(matches!(damage(&broken), LineDamage::Missing { .. }));
            assert_eq!(place(&broken).1, at);
        }
    }
    check(&lines).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(
        place(&verify(folder.path(), &[]).unwrap_err()),
        ("log.jsonl".to_owned(), 1)
    );
    check(&lines).unwrap();
    // The oldest file, which was never full enough to be rotated away.
    let oldest = read::open_all(folder.path()).unwrap().remove(0).path;
    fs::remove_file(oldest).unwrap();
    let broken = verify(folder.path(), &[]).unwrap_err();
    assert!(matches!(
        damage(&broken),
        LineDamage::Missing { from: 1, .. }
    ));
    assert_eq!(place(&broken).1, 1);
}

#[test]
fn the_journals_heads_tell_a_cut_and_a_rewritten_log() {
    let folder = tempfile::tempdir().unwrap();
    write_signatures(folder.path(), 5, SMALL);
    let path = folder.path().join("log.jsonl");
    let good = fs::read_to_string(&path).unwrap();
    let heads: Vec<Head> = read::open_all(folder.path())
        .unwrap()
        .iter_mut()
        .flat_map(|lines| std::iter::from_fn(|| lines.next_line().unwrap()))
        .map(|line| line.record().unwrap())
        .map(|(record, hash)| Head {
            seq: record.seq,
            hash,
        })
        .collect();
    assert_eq!(verify(folder.path(), &heads).unwrap().heads, 5);

    let cut: String = good.split_inclusive('\n').take(3).collect();
    fs::write(&path, cut).unwrap();
    verify(folder.path(), &heads[..3]).unwrap();
    assert!(matches!(
        verify(folder.path(), &heads),
        Err(LogDamage::Cut { from: 4, to: 5 })
    ));

    fs::remove_file(&path).unwrap();
    let log = Log::open(folder.path()).unwrap();
    for i in 10..20 {
        log.write(signed(i)).unwrap();
    }
    verify(folder.path(), &[]).unwrap();
    for (heads, line) in [(&heads[..], 1), (&heads[4..], 5)] {
        let broken = verify(folder.path(), heads).unwrap_err();
        assert!(matches!(damage(&broken), LineDamage::Rewritten { .. }));
        assert_eq!(place(&broken).1, line);
    }
}

#[test]
fn a_line_cut_short_anywhere_is_named_then_mended_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    write_signatures(folder.path(), 3, SMALL * 10);
    let good = fs::read(&path).unwrap();
    let two = good
        .split_inclusive(|&byte| byte == b'\n')
        .take(2)
        .map(<[u8]>::len)
        .sum::<usize>();
    for cut in two + 1..good.len() {
        fs::write(&path, &good[..cut]).unwrap();
        let broken = verify(folder.path(), &[]).unwrap_err();
        assert!(
            matches!(damage(&broken), LineDamage::Bad(BadLine::Torn)),
            "{broken}"
        );
        assert_eq!(place(&broken).1, 3);
        write_signatures(folder.path(), 1, SMALL * 10);
        assert_eq!(verify(folder.path(), &[]).unwrap().records, 4);
        let told = &records(folder.path())[2];
        assert_eq!(told.event, Event::Recovered);
        let expected = format!("a half-written line of {} bytes was cut off", cut - two);
        assert_eq!(told.reason.as_deref(), Some(expected.as_str()));
    }
}

#[test]
fn the_log_goes_on_behind_a_changed_line_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    write_signatures(folder.path(), 3, SMALL * 10);
    let changed = fs::read_to_string(&path)
        .unwrap()
        .replace("\"connection\":2", "\"connection\":7");
    fs::write(&path, changed).unwrap();
    write_signatures(folder.path(), 1, SMALL * 10);
    assert_eq!(place(&verify(folder.path(), &[]).unwrap_err()).1, 3);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"event\":\"recovered\""), "{text}");
    assert!(
        text.contains("\"seq\":4,") && text.contains("\"seq\":5,"),
        "{text}"
    );
}

#[test]
fn refusals_that_are_alike_are_counted_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    let mut expected: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut signatures = 0;
    for i in 0..5_000_u64 {
        let (qube, reason) = ([0, 1, 3][i as usize % 3], [0, 1][i as usize % 2]);
        let (qube, reason) = (format!("qube-{qube}"), format!("reason {reason}"));
        // Ten a second: more than eight minutes.
        log.write(refused(&qube, &reason, i / 10)).unwrap();
        *expected.entry((qube, reason)).or_default() += 1;
        if i % 100 == 0 {
            log.write(signed(i / 10)).unwrap();
            signatures += 1;
        }
        if i % 600 == 0 {
            log.tick(at(i / 10)).unwrap();
        }
    }
    log.close().unwrap();
    verify(folder.path(), &[]).unwrap();
    let mut counted: BTreeMap<(String, String), u64> = BTreeMap::new();
    let records = records(folder.path());
    for record in records
        .iter()
        .filter(|record| record.event == Event::Refusal)
    {
        let qube = record.qube.as_deref().unwrap().to_owned();
        let key = (qube, record.reason.clone().unwrap());
        *counted.entry(key).or_default() += record.times();
    }
    assert_eq!(counted, expected);
    assert_eq!(
        records
            .iter()
            .filter(|record| record.event == Event::Sign)
            .count(),
        signatures
    );
    // Six kinds, a line each at once, then one a minute.
    assert!(records.len() < signatures + 6 * 11, "{}", records.len());
}

/// Beyond eight kinds only the event counts; yet what is the same in all that was counted is said.
#[test]
fn what_is_counted_beyond_the_bound_tells_what_it_has_in_common() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    for kind in 0..9 {
        log.write(refused("loud", &kind.to_string(), 0)).unwrap();
    }
    for _ in 0..5 {
        log.write(refused("loud", "the same", 1)).unwrap();
    }
    log.tick(at(100)).unwrap();
    for kind in 0..8 + 5 {
        log.write(refused("loud", &kind.to_string(), 101)).unwrap();
    }
    log.close().unwrap();
    let told: Vec<_> = records(folder.path())
        .into_iter()
        .filter(|record| record.count.is_some())
        .map(|record| (record.reason.unwrap(), record.count.unwrap()))
        .collect();
    let mixed = "many of different kinds, counted together".to_owned();
    assert_eq!(told, [("the same".to_owned(), 5), (mixed, 5)]);
}

#[test]
fn a_single_repetition_is_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    log.write(refused("work", "why", 0)).unwrap();
    log.write(refused("work", "why", 5)).unwrap();
    assert_eq!(records(folder.path()).len(), 1);
    log.tick(at(59)).unwrap();
    assert_eq!(records(folder.path()).len(), 1);
    log.tick(at(60)).unwrap();
    let records = records(folder.path());
    assert_eq!(
        (records.len(), records[1].connection, records[1].count),
        (2, Some(5), None)
    );
}

#[test]
fn a_qube_that_varies_its_requests_fills_no_disk() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    for i in 0..10_000 {
        log.write(refused("evil", &format!("reason {i}"), i / 1000))
            .unwrap();
        if i % 1000 == 0 {
            log.write(refused("honest", &format!("reason {i}"), i / 1000))
                .unwrap();
        }
    }
    log.close().unwrap();
    let records = records(folder.path());
    assert!(records.len() < 40, "{}", records.len());
    let of = |qube: &str| -> u64 {
        records
            .iter()
            .filter(|record| record.qube.as_deref() == Some(qube))
            .map(Record::times)
            .sum()
    };
    assert_eq!((of("evil"), of("honest")), (10_000, 10));
    verify(folder.path(), &[]).unwrap();
}

#[test]
fn the_stop_record_comes_last() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    for seconds in 0..3 {
        log.write(refused("work", "why", seconds)).unwrap();
    }
    log.write(Record::new(Event::Stop, RecordOutcome::Ok, at(4)))
        .unwrap();
    log.close().unwrap();
    let records = records(folder.path());
    assert_eq!(records.iter().map(Record::times).sum::<u64>(), 4);
    assert_eq!(records.last().map(|record| record.event), Some(Event::Stop));
}

#[test]
fn a_clock_that_is_set_back_ends_the_minute() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    for seconds in [3600, 3601, 3602] {
        log.write(refused("work", "why", seconds)).unwrap();
    }
    log.tick(at(0)).unwrap();
    assert_eq!(
        records(folder.path())
            .iter()
            .map(Record::times)
            .sum::<u64>(),
        3
    );
}

#[test]
fn a_record_that_is_too_long_is_refused_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(folder.path()).unwrap();
    log.write(signed(1)).unwrap();
    let long = signed(2).because("x".repeat(common::log::line::MAX_LINE));
    let refused = log.write(long).unwrap_err();
    assert!(refused.what().contains("too long"), "{refused}");
    log.write(signed(3)).unwrap();
    assert_eq!(verify(folder.path(), &[]).unwrap().records, 3);
    let told = &records(folder.path())[1];
    assert_eq!(
        (told.event, told.outcome, told.count),
        (Event::Recovered, RecordOutcome::Failed, Some(1))
    );
}

mod crash;
