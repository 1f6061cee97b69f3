//! What is corrected, and what is told as a sum: whatever comes first, all calls together are what was used.

use proptest::prelude::*;
use serde_json::json;

use super::Lab;
use crate::{
    aggregate::Stats,
    event::{Draft, Key, SumScope, Time},
    history::StatsQuery,
};

fn call(coder: &str, key: &str, at: i64, figures: serde_json::Value) -> Draft {
    let mut object = json!({"type": "api_call", "coder_id": coder}).as_object().cloned().expect("an object");
    object.extend(figures.as_object().cloned().expect("an object"));
    let start = Time::parse("2026-11-22T11:00:00Z").expect("valid");
    let draft = Draft::from_object(object).expect("valid");
    Draft { key: Key::Natural(key.to_owned()), timestamp: Some(start.plus(at * Time::MINUTE)), ..draft }
}

/// What was used from the beginning, or since a minute.
fn sum(coder: &str, key: &str, since: Option<i64>, at: i64, output: u64) -> Draft {
    let start = Time::parse("2026-11-22T11:00:00Z").expect("valid");
    let since = since.map(|minutes| start.plus(minutes * Time::MINUTE));
    let draft = call(coder, key, at, json!({"output_tokens": output}));
    Draft { sums: Some(SumScope { since }), ..draft }.with("estimated", true)
}

fn stats(lab: &mut Lab) -> Stats {
    lab.reader.stats(&StatsQuery::default()).expect("the history can be read")
}

/// Tokens written and calls counted, of all coders.
fn used(lab: &mut Lab) -> (u64, u64) {
    let usage = stats(lab).usage;
    (usage.tokens.output, usage.api_calls)
}

#[test]
fn a_count_that_grows_ends_with_the_greatest_in_every_order() {
    for order in [[1, 40, 42], [42, 40, 1], [40, 42, 1]] {
        let mut lab = Lab::new();
        for output in order {
            lab.append(call("a", "req_1", 1, json!({"input_tokens": 7, "output_tokens": output})));
        }
        assert_eq!(used(&mut lab), (42, 1), "{order:?}");
        let facts = lab.facts();
        assert_eq!((facts.len(), facts[0].to_value()["tokens_used"].as_u64()), (1, Some(49)), "{order:?}");
        lab.assert_sound();
    }
}

#[test]
fn by_an_id_alone_nothing_is_corrected_hidden_or_taken_away() {
    let given =
        |coder: &str, id: &str, more: serde_json::Value| Draft { key: Key::Id(id.to_owned()), ..call(coder, "", 1, more) };
    let mut lab = Lab::new();
    lab.append(call("a", "req_1", 1, json!({"output_tokens": 5})));
    let id = lab.facts()[0].id.clone();
    let forged = json!({"output_tokens": 9_000, "change": {"output_tokens": -5}, "withdrawn": true});
    lab.append(given("b", &id, forged.clone()));
    lab.append(given("a", &id, forged));
    assert_eq!(used(&mut lab), (5, 1));
    lab.append(given("b", "mine", json!({"output_tokens": 1, "withdrawn": true})));
    assert_eq!((used(&mut lab), lab.facts().len()), ((6, 2), 2), "a sender's own keys are its own");
    lab.assert_sound();
}

#[test]
fn an_estimate_gives_way_to_what_was_told() {
    for told_first in [true, false] {
        let mut lab = Lab::new();
        let told = call("a", "req_1", 1, json!({"output_tokens": 5, "cost_usd": 0.25}));
        let estimate = call("a", "req_1", 1, json!({"output_tokens": 900, "cost_usd": 3.0})).with("estimated", true);
        lab.append_all(if told_first { [told, estimate] } else { [estimate, told] });
        let fact = lab.facts().remove(0).to_value();
        assert_eq!((&fact["output_tokens"], &fact["cost_usd"]), (&json!(5), &json!(0.25)));
        assert_eq!(fact["data"].get("estimated"), None, "{fact}");
        assert_eq!(used(&mut lab), (5, 1));
        lab.assert_sound();
    }
}

