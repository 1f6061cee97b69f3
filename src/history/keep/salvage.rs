//! What can still be read of a damaged history goes into a new one, row by row; the old file is kept.
//!
//! Events keep their seqs and ids. What cannot be read is passed over and counted. The schema says where the tables begin,
//! and without it nothing is found: where it is damaged, that of a new history takes its place in a copy (`graft`).

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, OpenFlags, Row, Transaction, TransactionBehavior, config::DbConfig, params, params_from_iter, types::Value,
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    aggregate::{Coder, Tally, Totals},
    event::Micros,
    history::{
        read::Reader,
        record::{Rejection, conflict, reject},
        store::{
            Durability, Error, Options,
            file::{self, FileId},
            id::Tag,
            ledger::Ledger,
            options::with_suffix,
            rows::{self, EVENT_COLUMNS, StoredId, column},
            schema,
        },
    },
};

use super::{aside, graft, recompute};

/// What became of a damaged history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Salvage {
    /// Events that the new history has.
    pub events: u64,
    /// Events that could not be read; absent where nothing says how many there were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Where the damaged file lies now.
    pub kept_as: PathBuf,
}

/// Rows copied in one transaction.
const ROWS_AT_ONCE: u64 = 10_000;
/// How every SQLite database begins: <https://www.sqlite.org/fileformat2.html#magic_header_string>
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Puts a new history in the place of the damaged one; `None` where there is nothing that ever was a history.
///
/// # Errors
/// Where another process holds the old one, or the new one cannot be written; the old one is where it was then.
pub fn salvage(options: &Options, patience: Duration) -> Result<Option<Salvage>, Error> {
    file::look(&options.path)?;
    let examined = FileId::of(&options.path);
    let workplace = Workplace::beside(&options.path)?;
    // Held until the new one has the old one's place: what would be appended meanwhile would be lost.
    let held = hold(&options.path, patience)?;
    let grafted;
    let old = match &held {
        Some(old) => old,
        None => {
            grafted = graft(options, &workplace)?;
            &grafted
        }
    };
    let new = Options { path: workplace.path("new.db"), durability: Durability::Full, ..options.clone() };
    found(&new)?;
    let (events, lost) = copy(old, &new).map_err(|source| Error::database(&new.path, source))?;
    if events == 0 && !begins_as_database(&options.path) && !options.bell_path().exists() {
        // Somebody's letters, it seems. Only a history has a bell.
        return Ok(None);
    }
    let _turn = aside::take_turn(options)?;
    if FileId::of(&options.path) != examined {
        return Err(Error::Busy { path: options.path.clone() });
    }
    let kept_as = aside::make_room(options, Some(&new.path))?;
    Ok(Some(Salvage { events, lost, kept_as }))
}

/// Sets a history aside that is damaged, so that a new one can begin in its place; where it lies now.
///
/// # Errors
/// Where it cannot be looked at: locked, newer than this program, another program's, out of reach.
pub fn set_aside_if_broken(options: &Options) -> Result<Option<PathBuf>, Error> {
    let is_broken = || match is_sound(options) {
        Err(Error::Broken { .. }) => Ok(true),
        sound => sound.map(|sound| !sound),
    };
    if !is_broken()? {
        return Ok(None);
    }
    let _turn = aside::take_turn(options)?;
    // Another process that found the same may have been faster.
    if is_broken()? { aside::make_room(options, None).map(Some) } else { Ok(None) }
}

/// Whether the file's own structure is whole; a history that does not exist yet is.
fn is_sound(options: &Options) -> Result<bool, Error> {
    Reader::new(options).read(true, |snapshot| {
        let verdict: String = snapshot.db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok(verdict == "ok")
    })
}

fn begins_as_database(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == MAGIC
}

