//! What is on the screen, and how keys, events and time change it. Pure: no terminal, no clock, no history.

mod alert_keys;
mod exchange;
mod keys;
mod timeline_keys;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use ratatui::layout::Size;

use crate::{
    aggregate::CoderView,
    event::{Body, Event, EventType, Micros, Time},
    filter::{Filter, TypeSet},
    history::Missed,
    story::Act,
    style::Tint,
};

pub use exchange::{Effect, Loaded, Overview, ViewInput, Wanted};

use super::{
    activity::Activity,
    alerts::{Alert, Alerts},
    detail::DetailPane,
    event_log::EventLog,
    panes::Panes,
    prompt::Prompt,
    roster::{Row, Sort, Standing, arrange, name},
    row_filter::RowFilter,
    timeline::Timeline,
};

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
    Detail(DetailPane),
    /// The filter of events.
    Prompt(Prompt),
    /// Words that narrow the coders, as they are typed.
    Narrow(Prompt),
    /// Alerts, seen ones too, and the place of the one that the keys are on.
    Alerts(usize),
}

pub struct ViewState {
    pub now: Time,
    pub size: Size,
    pub focus: Focus,
    pub overlay: Option<Overlay>,
    pub shows_timeline: bool,
    pub sort: Sort,
    pub row_filter: RowFilter,
    /// Until the history was read once.
    pub overview: Option<Overview>,
    needing: Vec<CoderView>,
    /// All that are known, shown or not.
    known: Vec<CoderView>,
    names: HashMap<String, String>,
    pub rows: Vec<Row>,
    /// Row 0 stands for all coders.
    pub coder_at: usize,
    pub coder_top: usize,
    pub log: EventLog,
    /// As it was typed.
    pub filter_text: String,
    filter: Filter,
    /// [`ViewState::filter`] for the chosen coder.
    wanted: Filter,
    pub errors_only: bool,
    pub alerts: Alerts,
    pub timeline: Timeline,
    pub activity: Activity,
    /// Memory in MiB and CPU in percent, the latest of each coder.
    pub usage: HashMap<String, (Option<u64>, Option<f64>)>,
    pub behind: Micros,
    /// A word to the person, until the next key.
    pub notice: Option<String>,
    pub trouble: Option<String>,
    /// Events came since the last tick.
    is_fed: bool,
    asked: u64,
    is_loading: bool,
    /// The event that the cursor is to stand on once the page is here.
    goes_to: Option<u64>,
    /// To which mark the cursor is to go once they are here: an earlier one, or a later.
    steps_on: Option<bool>,
    is_changed: bool,
}

