//! How much one answer may hold, and what becomes of an event that is too large for it. Pure.
//!
//! Clients hand a model at most some ten thousand tokens of an answer and put longer ones into a file or drop them, so
//! an answer ends before that, at a whole event, and says so.

use serde::Serialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use crate::text;

/// No answer has this many characters, neither as text nor as compact structured content. Bytes are counted, which are never fewer.
pub(super) const ANSWER_CHARS_MAX: usize = 40_000;
/// No answer holds this many events, however short they are, so no more need be read for one.
pub(super) const ANSWER_EVENTS_MAX: usize = 600;
/// What cursors, counters and flags may add to an answer that was measured without them.
const SLACK_CHARS: usize = 256;

/// What is left of one answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerBudget {
    left: usize,
}

impl AnswerBudget {
    /// What remains beside `envelope`, the answer without its events.
    pub fn beside(envelope: &impl Serialize) -> AnswerBudget {
        AnswerBudget { left: (ANSWER_CHARS_MAX - 1).saturating_sub(length(envelope) + SLACK_CHARS) }
    }

    /// So many characters.
    pub fn of(chars: usize) -> AnswerBudget {
        AnswerBudget { left: chars }
    }

    /// Takes as many of `values` as fit, in order, and says whether some were left. The first one always fits: where it
    /// is too large alone, its longest strings are cut.
    pub fn fill<T: AnswerPart>(mut self, values: impl IntoIterator<Item = T>) -> (Vec<T>, bool) {
        let mut taken = Vec::new();
        for mut value in values {
            if taken.is_empty() {
                value.shorten(self.left.saturating_sub(SEPARATOR));
            }
            if !self.spend(&value) {
                return (taken, true);
            }
            taken.push(value);
        }
        (taken, false)
    }

    fn spend(&mut self, value: &impl AnswerPart) -> bool {
        match self.left.checked_sub(value.length() + SEPARATOR) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

/// One of the things an answer lists.
pub(super) trait AnswerPart {
    /// As compact JSON, in bytes.
    fn length(&self) -> usize;
    /// To at most `chars_max`.
    fn shorten(&mut self, chars_max: usize);
}

impl AnswerPart for Value {
    fn length(&self) -> usize {
        length(self)
    }

    fn shorten(&mut self, chars_max: usize) {
        shorten(self, chars_max);
    }
}

/// What is written already.
impl AnswerPart for Box<RawValue> {
    fn length(&self) -> usize {
        self.get().len()
    }

    fn shorten(&mut self, chars_max: usize) {
        if self.length() > chars_max {
            let mut value = serde_json::from_str(self.get()).expect("it was written as JSON");
            shorten(&mut value, chars_max);
            *self = to_raw_value(&value).expect("a value has a form in JSON");
        }
    }
}

const SEPARATOR: usize = ",".len();
/// Strings are cut to these lengths in turn until the value fits.
const STRING_CHARS: [usize; 8] = [16_384, 8_192, 4_096, 2_048, 1_024, 512, 128, 32];
/// Where cutting strings does not help, lists and objects inside `data` keep this many entries.
const ENTRIES: [usize; 5] = [256, 64, 16, 4, 0];

/// Makes `value` at most `chars_max` long: first its longest strings are cut and marked `…[cut N]`, then its largest
/// lists and objects.
pub(super) fn shorten(value: &mut Value, chars_max: usize) {
    if length(value) <= chars_max {
        return;
    }
    let shortest = STRING_CHARS.last().copied().unwrap_or_default();
    let strings = STRING_CHARS.iter().map(|&strings_max| (strings_max, usize::MAX));
    let entries = ENTRIES.iter().map(|&entries_max| (shortest, entries_max));
    // Each attempt starts from the whole, so that a mark says how much of the whole is missing.
    let whole = std::mem::take(value);
    for (strings_max, entries_max) in strings.chain(entries) {
        *value = whole.clone();
        cut_strings(value, strings_max);
        if let Value::Object(fields) = value {
            fields.values_mut().for_each(|field| cut_entries(field, entries_max));
        }
        if length(value) <= chars_max {
            return;
        }
    }
}

fn cut_strings(value: &mut Value, chars_max: usize) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(shorter) = text::cut(text, chars_max) {
                *text = shorter;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| cut_strings(item, chars_max)),
        Value::Object(fields) => fields.values_mut().for_each(|field| cut_strings(field, chars_max)),
        _ => {}
    }
}

