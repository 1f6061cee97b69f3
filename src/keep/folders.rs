//! Watches the folders that living coders work in, and tells what changed there and no tool told: of whose it is
//! (`authors`), or that nobody knows.
//!
//! One thread decides for all folders; each has a watch of its own (`workspace`), however many coders share it. Nothing has
//! to be remembered: what a keeper before this one saw stands in the history.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    bus::{Begin, Bus, Handler},
    event::{Body, DataKey, Draft, Event, EventType, Family, Micros, Time},
    filter::{Filter, TypeSet},
    history::{Entry, Error, Options, Order, Query, Reader, Writer},
    workspace::{WatchBudget, WatchedTree, Workspace, WorkspaceNews},
};

use super::{
    Kept,
    authors::{Authors, SeenChange},
    held::{HeldChange, HeldChanges, about},
};

/// Folders that are watched at a time: each has a thread or two.
const WATCHED_MAX: usize = 16;
/// Of all of them together: some 15 MB.
const SUBFOLDERS_MAX: usize = 8_192;
const FILES_MAX: usize = 40_000;
/// Short, so that what two commands do one after the other is two changes.
const QUIET: Duration = Duration::from_millis(50);
/// A coder that nobody has heard of for so long is not watched until it is heard of again.
const ASLEEP: Micros = Time::HOUR;
/// Who has ended is remembered while what it changed may be held.
const REMEMBERED: Micros = 15 * Time::MINUTE;
/// How far back it is heard what happened just before the keeper began.
const BEFORE: Micros = 15 * Time::SECOND;
const BEFORE_EVENTS_MAX: usize = 500;
/// Coders of before that are looked at.
const CODERS_MAX: usize = 200;
/// Of a coder's events, oldest first: among these is the one that names its folder.
const EVENTS_MAX: usize = 50;
/// Between two looks at what is held, however much is heard.
const SETTLE_EVERY: Duration = Duration::from_millis(200);
/// Between two looks at who has fallen asleep.
const LOOK_EVERY: Duration = Duration::from_secs(60);

enum FolderMessage {
    Heard(Arc<Event>),
    News(PathBuf, WorkspaceNews),
    End,
}

/// The thread that decides.
pub(super) struct FolderWatch {
    messages: Sender<FolderMessage>,
    thread: Option<JoinHandle<()>>,
    watched: Arc<Mutex<Vec<PathBuf>>>,
    _hearing: Option<Handler>,
}

impl FolderWatch {
    /// Does nothing where that is not wanted.
    pub fn start(kept: &Kept, bus: &Bus) -> FolderWatch {
        let (messages, waiting) = mpsc::channel();
        let watched = Arc::default();
        if !kept.settings.watches_folders {
            return FolderWatch { messages, thread: None, watched, _hearing: None };
        }
        let mut folders = CoderFolders::new(kept, bus, messages.clone(), Arc::clone(&watched));
        let begin = folders.catch_up().inspect_err(|error| tracing::debug!("failed to look who is there: {error}"));
        let hear = messages.clone();
        let hearing = bus.handle(wanted(), begin.map_or(Begin::Now, Begin::After), move |event| {
            hear.send(FolderMessage::Heard(event)).unwrap_or_default();
        });
        let thread = thread::Builder::new().name("folders".into()).spawn(move || folders.run(&waiting));
        let thread = thread.inspect_err(|error| tracing::warn!("no folders are watched: {error}")).ok();
        FolderWatch { messages, thread, watched, _hearing: Some(hearing) }
    }

    /// The folders that are watched now.
    pub fn watched(&self) -> Vec<PathBuf> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells what is held, and ends.
    pub fn end(mut self) {
        self.messages.send(FolderMessage::End).unwrap_or_default();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that watches folders panicked");
        }
    }
}

