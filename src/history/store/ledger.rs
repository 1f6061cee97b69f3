//! The one row that says which history this is and where it stands.

use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::{
    aggregate::Totals,
    event::{Micros, Time},
};

use super::{
    id::{SEQ_MAX, Tag},
    rows,
};

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
    /// What stood there no history can have come to, and the events tell where it is.
    pub is_mended: bool,
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
        let mut statement = db.prepare_cached("SELECT tag, head, floor, rows, minutes_since, hours_since FROM ledger")?;
        statement.query_row([], |row| {
            let number = |index| -> rusqlite::Result<Option<u64>> {
                Ok(u64::try_from(row.get::<_, i64>(index)?).ok().filter(|number| *number <= SEQ_MAX))
            };
            let (head, floor, rows) = (number(1)?, number(2)?, number(3)?);
            let floor = floor.filter(|floor| head.is_none_or(|head| *floor <= head));
            let known = head.unwrap_or(floor.unwrap_or(0));
            let newer = newest_beyond(db, known);
            Ok(Ledger {
                tag: Tag(row.get(0)?),
                head: newer.unwrap_or(known),
                floor: floor.unwrap_or(0),
                rows: rows.unwrap_or(0),
                minutes_since: Time::from_micros(row.get(4)?),
                hours_since: Time::from_micros(row.get(5)?),
                is_mended: newer.is_some() || head.is_none() || floor.is_none() || rows.is_none(),
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

/// The newest event behind `head`, where there is one that can be found: a seq must not be given twice.
fn newest_beyond(db: &Connection, head: u64) -> Option<u64> {
    let sought = db.prepare_cached("SELECT max(seq) FROM event WHERE seq BETWEEN ? AND ?");
    let found = sought.and_then(|mut newest| newest.query_row([head + 1, SEQ_MAX], |row| row.get(0)));
    // Where the table is damaged the file is, which others tell.
    found.unwrap_or_default()
}
