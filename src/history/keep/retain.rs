//! Retention: from the oldest seq up, in small transactions, folding what goes into the base.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};
use serde::Serialize;

use crate::{
    event::{Family, Micros, Time},
    history::{
        read::Reader,
        record::{Writer, aggregates::Aggregates, identity},
        store::{
            Error,
            error::readable,
            ledger::Ledger,
            rows::{self, CoderIds, EVENT_COLUMNS, column},
            schema,
            zone::ZONE_BITS,
        },
    },
    text::Redactor,
};

use super::unreadable;

/// What may stay. A bound that is absent does not bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The age of an event by its own time.
    pub max_age: Option<Micros>,
    pub max_events: Option<u64>,
    /// Bytes of the database in use.
    pub max_bytes: Option<u64>,
}

/// What went, or would go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Events removed.
    pub removed: u64,
    /// Events that stay.
    pub kept: u64,
    pub bytes_before: u64,
    /// An estimate where nothing was really removed.
    pub bytes_after: u64,
}

/// How long a transaction may take, about: other writers wait as long.
const HELD: Duration = Duration::from_millis(1);
/// Sooner than any other writer: what is removed fills the write-ahead log, and whoever finds it full moves it into the database.
const WAL_PAGES: u32 = 1000;
/// Events removed in one transaction, whatever it takes: with fewer, what each transaction costs besides would be most of it.
const REMOVED_AT_ONCE_MIN: usize = 25;
const REMOVED_AT_ONCE_MAX: usize = 1000;
/// So many steps of life keep what an unfinished coder is in sight; what it tells beyond that goes with the rest.
const PROTECTED_OF_A_CODER_MAX: u64 = 8;
/// Where a count binds, all that is protected is one of so many: what is newest goes last, whoever lives.
const PROTECTED_SHARE: u64 = 10;
/// Pages given back to the file system in one go: about as quick.
const PAGES_GIVEN_BACK: u32 = 64;

impl Writer {
    /// Removes the oldest events beyond the bounds. The first lifecycle events of each unfinished coder stay, unless the bytes
    /// bind, or they would be more than a tenth of what a count lets stay.
    ///
    /// # Errors
    /// Where the history cannot be written; what was removed until then stays removed, and is in the base.
    pub fn prune(&mut self, retention: &Retention) -> Result<Pruned, Error> {
        self.prune_telling(retention, &mut |_| {})
    }

    /// [`Writer::prune`]; `progress` is told of events as they are removed.
    ///
    /// # Errors
    /// Those of [`Writer::prune`].
    pub fn prune_telling(&mut self, retention: &Retention, progress: &mut dyn FnMut(u64)) -> Result<Pruned, Error> {
        if self.is_absent() {
            return Ok(Pruned::default());
        }
        self.checkpoint_at(WAL_PAGES)?;
        let pruned = self.prune_down_to(retention, progress)?;
        self.checkpoint_at(schema::WAL_PAGES)?;
        Ok(pruned)
    }

    fn checkpoint_at(&mut self, pages: u32) -> Result<(), Error> {
        self.outside_transaction(|db| db.pragma_update(None, "wal_autocheckpoint", pages))
    }

    fn prune_down_to(&mut self, retention: &Retention, progress: &mut dyn FnMut(u64)) -> Result<Pruned, Error> {
        let now = self.now();
        let redactor = Arc::clone(&self.options().redactor);
        let before = self.transact(|db| Ok((DiskUsage::of(db)?, Ledger::load(db)?.rows)))?;
        let (mut removed, mut passed_over, mut at_once) = (0, 0, REMOVED_AT_ONCE_MIN);
        let mut protected = Protected::default();
        loop {
            let (gone, held) = self.transact(|db| {
                let begun = Instant::now();
                let plan = plan(db, retention, now, passed_over, at_once, &mut protected)?;
                remove(db, &plan, &redactor, now)?;
                Ok((plan, begun.elapsed()))
            })?;
            removed += gone.len() as u64;
            progress(gone.len() as u64);
            at_once = if held > HELD { at_once / 2 } else { at_once + REMOVED_AT_ONCE_MIN };
            at_once = at_once.clamp(REMOVED_AT_ONCE_MIN, REMOVED_AT_ONCE_MAX);
            // As long again for everybody else, who would have to meet the moment between two transactions.
            thread::sleep(held.min(HELD));
            // What stays of living coders is not looked at again for each transaction, but once more at the end: bytes may
            // bind by then.
            passed_over = match (gone.last(), passed_over) {
                (Some(&last), _) => last,
                (None, 0) => break,
                (None, _) => {
                    protected = Protected::default();
                    0
                }
            };
        }
        if removed > 0 {
            self.give_back()?;
        }
        let after = self.transact(|db| Ok((DiskUsage::of(db)?, Ledger::load(db)?.rows)))?;
        Ok(Pruned { removed, kept: after.1, bytes_before: before.0.bytes(), bytes_after: after.0.bytes() })
    }

    fn give_back(&mut self) -> Result<(), Error> {
        self.outside_transaction(|db| {
            let mut last = u64::MAX;
            loop {
                let mut vacuum = db.prepare(&format!("PRAGMA incremental_vacuum({PAGES_GIVEN_BACK})"))?;
                let mut steps = vacuum.query([])?;
                while steps.next()?.is_some() {}
                let left = db.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
                if left == 0 || left >= last {
                    return Ok(());
                }
                last = left;
                thread::sleep(HELD);
            }
        })
    }
}