fn cut_entries(value: &mut Value, entries_max: usize) {
    match value {
        Value::Array(items) => {
            if items.len() > entries_max {
                let cut = items.len() - entries_max;
                items.truncate(entries_max);
                items.push(Value::from(mark(cut)));
            }
            items.iter_mut().for_each(|item| cut_entries(item, entries_max));
        }
        Value::Object(fields) => {
            if fields.len() > entries_max {
                let cut = fields.len() - entries_max;
                *fields = std::mem::take(fields).into_iter().take(entries_max).collect();
                fields.insert(mark(cut), Value::Bool(true));
            }
            fields.values_mut().for_each(|field| cut_entries(field, entries_max));
        }
        _ => {}
    }
}

fn mark(cut: usize) -> String {
    format!("…[cut {cut}]")
}

/// Length as compact JSON, in bytes.
pub(super) fn length(value: &impl Serialize) -> usize {
    struct ByteCount(usize);
    impl std::io::Write for ByteCount {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = ByteCount(0);
    serde_json::to_writer(&mut count, value).expect("an answer has only JSON values and text keys");
    count.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn budget(left: usize) -> AnswerBudget {
        AnswerBudget { left }
    }

    #[test]
    fn whole_values_are_taken_while_they_fit() {
        let values = || (0..10).map(|n| json!({"n": n}));
        let check = |left: usize, count: usize, more: bool| {
            let (taken, left_some) = budget(left).fill(values());
            assert_eq!((taken.len(), left_some), (count, more), "{left}");
        };
        check(1000, 10, false);
        check(80, 10, false);
        check(79, 9, true);
        check(8, 1, true);
    }

    #[test]
    fn a_value_too_large_alone_loses_its_longest_strings() {
        let event = json!({"seq": 7, "summary": "short", "data": {"long": "ä".repeat(100_000), "name": "kept"}});
        let (taken, more) = budget(10_000).fill([event, json!({"seq": 8, "text": "b".repeat(20_000)})]);
        assert!(more);
        let [event] = &taken[..] else { panic!("one event fits: {}", taken.len()) };
        assert!(length(event) <= 10_000, "{}", length(event));
        assert_eq!((&event["seq"], &event["summary"], &event["data"]["name"]), (&json!(7), &json!("short"), &json!("kept")));
        let long = event["data"]["long"].as_str().expect("text");
        assert!(long.starts_with("ää") && long.contains("…[cut "), "{}", &long[long.len() - 40..]);
    }

    #[test]
    fn a_value_of_many_small_parts_loses_parts() {
        let many = (0..50_000).map(|n| (format!("key{n}"), json!(n))).collect::<serde_json::Map<_, _>>();
        let deep = json!([[vec![1; 500], vec![2; 500]], (0..5_000).collect::<Vec<_>>()]);
        for data in [Value::Object(many), deep] {
            let mut event = json!({"seq": 7, "type": "ai_coder_output", "data": data});
            shorten(&mut event, 2_000);
            assert!(length(&event) <= 2_000, "{}", length(&event));
            assert_eq!(event["type"], "ai_coder_output");
            assert!(event.to_string().contains("…[cut "), "{event}");
        }
    }

    #[test]
    fn more_events_than_an_answer_holds_are_never_read() {
        use crate::{
            event::{Draft, EventType, Time},
            mcp::{
                detail::AnswerDetail,
                told_events::{Shared, TellEvents},
            },
            text::Redactor,
        };
        let now = Time::parse("2026-11-22T19:21:00Z").expect("a time");
        let shortest = EventType::ALL.iter().filter(|kind| !kind.is_derived()).flat_map(|&kind| {
            let event = Draft::new(kind, "a").check(now, &Redactor::default()).expect("an event").into_event(1, "i".into());
            let shared = Shared { coder_id: Some("a".into()), day: Some("2026-11-22".into()), project: None };
            [AnswerDetail::Summary, AnswerDetail::Full]
                .map(|detail| TellEvents { detail, shared: &shared, looked_for: None }.tell(&event).length())
        });
        let shortest = shortest.min().expect("there are types");
        assert!(ANSWER_EVENTS_MAX * shortest > ANSWER_CHARS_MAX, "{shortest}");
    }

    #[test]
    fn what_fits_is_left_alone() {
        let mut event = json!({"seq": 7, "text": "x".repeat(1_000)});
        let before = event.clone();
        shorten(&mut event, length(&before));
        assert_eq!(event, before);
    }
}
