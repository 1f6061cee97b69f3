//! What can keep a history from being read or written, and what to do about it.

use std::{io, path::PathBuf};

use rusqlite::{ErrorCode, ffi};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("failed to reach `{path}`: check that the folder exists and may be written")]
    File { path: PathBuf, source: io::Error },

    /// Somebody else may have laid it out, or could read what is written there.
    #[error("`{path}` is not used: {reason}")]
    Refused { path: PathBuf, reason: &'static str },

    /// Another process held the write lock for longer than the writer's patience.
    #[error("history `{path}` is locked by another process: try again")]
    Busy { path: PathBuf },

    #[error("history `{path}` has schema {found}, this program knows {known}: install the newer ai-coder-events")]
    Newer { path: PathBuf, found: i64, known: i64 },

    #[error(
        "`{path}` is no history or is damaged: `ai-coder-events check` tells what is wrong, `check --repair` saves what can be read"
    )]
    Broken { path: PathBuf, source: rusqlite::Error },

    #[error("`{path}` is no history but another program's database: name another file")]
    Foreign { path: PathBuf },

    #[error(
        "history `{path}` could not be opened: SQLite makes a log beside it, even to read it. Where its folder is read-only, copy the history, and `{}-wal` where there is one, into a folder of your own, and name the copy (`--db`)", path.display()
    )]
    NoLog { path: PathBuf },

    #[error("history `{path}` could not be written: the disk is full")]
    Full { path: PathBuf },

    /// The commit was written, but not confirmed. Whether it is kept shows when the history is opened the next time; what
    /// has an id of its own can be sent again without harm.
    #[error("history `{path}` could not be made to last: the disk failed, so what was written may be lost or not")]
    Unconfirmed { path: PathBuf, source: rusqlite::Error },

    #[error("spool `{folder}` is full: start `ai-coder-events serve` or run `ai-coder-events check` to take it in")]
    SpoolFull { folder: PathBuf },

    #[error("history `{path}` failed")]
    Database { path: PathBuf, source: rusqlite::Error },
}

impl Error {
    pub(in crate::history) fn file(path: impl Into<PathBuf>, source: io::Error) -> Error {
        Error::File { path: path.into(), source }
    }

    pub(in crate::history) fn database(path: impl Into<PathBuf>, source: rusqlite::Error) -> Error {
        let path = path.into();
        // A value that cannot be read, or a table that is not there: this program did not leave it so.
        if is_of_the_row(&source) {
            return Error::Broken { path, source };
        }
        if source.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_FSYNC) {
            return Error::Unconfirmed { path, source };
        }
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown) => Error::Broken { path, source },
            Some(ErrorCode::DiskFull) => Error::Full { path },
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => Error::NoLog { path },
            _ => Error::Database { path, source },
        }
    }

    /// A stored value that this program cannot have written.
    pub(in crate::history) fn damaged(what: &str, why: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
        tracing::debug!("damaged {what}: {why}");
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(why))
    }
}

/// What was read of a row; `None` where something stands there that this program did not write: whoever reads passes it over,
/// and `check` tells of it.
pub fn readable<T>(read: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    match read {
        Err(error) if is_of_the_row(&error) => {
            tracing::debug!("a row is passed over: {error}");
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// Whether an error is of what stands in a row, and not of the file.
pub fn is_of_the_row(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..))
}
