//! The writing handle: transactions, the bell after each, and the checkpoint rule at the end.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, config::DbConfig};

use crate::{
    event::Time,
    history::store::{Error, Options, bell::Bell, file::FileId, schema},
};

use super::{
    append::Append,
    cache::Cache,
    entry::{Appended, CheckedEntry, Entry, Outcome},
};

/// How long a writer waits for others before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pauses between two attempts to get a write lock that another process holds: most hold it for less than the first, and
/// asking this often costs a process that waits less than a hundredth of a core.
const PAUSE_MIN: Duration = Duration::from_micros(250);
const PAUSE_MAX: Duration = Duration::from_millis(4);

/// A closing writer leaves a write-ahead log below this size as it is. Moving it into the database costs an fsync, which
/// would double what a hook costs; never doing it would let the log grow without bound where nothing but hooks write.
const WAL_LEFT_BYTES_MAX: u64 = 256 * 1024;

/// One connection that writes. It touches the disk at the first append, not before.
#[derive(Debug)]
pub struct Writer {
    options: Options,
    patience: Duration,
    open: Option<OpenWriter>,
}

#[derive(Debug)]
struct OpenWriter {
    db: Connection,
    bell: Bell,
    file: Option<FileId>,
    /// The log, once something was written to it.
    log: Option<FileId>,
    cache: Option<Cache>,
}

impl Writer {
    pub fn new(options: &Options) -> Writer {
        Writer { options: options.clone(), patience: PATIENCE, open: None }
    }

    /// How long one call waits for busy writers elsewhere, opening included; ten seconds unless set.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Writer {
        self.patience = patience;
        self
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    pub(in crate::history) fn patience(&self) -> Duration {
        self.patience
    }

    /// Keeps `entries` in one transaction and answers after its commit, one outcome an entry.
    ///
    /// # Errors
    /// Nothing of `entries` is kept then, except that [`Error::Unconfirmed`] leaves it open.
    pub fn append(&mut self, entries: Vec<Entry>) -> Result<Vec<Outcome>, Error> {
        let options = &self.options;
        let checked = entries.into_iter().map(|entry| entry.check(options)).collect();
        self.append_checked(checked).map(|appended| appended.outcomes)
    }

