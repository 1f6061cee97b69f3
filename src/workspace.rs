//! What becomes of the files below a folder: created, modified, deleted, as git would see them.
//!
//! Watches folder by folder, so that what `.gitignore` names costs nothing. A change is told once the file has been quiet for
//! a moment: an editor's save is one event. All of it happens on a thread of its own; a tree that is too large to watch is
//! said to be so, once.

mod budget;
mod known_files;
mod tree;

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use uuid::Uuid;

use crate::{
    history,
    text::with_causes,
    watch_path::{Folders, Seen, watch_folders},
};

pub use self::{
    budget::WatchBudget,
    known_files::{FileContent, WorkspaceChange},
};
use self::{
    known_files::KnownFiles,
    tree::{Limit, Tree},
};

/// Where something always happens to a file, it is told this long after its first change.
const RESTLESS: Duration = Duration::from_secs(2);
/// How often quiet files are looked for.
const LOOKING: Duration = Duration::from_millis(50);
/// A look is followed by a pause of this many times what it took.
const PAUSE_FOR_LOOK: u32 = 9;
/// At the end, how long the last changes may take to be heard of,
const LAST: Duration = Duration::from_millis(200);
/// and then to be told: some thousand files. How many are left is told too.
const TELLING: Duration = Duration::from_secs(1);
/// Changes that may wait for the thread; after more it looks at the whole tree.
const WAITING_MAX: usize = 4096;

/// A change that was noticed this much later than the file says it happened was another one: the file was moved here.
const NOTICING: Duration = Duration::from_secs(2);

enum WorkspaceMessage {
    /// And when.
    Seen(Seen, SystemTime),
    End,
}

/// What the watch has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkspaceNews {
    /// The whole tree is watched. What became of it before is known by the files' own times.
    Stands,
    Changed {
        path: PathBuf,
        change: WorkspaceChange,
        at: SystemTime,
        /// The file itself says when; else that is when it was noticed.
        is_dated: bool,
    },
    /// Not all that became of the files is told one by one: in a word, and why.
    Sync(&'static str, String),
}

/// What is watched, and how.
#[derive(Debug)]
pub struct WatchedTree {
    pub root: PathBuf,
    /// Whose files are left alone.
    pub history: Option<history::Options>,
    pub budget: Arc<WatchBudget>,
    /// Which files are younger is told, too.
    pub since: SystemTime,
    /// A file is told once nothing happened to it for this long.
    pub quiet: Duration,
}

/// Told on the watch's own thread.
pub type Reporter = Arc<dyn Fn(WorkspaceNews) + Send + Sync>;

pub struct Workspace {
    reporter: Reporter,
    notes: SyncSender<WorkspaceMessage>,
    ending: Arc<WatchEnding>,
    thread: Option<JoinHandle<()>>,
}

/// The command has ended.
#[derive(Default)]
struct WatchEnding {
    is_asked_for: AtomicBool,
    /// By the thread, which then says itself what it does not tell.
    is_heard_of: AtomicBool,
}

impl Workspace {
    /// Returns at once.
    pub fn watch(watched: WatchedTree, reporter: Reporter) -> Workspace {
        let (notes, seen) = mpsc::sync_channel(WAITING_MAX);
        let telling = notes.clone();
        let ending = Arc::<WatchEnding>::default();
        let WatchedTree { root, history, budget, since, quiet } = watched;
        let tree = Tree::new(root, history, budget);
        let to_tell = (Arc::clone(&reporter), Arc::clone(&ending));
        let thread = thread::Builder::new().name("workspace".into()).spawn(move || {
            let (reporter, ending) = to_tell;
            let Some(mut watching) = Watching::start(tree, quiet, reporter, ending, telling) else { return };
            watching.look_everywhere(Some(since));
            watching.stand();
            watching.run(&seen);
        });
        if let Err(error) = &thread {
            tracing::warn!("files are not watched: failed to start a thread: {error}");
        }
        Workspace { reporter, notes, ending, thread: thread.ok() }
    }

    /// Takes in the last changes and ends, in its own time.
    pub fn end(&self) {
        self.ending.is_asked_for.store(true, Ordering::Release);
        // Where the queue is full, it is awake.
        drop(self.notes.try_send(WorkspaceMessage::End));
    }

    /// The same, and waits for it.
    pub fn finish(self) {
        self.end();
        let Some(thread) = self.thread else { return };
        let asked = Instant::now();
        let is_heard_of = || self.ending.is_heard_of.load(Ordering::Acquire);
        let patience = || if is_heard_of() { 3 * LAST + TELLING } else { 2 * LAST };
        while !thread.is_finished() && asked.elapsed() < patience() {
            thread::sleep(Duration::from_millis(1));
        }
        if !thread.is_finished() {
            let reason = "the files were still being looked through when the command ended: not all that became of them is told";
            (self.reporter)(WorkspaceNews::Sync("unfinished", reason.to_owned()));
        }
    }
}

