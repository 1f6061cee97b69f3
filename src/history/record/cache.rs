//! What a writer knows of the history without asking it: what it read and wrote last, for as long as nobody else commits.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

use crate::history::store::{ledger::Ledger, rows::CoderIds};

use super::fold::Fold;

#[derive(Debug)]
pub struct Cache {
    pub ledger: Ledger,
    pub fold: Fold,
    pub ids: CoderIds,
    /// The numbers of files, by their paths.
    paths: HashMap<String, i64>,
    /// SQLite's number for the last commit by others that this connection saw.
    others: i64,
}

/// Files that are remembered; where more come, memory starts again.
const PATHS_MAX: usize = 4000;

impl Cache {
    /// `kept` where it still holds, else the beginning of what is to be read. Call it inside the write transaction.
    pub fn of(db: &Connection, kept: Option<Cache>) -> rusqlite::Result<Cache> {
        let others = db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        match kept {
            Some(kept) if kept.others == others => Ok(kept),
            _ => Ok(Cache {
                ledger: Ledger::load(db)?,
                fold: Fold::begin(db)?,
                ids: CoderIds::default(),
                paths: HashMap::new(),
                others,
            }),
        }
    }

    /// The number of a file that may be new.
    pub fn path_no(&mut self, db: &Connection, path: &str) -> rusqlite::Result<i64> {
        if let Some(&no) = self.paths.get(path) {
            return Ok(no);
        }
        let known = db.prepare_cached("SELECT no FROM path WHERE path = ?")?.query_row([path], |row| row.get(0)).optional()?;
        let no = match known {
            Some(no) => no,
            None => db.prepare_cached("INSERT INTO path (path) VALUES (?)")?.insert([path])?,
        };
        if self.paths.len() >= PATHS_MAX {
            self.paths.clear();
        }
        self.paths.insert(path.to_owned(), no);
        Ok(no)
    }

    /// Gives up what would take too much memory.
    pub fn trimmed(mut self) -> Cache {
        self.fold.trim();
        self
    }
}
