//! Pages and batches, read along the quickest way to what may match.
//!
//! Cost grows with the answer. A coder, a path and a rare type have indexes; a time range is narrowed by the zone map; what is left
//! is a scan along seqs from the end where the answer starts (`scan`).

use std::time::{Duration, Instant};

use rusqlite::Row;

use crate::{
    event::{Event, EventType, Time},
    filter::{Filter, TextQuery},
    history::store::{
        Error,
        error::readable,
        rows::{self, column},
    },
};

use super::{
    glance::Glance,
    query::{Batch, Missed, Order, Page, Query},
    reader::{Reader, Snapshot},
    scan::{Range, Scan, ScanEnd},
};

/// So many events are few, whatever is in them.
const FEW: usize = 50;
/// Unless there is more in them than this.
const FEW_BYTES: usize = 256 * 1024;
/// So many events are looked at between two looks at the clock.
const LOOKED_AT_ONCE: usize = 64;

impl Reader {
    /// # Errors
    /// Where the history cannot be read.
    pub fn page(&mut self, query: &Query) -> Result<Page, Error> {
        let page = self.read(Some(Page::default()), |snapshot| page(snapshot, query, false))?;
        Ok(page.expect("who need not be quick does not give up"))
    }

    /// The same, where that takes no longer than about a millisecond; else `None`, about as soon.
    ///
    /// # Errors
    /// As [`Reader::page`].
    pub fn quick_page(&mut self, query: &Query) -> Result<Option<Page>, Error> {
        // Looking for a text means reading what is not found.
        if query.filter.text.is_some() || !(1..=FEW).contains(&query.limit) {
            return Ok(None);
        }
        self.read(Some(Page::default()), |snapshot| page(snapshot, query, true))
    }

    /// Every retained event after `cursor` that `filter` wants, oldest first, at most `limit`, and of large ones fewer.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn after(&mut self, cursor: u64, filter: &Filter, limit: usize) -> Result<Batch, Error> {
        let absent = Batch { through: cursor, ..Batch::default() };
        self.read(absent, |snapshot| after(snapshot, cursor, filter, limit, None))
    }

    /// The same, and no more than is found in `time_max`; there is `more` then.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn after_in(&mut self, cursor: u64, filter: &Filter, limit: usize, time_max: Duration) -> Result<Batch, Error> {
        let absent = Batch { through: cursor, ..Batch::default() };
        self.read(absent, |snapshot| after(snapshot, cursor, filter, limit, Some(time_max)))
    }
}

/// `None` where it was to be `quick`, and is not.
fn page(snapshot: &mut Snapshot<'_>, query: &Query, quick: bool) -> rusqlite::Result<Option<Page>> {
    let mut page = Page { position: snapshot.position(), ..Page::default() };
    let Some(range) = Range::of(snapshot, query)? else { return Ok(Some(page)) };
    let Some(scan) = Scan::plan(snapshot.db, &query.filter, query.order)? else { return Ok(Some(page)) };
    let merge_first = query.filter.text.is_some() || query.filter.failed;
    let (begun, mut scanned, mut more, mut bytes, mut kept) = (Instant::now(), 0, false, 0, 0);
    let text = query.filter.text.as_deref().map(TextQuery::parse);
    let mut by_text = text.as_ref().and_then(TextQuery::rarest).map(Glance::for_text);
    let mut by_failure = query.filter.failed.then(Glance::for_failure);
    let db = snapshot.db;
    let end = scan.run(db, range, quick, &mut |row| {
        if scanned > 0 && scanned % LOOKED_AT_ONCE == 0 && query.time_max.is_some_and(|most| begun.elapsed() >= most) {
            (page.scanned_through, more) = (page.next, true);
            return Ok(false);
        }
        scanned += 1;
        let seq = row.get(column::SEQ)?;
        let wanted = is_fact(row).and_then(|is_fact| Ok(is_fact && is_wanted(&query.filter, row)?));
        if snapshot.pass_over(wanted)? != Some(true) {
            page.next = Some(seq);
            return Ok(true);
        }
        more = query.is_full(page.events.len(), kept);
        if more {
            return Ok(false);
        }
        page.next = Some(seq);
        let Some(body) = snapshot.pass_over(body(row))? else { return Ok(true) };
        // Of other types that may fail, every event did.
        let is_progress = readable(rows::kind(row, column::KIND))? == Some(EventType::Progress);
        for glance in by_text.iter_mut().chain(by_failure.as_mut().filter(|_| is_progress)) {
            if !glance.may_match(db, seq, body)? {
                return Ok(true);
            }
        }
        bytes += body.len();
        if quick && bytes > FEW_BYTES {
            return Ok(false);
        }
        let Some(mut event) = snapshot.readable_event(row)? else { return Ok(true) };
        if merge_first {
            rows::complete(db, snapshot.ledger.tag, snapshot.ids, std::slice::from_mut(&mut event))?;
        }
        if query.filter.matches(&event) && !event.is_withdrawn() {
            kept += event.bytes();
            page.events.push(event);
        }
        Ok(true)
    })?;
    if quick && (end == ScanEnd::GaveUp || bytes > FEW_BYTES) {
        return Ok(None);
    }
    page.next = page.next.filter(|_| more);
    if !merge_first {
        rows::complete(db, snapshot.ledger.tag, snapshot.ids, &mut page.events)?;
        page.events.retain(|event| !event.is_withdrawn());
    }
    Ok(Some(page))
}