/// When a path that is not told yet changed first and last.
struct Restless {
    first: Instant,
    last: Instant,
    /// The last change, on the clock that files have.
    noticed: SystemTime,
}

struct Watching {
    tree: Tree,
    quiet: Duration,
    folders: Folders,
    known_files: KnownFiles,
    reporter: Reporter,
    restless: BTreeMap<PathBuf, Restless>,
    /// Folders that came, and may have to be watched.
    new_folders: Vec<PathBuf>,
    /// When the tree may be asked again. Each time it lists the folders that something changed in, however many files they have: a
    /// folder that grows by thousands would be listed for each few of them.
    next_look: Instant,
    /// The tree is too large, or cannot be watched.
    given_up: bool,
    ending: Arc<WatchEnding>,
    /// Once the command has ended, when the rest is only counted.
    until: Option<Instant>,
    untold: usize,
}

impl Watching {
    fn start(
        tree: Tree,
        quiet: Duration,
        reporter: Reporter,
        ending: Arc<WatchEnding>,
        notes: SyncSender<WorkspaceMessage>,
    ) -> Option<Watching> {
        let overflow = AtomicBool::new(false);
        let on_seen = move |seen| {
            // The first that fits after a full queue says that something is missing.
            let seen = if overflow.swap(false, Ordering::Relaxed) { Seen::Overflow } else { seen };
            if let Err(TrySendError::Full(_)) = notes.try_send(WorkspaceMessage::Seen(seen, SystemTime::now())) {
                overflow.store(true, Ordering::Relaxed);
            }
        };
        match watch_folders(on_seen) {
            Ok(folders) => Some(Watching {
                tree,
                quiet,
                folders,
                known_files: KnownFiles::default(),
                reporter,
                restless: BTreeMap::new(),
                new_folders: Vec::new(),
                next_look: Instant::now(),
                given_up: false,
                ending,
                until: None,
                untold: 0,
            }),
            Err(error) => {
                reporter(WorkspaceNews::Sync("unwatched", format!("files are not watched: {}", with_causes(&error))));
                None
            }
        }
    }

    fn stand(&self) {
        if !self.given_up {
            (self.reporter)(WorkspaceNews::Stands);
        }
    }

