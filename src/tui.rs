//! The live view for people: who works, who needs a person, what happens.
//!
//! ```text
//! keys, events, answers, time ─▶ state (pure) ─▶ effects: pages to read, text to copy, the end
//!                                  │
//!                                  ▼ at most thirty times a second, where something changed
//!                                draw (pure) ─▶ cells ─▶ terminal: only those that differ
//! ```
//!
//! It promises: what it shows was committed; the terminal is given back as it was, whatever ends the view; memory and work do not
//! grow with the history, nor with how fast it grows. It refuses to write to the history, and to fold events by itself: sums and
//! states are the aggregates'.

mod draw;
mod feed;
mod log;
mod look;
mod panes;
mod prompt;
mod roster;
mod signals;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod timeline;

use std::{io, time::Duration};

use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::JoinSet,
    time::{Instant, Interval, MissedTickBehavior},
};

use crate::{
    bus::{Bus, Delivery, From, Subscription},
    event::Time,
    filter::Filter,
};

pub use look::Look;
use signals::Signals;
use state::{Effect, Input, State};
use terminal::{Hand, Screen};

/// How the view ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The person had seen enough.
    Quit,
    /// By Ctrl-C, or a signal of this number.
    Signal(u8),
}

/// Between two frames.
const FRAME: Duration = Duration::from_millis(33);
/// The first frame waits this long for the history; then it says that it is read.
const FIRST_FRAME: Duration = Duration::from_millis(40);
/// Between two readings of coders and sums, where something happened; where nothing did, each second.
const OVERVIEW: Duration = Duration::from_millis(250);
/// Between two looks for coders that need a person among all there are.
const NEEDING: Duration = Duration::from_secs(5);
/// Events taken at once: keys are heard in between.
const EVENTS_AT_ONCE: usize = 1024;

/// Shows what `bus` tells until the person or a signal ends it. `words` is the filter to begin with, as it was typed.
///
/// # Errors
/// Where the terminal cannot be used.
pub async fn watch(bus: &Bus, look: &Look, words: &str, filter: Filter) -> io::Result<Ended> {
    let mut signals = Signals::listen()?;
    let screen = Screen::enter()?;
    let mut hands = terminal::hands()?;
    let state = State::new(now(), screen.size()?, words, filter);
    View { bus, look, screen, state, reading: JoinSet::new(), drawn_at: None }.run(&mut hands, &mut signals).await
}

struct View<'b> {
    bus: &'b Bus,
    look: &'b Look,
    screen: Screen,
    state: State,
    /// What is being read for the state.
    reading: JoinSet<Input>,
    drawn_at: Option<Instant>,
}

impl View<'_> {
    async fn run(mut self, hands: &mut UnboundedReceiver<Hand>, signals: &mut Signals) -> io::Result<Ended> {
        let mut subscription = self.bus.subscribe(Filter::default(), From::Now);
        self.reading.spawn(feed::overview(self.bus.clone()));
        let first_page = self.state.ask();
        self.start(first_page)?;
        let begun = Instant::now();
        let mut second = every(Duration::from_secs(1));
        let mut needing = every(NEEDING);
        let mut minute = every(Duration::from_secs(60));
        // Whether the overview is older than what happened, and when it may be read again: not while it is being read.
        let (mut is_stale, mut overview_at) = (false, None);
        loop {
            let draw_at = match self.drawn_at {
                Some(drawn_at) => drawn_at + FRAME,
                None if self.state.is_ready() => begun,
                None => begun + FIRST_FRAME,
            };
            let input = tokio::select! {
                hand = hands.recv() => match hand {
                    Some(Hand::Key(key)) => Input::Key(key),
                    Some(Hand::Paste(text)) => Input::Paste(text),
                    Some(Hand::Resize(size)) => Input::Resize(size),
                    None => return Ok(Ended::Signal(Signals::HANGUP)),
                },
                signal = signals.next() => match signal {
                    Signals::SUSPEND => {
                        self.suspend()?;
                        continue;
                    }
                    Signals::RESUME => {
                        self.screen.resume()?;
                        self.show()?;
                        continue;
                    }
                    signal => return Ok(Ended::Signal(signal)),
                },
                input = next_events(&mut subscription) => {
                    is_stale = true;
                    input
                }
                Some(read) = self.reading.join_next() => read.unwrap_or_else(|error| Input::Trouble(error.to_string())),
                _ = second.tick(), if self.drawn_at.is_some() => {
                    // Who is silent for long enough is stalled.
                    is_stale |= self.state.has_unfinished();
                    Input::Tick(now())
                }
                _ = needing.tick(), if self.drawn_at.is_some() => {
                    self.reading.spawn(feed::needing(self.bus.clone()));
                    continue;
                }
                _ = minute.tick(), if self.drawn_at.is_some() => {
                    // What came while they were read is counted once more, and now exactly.
                    self.reading.spawn(feed::minutes(self.bus.clone(), now()));
                    continue;
                }
                () = until(overview_at), if is_stale => {
                    (is_stale, overview_at) = (false, None);
                    self.reading.spawn(feed::overview(self.bus.clone()));
                    continue;
                }
                () = tokio::time::sleep_until(draw_at), if self.state.is_changed() => {
                    self.show()?;
                    continue;
                }
            };
            if matches!(input, Input::Overview(_) | Input::Trouble(_)) {
                overview_at = Some(Instant::now() + OVERVIEW);
            }
            for effect in self.state.update(input) {
                if let Some(ended) = self.start(effect)? {
                    return Ok(ended);
                }
            }
        }
    }

    fn show(&mut self) -> io::Result<()> {
        self.screen.show(&mut self.state, self.look)?;
        if self.drawn_at.replace(Instant::now()).is_none() {
            // What the first frame could do without.
            self.reading.spawn(feed::past(self.bus.clone(), now()));
        }
        Ok(())
    }

    fn recall(&mut self) {
        self.reading.spawn(feed::past(self.bus.clone(), now()));
        self.reading.spawn(feed::minutes(self.bus.clone(), now()));
    }

    fn start(&mut self, effect: Effect) -> io::Result<Option<Ended>> {
        match effect {
            Effect::Quit => return Ok(Some(Ended::Quit)),
            Effect::Interrupt => return Ok(Some(Ended::Signal(Signals::INTERRUPT))),
            Effect::Suspend => self.suspend()?,
            Effect::Load(wanted) => drop(self.reading.spawn(feed::page(self.bus.clone(), wanted))),
            Effect::Recall => self.recall(),
            Effect::Copy(text) => self.screen.copy(&text)?,
        }
        Ok(None)
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.screen.suspend()?;
        self.show()
    }
}

/// What was committed, as soon as it was.
async fn next_events(subscription: &mut Subscription) -> Input {
    let Some(next) = subscription.next_batch(EVENTS_AT_ONCE).await else { return std::future::pending().await };
    let deliveries = match next {
        Ok(deliveries) => deliveries,
        Err(error) => return Input::Trouble(error.to_string()),
    };
    let is_full = deliveries.len() == EVENTS_AT_ONCE;
    let (mut events, mut missed) = (Vec::with_capacity(deliveries.len()), None);
    for delivery in deliveries {
        match delivery {
            Delivery::Event(event) => events.push(event),
            Delivery::Missed(gap) => missed = Some(gap),
        }
    }
    // More is waiting: the last of these says how long.
    let behind = events.last().filter(|_| is_full).map_or(0, |last| now().since(last.received_at).max(0));
    Input::Events { events, behind, missed }
}

fn every(span: Duration) -> Interval {
    let mut interval = tokio::time::interval(span);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn now() -> Time {
    std::time::SystemTime::now().into()
}
