//! The zone map: the least and greatest event time of each run of seqs, so that a time range needs no index on every event.

use rusqlite::{Connection, params};

use crate::event::{Micros, Time};

/// Seqs a zone covers, as a power of two.
pub const ZONE_BITS: u32 = 9;

/// A zone begins and ends on these steps.
const ZONE_GRAIN: Micros = 10 * Time::SECOND;

/// A zone as far as this writer widened it: once it was written, what is stored covers it.
#[derive(Clone, Copy, Debug)]
pub struct Zone {
    least: Time,
    most: Time,
    changed: bool,
}

impl Zone {
    pub const EMPTY: Zone = Zone { least: Time::from_micros(i64::MAX), most: Time::from_micros(i64::MIN), changed: false };

    /// Becomes wider than it need be: events that come one by one rarely move it.
    pub fn cover(&mut self, at: Time) {
        if at < self.least || self.most < at {
            self.least = self.least.min(at.floor(ZONE_GRAIN));
            self.most = self.most.max(at.plus(ZONE_GRAIN).floor(ZONE_GRAIN));
            self.changed = true;
        }
    }

    /// Writes it, if it changed.
    pub fn save(&mut self, db: &Connection, no: u64) -> rusqlite::Result<()> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        db.prepare_cached(
            "INSERT INTO zone (no, least, most) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET least = min(least, excluded.least), most = max(most, excluded.most)
             WHERE excluded.least < least OR excluded.most > most",
        )?
        .execute(params![no, self.least.micros(), self.most.micros()])
        .map(drop)
    }
}