impl ViewState {
    pub fn new(now: Time, size: Size, filter_text: &str, filter: Filter) -> ViewState {
        ViewState {
            now,
            size,
            focus: Focus::Coders,
            overlay: None,
            shows_timeline: false,
            sort: Sort::default(),
            row_filter: RowFilter::default(),
            overview: None,
            needing: Vec::new(),
            known: Vec::new(),
            names: HashMap::new(),
            rows: Vec::new(),
            coder_at: 0,
            coder_top: 0,
            log: EventLog::default(),
            filter_text: filter_text.to_owned(),
            wanted: filter.clone(),
            filter,
            errors_only: false,
            alerts: Alerts::default(),
            timeline: Timeline::default(),
            activity: Activity::default(),
            usage: HashMap::new(),
            behind: 0,
            notice: None,
            trouble: None,
            is_fed: false,
            asked: 0,
            is_loading: false,
            goes_to: None,
            steps_on: None,
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
        self.trouble.is_some() || (self.overview.is_some() && !self.is_loading && !self.timeline.is_reading())
    }

    /// Whether time alone may change what a coder is said to do.
    pub fn has_unfinished(&self) -> bool {
        self.known.iter().any(|coder| Standing::of(coder) < Standing::Completed)
    }

    pub fn update(&mut self, input: ViewInput) -> Vec<Effect> {
        let was_changed = std::mem::replace(&mut self.is_changed, true);
        match input {
            ViewInput::Key(key) => return self.press(key),
            ViewInput::Paste(text) => {
                if let Some(Overlay::Prompt(prompt) | Overlay::Narrow(prompt)) = &mut self.overlay {
                    text.chars().filter(|c| !c.is_control()).for_each(|c| prompt.insert(c));
                }
            }
            ViewInput::Resize(size) => self.fit(size),
            ViewInput::Tick(now) => self.is_changed = self.tick(now) || was_changed,
            ViewInput::Events { events, behind, missed } => {
                (self.behind, self.is_fed) = (behind, true);
                events.iter().for_each(|event| self.take(event));
                if let Some(Missed { after, through }) = missed {
                    self.notice = Some(format!("retention may have removed {} to {through} before they were read", after + 1));
                }
            }
            ViewInput::Overview(overview) => return self.take_overview(*overview),
            ViewInput::Needing(coders) => {
                self.needing = coders;
                self.arrange();
            }
            ViewInput::Loaded(loaded) => return self.take_page(loaded),
            ViewInput::Minutes(minutes) => self.activity.replace(minutes),
            ViewInput::Past(events) => events.iter().for_each(|event| self.alerts.add(event)),
            ViewInput::Marks(read) => self.take_marks(read),
            ViewInput::Opened { seq, event, cause } => self.open(seq, event.as_deref(), cause.as_deref()),
            ViewInput::Brief { coder_id, text } => {
                if let Some(Overlay::Detail(detail)) = &mut self.overlay
                    && detail.title == coder_id
                {
                    detail.fill(text.lines().map(|line| (Tint::Plain, line.to_owned())).collect());
                    self.settle();
                }
            }
            ViewInput::Parsed { text, filter } => return self.take_filter(text, filter),
            ViewInput::Told(words) => self.notice = Some(words),
            ViewInput::Trouble(why) => self.trouble = Some(why),
        }
        Vec::new()
    }

    /// The page to begin with, and whenever what is wanted changes.
    pub fn ask(&mut self) -> Effect {
        self.log = EventLog::default();
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

    /// Which events are shown: what was typed, of the chosen coder, maybe errors only.
    fn want(&self) -> Filter {
        let mut filter = self.filter.clone();
        if let Some(coder) = self.chosen() {
            if !filter.coders.is_empty() && !filter.coders.contains(&coder.coder_id) {
                // The events of another coder than the typed ones are none of those.
                filter.types = Some(TypeSet::EMPTY);
            }
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

    /// The act in a sentence: files as its coder sees them, coders by their names.
    pub fn told(&self, act: &Act<'_>) -> String {
        let coder = self.known.iter().find(|coder| coder.coder_id == act.event.coder_id);
        let folder = coder.and_then(|coder| coder.project.as_deref());
        let Some(message) = message(act.event) else { return act.sentence(folder) };
        let told = self.with_names(message.to_owned());
        // Cut from the end, a path in front would leave nothing of who it is about.
        folder.and_then(|folder| told.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned)).unwrap_or(told)
    }

    /// An alert in a sentence: whose, and what.
    pub fn told_alert(&self, alert: &Alert) -> String {
        format!("{}: {}", self.name_of(&alert.event.coder_id), self.told(&Act::of(&alert.event)))
    }

    /// Coders that a warning speaks of, by their names.
    pub fn with_names(&self, line: String) -> String {
        let mut named: Vec<(&String, &String)> = self.names.iter().filter(|(id, _)| line.contains(id.as_str())).collect();
        // A subagent's id begins with its parent's.
        named.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(id.len()));
        named.into_iter().fold(line, |line, (id, name)| line.replace(id.as_str(), name))
    }

    /// What was typed is looked for, or put right by the person.
    fn take_filter(&mut self, text: String, filter: Result<Filter, String>) -> Vec<Effect> {
        match filter {
            Ok(filter) => {
                self.notice = Filter::unknown_key(&text).map(|key| format!("`{key}:` is no key: looked for as text"));
                (self.filter, self.filter_text) = (filter, text);
                vec![self.ask()]
            }
            Err(complaint) => {
                let mut prompt = Prompt::new(&text);
                prompt.complaint = Some(complaint);
                self.overlay.get_or_insert(Overlay::Prompt(prompt));
                Vec::new()
            }
        }
    }

    /// How many coders there are to choose from.
    pub fn known_count(&self) -> usize {
        self.known.len()
    }

    /// How many need a person.
    pub fn needing_count(&self) -> usize {
        self.known.iter().filter(|coder| !coder.needs_attention.is_empty()).count()
    }

    /// Whether a page was asked for and is not here yet.
    pub fn is_loading(&self) -> bool {
        self.is_loading
    }

    /// Whether a second began.
    fn tick(&mut self, now: Time) -> bool {
        let is_new = now.floor(Time::SECOND) != self.now.floor(Time::SECOND);
        self.now = now;
        if !std::mem::take(&mut self.is_fed) {
            self.behind = 0;
        }
        self.timeline.forget(now);
        self.activity.forget(now, |coder_id| self.names.contains_key(coder_id));
        is_new
    }

    fn take(&mut self, event: &Arc<Event>) {
        self.now = self.now.max(event.received_at);
        self.activity.add(event);
        if let Body::Resource(fields) = &event.body
            && event.kind == EventType::ResourceUsage
        {
            self.usage.insert(event.coder_id.clone(), (fields.memory_mb, fields.cpu_percent));
        }
        if self.shows_timeline {
            self.timeline.add(event);
        }
        self.alerts.add(event);
        if event.completes.is_some() || self.wanted.matches(event) {
            self.log.add(event);
        }
    }

    fn take_overview(&mut self, overview: Overview) -> Vec<Effect> {
        let is_another = self.overview.as_ref().is_some_and(|known| known.history != overview.history);
        // What was asked for meanwhile may have found nothing to read.
        let is_back = self.trouble.take().is_some();
        if is_another {
            // Its seqs mean other events.
            (self.timeline, self.alerts, self.activity) = (Timeline::default(), Alerts::default(), Activity::default());
            (self.usage, self.needing, self.rows) = (HashMap::new(), Vec::new(), Vec::new());
            (self.coder_at, self.coder_top) = (0, 0);
        }
        self.overview = Some(overview);
        self.arrange();
        let mut effects = Vec::new();
        if is_another || is_back {
            effects.extend([Effect::Begin, self.ask()]);
            effects.extend(self.shows_timeline.then(|| self.ask_for_marks()));
        }
        effects
    }

    fn take_page(&mut self, loaded: Loaded) -> Vec<Effect> {
        if loaded.number != self.asked {
            return Vec::new();
        }
        self.is_loading = false;
        if loaded.is_older {
            self.log.prepend(loaded.events, loaded.older);
        } else {
            self.log.replace(loaded.events, loaded.through, loaded.older);
            self.goes_to.take().into_iter().for_each(|seq| self.log.go_to(seq));
        }
        self.settle();
        // What is rare lies further back than one reading looks.
        match self.log.older() {
            Some(older) if self.log.has_room() && self.log.rows().len() < self.panes().event_rows() => {
                vec![self.load(Some(older))]
            }
            _ => Vec::new(),
        }
    }

    fn load(&mut self, before: Option<u64>) -> Effect {
        self.asked += 1;
        self.is_loading = true;
        Effect::Load(Wanted { number: self.asked, filter: self.wanted.clone(), before })
    }

    /// Sorts, with the chosen coder still chosen, also where others have taken its place among the latest.
    fn arrange(&mut self) {
        let Some(overview) = &self.overview else { return };
        let chosen = self.chosen().cloned();
        let mut known = HashSet::new();
        let coders = overview.coders.iter().chain(&self.needing).chain(&chosen);
        let coders: Vec<CoderView> = coders.filter(|coder| known.insert(coder.coder_id.as_str())).cloned().collect();
        self.rows = arrange(coders.iter().filter(|coder| self.row_filter.keeps(coder)).cloned().collect(), self.sort);
        self.names = coders.iter().map(|coder| (coder.coder_id.clone(), name(coder))).collect();
        self.known = coders;
        self.usage.retain(|coder_id, _| self.names.contains_key(coder_id));
        let place = |chosen: CoderView| self.rows.iter().position(|row| row.coder.coder_id == chosen.coder_id);
        self.coder_at = chosen.and_then(place).map_or(0, |at| at + 1);
        self.settle();
    }

    /// Keeps the lists where the cursors are.
    fn settle(&mut self) {
        let panes = self.panes();
        let height = panes.coder_rows();
        let last = (self.rows.len() + 1).saturating_sub(height);
        let least = (self.coder_at + 1).saturating_sub(height);
        self.coder_top = self.coder_top.clamp(least.min(self.coder_at), self.coder_at).min(last);
        self.log.settle(panes.event_rows());
        if let Some(Overlay::Alerts(at)) = &mut self.overlay {
            *at = (*at).min(self.alerts.all().count().saturating_sub(1));
        }
        if let Some(Overlay::Detail(detail)) = &mut self.overlay {
            detail.fit(self.size.width.into(), panes.detail_rows());
        }
    }
}

/// What a warning says.
fn message(event: &Event) -> Option<&str> {
    match &event.body {
        Body::Derived(derived) if event.kind == EventType::SystemWarning => derived.message.as_deref(),
        _ => None,
    }
}

fn errors() -> TypeSet {
    use EventType::*;
    [Failed, ApiError, RateLimit, ResourceLimit, FailureAlert, SystemWarning].into_iter().fold(TypeSet::EMPTY, TypeSet::with)
}
