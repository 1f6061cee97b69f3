//! One coder's state: what its events contribute to it, and what follows from that.

mod attention;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    event::{Body, DataKey, Event, EventType, Lifecycle, Micros, Process, Progress, Provider, Resource, Status, Time},
    price::Prices,
};

use super::{
    Attention, CoderView, FileConflict, Peak, Tally, ToolAtWork, Waiting, WaitingFor,
    latest::{Latest, Number, Step, cut, keep, keep_first, keep_least, keep_of, keep_text},
    open_tools::OpenTools,
};
use attention::Warned;

/// The source of what the keeper saw.
const KEEPER: &str = "keep";
/// The sources of who reports by hand: nobody says that they go on reporting.
const BY_HAND: &[&str] = &["emit", "mcp"];
/// A title is a column of a table.
const TITLE_CHARS_MAX: usize = 120;
/// Two reports of one end are no further apart.
const ENDING: Micros = Time::SECOND;
/// One coder's aggregate: a merge of its events' contributions, in whatever order they come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Coder {
    #[serde(rename = "n")]
    tally: Tally,
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    first_activity: Option<Micros>,
    #[serde(rename = "z", skip_serializing_if = "Option::is_none")]
    last_activity: Option<Micros>,
    /// The first `created`.
    #[serde(rename = "c", skip_serializing_if = "Option::is_none")]
    created: Option<Micros>,
    /// The first `started`.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    started: Option<Micros>,
    /// The last `stopped`. It is kept apart from other steps because it ends them without replacing them.
    #[serde(rename = "e", skip_serializing_if = "Option::is_none")]
    stopped: Option<Micros>,
    /// The last lifecycle event besides `stopped`.
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    step: Option<Step>,
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    paused: Option<Latest<WaitingFor>>,
    /// The last event of work: a coder waits if it paused after it.
    #[serde(rename = "w", skip_serializing_if = "Option::is_none")]
    worked: Option<Latest<()>>,
    #[serde(rename = "rl", skip_serializing_if = "Option::is_none")]
    rate_limited: Option<Micros>,
    /// When it last got on: a rate limit before that is over.
    #[serde(rename = "go", skip_serializing_if = "Option::is_none")]
    got_on: Option<Micros>,
    #[serde(rename = "wn", skip_serializing_if = "Warned::is_empty")]
    warned: Warned,
    /// When somebody last saw to it.
    #[serde(rename = "se", skip_serializing_if = "Option::is_none")]
    seen: Option<Micros>,
    /// An agent's own channel told of it.
    #[serde(rename = "ob", skip_serializing_if = "std::ops::Not::not")]
    is_observed: bool,
    #[serde(rename = "nm", skip_serializing_if = "Option::is_none")]
    name: Option<Latest<String>>,
    #[serde(rename = "so", skip_serializing_if = "Option::is_none")]
    source: Option<Latest<String>>,
    #[serde(rename = "pa", skip_serializing_if = "Option::is_none")]
    parent: Option<Latest<String>>,
    /// The process it lives in, since it last began.
    #[serde(rename = "ps", skip_serializing_if = "Option::is_none")]
    process: Option<Latest<Process>>,
    /// What it works on, since it last began.
    #[serde(rename = "pj", skip_serializing_if = "Option::is_none")]
    project: Option<Latest<String>>,
    #[serde(rename = "br", skip_serializing_if = "Option::is_none")]
    branch: Option<Latest<String>>,
    /// The model that it called last.
    #[serde(rename = "mo", skip_serializing_if = "Option::is_none")]
    model: Option<Latest<String>>,
    /// What it asked for when it last paused with a request.
    #[serde(rename = "rq", skip_serializing_if = "Option::is_none")]
    request: Option<Latest<String>>,
    #[serde(rename = "pr", skip_serializing_if = "Option::is_none")]
    progress: Option<Latest<Number>>,
    #[serde(rename = "st", skip_serializing_if = "Option::is_none")]
    stage: Option<Latest<String>>,
    #[serde(rename = "de", skip_serializing_if = "Option::is_none")]
    description: Option<Latest<String>>,
    #[serde(rename = "mi", skip_serializing_if = "Option::is_none")]
    milestone: Option<Latest<String>>,
    #[serde(rename = "er", skip_serializing_if = "Option::is_none")]
    error: Option<Latest<String>>,
    /// The first line of its first prompt.
    #[serde(rename = "ti", skip_serializing_if = "Option::is_none")]
    title: Option<Latest<String>>,
    /// What the agent calls the session.
    #[serde(rename = "tn", skip_serializing_if = "Option::is_none")]
    own_title: Option<Latest<String>>,
    #[serde(rename = "lw", skip_serializing_if = "Option::is_none")]
    last_words: Option<Latest<String>>,
    #[serde(rename = "ot", skip_serializing_if = "OpenTools::is_empty")]
    open_tools: OpenTools,
    #[serde(rename = "pk", skip_serializing_if = "Peak::is_empty")]
    peak: Peak,
}

