//! The history on a disk that fails, in a process that dies, through a power cut: at every step of its writing.
//!
//! What was acknowledged is there; what was refused is not; and what is there is in order.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use ai_coder_events::{
    event::{Draft, EventType},
    filter::Filter,
    history::{self, Durability, Entry, Error, Options, Outcome, Reader, Retention, StatsQuery, Writer},
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::disk::{Disk, Fault};

struct Place {
    _folder: TempDir,
    options: Options,
    disk: Arc<Disk>,
}

impl Place {
    fn new(durability: Durability) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { durability, ..Options::new(folder.path().join("history.db")) };
        let disk = Disk::under(&options.path);
        Place { _folder: folder, options, disk }
    }
}

/// What came of the work.
#[derive(Default)]
struct Record {
    /// Seq and id of what was acknowledged, in order.
    acknowledged: Vec<(u64, String)>,
    /// Events of batches of which it is not known whether they were kept.
    unconfirmed: u64,
    errors: Vec<Error>,
}

impl Record {
    fn take(&mut self, events: u64, appended: Result<Vec<Outcome>, Error>) {
        match appended {
            Ok(outcomes) => self.acknowledged.extend(outcomes.into_iter().map(|outcome| match outcome {
                Outcome::Appended { seq, id } => (seq, id),
                other => panic!("not appended: {other:?}"),
            })),
            Err(error) => {
                self.unconfirmed += if matches!(error, Error::Unconfirmed { .. }) { events } else { 0 };
                self.errors.push(error);
            }
        }
    }

    fn note<T>(&mut self, done: Result<T, Error>) {
        self.errors.extend(done.err());
    }
}

const BATCHES: usize = 16;
/// Few enough that retention removes some.
const KEPT_MAX: u64 = 20;

fn batch(n: usize) -> Vec<Entry> {
    let draft = |k: usize| {
        let coder = format!("coder-{}", (n + k) % 3);
        match (n + k) % 5 {
            0 => Draft::new(EventType::Failed, coder),
            1 => Draft::workspace(coder, "modify", &format!("/w/{k}.rs")),
            _ => Draft::new(EventType::Output, coder).with("text", "x".repeat(40 * k)),
        }
    };
    (0..=n % 7).map(|k| draft(k).into()).collect()
}

/// Everything that writes: appends, the spool, retention, checkpoints, closing and opening anew.
fn work(place: &Place) -> Record {
    let mut record = Record::default();
    let mut writer = Writer::new(&place.options).with_patience(Duration::from_secs(5));
    for n in 0..BATCHES {
        let entries = batch(n);
        record.take(entries.len() as u64, writer.append(entries));
        match n {
            3 | 11 => writer = Writer::new(&place.options),
            5 => {
                history::spool(&place.options, vec![Draft::new(EventType::Started, "spooled").into()]).unwrap();
                record.note(writer.take_in_spool());
            }
            7 | 13 => record.note(writer.tidy()),
            9 => record.note(writer.prune(&Retention { max_events: Some(KEPT_MAX), ..Retention::default() })),
            _ => {}
        }
    }
    record
}

/// What is there, once it is known to be consistent: ids by seq, and the newest seq that retention removed.
#[track_caller]
fn look(options: &Options) -> (BTreeMap<u64, String>, u64) {
    let checkup = Writer::new(options).check(false).unwrap();
    assert_eq!(checkup.problems, [""; 0]);
    let mut reader = Reader::new(options);
    let log = reader.after(0, &Filter::default(), 0).unwrap().events;
    assert!(log.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    let ids: BTreeMap<u64, String> = log.iter().map(|event| (event.seq, event.id.clone())).collect();
    let distinct: std::collections::BTreeSet<&String> = ids.values().collect();
    assert_eq!(distinct.len(), log.len(), "each id once");
    let stats = reader.stats(&StatsQuery::default()).unwrap();
    let position = reader.position().unwrap();
    // Seqs have no holes, so that all events that ever were are as many as the newest seq.
    assert_eq!(stats.total_events, position.head);
    (ids, position.floor)
}

/// How many of `acknowledged` are there, from the first on without a hole.
#[track_caller]
fn prefix(record: &Record, ids: &BTreeMap<u64, String>, floor: u64) -> usize {
    let is_there = |(seq, id): &&(u64, String)| *seq <= floor || ids.get(seq) == Some(id);
    let there = record.acknowledged.iter().take_while(is_there).count();
    let lost = &record.acknowledged[there..];
    // A seq may have been given anew to what came after the loss; an id never.
    assert!(lost.iter().all(|(_, id)| !ids.values().any(|kept| kept == id)), "a suffix is lost, and no more");
    there
}

/// How many steps the work has; each of them is one at which something may go wrong.
fn steps(durability: Durability) -> u64 {
    static STEPS: [OnceLock<u64>; 2] = [const { OnceLock::new() }; 2];
    *STEPS[usize::from(durability == Durability::Full)].get_or_init(|| count_steps(durability))
}

fn count_steps(durability: Durability) -> u64 {
    let place = Place::new(durability);
    let record = work(&place);
    assert!(record.errors.is_empty(), "{:?}", record.errors);
    let (ids, floor) = look(&place.options);
    assert_eq!(prefix(&record, &ids, floor), record.acknowledged.len());
    assert!(floor > 0, "retention is part of it");
    place.disk.steps()
}

/// A number after which a test's random choices are made; the same number makes the same choices.
fn choices(mut seed: u64) -> impl FnMut() -> bool {
    // A linear congruential generator, constants by Knuth (MMIX).
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 63 == 1
    }
}

