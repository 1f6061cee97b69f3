//! The statistics: read from what was folded at append, never counted.

use std::{collections::BTreeMap, fs, path::Path};

use rusqlite::{Connection, params};

use crate::{
    aggregate::{HistorySize, Stats, Tally},
    event::{Micros, Time},
    history::store::{Error, Options, ledger::Ledger, rows, spool_files},
    price::Prices,
};

use super::{
    coders::{CoderRecord, visit_by_activity},
    conflicts,
    reader::{Reader, Snapshot},
};

#[derive(Clone, Debug, Default)]
pub struct StatsQuery {
    /// The coder whose statistics are wanted; an unknown one has no events. `None`: everybody's.
    pub coder: Option<String>,
    /// Limits counts, tokens, cost and errors to what happened since.
    pub since: Option<Time>,
    /// How many coders are described and counted one by one, most recently active first; 0: all.
    pub coders_max: usize,
}

/// What one coder did in one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minute {
    pub coder_id: String,
    pub start: Time,
    /// Facts with an event time in that minute.
    pub events: u64,
}

/// What coders did minute by minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Minutes {
    /// The newest seq that is counted.
    pub through: u64,
    pub minutes: Vec<Minute>,
}

/// Minutes read at once: more than a screen can show.
const MINUTES_MAX: usize = 20_000;

impl Reader {
    /// How much each coder did in each minute from `since` on: the latest 20 000 at most, the latest first.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn minutes(&mut self, since: Time) -> Result<Minutes, Error> {
        self.read(Minutes::default(), |snapshot| {
            let mut statement = snapshot.db.prepare_cached(
                "SELECT coder.id, start, tally FROM bucket JOIN coder ON coder.no = bucket.coder
                 WHERE start >= ? AND width = ? ORDER BY start DESC LIMIT ?",
            )?;
            let minutes = statement.query_map(params![since.floor(Time::MINUTE).micros(), Time::MINUTE, MINUTES_MAX], |row| {
                let start = Time::from_micros(row.get(1)?);
                Ok(Minute { coder_id: row.get(0)?, start, events: rows::aggregate::<Tally>(row, 2)?.events() })
            })?;
            Ok(Minutes { through: snapshot.ledger.head, minutes: minutes.collect::<rusqlite::Result<_>>()? })
        })
    }

    /// How much all coders, or one, did in each of `count` minutes from `since` on, however many coders there are.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn events_by_minute(&mut self, coder: Option<&str>, since: Time, count: usize) -> Result<Vec<u64>, Error> {
        let since = since.floor(Time::MINUTE).micros();
        self.read(vec![0; count], |snapshot| {
            let mut statement = snapshot.db.prepare_cached(match coder {
                Some(_) => {
                    "SELECT start, tally FROM bucket
                     WHERE coder = (SELECT no FROM coder WHERE id = ?3) AND start >= ?1 AND width = ?2"
                }
                None => "SELECT start, tally FROM bucket WHERE start >= ?1 AND width = ?2 AND ?3 IS NULL",
            })?;
            let mut rows = statement.query(params![since, Time::MINUTE, coder])?;
            let mut minutes = vec![0; count];
            while let Some(row) = rows.next()? {
                let index = (row.get::<_, Micros>(0)? - since) / Time::MINUTE;
                // Clocks differ: some are ahead of us.
                if let Some(minute) = usize::try_from(index).ok().and_then(|index| minutes.get_mut(index)) {
                    *minute += rows::aggregate::<Tally>(row, 1)?.events();
                }
            }
            Ok(minutes)
        })
    }

    /// # Errors
    /// Where the history cannot be read.
    pub fn stats(&mut self, query: &StatsQuery) -> Result<Stats, Error> {
        let spooled = spool_files::waiting(self.options()).len() as u64;
        let absent = HistorySize { spooled, ..HistorySize::default() };
        let prices = self.options().prices.clone();
        self.read(summary(&Tally::default(), &prices, absent), |snapshot| stats(snapshot, query, spooled))
    }
}

fn stats(snapshot: &mut Snapshot<'_>, query: &StatsQuery, spooled: u64) -> rusqlite::Result<Stats> {
    let since = query.since.map(|since| bucket_start(&snapshot.ledger, since));
    let mut one = None;
    let (mut coders, mut by_coder, mut listed) = (Vec::new(), BTreeMap::new(), 0);
    let handles = snapshot.handles()?;
    visit_chosen(snapshot, query.coder.as_deref(), |snapshot, row| {
        let tally = match since {
            Some(since) => tally_since(snapshot.db, Some(row.no), since)?,
            None => row.state.tally().clone(),
        };
        let mut view = row.view(snapshot, &handles)?;
        (view.events, view.events_by_type, view.usage) = (tally.events(), tally.by_type(), tally.usage(&snapshot.options.prices));
        by_coder.insert(row.id.clone(), tally.events());
        coders.push(view);
        listed += 1;
        if query.coder.is_some() {
            one = Some((tally, row.state.last_activity(), row.no));
        }
        Ok(query.coders_max == 0 || listed < query.coders_max)
    })?;

    let totals = Ledger::totals(snapshot.db)?;
    let of_all = totals.events_per_minute(snapshot.now);
    let (tally, last_event, events_per_minute) = match (&query.coder, one) {
        (Some(_), Some((tally, last, no))) => (tally, last, received_last_minute(snapshot, Some(no), of_all)?),
        (Some(_), None) => (Tally::default(), None, 0.0),
        (None, _) => {
            let tally = since.map_or_else(|| Ok(totals.tally().clone()), |since| tally_since(snapshot.db, None, since))?;
            let rate = of_all.map_or_else(|| received_last_minute(snapshot, None, None), Ok)?;
            (tally, totals.last_event(), rate)
        }
    };
    let coders_total = match &query.coder {
        Some(_) => coders.len() as u64,
        None => snapshot.db.prepare_cached("SELECT count(*) FROM coder")?.query_row([], |row| row.get(0))?,
    };
    let size = HistorySize { spooled, ..size(snapshot)? };
    let file_conflicts = match (&query.coder, coders.first()) {
        (None, _) => conflicts::all(snapshot.db)?,
        (Some(_), Some(coder)) => coder.file_conflicts.clone(),
        (Some(_), None) => Vec::new(),
    };
    Ok(Stats {
        file_conflicts,
        last_event,
        events_per_minute,
        since,
        coders_total,
        coders,
        events_by_coder: by_coder,
        ..summary(&tally, &snapshot.options.prices, size)
    })
}

