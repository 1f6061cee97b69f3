//! Where a delivery begins: after the client's cursor, or later, where that leads nowhere or the client does not want what
//! is old.

use crate::{
    event::{Event, Time},
    filter::Filter,
    history::{Order, Position, Query, Reader},
    mcp::{context::now, tool_error::ToolError},
};

use super::request::EventsRequest;

pub(super) struct DeliveryStart {
    /// What the history is asked for.
    pub filter: Filter,
    pub position: Position,
    /// Everything after this is delivered.
    pub seq: u64,
    /// It lies after the cursor that the client gave.
    pub truncated: bool,
    /// Up to `position.head`, events before this are not told again.
    oldest: Option<Time>,
}

impl DeliveryStart {
    /// # Errors
    /// [`ToolError`] where it cannot be told who is meant, or the history cannot be read.
    pub fn find(reader: &mut Reader, request: &EventsRequest) -> Result<DeliveryStart, ToolError> {
        let filter = request.filter(reader)?;
        // Before all else is looked at: what is committed meanwhile lies behind it.
        let position = reader.position()?;
        let located = request.cursor.as_ref().map(|cursor| cursor.locate(&position));
        let Some(Ok(seq)) = located else {
            let (seq, truncated) = (position.head, located.is_some());
            return Ok(DeliveryStart { filter, position, seq, truncated, oldest: None });
        };
        let oldest = request.oldest(now());
        let mut start = DeliveryStart { truncated: seq < position.floor, filter, position, seq, oldest };
        start.truncated |= start.leaves_out(reader)?;
        if start.truncated {
            start.seq = start.before_first(reader)?;
        }
        Ok(start)
    }

    /// Whether it is too old to be told again.
    pub fn is_too_old(&self, event: &Event) -> bool {
        event.seq <= self.position.head && self.oldest.is_some_and(|oldest| event.timestamp < oldest)
    }

    /// Where looking for one takes too long, one is taken for granted.
    fn leaves_out(&self, reader: &mut Reader) -> Result<bool, ToolError> {
        let Some(oldest) = self.oldest else { return Ok(false) };
        let before = oldest.plus(-1);
        let filter = Filter { until: Some(self.filter.until.map_or(before, |until| until.min(before))), ..self.filter.clone() };
        let query = Query {
            filter,
            order: Order::Oldest,
            after: Some(self.seq),
            limit: 1,
            time_max: Some(Query::TIME_MAX),
            ..Query::default()
        };
        let page = reader.page(&query)?;
        Ok(!page.events.is_empty() || page.scanned_through.is_some())
    }

    /// A cursor there would not be told of the same gap for what it skipped.
    fn before_first(&self, reader: &mut Reader) -> Result<u64, ToolError> {
        let since = self.oldest.into_iter().chain(self.filter.since).max();
        let batch = reader.after_in(self.seq, &Filter { since, ..self.filter.clone() }, 1, Query::TIME_MAX)?;
        Ok(batch.events.first().map_or(batch.through, |event| event.seq - 1))
    }
}