/// The old database with its write lock; `None` where not even its tables can be found.
fn hold(path: &Path, patience: Duration) -> Result<Option<Connection>, Error> {
    let begin = || {
        let db = open_damaged(path)?;
        db.busy_timeout(patience)?;
        db.execute_batch("BEGIN IMMEDIATE")?;
        // As long as one event can be asked for, its tables are found.
        db.query_row("SELECT count(*) FROM (SELECT seq FROM event LIMIT 1)", [], |_| Ok(()))?;
        Ok(db)
    };
    match begin().map_err(|source| Error::database(path, source)) {
        Ok(db) => Ok(Some(db)),
        Err(Error::Broken { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

fn open_damaged(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.pragma_update(None, "cell_size_check", true)?;
    // Closing must not write into what is kept.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(db)
}

/// A copy of the old database with the schema of a new one.
fn graft(options: &Options, workplace: &Workplace) -> Result<Connection, Error> {
    let (pattern, copy) = (workplace.path("pattern.db"), workplace.path("copy.db"));
    found(&Options { path: pattern.clone(), ..options.clone() })?;
    graft::copy(&options.path, &options.wal_path(), &copy)
        .and_then(|()| graft::give_schema(&pattern, &copy))
        .map_err(|source| Error::file(&copy, source))?;
    open_damaged(&copy).map_err(|source| Error::database(&copy, source))
}

/// Creates a history and moves all of it into its one file.
fn found(options: &Options) -> Result<(), Error> {
    schema::create_file(options)?;
    let db = schema::open_for_writing(options, Instant::now())?;
    let fail = |source| Error::database(&options.path, source);
    let transaction = Transaction::new_unchecked(&db, TransactionBehavior::Immediate).map_err(fail)?;
    schema::migrate(&transaction, &options.path, options.clock.now())?;
    transaction.commit().map_err(fail)?;
    finish(&db).map_err(fail)
}

fn finish(db: &Connection) -> rusqlite::Result<()> {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// How many events were copied, and lost.
fn copy(old: &Connection, new: &Options) -> rusqlite::Result<(u64, Option<u64>)> {
    let db = Connection::open_with_flags(&new.path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    let mut copy = Copy { old, db: &db, tag: None };
    db.execute_batch("BEGIN IMMEDIATE")?;
    let counted = copy.ledger()?;
    copy.coders();
    copy.numbered("path", "no", "no, path");
    let events = copy.events();
    copy.numbered("failure", "seq", "seq, coder, at, alerted");
    copy.numbered("failed_call", "seq", "seq, coder, call, outcome, at, warned");
    copy.numbered("given", "seq", "seq");
    copy.numbered("rejection", "no", "no, time, source, reason, input");
    copy.unnumbered("alias", "id, seq", "id, seq, natural");
    copy.unnumbered("repeat", "span, id, seq", "span, id, seq, named");
    copy.unnumbered("taken", "file", "file");
    copy.unnumbered("conflict", "coder, path, other", "coder, path, other, last");
    copy.bases()?;
    recompute::rebuild(&db, &mut |_, _| {})?;
    let lost = counted.map(|counted| counted.saturating_sub(events));
    let told = lost.map_or_else(|| "an unknown number of events".to_owned(), |lost| format!("{lost} events"));
    let reason = format!("the history was damaged: {events} events were salvaged, {told} could not be read and are lost");
    let rejection = Rejection { source: "check".into(), reason, input: String::new() };
    reject::keep(&db, &new.redactor, new.clock.now(), &rejection)?;
    db.execute_batch("COMMIT")?;
    finish(&db)?;
    Ok((events, lost))
}

struct Copy<'c> {
    old: &'c Connection,
    db: &'c Connection,
    /// The old history's: from it follow the ids of events that have none of their own.
    tag: Option<Tag>,
}

impl Copy<'_> {
    /// Where the history stood, and how many events it had, as far as its ledger says so.
    fn ledger(&mut self) -> rusqlite::Result<Option<u64>> {
        let Ok(ledger) = Ledger::load(self.old) else { return Ok(None) };
        self.tag = Some(ledger.tag);
        self.db.execute(
            "UPDATE ledger SET head = ?1, floor = ?2, minutes_since = ?3, hours_since = ?4, session_keys = ?1",
            params![ledger.head, ledger.floor, ledger.minutes_since.micros(), ledger.hours_since.micros()],
        )?;
        Ok(Some(ledger.rows))
    }

    fn coders(&self) {
        each_readable(self.old, "coder", "no", "no, id, base", &mut |row| {
            let (no, id): (i64, String) = (row.get(0)?, row.get(1)?);
            let base: Option<String> = row.get(2)?;
            let base = base.filter(|base| is_aggregate::<Coder>(base));
            self.db
                .prepare_cached("INSERT INTO coder (no, id, state, base, finished, last) VALUES (?, ?, '{}', ?, 0, 0)")?
                .execute(params![no, id, base])
                .map(drop)
        });
    }

    /// How many were copied.
    fn events(&self) -> u64 {
        let (mut rows, mut events) = (0_u64, 0);
        let columns = format!("{EVENT_COLUMNS}, path");
        each_readable(self.old, "event", "seq", &columns, &mut |row| {
            rows += 1;
            if rows.is_multiple_of(ROWS_AT_ONCE) {
                self.db.execute_batch("COMMIT; BEGIN IMMEDIATE")?;
            }
            events += self.event(row)?;
            Ok(())
        });
        events
    }

    /// Copies a row of [`EVENT_COLUMNS`] and the path; 1 where it can be read.
    fn event(&self, row: &Row<'_>) -> rusqlite::Result<u64> {
        let (coder, received): (i64, Micros) = (row.get(column::CODER)?, row.get(column::RECEIVED)?);
        let (given, body): (Option<StoredId<String>>, String) = (row.get(column::ID)?, row.get(column::BODY)?);
        let path: Option<i64> = row.get("path")?;
        // Whoever lists it later must be able to read it.
        let event = rows::event(row, self.tag.unwrap_or(Tag(0)), |_| Ok(String::new()))?;
        // The id that it was acknowledged with, which no longer follows from a history of another name.
        let made = self.tag.map(|tag| StoredId(tag.id(event.received_at, event.seq)));
        let copied = self
            .db
            .prepare_cached(
                "INSERT OR IGNORE INTO event (seq, coder, type, at, received, id, completes, path, body)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                event.seq,
                coder,
                event.kind.code(),
                event.timestamp.micros(),
                received,
                given.or(made),
                event.completes,
                path,
                body
            ])?;
        if let Some(path) = path {
            conflict::touch(self.db, path, coder, &event)?;
        }
        Ok(copied as u64)
    }

    /// A table whose rows have a number, the first of `columns`.
    fn numbered(&self, table: &str, key: &str, columns: &str) {
        let insert = insert_into(table, columns);
        each_readable(self.old, table, key, columns, &mut |row| self.insert(&insert, row).map(drop));
    }

    /// A table whose rows have no number: from either end up to a damaged place.
    fn unnumbered(&self, table: &str, key: &str, columns: &str) {
        let insert = insert_into(table, columns);
        let backwards = key.split(", ").map(|column| format!("{column} DESC")).collect::<Vec<_>>().join(", ");
        for order in [key, &backwards] {
            let sql = format!("SELECT {columns} FROM {table} ORDER BY {order}");
            let mut repeated = 0;
            let scanned = visit(self.old, &sql, [], &mut |row| {
                repeated = if self.insert(&insert, row)? { 0 } else { repeated + 1 };
                Ok(repeated < REPEATED_MAX)
            });
            if scanned.is_ok() {
                return;
            }
        }
    }

    /// What retention folded.
    fn bases(&self) -> rusqlite::Result<()> {
        let totals: rusqlite::Result<String> = self.old.query_row("SELECT totals FROM base", [], |row| row.get(0));
        if let Some(totals) = totals.ok().filter(|totals| is_aggregate::<Totals>(totals)) {
            self.db.execute("UPDATE base SET totals = ?", [totals])?;
        }
        // Histories of before schema 7 have none.
        let evicted: rusqlite::Result<Option<String>> = self.old.query_row("SELECT evicted FROM base", [], |row| row.get(0));
        if let Some(evicted) = evicted.ok().flatten().filter(|evicted| is_aggregate::<Tally>(evicted)) {
            self.db.execute("UPDATE base SET evicted = ?", [evicted])?;
        }
        let insert = "INSERT INTO bucket (coder, start, width, tally, base) VALUES (?1, ?2, ?3, '{}', ?4)";
        let sql = "SELECT coder, start, width, base FROM bucket WHERE base IS NOT NULL ORDER BY coder, start, width";
        let scanned = visit(self.old, sql, [], &mut |row| {
            let base: String = row.get(3)?;
            if is_aggregate::<Tally>(&base) {
                self.insert(insert, row)?;
            }
            Ok(true)
        });
        if let Err(error) = scanned {
            tracing::warn!("counts of removed events are lost from where their table is damaged: {error}");
        }
        Ok(())
    }

    /// Whether it was new.
    fn insert(&self, sql: &str, row: &Row<'_>) -> rusqlite::Result<bool> {
        let count = row.as_ref().column_count();
        let values = (0..count).map(|index| row.get::<_, Value>(index)).collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(self.db.prepare_cached(sql)?.execute(params_from_iter(values))? > 0)
    }
}

fn insert_into(table: &str, columns: &str) -> String {
    let places = vec!["?"; columns.split(", ").count()].join(", ");
    format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})")
}

fn is_aggregate<T: DeserializeOwned>(stored: &str) -> bool {
    serde_json::from_str::<T>(stored).is_ok()
}

/// No seq is beyond: see [`Tag`].
const NUMBER_MAX: i64 = 1 << 42;
/// Rows in a row that were there already: a damaged page leads round in circles.
const REPEATED_MAX: u64 = 10_000;

/// Calls `take` with each row that can be read, in the order of `key`, which is the first of `columns`.
///
/// A damaged page ends a scan; the next scan begins behind the place, found by doubling the distance and then halving it.
fn each_readable(db: &Connection, table: &str, key: &str, columns: &str, take: &mut dyn FnMut(&Row<'_>) -> rusqlite::Result<()>) {
    let behind = format!("SELECT {columns} FROM {table} WHERE {key} > ? ORDER BY {key}");
    let next = format!("{behind} LIMIT 1");
    let is_readable = |after: i64| visit(db, &next, [after], &mut |row| Ok(row.get::<_, i64>(0)? > after)).is_ok();
    let mut after = 0;
    loop {
        let scanned = visit(db, &behind, [after], &mut |row| {
            let number: i64 = row.get(0)?;
            // A damaged page may lead anywhere, round in circles too.
            if !(after + 1..=NUMBER_MAX).contains(&number) {
                return Ok(false);
            }
            after = number;
            take(row).map(|()| true)
        });
        if scanned.is_ok() {
            return;
        }
        let mut good = 1;
        while !is_readable(after + good) {
            good *= 2;
            if good > NUMBER_MAX {
                return;
            }
        }
        let mut bad = good / 2;
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2;
            if is_readable(after + middle) { good = middle } else { bad = middle }
        }
        after += good;
    }
}

/// Calls `take` with each row until it says `false`; one that it cannot take is passed over.
///
/// # Errors
/// Where the database cannot be read on, or `take` does not want more of it.
fn visit<P: rusqlite::Params>(
    db: &Connection,
    sql: &str,
    parameters: P,
    take: &mut dyn FnMut(&Row<'_>) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        match take(row) {
            Ok(true) => {}
            Ok(false) => return Err(rusqlite::Error::QueryReturnedMoreThanOneRow),
            Err(error) => tracing::debug!("a row is passed over: {error}"),
        }
    }
    Ok(())
}

/// A folder beside the history for what is not finished, gone when it is dropped.
struct Workplace {
    folder: PathBuf,
    /// Locked while somebody works there.
    _worker: File,
}

impl Workplace {
    fn beside(path: &Path) -> Result<Workplace, Error> {
        let start = with_suffix(path, ".salvage-");
        clear_away(&start);
        let folder = with_suffix(&start, &Uuid::new_v4().simple().to_string());
        file::own_folder(&folder)?;
        let locked = File::open(&folder).and_then(|worker| worker.lock().map(|()| worker));
        let worker = locked.map_err(|source| Error::file(&folder, source))?;
        Ok(Workplace { folder, _worker: worker })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Removes workplaces whose workers died.
fn clear_away(start: &Path) {
    let (Some(folder), Some(name)) = (start.parent(), start.file_name()) else { return };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_one = entry.file_name().as_encoded_bytes().starts_with(name.as_encoded_bytes());
        let is_left = || File::open(entry.path()).is_ok_and(|worker| worker.try_lock().is_ok());
        if is_one && entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_left() {
            remove_folder(&entry.path());
        }
    }
}

fn remove_folder(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        tracing::warn!("`{}` stays behind: {error}", folder.display());
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        remove_folder(&self.folder);
    }
}
