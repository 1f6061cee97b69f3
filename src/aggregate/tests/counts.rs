//! Counts, sums and rates.

use std::collections::BTreeMap;

use crate::event::EventType::{self, *};

use super::super::{Tokens, Usage};
use super::*;

#[test]
fn usage_is_summed_and_errors_are_counted_by_code() {
    let failed_call = |code: &str| call(Provider { error_code: Some(code.into()), ..Default::default() });
    let events = [
        Event {
            body: call(Provider {
                tokens_used: Some(150),
                input_tokens: Some(100),
                output_tokens: Some(50),
                cache_read_tokens: Some(7),
                cache_write_tokens: Some(3),
                cost_usd: Some(0.1),
                ..Default::default()
            }),
            ..event(ApiCall, 0)
        },
        Event { body: call(Provider { tokens_used: Some(10), cost_usd: Some(0.2), ..Default::default() }), ..event(ApiCall, 1) },
        Event { body: failed_call("529"), ..event(ApiError, 2) },
        event(ApiError, 3),
        Event { body: failed_call("429"), ..event(RateLimit, 4) },
        Event { body: reason("529"), ..event(Failed, 5) },
        // Reports that complete the first call and the error without a code.
        completing(Event {
            body: call(Provider { retry_after_ms: Some(5), cost_usd: Some(1.0), ..Default::default() }),
            ..event(ApiCall, 0)
        }),
        completing(Event { body: failed_call("500"), ..event(ApiError, 3) }),
    ];
    let counted = tally(&events);
    let expected = Usage {
        tokens: Tokens { used: 160, input: 100, output: 50, cache_read: 7, cache_write: 3, total: 160 },
        // 0.1 + 0.2 + 1.0 without the error of floating-point sums.
        cost_usd: Some(1.3),
        cost_estimated_usd: None,
        calls_unpriced: 0,
        api_calls: 2,
        errors: 3,
        failed_tools: 0,
        errors_by_code: BTreeMap::from([("429".into(), 1), ("500".into(), 1), ("529".into(), 2)]),
        rate_limits: 1,
    };
    assert_eq!(counted.usage(&Prices::default()), expected);
    assert_eq!(counted.events(), 6);
    assert_eq!(counted.by_type().get("ai_coder_api_call"), Some(&2));
}

#[test]
fn sums_saturate() {
    let huge = Event {
        body: call(Provider { tokens_used: Some(u64::MAX), cost_usd: Some(f64::MAX), ..Default::default() }),
        ..event(ApiCall, 0)
    };
    let usage = tally([&huge, &huge]).usage(&Prices::default());
    assert_eq!((usage.tokens.used, usage.cost_usd), (u64::MAX, Some(u64::MAX as f64 / 1e9)));
}

#[test]
fn codes_are_bounded_and_the_rest_is_other() {
    let errors = |codes: std::ops::Range<u32>| {
        let error = |code: u32| {
            let body = call(Provider { error_code: Some(format!("E{code:04}")), ..Default::default() });
            Event { body, ..event(ApiError, i64::from(code)) }
        };
        codes.map(error).collect::<Vec<_>>()
    };
    let codes = |events: &[Event]| tally(events).usage(&Prices::default()).errors_by_code;
    let bounded = codes(&errors(0..64));
    assert_eq!((bounded.len(), bounded.get("other")), (64, None));
    let over = codes(&errors(0..1000));
    assert_eq!((over.len(), over.get("other"), over.get("E0063"), over.get("E0064")), (65, Some(&936), Some(&1), None));
    // A sender's own `other` is no code of its own.
    let other = Event { body: call(Provider { error_code: Some("other".into()), ..Default::default() }), ..event(ApiError, 1) };
    let with_own = codes(&[errors(0..1000), vec![other]].concat());
    assert_eq!((with_own.len(), with_own.get("other")), (65, Some(&937)));
}

#[test]
fn defect_04_the_rate_is_of_the_last_minute_and_falls_to_zero_in_silence() {
    // 1000 events over ten hours are not 1000 a minute.
    let slow: Vec<Event> = (0..1000).map(|n| event(Progress, n * 36)).collect();
    assert_eq!(total(&slow).events_per_minute(at(999 * 36)), Some(2.0));

    let burst: Vec<Event> = (0..5000).map(|n| event(Progress, n % 10)).collect();
    let totals = total(&burst);
    assert_eq!(totals.tally().events(), 5000);
    let check = |now: i64, rate: f64| assert_eq!(totals.events_per_minute(at(now)), Some(rate), "at {now}");
    check(9, 5000.0);
    check(59, 5000.0);
    // An event is out of the minute exactly 60 seconds later.
    check(60, 4500.0);
    check(68, 500.0);
    check(69, 0.0);
    check(70, 0.0);
    check(100_000, 0.0);
}

#[test]
fn the_rate_is_of_receipt_not_of_event_time() {
    let imported: Vec<Event> = (0..100).map(|n| Event { received_at: at(0), ..event(Progress, n * -3600) }).collect();
    assert_eq!(total(&imported).events_per_minute(at(1)), Some(100.0));
    assert_eq!(total(&imported).last_event(), Some(at(0)));
}

#[test]
fn a_clock_set_back_gives_no_rate_from_the_future() {
    let events = [event(Progress, 0), event(Progress, 1), event(Progress, 30)];
    assert_eq!(total(&events).events_per_minute(at(1)), None);
    // A year back, then on from there: no surge when the clock has caught up.
    let year = 365 * 86_400;
    let before = [event(Progress, year), event(Progress, 0)];
    assert_eq!(total(&before).events_per_minute(at(0)), None);
    assert_eq!(total(&before).events_per_minute(at(year)), Some(1.0));
}

#[test]
fn derived_events_count_and_completing_ones_do_not() {
    let check = |kind: EventType, complete: bool, counted: u64| {
        let given = if complete { completing(event(kind, 1)) } else { event(kind, 1) };
        let totals = total([&given]);
        let facts = (totals.tally().events(), totals.events_per_minute(at(1)), totals.last_event().is_some());
        assert_eq!(facts, (counted, Some(counted as f64), counted > 0), "{kind}");
        assert_eq!(fold([&given]).view("fix-auth", at(1), &Prices::default(), 0, Vec::new()).events, counted, "{kind}");
    };
    for &kind in EventType::ALL {
        check(kind, false, 1);
        check(kind, true, 0);
    }
}
