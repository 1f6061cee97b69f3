//! How long a word is looked for that a history of a million events has nowhere, and how many calls that takes.

use std::time::Instant;

use ai_coder_events::{
    event::{Body, Draft},
    filter::Filter,
    history::{Options, Query, Reader},
};

use super::recording::{fill_with, realistic};

const EVENTS: usize = 1_000_000;
const ROUNDS: usize = 5;

pub fn search() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options::new(folder.path().join("history.db"));
    fill_with(&options, EVENTS, draft);
    let mut reader = Reader::new(&options);
    let head = reader.position().expect("readable").head;
    for text in ["nowhere", "quick key", "größenordnung", "\"to be found\" nowhere"] {
        let mut rounds: Vec<_> = (0..ROUNDS).map(|_| look_for(text, &mut reader)).collect();
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (seconds, calls, found) = rounds[ROUNDS / 2];
        println!("{text}: {seconds:.2} s through {head} events in {calls} calls, {found} found");
    }
}

/// Captured events; a third of what was said in them as models write, beyond ASCII.
fn draft(n: usize) -> Draft {
    let mut draft = realistic(n);
    if n.is_multiple_of(3) {
        let said = match &mut draft.body {
            Body::Progress(fields) => fields.description.as_mut().or(fields.text.as_mut()),
            _ => None,
        };
        if let Some(said) = said {
            said.push_str(" — it’s done ✓");
        }
    }
    draft
}

/// The seconds, calls and events of a search from the newest event to the first.
fn look_for(text: &str, reader: &mut Reader) -> (f64, usize, usize) {
    let filter = Filter { text: Some(text.to_owned()), ..Filter::default() };
    let mut query = Query { filter, limit: 50, time_max: Some(Query::TIME_MAX), ..Query::default() };
    let begun = Instant::now();
    let (mut calls, mut found) = (0, 0);
    loop {
        let page = reader.page(&query).expect("readable");
        calls += 1;
        found += page.events.len();
        query.before = page.next;
        if page.next.is_none() {
            return (begun.elapsed().as_secs_f64(), calls, found);
        }
    }
}
