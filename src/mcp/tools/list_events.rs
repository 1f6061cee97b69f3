//! `list_ai_coder_events`: one page of facts, and where the next one starts.

use std::{sync::Arc, time::SystemTime};

use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    event::{Event, Family, Invalid, check_coder_id},
    filter::{Filter, TextQuery, TypeSet, parse_moment},
    history::{self, Order, Page, Query, Reader},
    mcp::{
        arguments::{Whole, Word, Words, tool_arguments},
        budget::{ANSWER_EVENTS_MAX, AnswerBudget},
        context::ServeContext,
        cursor::Cursor,
        detail::AnswerDetail,
        tool_error::ToolError,
    },
};

tool_arguments! {
    ListEvents {
        coder_id: Option<String> = "Only this coder's: id, name, `me`, or a list.",
        event_types: Vec<String> = "Only these types or families: failed, progress, file_modified, prompt, rate_limit, lifecycle.*, workspace.*, provider.*; all: aicoder://event-types.",
        since: Option<String> = "From this event time: RFC 3339, or an age such as 15m, 2h, 7d.",
        until: Option<String> = "To this event time, written as since.",
        path: Option<String> = "Events of this file, of files in this folder, or of paths that end so.",
        text: Option<String> = "Events with this text in prompt, command, output, error, message or diff; case does not matter.",
        failed: bool = "Only what failed.",
        order: Word<Order> = "Which end first.",
        limit: Whole<1, 1000, 50> = "Most events.",
        cursor: Option<Cursor> = "next_cursor of the page before; other arguments as they were.",
        detail: Word<AnswerDetail> = "summary: one sentence an event; full: every field.",
    }
}

impl Words for Order {
    fn words() -> Vec<(&'static str, Order)> {
        vec![("newest", Order::Newest), ("oldest", Order::Oldest)]
    }
}

/// How many events one call looks at; where text or path match rarely, a page may be short and still go on.
const SCAN_MAX: usize = 50_000;

