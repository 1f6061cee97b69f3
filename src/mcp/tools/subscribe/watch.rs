//! Looking and waiting: what lies between a cursor and now, and then what comes.
//!
//! First the history is read up to its head; a wait goes on from there. It ends when the caller's patience does, when the
//! caller is gone, or when what was asked for came or is so.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{
    aggregate::Until,
    bus::{self, Begin, Bus, Delivery, Subscription},
    event::{Micros, Time},
    filter::{Filter, TypeSet},
    history::{self, CensusQuery, Reader},
    mcp::{
        context::now,
        cursor::Cursor,
        detail::AnswerDetail,
        progress::ProgressNotifier,
        tool_error::ToolError,
        tools::gather::{Gathering, WatchEnded},
    },
};

/// How many events one step of a replay or a wait takes: events may be large, and all of them are in memory at once.
const STEP_EVENTS_MAX: usize = 256;
/// How often a waiting call shows that it lives, and looks at what no event tells, such as silence.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// What is watched, and how it is told.
pub(super) struct CoderWatch {
    pub watched: WatchTarget,
    /// In the caller's words.
    pub told: String,
    /// What the history is asked for: the wanted types and those that decide `until`.
    pub filter: Filter,
    pub wanted: TypeSet,
    pub until: Option<Until>,
    pub events_max: usize,
    pub gather: Duration,
    pub detail: AnswerDetail,
    /// No cursor was given: the caller knows of nothing yet.
    pub is_first: bool,
}

pub(super) enum WatchTarget {
    All,
    One(WatchedCoder),
    Some(Vec<WatchedCoder>),
}

pub(super) struct WatchedCoder {
    /// Or what was said, where nobody is called so yet.
    pub coder_id: String,
    /// Who may be meant by that.
    pub nearest: Vec<String>,
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
    At { seq: u64, history: String },
    Lost(u64),
}

impl WatchTarget {
    /// Empty for all.
    pub fn ids(&self) -> Vec<String> {
        match self {
            WatchTarget::All => Vec::new(),
            WatchTarget::One(one) => vec![one.coder_id.clone()],
            WatchTarget::Some(some) => some.iter().map(|coder| coder.coder_id.clone()).collect(),
        }
    }
}

impl CoderWatch {
    /// Reads what lies between the cursor and now; what it gathered has ended where the call needs no wait.
    pub async fn catch_up(&self, bus: &Bus, cursor: Option<Cursor>, patience: &mut Patience) -> Result<Gathering, ToolError> {
        let start = bus
            .read_few(move |reader| {
                // Before all else is looked at: what is committed meanwhile lies behind it, and is read or waited for.
                let position = reader.position()?;
                let seq = match cursor.map(|cursor| cursor.locate(&position)) {
                    None => position.head,
                    Some(Ok(seq)) => seq,
                    Some(Err(_)) => return Ok(WatchStart::Lost(position.head)),
                };
                Ok(WatchStart::At { seq, history: position.history })
            })
            .await?;
        let mut gathering = match start {
            WatchStart::At { seq, history } => self.gathering(seq).of(history),
            WatchStart::Lost(head) => {
                let mut lost = self.gathering(head);
                lost.end(WatchEnded::Gap);
                return Ok(lost);
            }
        };
        if self.is_first && self.until.is_none() {
            gathering.end(WatchEnded::Now);
            return Ok(gathering);
        }
        if !self.read_on(bus, &mut gathering, patience).await? {
            gathering.end(WatchEnded::Shutdown);
            return Ok(gathering);
        }
        self.judge(bus, &mut gathering, None).await?;
        if self.is_gathered(&gathering) || patience.deadline <= Instant::now() {
            gathering.pause();
        } else {
            // A moment, in which no task is worth making.
            self.wait(bus, &mut gathering, patience).await?;
        }
        Ok(gathering)
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
        let more = batch.more;
        for event in batch.events {
            gathering.take(Arc::new(event));
        }
        gathering.looked_through(batch.through);
        Ok(more)
    }

