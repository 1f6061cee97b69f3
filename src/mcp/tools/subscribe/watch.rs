//! Looking and waiting: what lies between a cursor and now, and then what comes.
//!
//! First the history is read up to its head; a wait goes on from there. It ends when the caller's patience does, when the
//! caller is gone, or when what was asked for came.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{
    aggregate::CoderView,
    bus::{self, Begin, Bus, Delivery, Subscription},
    filter::{Filter, TypeSet},
    history::{self, Order, Position, Query, Reader},
    mcp::{
        cursor::Cursor,
        detail::AnswerDetail,
        progress::ProgressNotifier,
        tool_error::ToolError,
        tools::gather::{Gathering, WatchEnded},
        until::Until,
    },
};

use super::EVERY_CODER;

/// How many events one step of a replay or a wait takes: events may be large, and all of them are in memory at once.
const STEP_EVENTS_MAX: usize = 256;
/// How often a waiting call shows that it lives.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// What is watched, and how it is told.
pub(super) struct CoderWatch {
    pub coder: String,
    /// What the history is asked for: the wanted types and those that decide `until`.
    pub filter: Filter,
    pub wanted: TypeSet,
    pub until: Option<Until>,
    pub events_max: usize,
    pub detail: AnswerDetail,
}

/// How long a wait may go on, and who hears of it.
pub(super) struct Patience {
    pub deadline: Instant,
    pub closing: CancellationToken,
    pub cancelled: CancellationToken,
    pub progress: ProgressNotifier,
}

/// Where a watch starts.
enum WatchStart {
    At {
        seq: u64,
        /// The watched coder has no event up to here.
        begins: bool,
        history: String,
    },
    Lost(u64),
}

impl CoderWatch {
    /// The one coder that is watched.
    pub fn one(&self) -> Option<&str> {
        (self.coder != EVERY_CODER).then_some(self.coder.as_str())
    }

    /// Reads what lies between the cursor and now; gives the end of the call where it needs no wait.
    pub async fn catch_up(
        &self,
        bus: &Bus,
        cursor: Option<Cursor>,
        patience: &Patience,
    ) -> Result<(Gathering, Option<WatchEnded>), ToolError> {
        let present = cursor.is_none();
        let beginner = self.one().filter(|_| self.until.as_ref().is_some_and(Until::waits_for_running)).map(str::to_owned);
        let start = bus
            .read_few(move |reader| {
                // Before all else is looked at: what is committed meanwhile lies behind it, and is read or waited for.
                let position = reader.position()?;
                let seq = match cursor.map(|cursor| cursor.locate(&position)) {
                    None => position.head,
                    Some(Ok(seq)) => seq,
                    Some(Err(_)) => return Ok(WatchStart::Lost(position.head)),
                };
                let begins = match beginner {
                    Some(coder) => CoderWatch::begins_after(reader, &coder, seq, &position)?,
                    None => false,
                };
                Ok(WatchStart::At { seq, begins, history: position.history })
            })
            .await?;
        let mut gathering = match start {
            WatchStart::At { seq, begins, history } => self.gathering(seq).beginning_if(begins).of(history),
            WatchStart::Lost(head) => return Ok((self.gathering(head), Some(WatchEnded::Gap))),
        };
        if present {
            let ended = match &self.until {
                None => Some(WatchEnded::Now),
                Some(until) => {
                    self.state(bus).await?.is_some_and(|coder| until.is_met_by_state(&coder)).then_some(WatchEnded::Until)
                }
            };
            return Ok((gathering, ended));
        }
        if !self.read_on(bus, &mut gathering, patience).await? {
            return Ok((gathering, Some(WatchEnded::Shutdown)));
        }
        // Only now, when all that is left is read: what is left goes before what the state alone can tell.
        if gathering.ended().is_none() && self.is_met_by_what_is_gone(bus, &gathering).await? {
            gathering.meet();
        }
        let ended = gathering.pause();
        Ok((gathering, ended))
    }

    /// Takes everything up to now, or up to the end of the call; false where it gave up in between. A long history takes
    /// seconds, and nobody may be there any more to hear of it; but one step is always taken, since a script may end its
    /// input right after the call.
    async fn read_on(&self, bus: &Bus, gathering: &mut Gathering, patience: &Patience) -> Result<bool, ToolError> {
        while gathering.ended().is_none() && self.step(bus, gathering).await? {
            if patience.is_called_off() {
                return Ok(gathering.ended().is_some());
            }
        }
        Ok(true)
    }

