//! `events/poll`: one batch after the cursor, and nothing that is remembered.

use std::time::Instant;

use rmcp::ErrorData;
use serde_json::{Value, json};

use crate::{
    history::{Position, Query, Reader},
    mcp::{context::ServeContext, cursor::Cursor, tool_error::ToolError},
};

use super::{at_rest, occurrence, refused, request::EventsRequest, start::DeliveryStart};

/// Where the client does not say how many.
const EVENTS: usize = 100;
/// A request is one answer: whoever wants more asks again at once.
const EVENTS_MAX: u64 = 1_000;
/// Bytes of events read for one answer, beyond which the rest is for the next.
const BYTES_MAX: usize = 1024 * 1024;
/// A poll costs some 100 µs, and this is the least that clients wait by themselves.
const NEXT_POLL_MS: u64 = 1_000;

pub(super) async fn answer(serving: &ServeContext, request: EventsRequest) -> Result<Value, ErrorData> {
    serving.read(move |reader| poll(reader, &request)).await.map_err(refused)
}

fn poll(reader: &mut Reader, request: &EventsRequest) -> Result<Value, ToolError> {
    let start = DeliveryStart::find(reader, request)?;
    if request.cursor.is_none() {
        return Ok(told(&start.position, start.seq, Vec::new(), false, false));
    }
    let events_max = request.max_events.map_or(EVENTS, |most| most.min(EVENTS_MAX) as usize);
    let begun = Instant::now();
    let (mut events, mut seq, mut truncated, mut bytes) = (Vec::new(), start.seq, start.truncated, 0);
    let more = loop {
        let left = Query::TIME_MAX.saturating_sub(begun.elapsed());
        let batch = reader.after_in(seq, &start.filter, events_max - events.len(), left)?;
        if !batch.history.is_empty() && batch.history != start.position.history && !start.position.history.is_empty() {
            // Another file took the place in between.
            let position = reader.position()?;
            return Ok(told(&position, position.head, events, true, false));
        }
        // What was gone before was told by the start.
        truncated |= batch.missed.is_some_and(|missed| missed.through > start.position.floor);
        let mut cut = false;
        for event in batch.events {
            if bytes > BYTES_MAX {
                cut = true;
                break;
            }
            (seq, bytes) = (event.seq, bytes + event.bytes());
            if start.is_too_old(&event)
                || !request.kind.is_told_by(&event)
                || at_rest::settled_before(reader, request.kind, &event)?
            {
                continue;
            }
            let coder = if request.kind.tells_coder() { reader.coder(&event.coder_id)? } else { None };
            events.push(occurrence::tell(request.kind, &event, coder.as_ref()));
        }
        if cut {
            break true;
        }
        seq = batch.through.max(seq);
        if !batch.more || events.len() >= events_max || begun.elapsed() >= Query::TIME_MAX {
            break batch.more;
        }
    };
    Ok(told(&start.position, seq, events, truncated, more))
}

fn told(position: &Position, seq: u64, events: Vec<Value>, truncated: bool, more: bool) -> Value {
    json!({
        "resultType": "complete",
        "events": events,
        "cursor": Cursor::at(position, seq).to_string(),
        "truncated": truncated,
        "hasMore": more,
        "nextPollMs": NEXT_POLL_MS,
    })
}
