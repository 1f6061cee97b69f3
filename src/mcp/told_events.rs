//! Events as an answer tells them: one sentence each, or every field. What all sentences share is told once. Pure.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    event::{Event, sentence_within},
    filter::TextQuery,
};

use super::detail::AnswerDetail;

/// What every event of an answer has: of whom it is, and on which day (UTC) it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Shared {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coder_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// Paths are told from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

/// Those that are told alike.
pub(super) struct TellEvents<'t> {
    pub detail: AnswerDetail,
    pub shared: &'t Shared,
    /// Sentences show what of it was found.
    pub looked_for: Option<&'t TextQuery>,
}

#[derive(Serialize)]
struct EventRow<'e> {
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<&'e str>,
    /// On the day that all share.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'e str>,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    coder_id: Option<&'e str>,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    completes: Option<u64>,
}

/// `2026-11-22` of `2026-11-22T19:21:00.123456Z`.
const DAY_CHARS: usize = 10;
/// `19:21:00` of it.
const TIME_OF_DAY: std::ops::Range<usize> = DAY_CHARS + 1..DAY_CHARS + 9;

impl Shared {
    /// Where every field is told, an event is told as it was recorded; and one alone shares nothing.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e Event>, detail: AnswerDetail) -> Shared {
        let mut events = events.into_iter();
        let (Some(first), AnswerDetail::Summary) = (events.next(), detail) else { return Shared::default() };
        let day_of = |event: &Event| event.timestamp.to_string()[..DAY_CHARS].to_owned();
        let (mut coder, mut day, mut count) = (Some(first.coder_id.clone()), Some(day_of(first)), 1);
        for event in events {
            coder = coder.filter(|coder| *coder == event.coder_id);
            day = day.filter(|day| *day == day_of(event));
            count += 1;
        }
        if count == 1 { Shared::default() } else { Shared { coder_id: coder, day, project: None } }
    }
}

impl TellEvents<'_> {
    /// As text: a page of trees of values costs more than the page.
    pub fn tell(&self, event: &Event) -> Box<RawValue> {
        let told = match self.detail {
            AnswerDetail::Full => to_raw_value(event),
            AnswerDetail::Summary => to_raw_value(&self.row(event, &event.timestamp.to_string())),
        };
        told.expect("an event has only JSON values and text keys")
    }

    fn row<'e>(&self, event: &'e Event, at: &'e str) -> EventRow<'e> {
        let Shared { coder_id, day, project } = self.shared;
        let line = sentence_within(event, project.as_deref());
        let summary = match self.looked_for.and_then(|text| text.excerpt(event, &line)) {
            Some(found) => format!("{line} · {found}"),
            None => line,
        };
        EventRow {
            seq: event.seq,
            timestamp: day.is_none().then_some(at),
            time: day.is_some().then(|| &at[TIME_OF_DAY]),
            kind: event.kind.name(),
            coder_id: coder_id.is_none().then_some(event.coder_id.as_str()),
            summary,
            completes: event.completes,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        event::{Draft, Time},
        text::Redactor,
    };

    fn event(seq: u64, coder: &str, at: &str) -> Event {
        let now = Time::parse("2026-11-23T12:00:00Z").expect("valid");
        let line = json!({"type": "file_modified", "coder_id": coder, "timestamp": at, "file_path": "/repo/src/a.rs"});
        let draft = Draft::parse(&line.to_string()).expect("a draft");
        draft.check(now, &Redactor::default()).expect("an event").into_event(seq, format!("i{seq}"))
    }

    fn told(events: &[Event], detail: AnswerDetail) -> (Value, Value) {
        let mut shared = Shared::of(events, detail);
        shared.project = shared.coder_id.as_ref().map(|_| "/repo".into());
        let tell = TellEvents { detail, shared: &shared, looked_for: None };
        let rows = events.iter().map(|event| serde_json::from_str::<Value>(tell.tell(event).get()).expect("JSON")).collect();
        (serde_json::to_value(&shared).expect("JSON"), rows)
    }

    #[test]
    fn what_all_share_is_told_once() {
        let (first, second) = (event(1, "a", "2026-11-22T10:00:00.5Z"), event(2, "a", "2026-11-22T11:00:00Z"));
        let (shared, rows) = told(&[first.clone(), second.clone()], AnswerDetail::Summary);
        assert_eq!(shared, json!({"coder_id": "a", "day": "2026-11-22", "project": "/repo"}));
        let row =
            |rows: &Value, keys: &[&str]| rows[0].as_object().expect("a row").keys().all(|key| keys.contains(&key.as_str()));
        assert!(row(&rows, &["seq", "time", "type", "summary"]), "{rows}");
        assert_eq!(rows[0]["time"], "10:00:00");
        assert!(rows[0]["summary"].as_str().is_some_and(|line| line.contains("src/a.rs") && !line.contains("/repo")), "{rows}");

        let (shared, rows) = told(&[first.clone(), event(3, "b", "2026-11-23T00:00:00Z")], AnswerDetail::Summary);
        assert_eq!(shared, json!({}));
        assert!(row(&rows, &["seq", "timestamp", "coder_id", "type", "summary"]), "{rows}");
        assert_eq!(rows[0]["timestamp"], "2026-11-22T10:00:00.500000Z");

        assert_eq!(told(std::slice::from_ref(&first), AnswerDetail::Summary).0, json!({}));
        assert_eq!(told(&[first, second], AnswerDetail::Full).0, json!({}));
    }
}
