//! Who wants to hear of what: the subscriptions of both protocol eras, and the resources an event touches.

use std::collections::HashMap;

use rmcp::{Peer, RoleServer, model::ResourceUpdatedNotificationParam, service::SubscriptionSink};

use crate::{
    event::{Event, EventType, Family},
    mcp::address::{Address, Aspect},
};

use super::outbox::Pace;

/// One subscriber: the client of an older era, or one `subscriptions/listen` of the newer.
pub(super) struct Interest {
    pub sink: ClientSink,
    /// As the client wrote them: it hears of exactly these.
    uris: HashMap<Address, Vec<String>>,
    pub list: bool,
}

#[derive(Clone)]
pub(super) enum ClientSink {
    Peer(Peer<RoleServer>),
    Sink(SubscriptionSink),
}

/// The client does not take notifications any more.
#[derive(Debug)]
pub(super) struct Closed;

/// One notification to one subscriber.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Notice {
    ListChanged,
    Updated(String),
}

impl Interest {
    pub fn new(sink: ClientSink, list: bool) -> Interest {
        Interest { sink, uris: HashMap::new(), list }
    }

    pub fn add(&mut self, address: Address, uri: String) {
        let uris = self.uris.entry(address).or_default();
        if !uris.contains(&uri) {
            uris.push(uri);
        }
    }

    pub fn remove(&mut self, uri: &str) {
        let Some(address) = Address::parse(uri) else { return };
        if let Some(uris) = self.uris.get_mut(&address) {
            uris.retain(|known| known != uri);
            if uris.is_empty() {
                self.uris.remove(&address);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.uris.is_empty()
    }

    pub fn len(&self) -> usize {
        self.uris.values().map(Vec::len).sum()
    }

    /// The subscribed spellings of one resource.
    pub fn uris(&self, address: &Address) -> &[String] {
        self.uris.get(address).map_or(&[], Vec::as_slice)
    }

    pub fn all_uris(&self) -> impl Iterator<Item = &String> {
        self.uris.values().flatten()
    }

    pub fn wants(&self, notice: &Notice) -> bool {
        match notice {
            Notice::ListChanged => self.list,
            Notice::Updated(uri) => Address::parse(uri).is_some_and(|address| self.uris(&address).contains(uri)),
        }
    }
}

impl ClientSink {
    /// Ends once the notification is written, so a client that stopped reading holds it up.
    pub async fn send(&self, notice: Notice) -> Result<(), Closed> {
        match (self, notice) {
            (ClientSink::Peer(peer), Notice::ListChanged) => peer.notify_resource_list_changed().await.map_err(|_| Closed),
            (ClientSink::Peer(peer), Notice::Updated(uri)) => {
                peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await.map_err(|_| Closed)
            }
            (ClientSink::Sink(sink), Notice::ListChanged) => sink.notify_resource_list_changed().await.map_err(|_| Closed),
            (ClientSink::Sink(sink), Notice::Updated(uri)) => sink.notify_resource_updated(uri).await.map_err(|_| Closed),
        }
    }
}

/// The resources whose contents change with `event`, and how soon that is told: what happens in a coder's life at once,
/// the rest at the pace a person can follow.
pub(super) fn touched(event: &Event, coalesced: Pace) -> impl Iterator<Item = (Address, Pace)> {
    let pace = if event.kind.family() == Family::Lifecycle || event.kind.is_derived() { Pace::AtOnce } else { coalesced };
    let coder = |aspect| Address::Coder(event.coder_id.clone(), aspect);
    let special = match event.kind {
        kind if kind.family() == Family::Lifecycle => Some(coder(Aspect::Lifecycle)),
        kind if kind.is_derived() => Some(Address::Alerts),
        EventType::Progress | EventType::Milestone => Some(coder(Aspect::Progress)),
        _ => None,
    };
    [
        Some((Address::Coders, pace)),
        Some((coder(Aspect::State), pace)),
        Some((coder(Aspect::Events), pace)),
        // Counts change with everything; nobody waits for one of them.
        Some((Address::Stats, coalesced)),
        special.map(|address| (address, pace)),
        event.completes.map(|seq| (Address::Event(seq), coalesced)),
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        event::{Draft, Time},
        text::Redactor,
    };

    #[test]
    fn lifecycle_is_told_at_once_and_progress_at_a_pace() {
        let calm = Pace::AtMostEvery(Duration::from_millis(100));
        let check = |kind: EventType, expected: &[(&str, Pace)]| {
            let now = Time::parse("2026-11-22T19:21:00Z").expect("a time");
            let event = Draft::new(kind, "a").check(now, &Redactor::default()).expect("an event").into_event(1, "id".into());
            let touched = touched(&event, calm).map(|(address, pace)| (address.uri(), pace)).collect::<Vec<_>>();
            let expected = expected.iter().map(|(uri, pace)| (format!("aicoder://{uri}"), *pace)).collect::<Vec<_>>();
            assert_eq!(touched, expected, "{kind}");
        };
        let now = Pace::AtOnce;
        check(
            EventType::Failed,
            &[("coders", now), ("coders/a", now), ("coders/a/events", now), ("stats", calm), ("coders/a/lifecycle", now)],
        );
        check(
            EventType::Progress,
            &[("coders", calm), ("coders/a", calm), ("coders/a/events", calm), ("stats", calm), ("coders/a/progress", calm)],
        );
        check(EventType::Output, &[("coders", calm), ("coders/a", calm), ("coders/a/events", calm), ("stats", calm)]);
    }
}
