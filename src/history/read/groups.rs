//! Statistics by what events have in common, read from what was folded at append.
//!
//! The whole history is told by the totals and by coders' own counts, which outlive everything; a span of time, or rows by
//! hour and day, by the counts of minutes and hours, which are kept for a season.

use std::collections::{HashMap, hash_map::Entry};

use rusqlite::{OptionalExtension, params};

use crate::{
    aggregate::{Coder, GroupKeys, GroupOrigin, GroupRow, Grouping, Tally},
    event::{Micros, Time},
    history::store::{Error, ledger::Ledger, rows, schema},
};

use super::{
    reader::{Reader, Snapshot},
    stats::bucket_start,
};

pub struct GroupQuery<'q> {
    pub keys: GroupKeys,
    /// Only this coder's; an unknown one has no events.
    pub coder: Option<String>,
    pub since: Option<Time>,
    /// Up to this time, itself not included.
    pub until: Option<Time>,
    /// The hour that a time lies in, as people write it: `2026-11-28 14:00`.
    pub hour_of: &'q dyn Fn(Time) -> String,
}

/// The answer of `stats --by`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Groups {
    /// What the counts start from, rounded down to the bucket; absent: all of them.
    pub since: Option<Time>,
    pub rows: Vec<GroupRow>,
    pub sum: GroupRow,
}

impl Reader {
    /// # Errors
    /// Where the history cannot be read.
    pub fn groups(&mut self, query: &GroupQuery<'_>) -> Result<Groups, Error> {
        self.read(Groups::default(), |snapshot| {
            let mut grouping = Grouping::by(query.keys.clone());
            let is_of_time = query.since.is_some() || query.until.is_some() || query.keys.are_of_time();
            let since = is_of_time.then(|| match query.since {
                Some(since) => bucket_start(&snapshot.ledger, since),
                None => snapshot.ledger.hours_since,
            });
            match since {
                Some(since) => add_buckets(snapshot, query, since, &mut grouping)?,
                None if query.keys.are_of_coders() || query.coder.is_some() => add_coders(snapshot, query, &mut grouping)?,
                None => grouping.add(&GroupOrigin::default(), Ledger::totals(snapshot.db)?.tally()),
            }
            let (rows, sum) = grouping.finish(&snapshot.options.prices);
            Ok(Groups { since, rows, sum })
        })
    }
}

fn add_coders(snapshot: &Snapshot<'_>, query: &GroupQuery<'_>, grouping: &mut Grouping) -> rusqlite::Result<()> {
    let mut statement = snapshot.db.prepare_cached("SELECT id, state FROM coder WHERE ?1 IS NULL OR id = ?1")?;
    let mut found = statement.query([&query.coder])?;
    while let Some(row) = found.next()? {
        let coder: Coder = rows::aggregate(row, 1)?;
        grouping.add(&origin(row.get(0)?, &coder), coder.tally());
    }
    if query.coder.is_none() && schema::knows_parts(snapshot.db)? {
        let evicted: Tally =
            snapshot.db.prepare_cached("SELECT evicted FROM base")?.query_row([], |row| rows::aggregate_or_default(row, 0))?;
        if evicted != Tally::default() {
            grouping.add(&GroupOrigin::default(), &evicted);
        }
    }
    Ok(())
}

fn add_buckets(snapshot: &Snapshot<'_>, query: &GroupQuery<'_>, since: Time, grouping: &mut Grouping) -> rusqlite::Result<()> {
    let (since, until) = (since.micros(), query.until.map_or(Micros::MAX, Time::micros));
    let mut statement = snapshot.db.prepare_cached(match query.coder {
        Some(_) => {
            "SELECT coder, start, tally FROM bucket
             WHERE coder = (SELECT no FROM coder WHERE id = ?3) AND start >= ?1 AND start < ?2 ORDER BY start"
        }
        None => "SELECT coder, start, tally FROM bucket WHERE start >= ?1 AND start < ?2 AND ?3 IS NULL ORDER BY start",
    })?;
    let mut found = statement.query(params![since, until, query.coder])?;
    let mut origins: HashMap<i64, GroupOrigin> = HashMap::new();
    let mut hour = (Micros::MIN, String::new());
    while let Some(row) = found.next()? {
        let (no, start): (i64, Micros) = (row.get(0)?, row.get(1)?);
        let hour_start = Time::from_micros(start).floor(Time::HOUR).micros();
        if query.keys.are_of_time() && hour.0 != hour_start {
            hour = (hour_start, (query.hour_of)(Time::from_micros(hour_start)));
        }
        let origin = match origins.entry(no) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) if query.keys.are_of_coders() => unknown.insert(origin_of(snapshot, no)?),
            Entry::Vacant(unknown) => unknown.insert(GroupOrigin::default()),
        };
        origin.hour.clone_from(&hour.1);
        grouping.add(origin, &rows::aggregate(row, 2)?);
    }
    Ok(())
}

/// Unknown for one that was evicted.
fn origin_of(snapshot: &Snapshot<'_>, no: i64) -> rusqlite::Result<GroupOrigin> {
    let found = snapshot
        .db
        .prepare_cached("SELECT id, state FROM coder WHERE no = ?")?
        .query_row([no], |row| Ok(origin(row.get(0)?, &rows::aggregate(row, 1)?)))
        .optional()?;
    Ok(found.unwrap_or_default())
}

fn origin(coder: String, state: &Coder) -> GroupOrigin {
    let text = |said: Option<&str>| said.unwrap_or_default().to_owned();
    let agent = coder.split_once(':').map(|(agent, _)| agent).or(state.source()).unwrap_or_default().to_owned();
    GroupOrigin { agent, coder, project: text(state.project()), branch: text(state.branch()), hour: String::new() }
}