#[test]
fn of_a_sum_only_what_no_call_told_is_recorded() {
    let mut lab = Lab::new();
    lab.append(call("a", "1", 1, json!({"output_tokens": 10})));
    lab.append(call("a/sub", "2", 2, json!({"output_tokens": 20})));
    lab.append(sum("a", "turn", None, 3, 100));
    assert_eq!(used(&mut lab), (100, 2));
    // What was told all along is no more.
    lab.append(sum("a", "again", None, 4, 100));
    assert_eq!(used(&mut lab), (100, 2));
    // A session that is resumed tells a sum that includes the first.
    lab.append(sum("a", "later", None, 9, 130));
    assert_eq!(used(&mut lab), (130, 2));
    lab.assert_sound();
}

#[test]
fn what_is_left_of_a_sum_goes_when_its_calls_come() {
    let mut lab = Lab::new();
    lab.append(sum("a", "turn", None, 5, 30));
    assert_eq!((used(&mut lab), lab.facts().len()), ((30, 0), 1));
    lab.append(call("a", "1", 1, json!({"output_tokens": 10})));
    assert_eq!(used(&mut lab), (30, 1));
    lab.append(call("a/sub", "2", 2, json!({"output_tokens": 20})));
    assert_eq!((used(&mut lab), lab.facts().len()), ((30, 2), 2), "the sum is no fact any more");
    // Of another process of the session.
    lab.append(call("a", "3", 60, json!({"output_tokens": 5})));
    assert_eq!(used(&mut lab), (35, 3));
    assert_eq!(stats(&mut lab).total_events, 3);
    lab.assert_sound();
}

#[test]
fn a_fork_that_counts_on_from_its_parent_is_charged_for_its_own_calls() {
    let mut lab = Lab::new();
    let shared = |coder: &str| Draft {
        key: Key::Several { ids: vec!["api:req_1".to_owned()], older: None, repeat: None },
        ..call(coder, "", 1, json!({"output_tokens": 10}))
    };
    lab.append(shared("parent"));
    lab.append(shared("fork"));
    lab.append(call("fork", "own", 3, json!({"output_tokens": 7})));
    lab.append(sum("fork", "turn", None, 4, 17));
    assert_eq!(used(&mut lab), (17, 2));
    lab.assert_sound();
}

/// What was reported, what is estimated besides, and how many calls have no price.
fn cost(lab: &mut Lab) -> (Option<f64>, Option<f64>, u64) {
    let usage = stats(lab).usage;
    (usage.cost_usd, usage.cost_estimated_usd, usage.calls_unpriced)
}

/// A call of a model whose input costs five dollars a million tokens.
fn priced(coder: &str, key: &str, at: i64, input: u64) -> Draft {
    call(coder, key, at, json!({"model": "claude-opus-4-6", "input_tokens": input}))
}

#[test]
fn a_call_without_a_cost_is_estimated_until_somebody_tells_it() {
    let mut lab = Lab::new();
    lab.append(priced("a", "1", 1, 1_000_000));
    assert_eq!(cost(&mut lab), (None, Some(5.0), 0));
    // The figure grows, and the estimate with it.
    lab.append(priced("a", "1", 1, 2_000_000));
    assert_eq!(cost(&mut lab), (None, Some(10.0), 0));
    lab.append(call("a", "2", 2, json!({"model": "nobody-knows", "input_tokens": 7})));
    assert_eq!(cost(&mut lab), (None, Some(10.0), 1));
    lab.append(call("a", "1", 1, json!({"cost_usd": 8.0})));
    assert_eq!(cost(&mut lab), (Some(8.0), None, 1));
    lab.append(call("a", "2", 2, json!({"cost_usd": 0.0})));
    assert_eq!(cost(&mut lab), (Some(8.0), None, 0), "what costs nothing is told");
    lab.assert_sound();
}

#[test]
fn what_is_written_to_the_cache_for_an_hour_costs_more_until_the_cost_is_told() {
    let written = |more: serde_json::Value| {
        let mut fields = json!({"model": "claude-opus-4-6", "cache_write_tokens": 1_000_000});
        fields.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        call("a", "1", 1, fields)
    };
    let mut lab = Lab::new();
    lab.append(written(json!({})));
    assert_eq!(cost(&mut lab), (None, Some(6.25), 0));
    lab.append(written(json!({"cache_write_1h_tokens": 1_000_000})));
    assert_eq!(cost(&mut lab), (None, Some(10.0), 0));
    lab.append(written(json!({"cost_usd": 9.0})));
    assert_eq!((cost(&mut lab), lab.log().len()), ((Some(9.0), None, 0), 3));
    lab.assert_sound();
    let mut lab = Lab::new();
    lab.append(written(json!({"cost_usd": 9.0})));
    lab.append(written(json!({"cache_write_1h_tokens": 1_000_000})));
    assert_eq!((cost(&mut lab), lab.log().len()), ((Some(9.0), None, 0), 1), "nobody needs it any more");
}

