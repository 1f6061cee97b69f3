//! What a person was told of: each event once, by whichever process is first.

use rusqlite::params;

use crate::{event::Time, history::store::Error};

use super::writer::Writer;

/// What was told longer ago is told by nobody any more.
const KEPT_DAYS: i64 = 7;

impl Writer {
    /// Whether nobody has told of this event yet; from here on somebody has.
    ///
    /// # Errors
    /// Where the history cannot be written.
    pub fn claim_telling(&mut self, seq: u64) -> Result<bool, Error> {
        let now = self.now();
        self.transact(|db| {
            db.prepare_cached("DELETE FROM told WHERE at < ?")?.execute([now.plus(-KEPT_DAYS * Time::DAY).micros()])?;
            let claimed =
                db.prepare_cached("INSERT OR IGNORE INTO told (seq, at) VALUES (?, ?)")?.execute(params![seq, now.micros()])?;
            Ok(claimed > 0)
        })
    }

    /// What kept the person from hearing of it.
    ///
    /// # Errors
    /// Where the history cannot be written.
    pub fn note_telling_failed(&mut self, seq: u64, failure: &str) -> Result<(), Error> {
        self.transact(|db| db.execute("UPDATE told SET failure = ? WHERE seq = ?", params![failure, seq]).map(drop))
    }
}
