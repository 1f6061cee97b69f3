//! Rejections as they were kept: listed, and forgotten when somebody has seen them.

use serde::Serialize;

use crate::{
    event::Time,
    history::{read::Reader, record::Writer, store::Error},
};

use super::records_read::forget_records;

/// A rejection as it was kept: redacted, cut, stamped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejected {
    pub time: Time,
    pub source: String,
    pub reason: String,
    pub input: String,
}

impl Reader {
    /// Oldest first.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn rejected(&mut self) -> Result<Vec<Rejected>, Error> {
        self.read(Vec::new(), |snapshot| {
            snapshot
                .db
                .prepare_cached("SELECT time, source, reason, input FROM rejection ORDER BY no")?
                .query_map([], |row| {
                    Ok(Rejected {
                        time: Time::from_micros(row.get(0)?),
                        source: row.get(1)?,
                        reason: row.get(2)?,
                        input: row.get(3)?,
                    })
                })?
                .collect()
        })
    }
}

impl Writer {
    /// Forgets the rejections, and which records were read: what is still wrong with those is told again. How many there were.
    ///
    /// # Errors
    /// Where the history cannot be written.
    pub fn clear_rejected(&mut self) -> Result<u64, Error> {
        if self.is_absent() {
            return Ok(0);
        }
        self.transact(|db| {
            forget_records(db)?;
            Ok(db.execute("DELETE FROM rejection", [])? as u64)
        })
    }
}
