//! What is on the screen, and how keys, events and time change it. Pure: no terminal, no clock, no history.

mod keys;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use ratatui::{crossterm::event::KeyEvent, layout::Size};

use crate::{
    aggregate::{CoderView, Stats},
    event::{Body, Event, EventType, Micros, Time, sentence},
    filter::{Filter, TypeSet},
    history::{Minute, Missed},
};

use super::{
    log::Log,
    panes::Panes,
    prompt::Prompt,
    roster::{Row, Sort, Standing, arrange, name},
    timeline::Timeline,
};

/// What happens to the screen.
#[derive(Debug)]
pub enum Input {
    Key(KeyEvent),
    Paste(String),
    Resize(Size),
    /// It is so late now.
    Tick(Time),
    /// Just committed, in order; how far behind that is, and what retention took before it was read.
    Events {
        events: Vec<Arc<Event>>,
        behind: Micros,
        missed: Option<Missed>,
    },
    Overview(Box<Overview>),
    /// Coders that need a person, whether or not they are among the latest.
    Needing(Vec<CoderView>),
    Loaded(Loaded),
    /// How much each coder did in each of the last minutes.
    Minutes(Vec<Minute>),
    /// Lifecycle, errors, milestones and alerts of the last hour, oldest first.
    Past(Vec<Event>),
    /// The history cannot be read, and why; it is tried again.
    Trouble(String),
}

/// The coders and the sums, as the history tells them at one moment.
#[derive(Debug)]
pub struct Overview {
    /// Which history; empty while there is none.
    pub history: String,
    pub coders: Vec<CoderView>,
    pub stats: Stats,
}

/// A page of events that was asked for.
#[derive(Debug)]
pub struct Loaded {
    /// Of the question.
    pub number: u64,
    /// Oldest first.
    pub events: Vec<Event>,
    /// The newest seq there was.
    pub through: u64,
    /// They lie before what is shown, and belong in front of it.
    pub is_older: bool,
    /// Nothing that is wanted lies before them.
    pub is_whole: bool,
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Quit,
    /// Ctrl-C.
    Interrupt,
    Suspend,
    Load(Wanted),
    /// Read the last hour and its minutes.
    Recall,
    /// Into the clipboard.
    Copy(String),
}

/// A page of events to be read: the newest ones, or those before a seq.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub number: u64,
    pub filter: Filter,
    pub before: Option<u64>,
}

/// Which list the keys move in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Coders,
    Events,
}

/// What lies over the lists.
#[derive(Debug)]
pub enum Overlay {
    Help,
    Detail(Detail),
    Prompt(Prompt),
}

/// Something in full.
#[derive(Debug)]
pub struct Detail {
    pub title: String,
    pub lines: Vec<String>,
    pub top: usize,
}

/// What a person should know of until they have seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub seq: u64,
    pub at: Time,
    pub text: String,
    pub is_severe: bool,
}

/// Minutes of a coder's sparkline.
pub const MINUTES: usize = 20;
/// Alerts kept until they are acknowledged.
const ALERTS_MAX: usize = 100;

pub struct State {
    pub now: Time,
    pub size: Size,
    pub focus: Focus,
    pub overlay: Option<Overlay>,
    pub shows_timeline: bool,
    pub sort: Sort,
    /// Until the history was read once.
    pub overview: Option<Overview>,
    needing: Vec<CoderView>,
    names: HashMap<String, String>,
    pub rows: Vec<Row>,
    /// Row 0 stands for all coders.
    pub coder_at: usize,
    pub coder_top: usize,
    pub log: Log,
    /// As it was typed.
    pub filter_text: String,
    filter: Filter,
    /// [`State::filter`] for the chosen coder.
    wanted: Filter,
    pub errors_only: bool,
    pub alerts: Vec<Alert>,
    pub timeline: Timeline,
    /// Events by coder and minute.
    minutes: HashMap<String, BTreeMap<Time, u64>>,
    minutes_of_all: BTreeMap<Time, u64>,
    /// Memory in MiB and CPU in percent, the latest of each coder.
    pub usage: HashMap<String, (Option<u64>, Option<f64>)>,
    pub behind: Micros,
    /// A word to the person, until the next key.
    pub notice: Option<String>,
    pub trouble: Option<String>,
    acknowledged: u64,
    asked: u64,
    is_loading: bool,
    is_changed: bool,
}

impl State {
    pub fn new(now: Time, size: Size, filter_text: &str, filter: Filter) -> State {
        State {
            now,
            size,
            focus: Focus::Coders,
            overlay: None,
            shows_timeline: false,
            sort: Sort::default(),
            overview: None,
            needing: Vec::new(),
            names: HashMap::new(),
            rows: Vec::new(),
            coder_at: 0,
            coder_top: 0,
            log: Log::default(),
            filter_text: filter_text.to_owned(),
            wanted: filter.clone(),
            filter,
            errors_only: false,
            alerts: Vec::new(),
            timeline: Timeline::default(),
            minutes: HashMap::new(),
            minutes_of_all: BTreeMap::new(),
            usage: HashMap::new(),
            behind: 0,
            notice: None,
            trouble: None,
            acknowledged: 0,
            asked: 0,
            is_loading: false,
            is_changed: true,
        }
    }

