//! One file of somebody else's: shown as a diff, kept as it was, written whole or not at all.

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// The file as it was; `None` where there was none.
    pub backup: Option<PathBuf>,
}

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
    /// Where a file cannot be written; what was there is then still there.
    pub fn write(&self, stamp: &str) -> io::Result<WrittenFile> {
        let path = if self.before.is_some() { fs::canonicalize(&self.path)? } else { self.path.clone() };
        let backup = match (&self.before, &self.after) {
            (Some(before), Some(_)) => Some(keep(&path, before, stamp)?),
            _ => None,
        };
        match &self.after {
            Some(after) => replace(&path, after)?,
            None => fs::remove_file(&path)?,
        }
        Ok(WrittenFile { backup })
    }
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

/// Readers see the old text or the new one, never a part.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let draft = beside(path, &format!(".new-{}", std::process::id()));
    let written = create(&draft, path, text).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // It may never have been made.
        drop(fs::remove_file(&draft));
    }
    written
}

/// A new file with the permissions of `like`, where that is there.
fn create(path: &Path, like: &Path, text: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    if let Ok(like) = fs::metadata(like) {
        file.set_permissions(like.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}
