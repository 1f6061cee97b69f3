//! A damaged file: what can be read of it goes into a new history, the old one is kept, and what is lost is counted.

use std::{fs, io::Write, path::Path};

use proptest::prelude::*;
use rusqlite::Connection;

use crate::{
    event::{Event, EventType, Time},
    history::{Checkup, Error, Options, Order, Query, Reader, Retention, Salvage, Writer, set_aside_if_broken, store::schema},
};

use super::{Draft, Lab, draft};

const PAGE: usize = 4096;
const MAGIC: &[u8] = b"SQLite format 3\0";

fn append_some(lab: &mut Lab, rounds: usize) {
    for round in 0..rounds {
        let coder = format!("coder-{}", round % 7);
        let drafts = (0..40).map(|n| match n % 8 {
            0 => draft(EventType::Started, &coder),
            1 => Draft::workspace(&coder, "modify", &format!("/w/src/file_{n}.rs")),
            2 if n == 2 => draft(EventType::Failed, &coder),
            _ => draft(EventType::Output, &coder)
                .with("text", format!("line {n} of round {round}, and what it says at some length")),
        });
        lab.append_all(drafts);
        lab.wait(Time::SECOND);
    }
}

/// Some thousand events, moved into the one file and closed.
fn filled(rounds: usize) -> Lab {
    let mut lab = Lab::new();
    append_some(&mut lab, rounds);
    close(&mut lab);
    lab
}

fn close(lab: &mut Lab) {
    let checkpoint = |db: &Connection| db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    lab.writer.outside_transaction(checkpoint).expect("checkpointed");
    lab.writer = Writer::new(&lab.options);
    lab.reader = Reader::new(&lab.options);
}

fn overwrite(path: &Path, at: usize, bytes: &[u8]) {
    use std::io::{Seek, SeekFrom};
    let mut file = fs::File::options().write(true).open(path).expect("there");
    file.seek(SeekFrom::Start(at as u64)).expect("within");
    file.write_all(bytes).expect("writable");
}

/// Repairs, and returns what became of it and the events that are left, once they are known to be a part of `before`.
#[track_caller]
fn repair(lab: &mut Lab, before: &[Event]) -> (Checkup, Vec<Event>) {
    let checkup = lab.checkup(true);
    assert!(checkup.repaired, "{checkup:?}");
    let after = lab.log();
    for event in &after {
        let was = before.iter().find(|was| was.seq == event.seq).expect("no event is invented");
        let mut expected = was.clone();
        // Whose it is may be lost; and, with the ledger, of which history its id was made.
        if event.coder_id.starts_with("unknown-") {
            expected.coder_id.clone_from(&event.coder_id);
        }
        if checkup.salvaged.as_ref().is_some_and(|salvage| salvage.lost.is_none()) {
            expected.id.clone_from(&event.id);
        }
        assert_eq!(*event, expected);
    }
    lab.assert_sound();
    (checkup, after)
}

#[test]
fn a_destroyed_header_costs_nothing() {
    for bytes in [16, 100, PAGE] {
        let mut lab = filled(50);
        let (before, position) = (lab.log(), lab.reader.position().expect("readable"));
        overwrite(&lab.options.path, 0, &vec![0xa5; bytes]);
        let damaged = fs::read(&lab.options.path).expect("readable");
        assert!(matches!(Reader::new(&lab.options).position(), Err(Error::Broken { .. })));
        let (checkup, after) = repair(&mut lab, &before);
        let Some(Salvage { events, lost, kept_as }) = checkup.salvaged else { panic!("{checkup:?}") };
        assert_eq!((events, lost, after.len()), (before.len() as u64, Some(0), before.len()), "{bytes}");
        assert!(kept_as.to_string_lossy().contains(".broken-20261122T12"), "{}", kept_as.display());
        assert!(fs::read(kept_as).expect("readable") == damaged, "the old file is kept as it was");
        assert_ne!(lab.reader.position().expect("readable").history, position.history, "it is another history");
        lab.append(draft(EventType::Output, "coder-1"));
        assert_eq!(lab.reader.position().expect("readable").head, position.head + 1);
        let left = fs::read_dir(lab.options.path.parent().expect("a folder")).expect("readable");
        let left = left.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count();
        assert_eq!(left, 0, "nothing of the work stays behind");
    }
}

