//! Files that two coders change at a time.

use rusqlite::{Connection, params};

use crate::{
    aggregate::CONFLICT_WINDOW,
    event::{Event, Time},
};

use super::fold::Fold;

/// Coders compared with one change of a file, latest first: a lock file may be everybody's.
const RIVALS_MAX: usize = 8;
/// How far up a coder's parents are looked for.
const PARENTS_MAX: usize = 8;
/// A watcher sees what changed and not who changed it: what it reports touches a file, but is no change of its coder's own.
const WATCHER: &str = "run";
/// Stands in `touch` where the coder itself never changed the file.
const NEVER: i64 = 0;

/// Remembers that `event` of `coder` is about the file `path`.
pub fn touch(db: &Connection, path: i64, coder: i64, event: &Event) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO touch (path, coder, last) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
    )?
    .execute(params![path, coder, changed_at(event)])
    .map(drop)
}

/// Whether `event`, which is about a file, is a change of its coder's own.
pub fn is_own_change(event: &Event) -> bool {
    changed_at(event) != NEVER
}

/// When `event`, which is about a file, changed it.
fn changed_at(event: &Event) -> i64 {
    if event.source.as_deref() == Some(WATCHER) { NEVER } else { event.timestamp.micros() }
}

/// The coders besides the event's own that were unfinished and changed the file `path` within half an hour of `event`. Of two
/// coders one of which works for the other, neither is in the other's way.
pub fn rivals(db: &Connection, fold: &mut Fold, event: &Event, path: i64) -> rusqlite::Result<Vec<String>> {
    let at = changed_at(event);
    if at == NEVER || !is_unfinished(db, fold, &event.coder_id, event.timestamp)? {
        return Ok(Vec::new());
    }
    let own = fold.coder_no(db, &event.coder_id)?;
    let others: Vec<(i64, String)> = db
        .prepare_cached(
            "SELECT coder.no, coder.id FROM touch JOIN coder ON coder.no = touch.coder
             WHERE path = ? AND coder.no <> ? AND touch.last <> ? AND touch.last BETWEEN ? AND ?
             ORDER BY touch.last DESC LIMIT ?",
        )?
        .query_map(params![path, own, NEVER, at - CONFLICT_WINDOW, at + CONFLICT_WINDOW, RIVALS_MAX], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut rivals = Vec::new();
    for (no, id) in others {
        if are_apart(db, fold, &id, &event.coder_id)? && is_unfinished(db, fold, &id, event.timestamp)? {
            for (coder, other) in [(own, no), (no, own)] {
                db.prepare_cached(
                    "INSERT INTO conflict (coder, path, other, last) VALUES (?, ?, ?, ?)
                     ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
                )?
                .execute(params![coder, path, other, at])?;
            }
            rivals.push(id);
        }
    }
    Ok(rivals)
}

/// Whether it was then: a change may be heard of when its coder has left.
fn is_unfinished(db: &Connection, fold: &mut Fold, id: &str, then: Time) -> rusqlite::Result<bool> {
    Ok(fold.coder(db, id)?.is_some_and(|coder| !coder.is_finished() || coder.last_step().is_some_and(|step| then < step)))
}

/// Neither of the two works for the other.
pub fn are_apart(db: &Connection, fold: &mut Fold, one: &str, other: &str) -> rusqlite::Result<bool> {
    Ok(!works_for(db, fold, one, other)? && !works_for(db, fold, other, one)?)
}

fn works_for(db: &Connection, fold: &mut Fold, coder: &str, other: &str) -> rusqlite::Result<bool> {
    let mut id = coder.to_owned();
    for _ in 0..PARENTS_MAX {
        let parent = fold.coder(db, &id)?.and_then(|coder| coder.parent()).map(str::to_owned);
        match parent {
            Some(parent) if parent == other => return Ok(true),
            Some(parent) => id = parent,
            None => return Ok(false),
        }
    }
    Ok(false)
}

/// Those that nobody touched for a day are over, whether or not their coders said goodbye.
pub fn forget(db: &Connection, now: Time) -> rusqlite::Result<()> {
    db.execute("DELETE FROM conflict WHERE last < ?", [now.plus(-Time::DAY).micros()]).map(drop)
}
