//! Who waits for what. Pure: it says whom to call; what they then read is not its business.
//!
//! A waiter that has seen everything is `Idle`: from then on the tail looks at news on its behalf, and calls it only where
//! its coder and type could match. So ten thousand idle subscribers of other coders cost an append nothing, and one that was
//! never called still knows how far it has got.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use tokio::sync::Notify;

use crate::{
    event::Event,
    filter::{Filter, TypeSet},
};

pub(super) type WaiterId = u64;

#[derive(Default)]
pub(super) struct Waiters {
    last_id: WaiterId,
    by_id: HashMap<WaiterId, Waiter>,
    by_coder: HashMap<String, BTreeSet<WaiterId>>,
    of_every_coder: BTreeSet<WaiterId>,
}

struct Waiter {
    coders: Vec<String>,
    types: Option<TypeSet>,
    call: Arc<Notify>,
    state: WaiterState,
}

/// How far the tail has looked for a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaiterState {
    /// It looks for itself.
    Away,
    /// It saw everything when it sat down, and nothing for it came since.
    Idle,
    /// The first seq since then that may be for it; it was called.
    Called(u64),
}

impl Waiters {
    pub(super) fn join(&mut self, filter: &Filter) -> (WaiterId, Arc<Notify>) {
        self.last_id += 1;
        let id = self.last_id;
        let call = Arc::new(Notify::new());
        for coder in &filter.coders {
            self.by_coder.entry(coder.clone()).or_default().insert(id);
        }
        if filter.coders.is_empty() {
            self.of_every_coder.insert(id);
        }
        let waiter =
            Waiter { coders: filter.coders.clone(), types: filter.types, call: Arc::clone(&call), state: WaiterState::Away };
        self.by_id.insert(id, waiter);
        (id, call)
    }

    pub(super) fn leave(&mut self, id: WaiterId) {
        self.of_every_coder.remove(&id);
        for coder in self.by_id.remove(&id).map(|waiter| waiter.coders).unwrap_or_default() {
            if let Some(ids) = self.by_coder.get_mut(&coder) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_coder.remove(&coder);
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn state(&self, id: WaiterId) -> WaiterState {
        self.by_id.get(&id).map_or(WaiterState::Away, |waiter| waiter.state)
    }

    pub(super) fn set_state(&mut self, id: WaiterId, state: WaiterState) {
        if let Some(waiter) = self.by_id.get_mut(&id) {
            waiter.state = state;
        }
    }

    /// Calls whom the event may concern.
    pub(super) fn tell(&mut self, event: &Event) {
        let of_coder = self.by_coder.get(&event.coder_id).into_iter().flatten();
        for id in of_coder.chain(&self.of_every_coder) {
            if let Some(waiter) = self.by_id.get_mut(id) {
                waiter.tell(event);
            }
        }
    }

    /// Calls everyone: each must look for itself from `seq` on.
    pub(super) fn call_all(&mut self, seq: u64) {
        for waiter in self.by_id.values_mut() {
            waiter.call(seq);
        }
    }

    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.by_id.values().filter(|waiter| waiter.state == WaiterState::Idle).count()
    }
}

impl Waiter {
    fn tell(&mut self, event: &Event) {
        if self.types.is_none_or(|types| types.contains(event.kind)) {
            self.call(event.seq);
        }
    }

    /// Once is enough: whoever is called looks for itself until it is idle again.
    fn call(&mut self, seq: u64) {
        if self.state == WaiterState::Idle {
            self.state = WaiterState::Called(seq);
            self.call.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Draft, EventType, Time},
        text::Redactor,
    };

    fn event(seq: u64, kind: EventType, coder: &str) -> Event {
        let checked = Draft::new(kind, coder).check(Time::from_micros(0), &Redactor::default()).expect("valid");
        checked.into_event(seq, seq.to_string())
    }

    #[test]
    fn calls_only_whom_coder_and_type_concern() {
        let news = [event(5, EventType::Output, "a"), event(6, EventType::Failed, "b"), event(7, EventType::Failed, "a")];
        let check = |name: &str, filter: Filter, expected: WaiterState| {
            let mut waiters = Waiters::default();
            let (id, _call) = waiters.join(&filter);
            waiters.set_state(id, WaiterState::Idle);
            news.iter().for_each(|event| waiters.tell(event));
            assert_eq!(waiters.state(id), expected, "{name}");
            waiters.leave(id);
            assert!(waiters.is_empty() && waiters.by_coder.is_empty() && waiters.of_every_coder.is_empty(), "{name}");
        };
        let failed = Some(TypeSet::EMPTY.with(EventType::Failed));
        let deleted = Some(TypeSet::EMPTY.with(EventType::Deleted));
        check("everything", Filter::default(), WaiterState::Called(5));
        check("a type", Filter { types: failed, ..Filter::default() }, WaiterState::Called(6));
        check("another type", Filter { types: deleted, ..Filter::default() }, WaiterState::Idle);
        check("a coder", Filter::coder("a"), WaiterState::Called(5));
        check("a coder's type", Filter { types: failed, ..Filter::coder("a") }, WaiterState::Called(7));
        check("another coder", Filter::coder("c"), WaiterState::Idle);
        check("two coders", Filter { coders: vec!["c".into(), "b".into()], ..Filter::default() }, WaiterState::Called(6));
    }

    #[test]
    fn whoever_looks_for_itself_is_not_called() {
        let mut waiters = Waiters::default();
        let (id, _call) = waiters.join(&Filter::default());
        waiters.tell(&event(1, EventType::Output, "a"));
        assert_eq!(waiters.state(id), WaiterState::Away);
        waiters.set_state(id, WaiterState::Idle);
        waiters.tell(&event(2, EventType::Output, "a"));
        waiters.tell(&event(3, EventType::Output, "a"));
        assert_eq!(waiters.state(id), WaiterState::Called(2), "the first is where it must look from");
    }
}
