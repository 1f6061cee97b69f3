//! One event as the extension tells it.

use serde_json::{Value, json};

use crate::{
    aggregate::CoderView,
    event::Event,
    mcp::{
        context::now,
        detail::AnswerDetail,
        told_coder,
        told_events::{Shared, TellEvents},
        untrusted,
    },
};

use super::kind::OccurrenceKind;

/// `coder` is how the event's coder stands, where the kind tells it.
pub(super) fn tell(kind: OccurrenceKind, event: &Event, coder: Option<&CoderView>) -> Value {
    let shared = Shared::default();
    let tell = TellEvents { detail: AnswerDetail::Summary, shared: &shared, looked_for: None };
    let mut data: Value = serde_json::from_str(tell.tell(event).get()).expect("it was written as JSON");
    if let Some(coder) = coder {
        data["coder"] = told_coder::tell(coder, now(), AnswerDetail::Summary);
    }
    json!({
        "eventId": untrusted::cleaned(event.id.as_str().into()),
        "name": kind.name(),
        "timestamp": event.timestamp.to_string(),
        "data": untrusted::cleaned(data),
    })
}
