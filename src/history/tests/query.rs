//! Pages and batches, through every way of walking.

use std::time::Duration;

use proptest::prelude::*;

use crate::{
    event::{Draft, Event, EventType, Key, Time},
    filter::{Filter, TypeSet},
    history::{Order, Query},
};

use super::{Lab, draft, shorts};

/// Pages through everything, `limit` at a time, by the page's own cursor.
fn all_pages(lab: &mut Lab, query: &Query) -> Vec<Event> {
    let (mut query, mut events) = (query.clone(), Vec::new());
    loop {
        let page = lab.reader.page(&query).expect("readable");
        events.extend(page.events);
        match (page.next, query.order) {
            (None, _) => return events,
            (next, Order::Newest) => query.before = next,
            (next, Order::Oldest) => query.after = next,
        }
    }
}

fn busy_lab() -> Lab {
    let mut lab = Lab::new();
    for n in 0..40_u32 {
        lab.wait(if n % 7 == 3 { -90 * Time::SECOND } else { Time::MINUTE });
        let coder = format!("coder-{}", n % 3);
        lab.append_all([
            Draft::progress(&coder, 0.5, "editing", &format!("Step {n}")),
            Draft::workspace(&coder, "modify", &format!("/repo/{}/file-{}.rs", n % 2, n % 5)),
            draft(if n % 4 == 0 { EventType::Failed } else { EventType::Milestone }, &coder),
        ]);
    }
    lab
}

#[test]
fn defect_18_every_filter_gives_what_matching_each_event_gives() {
    let mut lab = busy_lab();
    let facts = lab.facts();
    let now = lab.now();
    let types = |names: &[&str]| TypeSet::parse_all(names.iter().copied()).expect("valid");
    let filters = [
        Filter::default(),
        Filter::coder("coder-1"),
        Filter::coder("unknown"),
        Filter { coders: vec!["coder-0".into(), "coder-2".into(), "unknown".into()], ..Filter::default() },
        Filter { types: types(&["failed"]), ..Filter::default() },
        Filter { types: types(&["lifecycle.*", "derived.*"]), ..Filter::default() },
        Filter { types: types(&["progress", "failed"]), ..Filter::default() },
        Filter { types: types(&["failed"]), ..Filter::coder("coder-0") },
        Filter { since: Some(now.plus(-5 * Time::MINUTE)), ..Filter::default() },
        Filter { until: Some(now.plus(-25 * Time::MINUTE)), ..Filter::default() },
        Filter {
            since: Some(now.plus(-20 * Time::MINUTE)),
            until: Some(now.plus(-10 * Time::MINUTE)),
            ..Filter::coder("coder-2")
        },
        Filter { since: Some(now.plus(Time::DAY)), ..Filter::default() },
        Filter { path: Some("/repo/1".into()), ..Filter::default() },
        Filter { path: Some("file-3.rs".into()), ..Filter::coder("coder-0") },
        Filter { path: Some("nowhere".into()), ..Filter::default() },
        Filter { text: Some("STEP 1".into()), ..Filter::default() },
    ];
    for filter in filters {
        let mut expected: Vec<Event> = facts.iter().filter(|fact| filter.matches(fact)).cloned().collect();
        for (order, limit) in [(Order::Oldest, 0), (Order::Oldest, 7), (Order::Newest, 7), (Order::Newest, 1)] {
            if order == Order::Newest && limit == 7 {
                expected.reverse();
            }
            let query = Query { filter: filter.clone(), order, limit, ..Query::default() };
            assert_eq!(shorts(&all_pages(&mut lab, &query)), shorts(&expected), "{filter:?} {order:?} {limit}");
        }
        expected.reverse();
        let followed = lab.reader.after(0, &filter, 0).expect("readable").events;
        assert_eq!(shorts(&followed), shorts(&expected), "after, {filter:?}");
    }
}

#[test]
fn pages_neither_repeat_nor_skip_while_new_events_arrive() {
    let mut lab = busy_lab();
    let expected: Vec<u64> = lab.facts().iter().rev().map(|fact| fact.seq).collect();
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = lab.reader.page(&Query { limit: 11, before, ..Query::default() }).expect("readable");
        seen.extend(page.events.iter().map(|event| event.seq));
        lab.append(draft(EventType::Output, "late"));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);
}

