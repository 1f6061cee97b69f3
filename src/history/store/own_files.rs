//! Which files are a history's, under whatever name they are met: through a link, by another way, at a second mount.
//!
//! Where a process closes any descriptor of a database, all locks that SQLite holds on it in this process are gone; another
//! process then deletes the log that is in use. So whoever reads files of others asks here first. Nothing is opened for that.

use std::{
    fs::Metadata,
    path::{Path, PathBuf},
};

use super::{
    file::FileId,
    options::{Options, with_suffix},
};

/// The files of one history, as they are at this moment, and what any other history's files are known by.
#[derive(Debug, Default)]
pub struct HistoryFiles {
    own: Vec<FileId>,
}

impl HistoryFiles {
    pub fn of(options: &Options) -> HistoryFiles {
        HistoryFiles { own: options.own_paths().iter().filter_map(|path| FileId::of(path)).collect() }
    }

    /// Whether what lies at `path` is a file or a spool of a history; `metadata` is of that itself, not of where it leads.
    pub fn hold(&self, path: &Path, metadata: &Metadata) -> bool {
        self.hold_as_own(metadata) || is_beside_a_bell(path)
    }

    /// Whether it is a file of this very history, by whatever name.
    pub fn hold_as_own(&self, metadata: &Metadata) -> bool {
        FileId::from_metadata(metadata).is_some_and(|id| self.own.contains(&id))
    }
}

/// Each history has a bell beside it from its first event on, and names all its files alike.
fn is_beside_a_bell(path: &Path) -> bool {
    let named = |suffix: &str| {
        let name = path.file_name()?.to_str()?.strip_suffix(suffix)?;
        (!name.is_empty()).then(|| path.with_file_name(name))
    };
    let is_history = |database: &Path| {
        let bell = Options::new(database).bell_path();
        database != bell && bell.is_file() && database.is_file()
    };
    let beside: Vec<PathBuf> = ["-wal", "-shm", "-journal"].into_iter().filter_map(named).collect();
    let named_by_stem = [".bell", ".spool"].into_iter().filter_map(named).flat_map(|stem| [with_suffix(&stem, ".db"), stem]);
    is_history(path) || beside.into_iter().chain(named_by_stem).any(|database| is_history(&database))
}
