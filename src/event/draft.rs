//! An event before it is checked, and after: `Draft` → `Checked` → `Event`. There is no other way to an event that is recorded.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::text::{self, Redactor};

use super::{
    BYTES_MAX, Body, DEPTH_MAX, Data, Event, EventType, FieldKind, Invalid, Lifecycle, Progress, Provider, Report, Resource,
    SumScope, Time, Workspace,
    bounds::check_data,
    check_coder_id, check_id,
    clean_data::{clean_object, insert_beside},
    limits::{check_no_secret, depth, fields_bytes},
    wire::{ENVELOPE, stored_body},
};

/// What a source, a person or a client says happened. Nothing in it is trusted yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub kind: EventType,
    pub coder_id: String,
    pub coder_name: Option<String>,
    /// When it happened; the time of receipt where the sender does not know.
    pub timestamp: Option<Time>,
    /// Who reports it: `claude-code`, `emit`.
    pub source: Option<String>,
    pub body: Body,
    pub data: Data,
    pub key: Key,
    pub only_if: Option<Condition>,
    /// Which report of a channel this is, where the channel's reports can be told apart.
    pub report: Option<Report>,
    /// The figures of the call are a sum over many: only what no call has told is an event.
    pub sums: Option<SumScope>,
    /// The coder in whose record a copy of the fact stands: what it used in all includes it.
    pub copied_by: Option<String>,
    /// Where nobody else tells of the coder, it is none: what it costs is that of the agent's session that was at work then.
    pub may_be_aside: bool,
}

/// By what the history recognises a fact that it has seen before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// A fact of its own, always.
    #[default]
    None,
    /// The sender's own id for it.
    Id(String),
    /// Made of ids of the agent's world, such as `claude-code:tool:toolu_01`; the event's id is derived from it.
    Natural(String),
    /// One channel knows the fact by ids of the agent's world, another only by what it says and when: it is the same fact
    /// where `natural` is, and where `repeat` is within [`Key::REPEAT_WITHIN`] and not both have a `natural` of their own.
    Either { natural: String, repeat: String },
    /// Known by each of several ids, and by what it says where `repeat` is told. Ids that a provider gave outlive sessions:
    /// whichever session's record repeats them, it is one fact, of the coder that told it first. `older` is how histories before
    /// schema 6 know it.
    Several { ids: Vec<String>, older: Option<String>, repeat: Option<String> },
    /// The sender has no id: the same again within [`Key::REPEAT_WITHIN`] is the same fact, later it is a new one.
    Repeat(String),
}

impl Key {
    /// Two registrations of one hook fire together; a session is not resumed twice this fast.
    pub const REPEAT_WITHIN: super::Micros = 10 * Time::SECOND;
    const NAMESPACE: Uuid = Uuid::from_u128(0x5f0c_79a4_9b3e_4a55_8f0a_6d1b_a1c0_de75);

    /// The id that stands for `natural`, the same in every history.
    pub fn id_of(natural: &str) -> String {
        Self::hash(natural).to_string()
    }

    pub(crate) fn hash(text: &str) -> Uuid {
        Uuid::new_v5(&Self::NAMESPACE, text.as_bytes())
    }
}

/// What must hold, inside the transaction, for a draft to become an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The coder has no event yet.
    Unknown,
    /// The coder has one.
    Known,
    /// Nobody knows which process the coder is, so that nobody watched it live.
    Unwatched,
    /// The coder is known and has one of these statuses.
    Status(Vec<Status>),
}

/// Where a coder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Created,
    Running,
    Paused,
    Completed,
    Failed,
    Stopped,
    Deleted,
}

impl Status {
    pub const ALL: &'static [Status] =
        &[Status::Created, Status::Running, Status::Paused, Status::Completed, Status::Failed, Status::Stopped, Status::Deleted];

    pub const fn name(self) -> &'static str {
        match self {
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Stopped => "stopped",
            Status::Deleted => "deleted",
        }
    }

    pub fn parse(name: &str) -> Option<Status> {
        Self::ALL.iter().copied().find(|status| status.name() == name)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A draft that was checked: clean, bounded, redacted, and written as it will be stored. Only the history gives it its seq.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    event: Event,
    /// [`Event::stored_body`] of it.
    stored: String,
    /// The sender said when it happened; else that is the time of receipt.
    is_dated: bool,
    pub key: Key,
    pub only_if: Option<Condition>,
    pub report: Option<Report>,
    pub sums: Option<SumScope>,
    pub copied_by: Option<String>,
    pub may_be_aside: bool,
}

impl Draft {
    pub fn new(kind: EventType, coder_id: impl Into<String>) -> Draft {
        Draft {
            kind,
            coder_id: coder_id.into(),
            coder_name: None,
            timestamp: None,
            source: None,
            body: kind.body(),
            data: Data::new(),
            key: Key::None,
            only_if: None,
            report: None,
            sums: None,
            copied_by: None,
            may_be_aside: false,
        }
    }

