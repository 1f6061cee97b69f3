//! What changed in the folders where an agent keeps its records, as the system tells it: a new session shows at once.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::watch_path::{self, Folders, Seen, watch_folders};

use super::TailControl;

/// Folders that are watched; of others a look tells now and then. Agents keep a folder a project, or a day.
const FOLDERS_MAX: usize = 2_048;
/// As records are looked for.
const DEPTH_MAX: usize = 16;

pub(super) struct PlaceWatch {
    folders: Folders,
    watched: HashSet<PathBuf>,
    changes: Arc<Mutex<PlaceChanges>>,
}

/// What changed since it was asked for last.
#[derive(Debug, Default)]
pub(super) struct PlaceChanges {
    pub files: HashSet<PathBuf>,
    /// Folders came or went, or the system could not tell all.
    pub look_everywhere: bool,
}

impl PlaceWatch {
    /// Rings `control` when something changes.
    ///
    /// # Errors
    /// Where the system gives no watches.
    pub fn start(places: &[PathBuf], control: TailControl) -> Result<PlaceWatch, watch_path::Error> {
        let changes = Arc::<Mutex<PlaceChanges>>::default();
        let (noted, places) = (Arc::clone(&changes), places.to_owned());
        let folders = watch_folders(move |seen| {
            if lock(&noted).note(&places, seen) {
                control.ring();
            }
        })?;
        Ok(PlaceWatch { folders, watched: HashSet::new(), changes })
    }

    pub fn changes(&self) -> PlaceChanges {
        std::mem::take(&mut lock(&self.changes))
    }

    /// Watches what is there by now. A place that is not there yet shows in the nearest folder above it.
    pub fn refresh(&mut self, places: &[PathBuf]) {
        self.watched.retain(|folder| folder.is_dir());
        for place in places {
            match place.ancestors().find(|folder| folder.is_dir()) {
                Some(folder) if folder == place => self.watch_below(place, DEPTH_MAX),
                Some(folder) => self.watch(folder),
                None => {}
            }
        }
    }

    fn watch_below(&mut self, folder: &Path, depth_max: usize) {
        // What comes while its folders are looked for is told by the watch.
        self.watch(folder);
        let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            if depth_max > 0 && self.watched.len() < FOLDERS_MAX {
                self.watch_below(&entry.path(), depth_max - 1);
            }
        }
    }

    fn watch(&mut self, folder: &Path) {
        if self.watched.contains(folder) || self.watched.len() >= FOLDERS_MAX {
            return;
        }
        match self.folders.add(folder) {
            Ok(()) => drop(self.watched.insert(folder.to_owned())),
            Err(error) => tracing::debug!("{error}"),
        }
    }
}

impl PlaceChanges {
    /// Whether it is a change of a place, or of what is above one that is not there.
    fn note(&mut self, places: &[PathBuf], seen: Seen) -> bool {
        let Seen::Paths(paths) = seen else {
            self.look_everywhere = true;
            return true;
        };
        let mut concerns = false;
        for path in paths {
            let is_above = places.iter().any(|place| place.starts_with(&path));
            if !is_above && !places.iter().any(|place| path.starts_with(place)) {
                continue;
            }
            concerns = true;
            if is_above || !path.is_file() {
                self.look_everywhere = true;
            } else {
                self.files.insert(path);
            }
        }
        concerns
    }
}

fn lock(changes: &Mutex<PlaceChanges>) -> MutexGuard<'_, PlaceChanges> {
    changes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Long enough that only what is never told runs into it.
    const LIMIT: Duration = Duration::from_secs(10);

    struct Watched {
        place: PathBuf,
        control: TailControl,
        watch: PlaceWatch,
    }

    impl Watched {
        fn new(place: &Path) -> Watched {
            let control = TailControl::default();
            let watch = PlaceWatch::start(&[place.to_owned()], control.clone()).expect("a watcher");
            let mut watched = Watched { place: place.to_owned(), control, watch };
            watched.refresh();
            watched
        }

        fn refresh(&mut self) {
            self.watch.refresh(std::slice::from_ref(&self.place));
        }

        /// Waits until that is among what changed.
        fn tells(&mut self, is_it: impl Fn(&PlaceChanges) -> bool) {
            let deadline = Instant::now() + LIMIT;
            loop {
                self.control.wait(LIMIT);
                let changes = self.watch.changes();
                if is_it(&changes) {
                    return;
                }
                assert!(Instant::now() < deadline, "it is not told");
            }
        }
    }

    #[test]
    fn a_place_that_comes_shows_and_so_does_what_comes_there() {
        let home = tempfile::tempdir().expect("a folder");
        let place = home.path().join("agent/projects");
        let mut watched = Watched::new(&place);
        fs::write(home.path().join("other"), "").expect("writes");
        fs::create_dir_all(place.join("demo")).expect("folders");
        watched.tells(|changes| changes.look_everywhere);
        watched.refresh();
        let record = place.join("demo/s1.jsonl");
        fs::write(&record, "{}\n").expect("writes");
        watched.tells(|changes| changes.files.contains(&record));
        fs::create_dir(place.join("demo/s1")).expect("a folder");
        watched.tells(|changes| changes.look_everywhere);
    }

    #[test]
    fn what_lies_elsewhere_is_no_matter() {
        let home = tempfile::tempdir().expect("a folder");
        let note = |path: &str| {
            let mut changes = PlaceChanges::default();
            let concerns = changes.note(&[home.path().join("a/b")], Seen::Paths(vec![home.path().join(path)]));
            (concerns, changes.look_everywhere)
        };
        assert_eq!(note("c"), (false, false));
        assert_eq!(note("a"), (true, true));
        assert_eq!(note("a/b/gone"), (true, true));
        assert_eq!(note("a/bc"), (false, false));
    }
}