    /// Whether the screen is to be drawn anew.
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// It is drawn now, on a screen of this size.
    pub fn fit(&mut self, size: Size) {
        if self.size != size {
            self.size = size;
            self.settle();
        }
    }

    pub fn was_drawn(&mut self) {
        self.is_changed = false;
    }

    /// Whether there is something to show.
    pub fn is_ready(&self) -> bool {
        self.trouble.is_some() || (self.overview.is_some() && !self.is_loading)
    }

    /// Whether time alone may change what a coder is said to do.
    pub fn has_unfinished(&self) -> bool {
        self.rows.iter().any(|row| Standing::of(&row.coder) < Standing::Completed)
    }

    pub fn update(&mut self, input: Input) -> Vec<Effect> {
        self.is_changed = true;
        match input {
            Input::Key(key) => return self.press(key),
            Input::Paste(text) => {
                if let Some(Overlay::Prompt(prompt)) = &mut self.overlay {
                    text.chars().filter(|c| !c.is_control()).for_each(|c| prompt.insert(c));
                }
            }
            Input::Resize(size) => self.fit(size),
            Input::Tick(now) => self.tick(now),
            Input::Events { events, behind, missed } => {
                self.behind = behind;
                events.iter().for_each(|event| self.take(event));
                if let Some(Missed { after, through }) = missed {
                    self.notice = Some(format!("retention removed {} to {through} before they were read", after + 1));
                }
            }
            Input::Overview(overview) => {
                let is_another = self.overview.as_ref().is_some_and(|known| known.history != overview.history);
                // What was asked for meanwhile may have found nothing to read.
                let is_back = self.trouble.take().is_some();
                self.overview = Some(*overview);
                if is_another {
                    return self.begin_anew();
                }
                if self.arrange() || is_back {
                    return vec![self.ask()];
                }
            }
            Input::Needing(coders) => {
                self.needing = coders;
                if self.arrange() {
                    return vec![self.ask()];
                }
            }
            Input::Loaded(loaded) => self.take_page(loaded),
            Input::Minutes(minutes) => {
                self.minutes.clear();
                self.minutes_of_all.clear();
                for Minute { coder_id, start, events } in minutes {
                    self.count(&coder_id, start, events);
                }
            }
            Input::Past(events) => {
                for event in &events {
                    self.timeline.add(event);
                    self.warn_of(event);
                }
            }
            Input::Trouble(why) => self.trouble = Some(why),
        }
        Vec::new()
    }

    /// The page to begin with, and whenever what is wanted changes.
    pub fn ask(&mut self) -> Effect {
        self.log = Log::default();
        self.wanted = self.want();
        self.load(None)
    }

    pub fn panes(&self) -> Panes {
        Panes::of(self.size, !self.alerts.is_empty(), self.rows.len() + 1)
    }

    /// The chosen coder; none: all of them.
    pub fn chosen(&self) -> Option<&CoderView> {
        self.coder_at.checked_sub(1).and_then(|at| self.rows.get(at)).map(|row| &row.coder)
    }

    /// Another history has taken the place of the one that was shown: its seqs mean other events.
    fn begin_anew(&mut self) -> Vec<Effect> {
        (self.timeline, self.acknowledged) = (Timeline::default(), 0);
        self.alerts.clear();
        self.minutes.clear();
        self.minutes_of_all.clear();
        self.usage.clear();
        self.needing.clear();
        self.arrange();
        vec![self.ask(), Effect::Recall]
    }

    /// Which events are shown: what was typed, of the chosen coder, maybe errors only.
    fn want(&self) -> Filter {
        let mut filter = self.filter.clone();
        if let Some(coder) = self.chosen() {
            filter.coders = vec![coder.coder_id.clone()];
        }
        if self.errors_only {
            let among = |set: TypeSet| errors().iter().filter(|&kind| set.contains(kind)).fold(TypeSet::EMPTY, TypeSet::with);
            filter.types = Some(filter.types.map_or_else(errors, among));
        }
        filter
    }

    /// What the coder is called.
    pub fn name_of<'s>(&'s self, coder_id: &'s str) -> &'s str {
        self.names.get(coder_id).map_or(coder_id, String::as_str)
    }

    /// How many need a person.
    pub fn needing_count(&self) -> usize {
        self.rows.iter().filter(|row| row.is_urgent).count()
    }

    /// Whether a page was asked for and is not here yet.
    pub fn is_loading(&self) -> bool {
        self.is_loading
    }

    /// A coder's events in each of the last minutes, oldest first.
    pub fn sparkline(&self, coder_id: &str) -> [u64; MINUTES] {
        self.minutes.get(coder_id).map_or([0; MINUTES], |minutes| self.counts(minutes))
    }

