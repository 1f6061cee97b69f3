//! The aggregates that appending touches: read once, folded in memory, written once a transaction.
//!
//! A writer keeps them from one transaction to the next for as long as nobody else commits. That is why a coder or a bucket
//! is read before anything is added to it: what is written is the whole of it.

use std::collections::{HashMap, hash_map::Entry};

use rusqlite::{Connection, OptionalExtension};

use crate::{
    aggregate::Coder,
    event::Event,
    history::store::{
        ledger::Ledger,
        rows,
        zone::{ZONE_BITS, Zone},
    },
};

use super::aggregates::{Aggregates, Sum, stored_tally};

/// Where there are more coders, buckets or zones than this, they are not kept for the next transaction.
const KEPT_MAX: usize = 1000;

#[derive(Debug)]
pub struct Fold {
    /// The numbers of coders, by their ids.
    numbers: HashMap<String, i64>,
    aggregates: Aggregates,
    zones: HashMap<u64, Zone>,
}

impl Fold {
    /// Nothing is read yet but the totals, which every event adds to.
    pub fn begin(db: &Connection) -> rusqlite::Result<Fold> {
        let aggregates = Aggregates { totals: Ledger::totals(db)?, ..Aggregates::default() };
        Ok(Fold { numbers: HashMap::new(), aggregates, zones: HashMap::new() })
    }

    /// The coder as this transaction sees it; `None` while it has no event.
    pub fn coder(&mut self, db: &Connection, id: &str) -> rusqlite::Result<Option<&Coder>> {
        let no = self.known_no(db, id)?;
        Ok(no.map(|no| &self.aggregates.coders[&no].value))
    }

    /// The number of a coder that may be new.
    pub fn coder_no(&mut self, db: &Connection, id: &str) -> rusqlite::Result<i64> {
        if let Some(no) = self.known_no(db, id)? {
            return Ok(no);
        }
        let no = db.prepare_cached("INSERT INTO coder (id, state, finished, last) VALUES (?, '{}', 0, 0)")?.insert([id])?;
        self.learn(id, no, Coder::default());
        Ok(no)
    }

    fn known_no(&mut self, db: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
        if let Some(&no) = self.numbers.get(id) {
            return Ok(Some(no));
        }
        let found = db
            .prepare_cached("SELECT no, state FROM coder WHERE id = ?")?
            .query_row([id], |row| Ok((row.get(0)?, rows::aggregate(row, 1)?)))
            .optional()?;
        let Some((no, state)) = found else { return Ok(None) };
        self.learn(id, no, state);
        Ok(Some(no))
    }

    fn learn(&mut self, id: &str, no: i64, state: Coder) {
        self.numbers.insert(id.to_owned(), no);
        self.aggregates.coders.insert(no, Sum::stored(state));
    }

    /// Folds an event that has its seq. Its coder, whose number is `no`, must have been asked for.
    pub fn add(&mut self, db: &Connection, ledger: &Ledger, no: i64, event: &Event) -> rusqlite::Result<()> {
        if let Some((start, width)) = ledger.bucket_of(event.timestamp)
            && let Entry::Vacant(unread) = self.aggregates.buckets.entry((no, start, width))
        {
            unread.insert(Sum::stored(stored_tally(db, (no, start, width))?));
        }
        self.aggregates.fold(ledger, no, event);
        self.zones.entry(event.seq >> ZONE_BITS).or_insert(Zone::EMPTY).cover(event.timestamp);
        Ok(())
    }

    /// Writes what changed, and the ledger with the totals.
    pub fn save(&mut self, db: &Connection, ledger: &Ledger) -> rusqlite::Result<()> {
        self.aggregates.save(db)?;
        for (&no, zone) in &mut self.zones {
            zone.save(db, no)?;
        }
        ledger.save_with_totals(db, &self.aggregates.totals)
    }

    /// Gives up what would take too much memory; it is read again.
    pub fn trim(&mut self) {
        // By their numbers coders are found only if they are found by their ids: both go, or none.
        if self.numbers.len() > KEPT_MAX {
            self.numbers.clear();
            self.aggregates.coders.clear();
        }
        if self.aggregates.buckets.len() > KEPT_MAX {
            self.aggregates.buckets.clear();
        }
        if self.zones.len() > KEPT_MAX {
            self.zones.clear();
        }
    }
}
