//! Records as they grow: new lines, new files, files that begin anew.
//!
//! Every file is looked at now and then, because no watch is told of everything; the few that grew last are watched too, so
//! that what happens now is seen now. Whoever has more to do than one tail, as the keeper has, calls its looks itself.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    history::Options,
    source::Agent,
    watch_path::{self, PathWatch},
};

use super::{
    Error, Found, ImportSummary, Intake, RecordFile, TailControl, find,
    place_watch::PlaceWatch,
    places::{FileStamp, found_at},
    record::LastLine,
};

/// Between two looks at every file: how late shows what no watch tells of.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Each watch costs a thread; more agents than this rarely work at once on one machine.
const WATCHES_MAX: usize = 8;
/// Agents write what belongs together within moments: after this what is open is told as it stands.
const QUIET: Duration = Duration::from_secs(5);
/// What a file's lines said is forgotten after this; should it grow again, it is read again.
const ASLEEP: Duration = Duration::from_secs(3600);

/// Follows an agent's records: until its control is stopped, or by looks that are asked for.
pub struct RecordsTail {
    agent: Agent,
    places: Vec<PathBuf>,
    control: TailControl,
    intake: Intake,
    files: HashMap<PathBuf, Followed>,
    watches: HashMap<PathBuf, PathWatch>,
}

struct Followed {
    stamp: FileStamp,
    /// `None` while it is asleep.
    record: Option<RecordFile>,
}

impl RecordsTail {
    /// # Errors
    /// Where the history cannot be read.
    pub fn new(agent: Agent, options: &Options, places: Vec<PathBuf>, control: TailControl) -> Result<RecordsTail, Error> {
        let intake = Intake::new(agent, options, control.clone())?;
        Ok(RecordsTail { agent, places, control, intake, files: HashMap::new(), watches: HashMap::new() })
    }

    /// Imports what is there by now; `progress` is told of bytes as they are read.
    ///
    /// # Errors
    /// Where the history cannot be written.
    pub fn catch_up(&mut self, progress: &mut dyn FnMut(u64)) -> Result<ImportSummary, Error> {
        let found = self.found();
        self.look_at_all(found, progress)?;
        Ok(self.summary())
    }

    /// What came of it so far.
    pub fn summary(&self) -> ImportSummary {
        ImportSummary { files: self.files.len() as u64, ..self.intake.summary.clone() }
    }

    /// Follows `place`, a file or a folder, from the next look on; it need not be there yet.
    pub fn add(&mut self, place: PathBuf) {
        if !self.places.contains(&place) {
            self.places.push(place);
        }
    }

    /// Follows `place` no longer.
    pub fn remove(&mut self, place: &Path) {
        self.places.retain(|followed| followed != place);
        self.files.retain(|path, _| !path.starts_with(place));
        self.watches.retain(|path, _| !path.starts_with(place));
    }

    /// Looks at every file of every place.
    pub fn look(&mut self) {
        let taken = self.look_again();
        self.rewatch();
        self.forget_unless(taken);
    }

    /// Looks at the few that grew last.
    pub fn glance(&mut self) {
        let taken = self.look_at_watched();
        self.forget_unless(taken);
    }

    /// Reads what lies in `place` to its end, and tells what that leaves open as it stands. Whether all of it is written down.
    pub fn read_to_end(&mut self, place: &Path) -> bool {
        let found = find(self.agent, &[place.to_owned()]).unwrap_or_default();
        let read = self.look_at_all(found, &mut |_| {}).and_then(|()| self.end_open(place));
        let is_read = read.is_ok();
        self.forget_unless(read);
        is_read
    }

    /// The files that are there.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Returns when the control is stopped. A history that cannot be written now is tried again with the next look.
    pub fn run(&mut self) {
        let mut looked_at = Instant::now();
        let watch = PlaceWatch::start(&self.places, self.control.clone());
        let mut watch = watch.inspect_err(|error| tracing::warn!("new sessions show with the next look: {error}")).ok();
        self.refresh(&mut watch);
        while !self.control.is_stopped() {
            self.control.wait(LOOK_EVERY.saturating_sub(looked_at.elapsed()));
            let changes = watch.as_ref().map(PlaceWatch::changes).unwrap_or_default();
            if changes.look_everywhere || looked_at.elapsed() >= LOOK_EVERY {
                looked_at = Instant::now();
                self.refresh(&mut watch);
                self.look();
            } else {
                let found = changes.files.iter().filter_map(|path| found_at(self.agent, path)).collect();
                let taken = self.look_at_all(found, &mut |_| {});
                self.forget_unless(taken);
                self.glance();
            }
        }
        let ended = self.end_open(Path::new(""));
        self.forget_unless(ended);
    }

