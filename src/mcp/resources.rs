//! The resources: what there is to read, and what each holds. Bounded, except for one whole event.

use rmcp::model::{Resource, ResourceContents, ResourceTemplate};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    aggregate::CoderView,
    bus::{self, Bus},
    event::{EventType, Family},
    filter::{Filter, TypeSet},
    history::{self, Query, Reader},
};

use super::{
    address::{Address, Aspect},
    budget::{AnswerBudget, shorten},
    cursor::Cursor,
    tools, untrusted,
};

const JSON: &str = "application/json";
/// How many events a resource holds, newest first.
const EVENTS_MAX: usize = 100;
/// A coder's state beside its events takes no more than this.
const STATE_CHARS_MAX: usize = 10_000;

/// The four that are always there.
pub(super) fn fixed() -> Vec<Resource> {
    let resource = |address: Address, name: &str, about: &str| {
        Resource::new(address.uri(), name).with_description(about).with_mime_type(JSON)
    };
    vec![
        resource(Address::Coders, "coders", "The coders on record with their state, most recently active first."),
        resource(Address::Stats, "stats", "Counts by type and coder, tokens, cost, errors; size of the history."),
        resource(
            Address::Alerts,
            "alerts",
            "What the recorder's rules derived, newest first: failure alerts, warnings, completion metrics.",
        ),
        resource(Address::EventTypes, "event-types", "Every event type and the fields of its family."),
    ]
}

/// Named by its id, titled as people know it. Both are what somebody else chose: cleaned, and no longer than tells it.
pub(super) fn of_coder(coder: &CoderView) -> Resource {
    let uri = Address::Coder(coder.coder_id.clone(), Aspect::State).uri();
    let resource = Resource::new(uri, untrusted::echo(&coder.coder_id)).with_mime_type(JSON);
    match coder.coder_name.as_ref().or(coder.title.as_ref()) {
        Some(title) => resource.with_title(untrusted::echo(title)),
        None => resource,
    }
}

pub(super) fn templates() -> Vec<ResourceTemplate> {
    let about = |aspect| match aspect {
        Aspect::State => ("coder", "One coder's present state."),
        Aspect::Lifecycle => ("coder-lifecycle", "Its status and the newest events of its life."),
        Aspect::Progress => ("coder-progress", "How far it is, and its newest steps and milestones."),
        Aspect::Events => ("coder-events", "Its newest events, every field."),
    };
    let of_coders = Aspect::ALL.iter().map(|&aspect| {
        let (name, about) = about(aspect);
        ResourceTemplate::new(aspect.template(), name).with_description(about).with_mime_type(JSON)
    });
    let event =
        ResourceTemplate::new(Address::EVENT_TEMPLATE, "event").with_description("One event, whole.").with_mime_type(JSON);
    of_coders.chain([event]).collect()
}

/// Whether a template of coders has this URI.
pub(super) fn is_template_of_coders(uri: &str) -> bool {
    Aspect::ALL.iter().any(|aspect| aspect.template() == uri)
}

/// What `place` holds; `None` where there is no such thing.
pub(super) async fn read(bus: &Bus, address: Address) -> Result<Option<Value>, bus::Error> {
    bus.read(move |reader| {
        let mut found = contents(reader, &address)?.map(untrusted::cleaned);
        if let Some(found) = found.as_mut().filter(|_| address != Address::EventTypes) {
            found[untrusted::NOTE] = untrusted::IS_DATA.into();
        }
        Ok(found)
    })
    .await
}

/// Contents under the URI by which they were asked for.
pub(super) fn text_contents(contents: &Value, uri: String) -> ResourceContents {
    ResourceContents::text(contents.to_string(), uri).with_mime_type(JSON)
}

fn contents(reader: &mut Reader, address: &Address) -> Result<Option<Value>, history::Error> {
    Ok(match address {
        Address::Coders => Some(value(tools::all_coders(reader)?)),
        Address::Stats => Some(value(tools::all_stats(reader)?)),
        Address::Alerts => {
            let filter = Filter { types: Some(TypeSet::family(Family::Derived)), ..Filter::default() };
            Some(with_events(reader, json!({}), filter)?)
        }
        Address::EventTypes => Some(event_types()),
        Address::Event(seq) => reader.event(*seq)?.map(value),
        Address::Coder(id, aspect) => match reader.coder(id)? {
            Some(coder) => Some(of_aspect(reader, coder, *aspect)?),
            None => None,
        },
    })
}

fn of_aspect(reader: &mut Reader, coder: CoderView, aspect: Aspect) -> Result<Value, history::Error> {
    let of_coder = Filter::coder(coder.coder_id.clone());
    let filter = |types: Option<TypeSet>| Filter { types, ..of_coder };
    let mut state = value(coder);
    shorten(&mut state, STATE_CHARS_MAX);
    let mut keep = |keys: &[&str]| {
        let mut kept = std::mem::take(&mut state);
        kept.as_object_mut().into_iter().for_each(|fields| fields.retain(|key, _| keys.contains(&key.as_str())));
        kept
    };
    match aspect {
        Aspect::State => Ok(state),
        Aspect::Lifecycle => {
            let kept = keep(&[
                "coder_id",
                "coder_name",
                "status",
                "waiting",
                "stalled",
                "last_error",
                "created_at",
                "started_at",
                "ended_at",
            ]);
            with_events(reader, kept, filter(Some(TypeSet::family(Family::Lifecycle))))
        }
        Aspect::Progress => {
            let kept =
                keep(&["coder_id", "coder_name", "status", "progress", "stage", "description", "milestone", "last_activity"]);
            let steps = TypeSet::EMPTY.with(EventType::Progress).with(EventType::Milestone);
            with_events(reader, kept, filter(Some(steps)))
        }
        Aspect::Events => with_events(reader, keep(&["coder_id", "coder_name", "status"]), filter(None)),
    }
}

/// `about` with the newest events that match, and the cursor to go on from.
fn with_events(reader: &mut Reader, mut about: Value, filter: Filter) -> Result<Value, history::Error> {
    let position = reader.position()?;
    let page = reader.page(&Query { filter, limit: EVENTS_MAX, bytes_max: Query::PAGE_BYTES, ..Query::default() })?;
    about["cursor"] = Cursor::at(&position, position.head).to_string().into();
    let (events, left) = AnswerBudget::beside(&about).fill(page.events.iter().map(value));
    about["events"] = events.into();
    if left {
        about["truncated"] = true.into();
    }
    Ok(about)
}

/// The two tables of the event room.
fn event_types() -> Value {
    let types =
        EventType::ALL.iter().map(|kind| json!({"type": kind.name(), "family": kind.family().name(), "about": kind.about()}));
    let field = |field: &crate::event::Field| json!({"name": field.name, "valid": field.kind.valid(), "about": field.about});
    let families = Family::ALL.iter().map(|family| {
        let fields = family.fields().iter().map(field).collect::<Vec<_>>();
        json!({"family": family.name(), "about": family.about(), "fields": fields})
    });
    json!({"types": types.collect::<Vec<_>>(), "families": families.collect::<Vec<_>>()})
}

fn value(contents: impl Serialize) -> Value {
    serde_json::to_value(contents).expect("contents have only JSON values and text keys")
}