#[test]
fn a_scan_bound_ends_a_page_early_and_says_where() {
    let mut lab = busy_lab();
    let filter = Filter { text: Some("\"step 0\"".into()), ..Filter::default() };
    let query = Query { filter: filter.clone(), time_max: Some(Duration::ZERO), limit: 5, ..Query::default() };
    let page = lab.reader.page(&query).expect("readable");
    assert!(page.events.is_empty());
    assert_eq!(page.scanned_through, page.next);
    assert!(page.next.is_some());
    assert_eq!(all_pages(&mut lab, &query).len(), 1);

    let followed: Vec<u64> = lab.reader.after(0, &filter, 0).expect("readable").events.iter().map(|event| event.seq).collect();
    let (mut cursor, mut found, mut rounds) = (0, Vec::new(), 0);
    loop {
        let batch = lab.reader.after_in(cursor, &filter, 5, Duration::ZERO).expect("readable");
        found.extend(batch.events.iter().map(|event| event.seq));
        rounds += 1;
        assert!(batch.through > cursor || !batch.more, "it goes on");
        cursor = batch.through;
        if !batch.more {
            break;
        }
    }
    assert!(rounds > 1, "it stops in between");
    assert_eq!(found, followed);
}

#[test]
fn a_missing_file_reads_as_an_empty_history_and_is_not_created() {
    let mut lab = Lab::new();
    assert!(lab.facts().is_empty());
    assert_eq!(lab.reader.position().expect("readable"), Default::default());
    assert_eq!(lab.reader.stats(&Default::default()).expect("readable").total_events, 0);
    assert_eq!(lab.reader.version().expect("readable"), Default::default());
    assert!(!lab.options.path.exists());
    lab.append(draft(EventType::Started, "a"));
    assert_eq!(lab.facts().len(), 1);
    assert_ne!(lab.reader.version().expect("readable"), Default::default());
}

#[test]
fn a_follower_gets_completing_events_and_goes_on_where_it_stopped() {
    let mut lab = busy_lab();
    let all: Vec<u64> = lab.log().iter().map(|event| event.seq).collect();
    let (mut cursor, mut seen) = (0, Vec::new());
    loop {
        let batch = lab.reader.after(cursor, &Filter::default(), 13).expect("readable");
        cursor = batch.through;
        if batch.events.is_empty() {
            break;
        }
        seen.extend(batch.events.iter().map(|event| event.seq));
    }
    assert_eq!(seen, all);
    assert_eq!(cursor, *all.last().expect("not empty"));
}

#[test]
fn coders_are_found_by_prefix_and_by_likeness() {
    let mut lab = busy_lab();
    let ids = |found: Vec<String>| found.join(" ");
    assert_eq!(ids(lab.reader.coder_ids("coder-", 2).expect("readable")), "coder-0 coder-1");
    assert_eq!(ids(lab.reader.coder_ids("codex", 2).expect("readable")), "");
    assert_eq!(ids(lab.reader.nearest_coders("codr-2", 1).expect("readable")), "coder-2");
    assert_eq!(
        lab.reader.unfinished(10).expect("readable").len(),
        3 - lab
            .reader
            .coders(&crate::history::CodersQuery { statuses: vec![crate::event::Status::Failed], ..Default::default() })
            .expect("readable")
            .len()
    );
}