#[derive(Serialize)]
pub(in crate::mcp) struct EventsAnswer {
    events: Vec<Box<RawValue>>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Newest seq of the history.
    head: u64,
    /// Set where the search stopped after 50,000 events: the last seq looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    scanned_through: Option<u64>,
    /// The answer was full: the rest is on the next page.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

impl EventsAnswer {
    pub(super) fn is_of_coders(&self) -> bool {
        !self.events.is_empty()
    }
}

pub(super) fn input() -> Arc<JsonObject> {
    ListEvents::schema()
}

pub(super) async fn call(serving: &ServeContext, arguments: Option<JsonObject>) -> Result<EventsAnswer, ToolError> {
    let mut given = ListEvents::check(arguments)?;
    let (cursor, detail) = (given.cursor.take(), given.detail.0);
    let query = query(given)?;
    // Most answers are found at once. What takes longer is begun anew, away from the protocol's thread.
    let quickly = query.clone();
    let begin = cursor.clone();
    let found = serving.bus.read_few(move |reader| find(reader, quickly, begin, detail, Reader::quick_page)).await?;
    if let Some(answer) = found {
        return answer;
    }
    let patiently = |reader: &mut Reader, query: &Query| reader.page(query).map(Some);
    let found = serving.bus.read(move |reader| find(reader, query, cursor, detail, patiently)).await?;
    found.expect("who is patient does not give up")
}

fn query(given: ListEvents) -> Result<Query, Invalid> {
    given.coder_id.as_deref().map_or(Ok(()), check_coder_id)?;
    let now = SystemTime::now().into();
    let moment = |name: &str, moment: Option<String>| moment.map(|moment| parse_moment(name, &moment, now)).transpose();
    let filter = Filter {
        coders: given.coder_id.into_iter().collect(),
        types: types(&given.event_types)?,
        since: moment("since", given.since)?,
        until: moment("until", given.until)?,
        path: given.path,
        text: given.text,
        failed: given.failed,
    };
    let limit = (given.limit.0 as usize).min(ANSWER_EVENTS_MAX);
    Ok(Query { filter, order: given.order.0, after: None, before: None, limit, scan_max: SCAN_MAX })
}

/// `None` where `page` gave up.
fn find(
    reader: &mut Reader,
    mut query: Query,
    cursor: Option<Cursor>,
    detail: AnswerDetail,
    page: impl FnOnce(&mut Reader, &Query) -> Result<Option<Page>, history::Error>,
) -> Result<Option<Result<EventsAnswer, ToolError>>, history::Error> {
    if let Some(cursor) = cursor {
        let start = match cursor.locate(&reader.position()?) {
            Ok(seq) => Some(seq),
            Err(lost) => return Ok(Some(Err(lost_cursor(&cursor, lost).into()))),
        };
        match query.order {
            Order::Newest => query.before = start,
            Order::Oldest => query.after = start,
        }
    }
    let Some(page) = page(reader, &query)? else { return Ok(None) };
    if let ([], [coder]) = (&page.events[..], &query.filter.coders[..])
        && !is_known(reader, coder)?
    {
        return Ok(Some(Err(ToolError::unknown_coder(reader, coder)?)));
    }
    let looked_for = query.filter.text.as_deref().map(TextQuery::parse);
    Ok(Some(Ok(fill(page, detail, looked_for.as_ref()))))
}

fn is_known(reader: &mut Reader, coder: &str) -> Result<bool, history::Error> {
    Ok(reader.coder_ids(coder, 1)?.first().is_some_and(|known| known == coder))
}

fn lost_cursor(cursor: &Cursor, lost: crate::mcp::cursor::Lost) -> Invalid {
    Invalid::new("cursor", format_args!("`cursor` is `{cursor}`, but {lost}: give {}", Cursor::VALID))
}

fn fill(page: Page, detail: AnswerDetail, looked_for: Option<&TextQuery>) -> EventsAnswer {
    let Page { events, position, next, scanned_through } = page;
    let place = |seq| Cursor::at(&position, seq).to_string();
    let told = events.iter().map(|event| detail.tell_found(event, looked_for));
    let next = next.or(scanned_through).map(place);
    let mut answer =
        EventsAnswer { events: Vec::new(), next_cursor: next, head: position.head, scanned_through, truncated: false };
    (answer.events, answer.truncated) = AnswerBudget::beside(&answer).fill(told);
    if answer.truncated {
        let last: Option<&Event> = answer.events.len().checked_sub(1).and_then(|index| events.get(index));
        answer.next_cursor = last.map(|event| place(event.seq));
        answer.scanned_through = None;
    }
    answer
}

/// The types of `event_types`, with the argument's name in front of what is wrong with them.
pub(super) fn types(names: &[String]) -> Result<Option<TypeSet>, Invalid> {
    TypeSet::parse_all(names.iter().map(String::as_str))
        .map_err(|unknown| Invalid::new("event_types", format_args!("`event_types`: {unknown}; and {}", families())))
}

/// What may stand for several types.
pub(in crate::mcp) fn families() -> String {
    Family::ALL.iter().map(|family| format!("{}.*", family.name())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::{Draft, Time};
    use crate::text::Redactor;

    fn refused(arguments: Value) -> String {
        let Value::Object(arguments) = arguments else { panic!("no object") };
        ListEvents::check(Some(arguments)).and_then(query).unwrap_err().to_string()
    }

    #[test]
    fn a_refusal_names_the_argument() {
        assert!(
            refused(json!({"event_types": ["compelted"]}))
                .starts_with("`event_types`: unknown event type `compelted`, did you mean `ai_coder_completed`?")
        );
        assert!(refused(json!({"since": "yesterday"})).starts_with("`since` is `\"yesterday\"`: give an RFC 3339 time"));
        assert!(refused(json!({"until": "5"})).starts_with("`until` is `\"5\"`: give an RFC 3339 time"));
        assert!(refused(json!({"coder_id": "a b"})).starts_with("`coder_id` is `\"a b\"`: give 1 to 128 characters"));
        assert_eq!(refused(json!({"limit": 0})), "`limit` is `0`: give a whole number from 1 to 1000");
    }

    fn event(seq: u64, chars: usize) -> Event {
        let draft =
            Draft::parse(&json!({"type": "output", "coder_id": "a", "text": "x".repeat(chars)}).to_string()).expect("a draft");
        let now = Time::parse("2026-11-22T19:21:00Z").expect("a time");
        draft.check(now, &Redactor::default()).expect("an event").into_event(seq, format!("id{seq}"))
    }

    #[test]
    fn an_answer_that_is_full_goes_on_at_the_last_event_it_holds() {
        let page = Page { events: (1..=20).rev().map(|seq| event(seq, 5_000)).collect(), ..Page::default() };
        let answer = fill(page, AnswerDetail::Full, None);
        let last = serde_json::from_str::<Value>(answer.events.last().expect("events fit").get()).expect("JSON");
        let last = last["seq"].as_u64().expect("a seq");
        assert!(answer.truncated && last > 1);
        assert_eq!(answer.next_cursor, Some(last.to_string()));
        assert!(crate::mcp::budget::length(&answer) < crate::mcp::budget::ANSWER_CHARS_MAX);
    }

    #[test]
    fn an_event_too_large_alone_is_cut_and_the_next_page_goes_on_after_it() {
        let page = Page { events: vec![event(2, 200_000), event(1, 10)], ..Page::default() };
        let answer = fill(page, AnswerDetail::Full, None);
        assert!(crate::mcp::budget::length(&answer) < crate::mcp::budget::ANSWER_CHARS_MAX);
        assert!(answer.events[0].get().contains("…[cut "));
        let follows = if answer.truncated { answer.next_cursor == Some("2".into()) } else { answer.events.len() == 2 };
        assert!(follows, "{:?}", answer.next_cursor);
    }
}
