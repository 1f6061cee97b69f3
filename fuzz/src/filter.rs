//! What people type to choose events. A line each: names of types, since, until, coders, path, text.

use std::cell::RefCell;

use ai_coder_events::{
    event::{Draft, Event, EventType, Status, Time, check_coder_id, check_id},
    filter::{Filter, TypeSet, parse_age, parse_moment, path_matches},
    history::{Clock, Entry, Options, Order, Query, Reader, Writer},
};

use super::accepted;

pub fn check(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    input.lines().for_each(words);
    if let Some(filter) = filter(input) {
        RECORDED.with_borrow_mut(|recorded| recorded.answers(filter));
    }
}

/// Each parser of the language, on its own.
fn words(word: &str) {
    match TypeSet::parse(word) {
        Ok(types) => {
            let names = || types.iter().map(EventType::name);
            assert_eq!(TypeSet::parse_all(names()).expect("names of types"), Some(types));
        }
        Err(invalid) => accepted::is_tellable(&invalid),
    }
    match parse_moment("since", word, accepted::now()) {
        Ok(time) => assert!(time <= accepted::now() || Time::parse(word) == Some(time), "{word}"),
        Err(invalid) => accepted::is_tellable(&invalid),
    }
    if let Some(time) = Time::parse(word) {
        assert_eq!(Time::parse(&time.to_string()), Some(time), "{word}");
    }
    if let Some(age) = parse_age(word) {
        assert!(age >= 0, "{word}");
    }
    if let Some(status) = Status::parse(word) {
        assert_eq!(status.name(), word);
    }
    for refused in [check_coder_id(word), check_id(word)] {
        refused.unwrap_or_else(|invalid| accepted::is_tellable(&invalid));
    }
    path_matches("/repo/src/main.rs", word);
    path_matches(word, "src");
}

fn filter(input: &str) -> Option<Filter> {
    let mut lines = input.lines().map(|line| Some(line).filter(|line| !line.is_empty()));
    let mut line = || lines.next().flatten();
    let moment = |given: Option<&str>| given.map(|given| parse_moment("since", given, accepted::now()).ok());
    let types = TypeSet::parse_all(line().unwrap_or_default().split_whitespace()).ok()?;
    let (since, until) = (moment(line()), moment(line()));
    Some(Filter {
        types,
        since: since.flatten(),
        until: until.flatten(),
        coders: line().unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        path: line().map(str::to_owned),
        text: line().map(str::to_owned),
        failed: line().is_some(),
        not_coders: line().into_iter().map(str::to_owned).collect(),
    })
}

thread_local! {
    static RECORDED: RefCell<Recorded> = RefCell::new(Recorded::new());
}

/// A small history, and the same events beside it.
struct Recorded {
    reader: Reader,
    events: Vec<Event>,
    _folder: tempfile::TempDir,
}

impl Recorded {
    fn new() -> Recorded {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::new(accepted::now);
        let options = Options { clock, ..Options::new(folder.path().join("history.db")) };
        let drafts =
            include_str!("../../tests/fixtures/go-events.jsonl").lines().map(|line| Draft::parse(line).expect("an event"));
        Writer::new(&options).append(drafts.map(Entry::from).collect()).expect("appended");
        let mut reader = Reader::new(&options);
        let events = reader.page(&Query { order: Order::Oldest, ..Query::default() }).expect("a page").events;
        Recorded { reader, events, _folder: folder }
    }

    /// The history's answer, which indexes help to find, is that of a plain look at every event.
    fn answers(&mut self, filter: Filter) {
        let expected: Vec<u64> = self.events.iter().filter(|event| filter.matches(event)).map(|event| event.seq).collect();
        for order in [Order::Oldest, Order::Newest] {
            let query = Query { filter: filter.clone(), order, ..Query::default() };
            let mut found: Vec<u64> = self.reader.page(&query).expect("a page").events.iter().map(|event| event.seq).collect();
            if order == Order::Newest {
                found.reverse();
            }
            assert_eq!(found, expected, "{filter:?}");
        }
        let followed = self.reader.after(0, &filter, 0).expect("a batch").events;
        assert!(followed.iter().map(|event| event.seq).eq(expected), "{filter:?}");
    }
}
