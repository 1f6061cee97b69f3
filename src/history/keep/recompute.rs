//! What the aggregates must be: folded anew from base and events, to be compared with what is stored, or put in its place.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};

use crate::{
    aggregate::{Coder, Tally, Totals},
    event::{Micros, Time},
    history::{
        record::fold,
        store::{
            ledger::Ledger,
            rows::{self, EVENT_COLUMNS, EventRow},
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
    pub coders: BTreeMap<i64, Coder>,
    buckets: HashMap<(i64, Micros, Micros), Tally>,
    zones: BTreeMap<u64, (Time, Time)>,
    totals: Totals,
}

impl Recomputed {
    pub fn of(db: &Connection, ledger: &Ledger, progress: &mut dyn FnMut(u64, u64)) -> rusqlite::Result<Recomputed> {
        let mut recomputed = Recomputed {
            rows: 0,
            last: 0,
            coders: BTreeMap::new(),
            buckets: HashMap::new(),
            zones: BTreeMap::new(),
            totals: db.query_row("SELECT totals FROM base", [], |row| rows::aggregate(row, 0))?,
        };
        each(db, "SELECT no, base FROM coder", |row| {
            recomputed.coders.insert(row.get(0)?, rows::aggregate_or_default(row, 1)?);
            Ok(())
        })?;
        each(db, "SELECT coder, start, width, base FROM bucket WHERE base IS NOT NULL", |row| {
            recomputed.buckets.insert((row.get(0)?, row.get(1)?, row.get(2)?), rows::aggregate(row, 3)?);
            Ok(())
        })?;
        let ids = coder_ids(db)?;
        each(db, &format!("SELECT {EVENT_COLUMNS} FROM event ORDER BY seq"), |row| {
            let row = EventRow::read(row)?;
            recomputed.add(ledger, row, &ids)?;
            if recomputed.rows.is_multiple_of(PROGRESS_EVENTS) {
                progress(recomputed.rows, ledger.rows);
            }
            Ok(())
        })?;
        Ok(recomputed)
    }

    fn add(&mut self, ledger: &Ledger, row: EventRow, ids: &HashMap<i64, String>) -> rusqlite::Result<()> {
        let no = row.coder;
        let event = row.into_event(ledger.tag, ids.get(&no).cloned().unwrap_or_default())?;
        (self.rows, self.last) = (self.rows + 1, event.seq);
        self.coders.entry(no).or_default().fold(&event);
        self.totals.fold(&event);
        if let Some((start, width)) = ledger.bucket_of(event.timestamp) {
            self.buckets.entry((no, start.micros(), width)).or_default().fold(&event);
        }
        let zone = self.zones.entry(event.seq >> ZONE_BITS).or_insert((event.timestamp, event.timestamp));
        *zone = (zone.0.min(event.timestamp), zone.1.max(event.timestamp));
        Ok(())
    }

    pub fn compare(&self, db: &Connection, ledger: &Ledger, problems: &mut Vec<String>) -> rusqlite::Result<()> {
        let mut expect = |holds: bool, problem: &dyn Fn() -> String| {
            if !holds && problems.len() < TOLD_MAX {
                problems.push(problem());
            }
        };
        let (head, rows) = (ledger.head, ledger.rows);
        expect(self.last <= head, &|| format!("the newest seq is {}, beyond the recorded head {head}", self.last));
        expect(self.rows == rows, &|| format!("{} events are there, {rows} are counted", self.rows));
        expect(self.totals == ledger.totals, &|| "the totals are not what base and events add up to".to_owned());
        let ids = coder_ids(db)?;
        each(db, "SELECT no, state FROM coder", |row| {
            let (no, state): (i64, Coder) = (row.get(0)?, rows::aggregate(row, 1)?);
            expect(self.coders.get(&no) == Some(&state), &|| {
                format!("the state of coder `{}` is not what its events add up to", ids.get(&no).map_or("", String::as_str))
            });
            Ok(())
        })?;
        for no in self.coders.keys().filter(|no| !ids.contains_key(no)) {
            expect(false, &|| format!("events belong to coder number {no}, which is unknown"));
        }
        let mut counted = 0;
        each(db, "SELECT coder, start, width, tally FROM bucket", |row| {
            let key = (row.get(0)?, row.get(1)?, row.get(2)?);
            let tally: Tally = rows::aggregate(row, 3)?;
            counted += 1;
            expect(self.buckets.get(&key) == Some(&tally), &|| {
                format!("the counts from {} are not what the events add up to", Time::from_micros(key.1))
            });
            Ok(())
        })?;
        expect(counted == self.buckets.len(), &|| format!("{counted} buckets are there, {} are needed", self.buckets.len()));
        let mut zones = 0;
        each(db, "SELECT no, least, most FROM zone", |row| {
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
    let mut ledger = Ledger::load(db)?;
    let recomputed = Recomputed::of(db, &ledger, progress)?;
    (ledger.rows, ledger.head, ledger.totals) = (recomputed.rows, ledger.head.max(recomputed.last), recomputed.totals);
    ledger.save(db)?;
    for (no, state) in &recomputed.coders {
        db.prepare_cached(
            "INSERT OR IGNORE INTO coder (no, id, state, finished, last) VALUES (?1, 'unknown-' || ?1, '{}', 0, 0)",
        )?
        .execute([no])?;
        fold::save_coder(db, *no, state)?;
    }
    db.execute("DELETE FROM bucket WHERE base IS NULL", [])?;
    for (&(coder, start, width), tally) in &recomputed.buckets {
        db.prepare_cached(
            "INSERT INTO bucket (coder, start, width, tally) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET tally = excluded.tally",
        )?
        .execute(params![coder, start, width, rows::json(tally)])?;
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

fn each(db: &Connection, sql: &str, mut visit: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        visit(row)?;
    }
    Ok(())
}
