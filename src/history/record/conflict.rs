//! Files that two coders change at a time.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use crate::{
    aggregate::{CONFLICT_WINDOW, FileConflict},
    event::{Event, Time},
    history::store::schema,
};

use super::fold::Fold;

/// What is shown, of files and of the coders of each: the latest.
const SHOWN_MAX: usize = 20;
/// Conflicts that are looked at for more coders of the files that are shown.
const LOOKED_AT_MAX: usize = 500;
/// Coders compared with one change of a file, latest first: a lock file may be everybody's.
const RIVALS_MAX: usize = 8;
/// How far up a coder's parents are looked for.
const PARENTS_MAX: usize = 8;
/// A watcher sees what changed and not who changed it: what it reports touches a file, but is no change of its coder's own.
const WATCHER: &str = "run";
/// Stands in `touch` where the coder itself never changed the file.
pub const NEVER: i64 = 0;

/// Remembers that `event` of `coder` is about the file `path`.
pub fn touch(db: &Connection, path: i64, coder: i64, event: &Event) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO touch (path, coder, last) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
    )?
    .execute(params![path, coder, changed_at(event)])
    .map(drop)
}

/// When `event`, which is about a file, changed it.
fn changed_at(event: &Event) -> i64 {
    if event.source.as_deref() == Some(WATCHER) { NEVER } else { event.timestamp.micros() }
}

/// The unfinished coders besides the event's own that changed the file `path` within half an hour of `event`. Of two
/// coders one of which works for the other, neither is in the other's way.
pub fn rivals(db: &Connection, fold: &mut Fold, event: &Event, path: i64) -> rusqlite::Result<Vec<String>> {
    let at = changed_at(event);
    if at == NEVER || !is_unfinished(db, fold, &event.coder_id)? {
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
        let apart = !works_for(db, fold, &id, &event.coder_id)? && !works_for(db, fold, &event.coder_id, &id)?;
        if apart && is_unfinished(db, fold, &id)? {
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

fn is_unfinished(db: &Connection, fold: &mut Fold, id: &str) -> rusqlite::Result<bool> {
    Ok(fold.coder(db, id)?.is_some_and(|coder| !coder.state.is_finished()))
}

fn works_for(db: &Connection, fold: &mut Fold, coder: &str, other: &str) -> rusqlite::Result<bool> {
    let mut id = coder.to_owned();
    for _ in 0..PARENTS_MAX {
        let parent = fold.coder(db, &id)?.and_then(|coder| coder.state.parent()).map(str::to_owned);
        match parent {
            Some(parent) if parent == other => return Ok(true),
            Some(parent) => id = parent,
            None => return Ok(false),
        }
    }
    Ok(false)
}

/// Whether the coder has any, be it with one that has finished: quicker than what they are.
pub fn has_any(db: &Connection, no: i64) -> rusqlite::Result<bool> {
    if !schema::knows_conflicts(db)? {
        return Ok(false);
    }
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM conflict WHERE coder = ?)")?.query_row([no], |row| row.get(0))
}

/// The conflicts of an unfinished coder with others that are unfinished, latest first.
pub fn of_coder(db: &Connection, no: i64) -> rusqlite::Result<Vec<FileConflict>> {
    shown(db, "coder = ?", &[&no])
}

/// All conflicts of unfinished coders, latest first.
pub fn all(db: &Connection) -> rusqlite::Result<Vec<FileConflict>> {
    shown(db, "coder < other", &[])
}

/// Those that nobody touched for a day are over, whether or not their coders said goodbye.
pub fn forget(db: &Connection, now: Time) -> rusqlite::Result<()> {
    db.execute("DELETE FROM conflict WHERE last < ?", [now.plus(-Time::DAY).micros()]).map(drop)
}

fn shown(db: &Connection, which: &str, parameters: &[&dyn ToSql]) -> rusqlite::Result<Vec<FileConflict>> {
    // An older history has no such table until something is appended.
    if !schema::knows_conflicts(db)? {
        return Ok(Vec::new());
    }
    let mut pairs = db.prepare_cached(&format!(
        "SELECT path, last, coder, other FROM conflict WHERE {which} ORDER BY last DESC, path, coder, other"
    ))?;
    let mut rows = pairs.query(parameters)?;
    let mut conflicts: Vec<(i64, FileConflict)> = Vec::new();
    let (mut unfinished, mut looked_at) = (Unfinished::default(), 0);
    while let Some(row) = rows.next()? {
        looked_at += 1;
        let is_full = conflicts.len() == SHOWN_MAX;
        if is_full && looked_at > LOOKED_AT_MAX {
            break;
        }
        let path = row.get(0)?;
        let known = conflicts.iter().position(|(no, _)| *no == path);
        if known.is_none() && is_full {
            continue;
        }
        let (Some(one), Some(other)) = (unfinished.id(db, row.get(2)?)?, unfinished.id(db, row.get(3)?)?) else { continue };
        if let Some(known) = known {
            let ids = &mut conflicts[known].1.coder_ids;
            for id in [one, other] {
                if ids.len() < SHOWN_MAX && !ids.contains(&id) {
                    ids.push(id);
                }
            }
        } else {
            let mut path_of = db.prepare_cached("SELECT path FROM path WHERE no = ?")?;
            let Some(file_path) = path_of.query_row([path], |row| row.get(0)).optional()? else { continue };
            let last_change = Time::from_micros(row.get(1)?);
            conflicts.push((path, FileConflict { file_path, coder_ids: vec![one, other], last_change }));
        }
    }
    Ok(conflicts.into_iter().map(|(_, conflict)| conflict).collect())
}

/// The ids of coders that are not finished, each read once.
#[derive(Default)]
struct Unfinished(HashMap<i64, Option<String>>);

impl Unfinished {
    fn id(&mut self, db: &Connection, no: i64) -> rusqlite::Result<Option<String>> {
        if let Some(id) = self.0.get(&no) {
            return Ok(id.clone());
        }
        let mut statement = db.prepare_cached("SELECT id FROM coder WHERE no = ? AND finished = 0")?;
        let id = statement.query_row([no], |row| row.get::<_, String>(0)).optional()?;
        self.0.insert(no, id.clone());
        Ok(id)
    }
}
