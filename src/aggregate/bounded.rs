//! Sums under names that senders give, for a bounded number of names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is summed under each name: those of the least names in order of text, all others together as `other`.
///
/// A name that is among the least of all events is among the least of every part of them that it occurs in, so it is
/// never counted as `other` on the way and its sum is exact; `other` is what remains. Both depend on the events alone,
/// not on their order or on how they were batched.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct BoundedSums<V>(pub BTreeMap<String, V>);

/// What can be summed, in whatever order.
pub(super) trait Merge: Clone + Default {
    fn merge(&mut self, other: &Self);
}

/// Agents have a few dozen codes, tools and models; a sender that invents new ones must not grow the aggregate.
pub(super) const NAMES_MAX: usize = 64;
pub(super) const OTHER: &str = "other";

impl<V: Merge> BoundedSums<V> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn add(&mut self, name: &str, added: &V) {
        match self.0.get_mut(name) {
            Some(sum) => sum.merge(added),
            None => {
                self.0.insert(name.to_owned(), added.clone());
                self.shed();
            }
        }
    }

    pub fn merge(&mut self, other: &BoundedSums<V>) {
        for (name, added) in &other.0 {
            self.add(name, added);
        }
    }

    /// Moves the greatest name to `other` where there is one too many.
    fn shed(&mut self) {
        let room_for_other = usize::from(self.0.contains_key(OTHER));
        if self.0.len() <= NAMES_MAX + room_for_other {
            return;
        }
        let greatest = self.0.keys().rev().find(|name| *name != OTHER).cloned();
        if let Some(sum) = greatest.and_then(|name| self.0.remove(&name)) {
            self.0.entry(OTHER.to_owned()).or_default().merge(&sum);
        }
    }
}

impl Merge for u64 {
    fn merge(&mut self, other: &u64) {
        *self = self.saturating_add(*other);
    }
}
