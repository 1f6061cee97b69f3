//! What is known of each file, and what became of it since.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Larger files are told by their size alone: hashing them would compete with the command for the disk.
const HASHED_BYTES_MAX: u64 = 16 << 20;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    pub bytes: u64,
    /// `blake3:<hex>`; `None` where the file is too large or cannot be read.
    pub hash: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkspaceChange {
    Created(FileContent),
    Modified(FileContent),
    Deleted,
}

/// A file as it was last seen.
#[derive(Debug)]
struct KnownFile {
    /// `None` where it has changed since the command began, before it was known.
    stamp: Option<SizeAndTime>,
    /// `None` until it was told once, and where it is too large.
    hash: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct SizeAndTime {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl SizeAndTime {
    fn of(metadata: &Metadata) -> SizeAndTime {
        SizeAndTime { bytes: metadata.len(), modified: metadata.modified().ok() }
    }
}

#[derive(Debug, Default)]
pub(super) struct KnownFiles {
    known: BTreeMap<PathBuf, KnownFile>,
}

impl KnownFiles {
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// A file was found. Whether it is to be compared: it is new or other than it was, or, where `since` says when the
    /// command began, younger than that.
    pub fn find(&mut self, path: &Path, metadata: &Metadata, since: Option<SystemTime>) -> bool {
        let stamp = SizeAndTime::of(metadata);
        if let Some(known) = self.known.get(path) {
            return known.stamp.as_ref() != Some(&stamp);
        }
        let Some(since) = since else { return true };
        let is_after = |time: std::io::Result<SystemTime>| time.is_ok_and(|time| time >= since);
        if is_after(metadata.created()) {
            return true;
        }
        let is_modified = is_after(metadata.modified());
        self.known.insert(path.to_owned(), KnownFile { stamp: (!is_modified).then_some(stamp), hash: None });
        is_modified
    }

    /// What became of `path`, and of all below it where it was a folder.
    pub fn compare(&mut self, path: &Path) -> Vec<(PathBuf, WorkspaceChange)> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                self.compare_file(path, &metadata).map(|change| (path.to_owned(), change)).into_iter().collect()
            }
            Ok(_) => Vec::new(),
            Err(_) => {
                let gone = self.paths_below(path);
                gone.iter().for_each(|path| drop(self.known.remove(path)));
                gone.into_iter().map(|path| (path, WorkspaceChange::Deleted)).collect()
            }
        }
    }

    /// The known files at `path` or below it.
    pub fn paths_below(&self, path: &Path) -> Vec<PathBuf> {
        let from_here = self.known.range(path.to_owned()..);
        from_here.map(|(known, _)| known).take_while(|known| known.starts_with(path)).cloned().collect()
    }

    fn compare_file(&mut self, path: &Path, metadata: &Metadata) -> Option<WorkspaceChange> {
        let stamp = SizeAndTime::of(metadata);
        let content = FileContent { bytes: metadata.len(), hash: hash_of(path, metadata.len()) };
        let now = KnownFile { stamp: Some(SizeAndTime::of(metadata)), hash: content.hash.clone() };
        match self.known.insert(path.to_owned(), now) {
            None => Some(WorkspaceChange::Created(content)),
            Some(before) => {
                let same = match (&before.hash, &content.hash) {
                    (Some(before), Some(now)) => before == now,
                    _ => before.stamp == Some(stamp),
                };
                (!same).then_some(WorkspaceChange::Modified(content))
            }
        }
    }
}

fn hash_of(path: &Path, bytes: u64) -> Option<String> {
    if bytes > HASHED_BYTES_MAX {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut File::open(path).ok()?, &mut hasher).ok()?;
    Some(format!("blake3:{}", hasher.finalize().to_hex()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Folder {
        folder: tempfile::TempDir,
        known_files: KnownFiles,
    }

    impl Folder {
        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            fs::write(&path, text).expect("writes");
            path
        }

        fn found(&mut self, path: &Path, since: Option<SystemTime>) -> bool {
            self.known_files.find(path, &fs::metadata(path).expect("there"), since)
        }

        /// In words: what the change was, and the bytes.
        fn change(&mut self, path: &Path) -> Vec<String> {
            let said = |(path, change): (PathBuf, WorkspaceChange)| {
                let name = path.strip_prefix(self.folder.path()).expect("inside").to_string_lossy().into_owned();
                match change {
                    WorkspaceChange::Created(content) => format!("created {name} {}", content.bytes),
                    WorkspaceChange::Modified(content) => format!("modified {name} {}", content.bytes),
                    WorkspaceChange::Deleted => format!("deleted {name}"),
                }
            };
            self.known_files.compare(path).into_iter().map(said).collect()
        }
    }

    #[test]
    fn a_file_lives_and_goes() {
        let mut folder = Folder { folder: tempfile::tempdir().expect("a folder"), known_files: KnownFiles::default() };
        let path = folder.write("a", "one");
        assert_eq!(folder.change(&path), ["created a 3"]);
        assert_eq!(folder.change(&path), [""; 0], "nothing new");
        folder.write("a", "one");
        assert_eq!(folder.change(&path), [""; 0], "written again with the same content");
        folder.write("a", "three");
        assert_eq!(folder.change(&path), ["modified a 5"]);
        fs::remove_file(&path).expect("removes");
        assert_eq!(folder.change(&path), ["deleted a"]);
        assert_eq!(folder.change(&path), [""; 0], "nobody knows it any more");
    }

    #[test]
    fn what_was_there_before_is_no_news() {
        let mut folder = Folder { folder: tempfile::tempdir().expect("a folder"), known_files: KnownFiles::default() };
        let path = folder.write("old", "one");
        let later = SystemTime::now() + Duration::from_secs(60);
        assert!(!folder.found(&path, Some(later)));
        assert_eq!(folder.change(&path), [""; 0]);
        folder.write("old", "other");
        assert!(folder.found(&path, None));
        assert_eq!(folder.change(&path), ["modified old 5"]);
        let young = folder.write("young", "x");
        assert!(folder.found(&young, Some(later - Duration::from_secs(3600))));
        assert_eq!(folder.change(&young), ["created young 1"]);
    }

    #[test]
    fn a_folder_goes_with_all_in_it() {
        let mut folder = Folder { folder: tempfile::tempdir().expect("a folder"), known_files: KnownFiles::default() };
        for name in ["sub/a", "sub/b/c", "sub.txt"] {
            let path = folder.write(name, "x");
            assert_eq!(folder.change(&path), [format!("created {name} 1")]);
        }
        let sub = folder.folder.path().join("sub");
        fs::remove_dir_all(&sub).expect("removes");
        assert_eq!(folder.change(&sub), ["deleted sub/a", "deleted sub/b/c"]);
    }

    #[test]
    fn content_has_a_hash_of_its_algorithm() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("empty");
        fs::write(&path, "").expect("writes");
        let empty = "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(hash_of(&path, 0).as_deref(), Some(empty));
        assert_eq!(hash_of(&path, HASHED_BYTES_MAX + 1), None);
    }
}
