//! The files: who may read them, how they grow, what an older program does.

use std::{fs, sync::Barrier, thread, time::Duration};

use crate::{
    event::EventType,
    history::{Entry, Error, Writer},
};

use super::{Lab, draft, shorts};

#[cfg(unix)]
#[test]
fn folder_and_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mut lab = Lab::new();
    lab.options.path = lab.options.path.with_file_name("deep").join("er").join("history.db");
    lab.writer = Writer::new(&lab.options);
    lab.append(draft(EventType::Started, "a"));
    crate::history::spool(&lab.options, vec![draft(EventType::Started, "a").into()]).expect("spooled");
    let folder = lab.options.path.parent().expect("a folder");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700);
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}

#[cfg(unix)]
#[test]
fn the_files_of_a_history_are_known_under_any_name() {
    use crate::history::HistoryFiles;
    use std::os::unix::fs::symlink;

    let mut lab = Lab::new();
    lab.append(draft(EventType::Started, "a"));
    crate::history::spool(&lab.options, vec![draft(EventType::Started, "a").into()]).expect("spooled");
    let folder = lab.options.path.parent().expect("a folder").to_owned();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let (alias, hard) = (elsewhere.path().join("alias"), elsewhere.path().join("copy"));
    symlink(&folder, &alias).expect("linked");
    fs::hard_link(&lab.options.path, &hard).expect("linked");
    let other = elsewhere.path().join("other.db");
    let mut writer = Writer::new(&crate::history::Options::new(&other));
    writer.append(vec![draft(EventType::Started, "b").into()]).expect("appended");
    fs::write(elsewhere.path().join("foo.db"), "no history").expect("written");
    symlink(&lab.options.path, elsewhere.path().join("soft")).expect("linked");

    let files = HistoryFiles::of(&lab.options);
    let held = |folder: &std::path::Path| {
        let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
        let held = entries.filter(|path| files.hold(path, &fs::symlink_metadata(path).expect("there")));
        let mut names: Vec<String> = held.map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let own = ["history.bell", "history.db", "history.db-shm", "history.db-wal", "history.spool"];
    assert_eq!(held(&folder), own);
    assert_eq!(held(&alias), own);
    // The link itself is none of its files, and nobody follows it.
    assert_eq!(held(elsewhere.path()), ["copy", "other.bell", "other.db", "other.db-shm", "other.db-wal"]);
}

#[test]
fn many_writers_may_create_the_history_at_once() {
    let mut lab = Lab::new();
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for n in 0..8 {
            let (options, barrier) = (&lab.options, &barrier);
            scope.spawn(move || {
                barrier.wait();
                Writer::new(options).append(vec![draft(EventType::Started, &format!("c{n}")).into()]).expect("appended");
            });
        }
    });
    assert_eq!(lab.log().len(), 8);
    lab.assert_sound();
}

#[test]
fn short_lived_writers_alone_do_not_let_the_log_grow() {
    let mut lab = Lab::new();
    let mut largest = 0;
    for _ in 0..600 {
        Writer::new(&lab.options).append(vec![draft(EventType::Output, "a").into()]).expect("appended");
        largest = largest.max(fs::metadata(lab.options.wal_path()).map_or(0, |metadata| metadata.len()));
    }
    assert!(largest > 0 && largest < 512 * 1024, "the write-ahead log reached {largest} bytes");
    lab.assert_sound();
}

#[test]
fn a_busy_writer_elsewhere_makes_an_append_wait_and_only_so_long() {
    let mut lab = Lab::new();
    lab.append(draft(EventType::Started, "a"));
    let mut hasty = Writer::new(&lab.options).with_patience(Duration::from_millis(20));
    let locked = lab
        .writer
        .transact(|_| Ok(hasty.append(vec![draft(EventType::Output, "a").into()])))
        .expect("the lock is held meanwhile");
    assert!(matches!(locked, Err(Error::Busy { .. })), "{locked:?}");
    assert_eq!(hasty.append(vec![draft(EventType::Output, "a").into()]).expect("the lock is free again").len(), 1);
}

