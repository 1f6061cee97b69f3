//! What is being read: one reading of each kind at a time, and after it the last that was asked for meanwhile.
//!
//! Whoever holds a key down asks for thirty pages a second, and wants the last of them.

use std::{
    collections::HashMap,
    mem::{Discriminant, discriminant},
};

use jiff::Zoned;
use tokio::task::{Id, JoinSet};

use crate::{bus::Bus, event::Time};

use super::{
    feed,
    state::{ViewInput, Wanted},
    timeline::MarksWanted,
};

#[derive(Debug)]
pub enum Ask {
    Overview,
    Needing,
    Minutes(Time),
    Past(Time),
    Page(Wanted),
    Brief(String, Time),
    Marks(MarksWanted),
    Event(u64),
    Filter(String, Zoned),
    /// Not a reading: these were seen by a person.
    See(Vec<String>),
}

pub struct Readings {
    bus: Bus,
    tasks: JoinSet<ViewInput>,
    kinds: HashMap<Id, Discriminant<Ask>>,
    /// Of each kind that is being read, what is to be read after it.
    next: HashMap<Discriminant<Ask>, Option<Ask>>,
}

impl Readings {
    pub fn new(bus: &Bus) -> Readings {
        Readings { bus: bus.clone(), tasks: JoinSet::new(), kinds: HashMap::new(), next: HashMap::new() }
    }

    pub fn ask(&mut self, ask: Ask) {
        let kind = discriminant(&ask);
        match self.next.get_mut(&kind) {
            Some(Some(Ask::See(earlier))) => {
                if let Ask::See(more) = ask {
                    earlier.extend(more);
                }
            }
            Some(next) => *next = Some(ask),
            None => self.start(kind, ask),
        }
    }

    /// What was read; waits for ever where nothing is. Cancel-safe.
    pub async fn next(&mut self) -> ViewInput {
        let (id, input) = match self.tasks.join_next_with_id().await {
            Some(Ok((id, input))) => (id, input),
            Some(Err(error)) => (error.id(), ViewInput::Trouble(error.to_string())),
            None => return std::future::pending().await,
        };
        if let Some(kind) = self.kinds.remove(&id)
            && let Some(next) = self.next.remove(&kind).flatten()
        {
            self.start(kind, next);
        }
        input
    }

    fn start(&mut self, kind: Discriminant<Ask>, ask: Ask) {
        let bus = self.bus.clone();
        let task = self.tasks.spawn(async move {
            match ask {
                Ask::Overview => feed::overview(bus).await,
                Ask::Needing => feed::needing(bus).await,
                Ask::Minutes(now) => feed::minutes(bus, now).await,
                Ask::Past(now) => feed::past(bus, now).await,
                Ask::Page(wanted) => feed::page(bus, wanted).await,
                Ask::Brief(coder_id, now) => feed::brief(bus, coder_id, now).await,
                Ask::Marks(wanted) => feed::marks(bus, wanted).await,
                Ask::Event(seq) => feed::event(bus, seq).await,
                Ask::Filter(text, now) => feed::filter(bus, text, now).await,
                Ask::See(coder_ids) => feed::see(bus, coder_ids).await,
            }
        });
        self.kinds.insert(task.id(), kind);
        self.next.insert(kind, None);
    }
}