/// The tables of a history that was made by the first schema and brought up to date lie where those of a new one lie.
#[test]
fn a_destroyed_header_of_an_old_history_costs_nothing_either() {
    let mut lab = Lab::new();
    schema::create_file(&lab.options).expect("created");
    let db = schema::open_for_writing(&lab.options, std::time::Instant::now()).expect("open");
    schema::migrate_to(&db, 1, lab.now()).expect("created");
    drop(db);
    append_some(&mut lab, 50);
    close(&mut lab);
    let before = lab.log();
    overwrite(&lab.options.path, 0, &[0; PAGE]);
    let (checkup, after) = repair(&mut lab, &before);
    assert_eq!((checkup.salvaged.expect("salvaged").lost, after.len()), (Some(0), before.len()));
}

#[test]
fn what_retention_folded_is_salvaged_too() {
    let mut lab = filled(50);
    lab.writer.prune(&Retention { max_events: Some(500), ..Retention::default() }).expect("pruned");
    close(&mut lab);
    let (before, total) = (lab.log(), lab.reader.stats(&Default::default()).expect("readable").total_events);
    overwrite(&lab.options.path, 0, &[0; 100]);
    repair(&mut lab, &before);
    assert_eq!(lab.reader.stats(&Default::default()).expect("readable").total_events, total);
}

#[test]
fn what_is_only_in_the_log_is_salvaged_too() {
    let mut lab = filled(20);
    append_some(&mut lab, 5);
    let before = lab.log();
    // Closed, or writing past SQLite would take its locks away; a short log stays as it is then.
    (lab.writer, lab.reader) = (Writer::new(&lab.options), Reader::new(&lab.options));
    assert!(fs::metadata(lab.options.wal_path()).expect("there").len() > 0);
    // The middle of the database; its newest pages are in the log.
    let middle = fs::metadata(&lab.options.path).expect("there").len() as usize / PAGE / 2;
    overwrite(&lab.options.path, middle * PAGE, &[0; 4 * PAGE]);
    let newest = before.last().expect("some").clone();
    let (checkup, after) = repair(&mut lab, &before);
    assert_eq!(after.last(), Some(&newest), "{checkup:?}");
}

#[test]
fn a_file_that_is_half_there_gives_what_is_there() {
    let mut lab = filled(100);
    let before = lab.log();
    let file = fs::File::options().write(true).open(&lab.options.path).expect("there");
    let bytes = file.metadata().expect("there").len();
    file.set_len(bytes / 2 + 77).expect("cut");
    let (checkup, after) = repair(&mut lab, &before);
    let salvage = checkup.salvaged.expect("salvaged");
    assert!(after.len() > before.len() / 4, "{} of {}", after.len(), before.len());
    assert_eq!(salvage.events + salvage.lost.expect("the ledger is on one of the first pages"), before.len() as u64);
    let told = &lab.reader.rejected().expect("readable")[0];
    assert!(told.reason.contains(&format!("{} events were salvaged", after.len())), "{}", told.reason);
}

#[test]
fn what_a_killed_repair_left_is_cleared_away_by_the_next() {
    let mut lab = filled(10);
    let left = |name: &str| {
        let folder = lab.options.path.with_file_name(name);
        fs::create_dir(&folder).and_then(|()| fs::write(folder.join("copy.db"), "events")).expect("writable");
        folder
    };
    let (dead, alive, other) = (left("history.db.salvage-1"), left("history.db.salvage-2"), left("notes.salvage-3"));
    let worker = fs::File::open(&alive).expect("there");
    worker.lock().expect("nobody else works there");
    overwrite(&lab.options.path, 0, &[0; 100]);
    assert!(lab.checkup(true).repaired);
    assert_eq!([dead, alive, other].map(|folder| folder.exists()), [false, true, true]);
}

