//! Follows the records that agents keep of their own sessions, for as long as those last and a moment longer.
//!
//! One thread reads for all agents. What changed since another read it is read from its beginning: records are known by their
//! keys, so nothing counts twice, and where the other stopped need not be remembered.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender, SyncSender, TryRecvError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    event::Event,
    history::Options,
    import::{self, RecordsTail, TailControl},
    source::Agent,
};

use super::{
    catch_up::left_to_read,
    records::{CoderRecords, is_end},
};

/// Between two looks at every file: how late one shows that no watch tells of.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Agents write up to a tenth of a second after the hook of their end (at most 0.1 s in 40 runs of five agents).
const LAST_LINES: Duration = Duration::from_millis(500);
/// And after that nobody has anything to say.
const FAREWELL: Duration = Duration::from_secs(10);
/// How long whoever tells a coder's end waits until its records are read.
const READING_MAX: Duration = Duration::from_secs(60);
/// Records that nobody has written to for so long are left alone until their coder is heard of again.
const ASLEEP: Duration = Duration::from_secs(3600);
/// As many as are told of in the status.
const FILES_TOLD_MAX: usize = 100;

enum FollowCommand {
    CatchUp,
    Heard(Arc<Event>),
    LastWords(Vec<String>, SyncSender<()>),
    End,
}

/// The thread that reads.
pub(super) struct RecordFollower {
    orders: FollowOrders,
    thread: Option<JoinHandle<()>>,
    files: Arc<Mutex<Vec<PathBuf>>>,
}

/// Tells the thread what there is to do.
#[derive(Clone)]
pub(super) struct FollowOrders {
    commands: Sender<FollowCommand>,
    control: TailControl,
}

impl FollowOrders {
    /// Begins with what was left to read: once whoever hears of coders' lives tells of them here.
    pub fn catch_up(&self) {
        self.send(FollowCommand::CatchUp);
    }

    /// Of something in a coder's life.
    pub fn hear(&self, event: Arc<Event>) {
        self.send(FollowCommand::Heard(event));
    }

    /// Returns when all that these coders left is read, also what they wrote in their last moment.
    pub fn hear_last_words(&self, coders: &[String]) {
        for pause in [LAST_LINES, Duration::ZERO] {
            let (done, read) = sync_channel(1);
            self.send(FollowCommand::LastWords(coders.to_vec(), done));
            if let Err(error) = read.recv_timeout(READING_MAX) {
                tracing::debug!("what they left is not read yet: {error}");
            }
            thread::sleep(pause);
        }
    }

    fn send(&self, command: FollowCommand) {
        if self.commands.send(command).is_ok() {
            self.control.ring();
        }
    }
}

impl RecordFollower {
    pub fn start(options: &Options, copilot_folder: Option<PathBuf>) -> RecordFollower {
        let (commands, waiting) = mpsc::channel();
        let control = TailControl::default();
        let files = Arc::default();
        let records = FollowedRecords {
            options: options.clone(),
            control: control.clone(),
            copilot_folder,
            tails: HashMap::new(),
            followed: HashMap::new(),
            files: Arc::clone(&files),
        };
        let thread = thread::Builder::new().name("follower".into()).spawn(move || records.run(&waiting));
        let thread = thread.inspect_err(|error| tracing::warn!("no records are followed: {error}")).ok();
        RecordFollower { orders: FollowOrders { commands, control }, thread, files }
    }

    pub fn orders(&self) -> &FollowOrders {
        &self.orders
    }

    /// The files that are followed now.
    pub fn files(&self) -> Vec<PathBuf> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads everything to its end, and ends.
    pub fn end(mut self) {
        self.orders.send(FollowCommand::End);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that follows records panicked");
        }
    }
}

struct FollowedRecords {
    options: Options,
    control: TailControl,
    copilot_folder: Option<PathBuf>,
    tails: HashMap<&'static str, RecordsTail>,
    followed: HashMap<String, FollowedCoder>,
    files: Arc<Mutex<Vec<PathBuf>>>,
}

struct FollowedCoder {
    records: CoderRecords,
    /// When it is read to its end: once soon after the coder's, and once more when it is left.
    ends: Vec<Instant>,
    is_asleep: bool,
}

impl FollowedRecords {
    fn run(mut self, waiting: &Receiver<FollowCommand>) {
        let mut looked_at: Option<Instant> = None;
        loop {
            loop {
                match waiting.try_recv() {
                    Ok(FollowCommand::CatchUp) => self.catch_up(),
                    Ok(FollowCommand::Heard(event)) => self.hear(&event),
                    Ok(FollowCommand::LastWords(coders, done)) => {
                        self.look_at_feeds();
                        self.read_to_end(|coder| coders.iter().any(|gone| gone == coder));
                        done.try_send(()).unwrap_or_default();
                    }
                    Ok(FollowCommand::End) | Err(TryRecvError::Disconnected) => {
                        self.look_at_feeds();
                        self.tails.values_mut().for_each(RecordsTail::look);
                        return self.read_to_end(|_| true);
                    }
                    Err(TryRecvError::Empty) => break,
                }
            }
            if looked_at.is_none_or(|looked_at| looked_at.elapsed() >= LOOK_EVERY) {
                looked_at = Some(Instant::now());
                self.look_at_feeds();
                self.tails.values_mut().for_each(RecordsTail::look);
                self.fall_asleep();
                self.tell_files();
            } else {
                self.tails.values_mut().for_each(RecordsTail::glance);
            }
            self.leave_those_due();
            self.control.wait(self.pause(looked_at));
        }
    }