    fn run(&mut self, notes: &Receiver<WorkspaceMessage>) {
        while !self.given_up {
            let note = if self.restless.is_empty() {
                notes.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                notes.recv_timeout(LOOKING)
            };
            match note {
                Ok(WorkspaceMessage::Seen(seen, at)) => self.take(seen, at, notes),
                Ok(WorkspaceMessage::End) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.is_ending() {
                self.take_last(notes);
                return;
            }
            let began = Instant::now();
            if began < self.next_look {
                continue;
            }
            let quiet = self.quiet;
            self.enter_new_folders();
            self.settle(|restless, now| {
                now.duration_since(restless.last) >= quiet || now.duration_since(restless.first) >= RESTLESS
            });
            self.next_look = Instant::now() + began.elapsed() * PAUSE_FOR_LOOK;
        }
    }

    /// The system tells in order: once it tells of a file of ours, it has told of everything before.
    fn take_last(&mut self, notes: &Receiver<WorkspaceMessage>) {
        let sentinel = Sentinel::in_folder_watched_by(&mut self.folders);
        let deadline = Instant::now() + LAST;
        let mut has_heard_all = false;
        while !has_heard_all
            && let Some(left) = deadline.checked_duration_since(Instant::now())
            && let Ok(note) = notes.recv_timeout(left)
        {
            match note {
                WorkspaceMessage::Seen(Seen::Paths(paths), _) if sentinel.as_ref().is_some_and(|it| it.is_among(&paths)) => {
                    has_heard_all = true;
                }
                WorkspaceMessage::Seen(seen, at) => self.take(seen, at, notes),
                WorkspaceMessage::End => {}
            }
        }
        if !has_heard_all {
            notes.try_iter().for_each(drop);
            self.look_everywhere(None);
        }
        self.enter_new_folders();
        self.settle(|_, _| true);
        if self.untold > 0 {
            let reason = format!("{} more changes are not told one by one: the command has ended", self.untold);
            self.tell_of_sync("unfinished", reason);
        }
    }

    /// Whether the command has ended; from the first time on what is left to tell has its time.
    fn is_ending(&mut self) -> bool {
        if self.until.is_none() && self.ending.is_asked_for.load(Ordering::Acquire) {
            self.ending.is_heard_of.store(true, Ordering::Release);
            self.until = Some(Instant::now() + LAST + TELLING);
        }
        self.until.is_some()
    }

    fn is_late(&mut self) -> bool {
        self.is_ending() && self.until.is_some_and(|until| until <= Instant::now())
    }

    fn take(&mut self, seen: Seen, at: SystemTime, notes: &Receiver<WorkspaceMessage>) {
        match seen {
            Seen::Overflow => {
                let reason = "more changed at once than the system could tell; the files were looked through instead";
                self.tell_of_sync("rescan", reason.to_owned());
                // What waits was seen before this look.
                notes.try_iter().for_each(drop);
                self.look_everywhere(None);
            }
            Seen::Paths(paths) => {
                for path in paths {
                    if path.is_dir() {
                        self.new_folders.push(path.clone());
                    }
                    self.note(path, at);
                }
            }
        }
    }

    /// What is in a new folder already, its watch will never tell.
    fn enter_new_folders(&mut self) {
        let new = std::mem::take(&mut self.new_folders);
        for folder in self.tree.held(new) {
            self.look_into(&folder, None);
        }
    }

    fn note(&mut self, path: PathBuf, noticed: SystemTime) {
        let last = Instant::now();
        let first = self.restless.get(&path).map_or(last, |restless| restless.first);
        self.restless.insert(path, Restless { first, last, noticed });
    }

    /// What a look finds may have been noticed before.
    fn find(&mut self, path: PathBuf, at: Option<SystemTime>) {
        let noticed = self.restless.get(&path).map(|restless| restless.noticed);
        self.note(path, noticed.or(at).unwrap_or_else(SystemTime::now));
    }

    /// At the beginning, `since` the command's start; later, for whatever differs from what is known.
    fn look_everywhere(&mut self, since: Option<SystemTime>) {
        let root = self.tree.root().to_owned();
        self.look_into(&root, since);
        for path in self.known_files.paths_below(&root) {
            if fs::symlink_metadata(&path).is_err() {
                self.find(path, None);
            }
        }
    }

    fn look_into(&mut self, folder: &Path, since: Option<SystemTime>) {
        let mut changed = Vec::new();
        let looked = self.tree.look_into(folder, &mut self.folders, |path, metadata| {
            if self.known_files.find(path, metadata, since) {
                // What happened before anybody looked, only the file tells when.
                changed.push((path.to_owned(), since.and_then(|_| changed_at(metadata))));
            }
            self.known_files.len()
        });
        changed.into_iter().for_each(|(path, at)| self.find(path, at));
        if let Err(limit) = looked {
            self.give_up(&limit);
        }
    }

    fn give_up(&mut self, limit: &Limit) {
        self.tell_of_sync("unwatched", limit.to_string());
        self.given_up = true;
        self.restless.clear();
    }

    /// Tells of what is due.
    fn settle(&mut self, is_due: impl Fn(&Restless, Instant) -> bool) {
        let now = Instant::now();
        let due: BTreeMap<PathBuf, Restless> = self.restless.extract_if(.., |_, restless| is_due(restless, now)).collect();
        for path in self.tree.held(due.keys().cloned().collect()) {
            if self.is_late() {
                self.untold += 1;
                continue;
            }
            let noticed = due.get(&path).map_or_else(SystemTime::now, |restless| restless.noticed);
            for (path, change) in self.known_files.compare(&path) {
                let dated = dated(&path, noticed);
                let (at, is_dated) = (dated.unwrap_or(noticed), dated.is_some());
                (self.reporter)(WorkspaceNews::Changed { path, change, at, is_dated });
            }
        }
    }

    fn tell_of_sync(&self, operation: &'static str, reason: String) {
        (self.reporter)(WorkspaceNews::Sync(operation, reason));
    }
}

/// When what was `noticed` happened to `path`, as the file says; of one that is gone, its folder.
fn dated(path: &Path, noticed: SystemTime) -> Option<SystemTime> {
    let told = fs::symlink_metadata(path).or_else(|_| fs::symlink_metadata(path.parent().unwrap_or(path)));
    let told = told.ok().as_ref().and_then(changed_at);
    told.filter(|told| noticed.duration_since(*told).is_ok_and(|late| late <= NOTICING))
}

/// When anything last happened to the file, which no program can set.
fn changed_at(metadata: &Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let nanos = u32::try_from(metadata.ctime_nsec()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(u64::try_from(metadata.ctime()).ok()?, nanos))
}

/// A file of ours in a folder of its own, away from the workspace.
struct Sentinel {
    folder: PathBuf,
    file: PathBuf,
}

impl Sentinel {
    fn in_folder_watched_by(folders: &mut Folders) -> Option<Sentinel> {
        let folder = std::env::temp_dir().join(format!("ai-coder-events-{}", Uuid::new_v4().simple()));
        let sentinel = Sentinel { file: folder.join("end"), folder };
        fs::create_dir(&sentinel.folder).ok()?;
        folders.add(&sentinel.folder).ok()?;
        fs::write(&sentinel.file, "").ok()?;
        Some(sentinel)
    }

    fn is_among(&self, paths: &[PathBuf]) -> bool {
        paths.contains(&self.file)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::debug!("`{}` stays behind: {error}", self.folder.display());
        }
    }
}
