//! The one row that says which history this is and where it stands.

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::{
    aggregate::Totals,
    event::{Micros, Time},
};

use super::{id::Tag, rows};

/// Counts by event time are kept by the minute this long, then by the hour.
pub const MINUTES_KEPT: Micros = Time::DAY;
/// Counts by event time are kept by the hour this long, and then dropped.
pub const HOURS_KEPT: Micros = 90 * Time::DAY;

#[derive(Clone, Debug)]
pub struct Ledger {
    pub tag: Tag,
    pub head: u64,
    pub floor: u64,
    pub rows: u64,
    pub minutes_since: Time,
    pub hours_since: Time,
}

impl Ledger {
    /// Writes the first ledger of a new history.
    pub fn found(db: &Connection, now: Time) -> rusqlite::Result<()> {
        let tag = Uuid::new_v4().as_fields().0;
        let (minutes_since, hours_since) = Ledger::horizons(now);
        db.execute(
            "INSERT INTO ledger (one, tag, minutes_since, hours_since) VALUES (1, ?, ?, ?)",
            params![tag, minutes_since.micros(), hours_since.micros()],
        )?;
        Ok(())
    }

    /// The times from when on minutes and hours are kept, seen from `now`.
    pub fn horizons(now: Time) -> (Time, Time) {
        (now.plus(-MINUTES_KEPT).floor(Time::HOUR), now.plus(-HOURS_KEPT).floor(Time::HOUR))
    }

    pub fn load(db: &Connection) -> rusqlite::Result<Ledger> {
        db.prepare_cached("SELECT tag, head, floor, rows, minutes_since, hours_since FROM ledger")?.query_row([], |row| {
            Ok(Ledger {
                tag: Tag(row.get(0)?),
                head: row.get(1)?,
                floor: row.get(2)?,
                rows: row.get(3)?,
                minutes_since: Time::from_micros(row.get(4)?),
                hours_since: Time::from_micros(row.get(5)?),
            })
        })
    }

    /// Events up to this seq were counted before models and tools were counted apart: all of them, before schema 7.
    pub fn parts_since(db: &Connection) -> rusqlite::Result<u64> {
        if db.column_exists(Some("main"), "ledger", "parts_since")? {
            return db.prepare_cached("SELECT parts_since FROM ledger")?.query_row([], |row| row.get(0));
        }
        Ok(u64::MAX)
    }

    /// Coders up to this seq were folded before all that is now told of them was: all of them, before schema 8.
    pub fn states_since(db: &Connection) -> rusqlite::Result<u64> {
        if db.column_exists(Some("main"), "ledger", "states_since")? {
            return db.prepare_cached("SELECT states_since FROM ledger")?.query_row([], |row| row.get(0));
        }
        Ok(u64::MAX)
    }

    /// The totals stand in the same row, and apart here: reading them back costs more than finding a page of events, and they
    /// may be damaged where the rest is not.
    pub fn totals(db: &Connection) -> rusqlite::Result<Totals> {
        db.prepare_cached("SELECT totals FROM ledger")?.query_row([], |row| rows::aggregate(row, 0))
    }

    pub fn save(&self, db: &Connection) -> rusqlite::Result<()> {
        db.prepare_cached("UPDATE ledger SET head = ?, floor = ?, rows = ?, minutes_since = ?, hours_since = ?")?
            .execute(params![self.head, self.floor, self.rows, self.minutes_since.micros(), self.hours_since.micros()])
            .map(drop)
    }

    /// Saves the totals too, in one statement: each append writes both.
    pub fn save_with_totals(&self, db: &Connection, totals: &Totals) -> rusqlite::Result<()> {
        db.prepare_cached("UPDATE ledger SET head = ?, floor = ?, rows = ?, minutes_since = ?, hours_since = ?, totals = ?")?
            .execute(params![
                self.head,
                self.floor,
                self.rows,
                self.minutes_since.micros(),
                self.hours_since.micros(),
                rows::json(totals),
            ])
            .map(drop)
    }

    /// The bucket that holds `at`: its start and width; `None` where it is older than anything kept.
    pub fn bucket_of(&self, at: Time) -> Option<(Time, Micros)> {
        if at >= self.minutes_since {
            Some((at.floor(Time::MINUTE), Time::MINUTE))
        } else if at >= self.hours_since {
            Some((at.floor(Time::HOUR), Time::HOUR))
        } else {
            None
        }
    }
}