impl Reader {
    /// What [`Writer::prune`] would remove now.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn prunable(&mut self, retention: &Retention) -> Result<Pruned, Error> {
        self.read(Pruned::default(), |snapshot| {
            let rows = snapshot.ledger.rows;
            let removed = plan(snapshot.db, retention, snapshot.now, 0, usize::MAX, &mut Protected::default())?.len() as u64;
            let usage = DiskUsage::of(snapshot.db)?;
            let freed = usage.per_row(rows) * removed;
            Ok(Pruned {
                removed,
                kept: rows - removed,
                bytes_before: usage.bytes(),
                bytes_after: usage.bytes().saturating_sub(freed),
            })
        })
    }
}

/// Pages that hold something.
struct DiskUsage {
    pages: u64,
    page_bytes: u64,
}

impl DiskUsage {
    fn of(db: &Connection) -> rusqlite::Result<DiskUsage> {
        let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        Ok(DiskUsage { pages: pragma("page_count")? - pragma("freelist_count")?, page_bytes: pragma("page_size")? })
    }

    fn bytes(&self) -> u64 {
        self.pages * self.page_bytes
    }

    fn per_row(&self, rows: u64) -> u64 {
        self.bytes() / rows.max(1)
    }
}

/// The seqs after `after` that go first, oldest first, at most `most` of them; `protected` are those up to `after` that stay.
fn plan(
    db: &Connection,
    retention: &Retention,
    now: Time,
    after: u64,
    most: usize,
    protected: &mut Protected,
) -> rusqlite::Result<Vec<u64>> {
    let ledger = Ledger::load(db)?;
    let usage = DiskUsage::of(db)?;
    let excess_bytes = retention.max_bytes.map_or(0, |max| usage.bytes().saturating_sub(max));
    let for_bytes = excess_bytes.div_ceil(usage.per_row(ledger.rows).max(1)).min(ledger.rows);
    let for_count = retention.max_events.map_or(0, |max| ledger.rows.saturating_sub(max));
    let oldest_kept = retention.max_age.map_or(Time::from_micros(Micros::MIN), |age| now.plus(-age));
    let protected_max = retention.max_events.map_or(u64::MAX, |max| (max / PROTECTED_SHARE).max(1));
    let mut gone: Vec<u64> = Vec::new();
    let mut statement = db.prepare_cached("SELECT seq, coder, type, at FROM event WHERE seq > ? ORDER BY seq")?;
    let mut rows = statement.query([after])?;
    while let Some(row) = rows.next()?
        && gone.len() < most
    {
        let count = gone.len() as u64;
        let bytes_bind = count < for_bytes;
        let beyond = bytes_bind || count < for_count || Time::from_micros(row.get(3)?) < oldest_kept;
        if !beyond {
            break;
        }
        let lifecycle = readable(rows::kind(row, 2))?.is_some_and(|kind| kind.family() == Family::Lifecycle);
        if lifecycle && !bytes_bind && protected.all < protected_max && protected.takes(db, row.get(1)?)? {
            continue;
        }
        gone.push(row.get(0)?);
    }
    Ok(gone)
}

/// What stays though it is beyond a bound.
#[derive(Default)]
struct Protected {
    all: u64,
    /// How many of each coder; `None` for one that is finished.
    by_coder: HashMap<i64, Option<u64>>,
}

impl Protected {
    /// Whether one more event of the coder stays.
    fn takes(&mut self, db: &Connection, no: i64) -> rusqlite::Result<bool> {
        let of_coder = match self.by_coder.entry(no) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let living: bool =
                    db.prepare_cached("SELECT finished = 0 FROM coder WHERE no = ?")?.query_row([no], |row| row.get(0))?;
                new.insert(living.then_some(0))
            }
        };
        let Some(count) = of_coder.as_mut().filter(|count| **count < PROTECTED_OF_A_CODER_MAX) else { return Ok(false) };
        *count += 1;
        self.all += 1;
        Ok(true)
    }
}

/// Deletes `seqs`, after folding them into the base.
fn remove(db: &Connection, seqs: &[u64], redactor: &Redactor, now: Time) -> rusqlite::Result<()> {
    let Some(&last) = seqs.last() else { return Ok(()) };
    let mut ledger = Ledger::load(db)?;
    let mut removed = Aggregates::nothing(db)?;
    let mut ids = CoderIds::default();
    for &seq in seqs {
        let read = db
            .prepare_cached(&format!("SELECT {EVENT_COLUMNS} FROM event WHERE seq = ?"))?
            .query_row([seq], |row| Ok((row.get(column::CODER)?, rows::event(row, ledger.tag, |no| ids.get(db, no))?)));
        let Some((no, event)) = readable(read)? else {
            unreadable::set_aside(db, seq.cast_signed(), redactor, now)?;
            continue;
        };
        db.prepare_cached("DELETE FROM event WHERE seq = ?")?.execute([seq])?;
        identity::forget(db, seq)?;
        removed.fold(&ledger, no, &event);
    }
    removed.add_to_base(db)?;
    db.execute("DELETE FROM zone WHERE no < (SELECT coalesce(min(seq), ?) >> ? FROM event)", params![last, ZONE_BITS])?;
    ledger.floor = ledger.floor.max(last);
    // A count that somebody wrote wrong is no reason to remove nothing.
    ledger.rows = ledger.rows.saturating_sub(seqs.len() as u64);
    ledger.save(db)
}
