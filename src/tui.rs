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
//! grow with the history, nor with how fast it grows; who needs a person is looked for among all coders, which are bounded. It writes
//! nothing to the history but that a person saw to a coder, and folds no events by itself: sums and states are the aggregates'.

mod activity;
mod alerts;
mod detail;
mod draw;
mod event_log;
mod feed;
mod panes;
mod prompt;
mod readings;
mod roster;
mod row_filter;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod timeline;

use std::{io, time::Duration};

use jiff::Zoned;
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, Interval, MissedTickBehavior},
};

use crate::{
    bus::{Begin, Bus, Delivery, Subscription},
    event::Time,
    filter::Filter,
    signals::{HANGUP, INTERRUPT, QUIT, RESUME, SUSPEND, Signals, TERMINATE},
};

use readings::{Ask, Readings};
use state::{Effect, ViewInput, ViewState};
use terminal::{Hand, Screen};

pub use theme::Theme;

/// How the view ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchEnd {
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

/// Shows what `bus` tells until the person or a signal ends it. `words` is the filter to begin with, as it was typed;
/// where it `rings`, the terminal's bell tells that one more coder needs a person.
///
/// # Errors
/// Where the terminal cannot be used.
pub async fn watch(bus: &Bus, theme: &Theme, words: &str, filter: Filter, rings: bool) -> io::Result<WatchEnd> {
    // Unheard, they would leave the terminal as the view has it, or the view without it.
    let mut signals = Signals::listen(&[INTERRUPT, TERMINATE, HANGUP, QUIT, SUSPEND, RESUME])?;
    let screen = Screen::enter(rings)?;
    let mut hands = terminal::hands()?;
    let state = ViewState::new(now(), screen.size()?, words, filter);
    let view = View {
        bus,
        theme,
        screen,
        state,
        subscription: bus.subscribe(Filter::default(), Begin::Now),
        readings: Readings::new(bus),
        drawn_at: None,
        asked_at: Instant::now(),
        due: Due::new(),
    };
    view.run(&mut hands, &mut signals).await
}

struct View<'b> {
    bus: &'b Bus,
    theme: &'b Theme,
    screen: Screen,
    state: ViewState,
    subscription: Subscription,
    readings: Readings,
    drawn_at: Option<Instant>,
    /// When the newest page was asked for last.
    asked_at: Instant,
    due: Due,
}

/// What is to be read again, and when.
struct Due {
    second: Interval,
    needing: Interval,
    minute: Interval,
    /// Something happened since the overview was read.
    is_overview_stale: bool,
    /// Something happened since it was read who needs a person.
    is_needing_stale: bool,
    /// When the overview may be read again: not while it is being read.
    overview_at: Option<Instant>,
}

/// What the view wakes for.
enum ViewWake {
    Input(ViewInput),
    Signal(u8),
    /// To look who needs a person.
    Needing,
    /// To have the minutes counted.
    Minute,
    /// To read the overview.
    Overview,
    /// To draw what changed.
    Draw,
}

impl Due {
    fn new() -> Due {
        Due {
            second: every(Duration::from_secs(1)),
            needing: every(NEEDING),
            minute: every(MINUTES),
            is_overview_stale: false,
            is_needing_stale: true,
            overview_at: None,
        }
    }

    /// What `input` makes due.
    fn note(&mut self, input: &ViewInput, has_unfinished: bool) {
        match input {
            ViewInput::Overview(_) => self.overview_at = Some(Instant::now() + OVERVIEW),
            ViewInput::Trouble(_) => {
                self.is_overview_stale = true;
                self.overview_at.get_or_insert(Instant::now() + RETRY);
            }
            // Who is silent for long enough is stalled.
            ViewInput::Tick(_) => self.is_overview_stale |= has_unfinished,
            _ => {}
        }
    }
}

