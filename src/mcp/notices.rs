//! Tells subscribed clients that a resource changed: "look again", never the data itself.
//!
//! One task follows the history and marks what each event touches; one notification at a time is on its way out. A client
//! that stops reading holds up only its own notifications, and what it is owed meanwhile is a set bounded by what it
//! subscribed to. The task starts with the first subscriber and ends with the connection.

mod interest;
mod outbox;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use rmcp::{Peer, RoleServer, model::SubscriptionFilter, service::SubscriptionSink};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    bus::{self, Begin, Bus, Delivery, Subscription},
    event::{Event, Family},
    filter::Filter,
};

use self::{
    interest::{ClientSink, Closed, Interest, Notice, touched},
    outbox::{Outbox, Pace},
};

use super::address::Address;

/// How many resources one subscriber may name: more than any client shows, and a bound on what it can be owed.
pub(super) const SUBSCRIBED_MAX: usize = 1_000;
/// How many `subscriptions/listen` one connection may hold open.
pub(super) const LISTENS_MAX: usize = 100;
/// How many coders `resources/list` names.
pub(super) const LISTED_MAX: usize = 100;

/// Ten a second for each resource: as fast as a display is worth redrawing. Every tenth would let eleven into some seconds.
const CALM: Pace = Pace::AtMostEvery(Duration::from_millis(111));
/// The list of resources is told to have changed at most once in any second, also where one was late on its way.
const LIST_EVERY: Duration = Duration::from_millis(1_050);
/// How many events are marked before the notifier looks at anything else.
const BATCH_EVENTS_MAX: usize = 1_000;

/// Where subscriptions come and go. Cheap to clone.
#[derive(Clone)]
pub(super) struct Notifier(Arc<NotifierInner>);

struct NotifierInner {
    bus: Bus,
    closing: CancellationToken,
    /// Locked by requests, which come and go, and by the one task that notifies; never across an `await`, or a client that
    /// does not read would hold up the requests of its own connection.
    interests: Mutex<Interests>,
    /// Rung when a subscriber left.
    left: Notify,
}

#[derive(Default)]
struct Interests {
    by_id: BTreeMap<u64, Interest>,
    /// Never given twice: what the outbox still owes to one that left must not reach another one.
    next_id: u64,
    /// The task runs once a connection, since it alone knows what was told last.
    running: bool,
}

/// The client of an older era has no `listen` of its own and is there for as long as the connection.
const PEER: u64 = 0;

/// An open `subscriptions/listen`; dropping it ends the interest.
pub(super) struct Listening {
    shared: Arc<NotifierInner>,
    id: u64,
}

/// There are as many subscriptions as one connection may have.
#[derive(Debug)]
pub(super) struct Full;

impl Notifier {
    pub fn new(bus: Bus, closing: CancellationToken) -> Notifier {
        Notifier(Arc::new(NotifierInner { bus, closing, interests: Mutex::default(), left: Notify::new() }))
    }

    /// Starts following the history, if nothing does yet: every commit from here on is told to whoever is subscribed. Called
    /// before a subscription is acknowledged, so that nothing falls between the acknowledgment and the first event followed.
    pub fn start(&self) {
        let mut interests = self.0.interests();
        if !interests.running {
            interests.running = true;
            let events = self.0.bus.subscribe(Filter::default(), Begin::Now);
            tokio::spawn(follow(self.0.clone(), events));
        }
    }

    /// A client of an older era hears of the list's changes without asking.
    pub fn greet(&self, peer: Peer<RoleServer>) {
        self.0.interests().by_id.entry(PEER).or_insert_with(|| Interest::new(ClientSink::Peer(peer), true));
        self.start();
    }

