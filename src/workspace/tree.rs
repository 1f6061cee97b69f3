//! Which files and folders belong to the workspace: what git would not ignore, without the history's own files.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsStr,
    fs::Metadata,
    path::{Path, PathBuf},
    sync::Arc,
};

use ignore::{DirEntry, WalkBuilder};

use crate::{
    history::{self, HistoryFiles},
    text::with_causes,
    watch_path::Folders,
};

use super::budget::{BudgetShare, WatchBudget};

/// Why the tree is not watched any longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Limit {
    #[error("there are more than {0} folders to watch: the files here are not watched")]
    Folders(usize),
    #[error("there are more than {0} files to watch: those here are not watched")]
    Files(usize),
    #[error("files are not watched: {0}")]
    Watches(String),
}

pub(super) struct Tree {
    root: PathBuf,
    history: Option<history::Options>,
    share: BudgetShare,
}

impl Tree {
    pub fn new(root: PathBuf, history: Option<history::Options>, budget: Arc<WatchBudget>) -> Tree {
        Tree { root, history, share: BudgetShare::new(budget) }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Those of `paths` that belong to the workspace, or are gone. Each folder is listed anew: its rules may have changed.
    pub fn held(&self, paths: Vec<PathBuf>) -> Vec<PathBuf> {
        let mut by_folder: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
        for path in paths.into_iter().filter(|path| path.starts_with(&self.root) && *path != self.root) {
            if let Some(folder) = path.parent() {
                by_folder.entry(folder.to_owned()).or_default().push(path);
            }
        }
        let mut held = Vec::new();
        for (folder, paths) in by_folder {
            let listed: HashSet<PathBuf> = self.walk(&folder, Some(1)).map(DirEntry::into_path).collect();
            let found = paths.into_iter().map(|path| (path.symlink_metadata().ok(), path));
            held.extend(found.filter(|(metadata, path)| metadata.is_none() || listed.contains(path)));
        }
        // Asked for last: a history's file that was found is there by now.
        let histories = self.history_files();
        let is_ours = |metadata: &Metadata, path: &Path| histories.hold(path, metadata);
        held.retain(|(metadata, path)| metadata.as_ref().is_none_or(|metadata| !is_ours(metadata, path)));
        held.into_iter().map(|(_, path)| path).collect()
    }

    fn history_files(&self) -> HistoryFiles {
        self.history.as_ref().map(HistoryFiles::of).unwrap_or_default()
    }

    /// Watches `folder` and all below it, and calls `found`, which answers how many files are known, with each file.
    pub fn look_into(
        &mut self,
        folder: &Path,
        folders: &mut Folders,
        mut found: impl FnMut(&Path, &Metadata) -> usize,
    ) -> Result<(), Limit> {
        let histories = self.history_files();
        if folder == self.root {
            self.share.give_back_folders();
        }
        for entry in self.walk(folder, None) {
            let path = entry.path();
            if entry.file_type().is_some_and(|kind| kind.is_dir()) {
                // Its files are listed after the watch stands: what comes between is seen twice rather than never.
                if let Err(error) = folders.add(path) {
                    // One that is gone again needs no watch.
                    if path.is_dir() {
                        return Err(Limit::Watches(with_causes(&error)));
                    }
                    continue;
                }
                self.share.take_folder().map_err(Limit::Folders)?;
            } else if let Ok(metadata) = entry.metadata()
                && metadata.is_file()
                && !histories.hold(path, &metadata)
            {
                let known = found(path, &metadata);
                self.share.hold_files(known).map_err(Limit::Files)?;
            }
        }
        Ok(())
    }

    fn walk(&self, folder: &Path, depth_max: Option<usize>) -> impl Iterator<Item = DirEntry> + use<> {
        let histories = self.history_files();
        let belongs = move |entry: &DirEntry| {
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            let is_spool = || is_folder && entry.metadata().is_ok_and(|metadata| histories.hold(entry.path(), &metadata));
            entry.depth() == 0 || !(entry.file_name() == OsStr::new(".git") || is_spool())
        };
        // Hidden files are files too; and a folder that is no repository yet may have its rules already.
        let mut builder = WalkBuilder::new(folder);
        builder.hidden(false).ignore(false).require_git(false).max_depth(depth_max).filter_entry(belongs);
        // What cannot be read is not the command's doing.
        builder.build().filter_map(Result::ok)
    }
}
