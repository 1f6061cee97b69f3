//! One file of somebody else's: shown as a diff, kept as it was, written whole or not at all, and its owner's afterwards.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use similar::{ChangeTag, TextDiff};

/// A file before and after; `None` is no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    pub path: PathBuf,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What became of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenFile {
    /// The file as it was; `None` where there was none, or where it was made here and went away.
    pub backup: Option<PathBuf>,
    /// It could not be replaced as a whole, as where it is mounted by itself, and was written over.
    pub in_place: bool,
}

/// Links that lead to links are followed so far.
const LINKS_MAX: usize = 16;

impl ConfigChange {
    /// A unified diff, as `patch` reads it.
    pub fn diff(&self) -> String {
        let name = |text: &Option<String>| match text {
            Some(_) => self.path.display().to_string(),
            None => "/dev/null".to_owned(),
        };
        let (before, after) = (self.before.as_deref().unwrap_or_default(), self.after.as_deref().unwrap_or_default());
        TextDiff::from_lines(before, after).unified_diff().header(&name(&self.before), &name(&self.after)).to_string()
    }

    /// How many lines it adds and takes out.
    pub fn lines(&self) -> (usize, usize) {
        let (before, after) = (self.before.as_deref().unwrap_or_default(), self.after.as_deref().unwrap_or_default());
        let diff = TextDiff::from_lines(before, after);
        let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
        (count(ChangeTag::Insert), count(ChangeTag::Delete))
    }

    /// Writes it, with what was there kept beside it as `NAME.bak-<stamp>`. A link stays one: what it leads to is written.
    /// A file that goes away held nothing but ours: of that nothing is kept.
    ///
    /// # Errors
    /// Where the file is not as it was read any more, or cannot be written; what was there is then still there, and no backup.
    pub fn write(&self, stamp: &str) -> io::Result<WrittenFile> {
        let path = led_to(&self.path)?;
        if text_of(&path)? != self.before {
            return Err(io::Error::other("somebody else changed it meanwhile: run this again"));
        }
        let Some(after) = &self.after else {
            fs::remove_file(&path)?;
            return Ok(WrittenFile::default());
        };
        let backup = self.before.as_ref().map(|before| keep(&path, before, stamp)).transpose()?;
        match replace(&path, after, self.before.as_deref()) {
            Ok(in_place) => Ok(WrittenFile { backup, in_place }),
            // Written over in part: what was there is beside it.
            Err(error) if text_of(&path).ok() != Some(self.before.clone()) => {
                let kept = backup.map_or(String::new(), |backup| format!(" as it was: {}", backup.display()));
                Err(io::Error::other(format!("{error}, and what was there is lost in part;{kept}")))
            }
            Err(error) => {
                // Nothing was changed that it would be of use for.
                backup.as_ref().map_or(Ok(()), fs::remove_file)?;
                Err(error)
            }
        }
    }

    /// Makes it again as it was.
    pub(super) fn undo(&self, written: &WrittenFile) -> io::Result<()> {
        let path = led_to(&self.path)?;
        match &self.before {
            Some(before) => replace(&path, before, None).map(drop)?,
            None => fs::remove_file(&path)?,
        }
        written.backup.as_ref().map_or(Ok(()), fs::remove_file)
    }
}

/// What a file holds; `None` where there is none.
///
/// # Errors
/// Where it cannot be read, is no text, or is none of those files that hold some: to read from a pipe is to wait.
pub(super) fn text_of(path: &Path) -> io::Result<Option<String>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(metadata) if !metadata.is_file() => Err(io::Error::other("it is no regular file")),
        Ok(_) => fs::read_to_string(path).map(Some),
    }
}

/// Where the links at `path` lead, whether or not anything is there yet.
fn led_to(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().map_or_else(|| target.clone(), |folder| folder.join(&target)),
            // No link, or nothing there.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("its links lead in a circle"))
}

fn keep(path: &Path, text: &str, stamp: &str) -> io::Result<PathBuf> {
    for nth in 1.. {
        let again = if nth == 1 { String::new() } else { format!("-{nth}") };
        let backup = beside(path, &format!(".bak-{stamp}{again}"));
        match create(&backup, path, text) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|()| backup),
        }
    }
    unreachable!("some number is free")
}