#[test]
fn what_never_was_a_history_is_left_alone() {
    let mut lab = Lab::new();
    let letter = "dear mother, this is no database, but long enough to be looked at ".repeat(200);
    fs::write(&lab.options.path, &letter).expect("writable");
    let checkup = lab.checkup(true);
    assert!(!checkup.repaired && checkup.salvaged.is_none() && !checkup.problems.is_empty(), "{checkup:?}");
    assert_eq!(fs::read_to_string(&lab.options.path).expect("readable"), letter);
    assert!(!lab.options.bell_path().exists());
}

#[test]
fn a_broken_history_is_set_aside_and_can_be_salvaged_there() {
    let mut lab = filled(30);
    assert_eq!(set_aside_if_broken(&lab.options).expect("looked at"), None);
    let before = lab.log();
    // Its structure is damaged where nobody would notice at once.
    let middle = fs::metadata(&lab.options.path).expect("there").len() as usize / PAGE / 2;
    overwrite(&lab.options.path, middle * PAGE, &[0xa5; PAGE]);
    overwrite(&lab.options.path, 0, b"broken");
    let kept = set_aside_if_broken(&lab.options).expect("looked at").expect("set aside");
    assert_eq!(lab.log().len(), 0);
    lab.append(draft(EventType::Created, "a"));
    lab.assert_sound();
    assert_eq!(set_aside_if_broken(&lab.options).expect("looked at"), None, "the new one is well");

    let old = Options { path: kept, ..lab.options.clone() };
    let checkup = Writer::new(&old).check(true).expect("looked at");
    let salvage = checkup.salvaged.expect("salvaged");
    assert_eq!(salvage.events + salvage.lost.expect("known"), before.len() as u64);
    assert!(salvage.events > 0);

    let shop = Options { path: lab.options.path.with_file_name("shop.db"), ..lab.options.clone() };
    rusqlite::Connection::open(&shop.path).and_then(|db| db.execute_batch("CREATE TABLE orders (id)")).expect("made");
    let refused = set_aside_if_broken(&shop);
    assert!(matches!(refused, Err(Error::Foreign { .. })), "another program's is no concern of ours: {refused:?}");
}

#[test]
fn a_history_that_others_write_to_is_not_salvaged_under_their_hands() {
    let lab = filled(30);
    let lock = rusqlite::Connection::open(&lab.options.path).expect("opened");
    lock.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let middle = fs::metadata(&lab.options.path).expect("there").len() as usize / PAGE / 2;
    overwrite(&lab.options.path, middle * PAGE, &[0xa5; 2 * PAGE]);
    let mut other = Writer::new(&lab.options).with_patience(std::time::Duration::from_millis(20));
    let refused = other.check(true);
    assert!(matches!(refused, Err(Error::Busy { .. })), "{refused:?}");
}

fn of_coder_by_index(lab: &mut Lab) -> usize {
    let query = Query { order: Order::Oldest, ..Query::default() };
    lab.reader.page(&query).expect("readable").events.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Whatever pages are gone: nothing is invented, what can be read is there, and the sum is right.
    #[test]
    fn any_pages_may_be_damaged(places in proptest::collection::vec((0..10_000_usize, 1..4_usize, prop::bool::ANY), 1..4)) {
        let mut lab = filled(60);
        let before = lab.log();
        let pages = fs::metadata(&lab.options.path).expect("there").len() as usize / PAGE;
        for (page, count, zero) in places {
            let from = page % pages;
            let fill = vec![if zero { 0 } else { 0xa5 }; PAGE * count.min(pages - from)];
            overwrite(&lab.options.path, from * PAGE, &fill);
        }
        // A page that nothing uses does not matter.
        let well = lab.checkup(false).problems.is_empty();
        prop_assume!(!well);
        let (checkup, after) = repair(&mut lab, &before);
        if let Some(salvage) = checkup.salvaged {
            prop_assert_eq!(salvage.events, after.len() as u64);
            prop_assert!(salvage.lost.is_none_or(|lost| salvage.events + lost == before.len() as u64), "{:?}", salvage);
            prop_assert!(fs::read(&salvage.kept_as).is_ok_and(|kept| kept.len() >= MAGIC.len()));
        }
        prop_assert!(of_coder_by_index(&mut lab) <= before.len());
    }
}