    /// What is waited for may have been among the events that retention took; then only the state can tell.
    async fn is_met_by_what_is_gone(&self, bus: &Bus, gathering: &Gathering) -> Result<bool, ToolError> {
        match gathering.until() {
            Some(until) if gathering.missed().is_some() => {
                Ok(self.state(bus).await?.is_some_and(|coder| until.is_met_by_state(&coder)))
            }
            _ => Ok(false),
        }
    }

    /// Whether the watched coder has no event up to `from`. Where retention removed some, the first one may be among them.
    fn begins_after(reader: &mut Reader, coder: &str, from: u64, position: &Position) -> Result<bool, history::Error> {
        let query = Query { filter: Filter::coder(coder.to_owned()), order: Order::Oldest, limit: 1, ..Query::default() };
        Ok(match reader.page(&query)?.events.first() {
            Some(first) => first.seq > from && position.floor == 0,
            None => reader.coder(coder)?.is_none(),
        })
    }

    pub fn gathering(&self, from: u64) -> Gathering {
        Gathering::new(self.wanted, self.until.clone(), self.events_max, from)
    }

    /// Takes the next events the history holds already; false where it holds no more.
    async fn step(&self, bus: &Bus, gathering: &mut Gathering) -> Result<bool, ToolError> {
        let limit = self.step_events_max();
        let (filter, from) = (self.filter.clone(), gathering.through());
        let batch = bus.read(move |reader| reader.after(from, &filter, limit)).await?;
        if let Some(missed) = batch.missed {
            gathering.miss(missed);
        }
        let more = batch.events.len() >= limit;
        for event in batch.events {
            gathering.take(Arc::new(event));
        }
        gathering.looked_through(batch.through);
        Ok(more)
    }

    /// Waits for what comes after everything gathered so far.
    pub async fn wait(&self, bus: &Bus, gathering: &mut Gathering, patience: &mut Patience) -> Result<WatchEnded, ToolError> {
        // After what was gathered, not from now: what came since the history was read is given first.
        let mut subscription = bus.subscribe(self.filter.clone(), Begin::After(gathering.through()));
        let mut missed = gathering.missed();
        let step = self.step_events_max();
        let mut tick = tokio::time::interval(REPORT_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = patience.closing.cancelled() => return Ok(WatchEnded::Shutdown),
                () = patience.cancelled.cancelled() => return Ok(WatchEnded::Shutdown),
                () = tokio::time::sleep_until(patience.deadline) => {
                    // Moves the cursor past what was not wanted, so that the next call need not read it again.
                    self.read_on(bus, gathering, patience).await?;
                    return Ok(gathering.pause().unwrap_or(WatchEnded::Timeout));
                }
                _ = tick.tick() => patience.tell(&self.coder, gathering.count()).await,
                batch = subscription.next_batch(step) => match batch {
                    None => return Ok(WatchEnded::Shutdown),
                    Some(batch) => take(gathering, batch?, &subscription),
                }
            }
            if gathering.missed() != missed {
                missed = gathering.missed();
                if self.is_met_by_what_is_gone(bus, gathering).await? {
                    gathering.meet();
                }
            }
            if let Some(ended) = gathering.pause() {
                return Ok(ended);
            }
        }
    }

    fn step_events_max(&self) -> usize {
        if self.until.is_some() { STEP_EVENTS_MAX } else { self.events_max.min(STEP_EVENTS_MAX) }
    }

    async fn state(&self, bus: &Bus) -> Result<Option<CoderView>, bus::Error> {
        match self.one().map(str::to_owned) {
            Some(coder) => bus.read_few(move |reader| reader.coder(&coder)).await,
            None => Ok(None),
        }
    }
}

fn take(gathering: &mut Gathering, batch: Vec<Delivery>, subscription: &Subscription) {
    for delivery in batch {
        match delivery {
            Delivery::Event(event) => gathering.take(event),
            Delivery::Missed(missed) => gathering.miss(missed),
            Delivery::Replaced => gathering.lose(),
        }
    }
    gathering.looked_through(subscription.cursor());
}

impl Patience {
    fn is_called_off(&self) -> bool {
        self.closing.is_cancelled() || self.cancelled.is_cancelled()
    }

    /// A caller that does not read must not hold up the answer.
    async fn tell(&mut self, coder: &str, events: u64) {
        let message =
            if events == 0 { format!("waiting for {coder}") } else { format!("waiting for {coder}, {events} events so far") };
        tokio::select! {
            () = self.closing.cancelled() => {}
            () = self.cancelled.cancelled() => {}
            () = tokio::time::sleep_until(self.deadline) => {}
            () = self.progress.tell(message) => {}
        }
    }
}