/// Readers see the old text or the new one, never a part; but for a file that cannot be replaced, which is written over. Whether
/// it was. Where that fails midway, `before` is put back as far as it goes.
fn replace(path: &Path, text: &str, before: Option<&str>) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        create_folders(folder)?;
    }
    let draft = beside(path, &format!(".new-{}", std::process::id()));
    let written = create(&draft, path, text).and_then(|()| fs::rename(&draft, path));
    let Err(error) = written else { return Ok(false) };
    // It may never have been made.
    drop(fs::remove_file(&draft));
    let is_fixed = matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices);
    if !(path.exists() && (is_fixed || error.kind() == io::ErrorKind::PermissionDenied)) {
        return Err(error);
    }
    let written = write_over(path, text);
    if let (Err(_), Some(before)) = (&written, before) {
        // The error that is told is the first one; whether this went well, the caller looks.
        drop(write_over(path, before));
    }
    written.map(|()| true)
}

fn write_over(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A new file with the permissions and the owner of `like`; where that is not there, with the owner of its folder.
fn create(path: &Path, like: &Path, text: &str) -> io::Result<()> {
    let file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    let filled = fill(file, like, text);
    if filled.is_err() {
        // Half a file helps nobody.
        drop(fs::remove_file(path));
    }
    filled
}

fn fill(mut file: File, like: &Path, text: &str) -> io::Result<()> {
    match fs::metadata(like) {
        Ok(like) => {
            give_to_owner_of(&file, &like)?;
            file.set_permissions(like.permissions())?;
        }
        Err(_) => {
            if let Some(folder) = like.parent().and_then(|folder| fs::metadata(folder).ok()) {
                give_to_owner_of(&file, &folder)?;
            }
        }
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Folders that are missing, each its parent's owner's.
fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else { return fs::create_dir_all(folder) };
    create_folders(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => give_to_owner_of(&File::open(folder)?, &fs::metadata(parent)?),
    }
}

/// Who runs this for somebody else, as root does in a person's home, leaves them their files.
#[cfg(unix)]
fn give_to_owner_of(file: &File, like: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    // Only root gives anything away. A folder's group is no file's.
    let own = file.metadata()?;
    if own.uid() != 0 || own.uid() == like.uid() {
        return Ok(());
    }
    fchown(file, Some(like.uid()), Some(like.gid()))
}

#[cfg(not(unix))]
fn give_to_owner_of(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &Path, before: Option<&str>, after: Option<&str>) -> ConfigChange {
        ConfigChange { path: path.to_owned(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .expect("readable")
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_somebody_else_changed_meanwhile_is_not_undone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.json");
        for there in [None, Some("theirs")] {
            if let Some(text) = there {
                fs::write(&path, text).expect("writable");
            }
            let refused = change(&path, Some("read"), Some("ours")).write("1").expect_err("changed");
            assert!(refused.to_string().contains("meanwhile"), "{refused}");
            assert_eq!(text_of(&path).expect("readable").as_deref(), there);
        }
        assert_eq!(names(folder.path()), ["settings.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nothing_stays_and_what_it_leads_to_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, target) = (folder.path().join("settings.json"), folder.path().join("dotfiles/settings.json"));
        std::os::unix::fs::symlink("dotfiles/settings.json", &path).expect("a link");
        change(&path, None, Some("ours")).write("1").expect("written");
        assert!(path.is_symlink() && fs::read_to_string(target).expect("made") == "ours");
        std::os::unix::fs::symlink("round", folder.path().join("round")).expect("a link");
        assert!(change(&folder.path().join("round"), None, Some("ours")).write("1").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.json");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).expect("a pipe");
        assert!(text_of(&path).expect_err("no file").to_string().contains("no regular file"));
    }

    #[test]
    fn what_is_undone_is_as_it_was_without_a_trace() {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (folder.path().join("old.json"), folder.path().join("new/new.json"));
        fs::write(&old, "theirs").expect("writable");
        for change in [change(&old, Some("theirs"), Some("ours")), change(&new, None, Some("ours"))] {
            let written = change.write("1").expect("written");
            change.undo(&written).expect("undone");
            assert_eq!(text_of(&change.path).expect("readable"), change.before);
        }
        assert_eq!(names(folder.path()), ["new", "old.json"]);
    }
}