struct CoderFolders {
    options: Options,
    reader: Reader,
    writer: Writer,
    bus: Bus,
    messages: Sender<FolderMessage>,
    watched: Arc<Mutex<Vec<PathBuf>>>,
    /// Which are not watched, and why.
    too_much: Vec<(PathBuf, &'static str)>,
    budget: Arc<WatchBudget>,
    authors: Authors,
    held: HeldChanges,
    folders: BTreeMap<PathBuf, WatchedFolder>,
    /// What happened since then is heard of.
    heard_since: Time,
    /// Up to this seq.
    heard: u64,
}

/// A folder that coders work in.
struct WatchedFolder {
    /// `None` where it cannot be watched, for the reason in `told`.
    workspace: Option<Workspace>,
    stands: bool,
    unwatched: Option<String>,
    /// Who was told that not all is seen here, and in which word.
    told: BTreeSet<(String, &'static str)>,
}

impl CoderFolders {
    fn new(kept: &Kept, bus: &Bus, messages: Sender<FolderMessage>, watched: Arc<Mutex<Vec<PathBuf>>>) -> CoderFolders {
        let temporary = kept.options.temporary_folder.clone();
        let too_much = [
            (kept.home.clone(), "the home folder"),
            (temporary, "the folder of temporary files"),
            (Some(PathBuf::from("/tmp")), "the folder of temporary files"),
        ];
        let too_much = too_much.into_iter().filter_map(|(folder, name)| Some((placed(&folder?), name))).collect();
        CoderFolders {
            options: kept.options.clone(),
            reader: Reader::new(&kept.options),
            writer: Writer::new(&kept.options),
            bus: bus.clone(),
            messages,
            watched,
            too_much,
            budget: WatchBudget::new(SUBFOLDERS_MAX, FILES_MAX),
            authors: Authors::default(),
            held: HeldChanges::default(),
            folders: BTreeMap::new(),
            heard_since: SystemTime::now().into(),
            heard: 0,
        }
    }

    /// Who is there already. What happened just now is to be heard once more: after which seq.
    fn catch_up(&mut self) -> Result<u64, Error> {
        let now = self.now();
        let page = self.reader.page(&Query { limit: BEFORE_EVENTS_MAX, ..Query::default() })?;
        let lately = |event: &&Event| now.since(event.received_at) < BEFORE;
        let first = page.events.iter().take_while(lately).last();
        self.heard_since = first.map_or(now, |event| event.received_at);
        let begin = first.map_or(page.position.head, |event| event.seq.saturating_sub(1));
        for coder in self.reader.unfinished(CODERS_MAX)? {
            self.look_up(&coder)?;
        }
        Ok(begin)
    }

