//! Rows, windows and marks.

use proptest::prelude::*;

use crate::{
    aggregate::Coder,
    event::{Draft, EventType},
    price::Prices,
    text::Redactor,
};

use super::*;

fn now() -> Time {
    Time::from_micros(100 * Time::DAY)
}

/// A coder with these events, so many minutes ago each.
fn coder(events: &[(EventType, i64)]) -> (Vec<Event>, CoderView) {
    let mut state = Coder::default();
    let event = |(seq, (kind, minutes)): (u64, &(EventType, i64))| {
        let draft = Draft { timestamp: Some(now().plus(-minutes * Time::MINUTE)), ..Draft::new(*kind, "a") };
        draft.check(now(), &Redactor::default()).expect("valid").into_event(seq, format!("e{seq}"))
    };
    let events: Vec<Event> = (1..).zip(events).map(event).collect();
    events.iter().for_each(|event| state.fold(event));
    let view = state.view("a", now(), &Prices::default(), 0, Vec::new());
    (events, CoderView { stalled: false, ..view })
}

/// What the history would tell of this window.
fn read(timeline: &mut Timeline, events: &[Event], coder: &CoderView) {
    let wanted = timeline.ask([coder].into_iter(), now());
    let marks: Vec<Mark> = events.iter().filter_map(Mark::of).collect();
    let before = marks.iter().rfind(|mark| mark.at < wanted.from && mark.phase_after().is_some());
    let before = before.filter(|_| wanted.known[0].holds(wanted.from));
    let within = marks.iter().filter(|mark| wanted.from <= mark.at && mark.at <= wanted.to);
    let marks = before.into_iter().chain(within).map(|mark| ("a".to_owned(), mark.clone())).collect();
    timeline.replace(MarksRead { number: wanted.number, marks, others: Vec::new(), is_whole: true }, now());
}

fn drawn(timeline: &Timeline, coder: &CoderView, width: usize) -> String {
    let letter = |slot| match slot {
        TimelineSlot::Absent => ' ',
        TimelineSlot::Running => '=',
        TimelineSlot::Waiting => '.',
        TimelineSlot::Wait => '?',
        TimelineSlot::Silent => '!',
        TimelineSlot::Milestone => 'm',
        TimelineSlot::Completed => 'c',
        TimelineSlot::Stopped => 's',
        TimelineSlot::Limit => '~',
        TimelineSlot::ApiError => 'e',
        _ => 'x',
    };
    timeline.row(coder, now(), width).into_iter().map(letter).collect()
}

/// The last hour in ten cells.
#[track_caller]
fn check(events: &[(EventType, i64)], expected: &str) {
    let (events, coder) = coder(events);
    let mut timeline = Timeline::default();
    read(&mut timeline, &events, &coder);
    assert_eq!(drawn(&timeline, &coder, 10), expected);
    // The same where it saw them as they happened.
    let mut live = Timeline::default();
    live.ask([&coder].into_iter(), now());
    events.iter().for_each(|event| live.add(event));
    live.forget(now());
    assert_eq!(drawn(&live, &coder, 10), expected, "live");
}

#[test]
fn a_row_tells_the_hour() {
    use EventType::*;
    check(&[], "          ");
    check(&[(Started, 33)], "    ======");
    check(&[(Started, 33), (Completed, 15), (Stopped, 15)], "    ===c  ");
    check(&[(Started, 45), (Paused, 27), (Resumed, 15)], "  ===?.===");
    check(&[(Started, 300)], "==========");
    check(&[(Started, 300), (Paused, 3)], "=========?");
    check(&[(Started, 300), (Paused, 200)], "..........");
    check(&[(Started, 300), (Paused, 200), (Resumed, 15)], ".......===");
    check(&[(Started, 45), (Milestone, 33), (ApiError, 21), (Failed, 3)], "  ==m=e==x");
    check(&[(Started, 45), (RateLimit, 33)], "  ==~=====");
    check(&[(Started, 300), (Completed, 290)], "          ");
    // What stood out does not hide what it did.
    check(&[(Started, 300), (Completed, 90), (Milestone, 70), (Started, 9)], "        ==");
    check(&[(Started, 300), (Paused, 90), (Milestone, 70), (Resumed, 9)], "........==");
}

#[test]
fn what_it_did_before_the_window_is_known() {
    use EventType::*;
    let session = [(Created, 180), (Started, 179), (Completed, 150), (Stopped, 149)];
    check(&session, "          ");
    check(&[&session[..], &[(Started, 9)]].concat(), "        ==");
    check(&[&session[..], &[(Started, 33), (Completed, 21), (Started, 9)]].concat(), "    ==c ==");
    // It begins anew where it was, as sessions that are compacted do.
    check(&[(Created, 180), (Started, 179), (Started, 9)], "==========");
    check(&[(Created, 180), (Started, 9), (Completed, 3)], "=========c");
    check(&[(Started, 180), (Paused, 150), (Resumed, 9)], "........==");
}

