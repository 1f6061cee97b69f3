//! A call as it is summed: what an event adds to sums of calls, and what it takes back.

use serde_json::{Value, json};

use super::{Body, Data, DataKey, Event, EventType, Provider};

/// The figures of a call that are summed, under the names that `data.change` has for them; cost in billionths of a dollar, of
/// which a sum is exact in every order.
pub(super) const SUMMED: [&str; 6] =
    ["tokens_used", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_nano_usd"];

/// What the call was before, in `data.change`: whoever counts calls by their model takes it from one and adds it to another.
const WAS: &str = "was";

/// What the cost of a sum included before, in `data.change`.
const COVERED: &str = "covered";

/// What is summed of a call, and what it is summed under.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CountedCall {
    pub model: Option<String>,
    /// As [`Provider::figures`].
    pub figures: [u64; 6],
    /// Of the tokens written to the cache, those that live an hour.
    pub cache_write_1h: u64,
    /// Somebody said what it cost.
    pub has_cost: bool,
    /// Not what is left of a sum, nor more of a call that is counted already.
    pub is_call: bool,
}

impl CountedCall {
    pub fn has_tokens(&self) -> bool {
        let [tokens @ .., _] = self.figures;
        tokens.iter().any(|count| *count > 0)
    }

    /// Tokens that the model was given: those of which the price of some depends on how many they are.
    pub fn prompt(&self) -> u64 {
        let [_, input, _, cache_read, cache_write, _] = self.figures;
        input.saturating_add(cache_read).saturating_add(cache_write)
    }

    fn new(event: &Event, call: &Provider, is_call: bool) -> CountedCall {
        let cache_write_1h = event.data.get(DataKey::CacheWrite1hTokens.name()).and_then(Value::as_u64);
        CountedCall {
            model: call.model.clone(),
            figures: call.figures(),
            cache_write_1h: cache_write_1h.unwrap_or(0),
            has_cost: call.cost_usd.is_some(),
            is_call,
        }
    }

    /// A fact, later reports and all.
    pub(crate) fn of(fact: &Event) -> Option<CountedCall> {
        let Body::Provider(call) = &fact.body else { return None };
        (fact.kind == EventType::ApiCall).then(|| CountedCall::new(fact, call, !fact.is_estimated()))
    }

    /// What it becomes by an event whose `change` was made with it.
    fn completed_by(&self, event: &Event, call: &Provider) -> CountedCall {
        let change = event.change().unwrap_or_default();
        let mut after = CountedCall { model: call.model.clone().or_else(|| self.model.clone()), ..self.clone() };
        for (figure, by) in after.figures.iter_mut().zip(change) {
            *figure = figure.saturating_add_signed(by);
        }
        let own = CountedCall::new(event, call, false);
        after.cache_write_1h = after.cache_write_1h.max(own.cache_write_1h);
        after.has_cost |= own.has_cost;
        after.is_call |= event.is_told_after_all();
        after
    }

    /// As `data.change` has it.
    fn to_value(&self) -> Value {
        let [used, input, output, read, write, cost] = self.figures;
        json!([self.model, used, input, output, read, write, cost, self.cache_write_1h, self.has_cost, self.is_call])
    }

    fn of_value(value: &Value) -> Option<CountedCall> {
        let count = |index: usize| value.get(index).and_then(Value::as_u64);
        Some(CountedCall {
            model: value.get(0)?.as_str().map(str::to_owned),
            figures: [count(1)?, count(2)?, count(3)?, count(4)?, count(5)?, count(6)?],
            cache_write_1h: count(7)?,
            has_cost: value.get(8)?.as_bool()?,
            is_call: value.get(9)?.as_bool()?,
        })
    }
}

/// By how much what is counted of a call changes from `before` to `after`, as `data.change` tells it; nothing where it does not.
pub(crate) fn recounted(before: &CountedCall, after: &CountedCall) -> Data {
    if before == after {
        return Data::new();
    }
    let mut change = difference(before.figures, after.figures);
    change.insert(WAS.to_owned(), before.to_value());
    change
}

/// What a sum covers becomes `covers`, as `data.change` tells it.
pub(crate) fn recover(change: &mut Data, covered: Option<Value>, covers: Value) {
    if let Some(covered) = covered {
        change.insert(COVERED.to_owned(), covered);
    }
    change.insert(DataKey::Covers.name().to_owned(), covers);
}

