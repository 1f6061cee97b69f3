//! Who touched files, told from what is remembered of each file rather than from its events.

use std::{cmp::Reverse, collections::HashMap};

use rusqlite::params;

use crate::{event::Time, history::store::Error};

use super::{reader::Reader, scan::known_paths};

/// With more files than this a path says too little.
const FILES_MAX: usize = 1_000;
/// How many paths are compared with a wrong one, the latest that were met.
const COMPARED_MAX: usize = 5_000;
/// Less alike than this is no help.
const LIKE: f64 = 0.7;

/// A coder that touched files, and when last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toucher {
    pub coder_id: String,
    /// How many files of those that were asked for.
    pub files: u64,
    pub last: Time,
}

impl Reader {
    /// Who touched the files that `path` names (itself, what is below it, paths that end so), the last one first; `None`
    /// where it names too many.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn touchers(&mut self, path: &str) -> Result<Option<Vec<Toucher>>, Error> {
        self.read(Some(Vec::new()), |snapshot| {
            let Some(files) = known_paths(snapshot.db, path, FILES_MAX)? else { return Ok(None) };
            let mut touchers: HashMap<i64, (u64, i64)> = HashMap::new();
            let mut statement = snapshot.db.prepare_cached("SELECT coder, last FROM touch WHERE path = ?")?;
            for file in files {
                let mut rows = statement.query([file])?;
                while let Some(row) = rows.next()? {
                    let (count, last) = touchers.entry(row.get(0)?).or_insert((0, i64::MIN));
                    (*count, *last) = (*count + 1, (*last).max(row.get(1)?));
                }
            }
            let mut told = Vec::new();
            let mut id = snapshot.db.prepare_cached("SELECT id FROM coder WHERE no = ?")?;
            for (no, (files, last)) in touchers {
                let mut rows = id.query(params![no])?;
                if let Some(row) = rows.next()? {
                    told.push(Toucher { coder_id: row.get(0)?, files, last: Time::from_micros(last) });
                }
            }
            told.sort_by(|a, b| (Reverse(a.last), &a.coder_id).cmp(&(Reverse(b.last), &b.coder_id)));
            Ok(Some(told))
        })
    }

    /// The known paths whose ends are most like `wrong`, best first.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn nearest_paths(&mut self, wrong: &str, limit: usize) -> Result<Vec<String>, Error> {
        self.read(Vec::new(), |snapshot| {
            let mut statement = snapshot.db.prepare_cached("SELECT path FROM path ORDER BY no DESC LIMIT ?")?;
            let mut rows = statement.query([COMPARED_MAX])?;
            let wrong = wrong.to_lowercase();
            let mut alike: Vec<(f64, String)> = Vec::new();
            while let Some(row) = rows.next()? {
                let path: String = row.get(0)?;
                let likeness = likeness(&path.to_lowercase(), &wrong);
                if likeness >= LIKE {
                    alike.push((likeness, path));
                }
            }
            alike.sort_by(|(a, _), (b, _)| b.total_cmp(a));
            alike.truncate(limit);
            Ok(alike.into_iter().map(|(_, path)| path).collect())
        })
    }
}

/// Of as many last components as the wrong one has, and of the names alone.
fn likeness(path: &str, wrong: &str) -> f64 {
    let depth = wrong.split('/').count();
    let end = path.rmatch_indices('/').nth(depth - 1).map_or(path, |(at, _)| &path[at + 1..]);
    let name = |path: &str| path.rsplit_once('/').map_or(path.to_owned(), |(_, name)| name.to_owned());
    strsim::jaro_winkler(end, wrong).max(0.95 * strsim::jaro_winkler(&name(path), &name(wrong)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_compared() {
        let check = |path: &str, wrong: &str, like: bool| assert_eq!(likeness(path, wrong) >= LIKE, like, "{path} {wrong}");
        check("/home/dev/shop/src/auth.rs", "src/auht.rs", true);
        check("/home/dev/shop/src/auth.rs", "lib/auth.rs", true);
        check("/home/dev/shop/src/auth.rs", "zzz", false);
    }
}