    /// A lifecycle event; another family's `kind` is refused when it is checked.
    pub fn lifecycle(coder_id: impl Into<String>, kind: EventType, previous: &str, current: &str, reason: &str) -> Draft {
        let body = Body::Lifecycle(Lifecycle {
            previous_status: text_of(previous),
            current_status: text_of(current),
            reason: text_of(reason),
            error_message: None,
        });
        Draft { body, ..Draft::new(kind, coder_id) }
    }

    pub fn progress(coder_id: impl Into<String>, progress: f64, stage: &str, description: &str) -> Draft {
        let body = Body::Progress(Progress {
            progress: Some(progress),
            stage: text_of(stage),
            description: text_of(description),
            ..Progress::default()
        });
        Draft { body, ..Draft::new(EventType::Progress, coder_id) }
    }

    /// `create`, `modify` and `delete` have types of their own; every other operation is a sync.
    pub fn workspace(coder_id: impl Into<String>, operation: &str, file_path: &str) -> Draft {
        let kind = match operation {
            "create" => EventType::FileCreated,
            "modify" => EventType::FileModified,
            "delete" => EventType::FileDeleted,
            _ => EventType::WorkspaceSync,
        };
        let body =
            Body::Workspace(Workspace { operation: text_of(operation), file_path: text_of(file_path), ..Workspace::default() });
        Draft { body, ..Draft::new(kind, coder_id) }
    }

    pub fn provider(coder_id: impl Into<String>, provider: &str, model: &str) -> Draft {
        let body = Body::Provider(Provider { provider: text_of(provider), model: text_of(model), ..Provider::default() });
        Draft { body, ..Draft::new(EventType::ApiCall, coder_id) }
    }

    pub fn resource(coder_id: impl Into<String>, memory_mb: u64, cpu_percent: f64, disk_usage_mb: u64) -> Draft {
        let body = Body::Resource(Resource {
            memory_mb: Some(memory_mb),
            cpu_percent: Some(cpu_percent),
            disk_usage_mb: Some(disk_usage_mb),
            ..Resource::default()
        });
        Draft { body, ..Draft::new(EventType::ResourceUsage, coder_id) }
    }

    /// Adds a value to `data`.
    #[must_use]
    pub fn with(mut self, key: impl AsRef<str>, value: impl Into<Value>) -> Draft {
        self.data.insert(key.as_ref().to_owned(), value.into());
        self
    }