    fn run(mut self, waiting: &Receiver<FolderMessage>) {
        self.watch_those_worked_in(self.heard_since);
        let (mut settled, mut looked) = (Instant::now(), Instant::now());
        loop {
            let message = match self.pause(settled) {
                Some(pause) => waiting.recv_timeout(pause),
                None => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(FolderMessage::Heard(event)) => self.hear(&event),
                Ok(FolderMessage::News(root, news)) => self.take(root, news),
                Ok(FolderMessage::End) | Err(RecvTimeoutError::Disconnected) => return self.end(waiting),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if settled.elapsed() >= SETTLE_EVERY {
                settled = Instant::now();
                self.settle(false);
            }
            if looked.elapsed() >= LOOK_EVERY {
                looked = Instant::now();
                self.forget_who_left();
                self.watch_those_worked_in(self.now());
            }
        }
    }

    /// Nobody is waited for where nothing is watched and nothing is held.
    fn pause(&self, settled: Instant) -> Option<Duration> {
        let now = self.now();
        let look = (!self.folders.is_empty()).then_some(LOOK_EVERY);
        let micros = |next: Time| Duration::from_micros(u64::try_from(next.since(now)).unwrap_or(0));
        let settle = self.held.next_look(now).map(micros);
        look.into_iter().chain(settle).min().map(|pause| pause.max(SETTLE_EVERY.saturating_sub(settled.elapsed())))
    }

    /// The clock that events and files have.
    fn now(&self) -> Time {
        SystemTime::now().into()
    }

    fn hear(&mut self, event: &Event) {
        let is_new = !self.authors.knows(&event.coder_id);
        if is_new && let Err(error) = self.look_up(&event.coder_id) {
            tracing::debug!("failed to look where `{}` works: {error}", event.coder_id);
        }
        self.note(event);
        if is_new || matches!(event.kind.family(), Family::Lifecycle) || event.kind == EventType::WorkspaceSync {
            let now = self.now();
            let is_fresh = now.since(event.timestamp) < BEFORE;
            self.watch_those_worked_in(if is_fresh { event.timestamp.max(self.heard_since) } else { now });
        }
    }

    /// What is known of a coder from before it was heard of.
    fn look_up(&mut self, coder_id: &str) -> Result<(), Error> {
        let types = TypeSet::family(Family::Lifecycle).with(EventType::WorkspaceSync);
        let filter = Filter { types: Some(types), ..Filter::coder(coder_id) };
        let page = self.reader.page(&Query { filter, order: Order::Oldest, limit: EVENTS_MAX, ..Query::default() })?;
        page.events.iter().for_each(|event| self.note(event));
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        self.heard = self.heard.max(event.seq);
        let place = match &event.body {
            Body::Workspace(fields) => fields.file_path.as_deref().map(|path| {
                let folder = self.authors.folders(&event.coder_id).last().cloned().unwrap_or_default();
                place_of(&folder.join(path))
            }),
            _ => None,
        };
        self.authors.hear(event, place, |folder| placed(Path::new(folder)));
    }

    /// Of what follows: begins to watch where somebody works now, telling also what changed `since`, and ends where nobody does.
    fn watch_those_worked_in(&mut self, since: Time) {
        let now = self.now();
        let is_there = |heard_at: Time, has_ended: bool| !has_ended && now.since(heard_at) < ASLEEP;
        let there = self.authors.coders().filter(|(_, work)| is_there(work.heard_at, work.has_ended));
        let wanted: BTreeSet<PathBuf> = there.flat_map(|(_, work)| work.folders.iter().cloned()).collect();
        for (_, left) in self.folders.extract_if(.., |folder, _| !wanted.contains(folder)) {
            left.workspace.iter().for_each(Workspace::end);
        }
        for folder in wanted {
            if !self.folders.contains_key(&folder) && folder.is_dir() {
                self.watch(&folder, since);
            }
            self.tell_unwatched(&folder);
        }
        self.show_watched();
    }

    fn show_watched(&self) {
        let watched = self.folders.iter().filter(|(_, it)| it.stands && it.workspace.is_some());
        let watched = watched.map(|(folder, _)| folder.clone()).collect();
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }

    fn watch(&mut self, folder: &Path, since: Time) {
        let unwatched = self.reason_against(folder);
        let workspace = unwatched.is_none().then(|| {
            let (root, messages) = (folder.to_owned(), self.messages.clone());
            let reporter = Arc::new(move |news| messages.send(FolderMessage::News(root.clone(), news)).unwrap_or_default());
            let since = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(since.micros()).unwrap_or(0));
            let (root, history, budget) = (folder.to_owned(), Some(self.options.clone()), Arc::clone(&self.budget));
            Workspace::watch(WatchedTree { root, history, budget, since, quiet: QUIET }, reporter)
        });
        self.folders.insert(folder.to_owned(), WatchedFolder { workspace, stands: false, unwatched, told: BTreeSet::new() });
    }

    fn reason_against(&self, folder: &Path) -> Option<String> {
        let holds = |inner: &Path| inner.starts_with(folder);
        if let Some((_, name)) = self.too_much.iter().find(|(inner, _)| holds(inner)) {
            return Some(format!("{name} is not watched as a whole: what commands change here is not known"));
        }
        let count = self.folders.values().filter(|it| it.workspace.is_some()).count();
        (count >= WATCHED_MAX).then(|| format!("coders work in more than {WATCHED_MAX} folders: the files here are not watched"))
    }

