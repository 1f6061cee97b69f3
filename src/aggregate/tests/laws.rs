//! The law of this room: an aggregate depends on the events alone, not on their order or on how they were batched.

use serde_json::json;

use proptest::{collection::vec, prelude::*, sample::select};

use crate::event::{EventType, Family};

use super::*;

/// Few times, ids and texts, so that every kind of tie occurs.
fn any_event() -> impl Strategy<Value = Event> {
    let text = || prop::option::of(select(vec!["editing", "testing", "permission", "question asked", "other"]));
    let code = prop::option::of((0_u32..90).prop_map(|code| format!("E{code:02}")));
    let count = || prop::option::of(prop_oneof![4 => 0_u64..1000, 1 => Just(u64::MAX)]);
    let number = prop::option::of(0.0..=1.0);
    let envelope = (select(EventType::ALL), 0_i64..5, 0_i64..150, 0_u32..40, any::<bool>(), prop::option::of(Just(1_u64)));
    (envelope, (text(), text(), text()), code, (count(), count()), number).prop_map(
        |((kind, minute, second, id, named, completes), texts, code, counts, number)| {
            let texts = (texts.0.map(str::to_owned), texts.1.map(str::to_owned), texts.2.map(str::to_owned));
            let (first, second_text, third) = texts;
            let body = match kind.family() {
                Family::Lifecycle => {
                    Body::Lifecycle(Lifecycle { reason: code.or(first), error_message: third, ..Default::default() })
                }
                Family::Progress => Body::Progress(Progress {
                    progress: number,
                    stage: first,
                    description: second_text,
                    milestone: third,
                    ..Default::default()
                }),
                Family::Provider => Body::Provider(Provider {
                    tokens_used: counts.0,
                    cache_read_tokens: counts.1,
                    cost_usd: number,
                    model: second_text,
                    error_code: code,
                    error_message: third,
                    ..Default::default()
                }),
                Family::Resource => Body::Resource(Resource {
                    memory_mb: counts.0,
                    cpu_percent: number,
                    file_count: counts.1,
                    ..Default::default()
                }),
                Family::Workspace | Family::Derived => kind.body(),
            };
            let mut event = Event {
                id: format!("id-{id:02}"),
                coder_name: named.then(|| format!("name {second}")),
                source: Some(format!("source {id}")),
                received_at: at(second),
                body,
                completes,
                ..event(kind, minute * 60)
            };
            if named {
                event.data.insert("parent_coder_id".into(), format!("parent {id}").into());
                event.data.insert("tool_name".into(), format!("tool {id}").into());
                event.data.insert("estimated".into(), (second % 3 == 0).into());
                event.data.insert("covers".into(), json!({"testing": {"0": [1, 1, second, 0, 0, 0, 0, 0, 0]}}));
            }
            if completes.is_some() && second % 2 == 0 {
                let was = json!(["editing", second, 1, 2, 3, u64::MAX, 5, 6, second % 4 == 0, named]);
                event.data.insert("change".into(), json!({"was": was, "output_tokens": -2, "covered": {}, "covers": {}}));
            }
            event
        },
    )
}

/// Events, the same shuffled, and the sizes of the batches in which they come.
fn any_arrival() -> impl Strategy<Value = (Vec<Event>, Vec<Event>, Vec<usize>)> {
    vec(any_event(), 0..160).prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle(), vec(0_usize..30, 1..12)))
}

/// `events` in batches of these sizes, over and over.
fn batches<'e>(mut events: &'e [Event], sizes: &[usize]) -> Vec<&'e [Event]> {
    let mut batches = Vec::new();
    for &size in sizes.iter().chain([&1]).cycle() {
        if events.is_empty() {
            break;
        }
        let (batch, rest) = events.split_at(size.min(events.len()));
        batches.push(batch);
        events = rest;
    }
    batches
}

