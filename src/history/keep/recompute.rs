//! What the aggregates must be: folded anew from base and events, to be compared with what is stored, or put in its place.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, params};

use crate::{
    aggregate::{Coder, Tally},
    event::{Event, Time},
    history::{
        record::aggregates::{Aggregates, bucket_key, save_bucket, save_coder},
        store::{
            error::readable,
            ledger::Ledger,
            rows::{self, EVENT_COLUMNS, column},
            zone::ZONE_BITS,
        },
    },
};

/// Problems of one kind that are told one by one.
pub const TOLD_MAX: usize = 20;
/// Events after which progress is told.
const PROGRESS_EVENTS: u64 = 1000;

/// What the aggregates must be: folded anew from base and events.
pub struct Recomputed {
    pub rows: u64,
    last: u64,
    pub aggregates: Aggregates,
    /// Of which nothing could be read.
    unreadable: u64,
    /// Exact, where those that are stored may be wider.
    zones: BTreeMap<u64, (Time, Time)>,
}

impl Recomputed {
    pub fn of(db: &Connection, ledger: &Ledger, progress: &mut dyn FnMut(u64, u64)) -> rusqlite::Result<Recomputed> {
        let mut recomputed =
            Recomputed { rows: 0, last: 0, aggregates: Aggregates::base(db)?, unreadable: 0, zones: BTreeMap::new() };
        let ids = coder_ids(db)?;
        rows::each(db, &format!("SELECT {EVENT_COLUMNS} FROM event ORDER BY seq"), |row| {
            // What belongs to nobody is a problem that comparing finds.
            let coder_id = |no| Ok(ids.get(&no).cloned().unwrap_or_default());
            let Some(event) = readable(rows::event(row, ledger.tag, coder_id))? else {
                recomputed.unreadable += 1;
                return Ok(());
            };
            recomputed.add(ledger, row.get(column::CODER)?, &event);
            if recomputed.rows.is_multiple_of(PROGRESS_EVENTS) {
                progress(recomputed.rows, ledger.rows);
            }
            Ok(())
        })?;
        Ok(recomputed)
    }

    fn add(&mut self, ledger: &Ledger, no: i64, event: &Event) {
        (self.rows, self.last) = (self.rows + 1, event.seq);
        self.aggregates.fold(ledger, no, event);
        let zone = self.zones.entry(event.seq >> ZONE_BITS).or_insert((event.timestamp, event.timestamp));
        *zone = (zone.0.min(event.timestamp), zone.1.max(event.timestamp));
    }

    pub fn compare(&self, db: &Connection, ledger: &Ledger, problems: &mut Vec<String>) -> rusqlite::Result<()> {
        let mut expect = |holds: bool, problem: &dyn Fn() -> String| {
            if !holds && problems.len() < TOLD_MAX {
                problems.push(problem());
            }
        };
        let (head, rows) = (ledger.head, ledger.rows);
        expect(self.last <= head, &|| format!("the newest seq is {}, beyond the recorded head {head}", self.last));
        let there = self.rows + self.unreadable;
        expect(there == rows, &|| format!("{there} events are there, {rows} are counted"));
        expect(self.unreadable == 0, &|| format!("nothing can be read of {} of the events", self.unreadable));
        expect(!ledger.is_mended, &|| "where the history stands is told wrong: its events tell another place".to_owned());
        let Aggregates { coders, buckets, totals, .. } = &self.aggregates;
        // Some that cannot be read are as wrong as others, and as easily put right.
        expect(Ledger::totals(db).is_ok_and(|stored| *totals == stored), &|| {
            "the totals are not what base and events add up to".to_owned()
        });
        let ids = coder_ids(db)?;
        let is_of_before = Ledger::states_since(db)? > 0;
        rows::each(db, "SELECT no, state FROM coder", |row| {
            let (no, state): (i64, Coder) = (row.get(0)?, rows::aggregate(row, 1)?);
            let is_same = |folded: &Coder| match is_of_before {
                false => *folded == state,
                true => folded.as_told_at_first() == state.as_told_at_first(),
            };
            expect(coders.get(&no).is_some_and(|coder| is_same(&coder.value)), &|| {
                format!("the state of coder `{}` is not what its events add up to", ids.get(&no).map_or("", String::as_str))
            });
            Ok(())
        })?;
        let unknown: BTreeSet<_> = coders.keys().filter(|no| !ids.contains_key(no)).collect();
        for no in unknown {
            expect(false, &|| format!("events belong to coder number {no}, which is unknown"));
        }
        let mut counted = 0;
        rows::each(db, "SELECT coder, start, width, tally FROM bucket", |row| {
            let key = bucket_key(row)?;
            let tally: Tally = rows::aggregate(row, 3)?;
            counted += 1;
            expect(buckets.get(&key).is_some_and(|bucket| bucket.value == tally), &|| {
                format!("the counts from {} are not what the events add up to", key.1)
            });
            Ok(())
        })?;
        expect(counted == buckets.len(), &|| format!("{counted} buckets are there, {} are needed", buckets.len()));
        let mut zones = 0;
        rows::each(db, "SELECT no, least, most FROM zone", |row| {
            let (least, most) = (Time::from_micros(row.get(1)?), Time::from_micros(row.get(2)?));
            let no: u64 = row.get(0)?;
            if let Some(&(from, to)) = self.zones.get(&no) {
                zones += 1;
                expect(least <= from && to <= most, &|| format!("zone {no} does not cover the times of its events"));
            }
            Ok(())
        })?;
        expect(zones == self.zones.len(), &|| format!("{} zones lack their times", self.zones.len() - zones));
        Ok(())
    }
}

/// Writes the aggregates and the indexes anew. What the alert rule remembers is no aggregate and stays.
pub fn rebuild(db: &Connection, progress: &mut dyn FnMut(u64, u64)) -> rusqlite::Result<()> {
    db.execute_batch("REINDEX")?;
    // From now on models and tools are counted of every event that is there.
    db.execute("UPDATE ledger SET parts_since = 0, states_since = 0", [])?;
    let mut ledger = Ledger::load(db)?;
    let recomputed = Recomputed::of(db, &ledger, progress)?;
    (ledger.rows, ledger.head) = (recomputed.rows, ledger.head.max(recomputed.last));
    ledger.save_with_totals(db, &recomputed.aggregates.totals)?;
    for (no, coder) in &recomputed.aggregates.coders {
        db.prepare_cached(
            "INSERT OR IGNORE INTO coder (no, id, state, finished, last) VALUES (?1, 'unknown-' || ?1, '{}', 0, 0)",
        )?
        .execute([no])?;
        save_coder(db, *no, &coder.value)?;
    }
    db.execute("DELETE FROM bucket WHERE base IS NULL", [])?;
    for (&key, bucket) in &recomputed.aggregates.buckets {
        save_bucket(db, key, &bucket.value)?;
    }
    db.execute("DELETE FROM zone", [])?;
    for (no, (least, most)) in &recomputed.zones {
        db.prepare_cached("INSERT INTO zone (no, least, most) VALUES (?, ?, ?)")?.execute(params![
            no,
            least.micros(),
            most.micros()
        ])?;
    }
    Ok(())
}

fn coder_ids(db: &Connection) -> rusqlite::Result<HashMap<i64, String>> {
    db.prepare("SELECT no, id FROM coder")?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
