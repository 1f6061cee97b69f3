//! The reading handle: a snapshot a call, and an empty history where there is no file.

use std::{sync::Arc, time::Duration};

use rusqlite::{Connection, Row, Transaction, TransactionBehavior};

use crate::{
    event::{Event, Time},
    history::store::{
        Error, Options,
        error::readable,
        file::FileId,
        ledger::Ledger,
        rows::{self, CoderIds},
        schema,
    },
};

use super::{
    handles::{Handles, KeptHandles},
    zones::Zones,
};

/// Readers wait only while another process recovers the write-ahead log.
const PATIENCE: Duration = Duration::from_secs(5);

/// One connection that reads. It never creates or migrates, and sees a file that appears later or takes another's place.
#[derive(Debug)]
pub struct Reader {
    options: Options,
    open: Option<OpenReader>,
    /// How often a file was opened.
    opened: u64,
    unreadable: u64,
}

struct OpenReader {
    db: Connection,
    ids: CoderIds,
    zones: Zones,
    handles: KeptHandles,
    file: Option<FileId>,
    /// The log that it reads, where there was one.
    log: Option<FileId>,
}

impl std::fmt::Debug for OpenReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenReader").field("db", &self.db).finish_non_exhaustive()
    }
}

/// Which history it is, and between which seqs it lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Eight hex digits; empty while there is no history.
    pub history: String,
    /// Newest seq.
    pub head: u64,
    /// Newest seq that retention removed; 0 where it removed none.
    pub floor: u64,
}

/// Which state a reader last saw, of which file; the default is that of a history that does not exist. Both come from one
/// look: asked one after the other, a file that appears in between would count as two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// Counts the files this reader has opened.
    pub file: u64,
    commit: u64,
}

/// One consistent state of the history.
pub struct Snapshot<'r> {
    pub db: &'r Connection,
    pub ids: &'r mut CoderIds,
    pub zones: &'r mut Zones,
    kept_handles: &'r mut KeptHandles,
    pub ledger: Ledger,
    pub now: Time,
    pub options: &'r Options,
    /// Rows that were passed over, since nothing can be read of them.
    pub unreadable: u64,
}

impl Snapshot<'_> {
    pub fn position(&self) -> Position {
        let Ledger { tag, head, floor, .. } = &self.ledger;
        Position { history: tag.name(), head: *head, floor: *floor }
    }

    /// Counts a row that cannot be read; `None` for it.
    pub fn pass_over<T>(&mut self, read: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
        let read = readable(read)?;
        self.unreadable += u64::from(read.is_none());
        Ok(read)
    }

    /// The event in a row of [`rows::EVENT_COLUMNS`]; `None` where it cannot be read, which is counted.
    pub fn readable_event(&mut self, row: &Row<'_>) -> rusqlite::Result<Option<Event>> {
        let read = rows::event(row, self.ledger.tag, |no| self.ids.get(self.db, no));
        self.pass_over(read)
    }

    /// What each coder is called for short.
    pub fn handles(&mut self) -> rusqlite::Result<Arc<Handles>> {
        self.kept_handles.get(self.db, self.now)
    }

    pub fn event(&mut self, seq: u64) -> rusqlite::Result<Option<Event>> {
        let found = rows::find_event(self.db, self.ledger.tag, self.ids, seq)?;
        if found.is_none() && self.db.prepare_cached("SELECT 1 FROM event WHERE seq = ?")?.exists([seq])? {
            self.unreadable += 1;
        }
        Ok(found)
    }
}

impl Reader {
    pub fn new(options: &Options) -> Reader {
        Reader { options: options.clone(), open: None, opened: 0, unreadable: 0 }
    }

    pub(in crate::history) fn options(&self) -> &Options {
        &self.options
    }

    /// How many rows were passed over so far, since somebody else wrote into them: what is listed lacks their events.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// # Errors
    /// Where the history cannot be read; so everywhere below.
    pub fn position(&mut self) -> Result<Position, Error> {
        self.read(Position::default(), |snapshot| Ok(snapshot.position()))
    }

    /// What changes when anything was committed, by whichever process, or another file took the place of this one.
    pub fn version(&mut self) -> Result<Version, Error> {
        if !self.is_open()? {
            return Ok(Version::default());
        }
        let file = self.opened;
        let db = &self.open.as_ref().expect("opened above").db;
        let version = db.pragma_query_value(None, "data_version", |row| row.get(0)).map(|commit| Version { file, commit });
        self.settle(version)
    }

    /// What each coder is called for short.
    pub fn handles(&mut self) -> Result<Arc<Handles>, Error> {
        self.read(Arc::default(), |snapshot| snapshot.handles())
    }

    /// One event; where later reports completed it, with what they brought.
    pub fn event(&mut self, seq: u64) -> Result<Option<Event>, Error> {
        self.read(None, |snapshot| {
            let Some(mut event) = snapshot.event(seq)? else { return Ok(None) };
            rows::complete(snapshot.db, snapshot.ledger.tag, snapshot.ids, std::slice::from_mut(&mut event))?;
            Ok(Some(event))
        })
    }

    /// Runs `work` on one snapshot; `absent` is the answer where there is no history yet.
    pub(in crate::history) fn read<T>(
        &mut self,
        absent: T,
        work: impl FnOnce(&mut Snapshot<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        if !self.is_open()? {
            return Ok(absent);
        }
        let OpenReader { db, ids, zones, handles, .. } = self.open.as_mut().expect("opened above");
        let now = self.options.clock.now();
        let options = &self.options;
        let answer = (|| {
            let transaction = Transaction::new_unchecked(db, TransactionBehavior::Deferred)?;
            let ledger = Ledger::load(&transaction)?;
            let mut snapshot =
                Snapshot { db: &transaction, ids, zones, kept_handles: handles, ledger, now, options, unreadable: 0 };
            let answer = work(&mut snapshot)?;
            let unreadable = snapshot.unreadable;
            transaction.commit()?;
            Ok((answer, unreadable))
        })();
        let (answer, unreadable) = self.settle(answer)?;
        self.unreadable = self.unreadable.saturating_add(unreadable);
        Ok(answer)
    }

    fn is_open(&mut self) -> Result<bool, Error> {
        let path = &self.options.path;
        // Asked before the file is opened: one that takes its place meanwhile is noticed by the next call.
        let file = FileId::of(path);
        let is_another =
            |open: &OpenReader| open.file != file || open.log.is_some() && open.log != FileId::of(&self.options.wal_path());
        if self.open.as_ref().is_some_and(is_another) {
            self.open = None;
        }
        if self.open.is_none()
            && let Some(db) = schema::open_for_reading(&self.options, PATIENCE)?
        {
            let log = FileId::of(&self.options.wal_path());
            let (ids, zones, handles) = (CoderIds::default(), Zones::default(), KeptHandles::default());
            self.open = Some(OpenReader { db, ids, zones, handles, file, log });
            self.opened += 1;
        }
        Ok(self.open.is_some())
    }

    /// A connection that failed is not asked again: the file may have been replaced.
    fn settle<T>(&mut self, answer: rusqlite::Result<T>) -> Result<T, Error> {
        answer.map_err(|source| {
            self.open = None;
            Error::database(&self.options.path, source)
        })
    }
}