proptest! {
    #[test]
    fn a_coder_is_its_events_in_any_order_and_batch((events, shuffled, sizes) in any_arrival()) {
        let expected = fold(&events);
        prop_assert_eq!(&fold(&shuffled), &expected);
        let parts: Vec<Coder> = batches(&shuffled, &sizes).into_iter().map(fold).collect();
        let left = parts.iter().fold(Coder::default(), |mut sum, part| { sum.merge(part); sum });
        let right = parts.iter().rev().fold(Coder::default(), |sum, part| { let mut part = part.clone(); part.merge(&sum); part });
        prop_assert_eq!(&left, &expected);
        prop_assert_eq!(&right, &expected);
    }

    #[test]
    fn a_tally_is_its_events_in_any_order_and_batch((events, shuffled, sizes) in any_arrival()) {
        let expected = tally(&events);
        prop_assert_eq!(&tally(&shuffled), &expected);
        let parts: Vec<Tally> = batches(&shuffled, &sizes).into_iter().map(tally).collect();
        let left = parts.iter().fold(Tally::default(), |mut sum, part| { sum.merge(part); sum });
        let right = parts.iter().rev().fold(Tally::default(), |sum, part| { let mut part = part.clone(); part.merge(&sum); part });
        prop_assert_eq!(&left, &expected);
        prop_assert_eq!(&right, &expected);
    }

    #[test]
    fn totals_are_their_events_in_any_order_and_batch((events, shuffled, sizes) in any_arrival()) {
        let expected = total(&events);
        prop_assert_eq!(&total(&shuffled), &expected);
        let parts: Vec<Totals> = batches(&shuffled, &sizes).into_iter().map(total).collect();
        let left = parts.iter().fold(Totals::default(), |mut sum, part| { sum.merge(part); sum });
        let right = parts.iter().rev().fold(Totals::default(), |sum, part| { let mut part = part.clone(); part.merge(&sum); part });
        prop_assert_eq!(&left, &expected);
        prop_assert_eq!(&right, &expected);
    }

    #[test]
    fn what_is_stored_is_read_back_equal((events, _, _) in any_arrival()) {
        let (coder, tally, totals) = (fold(&events), tally(&events), total(&events));
        let json = |value: serde_json::Result<String>| value.expect("an aggregate is JSON");
        prop_assert_eq!(&serde_json::from_str::<Coder>(&json(serde_json::to_string(&coder))).expect("reads back"), &coder);
        prop_assert_eq!(&serde_json::from_str::<Tally>(&json(serde_json::to_string(&tally))).expect("reads back"), &tally);
        prop_assert_eq!(&serde_json::from_str::<Totals>(&json(serde_json::to_string(&totals))).expect("reads back"), &totals);
    }

    /// More models and tools than are kept apart: every call is counted once all the same.
    #[test]
    fn parts_are_bounded_and_add_up(names in vec(0_u32..200, 0..300), sizes in vec(0_usize..90, 1..8)) {
        let event_of = |(at, &name): (usize, &u32)| {
            let model = Some(format!("model-{name:03}"));
            let call = Body::Provider(Provider { model, input_tokens: Some(3), ..Default::default() });
            let tool = Event { data: Data::from_iter([("tool_name".to_owned(), json!(format!("tool-{name:03}")))]), ..event(EventType::Progress, 0) };
            if at % 2 == 0 { tool } else { Event { body: call, ..event(EventType::ApiCall, 0) } }
        };
        let events: Vec<Event> = names.iter().enumerate().map(event_of).collect();
        let parts = batches(&events, &sizes);
        let sum = parts.into_iter().map(tally).fold(Tally::default(), |sum, mut part| { part.merge(&sum); part });
        prop_assert_eq!(&sum, &tally(&events));
        let calls = events.len() as u64 / 2;
        let (models, tools) = (sum.by_model(), sum.by_tool());
        prop_assert!(models.len() <= 65 && tools.len() <= 65, "{} models, {} tools", models.len(), tools.len());
        let usage = |tally: &Tally| tally.usage(&Prices::default());
        prop_assert_eq!(models.iter().map(|(_, part)| usage(part).api_calls).sum::<u64>(), calls);
        prop_assert_eq!(models.iter().map(|(_, part)| usage(part).tokens.input).sum::<u64>(), 3 * calls);
        prop_assert_eq!(usage(&sum).calls_unpriced, calls);
        prop_assert_eq!(tools.iter().map(|(_, part)| part.tool_calls().calls).sum::<u64>(), events.len() as u64 - calls);
    }

    /// More codes than are kept apart, so that some are shed on every way through the batches.
    #[test]
    fn bounded_codes_are_the_same_in_any_order_and_batch(
        codes in vec(0_u32..200, 0..400).prop_flat_map(|codes| (Just(codes.clone()), Just(codes).prop_shuffle())),
        sizes in vec(0_usize..90, 1..8),
    ) {
        let failed = |&code: &u32| Event { body: reason(&format!("{code:03}")), ..event(EventType::Failed, 0) };
        let events: Vec<Event> = codes.0.iter().map(failed).collect();
        let shuffled: Vec<Event> = codes.1.iter().map(failed).collect();
        let expected = tally(&events);
        prop_assert_eq!(&tally(&shuffled), &expected);
        let parts = batches(&shuffled, &sizes);
        let merged = parts.into_iter().map(tally).fold(Tally::default(), |sum, mut part| { part.merge(&sum); part });
        prop_assert_eq!(&merged, &expected);
        let counted: u64 = expected.usage(&Prices::default()).errors_by_code.values().sum();
        prop_assert_eq!(counted, events.len() as u64);
    }
}

#[test]
fn an_aggregate_is_stored_compactly() {
    let started = Event { source: Some("emit".into()), ..event(EventType::Started, 0) };
    let stored = serde_json::to_string(&fold([&started])).expect("an aggregate is JSON");
    assert_eq!(
        stored,
        r#"{"n":{"n":{"2":1}},"a":1795374000000000,"z":1795374000000000,"s":1795374000000000,"l":[1795374000000000,1,"started-0","running"],"w":[1795374000000000,"started-0",null],"so":[1795374000000000,"started-0","emit"],"ot":{"o":1795374000000000}}"#
    );
}
