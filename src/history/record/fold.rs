//! The aggregates that appending touches: read once, folded in memory, written once a transaction.
//!
//! A writer keeps them from one transaction to the next for as long as nobody else commits.

use std::collections::{HashMap, hash_map::Entry};

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    aggregate::{Coder, Tally},
    event::{Event, Micros, Time},
    history::store::{
        ledger::Ledger,
        rows,
        zone::{ZONE_BITS, Zone},
    },
};

/// More of each than this are not kept for the next transaction.
const KEPT_MAX: usize = 1000;

#[derive(Debug, Default)]
pub struct Fold {
    coders: HashMap<String, CoderRow>,
    buckets: HashMap<(i64, Time, Micros), BucketRow>,
    zones: HashMap<u64, Zone>,
}

#[derive(Debug)]
pub struct CoderRow {
    pub no: i64,
    pub state: Coder,
    changed: bool,
}

#[derive(Debug)]
struct BucketRow {
    tally: Tally,
    changed: bool,
}

impl Fold {
    /// The coder as this transaction sees it; `None` while it has no event.
    pub fn coder(&mut self, db: &Connection, id: &str) -> rusqlite::Result<Option<&CoderRow>> {
        if !self.coders.contains_key(id) {
            let found = db
                .prepare_cached("SELECT no, state FROM coder WHERE id = ?")?
                .query_row([id], |row| Ok(CoderRow { no: row.get(0)?, state: rows::aggregate(row, 1)?, changed: false }))
                .optional()?;
            let Some(row) = found else { return Ok(None) };
            self.coders.insert(id.to_owned(), row);
        }
        Ok(self.coders.get(id))
    }

    /// The number of a coder that may be new.
    pub fn coder_no(&mut self, db: &Connection, id: &str) -> rusqlite::Result<i64> {
        if let Some(row) = self.coder(db, id)? {
            return Ok(row.no);
        }
        db.prepare_cached("INSERT INTO coder (id, state, finished, last) VALUES (?, '{}', 0, 0)")?.execute([id])?;
        let no = db.last_insert_rowid();
        self.coders.insert(id.to_owned(), CoderRow { no, state: Coder::default(), changed: true });
        Ok(no)
    }

    /// Folds an event that has its seq. Its coder must have its number.
    pub fn add(&mut self, db: &Connection, ledger: &mut Ledger, event: &Event) -> rusqlite::Result<()> {
        let coder = self.coders.get_mut(&event.coder_id).expect("a coder gets its number before its event is inserted");
        coder.state.fold(event);
        coder.changed = true;
        ledger.totals.fold(event);
        if let Some((start, width)) = ledger.bucket_of(event.timestamp) {
            let bucket = match self.buckets.entry((coder.no, start, width)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    unknown.insert(BucketRow { tally: stored_tally(db, coder.no, start, width)?, changed: false })
                }
            };
            bucket.tally.fold(event);
            bucket.changed = true;
        }
        self.zones.entry(event.seq >> ZONE_BITS).or_insert(Zone::EMPTY).cover(event.timestamp);
        Ok(())
    }

    /// Writes what changed.
    pub fn save(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for coder in self.coders.values_mut().filter(|coder| coder.changed) {
            save_coder(db, coder.no, &coder.state)?;
            coder.changed = false;
        }
        for (&(coder, start, width), bucket) in self.buckets.iter_mut().filter(|(_, bucket)| bucket.changed) {
            save_bucket(db, coder, start, width, &bucket.tally)?;
            bucket.changed = false;
        }
        for (&no, zone) in &mut self.zones {
            zone.save(db, no)?;
        }
        Ok(())
    }

    /// Gives up what would take too much memory; it is read again.
    pub fn trim(&mut self) {
        fn trim<K, V>(kept: &mut HashMap<K, V>) {
            if kept.len() > KEPT_MAX {
                kept.clear();
            }
        }
        trim(&mut self.coders);
        trim(&mut self.buckets);
        trim(&mut self.zones);
    }
}

pub fn save_coder(db: &Connection, no: i64, state: &Coder) -> rusqlite::Result<()> {
    let last = state.last_activity().map_or(0, Time::micros);
    db.prepare_cached("UPDATE coder SET state = ?, finished = ?, last = ? WHERE no = ?")?.execute(params![
        rows::json(state),
        state.is_finished(),
        last,
        no
    ])?;
    Ok(())
}

/// Adds to a bucket that may not exist.
pub fn merge_bucket(db: &Connection, coder: i64, start: Time, width: Micros, added: &Tally) -> rusqlite::Result<()> {
    let mut tally = stored_tally(db, coder, start, width)?;
    tally.merge(added);
    save_bucket(db, coder, start, width, &tally)
}

fn stored_tally(db: &Connection, coder: i64, start: Time, width: Micros) -> rusqlite::Result<Tally> {
    db.prepare_cached("SELECT tally FROM bucket WHERE coder = ? AND start = ? AND width = ?")?
        .query_row(params![coder, start.micros(), width], |row| rows::aggregate(row, 0))
        .optional()
        .map(Option::unwrap_or_default)
}

fn save_bucket(db: &Connection, coder: i64, start: Time, width: Micros, tally: &Tally) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO bucket (coder, start, width, tally) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET tally = excluded.tally",
    )?
    .execute(params![coder, start.micros(), width, rows::json(tally)])
    .map(drop)
}

/// Folds what retention removed into the base of a bucket that exists.
pub fn merge_bucket_base(db: &Connection, coder: i64, start: Time, width: Micros, removed: &Tally) -> rusqlite::Result<()> {
    if *removed == Tally::default() {
        return Ok(());
    }
    let key = params![coder, start.micros(), width];
    let mut base: Tally = db
        .prepare_cached("SELECT base FROM bucket WHERE coder = ? AND start = ? AND width = ?")?
        .query_row(key, |row| rows::aggregate_or_default(row, 0))
        .optional()?
        .unwrap_or_default();
    base.merge(removed);
    db.prepare_cached("UPDATE bucket SET base = ? WHERE coder = ? AND start = ? AND width = ?")?.execute(params![
        rows::json(&base),
        coder,
        start.micros(),
        width
    ])?;
    Ok(())
}
