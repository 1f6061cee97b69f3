//! Which events: pages of facts for those who look back, batches of everything for those who follow.
//!
//! Cost grows with the answer. A coder, a path and a rare type have indexes; a time range is narrowed by the zone map; what is left
//! is a walk along seqs from the end where the answer starts.

use std::collections::HashSet;

use rusqlite::{Connection, Row, Rows, ToSql, params_from_iter};
use serde::Serialize;

use crate::{
    event::{Event, EventType, Time},
    filter::{Filter, TypeSet, path_matches},
};

use super::{
    Error, Reader,
    fold::ZONE_BITS,
    reader::{Position, Snapshot},
    rows::{self, EVENT_COLUMNS, EventRow},
};

/// Which facts, from which end, how many.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub filter: Filter,
    pub order: Order,
    /// Exclusive.
    pub after: Option<u64>,
    /// Exclusive.
    pub before: Option<u64>,
    /// 0: no limit.
    pub limit: usize,
    /// Most events to look at; 0: no limit.
    pub scan_max: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Newest,
    Oldest,
}

/// Facts: what was completed later stands merged at its first seq.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub events: Vec<Event>,
    /// Of the state they were read from.
    pub position: Position,
    /// The next page's `before` (newest first) or `after` (oldest first); none at the end.
    pub next: Option<u64>,
    /// Set where `scan_max` ended the search before the page was full.
    pub scanned_through: Option<u64>,
}

/// Every event as it was recorded, completing ones too.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub events: Vec<Event>,
    /// Where to go on: everything up to here was looked at.
    pub through: u64,
    /// Set where retention removed events that the reader had not seen.
    pub missed: Option<Missed>,
}

/// Events that are gone: some of those with `after < seq <= through`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Missed {
    pub after: u64,
    pub through: u64,
}

/// So many events are few, whatever is in them.
const FEW: usize = 50;

impl Query {
    /// Whether it is answered by a few rows, next to each other in an index: nothing is looked at that is not an answer.
    pub fn takes_few_rows(&self) -> bool {
        let Filter { coders, types, since, until, path, text } = &self.filter;
        let by_index = match (&coders[..], types) {
            ([] | [_], None) => true,
            ([], Some(types)) => types.iter().all(EventType::is_rare),
            _ => false,
        };
        by_index && since.is_none() && until.is_none() && path.is_none() && text.is_none() && (1..=FEW).contains(&self.limit)
    }
}

impl Reader {
    /// # Errors
    /// Where the history cannot be read.
    pub fn page(&mut self, query: &Query) -> Result<Page, Error> {
        self.read(Page::default(), |snapshot| page(snapshot, query))
    }

    /// Every retained event after `cursor` that `filter` wants, oldest first, at most `limit`.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn after(&mut self, cursor: u64, filter: &Filter, limit: usize) -> Result<Batch, Error> {
        let absent = Batch { through: cursor, ..Batch::default() };
        self.read(absent, |snapshot| after(snapshot, cursor, filter, limit))
    }
}

fn page(snapshot: &mut Snapshot<'_>, query: &Query) -> rusqlite::Result<Page> {
    let mut page = Page { position: snapshot.position(), ..Page::default() };
    let Some(range) = Range::of(snapshot, query)? else { return Ok(page) };
    let Some(walk) = Walk::plan(snapshot.db, &query.filter, query.order)? else { return Ok(page) };
    let merge_first = query.filter.text.is_some();
    let (mut scanned, mut more) = (0, false);
    let mut glance = query.filter.text.as_deref().map(Glance::for_text);
    let db = snapshot.db;
    walk.run(db, range, |row| {
        if query.scan_max > 0 && scanned == query.scan_max {
            page.scanned_through = page.next;
            more = true;
            return Ok(false);
        }
        scanned += 1;
        let seq = row.get(0)?;
        let completes: Option<u64> = row.get(6)?;
        if completes.is_some() || !is_wanted(&query.filter, row)? {
            page.next = Some(seq);
            return Ok(true);
        }
        if query.limit > 0 && page.events.len() == query.limit {
            more = true;
            return Ok(false);
        }
        page.next = Some(seq);
        if let Some(glance) = &mut glance
            && !glance.may_match(db, seq, row.get_ref(7)?.as_str()?)?
        {
            return Ok(true);
        }
        let row = EventRow::read(row)?;
        let coder_id = snapshot.ids.get(db, row.coder)?;
        let mut event = row.into_event(snapshot.ledger.tag, coder_id)?;
        if merge_first {
            rows::complete(db, snapshot.ledger.tag, snapshot.ids, std::slice::from_mut(&mut event))?;
        }
        if query.filter.matches(&event) {
            page.events.push(event);
        }
        Ok(true)
    })?;
    if !more {
        page.next = None;
    }
    if !merge_first {
        rows::complete(db, snapshot.ledger.tag, snapshot.ids, &mut page.events)?;
    }
    Ok(page)
}

