//! What a history needs now and then: old minutes become hours, the oldest hours go, forgotten coders make room.

use rusqlite::{Connection, params};

use crate::{
    aggregate::{Coder, Tally},
    event::{Micros, Time},
    history::{
        record::{Writer, aggregates, conflict, failed_calls, news},
        store::{Error, ledger::Ledger, rows},
    },
};

use super::recompute;

/// Coders whose aggregates are kept. Beyond it the finished ones that were silent longest go, if none of their events is left.
const CODERS_MAX: u64 = 20_000;
/// The number that no coder has: of the buckets of all that were evicted.
const NOBODY: i64 = 0;
/// Coders evicted in one transaction: a bound on how long others wait.
const EVICTED_AT_ONCE: u64 = 500;

impl Writer {
    /// Moves counts to wider buckets, evicts coders beyond the bound, and moves the write-ahead log into the database as far as
    /// readers allow: while a long-lived process is there, no short-lived one does it at its end.
    ///
    /// # Errors
    /// Where the history cannot be written.
    pub fn tidy(&mut self) -> Result<(), Error> {
        self.tidy_to(CODERS_MAX)
    }

    pub(in crate::history) fn tidy_to(&mut self, coders_max: u64) -> Result<(), Error> {
        if self.is_absent() {
            return Ok(());
        }
        let now = self.now();
        self.transact(|db| {
            widen_buckets(db, now)?;
            forget_failures(db)?;
            failed_calls::forget(db)?;
            conflict::forget(db, now)?;
            news::forget(db, now)
        })?;
        while self.transact(|db| evict(db, coders_max))? == EVICTED_AT_ONCE {}
        self.outside_transaction(|db| db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())))
    }

    /// Takes in the spool, and moves the whole log into the database.
    ///
    /// # Errors
    /// Where the history cannot be written.
    pub fn shorten_log(&mut self) -> Result<(), Error> {
        self.take_in_spool()?;
        self.outside_transaction(|db| db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())))
    }
}

/// Advances the horizons to `now`. They go back only where they lie in the future, since the clock was ahead for a while.
fn widen_buckets(db: &Connection, now: Time) -> rusqlite::Result<()> {
    let mut ledger = Ledger::load(db)?;
    let (minutes_since, hours_since) = Ledger::horizons(now);
    if ledger.minutes_since > now {
        (ledger.minutes_since, ledger.hours_since) = (minutes_since, hours_since);
        ledger.save(db)?;
        // What was recorded meanwhile was too old to be counted by the minute.
        return recompute::rebuild(db, &mut |_, _| {});
    }
    if minutes_since <= ledger.minutes_since {
        return Ok(());
    }
    (ledger.minutes_since, ledger.hours_since) = (minutes_since, hours_since.max(ledger.hours_since));
    ledger.save(db)?;
    db.execute("DELETE FROM bucket WHERE start < ?", [ledger.hours_since.micros()])?;
    let mut statement = db.prepare("DELETE FROM bucket WHERE width = ? AND start < ? RETURNING coder, start, tally, base")?;
    let mut minutes = statement.query(params![Time::MINUTE, minutes_since.micros()])?;
    let mut moved: Vec<(i64, Micros, Tally, Tally)> = Vec::new();
    while let Some(row) = minutes.next()? {
        moved.push((row.get(0)?, row.get(1)?, rows::aggregate(row, 2)?, rows::aggregate_or_default(row, 3)?));
    }
    for (coder, start, tally, base) in moved {
        let hour = Time::from_micros(start).floor(Time::HOUR);
        let bucket = (coder, hour, Time::HOUR);
        aggregates::merge_bucket(db, bucket, &tally)?;
        aggregates::merge_bucket_base(db, bucket, &base)?;
    }
    Ok(())
}

/// Adds what a coder that is evicted counted to what all of them did.
fn keep_counts(db: &Connection, no: i64) -> rusqlite::Result<()> {
    let coder: Coder =
        db.prepare_cached("SELECT state FROM coder WHERE no = ?")?.query_row([no], |row| rows::aggregate(row, 0))?;
    let mut evicted: Tally =
        db.prepare_cached("SELECT evicted FROM base")?.query_row([], |row| rows::aggregate_or_default(row, 0))?;
    evicted.merge(coder.tally());
    db.prepare_cached("UPDATE base SET evicted = ?")?.execute([rows::json(&evicted)])?;
    let mut statement = db.prepare_cached("SELECT start, width, tally, base FROM bucket WHERE coder = ?")?;
    let mut buckets = statement.query([no])?;
    while let Some(row) = buckets.next()? {
        let bucket = (NOBODY, Time::from_micros(row.get(0)?), row.get(1)?);
        aggregates::merge_bucket(db, bucket, &rows::aggregate(row, 2)?)?;
        aggregates::merge_bucket_base(db, bucket, &rows::aggregate_or_default(row, 3)?)?;
    }
    Ok(())
}

/// The alert rule looks back ten minutes of event time; a day is far beyond what late reports need.
fn forget_failures(db: &Connection) -> rusqlite::Result<()> {
    let forget = "DELETE FROM failure WHERE at < (SELECT max(at) FROM failure AS later WHERE later.coder = failure.coder) - ?";
    db.execute(forget, [Time::DAY])?;
    Ok(())
}

/// How many coders went.
fn evict(db: &Connection, coders_max: u64) -> rusqlite::Result<u64> {
    let known: u64 = db.query_row("SELECT count(*) FROM coder", [], |row| row.get(0))?;
    let excess = known.saturating_sub(coders_max).min(EVICTED_AT_ONCE);
    if excess == 0 {
        return Ok(0);
    }
    let gone: Vec<i64> = db
        .prepare(
            "SELECT no FROM coder WHERE finished = 1 AND NOT EXISTS (SELECT 1 FROM event WHERE event.coder = coder.no)
             ORDER BY last LIMIT ?",
        )?
        .query_map([excess], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for no in &gone {
        let paths: Vec<i64> = db
            .prepare_cached("SELECT path FROM touch WHERE coder = ?")?
            .query_map([no], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        keep_counts(db, *no)?;
        for table in ["bucket", "touch", "failure", "failed_call", "conflict", "interest", "news", "watch"] {
            db.prepare_cached(&format!("DELETE FROM {table} WHERE coder = ?"))?.execute([no])?;
        }
        db.prepare_cached("DELETE FROM coder WHERE no = ?")?.execute([no])?;
        // Only these may have lost their last mention: looking at every path would cost as much for each few coders.
        let mut forget = db.prepare_cached(
            "DELETE FROM path WHERE no = ?1 AND NOT EXISTS (SELECT 1 FROM touch WHERE touch.path = ?1)
                 AND NOT EXISTS (SELECT 1 FROM event WHERE event.path = ?1)
                 AND NOT EXISTS (SELECT 1 FROM interest WHERE interest.path = ?1)",
        )?;
        for path in paths {
            forget.execute([path])?;
        }
    }
    Ok(gone.len() as u64)
}
