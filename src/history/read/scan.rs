//! The way to the events that a filter may want, in order: along an index where few values are asked for, else along seqs.
//!
//! What is visited still has to be matched. A way is chosen so that its cost grows with the answer; where that may turn out
//! wrong, a quick scan gives up.

use std::collections::BinaryHeap;

use rusqlite::{Connection, Row, Rows, params};

use crate::{
    event::EventType,
    filter::{Filter, path_matches},
    history::{store::rows::EVENT_COLUMNS, store::zone::ZONE_BITS},
};

use super::{
    query::{Order, Query},
    reader::Snapshot,
};

/// Seqs from `least` to `most`, both included.
#[derive(Clone, Copy)]
pub struct Range {
    least: u64,
    most: u64,
}

impl Range {
    /// What the bounds, and the zone map for a time range, leave; `None` where that is nothing.
    pub fn of(snapshot: &mut Snapshot<'_>, query: &Query) -> rusqlite::Result<Option<Range>> {
        let mut least = query.after.map_or(1, |after| after.saturating_add(1));
        let mut most = query.before.map_or(snapshot.ledger.head, |before| before.saturating_sub(1).min(snapshot.ledger.head));
        if let Some(since) = query.filter.since {
            let zone = snapshot.zones.first_since(snapshot.db, snapshot.ledger.head, since)?;
            let Some(zone) = zone else { return Ok(None) };
            least = least.max(zone << ZONE_BITS);
        }
        if let Some(until) = query.filter.until {
            let zone = snapshot.zones.last_until(snapshot.db, snapshot.ledger.head, until)?;
            let Some(zone) = zone else { return Ok(None) };
            most = most.min(((zone + 1) << ZONE_BITS) - 1);
        }
        Ok(Range { least, most }.unless_empty())
    }

    fn unless_empty(self) -> Option<Range> {
        (self.least <= self.most).then_some(self)
    }

    /// What is left after `seq` was visited.
    fn beyond(self, seq: u64, order: Order) -> Option<Range> {
        let rest = match order {
            Order::Newest => Range { most: seq.saturating_sub(1), ..self },
            Order::Oldest => Range { least: seq.saturating_add(1), ..self },
        };
        rest.unless_empty()
    }

    /// The [`NEAR`] seqs where a scan begins, and the rest.
    fn split(self, order: Order) -> (Range, Option<Range>) {
        let Range { least, most } = self;
        match order {
            Order::Newest => {
                let near = Range { least: least.max(most.saturating_sub(NEAR - 1)), most };
                (near, self.beyond(near.least, order))
            }
            Order::Oldest => {
                let near = Range { least, most: most.min(least.saturating_add(NEAR - 1)) };
                (near, self.beyond(near.most, order))
            }
        }
    }
}

/// So many seqs are passed over in about a quarter of a millisecond.
const NEAR: u64 = 2048;
/// With at most so many values an index is the quickest way, whatever is asked for.
const VALUES_FEW: usize = 16;
/// With more values than this, looking up each costs more than a scan along seqs mostly does.
const VALUES_MAX: usize = 400;
/// Candidates that a quick scan visits by an index: each lies somewhere else.
const VISITED_FEW: usize = 300;
/// Seqs that are looked up ahead where runs of an index are merged, of all runs together.
const AHEAD: usize = 64;
/// Paths that may match are looked at, so many for each that is wanted.
const LOOKED_AT: usize = 64;

/// Says whether it wants more.
pub type Visit<'v> = dyn FnMut(&Row<'_>) -> rusqlite::Result<bool> + 'v;

/// How a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanEnd {
    /// Everything was visited.
    Reached,
    /// The visitor had enough.
    Stopped,
    /// It was to be quick, and is not.
    GaveUp,
}

pub struct Scan<'f> {
    order: Order,
    way: Way<'f>,
}

enum Way<'f> {
    Seqs,
    /// The files of a folder, or of one name, are many: along seqs at first, since where much happens that finds enough before
    /// each file would be looked up.
    Paths(&'f str),
    Index(Index, Vec<i64>),
}