fn after(
    snapshot: &mut Snapshot<'_>,
    cursor: u64,
    filter: &Filter,
    limit: usize,
    time_max: Option<Duration>,
) -> rusqlite::Result<Batch> {
    let (head, floor) = (snapshot.ledger.head, snapshot.ledger.floor);
    let mut batch = Batch { through: head.max(cursor), history: snapshot.position().history, ..Batch::default() };
    batch.missed = (cursor < floor).then_some(Missed { after: cursor, through: floor });
    let query = Query { filter: filter.clone(), order: Order::Oldest, after: Some(cursor), limit, ..Query::default() };
    let Some(range) = Range::of(snapshot, &query)? else { return Ok(batch) };
    let Some(scan) = Scan::plan(snapshot.db, filter, Order::Oldest)? else { return Ok(batch) };
    let db = snapshot.db;
    let (begun, mut bytes, mut scanned, mut through) = (Instant::now(), 0, 0, cursor);
    scan.run(db, range, false, &mut |row| {
        if bytes >= Query::PAGE_BYTES || (limit > 0 && batch.events.len() == limit) {
            batch.through = batch.events.last().map_or(cursor, |event: &Event| event.seq);
            batch.more = true;
            return Ok(false);
        }
        if scanned > 0 && scanned % LOOKED_AT_ONCE == 0 && time_max.is_some_and(|most| begun.elapsed() >= most) {
            (batch.through, batch.more) = (through, true);
            return Ok(false);
        }
        scanned += 1;
        through = row.get(column::SEQ)?;
        if snapshot.pass_over(is_wanted(filter, row))? == Some(true)
            && let Some(event) = snapshot.readable_event(row)?
            && filter.matches(&event)
        {
            bytes += body(row)?.len();
            batch.events.push(event);
        }
        Ok(true)
    })?;
    Ok(batch)
}

/// Whether it is an event of its own, and completes none.
fn is_fact(row: &Row<'_>) -> rusqlite::Result<bool> {
    Ok(row.get::<_, Option<u64>>(column::COMPLETES)?.is_none())
}

fn body<'r>(row: &'r Row<'_>) -> rusqlite::Result<&'r str> {
    Ok(row.get_ref(column::BODY)?.as_str()?)
}

/// What the columns tell, so that the rest of a row need not be parsed.
fn is_wanted(filter: &Filter, row: &Row<'_>) -> rusqlite::Result<bool> {
    let Filter { types, since, until, path, .. } = filter;
    if since.is_some() || until.is_some() {
        let at = Time::from_micros(row.get(column::AT)?);
        if since.is_some_and(|since| at < since) || until.is_some_and(|until| until < at) {
            return Ok(false);
        }
    }
    if (types.is_some() || filter.failed) && !filter.wants_type(rows::kind(row, column::KIND)?) {
        return Ok(false);
    }
    let Some(path) = path else { return Ok(true) };
    Ok(may_be_about(body(row)?, path))
}

/// Whether the event with this body may be about `path`: JSON writes all but these characters as they are.
fn may_be_about(body: &str, path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    path.contains(|c: char| c.is_control() || matches!(c, '"' | '\\')) || body.contains(path)
}
