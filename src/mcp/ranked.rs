//! In which order coders are told: what matters first. Pure.

use std::cmp::Reverse;

use crate::{aggregate::CoderView, event::Status, history::CensusEntry};

use crate::aggregate::is_finished;

/// Who needs somebody, who works, who rests, who has finished; of those alike, who was active last.
pub(super) fn ranked(mut coders: Vec<CensusEntry>) -> Vec<CensusEntry> {
    coders.sort_by_key(|entry| (rank(&entry.coder), Reverse((entry.coder.last_activity, entry.no))));
    coders
}

/// Finished, and needs nobody.
pub(super) fn is_quiet(coder: &CoderView) -> bool {
    coder.needs_attention.is_empty() && is_finished(coder)
}

fn rank(coder: &CoderView) -> u8 {
    let is_at_rest = matches!(coder.status, Status::Paused | Status::Completed);
    match (coder.needs_attention.is_empty(), is_finished(coder), is_at_rest) {
        (false, false, _) => 0,
        (false, true, _) => 1,
        (true, false, false) => 2,
        (true, false, true) => 3,
        (true, true, _) => 4,
    }
}