impl Coder {
    pub fn fold(&mut self, event: &Event) {
        self.tally.fold(event);
        self.fold_state(event);
    }

    /// As [`Tally::fold_without_parts`].
    pub fn fold_without_parts(&mut self, event: &Event) {
        self.tally.fold_without_parts(event);
        self.fold_state(event);
    }

    fn fold_state(&mut self, event: &Event) {
        // What else the recorder concluded says nothing new about the coder.
        if event.kind.is_derived() {
            return self.warned.fold(event);
        }
        self.fold_fields(event);
        self.open_tools.fold(event);
        if event.completes.is_none() {
            self.fold_life(event);
        } else if let Some(end) = event.tool_ended_at() {
            keep(&mut self.last_activity, end.micros());
        }
    }

    pub fn merge(&mut self, other: &Coder) {
        self.tally.merge(&other.tally);
        keep_least(&mut self.first_activity, other.first_activity);
        keep_of(&mut self.last_activity, &other.last_activity);
        keep_least(&mut self.created, other.created);
        keep_least(&mut self.started, other.started);
        keep_of(&mut self.stopped, &other.stopped);
        keep_of(&mut self.step, &other.step);
        keep_of(&mut self.paused, &other.paused);
        keep_of(&mut self.worked, &other.worked);
        keep_of(&mut self.rate_limited, &other.rate_limited);
        keep_of(&mut self.got_on, &other.got_on);
        self.warned.merge(&other.warned);
        keep_of(&mut self.seen, &other.seen);
        self.is_observed |= other.is_observed;
        keep_of(&mut self.name, &other.name);
        keep_of(&mut self.source, &other.source);
        keep_of(&mut self.parent, &other.parent);
        keep_of(&mut self.process, &other.process);
        keep_of(&mut self.project, &other.project);
        keep_of(&mut self.branch, &other.branch);
        keep_of(&mut self.model, &other.model);
        keep_of(&mut self.request, &other.request);
        keep_of(&mut self.progress, &other.progress);
        keep_of(&mut self.stage, &other.stage);
        keep_of(&mut self.description, &other.description);
        keep_of(&mut self.milestone, &other.milestone);
        keep_of(&mut self.error, &other.error);
        if let Some(title) = &other.title {
            keep_first(&mut self.title, title.clone());
        }
        keep_of(&mut self.own_title, &other.own_title);
        keep_of(&mut self.last_words, &other.last_words);
        self.open_tools.merge(&other.open_tools);
        self.peak.raise(&other.peak);
    }

    pub fn status(&self) -> Status {
        self.standing().0
    }

    /// When its process or session ended, unless it went on since.
    pub fn ended_at(&self) -> Option<Time> {
        self.standing().1
    }

    pub fn is_finished(&self) -> bool {
        match self.standing() {
            (Status::Failed | Status::Stopped | Status::Deleted, _) => true,
            (Status::Completed, ended_at) => ended_at.is_some(),
            (Status::Created | Status::Running | Status::Paused, _) => false,
        }
    }

    /// When its status was last told.
    pub fn last_step(&self) -> Option<Time> {
        self.step.as_ref().map(Step::at).max(self.stopped.map(Time::from_micros))
    }