impl View<'_> {
    async fn run(mut self, hands: &mut UnboundedReceiver<Hand>, signals: &mut Signals) -> io::Result<WatchEnd> {
        self.readings.ask(Ask::Overview);
        let first_page = self.state.ask();
        self.start(first_page)?;
        loop {
            let input = match self.wake(hands, signals).await {
                ViewWake::Input(input) => input,
                ViewWake::Signal(SUSPEND) => {
                    self.suspend()?;
                    continue;
                }
                ViewWake::Signal(RESUME) => {
                    self.screen.resume()?;
                    self.show()?;
                    continue;
                }
                ViewWake::Signal(signal) => return Ok(WatchEnd::Signal(signal)),
                ViewWake::Needing => {
                    self.due.is_overview_stale = true;
                    if std::mem::take(&mut self.due.is_needing_stale) {
                        self.readings.ask(Ask::Needing);
                    }
                    continue;
                }
                ViewWake::Minute => {
                    self.due.is_needing_stale |= self.state.has_unfinished();
                    self.readings.ask(Ask::Minutes(now()));
                    continue;
                }
                ViewWake::Overview => {
                    (self.due.is_overview_stale, self.due.overview_at) = (false, None);
                    self.readings.ask(Ask::Overview);
                    continue;
                }
                ViewWake::Draw => {
                    self.show()?;
                    continue;
                }
            };
            self.due.note(&input, self.state.has_unfinished());
            for effect in self.state.update(input) {
                if let Some(ended) = self.start(effect)? {
                    return Ok(ended);
                }
            }
        }
    }

    async fn wake(&mut self, hands: &mut UnboundedReceiver<Hand>, signals: &mut Signals) -> ViewWake {
        let (draw_at, due, is_drawn) = (self.draw_at(), &mut self.due, self.drawn_at.is_some());
        tokio::select! {
            hand = hands.recv() => match hand {
                Some(Hand::Key(key)) => ViewWake::Input(ViewInput::Key(key)),
                Some(Hand::Paste(text)) => ViewWake::Input(ViewInput::Paste(text)),
                Some(Hand::Resize(size)) => ViewWake::Input(ViewInput::Resize(size)),
                None => ViewWake::Signal(HANGUP),
            },
            signal = signals.next() => ViewWake::Signal(signal),
            input = next_events(&mut self.subscription) => {
                (due.is_overview_stale, due.is_needing_stale) = (true, true);
                ViewWake::Input(input)
            }
            input = self.readings.next() => ViewWake::Input(input),
            _ = due.second.tick(), if is_drawn => ViewWake::Input(ViewInput::Tick(now())),
            _ = due.needing.tick(), if is_drawn => ViewWake::Needing,
            _ = due.minute.tick(), if is_drawn => ViewWake::Minute,
            () = until(due.overview_at), if due.is_overview_stale => ViewWake::Overview,
            () = tokio::time::sleep_until(draw_at), if self.state.is_changed() => ViewWake::Draw,
        }
    }

    /// When what changed is to be shown.
    fn draw_at(&self) -> Instant {
        let earliest = self.drawn_at.map_or(self.asked_at, |drawn_at| drawn_at + FRAME);
        if self.state.is_ready() { earliest } else { earliest.max(self.asked_at + PAGE) }
    }

    fn show(&mut self) -> io::Result<()> {
        self.screen.show(&mut self.state, self.theme)?;
        if self.drawn_at.replace(Instant::now()).is_none() {
            // What the first frame could do without.
            self.readings.ask(Ask::Past(now()));
        }
        Ok(())
    }

    fn start(&mut self, effect: Effect) -> io::Result<Option<WatchEnd>> {
        match effect {
            Effect::Quit => return Ok(Some(WatchEnd::Quit)),
            Effect::Interrupt => return Ok(Some(WatchEnd::Signal(INTERRUPT))),
            Effect::Suspend => self.suspend()?,
            Effect::Load(wanted) => {
                if wanted.before.is_none() {
                    self.asked_at = Instant::now();
                }
                self.readings.ask(Ask::Page(wanted));
            }
            Effect::Begin => {
                self.subscription = self.bus.subscribe(Filter::default(), Begin::Now);
                self.readings.ask(Ask::Past(now()));
                self.readings.ask(Ask::Minutes(now()));
            }
            Effect::Copy(text) => self.screen.copy(&text)?,
            Effect::Parse(text) => {
                let now = Zoned::now().with_time_zone(self.theme.zone.clone());
                self.readings.ask(Ask::Filter(text, now));
            }
            Effect::Brief(coder_id) => self.readings.ask(Ask::Brief(coder_id, now())),
            Effect::Marks(wanted) => {
                self.asked_at = Instant::now();
                self.readings.ask(Ask::Marks(wanted));
            }
            Effect::Open(seq) => self.readings.ask(Ask::Event(seq)),
            Effect::See(coder_ids) => self.readings.ask(Ask::See(coder_ids)),
        }
        Ok(None)
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.screen.suspend()?;
        self.show()
    }
}

/// What was committed, as soon as it was.
async fn next_events(subscription: &mut Subscription) -> ViewInput {
    let Some(next) = subscription.next_batch(EVENTS_AT_ONCE).await else { return std::future::pending().await };
    let deliveries = match next {
        Ok(deliveries) => deliveries,
        Err(error) => return ViewInput::Trouble(error.to_string()),
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
    ViewInput::Events { events, behind, missed }
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
