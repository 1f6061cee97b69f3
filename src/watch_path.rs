//! "This path changed": tells when one file's content was written, or what changed in a set of folders, by whomever.
//!
//! It promises that reading a file never counts, and that a change is told at least once while the watch is fresh. It
//! refuses to know what is in the file. What the platform fails to tell, its user must notice by looking now and then.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};

/// Why a path cannot be watched: most often its folder does not exist yet, or the system's watches are used up.
#[derive(Debug, thiserror::Error)]
#[error("failed to watch `{path}`")]
pub struct Error {
    path: PathBuf,
    source: notify::Error,
}

/// A running watch; dropping it ends it.
pub struct PathWatch {
    stale: Arc<AtomicBool>,
    _watcher: RecommendedWatcher,
}

impl PathWatch {
    /// Whether a new watch would serve better: the file has appeared, was replaced, or is gone.
    pub fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }
}

/// Calls `on_change`, on a thread of the watcher, after the file's content changed. A file that does not exist yet is looked
/// for in its folder, which must exist; once it is there the watch is [stale](PathWatch::is_stale), because a watch on the file
/// alone is not disturbed by its neighbours.
///
/// # Errors
/// [`Error`] where neither the file nor its folder can be watched.
pub fn watch(path: &Path, on_change: impl Fn() + Send + 'static) -> Result<PathWatch, Error> {
    let stale = Arc::new(AtomicBool::new(false));
    let failed = |source| Error { path: path.to_owned(), source };
    let on_file = path.exists();
    let watched = if on_file { path } else { folder_of(path) };
    let name = path.file_name().map(OsString::from);
    let on_event = {
        let stale = Arc::clone(&stale);
        move |change: notify::Result<Event>| match concerns(change, name.as_deref()) {
            PathChange::None => {}
            PathChange::Content => {
                if !on_file {
                    stale.store(true, Ordering::Release);
                }
                on_change();
            }
            PathChange::Unknown => {
                stale.store(true, Ordering::Release);
                on_change();
            }
        }
    };
    let mut watcher = notify::recommended_watcher(on_event).map_err(failed)?;
    watcher.watch(watched, RecursiveMode::NonRecursive).map_err(failed)?;
    // It may have appeared between the question and the watch on its folder.
    stale.fetch_or(!on_file && path.exists(), Ordering::AcqRel);
    Ok(PathWatch { stale, _watcher: watcher })
}

/// What a watch of folders tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Something came, changed or went here.
    Paths(Vec<PathBuf>),
    /// More happened than the system could tell: look everywhere.
    Overflow,
}

/// A watch of folders, one by one: each tells of what lies directly in it. Dropping it ends them all.
pub struct Folders {
    watcher: RecommendedWatcher,
}

impl Folders {
    /// Watches `folder` too. One that goes away need not be taken out.
    ///
    /// # Errors
    /// [`Error`] where it is gone already, or the system's watches are used up.
    pub fn add(&mut self, folder: &Path) -> Result<(), Error> {
        let watching = self.watcher.watch(folder, RecursiveMode::NonRecursive);
        watching.map_err(|source| Error { path: folder.to_owned(), source })
    }
}

/// Calls `on_seen`, on a thread of the watcher, when something in a folder that was [added](Folders::add) came, went, or has
/// other content.
///
/// # Errors
/// [`Error`] where the system gives no watcher; it names no path then.
pub fn watch_folders(on_seen: impl Fn(Seen) + Send + 'static) -> Result<Folders, Error> {
    let on_event = move |change: notify::Result<Event>| match change {
        Ok(event) if event.need_rescan() => on_seen(Seen::Overflow),
        Ok(event) if is_of_content(event.kind) => on_seen(Seen::Paths(event.paths)),
        Ok(_) => {}
        Err(_) => on_seen(Seen::Overflow),
    };
    let watcher = notify::recommended_watcher(on_event).map_err(|source| Error { path: PathBuf::new(), source })?;
    Ok(Folders { watcher })
}

fn is_of_content(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)))
}

enum PathChange {
    None,
    Content,
    /// The file is another one now, or nobody can say what happened.
    Unknown,
}

fn concerns(change: notify::Result<Event>, name: Option<&std::ffi::OsStr>) -> PathChange {
    let Ok(event) = change else { return PathChange::Unknown };
    if event.need_rescan() {
        return PathChange::Unknown;
    }
    if !event.paths.iter().any(|path| path.file_name() == name) {
        return PathChange::None;
    }
    match event.kind {
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => PathChange::None,
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) => PathChange::Content,
        EventKind::Remove(_) | EventKind::Modify(_) | EventKind::Any | EventKind::Other => PathChange::Unknown,
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::Write,
        sync::mpsc::{self, Receiver},
        time::Duration,
    };

    use super::*;

    /// Long enough that only a lost change runs into it.
    const LIMIT: Duration = Duration::from_secs(10);

    fn watched(path: &Path) -> (PathWatch, Receiver<()>) {
        let (sender, changes) = mpsc::channel();
        let watch = watch(path, move || sender.send(()).unwrap_or_default()).expect("the folder exists");
        (watch, changes)
    }

    fn append(path: &Path) {
        let mut file = fs::OpenOptions::new().append(true).create(true).open(path).expect("opens");
        file.write_all(b"x").expect("writes");
    }

    #[test]
    fn a_write_is_told_and_a_read_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, beside) = (folder.path().join("bell"), folder.path().join("beside"));
        append(&path);
        append(&beside);
        let (watch, changes) = watched(&path);
        fs::read(&path).expect("reads");
        append(&beside);
        fs::metadata(&path).expect("there");
        append(&path);
        changes.recv_timeout(LIMIT).expect("the write is told");
        assert_eq!(changes.try_iter().count(), 0, "and nothing else");
        assert!(!watch.is_stale());
    }

    #[test]
    fn a_file_that_appears_is_told_and_asks_for_a_new_watch() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bell");
        let (watch, changes) = watched(&path);
        append(&folder.path().join("beside"));
        assert!(!watch.is_stale());
        append(&path);
        changes.recv_timeout(LIMIT).expect("its appearance is told");
        assert!(watch.is_stale());
    }

    #[test]
    fn a_file_that_goes_asks_for_a_new_watch() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bell");
        append(&path);
        let (watch, changes) = watched(&path);
        fs::remove_file(&path).expect("removes");
        changes.recv_timeout(LIMIT).expect("its end is told");
        assert!(watch.is_stale());
    }

    #[test]
    fn folders_tell_what_changed_in_them() {
        let root = tempfile::tempdir().expect("a folder");
        let (inside, below) = (root.path().join("inside"), root.path().join("inside/below"));
        fs::create_dir_all(&below).expect("folders");
        let (sender, seen) = mpsc::channel();
        let mut folders = watch_folders(move |it| sender.send(it).unwrap_or_default()).expect("a watcher");
        folders.add(&inside).expect("it exists");
        append(&root.path().join("outside"));
        append(&below.join("deeper"));
        append(&inside.join("file"));
        let first = seen.recv_timeout(LIMIT).expect("the new file is told");
        assert_eq!(first, Seen::Paths(vec![inside.join("file")]));
        assert!(folders.add(&root.path().join("missing")).is_err());
    }

    #[test]
    fn without_a_folder_there_is_no_watch() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("missing").join("bell");
        let error = watch(&path, || {}).err().expect("refused");
        assert_eq!(error.to_string(), format!("failed to watch `{}`", path.display()));
    }
}
