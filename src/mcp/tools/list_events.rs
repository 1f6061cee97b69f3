//! `list_ai_coder_events`: one page of facts, and where the next one starts.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    event::{Event, Family, Invalid, Status, Time},
    filter::{Filter, TextQuery, TypeSet, parse_path},
    history::{self, Order, Page, Query, Reader, Toucher},
    mcp::{
        arguments::{NameOrNames, Whole, Word, Words, tool_arguments},
        budget::{ANSWER_EVENTS_MAX, AnswerBudget},
        caller::Caller,
        context::{ServeContext, moment, now},
        cursor::{Cursor, Lost},
        detail::AnswerDetail,
        naming,
        told_coder::age_s,
        told_events::{Shared, TellEvents},
        tool_error::ToolError,
    },
};

tool_arguments! {
    ListEvents {
        coder_id: NameOrNames = "Only this coder's: id, name, `me`, or a list.",
        not_coder: Option<String> = "Leave this one out: `me` is you.",
        path: Option<String> = "Events of this file, of files in this folder, or of paths that end so.",
        text: Option<String> = "Events with this text in prompt, command, output, error, message or diff; case does not matter.",
        failed: bool = "Only what failed.",
        event_types: Vec<String> = "Only these types or families: failed, progress, file_modified, prompt, rate_limit, lifecycle.*, workspace.*, provider.*; all: aicoder://event-types.",
        since: Option<String> = "From this event time: RFC 3339, or an age such as 15m, 2h, 7d.",
        until: Option<String> = "To this event time, written as since.",
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

/// How many of those are told that touched a file, the last ones.
const TOUCHERS_MAX: usize = 20;
/// How many paths are offered for one that is unknown.
const NEAREST_PATHS_MAX: usize = 5;

#[derive(Serialize)]
pub(in crate::mcp) struct EventsAnswer {
    #[serde(flatten)]
    shared: Shared,
    /// Who touched what was asked for by `path`, the last one first: a row a coder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    touched_by: Vec<TouchedBy>,
    events: Vec<Box<RawValue>>,
    /// What was asked for is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Where the next page starts; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Newest seq of the history.
    head: u64,
    /// Set where the search stopped after [`Query::TIME_MAX`]: the last seq looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    scanned_through: Option<u64>,
    /// The answer was full: the rest is on the next page.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    now: Time,
}

#[derive(Serialize)]
struct TouchedBy {
    coder_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    handle: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    coder_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    /// How many of the files, where that is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
    last: Time,
    age_s: i64,
}

impl EventsAnswer {
    pub(super) fn is_of_coders(&self) -> bool {
        !self.events.is_empty()
    }
}

pub(super) fn input() -> Arc<JsonObject> {
    ListEvents::schema()
}

/// What is asked for, with coders as the caller names them.
struct AskedEvents {
    coders: Vec<String>,
    not_coder: Option<String>,
    query: Query,
    cursor: Option<Cursor>,
    /// From when ages are reckoned, where there are some.
    asked_at: Option<Time>,
    detail: AnswerDetail,
    caller: Caller,
}

pub(super) async fn call(
    serving: &ServeContext,
    arguments: Option<JsonObject>,
    caller: Caller,
) -> Result<EventsAnswer, ToolError> {
    let asked = Arc::new(AskedEvents::of(ListEvents::check(arguments)?, caller)?);
    // Most answers are found at once. What takes longer is begun anew, away from the protocol's thread.
    let quickly = Arc::clone(&asked);
    let found = serving.read_few(move |reader| quickly.find_quickly(reader)).await?;
    match found {
        Some(answer) => Ok(answer),
        None => serving.read(move |reader| asked.find(reader)).await,
    }
}

impl AskedEvents {
    fn of(given: ListEvents, caller: Caller) -> Result<AskedEvents, Invalid> {
        // An age is reckoned once for all pages: else each would be of another window.
        let at = given.cursor.as_ref().and_then(|cursor| cursor.asked_at).unwrap_or_else(now);
        let asked_at = (given.since.is_some() || given.until.is_some()).then_some(at);
        let filter = Filter {
            types: types(&given.event_types)?,
            since: moment("since", given.since.as_deref(), at)?,
            until: moment("until", given.until.as_deref(), at)?,
            // Some clients fill in what they leave out.
            path: given.path.filter(|path| !path.is_empty()).map(|path| parse_path("path", &path)).transpose()?,
            text: given.text,
            failed: given.failed,
            ..Filter::default()
        };
        let limit = (given.limit.0 as usize).min(ANSWER_EVENTS_MAX);
        let query = Query {
            filter,
            order: given.order.0,
            limit,
            time_max: Some(Query::TIME_MAX),
            bytes_max: Query::PAGE_BYTES,
            ..Query::default()
        };
        let all = given.coder_id.0.iter().any(|said| said == naming::EVERY_CODER);
        let coders = if all { Vec::new() } else { given.coder_id.0 };
        let (not_coder, cursor, detail) = (given.not_coder, given.cursor, given.detail.0);
        Ok(AskedEvents { coders, not_coder, query, cursor, asked_at, detail, caller })
    }

    /// `None` where that would take long.
    fn find_quickly(&self, reader: &mut Reader) -> Result<Option<EventsAnswer>, ToolError> {
        for said in self.coders.iter().chain(&self.not_coder) {
            if !naming::is_id(reader, said)? {
                return Ok(None);
            }
        }
        if self.query.filter.path.is_some() {
            return Ok(None);
        }
        self.find_by(reader, Reader::quick_page)
    }

    fn find(&self, reader: &mut Reader) -> Result<EventsAnswer, ToolError> {
        let found = self.find_by(reader, |reader, query| reader.page(query).map(Some))?;
        Ok(found.expect("who is patient does not give up"))
    }

    /// `None` where `page` gave up.
    fn find_by(
        &self,
        reader: &mut Reader,
        page: impl FnOnce(&mut Reader, &Query) -> Result<Option<Page>, history::Error>,
    ) -> Result<Option<EventsAnswer>, ToolError> {
        let mut query = self.query.clone();
        query.filter.coders = naming::coders(reader, &self.caller, &self.coders)?;
        query.filter.not_coders = naming::coders(reader, &self.caller, self.not_coder.as_slice())?;
        if let Some(cursor) = &self.cursor {
            let start = cursor.locate(&reader.position()?).map_err(|lost| lost_cursor(cursor, lost))?;
            match query.order {
                Order::Newest => query.before = Some(start),
                Order::Oldest => query.after = Some(start),
            }
        }
        let Some(page) = page(reader, &query)? else { return Ok(None) };
        let mut shared = Shared::of(&page.events, self.detail);
        if let Some(coder) = &shared.coder_id {
            shared.project = reader.coder(coder)?.and_then(|coder| coder.project);
        }
        let mut answer = self.begin(page.position.head, shared);
        if self.cursor.is_none() {
            answer.touched_by = touched_by(reader, &query.filter, answer.now)?;
            if page.events.is_empty() && page.next.or(page.scanned_through).is_none() {
                answer.message = nothing(reader, &query.filter)?;
            }
        }
        let looked_for = query.filter.text.as_deref().map(TextQuery::parse);
        Ok(Some(self.fill(answer, page, looked_for.as_ref())))
    }

    fn begin(&self, head: u64, shared: Shared) -> EventsAnswer {
        EventsAnswer {
            shared,
            touched_by: Vec::new(),
            events: Vec::new(),
            message: None,
            next_cursor: None,
            head,
            scanned_through: None,
            truncated: false,
            now: now(),
        }
    }

    fn fill(&self, mut answer: EventsAnswer, page: Page, looked_for: Option<&TextQuery>) -> EventsAnswer {
        let Page { events, position, next, scanned_through } = page;
        let place = |seq| Cursor::at(&position, seq).of_question(self.asked_at).to_string();
        (answer.next_cursor, answer.scanned_through) = (next.or(scanned_through).map(place), scanned_through);
        let tell = TellEvents { detail: self.detail, shared: &answer.shared, looked_for };
        let told = events.iter().map(|event| tell.tell(event));
        let (told, truncated) = AnswerBudget::beside(&answer).fill(told);
        (answer.events, answer.truncated) = (told, truncated);
        if answer.truncated {
            let last: Option<&Event> = answer.events.len().checked_sub(1).and_then(|index| events.get(index));
            answer.next_cursor = last.map(|event| place(event.seq));
            answer.scanned_through = None;
        }
        answer
    }
}

fn lost_cursor(cursor: &Cursor, lost: Lost) -> Invalid {
    Invalid::new("cursor", format_args!("`cursor` is `{cursor}`, but {lost}: give {}", Cursor::VALID))
}

/// Told from what is remembered of the files, so that they are all there, however few events are wanted.
fn touched_by(reader: &mut Reader, filter: &Filter, now: Time) -> Result<Vec<TouchedBy>, ToolError> {
    // Of each coder the last touch is remembered, whatever it was: of that nothing follows for some kinds, or until some time.
    let is_told = filter.coders.is_empty() && filter.types.is_none() && filter.until.is_none();
    let Some(path) = filter.path.as_deref().filter(|_| is_told) else { return Ok(Vec::new()) };
    let mut touchers = reader.touchers(path)?.unwrap_or_default();
    touchers.retain(|Toucher { coder_id, last, .. }| {
        !filter.not_coders.contains(coder_id) && filter.since.is_none_or(|since| since <= *last)
    });
    touchers.truncate(TOUCHERS_MAX);
    let mut told = Vec::new();
    for Toucher { coder_id, files, last } in touchers {
        let coder = reader.coder(&coder_id)?;
        told.push(TouchedBy {
            // An id that is short is its own.
            handle: coder.as_ref().map(|coder| coder.handle.clone()).filter(|handle| *handle != coder_id).unwrap_or_default(),
            status: coder.as_ref().map(|coder| coder.status),
            coder_name: coder.and_then(|coder| coder.coder_name.or(coder.title)),
            coder_id,
            files: (files > 1).then_some(files),
            last,
            age_s: age_s(last, now),
        });
    }
    Ok(told)
}

/// Why there is no event.
fn nothing(reader: &mut Reader, filter: &Filter) -> Result<Option<String>, ToolError> {
    if let Some(path) = &filter.path
        && reader.touchers(path)?.is_some_and(|touchers| touchers.is_empty())
    {
        let nearest = reader.nearest_paths(path, NEAREST_PATHS_MAX)?;
        let nearest = if nearest.is_empty() { String::new() } else { format!("; the nearest are {}", nearest.join(", ")) };
        return Ok(Some(format!("no event is of a path that is this one, lies in it or ends so{nearest}")));
    }
    let said = match (&filter.text, filter == &Filter::default()) {
        (_, true) => "nothing is on record yet",
        (Some(_), _) => "no event that matches the other arguments has all words of `text`",
        (None, _) => "no event on record matches these arguments",
    };
    Ok(Some(said.to_owned()))
}

/// The types of `event_types`, with the argument's name in front of what is wrong with them.
pub(in crate::mcp) fn types(names: &[String]) -> Result<Option<TypeSet>, Invalid> {
    TypeSet::parse_all(names.iter().map(String::as_str))
        .map_err(|unknown| Invalid::new("event_types", format_args!("`event_types`: {unknown}; and {}", families())))
}

/// What may stand for several types.
fn families() -> String {
    Family::ALL.iter().map(|family| format!("{}.*", family.name())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::{Draft, Time};
    use crate::text::Redactor;

    fn asked(arguments: Value) -> Result<AskedEvents, Invalid> {
        let Value::Object(arguments) = arguments else { panic!("no object") };
        ListEvents::check(Some(arguments)).and_then(|given| AskedEvents::of(given, Caller::default()))
    }

    fn refused(arguments: Value) -> String {
        asked(arguments).map(|_| ()).unwrap_err().to_string()
    }

    fn filled(page: Page) -> EventsAnswer {
        let asked = asked(json!({"detail": "full"})).expect("valid");
        asked.fill(asked.begin(page.position.head, Shared::default()), page, None)
    }

    #[test]
    fn a_refusal_names_the_argument() {
        assert!(refused(json!({"event_types": ["compelted"]})).starts_with(
            "`event_types`: unknown event type `compelted`, did you mean `ai_coder_completed`? there are created, started,"
        ));
        assert!(refused(json!({"since": "tomorrow"})).starts_with("`since` is `\"tomorrow\"`: give an RFC 3339 time"));
        assert!(refused(json!({"until": "5"})).starts_with("`until` is `\"5\"`: give an RFC 3339 time"));
        assert!(refused(json!({"path": "./"})).starts_with("`path` is `\"./\"`: give a folder or file name"));
        assert!(asked(json!({"path": ""})).is_ok_and(|asked| asked.query.filter.path.is_none()));
        assert!(refused(json!({"coder_id": 7})).starts_with("`coder_id` is `7`: give text, or a list of texts"));
        assert_eq!(refused(json!({"limit": 0})), "`limit` is `0`: give a whole number from 1 to 1000");
    }

    #[test]
    fn all_pages_reckon_an_age_from_when_the_first_was_asked_for() {
        let first = asked(json!({"since": "15m", "until": "1m"})).expect("valid");
        let page = Page { next: Some(7), ..Page::default() };
        let next = first.fill(first.begin(9, Shared::default()), page, None).next_cursor.expect("there is more");
        let later = asked(json!({"since": "15m", "until": "1m", "cursor": next})).expect("valid");
        let window = |asked: &AskedEvents| (asked.query.filter.since, asked.query.filter.until);
        assert_eq!(window(&later), window(&first));
        assert!(window(&first).0.is_some());
        // Where no age is given, a cursor is as short as it was.
        let whole = asked(json!({})).expect("valid");
        let page = Page { next: Some(7), ..Page::default() };
        assert_eq!(whole.fill(whole.begin(9, Shared::default()), page, None).next_cursor.as_deref(), Some("7"));
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
        let answer = filled(page);
        let last = serde_json::from_str::<Value>(answer.events.last().expect("events fit").get()).expect("JSON");
        let last = last["seq"].as_u64().expect("a seq");
        assert!(answer.truncated && last > 1);
        assert_eq!(answer.next_cursor, Some(last.to_string()));
        assert!(crate::mcp::budget::length(&answer) < crate::mcp::budget::ANSWER_CHARS_MAX);
    }

    #[test]
    fn an_event_too_large_alone_is_cut_and_the_next_page_goes_on_after_it() {
        let page = Page { events: vec![event(2, 200_000), event(1, 10)], ..Page::default() };
        let answer = filled(page);
        assert!(crate::mcp::budget::length(&answer) < crate::mcp::budget::ANSWER_CHARS_MAX);
        assert!(answer.events[0].get().contains("…[cut "));
        let follows = if answer.truncated { answer.next_cursor == Some("2".into()) } else { answer.events.len() == 2 };
        assert!(follows, "{:?}", answer.next_cursor);
    }
}