    /// Adds a value to `data` where there is one.
    #[must_use]
    pub fn with_some(self, key: impl AsRef<str>, value: Option<impl Into<Value>>) -> Draft {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Refuses what is no event, cleans and redacts the rest. `now` becomes the time of receipt.
    ///
    /// # Errors
    /// [`Invalid`] that names the field and what is valid there.
    pub fn check(self, now: Time, redactor: &Redactor) -> Result<Checked, Invalid> {
        self.check_or_return(now, redactor).map_err(|refused| refused.1)
    }

    /// [`Draft::check`] for who keeps what is refused.
    pub(crate) fn check_or_return(mut self, now: Time, redactor: &Redactor) -> Result<Checked, Box<(Draft, Invalid)>> {
        match self.clean_and_write(now, redactor) {
            Ok(stored) => Ok(self.into_checked(now, stored)),
            Err(invalid) => Err(Box::new((self, invalid))),
        }
    }

    /// Answers with the body as the history stores it.
    fn clean_and_write(&mut self, now: Time, redactor: &Redactor) -> Result<String, Invalid> {
        self.validate(now, redactor)?;
        self.clean(redactor);
        if let Body::Provider(call) = &mut self.body {
            call.settle_total();
        }
        self.settle_names();
        // What was given may be nothing once it is clean.
        self.check_family()?;
        let stored = stored_body(self.coder_name.as_deref(), self.source.as_deref(), &self.body, &self.data);
        // What stands for a secret may be longer than the secret.
        if stored.len() > BYTES_MAX { Err(Invalid::too_large(stored.len())) } else { Ok(stored) }
    }

    fn validate(&self, now: Time, redactor: &Redactor) -> Result<(), Invalid> {
        check_coder_id(&self.coder_id)?;
        check_no_secret("coder_id", &self.coder_id, redactor)?;
        if let Key::Id(id) = &self.key {
            check_id(id)?;
            check_no_secret("id", id, redactor)?;
        }
        self.check_size()?;
        match self.timestamp {
            Some(time) if time.since(now) > Time::DAY => {
                Err(Invalid::wrong("timestamp", &Value::from(time.to_string()), "a time at most a day ahead"))
            }
            Some(time) if !time.is_writable() => {
                Err(Invalid::wrong("timestamp", &Value::from(time.to_string()), "a time in the years 1 to 9999"))
            }
            _ => Ok(()),
        }
    }

    fn check_family(&self) -> Result<(), Invalid> {
        if self.body.family() != self.kind.family() {
            let message =
                format!("`{}` takes {} fields, not {} ones", self.kind, self.kind.family().name(), self.body.family().name());
            return Err(Invalid::new("type", message));
        }
        self.body.check_numbers()?;
        check_data(&self.data)?;
        match &self.body {
            Body::Derived(derived) if !matches!(self.key, Key::Id(_) | Key::Natural(_)) || derived.cause_id.is_none() => {
                Err(Invalid::new(
                    "type",
                    format_args!(
                        "`{}` is made by the recorder: give the `id` and `cause_id` it was recorded with, or leave it out",
                        self.kind
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    fn check_size(&self) -> Result<(), Invalid> {
        // `data` itself and the event around it are two levels.
        if self.data.values().map(depth).max().unwrap_or(0) + 2 > DEPTH_MAX {
            return Err(Invalid::too_deep("data"));
        }
        // What is surely too large is refused before it is cleaned; the rest is measured as it is written.
        let mut bytes = fields_bytes(&self.data);
        self.body.each_text(&mut |text| bytes += text.len());
        if bytes > BYTES_MAX { Err(Invalid::too_large(bytes)) } else { Ok(()) }
    }

    fn clean(&mut self, redactor: &Redactor) {
        for line in [&mut self.coder_name, &mut self.source] {
            clean_field(FieldKind::Line, line, redactor);
        }
        self.body.visit_text(&mut |kind, field| clean_field(kind, field, redactor));
        self.data = clean_object(std::mem::take(&mut self.data), "", redactor);
    }

    /// A key of `data` that also stands at top level would be lost when the line is read back: it gets a `_`.
    fn settle_names(&mut self) {
        let taken = |name: &str, set: &[&str]| ENVELOPE.contains(&name) || set.contains(&name);
        let set = self.body.set_names();
        if !self.data.keys().any(|name| taken(name, &set)) {
            return;
        }
        let (moved, mut kept): (Data, Data) = std::mem::take(&mut self.data).into_iter().partition(|(name, _)| taken(name, &set));
        for (name, value) in moved {
            insert_beside(&mut kept, name, value);
        }
        self.data = kept;
    }

    fn into_checked(self, now: Time, stored: String) -> Checked {
        let id = match &self.key {
            Key::Id(id) => id.clone(),
            Key::Natural(natural) | Key::Either { natural, .. } => Key::id_of(natural),
            Key::Several { ids, .. } => ids.first().map(|id| Key::id_of(id)).unwrap_or_default(),
            Key::Repeat(_) | Key::None => String::new(),
        };
        let happened = self.timestamp.filter(|time| !time.is_go_zero());
        let event = Event {
            seq: 0,
            id,
            kind: self.kind,
            coder_id: self.coder_id,
            coder_name: self.coder_name,
            timestamp: happened.unwrap_or(now),
            received_at: now,
            source: self.source,
            body: self.body,
            data: self.data,
            completes: None,
        };
        Checked {
            event,
            stored,
            is_dated: happened.is_some(),
            key: self.key,
            only_if: self.only_if,
            report: self.report,
            sums: self.sums,
            copied_by: self.copied_by,
            may_be_aside: self.may_be_aside,
        }
    }
}

impl Checked {
    /// The event as far as it is known before the history takes it; its seq is 0, its id may be empty.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// [`Event::stored_body`] of it.
    pub(crate) fn stored(&self) -> &str {
        &self.stored
    }

    /// Sets the time of receipt: what is checked may have to wait for its turn.
    pub(crate) fn receive(&mut self, now: Time) {
        self.event.received_at = now;
        if !self.is_dated {
            self.event.timestamp = now;
        }
    }

    /// Adds what the history itself found out to `data`, unless the sender says it already.
    pub(crate) fn mark(&mut self, name: &str, value: impl Into<Value>) {
        self.event.data.entry(name).or_insert_with(|| value.into());
        self.stored = self.event.stored_body();
    }

    /// It is another coder's. Body and data do not say whose it is.
    pub(crate) fn set_coder(&mut self, coder_id: String) {
        self.event.coder_id = coder_id;
    }

    /// Puts `body` in place of what was told.
    pub(crate) fn set_body(&mut self, body: Body) {
        self.event.body = body;
        self.stored = self.event.stored_body();
    }

    pub fn into_event(self, seq: u64, id: String) -> Event {
        Event { seq, id, ..self.event }
    }

    /// The event, and the body to store of it.
    pub(crate) fn into_stored(mut self, seq: u64, id: String) -> (Event, String) {
        let stored = std::mem::take(&mut self.stored);
        (self.into_event(seq, id), stored)
    }
}

fn text_of(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn clean_field(kind: FieldKind, field: &mut Option<String>, redactor: &Redactor) {
    let Some(given) = field else { return };
    let cleaned = match kind {
        FieldKind::Text => text::clean_text(given),
        _ => text::clean_line(given),
    };
    let redacted = redactor.redact(&cleaned);
    if redacted != *given {
        *field = Some(redacted.into_owned());
    }
    if field.as_deref() == Some("") {
        *field = None;
    }
}