fn summary(tally: &Tally, prices: &Prices, history: HistorySize) -> Stats {
    Stats {
        total_events: tally.events(),
        events_by_type: tally.by_type(),
        usage: tally.usage(prices),
        events_by_coder: BTreeMap::new(),
        last_event: None,
        events_per_minute: 0.0,
        since: None,
        coders_total: 0,
        coders: Vec::new(),
        file_conflicts: Vec::new(),
        history,
    }
}

fn visit_chosen(
    snapshot: &Snapshot<'_>,
    coder: Option<&str>,
    mut visit: impl FnMut(&Snapshot<'_>, CoderRecord) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    let Some(id) = coder else { return visit_by_activity(snapshot, visit) };
    let mut statement = snapshot.db.prepare_cached("SELECT no, id, state FROM coder WHERE id = ?")?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        visit(snapshot, CoderRecord::read(row)?)?;
    }
    Ok(())
}

/// The start of the bucket that holds `since`, or of the oldest that is kept.
pub fn bucket_start(ledger: &Ledger, since: Time) -> Time {
    ledger.bucket_of(since).map_or(ledger.hours_since, |(start, _)| start)
}

fn tally_since(db: &Connection, coder: Option<i64>, since: Time) -> rusqlite::Result<Tally> {
    let mut sum = Tally::default();
    let mut add = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached(sql)?;
        let mut buckets = statement.query(parameters)?;
        while let Some(row) = buckets.next()? {
            sum.merge(&rows::aggregate(row, 0)?);
        }
        Ok(())
    };
    match coder {
        Some(no) => add("SELECT tally FROM bucket WHERE coder = ? AND start >= ?", params![no, since.micros()])?,
        None => add("SELECT tally FROM bucket WHERE start >= ?", params![since.micros()])?,
    }
    Ok(sum)
}

/// Events from outside a minute after which those before are taken to be older too. What was spooled is among the newest although
/// it was received before; where the clock was set back, what came before that was received later.
const OTHERS_MAX: usize = 1000;

/// Events of one coder, or all, received in the last 60 seconds: the newest ones, read back that far. Of a coder there are no
/// more than `of_all`, where that is known: mostly nothing came, and nothing need be read.
fn received_last_minute(snapshot: &Snapshot<'_>, coder: Option<i64>, of_all: Option<f64>) -> rusqlite::Result<f64> {
    let (from, to): (Micros, Micros) = (snapshot.now.plus(-Time::MINUTE).micros(), snapshot.now.micros());
    let mut statement = snapshot.db.prepare_cached(match coder {
        Some(_) => "SELECT received, completes IS NULL FROM event WHERE coder = ? ORDER BY seq DESC",
        None => "SELECT received, completes IS NULL FROM event WHERE ?1 IS NULL ORDER BY seq DESC",
    })?;
    let mut rows = statement.query([coder])?;
    let (mut count, mut others) = (0.0, 0);
    while others < OTHERS_MAX
        && of_all.is_none_or(|most| count < most)
        && let Some(row) = rows.next()?
    {
        let received: Micros = row.get(0)?;
        if received <= from || received > to {
            others += 1;
        } else if row.get(1)? {
            count += 1.0;
        }
    }
    Ok(count)
}

fn size(snapshot: &Snapshot<'_>) -> rusqlite::Result<HistorySize> {
    let Options { path, .. } = snapshot.options;
    let bytes_of = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    Ok(HistorySize {
        head: snapshot.ledger.head,
        oldest: snapshot.db.prepare_cached("SELECT min(seq) FROM event")?.query_row([], |row| row.get(0))?,
        events: snapshot.ledger.rows,
        bytes: bytes_of(path) + bytes_of(&snapshot.options.wal_path()),
        memory_bytes: resident_bytes(),
        rejections: snapshot.db.prepare_cached("SELECT count(*) FROM rejection")?.query_row([], |row| row.get(0))?,
        ..HistorySize::default()
    })
}

/// Memory of this process, where the system tells it in a file; else 0. The file that tells it in bytes takes a third of the time
/// of one coder's statistics.
#[cfg(unix)]
fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    resident.unwrap_or(0) * rustix::param::page_size() as u64
}

#[cfg(not(unix))]
fn resident_bytes() -> u64 {
    0
}