fn durabilities() -> impl Strategy<Value = Durability> {
    prop_oneof![Just(Durability::Normal), Just(Durability::Full)]
}

/// `PROPTEST_CASES` asks for another number.
fn cases() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig::default();
    ProptestConfig { cases: if asked { default.cases } else { 120 }, ..default }
}

proptest! {
    #![proptest_config(cases())]

    /// As by `kill -9` at any step of writing.
    #[test]
    fn a_process_that_dies_loses_nothing_acknowledged(durability in durabilities(), at: u64) {
        let place = Place::new(durability);
        place.disk.fail(Fault::Death, at % steps(durability), 0);
        let record = work(&place);
        place.disk.revive();
        let (ids, floor) = look(&place.options);
        prop_assert_eq!(prefix(&record, &ids, floor), record.acknowledged.len());
        // What was spooled while nothing could be written is taken in now, and everything works.
        Writer::new(&place.options).append(batch(3)).unwrap();
        Writer::new(&place.options).take_in_spool().unwrap();
        look(&place.options);
    }

    /// What was not synced is gone, or there in part.
    #[test]
    fn a_power_cut_loses_nothing_with_full_durability_and_a_suffix_without(
        durability in durabilities(), at: u64, seed: u64, all_gone in prop::bool::weighted(0.3)
    ) {
        let place = Place::new(durability);
        place.disk.fail(Fault::Death, at % steps(durability), 0);
        let record = work(&place);
        let mut choose = choices(seed);
        place.disk.cut_power(|| !all_gone && choose());
        let (ids, floor) = look(&place.options);
        let there = prefix(&record, &ids, floor);
        if durability == Durability::Full {
            prop_assert_eq!(there, record.acknowledged.len());
        }
        Writer::new(&place.options).append(batch(3)).unwrap();
        look(&place.options);
    }

    /// For a while; then there is room again, or another disk.
    #[test]
    fn a_disk_that_fails_is_told_and_loses_nothing_acknowledged(
        durability in durabilities(),
        fault in prop::sample::select(vec![Fault::Full, Fault::ShortWrite, Fault::Broken, Fault::Sync]),
        at: u64, for_steps in 0..40_u64
    ) {
        let place = Place::new(durability);
        place.disk.fail(fault, at % steps(durability), for_steps);
        let record = work(&place);
        place.disk.revive();
        let (ids, floor) = look(&place.options);
        prop_assert_eq!(prefix(&record, &ids, floor), record.acknowledged.len());
        // What was refused is not there: whoever sends it again records it once. Besides what was acknowledged there are
        // only derived events and the one from the spool, and perhaps what was said to be uncertain.
        let derived = Reader::new(&place.options).stats(&StatsQuery::default()).unwrap().events_by_type;
        let count = |kind: EventType| derived.get(&kind.to_string()).copied().unwrap_or(0);
        let total: u64 = derived.values().sum();
        let others = count(EventType::FailureAlert) + count(EventType::SystemWarning) + count(EventType::CompletionMetrics);
        let sent = total - others - count(EventType::Started);
        let acknowledged = record.acknowledged.len() as u64;
        prop_assert!((acknowledged..=acknowledged + record.unconfirmed).contains(&sent), "{} of {:?}", sent, record.errors);
        let told = |error: &Error| match fault {
            Fault::Full | Fault::ShortWrite => matches!(error, Error::Full { .. }),
            Fault::Sync => matches!(error, Error::Unconfirmed { .. }),
            _ => matches!(error, Error::Database { .. } | Error::Unconfirmed { .. }),
        };
        prop_assert!(record.errors.iter().all(told), "{:?}", record.errors);
    }
}
