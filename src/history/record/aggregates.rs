//! What events add up to: coders' states, counts by event time, totals.
//!
//! In every committed state what is stored is the base, which is what was folded from events that retention removed, merged
//! with what is folded from the events that are retained. Appending, removing and recomputing fold by the one rule here, so
//! that no two of them can come to different sums.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    aggregate::{Coder, Tally, Totals},
    event::{Event, Micros, Time},
    history::store::{ledger::Ledger, rows},
};

/// The aggregates of some events: of a transaction's and those before, of those that go, or of all that there are.
#[derive(Debug, Default)]
pub struct Aggregates {
    /// Of events up to this seq models and tools are not counted apart.
    pub parts_since: u64,
    pub coders: HashMap<i64, Sum<Coder>>,
    pub buckets: HashMap<BucketKey, Sum<Tally>>,
    pub totals: Totals,
}

/// The number of a coder, and the start and width of a span of event time.
pub type BucketKey = (i64, Time, Micros);

/// One of them, and whether anything was added since it was read or written.
#[derive(Debug, Default)]
pub struct Sum<T> {
    pub value: T,
    changed: bool,
}

impl<T> Sum<T> {
    /// One that is as it is stored.
    pub fn stored(value: T) -> Sum<T> {
        Sum { value, changed: false }
    }

    fn change(&mut self) -> &mut T {
        self.changed = true;
        &mut self.value
    }
}

impl Aggregates {
    /// To fold events into that may be of before models and tools were counted.
    pub fn nothing(db: &Connection) -> rusqlite::Result<Aggregates> {
        Ok(Aggregates { parts_since: Ledger::parts_since(db)?, ..Aggregates::default() })
    }

    /// What was folded from events that are gone.
    pub fn base(db: &Connection) -> rusqlite::Result<Aggregates> {
        let totals = db.query_row("SELECT totals FROM base", [], |row| rows::aggregate(row, 0))?;
        let mut base = Aggregates { totals, ..Aggregates::nothing(db)? };
        rows::each(db, "SELECT no, base FROM coder", |row| {
            base.coders.insert(row.get(0)?, Sum::stored(rows::aggregate_or_default(row, 1)?));
            Ok(())
        })?;
        rows::each(db, "SELECT coder, start, width, base FROM bucket WHERE base IS NOT NULL", |row| {
            base.buckets.insert(bucket_key(row)?, Sum::stored(rows::aggregate(row, 3)?));
            Ok(())
        })?;
        Ok(base)
    }

    /// Adds an event of the coder `no`. What is stored of the coder and the bucket must be here already, or is not meant.
    pub fn fold(&mut self, ledger: &Ledger, no: i64, event: &Event) {
        let coder = self.coders.entry(no).or_default().change();
        let bucket = ledger.bucket_of(event.timestamp);
        let bucket = bucket.map(|(start, width)| self.buckets.entry((no, start, width)).or_default().change());
        if event.seq > self.parts_since {
            coder.fold(event);
            self.totals.fold(event);
            bucket.into_iter().for_each(|tally| tally.fold(event));
        } else {
            coder.fold_without_parts(event);
            self.totals.fold_without_parts(event);
            bucket.into_iter().for_each(|tally| tally.fold_without_parts(event));
        }
    }

    /// Writes the coders and buckets that changed.
    pub fn save(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for (&no, coder) in self.coders.iter_mut().filter(|(_, coder)| coder.changed) {
            save_coder(db, no, &coder.value)?;
            coder.changed = false;
        }
        for (&key, bucket) in self.buckets.iter_mut().filter(|(_, bucket)| bucket.changed) {
            save_bucket(db, key, &bucket.value)?;
            bucket.changed = false;
        }
        Ok(())
    }

    /// Merges all of it into the base, since its events are removed.
    pub fn add_to_base(&self, db: &Connection) -> rusqlite::Result<()> {
        for (no, removed) in &self.coders {
            let mut base: Coder = db
                .prepare_cached("SELECT base FROM coder WHERE no = ?")?
                .query_row([no], |row| rows::aggregate_or_default(row, 0))?;
            base.merge(&removed.value);
            db.prepare_cached("UPDATE coder SET base = ? WHERE no = ?")?.execute(params![rows::json(&base), no])?;
            db.prepare_cached("UPDATE touch SET base = 1 WHERE coder = ? AND base = 0")?.execute([no])?;
        }
        for (&key, removed) in &self.buckets {
            merge_bucket_base(db, key, &removed.value)?;
        }
        let mut base: Totals = db.query_row("SELECT totals FROM base", [], |row| rows::aggregate(row, 0))?;
        base.merge(&self.totals);
        db.execute("UPDATE base SET totals = ?", [rows::json(&base)])?;
        Ok(())
    }
}

/// Reads `coder, start, width`.
pub fn bucket_key(row: &Row<'_>) -> rusqlite::Result<BucketKey> {
    Ok((row.get(0)?, Time::from_micros(row.get(1)?), row.get(2)?))
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

/// Empty where nothing is stored.
pub fn stored_tally(db: &Connection, (coder, start, width): BucketKey) -> rusqlite::Result<Tally> {
    db.prepare_cached("SELECT tally FROM bucket WHERE coder = ? AND start = ? AND width = ?")?
        .query_row(params![coder, start.micros(), width], |row| rows::aggregate(row, 0))
        .optional()
        .map(Option::unwrap_or_default)
}

pub fn save_bucket(db: &Connection, (coder, start, width): BucketKey, tally: &Tally) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO bucket (coder, start, width, tally) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET tally = excluded.tally",
    )?
    .execute(params![coder, start.micros(), width, rows::json(tally)])
    .map(drop)
}

/// Adds to a bucket that may not exist.
pub fn merge_bucket(db: &Connection, key: BucketKey, added: &Tally) -> rusqlite::Result<()> {
    let mut tally = stored_tally(db, key)?;
    tally.merge(added);
    save_bucket(db, key, &tally)
}

/// Adds what was folded from removed events to the base of a bucket that exists.
pub fn merge_bucket_base(db: &Connection, (coder, start, width): BucketKey, removed: &Tally) -> rusqlite::Result<()> {
    if *removed == Tally::default() {
        return Ok(());
    }
    let mut base: Tally = db
        .prepare_cached("SELECT base FROM bucket WHERE coder = ? AND start = ? AND width = ?")?
        .query_row(params![coder, start.micros(), width], |row| rows::aggregate_or_default(row, 0))
        .optional()?
        .unwrap_or_default();
    base.merge(removed);
    db.prepare_cached("UPDATE bucket SET base = ? WHERE coder = ? AND start = ? AND width = ?")?
        .execute(params![rows::json(&base), coder, start.micros(), width])
        .map(drop)
}