impl<'f> Scan<'f> {
    /// `None` where the filter names only coders or paths that are unknown, or no types.
    pub fn plan(db: &Connection, filter: &'f Filter, order: Order) -> rusqlite::Result<Option<Scan<'f>>> {
        // In order of what leaves least to visit: few paths, then coders, then types that hardly occur. Only one index serves, and
        // what else the filter wants is matched event by event.
        let by = |index, values: Vec<i64>| (!values.is_empty()).then_some(Scan { order, way: Way::Index(index, values) });
        let coders = known_coders(db, &filter.coders)?;
        if coders.is_empty() && !filter.coders.is_empty() {
            return Ok(None);
        }
        if let Some(path) = &filter.path
            && let Some(paths) = known_paths(db, path, VALUES_FEW)?
        {
            return Ok(by(Index::Path, paths));
        }
        if (1..=VALUES_MAX).contains(&coders.len()) {
            return Ok(by(Index::Coder, coders));
        }
        if let Some(types) = filter.types.filter(|types| types.iter().all(EventType::is_rare)) {
            return Ok(by(Index::RareType, types.iter().map(|kind| kind.code().into()).collect()));
        }
        let way = filter.path.as_deref().map_or(Way::Seqs, Way::Paths);
        Ok(Some(Scan { order, way }))
    }

    /// Calls `visit` with each candidate of `range` in order. Where it is to be `quick` it takes about a millisecond at most,
    /// besides what `visit` does.
    pub fn run(&self, db: &Connection, range: Range, quick: bool, visit: &mut Visit<'_>) -> rusqlite::Result<ScanEnd> {
        // An index is followed from its first candidate to its last. Without one, the seqs near the end where the answer starts
        // are passed over first, which costs next to nothing; beyond them only who need not be quick goes on.
        let (near, far) = range.split(self.order);
        match (&self.way, far) {
            (Way::Index(index, values), _) if quick => {
                if values.len() > VALUES_FEW {
                    return Ok(ScanEnd::GaveUp);
                }
                let mut visited = 0;
                let end = self.by_index(db, *index, values, range, &mut |row| {
                    visited += 1;
                    Ok(visited <= VISITED_FEW && visit(row)?)
                })?;
                Ok(if visited > VISITED_FEW { ScanEnd::GaveUp } else { end })
            }
            (Way::Index(index, values), _) => self.by_index(db, *index, values, range, visit),
            (Way::Seqs, Some(_)) if !quick => self.along_seqs(db, range, visit),
            (_, None) => self.along_seqs(db, near, visit),
            (way, Some(far)) => match (self.along_seqs(db, near, visit)?, way) {
                (ScanEnd::Reached, _) if quick => Ok(ScanEnd::GaveUp),
                (ScanEnd::Reached, Way::Paths(path)) => match known_paths(db, path, VALUES_MAX)? {
                    Some(paths) => self.by_index(db, Index::Path, &paths, far, visit),
                    None => self.along_seqs(db, far, visit),
                },
                (end, _) => Ok(end),
            },
        }
    }

    fn along_seqs(&self, db: &Connection, range: Range, visit: &mut Visit<'_>) -> rusqlite::Result<ScanEnd> {
        // The plus keeps the index of paths out of it, whose runs would all have to be sorted.
        let of_files = if matches!(self.way, Way::Paths(_)) { "AND +path IS NOT NULL" } else { "" };
        let direction = self.order.direction();
        let mut statement = db.prepare_cached(&format!(
            "SELECT {EVENT_COLUMNS} FROM event WHERE seq BETWEEN ? AND ? {of_files} ORDER BY seq {direction}"
        ))?;
        each(&mut statement.query([range.least, range.most])?, visit)
    }

    /// The runs of an index, one a value, merged: none is read much further than the answer needs.
    ///
    /// An event has one coder, one path and one type, and `values` are distinct: no event lies in two runs, so none is
    /// visited twice.
    fn by_index(
        &self,
        db: &Connection,
        index: Index,
        values: &[i64],
        range: Range,
        visit: &mut Visit<'_>,
    ) -> rusqlite::Result<ScanEnd> {
        let direction = self.order.direction();
        let run = format!("{} AND seq BETWEEN ? AND ? ORDER BY seq {direction}", index.condition());
        if let [value] = values {
            let mut statement = db.prepare_cached(&format!("SELECT {EVENT_COLUMNS} FROM event WHERE {run}"))?;
            return each(&mut statement.query(params![value, range.least, range.most])?, visit);
        }
        let mut seqs_of = db.prepare_cached(&format!("SELECT seq FROM event WHERE {run} LIMIT ?"))?;
        let mut event = db.prepare_cached(&format!("SELECT {EVENT_COLUMNS} FROM event WHERE seq = ?"))?;
        let ahead = (AHEAD / values.len().max(1)).max(1);
        // What comes first is on top: of each run that goes on, its next seq is in there. The last one that was looked up of a
        // run has the run beside it, and the run goes on only when that one is visited. Before that nothing of it can be due.
        let mut next = BinaryHeap::new();
        let mut look_up = |value: i64, range: Range, next: &mut BinaryHeap<(i64, Option<i64>)>| -> rusqlite::Result<()> {
            let found = seqs_of.query_map(params![value, range.least, range.most, ahead], |row| row.get(0))?;
            let found = found.collect::<rusqlite::Result<Vec<u64>>>()?;
            // Fewer than asked for: the run ends with them.
            for (nth, &seq) in (1..).zip(&found) {
                next.push((self.order.rank(seq), (nth == ahead).then_some(value)));
            }
            Ok(())
        };
        for &value in values {
            look_up(value, range, &mut next)?;
        }
        while let Some((rank, run)) = next.pop() {
            let seq = rank.unsigned_abs();
            if each(&mut event.query([seq])?, visit)? == ScanEnd::Stopped {
                return Ok(ScanEnd::Stopped);
            }
            if let (Some(value), Some(rest)) = (run, range.beyond(seq, self.order)) {
                look_up(value, rest, &mut next)?;
            }
        }
        Ok(ScanEnd::Reached)
    }
}

fn each(candidates: &mut Rows<'_>, visit: &mut Visit<'_>) -> rusqlite::Result<ScanEnd> {
    while let Some(row) = candidates.next()? {
        if !visit(row)? {
            return Ok(ScanEnd::Stopped);
        }
    }
    Ok(ScanEnd::Reached)
}

impl Order {
    fn direction(self) -> &'static str {
        match self {
            Order::Newest => "DESC",
            Order::Oldest => "ASC",
        }
    }

