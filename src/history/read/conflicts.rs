//! Files that two unfinished coders changed at a time, as readers are shown them.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, ToSql};

use crate::{aggregate::FileConflict, event::Time, history::store::schema};

/// What is shown, of files and of the coders of each: the latest.
const SHOWN_MAX: usize = 20;
/// Conflicts that are looked at for more coders of the files that are shown.
const LOOKED_AT_MAX: usize = 500;

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
