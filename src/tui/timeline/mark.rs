//! What the timeline remembers of an event: when it was, what it began or ended, whether it stands out, and how it is told.

use serde_json::Value;

use crate::{
    event::{Body, Derived, Event, EventType, Family, Time, sentence},
    filter::TypeSet,
    text::clean_line,
};

/// What is told of a mark, in characters: a line of a wide screen.
const TOLD_MAX: usize = 240;

/// What a coder did in one cell of its row; of several things the last of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimelineSlot {
    #[default]
    Absent,
    Running,
    Waiting,
    /// It says nothing, and no tool is at work.
    Silent,
    /// From here on it waits.
    Wait,
    Stopped,
    Milestone,
    Completed,
    Budget,
    Loop,
    /// Two coders changed a file.
    Conflict,
    /// A limit of a provider or of the machine.
    Limit,
    /// A call to a provider failed.
    ApiError,
    Failed,
}

impl TimelineSlot {
    pub const fn word(self) -> &'static str {
        match self {
            TimelineSlot::Absent => "",
            TimelineSlot::Running => "works",
            TimelineSlot::Waiting => "waits",
            TimelineSlot::Silent => "silent",
            TimelineSlot::Wait => "asks",
            TimelineSlot::Stopped => "stopped",
            TimelineSlot::Milestone => "milestone",
            TimelineSlot::Completed => "done",
            TimelineSlot::Budget => "budget",
            TimelineSlot::Loop => "loop",
            TimelineSlot::Conflict => "conflict",
            TimelineSlot::Limit => "limit",
            TimelineSlot::ApiError => "api error",
            TimelineSlot::Failed => "failed",
        }
    }
}

/// Ordered by time, then by order of commit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub at: Time,
    pub seq: u64,
    kind: EventType,
    /// How it stands out, if it does.
    pub slot: Option<TimelineSlot>,
    /// The event in a sentence; empty where it does not stand out.
    pub told: String,
}

impl Mark {
    /// What marks are made of.
    pub fn types() -> TypeSet {
        use EventType::*;
        TypeSet::family(Family::Lifecycle).with(Milestone).with(ApiError).with(RateLimit).with(ResourceLimit).with(SystemWarning)
    }

    pub fn of(event: &Event) -> Option<Mark> {
        if event.completes.is_some() || !Mark::types().contains(event.kind) {
            return None;
        }
        let slot = stands_out(event);
        if slot.is_none() && phase_after(event.kind).is_none() {
            return None;
        }
        let told = slot.map_or_else(String::new, |_| clean_line(&told(event)).chars().take(TOLD_MAX).collect());
        Some(Mark { at: event.timestamp, seq: event.seq, kind: event.kind, slot, told })
    }

    /// What a coder does from it on, where it changes that.
    pub fn phase_after(&self) -> Option<TimelineSlot> {
        phase_after(self.kind)
    }

    /// And what it must have done until then.
    pub fn phase_before(&self) -> TimelineSlot {
        match self.kind {
            EventType::Created => TimelineSlot::Absent,
            EventType::Resumed => TimelineSlot::Waiting,
            _ => TimelineSlot::Running,
        }
    }
}

/// A sentence would be cut before both coders of a conflict are named.
fn told(event: &Event) -> String {
    match &event.body {
        Body::Derived(Derived { message: Some(message), .. }) => message.clone(),
        _ => sentence(event),
    }
}

/// Whose mark an event is: of a conflict, both coders'.
pub fn coders_of(event: &Event) -> Vec<&str> {
    let named = event.data.get("coder_ids").and_then(Value::as_array).filter(|_| event.kind == EventType::SystemWarning);
    let mut coders: Vec<&str> = named.into_iter().flatten().filter_map(Value::as_str).collect();
    if !coders.contains(&event.coder_id.as_str()) {
        coders.push(&event.coder_id);
    }
    coders
}

fn phase_after(kind: EventType) -> Option<TimelineSlot> {
    match kind {
        EventType::Created | EventType::Started | EventType::Resumed => Some(TimelineSlot::Running),
        EventType::Paused => Some(TimelineSlot::Waiting),
        EventType::Completed | EventType::Failed | EventType::Stopped | EventType::Deleted => Some(TimelineSlot::Absent),
        _ => None,
    }
}

fn stands_out(event: &Event) -> Option<TimelineSlot> {
    match event.kind {
        EventType::Paused => Some(TimelineSlot::Wait),
        EventType::Milestone => Some(TimelineSlot::Milestone),
        EventType::Completed => Some(TimelineSlot::Completed),
        EventType::Stopped | EventType::Deleted => Some(TimelineSlot::Stopped),
        EventType::Failed => Some(TimelineSlot::Failed),
        EventType::ApiError => Some(TimelineSlot::ApiError),
        EventType::RateLimit | EventType::ResourceLimit => Some(TimelineSlot::Limit),
        // What is warned of a limit stands beside the limit itself.
        EventType::SystemWarning => match &event.body {
            Body::Derived(Derived { warning: Some(warning), .. }) => match warning.as_str() {
                "file_conflict" => Some(TimelineSlot::Conflict),
                "loop" => Some(TimelineSlot::Loop),
                "budget" => Some(TimelineSlot::Budget),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}