#[test]
fn an_older_program_stops_writing_when_a_newer_schema_appears() {
    let mut lab = Lab::new();
    lab.append(draft(EventType::Started, "a"));
    let newer = crate::history::store::schema::SCHEMA_VERSION + 1;
    lab.writer.outside_transaction(|db| db.pragma_update(None, "user_version", newer)).expect("writable");
    let refused = lab.writer.append(vec![Entry::from(draft(EventType::Output, "a"))]);
    assert!(matches!(&refused, Err(Error::Newer { found, .. }) if *found == newer), "{refused:?}");
    let mut fresh = crate::history::Reader::new(&lab.options);
    assert!(matches!(fresh.position(), Err(Error::Newer { .. })));
}

#[test]
fn what_is_no_history_is_named_as_broken() {
    let mut lab = Lab::new();
    fs::write(
        &lab.options.path,
        "this is a letter to my mother, not a database, and it is long enough to be looked at ".repeat(9),
    )
    .expect("writable");
    assert!(matches!(lab.reader.position(), Err(Error::Broken { .. })));
    assert!(matches!(lab.writer.append(vec![draft(EventType::Started, "a").into()]), Err(Error::Broken { .. })));
}

#[test]
fn defect_05_statistics_are_a_consistent_snapshot_while_others_write() {
    let mut lab = Lab::new();
    lab.append(draft(EventType::Started, "c0"));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|n| {
                let options = &lab.options;
                scope.spawn(move || {
                    let mut writer = Writer::new(options);
                    for round in 0..50 {
                        let kind = if round % 2 == 0 { EventType::Output } else { EventType::Failed };
                        writer.append((0..5).map(|_| draft(kind, &format!("c{n}")).into()).collect()).expect("appended");
                    }
                })
            })
            .collect();
        while !writers.iter().all(thread::ScopedJoinHandle::is_finished) {
            let stats = lab.reader.stats(&Default::default()).expect("readable");
            assert_eq!(stats.events_by_type.values().sum::<u64>(), stats.total_events);
            assert_eq!(stats.events_by_coder.values().sum::<u64>(), stats.total_events);
            assert_eq!(stats.history.events, stats.total_events);
        }
    });
    lab.assert_sound();
}

#[cfg(unix)]
#[test]
fn a_history_that_takes_the_place_of_another_is_read_and_written() {
    let mut lab = Lab::new();
    lab.append_all([draft(EventType::Created, "a"), draft(EventType::Progress, "a")]);
    let before = lab.reader.position().expect("readable");
    let version = lab.reader.version().expect("readable");
    for file in [lab.options.path.clone(), lab.options.wal_path(), lab.options.path.with_extension("db-shm")] {
        fs::remove_file(file).expect("deleted");
    }
    assert_eq!(lab.reader.position().expect("readable").head, 0);
    lab.append_all([draft(EventType::Created, "b")]);
    let after = lab.reader.position().expect("readable");
    assert_eq!((before.head, after.head), (2, 1));
    assert_ne!(before.history, after.history);
    assert_ne!(lab.reader.version().expect("readable").file, version.file);
    assert!(lab.options.path.exists());
}

#[cfg(unix)]
#[test]
fn a_writer_that_waited_while_the_file_was_replaced_writes_to_the_new_one() {
    let mut lab = Lab::new();
    lab.append(draft(EventType::Created, "a"));
    let options = lab.options.clone();
    let (opened, is_open) = std::sync::mpsc::channel();
    let (locked, is_locked) = std::sync::mpsc::channel();
    let waiting = thread::spawn(move || {
        let mut writer = Writer::new(&options);
        writer.outside_transaction(|_| Ok(())).expect("open");
        opened.send(()).expect("waited for");
        is_locked.recv().expect("locked");
        writer.append(vec![draft(EventType::Started, "b").into()])
    });
    is_open.recv().expect("open");
    let options = lab.options.clone();
    lab.writer
        .transact(|_| {
            locked.send(()).expect("waited for");
            // It is in the queue for the lock now, or will look at the path later still: both must do.
            thread::sleep(Duration::from_millis(50));
            for file in [options.path.clone(), options.wal_path(), options.path.with_extension("db-shm")] {
                fs::rename(&file, file.with_extension("old")).expect("moved");
            }
            Ok(())
        })
        .expect("done");
    let outcome = waiting.join().expect("no panic").expect("appended");
    assert!(matches!(outcome[..], [crate::history::Outcome::Appended { seq: 1, .. }]), "{outcome:?}");
    assert_eq!(shorts(&lab.log()), [(1, "started")]);
}
