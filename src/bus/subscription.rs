//! A reader of any speed: replay, then follow, on one cursor.
//!
//! What is on its way lies in one place at a time: in a `reading`, then in the `page`, then with the caller. These hold
//! between any two steps, which is why a caller may give up at any await:
//!
//! - Everything up to `cursor` was delivered, or is not wanted. It moves when the caller takes from the page, or over what
//!   was looked at and is not wanted; never over what is only read.
//! - `page` lies behind `cursor`, in order. When its last delivery is taken, `cursor` stands at `page_through`, beyond what was
//!   looked at in vain behind it.
//! - A reading is begun only where `page` is empty, and from `cursor`.
//! - `history` is the one whose seqs `cursor` counts: the two change together.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{sync::Notify, task::JoinHandle, time::Instant};

use crate::{
    event::Event,
    filter::Filter,
    history::{Batch, Missed},
};

use super::{Begin, Delivery, Error, live::LookOutcome, readers::Readers, tail::Tail, waiters::WaiterId};

/// Events a reader behind the ring takes from the history at a time.
const PAGE_EVENTS_MAX: usize = 256;
/// What a reader that stops in the middle of a page holds, as JSON; one event more where it is larger alone.
const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Before a history that failed, or had nothing where something was expected, is asked again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Everything after a cursor, once and in order. Dropping it unsubscribes.
pub struct Subscription {
    tail: Arc<Tail>,
    readers: Arc<Readers>,
    filter: Arc<Filter>,
    id: WaiterId,
    call: Arc<Notify>,
    /// `None` while the head is not known that [`Begin::Now`] means.
    cursor: Option<u64>,
    /// Which history the cursor is of; empty where the caller did not say, or it did not exist yet.
    history: String,
    /// Read from the history, not yet delivered.
    page: VecDeque<Delivery>,
    /// Where the cursor stands once `page` is delivered.
    page_through: u64,
    page_events_max: usize,
    /// The end of the last gap that was reported.
    missed_through: u64,
    reading: Option<Reading>,
    retry_at: Option<Instant>,
    ended: bool,
}

/// A page on its way: a task of its own, so that a caller who gives up ever so often still gets on.
struct Reading {
    task: JoinHandle<Result<Batch, Error>>,
    /// The bus is shut down: where this finds nothing, the subscription ends.
    last: bool,
}

impl Subscription {
    pub(super) fn new(tail: Arc<Tail>, readers: Arc<Readers>, filter: Filter, begin: Begin) -> Subscription {
        let (id, call) = tail.live().waiters.join(&filter);
        let (cursor, history) = match begin {
            Begin::After(seq) => (Some(seq), String::new()),
            Begin::Now => match readers.read_here(|reader| reader.position()) {
                Ok(position) => (Some(position.head), position.history),
                // It comes again at the first `next`, which can report it.
                Err(_) => (None, String::new()),
            },
        };
        Subscription {
            tail,
            readers,
            filter: Arc::new(filter),
            id,
            call,
            cursor,
            history,
            page: VecDeque::new(),
            page_through: 0,
            page_events_max: PAGE_EVENTS_MAX,
            missed_through: 0,
            reading: None,
            retry_at: None,
            ended: false,
        }
    }

    /// The next delivery; `None` after shutdown, once everything committed was delivered. After an error the same place is
    /// tried again. Cancel-safe: what is not returned is not passed over.
    pub async fn next(&mut self) -> Option<Result<Delivery, Error>> {
        let batch = self.next_batch(1).await?;
        Some(batch.map(|mut deliveries| deliveries.pop().expect("a batch holds at least one delivery")))
    }

    /// Waits as [`next`](Self::next) does, then takes what else is at hand without waiting: between 1 and `max` deliveries.
    pub async fn next_batch(&mut self, max: usize) -> Option<Result<Vec<Delivery>, Error>> {
        // A long replay must not keep the runtime's only thread from everyone else.
        tokio::task::consume_budget().await;
        while !self.ended {
            if let Some(at) = self.retry_at {
                tokio::time::sleep_until(at).await;
                self.retry_at = None;
            }
            if !self.page.is_empty() {
                return Some(Ok(self.take_from_page(max.max(1))));
            }
            if let Err(error) = self.advance().await {
                self.retry_later();
                return Some(Err(error));
            }
        }
        None
    }

    /// One step towards the next page. Whoever gives up in the middle of one finds everything where it was.
    async fn advance(&mut self) -> Result<(), Error> {
        if self.reading.is_some() {
            return self.finish_reading().await;
        }
        if let Some(cursor) = self.cursor {
            return self.look_after(cursor).await;
        }
        let position = self.readers.read(|reader| reader.position()).await?;
        (self.cursor, self.history) = (Some(position.head), position.history);
        Ok(())
    }

    async fn finish_reading(&mut self) -> Result<(), Error> {
        let Some(Reading { task, last }) = &mut self.reading else { return Ok(()) };
        // Awaited where it stands: a call that is given up here leaves it to the next one.
        let batch = task.await.unwrap_or(Err(Error::Closed));
        let last = *last;
        self.reading = None;
        let leads_on = batch.map(|batch| self.take_in(batch)).inspect_err(|_| self.ended = last)?;
        match leads_on {
            true => {}
            false if last => self.ended = true,
            // Something was expected there: perhaps another file is about to take the place.
            false => self.retry_later(),
        }
        Ok(())
    }

