//! What the tests of this room share: events at seconds of one evening, and folding them.

mod counts;
mod laws;
mod life;
mod rules;

use crate::{
    event::{Body, Data, Event, EventType, Lifecycle, Progress, Provider, Resource, Time},
    price::Prices,
};

use super::{Coder, Tally, Totals};

/// 2026-11-22T19:00:00Z, `seconds` later.
fn at(seconds: i64) -> Time {
    Time::from_micros((1_795_374_000 + seconds) * Time::SECOND)
}

/// Whose id is its type and second, received when it happened.
fn event(kind: EventType, seconds: i64) -> Event {
    Event {
        seq: 1,
        id: format!("{}-{seconds}", kind.short()),
        kind,
        coder_id: "fix-auth".into(),
        coder_name: None,
        timestamp: at(seconds),
        received_at: at(seconds),
        source: None,
        body: kind.body(),
        data: Data::new(),
        completes: None,
    }
}

fn completing(event: Event) -> Event {
    Event { completes: Some(1), id: format!("{}-later", event.id), ..event }
}

fn reason(reason: &str) -> Body {
    Body::Lifecycle(Lifecycle { reason: Some(reason.into()), ..Lifecycle::default() })
}

fn progress(progress: Progress) -> Body {
    Body::Progress(progress)
}

fn call(call: Provider) -> Body {
    Body::Provider(call)
}

fn resource(resource: Resource) -> Body {
    Body::Resource(resource)
}

fn fold<'e>(events: impl IntoIterator<Item = &'e Event>) -> Coder {
    let mut coder = Coder::default();
    events.into_iter().for_each(|event| coder.fold(event));
    coder
}

fn tally<'e>(events: impl IntoIterator<Item = &'e Event>) -> Tally {
    let mut tally = Tally::default();
    events.into_iter().for_each(|event| tally.fold(event));
    tally
}

fn total<'e>(events: impl IntoIterator<Item = &'e Event>) -> Totals {
    let mut totals = Totals::default();
    events.into_iter().for_each(|event| totals.fold(event));
    totals
}