    pub fn subscribe(&self, peer: Peer<RoleServer>, address: Address, uri: String) -> Result<(), Full> {
        self.greet(peer);
        let mut interests = self.0.interests();
        let Some(interest) = interests.by_id.get_mut(&PEER) else { return Ok(()) };
        if interest.len() >= SUBSCRIBED_MAX && interest.uris(&address).is_empty() {
            return Err(Full);
        }
        interest.add(address, uri);
        Ok(())
    }

    pub fn unsubscribe(&self, uri: &str) {
        if let Some(interest) = self.0.interests().by_id.get_mut(&PEER) {
            interest.remove(uri);
        }
        self.0.left.notify_one();
    }

    /// Interest in what `accepted` names, for as long as the answer is held.
    pub fn listen(&self, sink: SubscriptionSink, accepted: &SubscriptionFilter) -> Result<Listening, Full> {
        let mut interest = Interest::new(ClientSink::Sink(sink), accepted.resources_list_changed == Some(true));
        for uri in accepted.resource_subscriptions.iter().flatten() {
            if let Some(address) = Address::parse(uri) {
                interest.add(address, uri.clone());
            }
        }
        self.start();
        let mut interests = self.0.interests();
        if interests.by_id.keys().filter(|&&id| id != PEER).count() >= LISTENS_MAX {
            return Err(Full);
        }
        interests.next_id += 1;
        let id = interests.next_id;
        interests.by_id.insert(id, interest);
        Ok(Listening { shared: self.0.clone(), id })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.shared.interests().by_id.remove(&self.id);
        self.shared.left.notify_one();
    }
}

impl NotifierInner {
    /// A panic elsewhere leaves the set of interests whole: each change is one insert or remove.
    fn interests(&self) -> MutexGuard<'_, Interests> {
        self.interests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the notifier was busy with, done.
enum Done {
    Sent,
    Gone(u64),
    /// The coders that `resources/list` names now, and the head after they were read.
    Listed(Result<(u64, BTreeSet<String>), bus::Error>),
}

async fn follow(shared: Arc<NotifierInner>, mut events: Subscription) {
    let mut owed = Owed { outbox: Outbox::new(), listed: None, list_due: Some(Instant::now()), list_looked: None };
    let start = events.cursor();
    let mut failing = false;
    // At most one thing is under way: a client that does not read holds up its own notifications, and meanwhile the history
    // is followed on, so that what it is owed stays a set. It is kept over the turns of the loop, since `select!` drops the
    // futures it is given: a notification that is half written must not be begun anew.
    let mut busy: Option<BoxFuture<'static, Done>> = None;
    loop {
        if busy.is_none() {
            busy = owed.next(&shared);
        }
        // While something is under way, what falls due waits for it: the timer would else wake the loop without end.
        let (idle, due) = (busy.is_none(), owed.next_due());
        let timer = async {
            match due {
                Some(due) if idle => tokio::time::sleep_until(due).await,
                _ => std::future::pending().await,
            }
        };
        let work = async {
            match &mut busy {
                Some(busy) => busy.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.closing.cancelled() => return,
            () = shared.left.notified() => owed.forget_departed(&shared.interests()),
            () = timer => {}
            done = work => {
                busy = None;
                owed.settle(done, start, &shared);
            }
            batch = events.next_batch(BATCH_EVENTS_MAX) => match batch {
                None => return,
                Some(Ok(batch)) => {
                    failing = false;
                    owed.mark(&batch, &shared.interests());
                }
                // The subscription tries again by itself; a history that stays broken is worth one line.
                Some(Err(error)) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, "cannot follow the history; trying again");
                    }
                }
            }
        }
    }
}

/// What is to be told, and what must be looked up first.
struct Owed {
    outbox: Outbox<(u64, Notice)>,
    /// The unfinished coders when they were last looked up.
    listed: Option<BTreeSet<String>>,
    /// When the list is to be looked up again, and when it was last: each look reads the history.
    list_due: Option<Instant>,
    list_looked: Option<Instant>,
}