fn after(snapshot: &mut Snapshot<'_>, cursor: u64, filter: &Filter, limit: usize) -> rusqlite::Result<Batch> {
    let (head, floor) = (snapshot.ledger.head, snapshot.ledger.floor);
    let mut batch = Batch { through: head.max(cursor), ..Batch::default() };
    batch.missed = (cursor < floor).then_some(Missed { after: cursor, through: floor });
    let query = Query { filter: filter.clone(), order: Order::Oldest, after: Some(cursor), limit, ..Query::default() };
    let Some(range) = Range::of(snapshot, &query)? else { return Ok(batch) };
    let Some(walk) = Walk::plan(snapshot.db, filter, Order::Oldest)? else { return Ok(batch) };
    let db = snapshot.db;
    walk.run(db, range, |row| {
        if limit > 0 && batch.events.len() == limit {
            batch.through = batch.events.last().map_or(cursor, |event: &Event| event.seq);
            return Ok(false);
        }
        if is_wanted(filter, row)? {
            let row = EventRow::read(row)?;
            let coder_id = snapshot.ids.get(db, row.coder)?;
            let event = row.into_event(snapshot.ledger.tag, coder_id)?;
            if filter.matches(&event) {
                batch.events.push(event);
            }
        }
        Ok(true)
    })?;
    Ok(batch)
}

/// What two columns tell, so that the rest of a row need not be read.
fn is_wanted(filter: &Filter, row: &Row<'_>) -> rusqlite::Result<bool> {
    let at = Time::from_micros(row.get(3)?);
    let within = filter.since.is_none_or(|since| since <= at) && filter.until.is_none_or(|until| at <= until);
    Ok(within && filter.wants_type(rows::kind(row, 2)?))
}

/// Passes over events that cannot have a text, without reading them: where neither the body as it is stored has it, nor
/// any later report adds to them. What it lets through still has to be matched.
struct Glance {
    /// In lower case; `None` where what is stored may spell it otherwise.
    text: Option<String>,
    /// Facts in the zone of this number that later reports add to.
    completed: (Option<u64>, HashSet<u64>),
}

impl Glance {
    fn for_text(text: &str) -> Glance {
        // JSON writes these as they are, and lower case changes no others into them but a few that are no ASCII.
        let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'));
        Glance { text: is_plain.then(|| text.to_ascii_lowercase()), completed: (None, HashSet::new()) }
    }

    fn may_match(&mut self, db: &Connection, seq: u64, body: &str) -> rusqlite::Result<bool> {
        let Some(text) = &self.text else { return Ok(true) };
        Ok(!body.is_ascii() || has(body, text) || self.is_completed(db, seq)?)
    }

    fn is_completed(&mut self, db: &Connection, seq: u64) -> rusqlite::Result<bool> {
        let zone = seq >> ZONE_BITS;
        if self.completed.0 != Some(zone) {
            let (least, most) = (zone << ZONE_BITS, ((zone + 1) << ZONE_BITS) - 1);
            let mut statement =
                db.prepare_cached("SELECT completes FROM event WHERE completes BETWEEN ? AND ? AND completes IS NOT NULL")?;
            let facts = statement.query_map([least, most], |row| row.get(0))?;
            self.completed = (Some(zone), facts.collect::<rusqlite::Result<_>>()?);
        }
        Ok(self.completed.1.contains(&seq))
    }
}

/// Whether `text` has `wanted`, which is in lower case, in any case; both are ASCII.
fn has(text: &str, wanted: &str) -> bool {
    let Some(&first) = wanted.as_bytes().first() else { return true };
    let other = first.to_ascii_uppercase();
    let starts = text.bytes().enumerate().filter(|&(_, byte)| byte == first || byte == other);
    starts.map(|(start, _)| start).any(|start| {
        text.as_bytes().get(start..start + wanted.len()).is_some_and(|part| part.eq_ignore_ascii_case(wanted.as_bytes()))
    })
}

/// Seqs from `least` to `most`, both included.
#[derive(Clone, Copy)]
struct Range {
    least: u64,
    most: u64,
}

impl Range {
    /// What the bounds, and the zone map for a time range, leave; `None` where that is nothing.
    fn of(snapshot: &Snapshot<'_>, query: &Query) -> rusqlite::Result<Option<Range>> {
        let mut least = query.after.map_or(1, |after| after.saturating_add(1));
        let mut most = query.before.map_or(snapshot.ledger.head, |before| before.saturating_sub(1).min(snapshot.ledger.head));
        if let Some(since) = query.filter.since {
            let zone = end_zone(snapshot.db, "SELECT min(no) FROM zone WHERE most >= ?", since)?;
            let Some(zone) = zone else { return Ok(None) };
            least = least.max(zone << ZONE_BITS);
        }
        if let Some(until) = query.filter.until {
            let zone = end_zone(snapshot.db, "SELECT max(no) FROM zone WHERE least <= ?", until)?;
            let Some(zone) = zone else { return Ok(None) };
            most = most.min(((zone + 1) << ZONE_BITS) - 1);
        }
        Ok((least <= most).then_some(Range { least, most }))
    }
}