    fn take(&mut self, root: PathBuf, news: WorkspaceNews) {
        match news {
            WorkspaceNews::Stands => {
                if let Some(folder) = self.folders.get_mut(&root) {
                    folder.stands = true;
                    self.show_watched();
                }
            }
            WorkspaceNews::Changed { path, change, at, is_dated } => {
                let seen = SeenChange { place: place_of(&path), root, at: at.into(), is_dated };
                self.held.hold(HeldChange { seen, change });
            }
            WorkspaceNews::Sync("unwatched", reason) => {
                if let Some(folder) = self.folders.get_mut(&root) {
                    (folder.workspace, folder.unwatched) = (None, Some(reason));
                    self.tell_unwatched(&root);
                }
            }
            WorkspaceNews::Sync(operation, reason) => self.tell_of_folder(&root, operation, &reason),
        }
    }

    fn tell_unwatched(&mut self, folder: &Path) {
        let reason = self.folders.get(folder).and_then(|folder| folder.unwatched.clone());
        reason.into_iter().for_each(|reason| self.tell_of_folder(folder, "unwatched", &reason));
    }

    /// Once to each coder that works there.
    fn tell_of_folder(&mut self, root: &Path, operation: &'static str, reason: &str) {
        let now = self.now();
        let Some(folder) = self.folders.get_mut(root) else { return };
        let works_there = self.authors.coders().filter(|(_, work)| !work.has_ended && work.folders.iter().any(|it| it == root));
        let untold = works_there.filter(|(coder, _)| folder.told.insert(((*coder).to_owned(), operation)));
        let drafts = untold.map(|(coder, _)| {
            let draft = about(coder, EventType::WorkspaceSync, operation, root, now);
            draft.with(DataKey::Reason, reason)
        });
        let drafts = drafts.collect();
        self.record(drafts);
    }

    fn settle(&mut self, is_last: bool) {
        let drafts = self.held.settle(&self.authors, self.now(), is_last);
        self.record(drafts);
    }

    fn record(&mut self, drafts: Vec<Draft>) {
        if drafts.is_empty() {
            return;
        }
        if let Err(lost) = self.writer.append_or_spool(drafts.into_iter().map(Entry::from).collect(), |_| {}) {
            tracing::warn!("what changed in coders' folders is lost: {}", lost.source);
        }
        self.bus.poke();
    }

    fn forget_who_left(&mut self) {
        let now = self.now();
        let is_over = |heard_at: Time, has_ended: bool| has_ended && now.since(heard_at) > REMEMBERED;
        let over = self.authors.coders().filter(|(_, work)| is_over(work.heard_at, work.has_ended));
        let over: Vec<String> = over.map(|(coder, _)| coder.to_owned()).collect();
        over.iter().for_each(|coder| self.authors.forget(coder));
    }

    /// The last changes are seen, and what is held is told as far as it is known.
    fn end(mut self, waiting: &Receiver<FolderMessage>) {
        self.folders.values().filter_map(|folder| folder.workspace.as_ref()).for_each(Workspace::end);
        let watches: Vec<Workspace> = self.folders.values_mut().filter_map(|folder| folder.workspace.take()).collect();
        watches.into_iter().for_each(Workspace::finish);
        while let Ok(message) = waiting.try_recv() {
            match message {
                FolderMessage::Heard(event) => self.note(&event),
                FolderMessage::News(root, news) => self.take(root, news),
                FolderMessage::End => {}
            }
        }
        if let Err(error) = self.hear_rest() {
            tracing::debug!("failed to read what happened last: {error}");
        }
        self.settle(true);
    }

    /// What is in the history, and on its way here.
    fn hear_rest(&mut self) -> Result<(), Error> {
        loop {
            let batch = self.reader.after(self.heard, &wanted(), EVENTS_MAX)?;
            batch.events.iter().for_each(|event| self.note(event));
            if batch.events.is_empty() {
                return Ok(());
            }
        }
    }
}

/// What tells anything of who changed what.
fn wanted() -> Filter {
    let types = Some(TypeSet::all_but(&[EventType::Output, EventType::ResourceUsage]));
    Filter { types, ..Filter::default() }
}

/// The same for a folder by whatever way it is named.
fn placed(folder: &Path) -> PathBuf {
    fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}

/// The same for a file, which may be gone: the link itself, not where it leads.
fn place_of(path: &Path) -> PathBuf {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => placed(folder).join(name),
        _ => path.to_owned(),
    }
}