#[test]
fn a_model_that_is_told_later_takes_its_calls_along() {
    let mut lab = Lab::new();
    lab.append(call("a", "1", 1, json!({"input_tokens": 1_000_000})));
    assert_eq!(cost(&mut lab), (None, None, 1));
    lab.append(call("a", "1", 1, json!({"model": "claude-opus-4-6"})));
    assert_eq!(cost(&mut lab), (None, Some(5.0), 0));
    lab.assert_sound();
}

#[test]
fn what_a_sum_says_the_cost_of_is_not_estimated_besides() {
    let sum_of = |cost: f64| Draft { sums: Some(SumScope { since: None }), ..call("a", "sum", 5, json!({"cost_usd": cost})) };
    let mut lab = Lab::new();
    lab.append(priced("a", "1", 1, 1_000_000));
    lab.append(priced("a/sub", "2", 2, 1_000_000));
    lab.append(sum_of(7.5).with("estimated", true));
    assert_eq!(cost(&mut lab), (Some(7.5), None, 0));
    let mut of_coder = |coder: &str| lab.reader.coder(coder).expect("readable").expect("known").usage;
    let (session, subagent) = (of_coder("a"), of_coder("a/sub"));
    assert_eq!(
        (session.cost_usd, session.cost(), subagent.cost()),
        (Some(7.5), Some(2.5), Some(5.0)),
        "one figure each, and no call twice"
    );
    // A call that is heard of late; and one of another process, after the sum.
    lab.append(priced("a", "3", 3, 1_000_000));
    assert_eq!(cost(&mut lab), (Some(7.5), None, 0));
    lab.append(priced("a", "4", 60, 1_000_000));
    assert_eq!(cost(&mut lab), (Some(7.5), Some(5.0), 0));
    // Somebody tells what one of them cost: the sum is what it was.
    lab.append(call("a", "1", 1, json!({"cost_usd": 2.0})));
    assert_eq!(cost(&mut lab), (Some(7.5), Some(5.0), 0));
    lab.assert_sound();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Some calls tell their cost, now or later, a sum that of all: in any order nothing is estimated in the end.
    #[test]
    fn in_any_order_a_sum_s_cost_is_that_of_its_calls(order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(), told in 0..4usize) {
        let mut drafts: Vec<Draft> = (0..4).map(|at| priced(["a", "a/sub"][at % 2], &format!("{at}"), at as i64, 1_000_000)).collect();
        drafts.push(call(["a", "a/sub"][told % 2], &format!("{told}"), told as i64, json!({"cost_usd": 4.0})));
        let sum = Draft { sums: Some(SumScope { since: None }), ..call("a", "sum", 30, json!({"cost_usd": 18.0})) };
        drafts.push(sum.with("estimated", true));
        let mut lab = Lab::new();
        for at in order {
            lab.append(drafts[at].clone());
        }
        prop_assert_eq!(cost(&mut lab), (Some(18.0), None, 0));
        lab.assert_sound();
    }

    /// Calls of two processes, of which each tells its sum, in any order: all together are the sums.
    #[test]
    fn in_any_order_calls_and_rests_are_the_sums(order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(), missing in 0..4usize) {
        let calls = [(1, 10), (2, 20), (61, 5), (62, 7)];
        let mut drafts: Vec<Option<Draft>> = calls
            .iter()
            .enumerate()
            .map(|(at, &(minute, output))| {
                (at != missing).then(|| call("a", &format!("call {at}"), minute, json!({"output_tokens": output})))
            })
            .collect();
        drafts.push(Some(sum("a", "first", Some(0), 30, 30)));
        drafts.push(Some(sum("a", "second", Some(60), 90, 12)));
        let mut lab = Lab::new();
        for draft in order.into_iter().filter_map(|at| drafts[at].clone()) {
            lab.append(draft);
        }
        prop_assert_eq!(used(&mut lab), (42, 3));
        lab.assert_sound();
    }
}
