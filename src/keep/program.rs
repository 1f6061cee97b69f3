//! The file that this process was started from, and whether another lies there by now.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

pub(super) struct OwnProgram {
    path: PathBuf,
    stamp: ProgramStamp,
    /// What lay there at the last look, if it was another one.
    newer: Option<ProgramStamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ProgramStamp {
    inode: u64,
    bytes: u64,
    modified: SystemTime,
}

impl ProgramStamp {
    fn of(path: &Path) -> Option<ProgramStamp> {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(ProgramStamp { inode: metadata.ino(), bytes: metadata.len(), modified: metadata.modified().ok()? })
    }
}

impl OwnProgram {
    /// `None` where the system does not tell, or the file is gone already.
    pub fn of_process() -> Option<OwnProgram> {
        let path = env::current_exe().ok()?;
        Some(OwnProgram { stamp: ProgramStamp::of(&path)?, path, newer: None })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether another one lies there, the same at two looks: it may just be being written.
    pub fn is_replaced(&mut self) -> bool {
        let found = ProgramStamp::of(&self.path).filter(|found| *found != self.stamp);
        let stays = found.is_some() && found == self.newer;
        self.newer = found;
        stays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_replaced_once_the_other_one_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("program");
        fs::write(&path, "old").expect("writes");
        let mut program = OwnProgram { stamp: ProgramStamp::of(&path).expect("there"), path: path.clone(), newer: None };
        assert!(!program.is_replaced() && !program.is_replaced());
        fs::remove_file(&path).expect("removes");
        assert!(!program.is_replaced() && !program.is_replaced(), "there is nothing to go on as");
        fs::write(&path, "new and ").expect("writes");
        assert!(!program.is_replaced());
        fs::write(&path, "new and whole").expect("writes");
        assert!(!program.is_replaced());
        assert!(program.is_replaced());
    }
}