    /// Takes what the ring has, else waits until called or begins to read the history.
    async fn look_after(&mut self, mut cursor: u64) -> Result<(), Error> {
        let (found, history) = {
            let mut live = self.tail.live();
            let found = live.look((self.id, &self.history), &mut cursor, |event| self.may_want(event));
            (found, self.history.is_empty().then(|| live.history.clone()))
        };
        // What it was not told it learns, so that it notices when another takes the place.
        if let Some(history) = history {
            self.history = history;
        }
        self.cursor = Some(cursor);
        match found {
            LookOutcome::Found(events) => {
                let wanted = events.into_iter().filter(|event| self.filter.matches(event));
                self.page.extend(wanted.map(Delivery::Event));
                self.page_through = cursor;
                if let Some(Delivery::Event(first)) = self.page.front() {
                    self.cursor = Some(first.seq - 1);
                }
            }
            LookOutcome::Again => {}
            LookOutcome::Idle => {
                self.tail.ensure_running()?;
                self.call.notified().await;
            }
            LookOutcome::Behind => self.start_reading(cursor, false),
            LookOutcome::Closed => self.start_reading(cursor, true),
        }
        Ok(())
    }

    /// The seq through which everything was looked at; 0 while it is not known where the subscription begins.
    pub fn cursor(&self) -> u64 {
        match self.cursor {
            Some(cursor) => self.tail.live().looked_through(self.id, cursor),
            None => 0,
        }
    }

    /// Says which history the cursor is of, so that another one is known for such from the start; empty where nobody knows.
    #[must_use]
    pub fn of(mut self, history: &str) -> Subscription {
        history.clone_into(&mut self.history);
        self
    }

    /// The name of the history that the cursor is of; empty while it is not known.
    pub fn history(&self) -> &str {
        &self.history
    }

    /// The quick part of the filter.
    fn may_want(&self, event: &Event) -> bool {
        self.filter.wants_type(event.kind) && (self.filter.coders.is_empty() || self.filter.coders.contains(&event.coder_id))
    }

    fn start_reading(&mut self, cursor: u64, last: bool) {
        let filter = Arc::clone(&self.filter);
        let readers = Arc::clone(&self.readers);
        let events_max = self.page_events_max;
        let task = tokio::spawn(async move { readers.read(move |reader| reader.after(cursor, &filter, events_max)).await });
        self.reading = Some(Reading { task, last });
    }

    /// Whether it leads any further.
    fn take_in(&mut self, batch: Batch) -> bool {
        if !batch.history.is_empty() && batch.history != self.history {
            let was_another = !std::mem::replace(&mut self.history, batch.history).is_empty();
            if was_another {
                (self.cursor, self.missed_through, self.page_events_max) = (Some(0), 0, PAGE_EVENTS_MAX);
                self.page_through = 0;
                self.page.push_back(Delivery::Replaced);
                return true;
            }
        }
        if let Some(missed) = batch.missed {
            self.take_in_gap(missed);
        }
        let cursor = self.cursor.unwrap_or(0);
        self.page_through = batch.through.max(cursor);
        self.page_events_max = PAGE_EVENTS_MAX;
        let (mut bytes, mut events) = (0, 0);
        for event in batch.events {
            bytes += event.bytes();
            if bytes > PAGE_BYTES_MAX && events > 0 {
                // The rest is read again, and no more than this much at a time.
                self.page_through = event.seq - 1;
                self.page_events_max = events;
                break;
            }
            events += 1;
            self.page.push_back(Delivery::Event(Arc::new(event)));
        }
        if self.page.is_empty() {
            self.cursor = Some(self.page_through);
        }
        !self.page.is_empty() || self.page_through > cursor
    }

    /// Retention may keep events inside a gap, so that several pages lie in the same one: it is reported once.
    fn take_in_gap(&mut self, missed: Missed) {
        if missed.through > self.missed_through {
            let after = missed.after.max(self.missed_through);
            self.missed_through = missed.through;
            self.page.push_back(Delivery::Missed(Missed { after, through: missed.through }));
        }
    }

    fn take_from_page(&mut self, max: usize) -> Vec<Delivery> {
        let deliveries: Vec<Delivery> = self.page.drain(..max.min(self.page.len())).collect();
        let looked_through = match (deliveries.last(), self.page.front()) {
            (_, None) => Some(self.page_through),
            (Some(Delivery::Event(event)), _) => Some(event.seq),
            (Some(Delivery::Replaced), _) => Some(0),
            // Events that retention kept may lie inside the gap.
            (Some(Delivery::Missed(missed)), Some(Delivery::Event(next))) => Some(missed.through.min(next.seq - 1)),
            _ => None,
        };
        self.cursor = looked_through.or(self.cursor);
        deliveries
    }

    fn retry_later(&mut self) {
        self.retry_at = Some(Instant::now() + RETRY_AFTER);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.tail.live().waiters.leave(self.id);
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("filter", &self.filter).field("cursor", &self.cursor).finish_non_exhaustive()
    }
}
