//! A clock that steps: back, ahead, to 1970. Order and rates stay sane, and so do the aggregates.

use proptest::prelude::*;

use crate::{
    event::{EventType, Time},
    history::{Retention, StatsQuery},
};

use super::{Lab, draft};

const YEAR: i64 = 365 * Time::DAY;

fn rate(lab: &mut Lab) -> f64 {
    lab.reader.stats(&StatsQuery::default()).expect("readable").events_per_minute
}

fn since(lab: &mut Lab, ago: i64) -> u64 {
    let query = StatsQuery { since: Some(lab.now().plus(-ago)), ..StatsQuery::default() };
    lab.reader.stats(&query).expect("readable").total_events
}

fn seqs(lab: &mut Lab) -> Vec<u64> {
    lab.log().iter().map(|event| event.seq).collect()
}

#[test]
fn a_clock_that_is_set_back_still_gives_a_true_rate() {
    let mut lab = Lab::new();
    lab.append_all((0..50).map(|_| draft(EventType::Output, "a")));
    assert_eq!(rate(&mut lab), 50.0);
    lab.wait(-2 * Time::HOUR);
    assert_eq!(rate(&mut lab), 0.0, "nothing was received in this minute");
    lab.append_all((0..7).map(|_| draft(EventType::Output, "a")));
    lab.wait(30 * Time::SECOND);
    lab.append_all((0..3).map(|_| draft(EventType::Output, "b")));
    assert_eq!(rate(&mut lab), 10.0);
    lab.wait(40 * Time::SECOND);
    assert_eq!(rate(&mut lab), 3.0);
    assert_eq!(seqs(&mut lab), (1..=60).collect::<Vec<_>>(), "the order is that of the commits");
    lab.assert_sound();
}

#[test]
fn a_clock_that_was_ahead_for_a_while_leaves_no_trace_in_the_counts() {
    let mut lab = Lab::new();
    lab.append_all((0..5).map(|_| draft(EventType::Output, "a")));
    lab.wait(10 * YEAR);
    lab.append(draft(EventType::Output, "a"));
    lab.writer.tidy().expect("tidied");
    lab.wait(-10 * YEAR);
    lab.append_all((0..5).map(|_| draft(EventType::Output, "a")));
    lab.writer.tidy().expect("tidied");
    lab.append_all((0..5).map(|_| draft(EventType::Output, "a")));
    assert_eq!(rate(&mut lab), 15.0);
    assert!((15..=16).contains(&since(&mut lab, Time::HOUR)), "{}", since(&mut lab, Time::HOUR));
    lab.assert_sound();
    let view = lab.reader.coder("a").expect("readable").expect("known");
    assert!(!view.stalled);
}

#[test]
fn a_clock_that_begins_in_1970_and_is_then_set() {
    let mut lab = Lab::new();
    let now = lab.now();
    lab.wait(-now.micros());
    lab.append_all([draft(EventType::Created, "a"), draft(EventType::Failed, "a")]);
    lab.writer.tidy().expect("tidied");
    let pruned = lab.writer.prune(&Retention { max_age: Some(90 * Time::DAY), ..Retention::default() }).expect("pruned");
    assert_eq!((pruned.removed, rate(&mut lab)), (0, 2.0));
    lab.wait(now.micros());
    lab.append(draft(EventType::Completed, "a"));
    lab.writer.tidy().expect("tidied");
    assert_eq!((rate(&mut lab), since(&mut lab, Time::HOUR)), (2.0, 2), "the completion and its metrics");
    assert_eq!(seqs(&mut lab), [1, 2, 3, 4]);
    lab.assert_sound();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn whatever_the_clock_does(steps in proptest::collection::vec((-YEAR..YEAR, 1..6_usize, any::<bool>()), 1..12)) {
        let mut lab = Lab::new();
        let mut events = 0;
        for (step, count, tidy) in steps {
            lab.wait(step);
            if lab.now() < Time::from_micros(0) {
                lab.wait(-step);
            }
            lab.append_all((0..count).map(|n| draft(EventType::Output, &format!("c{n}"))));
            events += count as u64;
            let rate = rate(&mut lab);
            prop_assert!((count as f64..=events as f64).contains(&rate), "{rate} with {count} of {events}");
            prop_assert_eq!(seqs(&mut lab), (1..=events).collect::<Vec<_>>());
            if tidy {
                lab.writer.tidy().expect("tidied");
            }
            lab.assert_sound();
        }
    }
}
