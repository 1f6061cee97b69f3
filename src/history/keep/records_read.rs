//! Which of the agents' own records were read to their end: one that did not change since has nothing to add.

use rusqlite::{Connection, OptionalExtension};

use crate::history::{
    read::Reader,
    record::Writer,
    store::{Error, schema},
};

impl Reader {
    /// What `file` was like when it was read to its end; `None` where it was not.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn stamp_of_record(&mut self, file: &str) -> Result<Option<String>, Error> {
        self.read(None, |snapshot| {
            if !schema::knows_records_read(snapshot.db)? {
                return Ok(None);
            }
            let mut stamp = snapshot.db.prepare_cached("SELECT stamp FROM record_read WHERE file = ?")?;
            stamp.query_row([file], |row| row.get(0)).optional()
        })
    }
}

impl Writer {
    /// These files, each with its stamp, were read to their end, and all that they say is written.
    ///
    /// # Errors
    /// Where the history cannot be written.
    pub fn remember_records(&mut self, read: &[(String, String)]) -> Result<(), Error> {
        if read.is_empty() {
            return Ok(());
        }
        self.transact(|db| {
            let mut remember = db.prepare_cached("INSERT OR REPLACE INTO record_read (file, stamp) VALUES (?, ?)")?;
            read.iter().try_for_each(|record| remember.execute([&record.0, &record.1]).map(drop))
        })
    }
}

/// All of them are read again.
pub fn forget_records(db: &Connection) -> rusqlite::Result<()> {
    db.execute("DELETE FROM record_read", []).map(drop)
}
