//! On which ways what is known of a coder came.

use rusqlite::OptionalExtension;

use crate::{event::Channel, history::store::Error};

use super::reader::Reader;

/// Events that are looked at: which channels speak shows in the newest ones.
const EVENTS_LOOKED_AT: u32 = 200;

impl Reader {
    /// The channels that told of the coder lately, as far as they are kept.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn channels(&mut self, coder_id: &str) -> Result<Vec<Channel>, Error> {
        self.read(Vec::new(), |snapshot| {
            let no: Option<i64> = snapshot
                .db
                .prepare_cached("SELECT no FROM coder WHERE id = ?")?
                .query_row([coder_id], |row| row.get(0))
                .optional()?;
            let Some(no) = no.filter(|_| snapshot.db.column_exists(Some("main"), "repeat", "channel").unwrap_or(false)) else {
                return Ok(Vec::new());
            };
            let mut statement = snapshot.db.prepare_cached(
                "WITH latest AS (SELECT seq FROM event WHERE coder = ?1 ORDER BY seq DESC LIMIT ?2)
                 SELECT channel FROM repeat WHERE seq IN latest AND channel IS NOT NULL
                 UNION SELECT channel FROM report WHERE seq IN latest",
            )?;
            let numbers: Vec<u8> =
                statement.query_map([no, EVENTS_LOOKED_AT.into()], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok(Channel::ALL.iter().copied().filter(|channel| numbers.contains(&(*channel as u8))).collect())
        })
    }
}