    /// The same of all.
    pub fn all_sparkline(&self) -> [u64; MINUTES] {
        self.counts(&self.minutes_of_all)
    }

    fn counts(&self, minutes: &BTreeMap<Time, u64>) -> [u64; MINUTES] {
        let mut counts = [0; MINUTES];
        for (back, count) in (0..).zip(counts.iter_mut().rev()) {
            let start = self.now.floor(Time::MINUTE).plus(-back * Time::MINUTE);
            *count = minutes.get(&start).copied().unwrap_or(0);
        }
        counts
    }

    fn count(&mut self, coder_id: &str, minute: Time, events: u64) {
        *self.minutes_of_all.entry(minute).or_default() += events;
        if !self.minutes.contains_key(coder_id) {
            self.minutes.insert(coder_id.to_owned(), BTreeMap::new());
        }
        if let Some(minutes) = self.minutes.get_mut(coder_id) {
            *minutes.entry(minute).or_default() += events;
        }
    }

    fn tick(&mut self, now: Time) {
        self.is_changed = now.floor(Time::SECOND) != self.now.floor(Time::SECOND);
        self.now = now;
        self.timeline.forget(now);
        let from = now.floor(Time::MINUTE).plus(-(MINUTES as Micros) * Time::MINUTE);
        self.minutes_of_all = self.minutes_of_all.split_off(&from);
        self.minutes.retain(|_, minutes| {
            *minutes = minutes.split_off(&from);
            !minutes.is_empty()
        });
    }

    fn take(&mut self, event: &Arc<Event>) {
        self.now = self.now.max(event.received_at);
        if event.completes.is_none() {
            self.count(&event.coder_id, event.timestamp.floor(Time::MINUTE), 1);
        }
        if let Body::Resource(fields) = &event.body
            && event.kind == EventType::ResourceUsage
        {
            self.usage.insert(event.coder_id.clone(), (fields.memory_mb, fields.cpu_percent));
        }
        self.timeline.add(event);
        self.warn_of(event);
        if event.completes.is_some() || self.wanted.matches(event) {
            self.log.add(event);
        }
    }

    fn warn_of(&mut self, event: &Event) {
        let is_severe = match event.kind {
            EventType::FailureAlert => true,
            EventType::SystemWarning => false,
            _ => return,
        };
        if event.seq <= self.acknowledged || self.alerts.iter().any(|alert| alert.seq == event.seq) {
            return;
        }
        let text = format!("{}: {}", self.name_of(&event.coder_id), sentence(event));
        self.alerts.push(Alert { seq: event.seq, at: event.timestamp, text, is_severe });
        self.alerts.sort_by_key(|alert| alert.seq);
        if self.alerts.len() > ALERTS_MAX {
            self.alerts.remove(0);
        }
    }

    fn take_page(&mut self, loaded: Loaded) {
        if loaded.number != self.asked {
            return;
        }
        self.is_loading = false;
        if loaded.is_older {
            self.log.prepend(loaded.events, loaded.is_whole);
        } else {
            self.log.replace(loaded.events, loaded.through, loaded.is_whole);
        }
        self.settle();
    }

    fn load(&mut self, before: Option<u64>) -> Effect {
        self.asked += 1;
        self.is_loading = true;
        Effect::Load(Wanted { number: self.asked, filter: self.wanted.clone(), before })
    }

    /// Sorts, with the chosen coder still chosen. Whether it is gone.
    fn arrange(&mut self) -> bool {
        let Some(overview) = &self.overview else { return false };
        let chosen = self.chosen().map(|coder| coder.coder_id.clone());
        let latest = overview.coders.iter().map(|coder| coder.coder_id.as_str()).collect::<HashSet<_>>();
        let others = self.needing.iter().filter(|coder| !latest.contains(coder.coder_id.as_str()));
        self.rows = arrange(overview.coders.iter().chain(others).cloned().collect(), self.sort, self.now);
        self.names = self.rows.iter().map(|row| (row.coder.coder_id.clone(), name(&row.coder))).collect();
        let at = |id: &String| self.rows.iter().position(|row| row.coder.coder_id == *id);
        self.coder_at = chosen.as_ref().and_then(at).map_or(0, |at| at + 1);
        self.settle();
        chosen.is_some() && self.coder_at == 0
    }

    /// Keeps the lists where the cursors are.
    fn settle(&mut self) {
        let panes = self.panes();
        let height = panes.coder_rows();
        let last = (self.rows.len() + 1).saturating_sub(height);
        let least = (self.coder_at + 1).saturating_sub(height);
        self.coder_top = self.coder_top.clamp(least.min(self.coder_at), self.coder_at).min(last);
        self.log.settle(panes.event_rows());
    }
}

fn errors() -> TypeSet {
    use EventType::*;
    [Failed, ApiError, RateLimit, ResourceLimit, FailureAlert, SystemWarning].into_iter().fold(TypeSet::EMPTY, TypeSet::with)
}