    /// Since when it waits, and for what; a finished coder waits for nothing.
    pub fn waiting(&self) -> Option<Waiting> {
        let paused = self.paused.as_ref()?;
        let cleared = self.worked.as_ref().is_some_and(|worked| !paused.is_after(worked));
        (!cleared && !self.is_finished()).then(|| Waiting {
            since: paused.at(),
            reason: *paused.value(),
            request: self.request.as_ref().filter(|asked| asked.at() == paused.at()).map(|asked| asked.value().clone()),
        })
    }

    /// The tool that is at work longest.
    pub fn tool_at_work(&self) -> Option<ToolAtWork> {
        let (since, call) = self.open_tools.oldest().filter(|_| !self.is_finished())?;
        Some(ToolAtWork { call: call.to_owned(), since })
    }

    /// Seqs of the calls at work that are described like this.
    pub fn calls_at_work(&self, description: &str) -> impl Iterator<Item = u64> {
        self.open_tools.described(description)
    }

    /// The process it lives in, where that is known.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref().map(Latest::value)
    }

    /// The coder it works for.
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_ref().map(|said| said.value().as_str())
    }

    /// What it is called.
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|said| said.value().as_str())
    }

    /// What it is about: the first line of its first prompt, else what the agent calls the session.
    pub fn title(&self) -> Option<&str> {
        self.title.as_ref().or(self.own_title.as_ref()).map(|said| said.value().as_str())
    }

    /// Who reported it last.
    pub fn source(&self) -> Option<&str> {
        self.source.as_ref().map(|said| said.value().as_str())
    }

    /// The project, else the folder, that it began in.
    pub fn project(&self) -> Option<&str> {
        self.project.as_ref().map(|said| said.value().as_str())
    }

    pub fn branch(&self) -> Option<&str> {
        self.branch.as_ref().map(|said| said.value().as_str())
    }

    /// Without what earlier versions did not fold.
    #[must_use]
    pub fn as_told_at_first(&self) -> Coder {
        Coder {
            got_on: None,
            warned: Warned::default(),
            is_observed: false,
            project: None,
            branch: None,
            model: None,
            request: None,
            title: None,
            own_title: None,
            last_words: None,
            open_tools: OpenTools::default(),
            ..self.clone()
        }
    }

    /// Its first `created`; the first event's time until one says otherwise.
    pub fn created_at(&self) -> Option<Time> {
        self.created.or(self.first_activity).map(Time::from_micros)
    }

    pub fn first_activity(&self) -> Option<Time> {
        self.first_activity.map(Time::from_micros)
    }

    pub fn last_activity(&self) -> Option<Time> {
        self.last_activity.map(Time::from_micros)
    }

    pub fn last_rate_limit(&self) -> Option<Time> {
        self.rate_limited.map(Time::from_micros)
    }

    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What is shown of it; `files` is the number of distinct files it touched, `file_conflicts` those that others change too.
    pub fn view(&self, coder_id: &str, now: Time, prices: &Prices, files: u64, file_conflicts: Vec<FileConflict>) -> CoderView {
        let (status, ended_at) = self.standing();
        let mut needs_attention = self.needs_attention(now);
        if file_conflicts.iter().any(|conflict| !self.is_seen(conflict.last_change)) {
            needs_attention.push(Attention::FileConflict);
        }
        let text = |register: &Option<Latest<String>>| register.as_ref().map(|said| said.value().clone());
        CoderView {
            coder_id: coder_id.to_owned(),
            handle: String::new(),
            coder_name: text(&self.name),
            source: text(&self.source),
            parent_coder_id: text(&self.parent),
            project: text(&self.project),
            branch: text(&self.branch),
            model: text(&self.model),
            title: self.title().map(str::to_owned),
            status,
            waiting: self.waiting(),
            tool_at_work: self.tool_at_work(),
            stalled: self.is_stalled(now),
            needs_attention,
            progress: self.progress.as_ref().map(|said| said.value().0),
            stage: text(&self.stage),
            description: text(&self.description),
            milestone: text(&self.milestone),
            last_error: text(&self.error),
            last_words: text(&self.last_words),
            created_at: self.created_at(),
            started_at: self.started.map(Time::from_micros),
            ended_at,
            first_activity: self.first_activity(),
            last_activity: self.last_activity(),
            events: self.tally.events(),
            events_by_type: self.tally.by_type(),
            usage: self.tally.usage(prices),
            last_rate_limit: self.last_rate_limit(),
            files_touched: files,
            file_conflicts,
            peak: (!self.peak.is_empty()).then(|| self.peak.clone()),
        }
    }

    /// From when completion is measured: the first `created`, else `started`, else event.
    pub(super) fn born(&self) -> Option<Time> {
        self.created.or(self.started).or(self.first_activity).map(Time::from_micros)
    }

    /// Its status, and when it ended.
    fn standing(&self) -> (Status, Option<Time>) {
        let stopped = self.stopped.map(Time::from_micros);
        let Some(step) = &self.step else {
            return (stopped.map_or(Status::Running, |_| Status::Stopped), stopped);
        };
        match (step.status(), stopped) {
            // To be removed is not to go on: an end before it stays.
            (Status::Deleted, stopped) => (Status::Deleted, stopped),
            (status @ (Status::Completed | Status::Failed), Some(stop)) if stop >= step.at() => (status, Some(stop)),
            (Status::Failed, _) if self.is_gone(step.at()) => (Status::Failed, Some(step.at())),
            (_, Some(stop)) if stop >= step.at() => (Status::Stopped, Some(stop)),
            // Who breaks off the process breaks off its turn, which the agent may note behind its end.
            (Status::Paused, Some(stop)) if step.at().since(stop) < ENDING => (Status::Stopped, Some(stop)),
            (status, _) => (status, None),
        }
    }

    /// It failed at `failed`, since its process was gone.
    fn is_gone(&self, failed: Time) -> bool {
        self.error.as_ref().is_some_and(|error| error.at() == failed && error.value() == Process::GONE)
    }

    /// What an event says, which a completing event may add later.
    fn fold_fields(&mut self, event: &Event) {
        keep_text(&mut self.name, event, event.coder_name.as_deref());
        keep_text(&mut self.parent, event, event.data.get("parent_coder_id").and_then(Value::as_str));
        if matches!(event.kind, EventType::Created | EventType::Started) {
            let said = |key: &str| event.data.get(key).and_then(Value::as_str);
            keep_text(&mut self.project, event, said(DataKey::Project.name()).or_else(|| said(DataKey::Cwd.name())));
            keep_text(&mut self.branch, event, said(DataKey::Branch.name()));
        }
        if let Some(process) = Process::of_data(&event.data) {
            keep(&mut self.process, Latest::new(event, process));
        }
        match &event.body {
            Body::Lifecycle(fields) if event.kind == EventType::Failed => {
                keep_text(&mut self.error, event, fields.error_message.as_deref().or(fields.reason.as_deref()));
            }
            Body::Provider(fields) if event.kind == EventType::ApiError => self.fold_error(event, fields),
            Body::Provider(fields) if event.kind == EventType::ApiCall => {
                keep_text(&mut self.model, event, fields.model.as_deref());
            }
            Body::Progress(fields) => self.fold_progress(event, fields),
            Body::Resource(fields) => self.peak.raise(&peak_of(fields)),
            Body::Lifecycle(_) | Body::Provider(_) | Body::Workspace(_) | Body::Derived(_) => {}
        }
    }

    fn fold_error(&mut self, event: &Event, fields: &Provider) {
        keep_text(&mut self.error, event, fields.error_message.as_deref().or(fields.error_code.as_deref()));
    }

    fn fold_progress(&mut self, event: &Event, fields: &Progress) {
        if let Some(progress) = fields.progress {
            keep(&mut self.progress, Latest::new(event, Number(progress)));
        }
        keep_text(&mut self.stage, event, fields.stage.as_deref());
        keep_text(&mut self.description, event, fields.description.as_deref());
        keep_text(&mut self.milestone, event, fields.milestone.as_deref());
        match (event.kind, fields.text.as_deref()) {
            (EventType::Prompt, Some(prompt)) => {
                if let Some(line) = first_line(prompt) {
                    keep_first(&mut self.title, Latest::new(event, cut(line, TITLE_CHARS_MAX)));
                }
            }
            (EventType::Output, Some(text)) if fields.stream.as_deref() == Some(Progress::OF_ASSISTANT) => {
                keep_text(&mut self.last_words, event, Some(text));
            }
            _ => {}
        }
        if event.kind == EventType::Progress
            && let Some(line) = event.data.get(DataKey::Title.name()).and_then(Value::as_str).and_then(first_line)
        {
            keep(&mut self.own_title, Latest::new(event, cut(line, TITLE_CHARS_MAX)));
        }
    }

    /// What it means that the event happened.
    fn fold_life(&mut self, event: &Event) {
        let at = event.timestamp.micros();
        if event.kind == EventType::Seen {
            // It is somebody else's doing.
            return keep(&mut self.seen, at);
        }
        keep_least(&mut self.first_activity, Some(at));
        keep(&mut self.last_activity, at);
        // What the keeper saw of its files says nothing of what the coder is.
        keep_text(&mut self.source, event, event.source.as_deref().filter(|source| *source != KEEPER));
        self.is_observed |= event.source.as_deref().is_none_or(|source| !BY_HAND.contains(&source));
        if gets_on(event.kind) {
            keep(&mut self.got_on, at);
        }
        if is_work(event.kind) {
            keep(&mut self.worked, Latest::new(event, ()));
        }
        if let Some((rank, status)) = step_of(event.kind) {
            keep(&mut self.step, Step::new(event, rank, status));
        }
        match (event.kind, &event.body) {
            (EventType::Created, _) => keep_least(&mut self.created, Some(at)),
            (EventType::Started, _) => keep_least(&mut self.started, Some(at)),
            (EventType::Stopped, _) => keep(&mut self.stopped, at),
            (EventType::RateLimit, _) => keep(&mut self.rate_limited, at),
            (EventType::Paused, Body::Lifecycle(fields)) => {
                keep(&mut self.paused, Latest::new(event, waiting_for(event, fields)));
                keep_text(&mut self.request, event, event.data.get(DataKey::Request.name()).and_then(Value::as_str));
            }
            _ => {}
        }
    }
}

