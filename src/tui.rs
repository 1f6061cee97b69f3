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
//! grow with the history, nor with how fast it grows; who needs a person is looked for among all coders, which are bounded. It refuses to write to the history, and to fold events by itself: sums and
//! states are the aggregates'.

mod activity;
mod alerts;
mod detail;
mod draw;
mod feed;
mod log;
mod look;
mod panes;
mod prompt;
mod readings;
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
    time::{Instant, Interval, MissedTickBehavior},
};

use crate::{
    bus::{Bus, Delivery, From, Subscription},
    event::Time,
    filter::Filter,
};

pub use look::Look;
use readings::{Ask, Readings};
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
/// A frame waits this long for a page that was asked for: an empty list for the time it takes would flicker.
const PAGE: Duration = Duration::from_millis(40);
/// Between two readings of coders and sums, where something happened.
const OVERVIEW: Duration = Duration::from_millis(250);
/// The same after trouble.
const RETRY: Duration = Duration::from_secs(1);
/// Between two looks for coders that need a person among all there are, where something happened; and between two looks whether
/// the history is still the same, where nothing did.
const NEEDING: Duration = Duration::from_secs(5);
/// Between two countings of minutes by the history.
const MINUTES: Duration = Duration::from_secs(60);
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
    let view = View {
        bus,
        look,
        screen,
        state,
        subscription: bus.subscribe(Filter::default(), From::Now),
        readings: Readings::new(bus),
        drawn_at: None,
        asked_at: Instant::now(),
    };
    view.run(&mut hands, &mut signals).await
}

struct View<'b> {
    bus: &'b Bus,
    look: &'b Look,
    screen: Screen,
    state: State,
    subscription: Subscription,
    readings: Readings,
    drawn_at: Option<Instant>,
    /// When the newest page was asked for last.
    asked_at: Instant,
}

impl View<'_> {
    async fn run(mut self, hands: &mut UnboundedReceiver<Hand>, signals: &mut Signals) -> io::Result<Ended> {
        self.readings.ask(Ask::Overview);
        let first_page = self.state.ask();
        self.start(first_page)?;
        let (mut second, mut needing, mut minute) = (every(Duration::from_secs(1)), every(NEEDING), every(MINUTES));
        // What happened since the overview, and since who needs a person was read; when the overview may be read again: not
        // while it is being read.
        let (mut is_stale, mut is_needing_stale, mut overview_at) = (false, true, None);
        loop {
            let draw_at = self.draw_at();
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
                input = next_events(&mut self.subscription) => {
                    (is_stale, is_needing_stale) = (true, true);
                    input
                }
                input = self.readings.next() => input,
                _ = second.tick(), if self.drawn_at.is_some() => {
                    // Who is silent for long enough is stalled.
                    is_stale |= self.state.has_unfinished();
                    Input::Tick(now())
                }
                _ = needing.tick(), if self.drawn_at.is_some() => {
                    is_stale = true;
                    if std::mem::take(&mut is_needing_stale) {
                        self.readings.ask(Ask::Needing);
                    }
                    continue;
                }
                _ = minute.tick(), if self.drawn_at.is_some() => {
                    is_needing_stale |= self.state.has_unfinished();
                    self.readings.ask(Ask::Minutes(now()));
                    continue;
                }
                () = until(overview_at), if is_stale => {
                    (is_stale, overview_at) = (false, None);
                    self.readings.ask(Ask::Overview);
                    continue;
                }
                () = tokio::time::sleep_until(draw_at), if self.state.is_changed() => {
                    self.show()?;
                    continue;
                }
            };
            match input {
                Input::Overview(_) => overview_at = Some(Instant::now() + OVERVIEW),
                Input::Trouble(_) => {
                    is_stale = true;
                    overview_at.get_or_insert(Instant::now() + RETRY);
                }
                _ => {}
            }
            for effect in self.state.update(input) {
                if let Some(ended) = self.start(effect)? {
                    return Ok(ended);
                }
            }
        }
    }

    /// When what changed is to be shown.
    fn draw_at(&self) -> Instant {
        let earliest = self.drawn_at.map_or(self.asked_at, |drawn_at| drawn_at + FRAME);
        if self.state.is_ready() { earliest } else { earliest.max(self.asked_at + PAGE) }
    }

    fn show(&mut self) -> io::Result<()> {
        self.screen.show(&mut self.state, self.look)?;
        if self.drawn_at.replace(Instant::now()).is_none() {
            // What the first frame could do without.
            self.readings.ask(Ask::Past(now()));
        }
        Ok(())
    }

    fn start(&mut self, effect: Effect) -> io::Result<Option<Ended>> {
        match effect {
            Effect::Quit => return Ok(Some(Ended::Quit)),
            Effect::Interrupt => return Ok(Some(Ended::Signal(Signals::INTERRUPT))),
            Effect::Suspend => self.suspend()?,
            Effect::Load(wanted) => {
                if wanted.before.is_none() {
                    self.asked_at = Instant::now();
                }
                self.readings.ask(Ask::Page(wanted));
            }
            Effect::Begin => {
                self.subscription = self.bus.subscribe(Filter::default(), From::Now);
                self.readings.ask(Ask::Past(now()));
                self.readings.ask(Ask::Minutes(now()));
            }
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
    let (mut events, mut missed) = (Vec::with_capacity(deliveries.len()), None);
    for delivery in deliveries {
        match delivery {
            Delivery::Event(event) => events.push(event),
            Delivery::Missed(gap) => missed = Some(gap),
            // The overview says so too, and has everything read anew; these are among what is read.
            Delivery::Replaced => events.clear(),
        }
    }
    let behind = events.last().map_or(0, |last| now().since(last.received_at).max(0));
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