    /// Waits for what comes after everything gathered so far.
    pub async fn wait(&self, bus: &Bus, gathering: &mut Gathering, patience: &mut Patience) -> Result<(), ToolError> {
        // After what was gathered, not from now: what came since the history was read is given first.
        let mut subscription = bus.subscribe(self.filter.clone(), Begin::After(gathering.through()));
        let step = self.step_events_max();
        let mut tick = tokio::time::interval(REPORT_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while gathering.ended().is_none() {
            let gathered = self.gathered_at(gathering);
            tokio::select! {
                () = patience.closing.cancelled() => gathering.end_with_what_came(WatchEnded::Shutdown),
                () = patience.cancelled.cancelled() => gathering.end_with_what_came(WatchEnded::Shutdown),
                () = tokio::time::sleep_until(patience.deadline) => {
                    // Moves the cursor past what was not wanted, so that the next call need not read it again.
                    self.read_on(bus, gathering, patience).await?;
                    gathering.pause();
                    gathering.end(WatchEnded::Timeout);
                }
                () = sleep_until(gathered), if gathered.is_some() => drop(gathering.pause()),
                _ = tick.tick() => {
                    patience.tell(&self.told, gathering.count()).await;
                    self.judge(bus, gathering, None).await?;
                }
                batch = subscription.next_batch(step) => match batch {
                    None => gathering.end(WatchEnded::Shutdown),
                    Some(batch) => {
                        let touched = take(gathering, batch?, &subscription);
                        self.judge(bus, gathering, Some(touched)).await?;
                    }
                }
            }
            // Nobody should wait to hear that something is gone.
            if gathering.events().is_empty() {
                gathering.pause();
            }
        }
        Ok(())
    }

    fn gather_micros(&self) -> Micros {
        self.gather.as_micros() as Micros
    }

    fn is_gathered(&self, gathering: &Gathering) -> bool {
        gathering.gathers_until(self.gather_micros()).is_none_or(|until| until <= now())
    }

    /// When enough was waited for more; nothing came yet where there is none.
    fn gathered_at(&self, gathering: &Gathering) -> Option<Instant> {
        let until: Time = gathering.gathers_until(self.gather_micros())?;
        // Clocks are set now and then; no gathering is longer for it.
        let left = until.since(now()).clamp(0, self.gather_micros());
        Some(Instant::now() + Duration::from_micros(left.unsigned_abs()))
    }

    /// Whether the coders stand as is waited for; only those that were `touched`, where that is known.
    async fn judge(&self, bus: &Bus, gathering: &mut Gathering, touched: Option<BTreeSet<String>>) -> Result<(), bus::Error> {
        let Some(until) = self.until.clone().filter(Until::judges_state) else { return Ok(()) };
        if gathering.ended().is_some() || touched.as_ref().is_some_and(BTreeSet::is_empty) {
            return Ok(());
        }
        let ids = match (&self.watched, touched) {
            (WatchTarget::All, None) => None,
            (WatchTarget::All, Some(touched)) => Some(touched.into_iter().collect()),
            (watched, _) => Some(watched.ids()),
        };
        let not_coders = self.filter.not_coders.clone();
        let met = match ids {
            Some(ids) => bus.read_few(move |reader| standing(reader, &ids, &until)).await?,
            None => bus.read(move |reader| standing_of_all(reader, &until)).await?,
        };
        gathering.meet(met.into_iter().filter(|id| !not_coders.contains(id)).collect());
        Ok(())
    }

    fn step_events_max(&self) -> usize {
        if self.until.is_some() { STEP_EVENTS_MAX } else { self.events_max.min(STEP_EVENTS_MAX) }
    }
}

/// Those of `ids` that stand so.
fn standing(reader: &mut Reader, ids: &[String], until: &Until) -> Result<Vec<String>, history::Error> {
    let mut met = Vec::new();
    for id in ids {
        met.extend(reader.coder(id)?.filter(|coder| until.is_met_by_state(coder)).map(|coder| coder.coder_id));
    }
    Ok(met)
}

/// Those that stand so, of all that are unfinished or were active within a day.
fn standing_of_all(reader: &mut Reader, until: &Until) -> Result<Vec<String>, history::Error> {
    let day = Some(now().plus(-Time::DAY));
    let census = reader.census(&CensusQuery { finished_since: day, ..CensusQuery::default() })?;
    let mut met =
        census.coders.into_iter().map(|entry| entry.coder).filter(|coder| until.is_met_by_state(coder)).collect::<Vec<_>>();
    met.sort_by_key(|coder| std::cmp::Reverse(coder.last_activity));
    Ok(met.into_iter().map(|coder| coder.coder_id).collect())
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Whom it was of.
fn take(gathering: &mut Gathering, batch: Vec<Delivery>, subscription: &Subscription) -> BTreeSet<String> {
    let mut touched = BTreeSet::new();
    for delivery in batch {
        match delivery {
            Delivery::Event(event) => {
                touched.insert(event.coder_id.clone());
                gathering.take(event);
            }
            Delivery::Missed(missed) => gathering.miss(missed),
            Delivery::Replaced => gathering.end(WatchEnded::Gap),
        }
    }
    gathering.looked_through(subscription.cursor());
    touched
}

impl Patience {
    fn is_called_off(&self) -> bool {
        self.closing.is_cancelled() || self.cancelled.is_cancelled()
    }

    /// A caller that does not read must not hold up the answer.
    async fn tell(&mut self, whom: &str, events: u64) {
        let message =
            if events == 0 { format!("waiting for {whom}") } else { format!("waiting for {whom}, {events} events so far") };
        tokio::select! {
            () = self.closing.cancelled() => {}
            () = self.cancelled.cancelled() => {}
            () = tokio::time::sleep_until(self.deadline) => {}
            () = self.progress.tell(message) => {}
        }
    }
}