#[test]
fn stats_since_count_whole_buckets() {
    let mut lab = Lab::new();
    let start = lab.now();
    for _ in 0..10 {
        lab.append(draft(EventType::Output, "a"));
        lab.wait(20 * Time::MINUTE);
    }
    let mut since = |ago: i64| {
        let query = crate::history::StatsQuery { since: Some(start.plus(200 * Time::MINUTE - ago)), ..Default::default() };
        let stats = lab.reader.stats(&query).expect("readable");
        (stats.total_events, stats.events_by_coder.get("a").copied(), stats.since)
    };
    assert_eq!(since(60 * Time::MINUTE), (3, Some(3), Some(start.plus(140 * Time::MINUTE))));
    assert_eq!(since(59 * Time::MINUTE - Time::SECOND).0, 2);
    lab.wait(2 * Time::DAY);
    lab.writer.tidy().expect("writable");
    let query = crate::history::StatsQuery { since: Some(start.plus(70 * Time::MINUTE)), ..Default::default() };
    let stats = lab.reader.stats(&query).expect("readable");
    assert_eq!((stats.total_events, stats.since), (7, Some(start.plus(60 * Time::MINUTE))));
    lab.assert_sound();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn time_ranges_are_exact_whatever_the_order_of_times(times in proptest::collection::vec(0..2000_i64, 1..1200), a in 0..2000_i64, b in 0..2000_i64) {
        let mut lab = Lab::new();
        let start = lab.now().plus(-Time::HOUR);
        let at = |second: i64| start.plus(second * Time::SECOND);
        lab.append_all(times.iter().map(|&second| Draft { timestamp: Some(at(second)), ..draft(EventType::Output, "a") }));
        let filter = Filter { since: Some(at(a.min(b))), until: Some(at(a.max(b))), ..Filter::default() };
        let expected = times.iter().filter(|&&second| (a.min(b)..=a.max(b)).contains(&second)).count();
        prop_assert_eq!(lab.reader.page(&Query { filter, ..Query::default() }).expect("readable").events.len(), expected);
    }
}

#[test]
fn a_text_is_found_however_it_is_stored_and_wherever_it_was_told() {
    let mut lab = Lab::new();
    let said = |text: &str| {
        let line = serde_json::json!({"type": "output", "coder_id": "a", "text": text, "data": {"text": "plain aside"}});
        Draft::parse(&line.to_string()).expect("valid")
    };
    let natural = |draft: Draft| Draft { key: Key::Natural("call 1".into()), ..draft };
    lab.append(natural(Draft::progress("a", 0.5, "editing", "")));
    lab.append_all([said("Plain words"), said("a \"quoted\\path\"\nline"), said("Übung, \u{212A}elvin"), said("text")]);
    // A later report tells more of the first fact.
    lab.append(natural(Draft::progress("a", 0.5, "editing", "Told LATER")));
    let mut check = |text: &str, seqs: &[u64]| {
        for order in [Order::Newest, Order::Oldest] {
            let query = Query { filter: Filter { text: Some(text.into()), ..Filter::default() }, order, ..Query::default() };
            let mut found: Vec<u64> = lab.reader.page(&query).expect("readable").events.iter().map(|event| event.seq).collect();
            found.sort_unstable();
            assert_eq!(found, seqs, "{text}");
        }
    };
    check("PLAIN w", &[2]);
    check("\"quoted\\", &[3]);
    check("\nline", &[3]);
    check("übung", &[4]);
    check("kelvin", &[4]);
    check("told later", &[1]);
    // Names of fields, and what else a body holds, lie beside what is searched.
    check("aside", &[]);
    check("text", &[5]);
    check("editing", &[]);
}

#[test]
fn a_path_is_found_by_itself_by_its_folder_and_by_its_end() {
    let mut lab = Lab::new();
    let paths = ["/w/src/lib.rs", "/w/src0/lib.rs", "/w/src-old/a.rs", "/w/src", "/W/src/b.rs", "src/lib.rs", "/w/a%_b/c.rs"];
    lab.append_all(paths.map(|path| Draft::workspace("a", "modify", path)));
    let mut check = |path: &str, found: &[&str]| {
        let filter = Filter { path: Some(path.into()), ..Filter::default() };
        let page = lab.reader.page(&Query { filter, order: Order::Oldest, ..Query::default() }).expect("readable");
        let seqs: Vec<u64> = page.events.iter().map(|event| event.seq).collect();
        let expected: Vec<u64> = (1..).zip(paths).filter(|(_, path)| found.contains(path)).map(|(seq, _)| seq).collect();
        assert_eq!(seqs, expected, "{path}");
    };
    check("/w/src", &["/w/src/lib.rs", "/w/src"]);
    check("/w/src/", &["/w/src/lib.rs", "/w/src"]);
    check("/w/src/lib.rs", &["/w/src/lib.rs"]);
    check("src/lib.rs", &["/w/src/lib.rs", "src/lib.rs"]);
    check("lib.rs", &["/w/src/lib.rs", "/w/src0/lib.rs", "src/lib.rs"]);
    check("/w/a%_b", &["/w/a%_b/c.rs"]);
    check("/", &paths.map(|path| if path.starts_with('/') { path } else { "" }));
    check("/src/lib.rs", &[]);
}