/// Where a step of life leads, and its rank among steps of the same instant: the natural order of life, so that
/// `created` and `started` reported together come out as running, whichever is heard last.
fn step_of(kind: EventType) -> Option<(u8, Status)> {
    Some(match kind {
        EventType::Created => (0, Status::Created),
        EventType::Started => (1, Status::Running),
        EventType::Resumed => (2, Status::Running),
        EventType::Paused => (2, Status::Paused),
        EventType::Completed => (3, Status::Completed),
        EventType::Failed => (3, Status::Failed),
        EventType::Deleted => (4, Status::Deleted),
        _ => return None,
    })
}

/// Whether the event shows that the provider serves the coder again.
fn gets_on(kind: EventType) -> bool {
    matches!(kind, EventType::ApiCall | EventType::Progress | EventType::Milestone | EventType::Completed)
}

/// Whether the event shows that the coder goes on, so that it no longer waits. Resources are measured and rate limits
/// met while it waits too.
fn is_work(kind: EventType) -> bool {
    use EventType::{Created, Paused, RateLimit, ResourceLimit, ResourceUsage, Seen};
    !matches!(kind, Created | Paused | RateLimit | ResourceLimit | ResourceUsage | Seen) && !kind.is_derived()
}

fn first_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty())
}

fn waiting_for(event: &Event, fields: &Lifecycle) -> WaitingFor {
    let said = |key: &str| event.data.get(key).and_then(Value::as_str);
    let words = [fields.reason.as_deref(), said("waiting_for"), said("for")];
    words.into_iter().flatten().find_map(WaitingFor::named_in).unwrap_or(WaitingFor::Idle)
}

fn peak_of(fields: &Resource) -> Peak {
    let &Resource { memory_mb, cpu_percent, disk_usage_mb, network_bytes, file_count } = fields;
    Peak { memory_mb, cpu_percent, disk_usage_mb, network_bytes, file_count }
}