fn end_zone(db: &Connection, sql: &str, at: Time) -> rusqlite::Result<Option<u64>> {
    db.prepare_cached(sql)?.query_row([at.micros()], |row| row.get(0))
}

/// The statement that visits candidates in order. Bounds come first in its parameters.
struct Walk {
    sql: String,
    values: Vec<i64>,
}

/// More values than this are not worth an index look-up each; SQLite joins at most 500 runs.
const RUNS_MAX: usize = 400;

impl Walk {
    /// `None` where the filter names only coders or paths that are unknown.
    fn plan(db: &Connection, filter: &Filter, order: Order) -> rusqlite::Result<Option<Walk>> {
        let direction = match order {
            Order::Newest => "DESC",
            Order::Oldest => "ASC",
        };
        let coders = known_coders(db, &filter.coders)?;
        if coders.is_empty() && !filter.coders.is_empty() {
            return Ok(None);
        }
        if let Some(path) = &filter.path {
            let paths = known_paths(db, path)?;
            if paths.is_empty() {
                return Ok(None);
            }
            if paths.len() <= RUNS_MAX {
                return Ok(Some(Walk::over("path", "path IS NOT NULL", &paths, direction)));
            }
        }
        if (1..=RUNS_MAX).contains(&coders.len()) {
            return Ok(Some(Walk::over("coder", "TRUE", &coders, direction)));
        }
        if let Some(types) = filter.types.filter(|types| types.iter().all(EventType::is_rare)) {
            return Ok(Some(Walk::over_types(types, direction)));
        }
        // The plus keeps the index of paths out of it, whose runs would all have to be sorted.
        let of_files = if filter.path.is_some() { "AND +path IS NOT NULL" } else { "" };
        let sql = format!("SELECT {EVENT_COLUMNS} FROM event WHERE seq BETWEEN ?1 AND ?2 {of_files} ORDER BY seq {direction}");
        Ok(Some(Walk { sql, values: Vec::new() }))
    }

    /// A merge of index runs, one a value, so that no run is read further than the answer needs.
    fn over(column: &str, condition: &str, values: &[i64], direction: &str) -> Walk {
        let run = |position: usize| {
            format!(
                "SELECT {EVENT_COLUMNS} FROM event WHERE {column} = ?{} AND {condition} AND seq BETWEEN ?1 AND ?2",
                position + 3
            )
        };
        let runs: Vec<String> = (0..values.len()).map(run).collect();
        let sql = format!("{} ORDER BY seq {direction}", runs.join(" UNION ALL "));
        Walk { sql, values: values.to_vec() }
    }

    fn over_types(types: TypeSet, direction: &str) -> Walk {
        let codes: Vec<i64> = types.iter().map(|kind| kind.code().into()).collect();
        if codes.is_empty() {
            return Walk {
                sql: format!("SELECT {EVENT_COLUMNS} FROM event WHERE FALSE AND seq BETWEEN ?1 AND ?2"),
                values: codes,
            };
        }
        Walk::over("type", "type < 32", &codes, direction)
    }

    /// Calls `visit` with each candidate until it says `false`.
    fn run(
        &self,
        db: &Connection,
        range: Range,
        mut visit: impl FnMut(&Row<'_>) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached(&self.sql)?;
        let bounds: [&dyn ToSql; 2] = [&range.least, &range.most];
        let parameters = bounds.into_iter().chain(self.values.iter().map(|value| value as &dyn ToSql));
        let mut candidates = statement.query(params_from_iter(parameters))?;
        while let Some(row) = candidates.next()? {
            if !visit(row)? {
                break;
            }
        }
        Ok(())
    }
}

fn known_coders(db: &Connection, ids: &[String]) -> rusqlite::Result<Vec<i64>> {
    let mut statement = db.prepare_cached("SELECT no FROM coder WHERE id = ?")?;
    let mut numbers = Vec::new();
    for id in ids {
        let mut rows = statement.query([id])?;
        if let Some(row) = rows.next()? {
            numbers.push(row.get(0)?);
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// At most one more than [`RUNS_MAX`].
fn known_paths(db: &Connection, given: &str) -> rusqlite::Result<Vec<i64>> {
    let mut numbers = Vec::new();
    let mut add = |rows: &mut Rows<'_>| -> rusqlite::Result<()> {
        while numbers.len() <= RUNS_MAX
            && let Some(row) = rows.next()?
        {
            if path_matches(row.get_ref(1)?.as_str()?, given) {
                numbers.push(row.get(0)?);
            }
        }
        Ok(())
    };
    let folder = given.strip_suffix('/').unwrap_or(given);
    if folder.starts_with('/') {
        // Itself, and what is below it: the character after the slash ends those.
        let mut statement =
            db.prepare_cached("SELECT no, path FROM path WHERE path = ?1 OR path BETWEEN ?1 || '/' AND ?1 || '0'")?;
        add(&mut statement.query([folder])?)?;
    } else {
        // An end of a path has no order: all of them are looked at.
        add(&mut db.prepare_cached("SELECT no, path FROM path")?.query([])?)?;
    }
    Ok(numbers)
}