    /// The same for entries that were checked already.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub fn append_checked(&mut self, entries: Vec<CheckedEntry>) -> Result<Appended, Error> {
        if entries.is_empty() {
            return Ok(Appended::default());
        }
        self.transact_with_cache(|db, options, kept| {
            // Read inside the transaction, so that the order of receipt is the order of seqs.
            let now = options.clock.now();
            let mut append = Append::begin(db, options, kept)?;
            let outcomes = entries.into_iter().map(|entry| append.take(entry, now)).collect::<rusqlite::Result<_>>()?;
            let (appended, cache) = append.finish()?;
            Ok((Appended { outcomes, ..appended }, Some(cache)))
        })
    }

    /// Runs `work` in a write transaction on the newest schema, commits, and rings the bell if it changed anything.
    pub(in crate::history) fn transact<T>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        self.transact_with_cache(|db, _, _| Ok((work(db)?, None)))
    }

    /// The same for work that gets the cache that the work before it left, and leaves its cache once it is committed.
    pub(in crate::history) fn transact_with_cache<T>(
        &mut self,
        work: impl FnOnce(&Connection, &Options, Option<Cache>) -> rusqlite::Result<(T, Option<Cache>)>,
    ) -> Result<T, Error> {
        // What opening took is not waited for a second time.
        let deadline = Instant::now() + self.patience;
        loop {
            self.open(deadline)?;
            let options = &self.options;
            let open = self.open.as_mut().expect("opened above");
            let fail = |source| Error::database(&options.path, source);
            let transaction = begin(&open.db, deadline).map_err(fail)?;
            // While this waited for its turn, another file may have taken the place of this one: what is written to the old
            // one would be lost, acknowledged or not.
            if open.file != FileId::of(&options.path) {
                continue;
            }
            if open.log.is_some() && open.log != FileId::of(&options.wal_path()) {
                drop(transaction);
                self.leave_log()?;
                continue;
            }
            schema::migrate(&transaction, &options.path, options.clock.now())?;
            let changes_before = transaction.total_changes();
            let (done, cache) = work(&transaction, options, open.cache.take()).map_err(fail)?;
            let changed = transaction.total_changes() != changes_before;
            transaction.commit().map_err(fail)?;
            open.cache = cache;
            if open.log.is_none() {
                open.log = FileId::of(&options.wal_path());
            }
            if changed {
                open.bell.ring();
            }
            return Ok(done);
        }
    }

    /// Somebody took the log away, or put another in its place. What was acknowledged and lies in it is in no file that anybody
    /// finds: it goes into the database, as long as this process has the log open. Unless another process was faster: then
    /// there is more in the new one than the name.
    fn leave_log(&mut self) -> Result<(), Error> {
        let path = &self.options.path;
        let Some(open) = &self.open else { return Ok(()) };
        if fs::metadata(self.options.wal_path()).map_or(0, |log| log.len()) == 0 {
            tracing::warn!("somebody took away the log of `{}`: what was in it goes into the database", path.display());
            let emptied = open.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
            if emptied.map_err(|source| Error::database(path, source))? != 0 {
                return Err(Error::Busy { path: path.clone() });
            }
        }
        self.open = None;
        Ok(())
    }

    /// Whether there is no file yet: what only takes away need not create one.
    pub(in crate::history) fn is_absent(&self) -> bool {
        self.open.is_none() && !self.options.path.exists()
    }

    /// Runs `work` outside a transaction, for pragmas.
    pub(in crate::history) fn outside_transaction<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        self.open(Instant::now() + self.patience)?;
        let db = &self.open.as_ref().expect("opened above").db;
        work(db).map_err(|source| Error::database(&self.options.path, source))
    }

    pub(in crate::history) fn now(&self) -> Time {
        self.options.clock.now()
    }

    fn open(&mut self, deadline: Instant) -> Result<(), Error> {
        let path = &self.options.path;
        // What is written to a deleted file is lost, acknowledged or not.
        if self.open.as_ref().is_some_and(|open| open.file != FileId::of(path)) {
            self.open = None;
        }
        if self.open.is_none() {
            schema::create_file(&self.options)?;
            // Asked before the file is opened: one that takes its place meanwhile is noticed inside the transaction.
            let file = FileId::of(path);
            let db = schema::open_for_writing(&self.options, deadline)?;
            self.open = Some(OpenWriter { db, bell: Bell::at(&self.options.bell_path()), file, log: None, cache: None });
        }
        Ok(())
    }
}

/// Begins a write transaction, waiting for others until `deadline`.
///
/// SQLite's own waiting asks ten times a second after a while, and never meets the moment between two transactions of
/// others that write without a pause: retention starved so, whole ten seconds long.
fn begin(db: &Connection, deadline: Instant) -> rusqlite::Result<Transaction<'_>> {
    db.busy_timeout(Duration::ZERO)?;
    let mut pause = PAUSE_MIN;
    loop {
        match Transaction::new_unchecked(db, TransactionBehavior::Immediate) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < deadline => {
                thread::sleep(pause.min(deadline.saturating_duration_since(Instant::now())));
                pause = PAUSE_MAX.min(pause * 2);
            }
            begun => {
                // Within the transaction only a checkpoint waits for others.
                db.busy_timeout(deadline.saturating_duration_since(Instant::now()))?;
                return begun;
            }
        }
    }
}

impl Writer {
    /// Ends like [`drop`], for a process that ends with it: what the system closes and frees then need not be closed before.
    pub fn end_with_process(self) {
        if self.may_leave_wal() {
            std::mem::forget(self);
        }
    }

    fn may_leave_wal(&self) -> bool {
        fs::metadata(self.options.wal_path()).map_or(0, |metadata| metadata.len()) < WAL_LEFT_BYTES_MAX
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let wal_path = self.options.wal_path();
        let is_without_log = |open: &OpenWriter| open.log.is_some() && open.log != FileId::of(&wal_path);
        if self.open.as_ref().is_some_and(is_without_log)
            && let Err(error) = self.leave_log()
        {
            tracing::error!("what was in the log that somebody took away may be lost: {error}");
        }
        if let Some(open) = &self.open
            && self.may_leave_wal()
            && let Err(error) = open.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        {
            tracing::debug!("closing checkpoints although it need not: {error}");
        }
    }
}
