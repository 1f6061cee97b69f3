//! What a receiver has taken since it began, and what it has turned away.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::event::Time;

#[derive(Debug, Default)]
pub struct ExportTally {
    exports: AtomicU64,
    /// In microseconds since 1970; 0 is never.
    last_export: AtomicI64,
    strayed: AtomicU64,
    refused: AtomicU64,
    rejected: AtomicU64,
}

impl ExportTally {
    /// Exports that were answered with 200.
    pub fn exports(&self) -> u64 {
        self.exports.load(Ordering::Relaxed)
    }

    /// When the last of them came.
    pub fn last_export(&self) -> Option<Time> {
        let micros = self.last_export.load(Ordering::Relaxed);
        (micros != 0).then(|| Time::from_micros(micros))
    }

    /// Requests that did not know the secret.
    pub fn strayed(&self) -> u64 {
        self.strayed.load(Ordering::Relaxed)
    }

    /// Exports that were not taken.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Records of which anything was rejected.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    pub(super) fn count_export(&self, rejected: i64) {
        self.last_export.store(Time::from(std::time::SystemTime::now()).micros(), Ordering::Relaxed);
        self.exports.fetch_add(1, Ordering::Relaxed);
        self.rejected.fetch_add(rejected.unsigned_abs(), Ordering::Relaxed);
    }

    pub(super) fn count_strayed(&self) {
        self.strayed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}
