//! How much is watched at most, of one tree or of several together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Folders and files that trees share; each gives back what it took when it is watched no longer.
#[derive(Debug)]
pub struct WatchBudget {
    folders_max: usize,
    files_max: usize,
    folders: AtomicUsize,
    files: AtomicUsize,
}

impl WatchBudget {
    /// Each folder takes one of the system's watches, of which it gives some ten thousand to all of a user's programs; each file
    /// some 200 bytes.
    pub fn new(folders_max: usize, files_max: usize) -> Arc<WatchBudget> {
        Arc::new(WatchBudget { folders_max, files_max, folders: AtomicUsize::new(0), files: AtomicUsize::new(0) })
    }
}

/// What one tree took.
pub(super) struct BudgetShare {
    budget: Arc<WatchBudget>,
    folders: usize,
    files: usize,
}

impl BudgetShare {
    pub fn new(budget: Arc<WatchBudget>) -> BudgetShare {
        BudgetShare { budget, folders: 0, files: 0 }
    }

    /// # Errors
    /// How many there are, where that was the last one.
    pub fn take_folder(&mut self) -> Result<(), usize> {
        self.folders += 1;
        let taken = self.budget.folders.fetch_add(1, Ordering::Relaxed) + 1;
        if taken > self.budget.folders_max { Err(self.budget.folders_max) } else { Ok(()) }
    }

    /// Before all of them are looked at anew.
    pub fn give_back_folders(&mut self) {
        self.budget.folders.fetch_sub(std::mem::take(&mut self.folders), Ordering::Relaxed);
    }

    /// # Errors
    /// How many there are, where `known` is more than are left.
    pub fn hold_files(&mut self, known: usize) -> Result<(), usize> {
        if known < self.files {
            self.budget.files.fetch_sub(self.files - known, Ordering::Relaxed);
        } else {
            self.budget.files.fetch_add(known - self.files, Ordering::Relaxed);
        }
        self.files = known;
        let held = self.budget.files.load(Ordering::Relaxed);
        if held > self.budget.files_max { Err(self.budget.files_max) } else { Ok(()) }
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.give_back_folders();
        self.budget.files.fetch_sub(self.files, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_share_and_give_back() {
        let budget = WatchBudget::new(2, 10);
        let (mut one, mut other) = (BudgetShare::new(Arc::clone(&budget)), BudgetShare::new(Arc::clone(&budget)));
        assert_eq!((one.take_folder(), other.take_folder(), other.take_folder()), (Ok(()), Ok(()), Err(2)));
        other.give_back_folders();
        assert_eq!((one.hold_files(6), other.hold_files(4), other.hold_files(5)), (Ok(()), Ok(()), Err(10)));
        drop(one);
        assert_eq!((other.hold_files(10), other.take_folder(), other.take_folder()), (Ok(()), Ok(()), Ok(())));
        assert_eq!((other.hold_files(3), other.hold_files(11)), (Ok(()), Err(10)));
    }
}
