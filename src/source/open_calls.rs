//! Calls of tools whose results are to come, for channels that tell a call in two lines.

use std::collections::BTreeMap;

/// By the call's id: what was asked.
#[derive(Debug)]
pub(super) struct OpenCalls<T>(BTreeMap<String, T>);

/// An agent runs a handful of tools at once; results that never come must not pile up.
const CALLS_MAX: usize = 1_000;

impl<T> Default for OpenCalls<T> {
    fn default() -> Self {
        OpenCalls(BTreeMap::new())
    }
}

impl<T> OpenCalls<T> {
    /// Those that are open for long were interrupted, and make room.
    pub fn open(&mut self, id: &str, asked: T) {
        if self.0.len() >= CALLS_MAX {
            self.0.clear();
        }
        self.0.insert(id.to_owned(), asked);
    }

    pub fn all(&mut self) -> impl Iterator<Item = (&String, &mut T)> {
        self.0.iter_mut()
    }

    pub fn close(&mut self, id: &str) -> Option<T> {
        self.0.remove(id)
    }
}
