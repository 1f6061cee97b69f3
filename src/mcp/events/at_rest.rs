//! Whether a coder comes to rest, or was at rest already and only ends.

use crate::{
    event::{Event, EventType},
    filter::{Filter, TypeSet},
    history::{self, Order, Query, Reader},
};

use super::kind::OccurrenceKind;

/// The steps of a life, of which the last one says how a coder stands.
const STEPS: &[EventType] = &[
    EventType::Created,
    EventType::Started,
    EventType::Resumed,
    EventType::Paused,
    EventType::Completed,
    EventType::Failed,
    EventType::Stopped,
    EventType::Deleted,
];

/// A session that is closed after its last turn does not settle twice.
///
/// # Errors
/// Where the history cannot be read.
pub(super) fn settled_before(reader: &mut Reader, kind: OccurrenceKind, event: &Event) -> Result<bool, history::Error> {
    if kind != OccurrenceKind::Settled || !matches!(event.kind, EventType::Stopped | EventType::Deleted) {
        return Ok(false);
    }
    let filter = Filter { coders: vec![event.coder_id.clone()], types: Some(TypeSet::of(STEPS)), ..Filter::default() };
    let before = Query { filter, order: Order::Newest, before: Some(event.seq), limit: 1, ..Query::default() };
    let at_rest = |step: &Event| !matches!(step.kind, EventType::Created | EventType::Started | EventType::Resumed);
    Ok(reader.page(&before)?.events.first().is_some_and(at_rest))
}
