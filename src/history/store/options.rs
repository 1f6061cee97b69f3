//! How a history is opened, the same for every handle of a process.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use crate::{
    aggregate::Budget,
    event::{Key, Recording, Time},
    price::Prices,
    text::Redactor,
};

use super::file;

/// The log is moved into the database every few megabytes, unless somebody reads all the while.
const LONG_LOG_BYTES: u64 = 32 << 20;

#[derive(Clone, Debug)]
pub struct Options {
    pub path: PathBuf,
    pub durability: Durability,
    pub redactor: Arc<Redactor>,
    /// What of a coder's work is recorded.
    pub recording: Recording,
    /// What calls cost of which nobody tells it.
    pub prices: Arc<Prices>,
    /// What may be spent before it is warned of.
    pub budget: Budget,
    pub clock: Clock,
    /// Where hooks may leave what they can write neither to the history nor beside it: `$XDG_RUNTIME_DIR`.
    pub runtime_folder: Option<PathBuf>,
    /// Where they leave it when that cannot be used, or there is none: everybody's `/tmp`, in a folder of the user's own.
    pub temporary_folder: Option<PathBuf>,
}

impl Options {
    pub fn new(path: impl Into<PathBuf>) -> Options {
        Options {
            path: path.into(),
            durability: Durability::Normal,
            redactor: Arc::default(),
            recording: Recording::default(),
            prices: Arc::default(),
            budget: Budget::default(),
            clock: Clock::default(),
            runtime_folder: None,
            temporary_folder: None,
        }
    }

    /// The file whose change tells other processes that something was committed.
    pub fn bell_path(&self) -> PathBuf {
        self.beside("bell")
    }

    /// Who keeps this history: the file that the keeper holds locked for as long as it lives, and what it says of itself.
    pub fn keeper_path(&self) -> PathBuf {
        self.beside("keeper")
    }

    /// What agents must know to export to the keeper.
    pub fn secret_path(&self) -> PathBuf {
        self.beside("secret")
    }

    /// What clients of MCP must know to come in over HTTP.
    pub fn token_path(&self) -> PathBuf {
        self.beside("token")
    }

    /// Where plugins write what happens, a file a process, for whoever has time to take it in.
    pub fn feed_path(&self) -> PathBuf {
        self.beside("feed")
    }

    fn spool_path(&self) -> PathBuf {
        self.beside("spool")
    }

    /// `history.bell` beside `history.db`; beside any other name one that no other history has.
    fn beside(&self, kind: &str) -> PathBuf {
        if self.path.extension().is_some_and(|extension| extension == "db") {
            self.path.with_extension(kind)
        } else {
            with_suffix(&self.path, &format!(".{kind}"))
        }
    }

    /// Where this history's files are, those that are there, its spool and its feed.
    pub(in crate::history) fn own_paths(&self) -> Vec<PathBuf> {
        let secrets = [self.secret_path(), self.token_path()];
        let beside = [self.bell_path(), self.keeper_path(), self.spool_path(), self.feed_path()].into_iter().chain(secrets);
        std::iter::once(self.path.clone()).chain(beside).chain(self.companions()).collect()
    }

    /// The folders where hooks leave what they could not write, the preferred one first.
    pub(in crate::history) fn spool_folders(&self) -> Vec<PathBuf> {
        let name = Key::id_of(&self.path.to_string_lossy());
        let runtime = self.runtime_folder.as_ref().map(|folder| folder.join("ai-coder-events"));
        let temporary = self.temporary_folder.as_ref().map(|folder| folder.join(format!("ai-coder-events-{}", file::user())));
        let elsewhere = runtime.into_iter().chain(temporary).map(|folder| folder.join(format!("{name}.spool")));
        std::iter::once(self.spool_path()).chain(elsewhere).collect()
    }

    /// What SQLite puts beside the database.
    pub(in crate::history) fn companions(&self) -> [PathBuf; 3] {
        [self.wal_path(), self.shared_memory_path(), with_suffix(&self.path, "-journal")]
    }

    /// Whether the log is longer than any that is moved into the database in time: who opens the history alone reads all of it.
    pub fn has_long_log(&self) -> bool {
        std::fs::metadata(self.wal_path()).is_ok_and(|log| log.len() > LONG_LOG_BYTES)
    }

    pub(in crate::history) fn wal_path(&self) -> PathBuf {
        with_suffix(&self.path, "-wal")
    }

    pub(in crate::history) fn shared_memory_path(&self) -> PathBuf {
        with_suffix(&self.path, "-shm")
    }
}

pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What an acknowledged event survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The death of any process.
    #[default]
    Normal,
    /// A power cut too, for an fsync a commit.
    Full,
}

/// Where the present comes from; tests bring their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Time + Send + Sync>);

impl Clock {
    pub fn new(now: impl Fn() -> Time + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    pub fn now(&self) -> Time {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new(|| SystemTime::now().into())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}