impl Owed {
    fn mark(&mut self, batch: &[Delivery], interests: &Interests) {
        let now = Instant::now();
        for delivery in batch {
            match delivery {
                Delivery::Event(event) => self.mark_event(event, interests, now),
                Delivery::Missed(_) | Delivery::Replaced => self.mark_all(interests, now),
            }
        }
    }

    fn mark_event(&mut self, event: &Event, interests: &Interests, now: Instant) {
        if event.kind.family() == Family::Lifecycle || self.listed.as_ref().is_none_or(|listed| !listed.contains(&event.coder_id))
        {
            self.look_at_list(now);
        }
        // Most clients subscribe to nothing: an event then costs no addresses.
        if interests.by_id.values().all(Interest::is_empty) {
            return;
        }
        for (address, pace) in touched(event, CALM) {
            for (&id, interest) in &interests.by_id {
                for uri in interest.uris(&address) {
                    self.outbox.owe(&(id, Notice::Updated(uri.clone())), pace, now);
                }
            }
        }
    }

    /// Nobody knows what was missed, so everything is to be looked at again.
    fn mark_all(&mut self, interests: &Interests, now: Instant) {
        self.look_at_list(now);
        for (&id, interest) in &interests.by_id {
            for uri in interest.all_uris() {
                self.outbox.owe(&(id, Notice::Updated(uri.clone())), CALM, now);
            }
        }
    }

    fn look_at_list(&mut self, now: Instant) {
        let earliest = self.list_looked.map_or(now, |looked| now.max(looked + LIST_EVERY));
        self.list_due.get_or_insert(earliest);
    }

    fn next_due(&self) -> Option<Instant> {
        self.list_due.into_iter().chain(self.outbox.next_due()).min()
    }

    /// The next thing to do that may be done now.
    fn next(&mut self, shared: &NotifierInner) -> Option<BoxFuture<'static, Done>> {
        let now = Instant::now();
        if self.list_due.is_some_and(|due| due <= now) {
            (self.list_due, self.list_looked) = (None, Some(now));
            let bus = shared.bus.clone();
            let look = async move {
                bus.read(|reader| {
                    let unfinished = reader.unfinished(LISTED_MAX)?;
                    Ok((reader.position()?.head, unfinished.into_iter().collect()))
                })
                .await
            };
            return Some(look.map(Done::Listed).boxed());
        }
        loop {
            let (id, notice) = self.outbox.pop(now)?;
            // It may have left since it was owed this.
            let Some(sink) = shared.interests().by_id.get(&id).map(|interest| interest.sink.clone()) else { continue };
            let send = async move { sink.send(notice).await };
            return Some(send.map(move |sent| sent.map_or_else(|Closed| Done::Gone(id), |()| Done::Sent)).boxed());
        }
    }

    fn settle(&mut self, done: Done, start: u64, shared: &NotifierInner) {
        match done {
            Done::Sent => {}
            Done::Gone(id) => {
                let mut interests = shared.interests();
                interests.by_id.remove(&id);
                self.forget_departed(&interests);
            }
            Done::Listed(Ok((head, listed))) => {
                // The first look has nothing to compare with, but it saw what the client saw unless something was committed since.
                let same = self.listed.as_ref().map_or(head == start, |before| *before == listed);
                self.listed = Some(listed);
                if !same {
                    let now = Instant::now();
                    for (&id, _) in shared.interests().by_id.iter().filter(|(_, interest)| interest.list) {
                        self.outbox.owe(&(id, Notice::ListChanged), Pace::AtMostEvery(LIST_EVERY), now);
                    }
                }
            }
            Done::Listed(Err(error)) => {
                tracing::debug!(%error, "cannot read the unfinished coders; trying again");
                self.look_at_list(Instant::now());
            }
        }
    }

    fn forget_departed(&mut self, interests: &Interests) {
        self.outbox.retain(|(id, notice)| interests.by_id.get(id).is_some_and(|interest| interest.wants(notice)));
    }
}
