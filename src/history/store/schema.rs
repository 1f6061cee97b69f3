//! The tables, how they came to be, and how a connection is set up for them.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::event::Time;

use super::{
    error::Error,
    file,
    ledger::Ledger,
    options::{Durability, Options},
};

/// Each step is a schema version; a published step is never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
    include_str!("schema/9.sql"),
    include_str!("schema/10.sql"),
    include_str!("schema/11.sql"),
    include_str!("schema/12.sql"),
    include_str!("schema/13.sql"),
];

/// The most of the database that a writer keeps in memory: what a full transaction changes fits, and need not be written twice.
const CACHE_KIB: i32 = 8 * 1024;

pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Pages in the write-ahead log before a commit moves them into the database: four times SQLite's own, which is worth a fifth
/// in bulk appends.
pub const WAL_PAGES: u32 = 4000;

/// Creates the file where it is missing, and makes sure that it may be written to.
pub fn create_file(options: &Options) -> Result<(), Error> {
    if let Some(folder) = options.path.parent() {
        file::private_folder(folder)?;
    }
    file::private_file(&options.path)?;
    file::look_beside(&options.companions())
}

/// Opens a file that [`create_file`] looked at for writing. Tables are made by [`migrate`].
pub fn open_for_writing(options: &Options, deadline: Instant) -> Result<Connection, Error> {
    let path = &options.path;
    let connect = || {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(deadline.saturating_duration_since(Instant::now()))?;
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        // What another program keeps here is left as it is.
        if is_foreign(&connection)? {
            return Ok(None);
        }
        if mode != "wal" {
            // Only an empty database takes it; it lets pruning give bytes back.
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
        }
        connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(
            None,
            "synchronous",
            match options.durability {
                Durability::Normal => "NORMAL",
                Durability::Full => "FULL",
            },
        )?;
        settle_plans(&connection)?;
        Ok(Some(connection))
    };
    // Switching a new file to its write-ahead log does not wait for others that do the same: ask again.
    loop {
        match connect().map_err(|source| Error::database(path, source)) {
            Err(Error::Busy { .. }) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
            opened => return opened?.ok_or_else(|| Error::Foreign { path: path.clone() }),
        }
    }
}

/// Opens an existing file for reading; `None` where there is no file, or nothing in it yet.
pub fn open_for_reading(options: &Options, patience: Duration) -> Result<Option<Connection>, Error> {
    let path = &options.path;
    match file::look(path) {
        Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        looked => looked?,
    };
    file::look_beside(&options.companions())?;
    let connect = |flags| {
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(patience)?;
        connection.pragma_update(None, "query_only", true)?;
        // The last connection to close would move the log into the database: writers' work.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        settle_plans(&connection)?;
        let version = version(&connection)?;
        let foreign = is_foreign(&connection)?;
        Ok((connection, version, foreign))
    };
    // Readers of a write-ahead log share memory through a file, so they need to write where they can.
    let opened = connect(OpenFlags::SQLITE_OPEN_READ_WRITE).or_else(|_| connect(OpenFlags::SQLITE_OPEN_READ_ONLY));
    match opened.map_err(|source| Error::database(path, source))? {
        (_, _, true) => Err(Error::Foreign { path: path.to_owned() }),
        (_, 0, _) => Ok(None),
        (_, found, _) if found > SCHEMA_VERSION => Err(Error::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION }),
        (connection, ..) => Ok(Some(connection)),
    }
}

/// Has each statement compiled once. Left to itself, SQLite compiles one that a partial index may serve again for each value.
fn settle_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Brings the schema up to date. Call it inside a write transaction.
pub fn migrate(connection: &Connection, path: &Path, now: Time) -> Result<(), Error> {
    let fail = |source| Error::database(path, source);
    let found = version(connection).map_err(fail)?;
    if found != SCHEMA_VERSION && is_foreign(connection).map_err(fail)? {
        return Err(Error::Foreign { path: path.to_owned() });
    }
    if found > SCHEMA_VERSION {
        return Err(Error::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION });
    }
    if found == SCHEMA_VERSION {
        return Ok(());
    }
    migrate_to(connection, SCHEMA_VERSION, now).map_err(fail)
}

pub fn migrate_to(connection: &Connection, wanted: i64, now: Time) -> rusqlite::Result<()> {
    let found = version(connection)?;
    for (step, sql) in (1..=wanted).zip(MIGRATIONS).skip(usize::try_from(found).unwrap_or(0)) {
        connection.execute_batch(sql)?;
        connection.pragma_update(None, "user_version", step)?;
    }
    if found == 0 {
        Ledger::found(connection, now)?;
    }
    Ok(())
}

/// Whether the history remembers conflicts: since schema 2.
pub fn knows_conflicts(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(version(connection)? >= 2)
}

/// Whether models and tools are counted apart, and evicted coders together: since schema 7.
pub fn knows_parts(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(version(connection)? >= 7)
}

/// Whether it is remembered which records were read: since schema 9.
pub fn knows_records_read(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(version(connection)? >= 9)
}

/// Whether there are tables, and none of them is ours. Other programs number their schemas too.
fn is_foreign(connection: &Connection) -> rusqlite::Result<bool> {
    // What is ours mostly is: known without a statement, which takes longer to compile than the rest of opening. What the
    // connection knows may be old, but a ledger does not go away.
    if connection.column_exists(Some("main"), "ledger", "minutes_since")? {
        return Ok(false);
    }
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master)
             AND NOT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'ledger' AND sql LIKE '%minutes_since%')",
        [],
        |row| row.get(0),
    )
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