    /// What was read and not written is read again: whatever was written of it adds nothing.
    fn forget_unless(&mut self, taken: Result<(), Error>) {
        if let Err(error) = taken {
            tracing::warn!(error = &error as &dyn std::error::Error, "trying again");
            self.files.clear();
        }
    }

    fn refresh(&self, watch: &mut Option<PlaceWatch>) {
        if let Some(watch) = watch {
            watch.refresh(&self.places);
        }
    }

    /// A place that is not there, or is gone, may come.
    fn found(&self) -> Vec<Found> {
        let mut found = Vec::new();
        for place in &self.places {
            match find(self.agent, std::slice::from_ref(place)) {
                Ok(more) => found.extend(more),
                Err(error) => tracing::debug!("{error}"),
            }
        }
        found
    }

    fn look_again(&mut self) -> Result<(), Error> {
        let found = self.found();
        let there: HashSet<&Path> = found.iter().map(|found| found.path.as_path()).collect();
        self.files.retain(|path, _| there.contains(path.as_path()));
        self.look_at_all(found, &mut |_| {})
    }

    fn look_at_all(&mut self, found: Vec<Found>, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
        let now = SystemTime::now();
        for found in found {
            if self.control.is_stopped() {
                break;
            }
            self.look_at(found, now, progress)?;
        }
        Ok(self.intake.flush()?)
    }

    fn look_at_watched(&mut self) -> Result<(), Error> {
        let watched: Vec<PathBuf> = self.watches.keys().cloned().collect();
        let there = |path: PathBuf| {
            let stamp = FileStamp::of(&fs::metadata(&path).ok()?);
            Some(Found { path, stamp })
        };
        self.look_at_all(watched.into_iter().filter_map(there).collect(), &mut |_| {})
    }

    fn look_at(&mut self, found: Found, now: SystemTime, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
        let before = self.files.remove(&found.path);
        if before.is_none() && self.intake.knows(&found)? {
            self.files.insert(found.path, Followed { stamp: found.stamp, record: None });
            self.intake.summary.unchanged += 1;
            return Ok(());
        }
        let Found { ref path, stamp } = found;
        let is_unchanged = before.as_ref().is_some_and(|before| before.stamp == stamp);
        let mut record = before.and_then(|before| before.record.filter(|_| before.stamp.is_same_file(&stamp)));
        if !is_unchanged {
            record = record.filter(|record| record.is_continued(&self.intake)).or_else(|| RecordFile::new(self.agent, path));
            if let Some(record) = &mut record {
                match record.read(&mut self.intake, LastLine::HeldBack, progress) {
                    // It went while it was looked at, or will be read another time.
                    Err(error @ Error::Unreadable { .. }) => {
                        tracing::debug!("{error}");
                        return Ok(());
                    }
                    read => read?,
                }
            }
        }
        // A file written in the future is quiet once it is in the past.
        let quiet = now.duration_since(stamp.modified).unwrap_or_default();
        if let Some(record) = record.as_mut().filter(|record| record.is_open() && quiet >= QUIET) {
            record.end(&mut self.intake)?;
            if record.is_read() {
                self.intake.has_read(&found);
            }
        }
        let record = record.filter(|_| quiet < ASLEEP);
        self.files.insert(found.path, Followed { stamp, record });
        Ok(())
    }

    fn end_open(&mut self, place: &Path) -> Result<(), Error> {
        let files = self.files.iter_mut().filter(|(path, _)| path.starts_with(place));
        for record in files.filter_map(|(_, file)| file.record.as_mut()).filter(|record| record.is_open()) {
            record.end(&mut self.intake)?;
        }
        Ok(self.intake.flush()?)
    }

    /// Watches those that grew last.
    fn rewatch(&mut self) {
        let mut awake: Vec<(&PathBuf, &Followed)> = self.files.iter().filter(|(_, file)| file.record.is_some()).collect();
        awake.sort_by_key(|(_, file)| std::cmp::Reverse(file.stamp.modified));
        awake.truncate(WATCHES_MAX);
        self.watches.retain(|path, watch| !watch.is_stale() && awake.iter().any(|(awake, _)| *awake == path));
        for (path, _) in awake {
            if self.watches.contains_key(path) {
                continue;
            }
            let control = self.control.clone();
            match watch_path::watch(path, move || control.ring()) {
                Ok(watch) => drop(self.watches.insert(path.clone(), watch)),
                Err(error) => tracing::debug!("{error}"),
            }
        }
    }
}
