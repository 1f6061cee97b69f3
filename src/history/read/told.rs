//! Whether telling a person works.

use rusqlite::OptionalExtension;

use crate::{event::Time, history::store::Error};

use super::reader::Reader;

impl Reader {
    /// When a person was last to be told of something, and what kept it from working; `None` where it worked, or nobody was.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn last_telling_failure(&mut self) -> Result<Option<(Time, String)>, Error> {
        self.read(None, |snapshot| {
            // A history that no newer program has written to yet has no such table.
            let is_there = "SELECT 1 FROM sqlite_schema WHERE name = 'told'";
            if snapshot.db.prepare_cached(is_there)?.query_row([], |_| Ok(())).optional()?.is_none() {
                return Ok(None);
            }
            let last = snapshot
                .db
                .prepare_cached("SELECT at, failure FROM told ORDER BY at DESC, seq DESC LIMIT 1")?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            Ok(last.and_then(|(at, failure): (i64, Option<String>)| Some((Time::from_micros(at), failure?))))
        })
    }
}
