//! The aggregates that one transaction touches: read once, folded in memory, written once.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    aggregate::{Coder, Tally},
    event::{Event, Micros, Time},
};

use super::{ledger::Ledger, rows};

/// Seqs a zone covers, as a power of two.
pub(super) const ZONE_BITS: u32 = 9;

/// A zone begins and ends on these steps.
const ZONE_GRAIN: Micros = 10 * Time::SECOND;

#[derive(Default)]
pub(super) struct Fold {
    coders: HashMap<String, CoderRow>,
    buckets: HashMap<(i64, Time, Micros), Tally>,
    zones: BTreeMap<u64, (Time, Time)>,
}

pub(super) struct CoderRow {
    pub no: i64,
    pub state: Coder,
    changed: bool,
}

impl Fold {
    /// The coder as this transaction sees it; `None` while it has no event.
    pub(super) fn coder(&mut self, db: &Connection, id: &str) -> rusqlite::Result<Option<&CoderRow>> {
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
    pub(super) fn coder_no(&mut self, db: &Connection, id: &str) -> rusqlite::Result<i64> {
        if let Some(row) = self.coder(db, id)? {
            return Ok(row.no);
        }
        db.prepare_cached("INSERT INTO coder (id, state, finished, last) VALUES (?, '{}', 0, 0)")?.execute([id])?;
        let no = db.last_insert_rowid();
        self.coders.insert(id.to_owned(), CoderRow { no, state: Coder::default(), changed: true });
        Ok(no)
    }

    /// Folds an event that has its seq. Its coder must have its number.
    pub(super) fn add(&mut self, ledger: &mut Ledger, event: &Event) -> &CoderRow {
        let coder = self.coders.get_mut(&event.coder_id).expect("a coder gets its number before its event is inserted");
        coder.state.fold(event);
        coder.changed = true;
        ledger.totals.fold(event);
        if let Some((start, width)) = ledger.bucket_of(event.timestamp) {
            self.buckets.entry((coder.no, start, width)).or_default().fold(event);
        }
        let zone = self.zones.entry(event.seq >> ZONE_BITS).or_insert((event.timestamp, event.timestamp));
        *zone = (zone.0.min(event.timestamp), zone.1.max(event.timestamp));
        coder
    }

    pub(super) fn save(self, db: &Connection) -> rusqlite::Result<()> {
        for coder in self.coders.into_values().filter(|coder| coder.changed) {
            save_coder(db, coder.no, &coder.state)?;
        }
        for ((coder, start, width), added) in self.buckets {
            merge_bucket(db, coder, start, width, &added)?;
        }
        let mut upsert = db.prepare_cached(
            "INSERT INTO zone (no, least, most) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET least = min(least, excluded.least), most = max(most, excluded.most)
             WHERE excluded.least < least OR excluded.most > most",
        )?;
        for (no, (least, most)) in self.zones {
            // Wider than it need be: events that come one by one rarely move it.
            let (least, most) = (least.floor(ZONE_GRAIN), most.plus(ZONE_GRAIN).floor(ZONE_GRAIN));
            upsert.execute(params![no, least.micros(), most.micros()])?;
        }
        Ok(())
    }
}

pub(super) fn save_coder(db: &Connection, no: i64, state: &Coder) -> rusqlite::Result<()> {
    let last = state.last_activity().map_or(0, Time::micros);
    db.prepare_cached("UPDATE coder SET state = ?, finished = ?, last = ? WHERE no = ?")?.execute(params![
        rows::json(state),
        state.is_finished(),
        last,
        no
    ])?;
    Ok(())
}

pub(super) fn merge_bucket(db: &Connection, coder: i64, start: Time, width: Micros, added: &Tally) -> rusqlite::Result<()> {
    let key = params![coder, start.micros(), width];
    let mut tally: Tally = db
        .prepare_cached("SELECT tally FROM bucket WHERE coder = ? AND start = ? AND width = ?")?
        .query_row(key, |row| rows::aggregate(row, 0))
        .optional()?
        .unwrap_or_default();
    tally.merge(added);
    db.prepare_cached(
        "INSERT INTO bucket (coder, start, width, tally) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET tally = excluded.tally",
    )?
    .execute(params![coder, start.micros(), width, rows::json(&tally)])?;
    Ok(())
}

/// Folds what retention removed into the base of a bucket that exists.
pub(super) fn merge_bucket_base(
    db: &Connection,
    coder: i64,
    start: Time,
    width: Micros,
    removed: &Tally,
) -> rusqlite::Result<()> {
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