    /// The greater, the sooner a seq is visited.
    fn rank(self, seq: u64) -> i64 {
        let seq = seq.cast_signed();
        match self {
            Order::Newest => seq,
            Order::Oldest => -seq,
        }
    }
}

#[derive(Clone, Copy)]
enum Index {
    Coder,
    Path,
    RareType,
}

impl Index {
    /// What a row must fulfil, in the words by which SQLite knows that a partial index serves.
    fn condition(self) -> &'static str {
        match self {
            Index::Coder => "coder = ?",
            Index::Path => "path = ? AND path IS NOT NULL",
            Index::RareType => "type = ? AND type < 32",
        }
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

/// The paths that `given` names; `None` where there are more than `most`, or as many that look alike.
pub fn known_paths(db: &Connection, given: &str, most: usize) -> rusqlite::Result<Option<Vec<i64>>> {
    let (mut numbers, mut left) = (Vec::new(), most * LOOKED_AT);
    // Whether there are no more.
    let mut add = |rows: &mut Rows<'_>| -> rusqlite::Result<bool> {
        while let Some(row) = rows.next()? {
            if numbers.len() > most || left == 0 {
                return Ok(false);
            }
            left -= 1;
            if path_matches(row.get_ref(1)?.as_str()?, given) {
                numbers.push(row.get(0)?);
            }
        }
        Ok(numbers.len() <= most)
    };
    let given = given.strip_suffix('/').unwrap_or(given);
    // Itself, and what is below it: the character after the slash ends those.
    let mut below = db.prepare_cached("SELECT no, path FROM path WHERE path = ?1 OR path BETWEEN ?1 || '/' AND ?1 || '0'")?;
    if !add(&mut below.query([given])?)? {
        return Ok(None);
    }
    if !given.starts_with('/') {
        let name = given.rsplit_once('/').map_or(given, |(_, name)| name);
        let mut named = db.prepare_cached(&format!("SELECT no, path FROM path WHERE {NAME} = ?"))?;
        if !add(&mut named.query([name])?)? {
            return Ok(None);
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(Some(numbers))
}

/// What stands behind the last slash of a path. In these words it is indexed.
const NAME: &str = "substr(path, length(rtrim(path, replace(path, '/', ''))) + 1)";
