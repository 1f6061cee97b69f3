//! Where in the history a time may lie, without looking at the whole zone map.

use rusqlite::{Connection, params};

use crate::{event::Time, history::store::zone::ZONE_BITS};

/// Zones in a group, as a power of two: some thirty bytes for each eight thousand events.
const GROUP_BITS: u32 = 4;

/// The least and greatest event time of each group of zones that no new event can lie in. They are read once: such a zone never
/// changes but in a repair, which makes it no wider unless it was damaged.
#[derive(Default)]
pub struct Zones {
    /// The number, least and greatest time of each; those of which nothing is retained are left out.
    groups: Vec<(u64, Time, Time)>,
    /// The number of the first group that was not read.
    end: u64,
}

impl Zones {
    /// The first zone that may hold an event of `since` or later.
    pub fn first_since(&mut self, db: &Connection, head: u64, since: Time) -> rusqlite::Result<Option<u64>> {
        self.learn(db, head)?;
        let group = self.groups.iter().find(|(_, _, most)| *most >= since).map_or(self.end, |(no, ..)| *no);
        db.prepare_cached("SELECT min(no) FROM zone WHERE most >= ? AND no >= ?")?
            .query_row(params![since.micros(), group << GROUP_BITS], |row| row.get(0))
    }

    /// The last zone that may hold an event of `until` or earlier.
    pub fn last_until(&mut self, db: &Connection, head: u64, until: Time) -> rusqlite::Result<Option<u64>> {
        self.learn(db, head)?;
        let mut last = db.prepare_cached("SELECT max(no) FROM zone WHERE least <= ? AND no BETWEEN ? AND ?")?;
        let mut last = |from: u64, to: u64| last.query_row(params![until.micros(), from, to], |row| row.get(0));
        if let Some(zone) = last(self.end << GROUP_BITS, head >> ZONE_BITS)? {
            return Ok(Some(zone));
        }
        let group = self.groups.iter().rev().find(|(_, least, _)| *least <= until);
        group.map_or(Ok(None), |(no, ..)| last(no << GROUP_BITS, ((no + 1) << GROUP_BITS) - 1))
    }

    fn learn(&mut self, db: &Connection, head: u64) -> rusqlite::Result<()> {
        let end = (head + 1) >> (ZONE_BITS + GROUP_BITS);
        if end <= self.end {
            return Ok(());
        }
        let mut groups = db.prepare_cached(
            "SELECT no >> ?1, min(least), max(most) FROM zone WHERE no >= ?2 << ?1 AND no < ?3 << ?1 GROUP BY 1 ORDER BY 1",
        )?;
        let mut rows = groups.query(params![GROUP_BITS, self.end, end])?;
        while let Some(row) = rows.next()? {
            self.groups.push((row.get(0)?, Time::from_micros(row.get(1)?), Time::from_micros(row.get(2)?)));
        }
        self.end = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Events of so many zones, and of half a zone.
    fn head(zones: u64) -> u64 {
        (zones << ZONE_BITS) + (1 << (ZONE_BITS - 1))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn groups_find_what_looking_at_every_zone_finds(
            times in proptest::collection::vec((0..1000_i64, 0..20_i64), 1..400),
            removed in 0..300_u64,
            asked in proptest::collection::vec((0.0..1.0_f64, -5..1025_i64), 20),
        ) {
            let db = Connection::open_in_memory().expect("a database");
            db.execute_batch("CREATE TABLE zone (no INTEGER PRIMARY KEY, least INTEGER NOT NULL, most INTEGER NOT NULL)").expect("made");
            let mut zones = Zones::default();
            let mut known = 0;
            let mut asked = asked;
            asked.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (share, at) in asked {
                // The history grows between two questions.
                while (known as f64) < share * times.len() as f64 {
                    let (least, wide) = times[known];
                    if known as u64 >= removed {
                        db.execute("INSERT INTO zone VALUES (?, ?, ?)", params![known, least, least + wide]).expect("written");
                    }
                    known += 1;
                }
                let plain = |sql: &str| -> Option<u64> { db.query_row(sql, [at], |row| row.get(0)).expect("read") };
                let (head, time) = (head((known as u64).saturating_sub(1)), Time::from_micros(at));
                let first = zones.first_since(&db, head, time).expect("read");
                prop_assert_eq!(first, plain("SELECT min(no) FROM zone WHERE most >= ?"));
                let last = zones.last_until(&db, head, time).expect("read");
                prop_assert_eq!(last, plain("SELECT max(no) FROM zone WHERE least <= ?"));
            }
        }
    }
}
