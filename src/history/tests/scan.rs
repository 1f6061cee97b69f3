//! Every way to the events finds what matching each of them finds, and a quick way the same or nothing.

use proptest::prelude::*;

use crate::{
    event::{Draft, Event, EventType, Time},
    filter::{Filter, TypeSet},
    history::{Order, Query, store::schema},
};

use super::{Lab, draft, shorts};

/// Pages through everything. Where a page is given quickly too, it is the same page.
fn assert_found(lab: &mut Lab, facts: &[Event], filter: &Filter, limit: usize) -> usize {
    let mut expected: Vec<Event> = facts.iter().filter(|fact| filter.matches(fact)).cloned().collect();
    let mut quick_pages = 0;
    for order in [Order::Oldest, Order::Newest] {
        let mut query = Query { filter: filter.clone(), order, limit, ..Query::default() };
        let mut found = Vec::new();
        loop {
            let page = lab.reader.page(&query).expect("readable");
            if let Some(quick) = lab.reader.quick_page(&query).expect("readable") {
                assert_eq!((shorts(&quick.events), quick.next), (shorts(&page.events), page.next), "{query:?}");
                quick_pages += 1;
            }
            found.extend(page.events);
            match (page.next, order) {
                (None, _) => break,
                (next, Order::Newest) => query.before = next,
                (next, Order::Oldest) => query.after = next,
            }
        }
        assert_eq!(shorts(&found), shorts(&expected), "{filter:?} {order:?}");
        expected.reverse();
    }
    let followed = lab.reader.after(0, filter, 0).expect("readable").events;
    assert_eq!(shorts(&followed), shorts(&expected), "after, {filter:?}");
    quick_pages
}

/// A folder of files that were all changed at first, one where something happens all the time, and a file among each hundred
/// events whose name is that of many others.
fn large_lab() -> Lab {
    let mut lab = Lab::new();
    let old = |n: usize| format!("/w/old/{}/f{}.rs", n % 3, n % 40);
    let many = |n: usize| format!("/w/many/{n}/mod.rs");
    let draft = |n: usize| match (n, n % 100) {
        (..150, _) => Draft::workspace("a", "modify", &old(n)),
        (150..650, _) => Draft::workspace("b", "create", &many(n)),
        (_, 0) => Draft::workspace("c", "modify", &many(n)),
        (_, 50) => draft(EventType::Failed, "d"),
        _ if n.is_multiple_of(5) => Draft::workspace("a", "modify", &format!("/w/busy/{}.rs", n % 45)),
        _ => draft(EventType::Output, if n.is_multiple_of(3) { "b" } else { "e" }),
    };
    lab.append_all((0..5_000).map(draft));
    lab
}

#[test]
fn defect_18_large_histories_are_scanned_to_the_same_end() {
    let mut lab = large_lab();
    let facts = lab.facts();
    let path = |path: &str| Filter { path: Some(path.into()), ..Filter::default() };
    let types = |names: &[&str]| TypeSet::parse_all(names.iter().copied()).expect("valid");
    let filters = [
        path("/w/old"),
        path("/w/old/1/"),
        path("/w/busy"),
        path("/w/many"),
        path("/w"),
        path("mod.rs"),
        path("f7.rs"),
        path("old"),
        Filter { coders: vec!["a".into()], ..path("/w") },
        Filter { coders: vec!["c".into(), "a".into()], ..path("mod.rs") },
        Filter { types: types(&["file_created"]), ..path("/w") },
        Filter { coders: vec!["a".into(), "d".into(), "c".into()], ..Filter::default() },
        Filter { types: types(&["failed", "failure_alert"]), ..Filter::default() },
        Filter { types: types(&["failed", "output"]), ..Filter::default() },
        Filter { types: Some(TypeSet::EMPTY), ..Filter::default() },
    ];
    for filter in filters {
        for limit in [7, 50, 0] {
            assert_found(&mut lab, &facts, &filter, limit);
        }
    }
}