impl Event {
    /// The calls that the cost of a sum includes: those that this event says so of no more, and those that it does.
    pub(crate) fn covered_calls(&self) -> (Option<&Value>, Option<&Value>) {
        let said = |key: DataKey| self.data.get(key.name());
        match said(DataKey::Change).filter(|_| self.completes.is_some()) {
            Some(change) => (change.get(COVERED), change.get(DataKey::Covers.name())),
            None => (None, said(DataKey::Covers).filter(|_| self.is_estimated())),
        }
    }

    /// What this changes in the figures of the call that it completes, as [`SUMMED`]; `None` where its own fields are what it adds.
    pub(crate) fn change(&self) -> Option<[i64; 6]> {
        let change = self.data.get(DataKey::Change.name()).filter(|_| self.completes.is_some())?;
        Some(SUMMED.map(|name| change.get(name).and_then(Value::as_i64).unwrap_or(0)))
    }

    /// What this event takes from the sums of calls, and what it adds to them.
    pub(crate) fn counted_calls(&self) -> (Option<CountedCall>, Option<CountedCall>) {
        let Body::Provider(call) = &self.body else { return (None, None) };
        if self.kind != EventType::ApiCall {
            return (None, None);
        }
        if self.completes.is_none() {
            return (None, CountedCall::of(self));
        }
        let change = self.data.get(DataKey::Change.name());
        match change.and_then(|change| CountedCall::of_value(change.get(WAS)?)) {
            Some(was) => (Some(was.clone()), Some(was.completed_by(self, call))),
            // Events of older histories do not say what they changed.
            None if change.is_some() => (None, None),
            None => (None, Some(CountedCall::new(self, call, false))),
        }
    }
}

/// By how much figures change, as `data.change` tells it.
fn difference(before: [u64; 6], after: [u64; 6]) -> Data {
    let changed = |index: usize| {
        let (before, after) = (i64::try_from(before[index]).unwrap_or(i64::MAX), i64::try_from(after[index]).unwrap_or(i64::MAX));
        (before != after).then(|| (SUMMED[index].to_owned(), Value::from(after - before)))
    };
    (0..SUMMED.len()).filter_map(changed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, Time};
    use crate::text::Redactor;

    fn fact(fields: Value) -> Event {
        let mut object = json!({"type": "api_call", "coder_id": "a"}).as_object().cloned().expect("an object");
        object.extend(fields.as_object().cloned().expect("an object"));
        let now = Time::parse("2026-11-22T12:00:00Z").expect("valid");
        let checked = Draft::from_object(object).expect("valid").check(now, &Redactor::default()).expect("valid");
        checked.into_event(1, "id".into())
    }

    /// A fact and what completes it, as the history makes it.
    fn completed(first: Value, later: Value) -> (Event, Event) {
        let (first, later) = (fact(first), fact(later));
        let (body, data) = first.completion_by(&later, true).expect("says something new");
        let completion = Event { body, data, completes: Some(1), ..later };
        (first, completion)
    }

    #[test]
    fn what_is_taken_back_is_what_was_added() {
        let check = |first: Value, later: Value| {
            let (first, completion) = completed(first.clone(), later.clone());
            let mut whole = first.clone();
            whole.complete_with(&completion);
            match completion.counted_calls() {
                (Some(taken), Some(added)) => {
                    assert_eq!(Some(taken), CountedCall::of(&first), "{later}");
                    assert_eq!(Some(added), CountedCall::of(&whole), "{later}");
                }
                // Where nothing was summed yet, only what comes is told.
                (None, Some(added)) => {
                    assert!(!CountedCall::of(&first).expect("a call").has_tokens(), "{later}");
                    let whole = CountedCall::of(&whole).expect("a call");
                    assert_eq!(added, CountedCall { is_call: false, ..whole }, "{later}");
                }
                other => panic!("{later}: {other:?}"),
            }
        };
        check(json!({"model": "m", "input_tokens": 5}), json!({"cost_usd": 0.5}));
        check(json!({"model": "m", "input_tokens": 5}), json!({"input_tokens": 7, "output_tokens": 2}));
        check(json!({"input_tokens": 5}), json!({"model": "m"}));
        check(json!({"model": "m"}), json!({"input_tokens": 5, "data": {"cache_write_1h_tokens": 3}}));
        check(json!({"model": "m", "cost_usd": 0.0}), json!({"input_tokens": 5}));
        check(json!({"model": "m", "input_tokens": 5, "data": {"estimated": true}}), json!({"input_tokens": 5, "cost_usd": 1.0}));
        check(json!({"model": "m", "output_tokens": 9, "data": {"estimated": true}}), json!({"output_tokens": 4, "model": "n"}));
        check(json!({}), json!({"model": "m", "input_tokens": 5}));
    }
}