#[test]
fn who_is_stalled_is_silent_since_it_was_heard_last() {
    let (events, coder) = coder(&[(EventType::Started, 50), (EventType::ApiCall, 27)]);
    let mut timeline = Timeline::default();
    read(&mut timeline, &events, &coder);
    assert_eq!(drawn(&timeline, &coder, 10), " =========");
    let stalled = CoderView { stalled: true, ..coder };
    assert_eq!(drawn(&timeline, &stalled, 10), " ====!!!!!");
}

#[test]
fn days_ago_is_read_as_it_was_then() {
    use EventType::*;
    // Two hours of work, 26 hours ago, with a wait in it; and something since.
    let (events, coder) = coder(&[(Started, 1560), (Paused, 1520), (Resumed, 1480), (Completed, 1440), (Started, 9)]);
    let mut timeline = Timeline::default();
    timeline.zoom(false, now());
    timeline.zoom(false, now());
    assert_eq!(timeline.span_word(), "1d");
    for _ in 0..2 {
        assert!(timeline.pan(true, now()));
    }
    read(&mut timeline, &events, &coder);
    assert_eq!(drawn(&timeline, &coder, 24), " ".repeat(22) + "?c", "until a day ago");
    assert_eq!(drawn(&timeline, &coder, 48), " ".repeat(44) + "=?=c");
    // The cursor is on what happened last, and zooms around it.
    assert!(timeline.step(true, ["a"].into_iter(), now()));
    let (_, mark) = timeline.current(now()).expect("a mark");
    assert_eq!(mark.told, "completed");
    assert!(timeline.zoom(true, now()));
    read(&mut timeline, &events, &coder);
    assert_eq!(timeline.current(now()).map(|(_, mark)| mark.told.as_str()), Some("completed"));
    assert!(timeline.go_to_now() && timeline.ends_now() && !timeline.go_to_now());
}

#[test]
fn the_cursor_goes_from_mark_to_mark_and_stops_at_the_ends() {
    use EventType::*;
    let (events, coder) = coder(&[(Started, 50), (Paused, 40), (Resumed, 30), (Milestone, 20), (Failed, 10)]);
    let mut timeline = Timeline::default();
    read(&mut timeline, &events, &coder);
    let mut told = Vec::new();
    while timeline.step(true, ["a"].into_iter(), now()) {
        told.push(timeline.current(now()).map(|(_, mark)| mark.told.clone()).expect("a mark"));
    }
    assert_eq!(told, ["failed", "milestone", "paused"]);
    assert!(timeline.step(false, ["a"].into_iter(), now()));
    assert!(!timeline.step(false, ["b"].into_iter(), now()), "another has none");
}

#[test]
fn marks_are_bounded_and_that_some_are_not_here_is_told() {
    let mut timeline = Timeline::default();
    let (events, coder) = coder(&[(EventType::Started, 59)]);
    read(&mut timeline, &events, &coder);
    for seq in 0..3 * MARKS_MAX as u64 {
        let at = now().plus(-Time::HOUR + seq as i64 * 1000);
        let draft = Draft { timestamp: Some(at), ..Draft::new(EventType::Milestone, "a") };
        let draft = Draft { body: crate::event::Body::Progress(Default::default()), ..draft };
        let Ok(draft) = draft.check(now(), &Redactor::default()) else { continue };
        timeline.add(&draft.into_event(seq + 10, format!("m{seq}")));
    }
    assert!(timeline.count <= MARKS_MAX && timeline.is_partial());
    assert_eq!(timeline.count, timeline.marks.values().map(Vec::len).sum::<usize>());
}

#[test]
fn another_window_than_the_last_that_was_asked_for_is_not_taken() {
    let (events, coder) = coder(&[(EventType::Failed, 10)]);
    let mut timeline = Timeline::default();
    let first = timeline.ask([&coder].into_iter(), now());
    timeline.pan(true, now());
    timeline.ask([&coder].into_iter(), now());
    let marks = events.iter().filter_map(Mark::of).map(|mark| ("a".to_owned(), mark)).collect();
    timeline.replace(MarksRead { number: first.number, marks, others: Vec::new(), is_whole: true }, now());
    assert!(timeline.is_reading() && timeline.marks.is_empty());
}

proptest! {
    #[test]
    fn a_window_never_ends_in_the_future_and_every_key_can_be_taken_back(keys in proptest::collection::vec(0..5_usize, 0..60)) {
        let mut timeline = Timeline::default();
        for key in keys {
            match key {
                0 => timeline.zoom(true, now()),
                1 => timeline.zoom(false, now()),
                2 => timeline.pan(true, now()),
                3 => timeline.pan(false, now()),
                _ => timeline.go_to_now(),
            };
            let (from, to) = timeline.window(now());
            prop_assert!(from < to && to <= now());
            prop_assert!(from >= Time::from_micros(0) || timeline.ends_now());
        }
        for _ in 0..60 {
            timeline.pan(false, now());
        }
        prop_assert!(timeline.ends_now() || timeline.span < 3, "by half a window each");
        timeline.go_to_now();
        prop_assert!(timeline.ends_now());
    }
}