#[test]
fn a_quick_page_is_given_where_the_answer_is_near_and_only_there() {
    let mut lab = large_lab();
    let mut quick = |filter: Filter, order: Order, limit: usize| {
        lab.reader.quick_page(&Query { filter, order, limit, ..Query::default() }).expect("readable").is_some()
    };
    let path = |path: &str| Filter { path: Some(path.into()), ..Filter::default() };
    let types = |names: &[&str]| TypeSet::parse_all(names.iter().copied()).expect("valid");
    assert!(quick(Filter::default(), Order::Newest, 50));
    assert!(quick(Filter { types: types(&["output"]), ..Filter::default() }, Order::Newest, 50));
    assert!(quick(path("/w/busy"), Order::Newest, 50), "many files, but busy");
    assert!(quick(path("busy/40.rs"), Order::Newest, 50), "one file");
    assert!(quick(path("/w/old"), Order::Oldest, 50), "it begins there");
    assert!(!quick(path("/w/old"), Order::Newest, 50), "long ago");
    assert!(!quick(Filter { types: types(&["file_created"]), ..Filter::default() }, Order::Newest, 50), "long ago");
    assert!(!quick(Filter { types: types(&["file_created"]), ..Filter::coder("e") }, Order::Newest, 50), "never, of thousands");
    assert!(!quick(Filter { text: Some("x".into()), ..Filter::default() }, Order::Newest, 50), "every text is read");
    assert!(!quick(Filter::default(), Order::Newest, 51), "too many");
    lab.append_all((0..4).map(|_| Draft { data: long_data(), ..draft(EventType::Output, "long") }));
    assert!(lab.reader.quick_page(&Query { limit: 50, ..Query::default() }).expect("readable").is_none(), "too long");
    assert!(lab.reader.quick_page(&Query { limit: 2, ..Query::default() }).expect("readable").is_some());
}

fn long_data() -> crate::event::Data {
    let mut data = crate::event::Data::new();
    for part in 0..12 {
        data.insert(format!("part{part}"), "word ".repeat(1_500).into());
    }
    data
}

#[test]
fn an_older_history_is_read_before_it_is_brought_up_to_date() {
    let mut lab = Lab::new();
    schema::create_file(&lab.options).expect("created");
    let db = schema::open_for_writing(&lab.options, std::time::Instant::now()).expect("open");
    schema::migrate_to(&db, 4, lab.now()).expect("created");
    db.execute_batch("INSERT INTO path (path) VALUES ('/w/src/lib.rs'), ('lib.rs'), ('/w/src/'), ('/w/name')").expect("written");
    let path = |path: &str| Query { filter: Filter { path: Some(path.into()), ..Filter::default() }, ..Query::default() };
    assert!(lab.reader.page(&path("lib.rs")).expect("readable").events.is_empty());
    lab.append(Draft::workspace("a", "modify", "/w/src/lib.rs"));
    assert_eq!(lab.reader.page(&path("src/lib.rs")).expect("readable").events.len(), 1);
    lab.assert_sound();
}

fn path() -> impl Strategy<Value = String> {
    let component = prop_oneof![Just("a"), Just("ab"), Just("b.rs"), Just("é\""), Just("a0"), Just("a-"), Just("")];
    (proptest::collection::vec(component, 1..5), any::<bool>())
        .prop_map(|(components, rooted)| format!("{}{}", if rooted { "/" } else { "" }, components.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn paths_are_found_as_they_match(paths in proptest::collection::vec(path(), 1..40), given in proptest::collection::vec(path(), 8)) {
        let mut lab = Lab::new();
        lab.append_all(paths.iter().map(|path| Draft::workspace("a", "modify", path)));
        let facts = lab.facts();
        for path in given {
            let filter = Filter { path: Some(path), ..Filter::default() };
            assert_found(&mut lab, &facts, &filter, 3);
        }
    }

    #[test]
    fn runs_are_merged_in_order(events in proptest::collection::vec((0..12_u8, 0..4_u8), 1..300), coders in proptest::collection::btree_set(0..12_u8, 1..8), kinds in 1..4_usize) {
        let mut lab = Lab::new();
        const KINDS: [EventType; 4] = [EventType::Started, EventType::Paused, EventType::Milestone, EventType::Output];
        lab.wait(Time::MINUTE);
        lab.append_all(events.iter().map(|&(coder, kind)| draft(KINDS[usize::from(kind)], &format!("c{coder}"))));
        let facts = lab.facts();
        let coders = coders.iter().map(|coder| format!("c{coder}")).collect();
        let types = KINDS[..kinds].iter().fold(TypeSet::EMPTY, |set, &kind| set.with(kind));
        assert_found(&mut lab, &facts, &Filter { coders, ..Filter::default() }, 9);
        assert_found(&mut lab, &facts, &Filter { types: Some(types), ..Filter::default() }, 9);
    }
}