    fn catch_up(&mut self) {
        for (records, has_ended) in left_to_read(&self.options, self.copilot_folder.as_deref()) {
            let coder = records.coder_id.clone();
            self.follow(records);
            if has_ended {
                self.leave_soon(&coder);
            }
        }
    }

    /// What plugins write is removed once it is read to its end.
    fn look_at_feeds(&mut self) {
        for (agent, feed) in import::feeds(&self.options) {
            let is_over = import::is_over(&feed);
            let Some(tail) = self.tail(agent) else { continue };
            tail.add(feed.clone());
            if is_over && tail.read_to_end(&feed) {
                tail.remove(&feed);
                import::remove_feed(&feed);
            }
        }
    }

    fn hear(&mut self, event: &Event) {
        if let Some(records) = CoderRecords::told_by(event, self.copilot_folder.as_deref()) {
            self.follow(records);
        } else if let Some(records) = self.followed.get(&event.coder_id).filter(|it| it.is_asleep).map(|it| it.records.clone()) {
            self.follow(records);
        }
        if is_end(event) {
            self.leave_soon(&event.coder_id);
        }
    }

    fn follow(&mut self, records: CoderRecords) {
        let Some(tail) = self.tail(records.agent) else { return };
        for place in &records.places {
            // A pipe would have its reader wait.
            if fs::metadata(place).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
                continue;
            }
            tail.add(place.clone());
        }
        tail.look();
        let coder = records.coder_id.clone();
        self.followed.insert(coder, FollowedCoder { records, ends: Vec::new(), is_asleep: false });
    }

    fn tail(&mut self, agent: Agent) -> Option<&mut RecordsTail> {
        if !self.tails.contains_key(agent.name()) {
            let tail = RecordsTail::new(agent, &self.options, Vec::new(), self.control.clone());
            let tail = tail.inspect_err(|error| tracing::debug!("no records of {agent} are followed: {error}")).ok()?;
            self.tails.insert(agent.name(), tail);
        }
        self.tails.get_mut(agent.name())
    }

    /// Its subagents leave with it.
    fn leave_soon(&mut self, coder_id: &str) {
        let now = Instant::now();
        let below = format!("{coder_id}/");
        for (id, followed) in &mut self.followed {
            if (id == coder_id || id.starts_with(&below)) && followed.ends.is_empty() {
                followed.ends = vec![now + FAREWELL, now + LAST_LINES];
            }
        }
    }

    fn leave_those_due(&mut self) {
        let now = Instant::now();
        let is_due = |followed: &FollowedCoder| followed.ends.last().is_some_and(|end| *end <= now);
        let due: Vec<String> = self.followed.iter().filter(|(_, it)| is_due(it)).map(|(coder, _)| coder.clone()).collect();
        for coder in due {
            self.read_to_end(|other| other == coder);
            let Some(followed) = self.followed.get_mut(&coder) else { continue };
            followed.ends.pop();
            if followed.ends.is_empty()
                && let Some(followed) = self.followed.remove(&coder)
            {
                self.forget(&followed.records);
            }
        }
    }

    fn read_to_end(&mut self, is_meant: impl Fn(&str) -> bool) {
        for (_, FollowedCoder { records, .. }) in self.followed.iter().filter(|(coder, _)| is_meant(coder)) {
            if let Some(tail) = self.tails.get_mut(records.agent.name()) {
                // What is not written down now is read again.
                records.places.iter().for_each(|place| {
                    tail.read_to_end(place);
                });
            }
        }
    }

    fn fall_asleep(&mut self) {
        let is_quiet = |place: &PathBuf| newest_change(place).is_none_or(|age| age > ASLEEP);
        let quiet: Vec<CoderRecords> = self
            .followed
            .values_mut()
            .filter(|followed| !followed.is_asleep && followed.records.places.iter().any(|place| place.exists()))
            .filter(|followed| followed.records.places.iter().all(is_quiet))
            .map(|followed| {
                followed.is_asleep = true;
                followed.records.clone()
            })
            .collect();
        for records in quiet {
            self.read_to_end(|coder| coder == records.coder_id);
            self.forget(&records);
        }
    }

    fn forget(&mut self, records: &CoderRecords) {
        if let Some(tail) = self.tails.get_mut(records.agent.name()) {
            records.places.iter().for_each(|place| tail.remove(place));
        }
    }

    fn tell_files(&self) {
        let mut files: Vec<PathBuf> = self.tails.values().flat_map(|tail| tail.files().map(Path::to_owned)).collect();
        files.sort();
        files.truncate(FILES_TOLD_MAX);
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = files;
    }

    /// Until the next look, or until somebody is to be left.
    fn pause(&self, looked_at: Option<Instant>) -> Duration {
        let now = Instant::now();
        let look = looked_at.map_or(now, |looked_at| looked_at + LOOK_EVERY);
        let ends = self.followed.values().filter_map(|followed| followed.ends.last().copied());
        ends.fold(look, Instant::min).saturating_duration_since(now)
    }
}

/// How long ago anything in `place` was written.
fn newest_change(place: &Path) -> Option<Duration> {
    let age = |metadata: fs::Metadata| metadata.modified().ok().map(|modified| modified.elapsed().unwrap_or_default());
    let metadata = fs::metadata(place).ok()?;
    if !metadata.is_dir() {
        return age(metadata);
    }
    let entries = fs::read_dir(place).ok()?;
    entries.filter_map(|entry| age(entry.ok()?.metadata().ok()?)).min()
}