#[test]
fn minutes_are_counted_by_event_time_for_each_coder() {
    let mut lab = Lab::new();
    let at =
        |coder: &str, time: &str| Draft { timestamp: Some(Time::parse(time).expect("valid")), ..draft(EventType::Output, coder) };
    lab.append_all([
        at("a", "2026-11-22T11:10:59Z"),
        at("b", "2026-11-22T11:58:00Z"),
        at("a", "2026-11-22T11:59:00Z"),
        at("a", "2026-11-22T11:59:59.999999Z"),
        // Counted by the hour.
        at("a", "2026-11-20T11:59:00Z"),
    ]);
    let mut check = |since: &str, expected: &[(&str, &str, u64)]| {
        let minutes = lab.reader.minutes(Time::parse(since).expect("valid")).expect("readable").minutes;
        let found: Vec<_> = minutes.iter().map(|one| (one.coder_id.as_str(), one.start.to_string(), one.events)).collect();
        let expected: Vec<_> = expected.iter().map(|&(coder, start, events)| (coder, start.to_owned(), events)).collect();
        assert_eq!(found, expected, "since {since}");
    };
    let (latest, before) = (("a", "2026-11-22T11:59:00.000000Z", 2), ("b", "2026-11-22T11:58:00.000000Z", 1));
    check("2026-11-22T12:00:00Z", &[]);
    check("2026-11-22T11:59:30Z", &[latest]);
    check("2026-11-22T11:58:00Z", &[latest, before]);
    check("2026-11-01T00:00:00Z", &[latest, before, ("a", "2026-11-22T11:10:00.000000Z", 1)]);
    let mut check = |coder: Option<&str>, since: &str, expected: &[u64]| {
        let since = Time::parse(since).expect("valid");
        let found = lab.reader.events_by_minute(coder, since, expected.len()).expect("readable");
        assert_eq!(found, expected, "{coder:?} since {since}");
    };
    check(None, "2026-11-22T11:57:30Z", &[0, 1, 2]);
    check(None, "2026-11-22T11:57:30Z", &[0, 1]);
    check(Some("a"), "2026-11-22T11:58:00Z", &[0, 2]);
    check(Some("b"), "2026-11-22T11:58:00Z", &[1, 0]);
    check(Some("nobody"), "2026-11-22T11:58:00Z", &[0, 0]);
}

#[test]
fn pages_and_batches_of_large_events_are_bounded_by_bytes() {
    let mut lab = Lab::new();
    let large = |n: u32| Draft::progress("a", 0.5, "editing", &format!("{n} {}", "x".repeat(100_000)));
    lab.append_all((0..100).map(large));
    let query = Query { limit: 0, bytes_max: Query::PAGE_BYTES, ..Query::default() };
    let first = lab.reader.page(&query).expect("readable");
    assert!((20..=22).contains(&first.events.len()), "{}", first.events.len());
    assert_eq!(all_pages(&mut lab, &query).len(), 100, "no event is left out or told twice");
    let one = Query { bytes_max: 1, ..query };
    assert_eq!(lab.reader.page(&one).expect("readable").events.len(), 1, "one event goes, whatever it takes");
    let (mut cursor, mut seen, mut batches) = (0, 0, 0);
    loop {
        let batch = lab.reader.after(cursor, &Filter::default(), 0).expect("readable");
        (cursor, seen, batches) = (batch.through, seen + batch.events.len(), batches + 1);
        if !batch.more {
            break;
        }
    }
    assert_eq!((seen, batches), (100, 5));
}
