//! `events/stream`: everything after the cursor, as it comes, until the client has enough.
//!
//! One notification of a stream is on its way at a time, and the next event is looked up once it is written. So a client
//! that does not read holds up its own streams alone, and while it does not, a stream holds nothing but its place.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rmcp::{
    ErrorData, Peer, RoleServer,
    model::{CustomNotification, ServerNotification},
    service::{RequestContext, ServiceError},
};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{
    aggregate::CoderView,
    bus::{self, Begin, Bus, Delivery, Subscription},
    event::Event,
    history::{self, Position},
    mcp::{context::ServeContext, cursor::Cursor, open_requests::STREAMS_MAX},
    text::with_causes,
};

use super::{
    RESOURCE_EXHAUSTED, SUBSCRIPTION_ID, at_rest, kind::OccurrenceKind, occurrence, refused, request::EventsRequest,
    start::DeliveryStart,
};

/// The protocol wants one at least every 30 s; a machine that is busy may be late.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many events one look takes: they are shared with all that follow, or read in pages.
const BATCH_EVENTS_MAX: usize = 64;
/// How long a client may take to read one notification before what lies behind it is let go, and read again later.
const SLOW: Duration = Duration::from_millis(500);

pub(super) async fn answer(
    serving: &ServeContext,
    request: EventsRequest,
    context: RequestContext<RoleServer>,
) -> Result<Value, ErrorData> {
    let (start, request) =
        serving.read(move |reader| Ok((DeliveryStart::find(reader, &request)?, request))).await.map_err(refused)?;
    if serving.open_requests.stream(&context.id).is_err() {
        let limit = json!({"limit": "streams", "max": STREAMS_MAX});
        return Err(ErrorData::new(RESOURCE_EXHAUSTED, "too many open events/stream: cancel some", Some(limit)));
    }
    let id = json!(context.id);
    let mut stream = EventStream {
        bus: serving.bus.clone(),
        closing: serving.closing.clone(),
        seq: start.seq,
        history: start.position.history.clone(),
        told_missed: start.position.floor,
        start,
        request,
        subscription: None,
        batch: VecDeque::new(),
        failing: false,
        client: StreamClient { peer: context.peer, cancelled: context.ct, id: id.clone() },
    };
    // The client is gone, or has cancelled: nobody reads the result.
    drop(stream.run().await);
    Ok(json!({"resultType": "complete", "_meta": {SUBSCRIPTION_ID: id}}))
}

struct EventStream {
    bus: Bus,
    closing: CancellationToken,
    start: DeliveryStart,
    request: EventsRequest,
    /// Everything up to here was told, or is not wanted.
    seq: u64,
    /// The history whose seqs these are.
    history: String,
    /// The end of the last gap that was told.
    told_missed: u64,
    /// Follows from `seq`; absent while the client is slow.
    subscription: Option<Subscription>,
    /// Taken from the subscription, not told yet.
    batch: VecDeque<Delivery>,
    /// The history could not be read, and the client knows.
    failing: bool,
    client: StreamClient,
}

/// The reader at the other end.
struct StreamClient {
    peer: Peer<RoleServer>,
    cancelled: CancellationToken,
    id: Value,
}

/// Nobody reads any more.
struct Gone;

/// What a stream woke for.
enum Woken {
    Batch(Option<Result<Vec<Delivery>, bus::Error>>),
    Heartbeat,
    Closing,
}

impl EventStream {
    async fn run(&mut self) -> Result<(), Gone> {
        self.tell_active(self.start.truncated).await?;
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one is due at once, and `active` has told as much.
        heartbeat.reset();
        // A script may end its input right after the request: what is on record by then it still gets.
        let mut is_caught_up = self.seq >= self.start.position.head;
        loop {
            let subscription = self
                .subscription
                .get_or_insert_with(|| self.bus.subscribe(self.start.filter.clone(), Begin::After(self.seq)).of(&self.history));
            let woken = tokio::select! {
                () = self.client.cancelled.cancelled() => return Err(Gone),
                batch = subscription.next_batch(BATCH_EVENTS_MAX) => Woken::Batch(batch),
                _ = heartbeat.tick() => Woken::Heartbeat,
                () = self.closing.cancelled(), if is_caught_up => Woken::Closing,
            };
            match woken {
                Woken::Batch(None) | Woken::Closing => return Ok(()),
                Woken::Batch(Some(Err(error))) => {
                    if self.is_over(error).await? {
                        return Ok(());
                    }
                    is_caught_up = true;
                }
                Woken::Batch(Some(Ok(batch))) => {
                    self.failing = false;
                    self.batch.extend(batch);
                    self.tell_batch().await?;
                }
                Woken::Heartbeat => {
                    self.look_through();
                    let cursor = self.place(self.seq);
                    self.client.tell("heartbeat", json!({ "cursor": cursor })).await?;
                }
            }
            self.look_through();
            is_caught_up |= self.seq >= self.start.position.head;
        }
    }

    async fn tell_batch(&mut self) -> Result<(), Gone> {
        if let Some(subscription) = self.subscription.as_ref().filter(|_| self.history.is_empty()) {
            subscription.history().clone_into(&mut self.history);
        }
        while let Some(delivery) = self.batch.pop_front() {
            match delivery {
                Delivery::Event(event) => {
                    let kind = self.request.kind;
                    if !self.start.is_too_old(&event) && kind.is_told_by(&event) && !self.settled_before(&event).await {
                        let coder = if kind.tells_coder() { self.coder(&event.coder_id).await } else { None };
                        let mut told = occurrence::tell(kind, &event, coder.as_ref());
                        told["cursor"] = self.place(event.seq).into();
                        let seq = event.seq;
                        drop(event);
                        self.tell_event(told).await?;
                        self.seq = seq;
                    } else {
                        self.seq = event.seq;
                    }
                }
                Delivery::Missed(missed) => {
                    let next = match self.batch.front() {
                        Some(Delivery::Event(next)) => next.seq - 1,
                        _ => self.subscription.as_ref().map_or(missed.through, Subscription::cursor),
                    };
                    self.seq = self.seq.max(missed.through.min(next));
                    if missed.through > self.told_missed {
                        self.told_missed = missed.through;
                        self.tell_active(true).await?;
                    }
                }
                Delivery::Replaced => self.begin_anew().await?,
            }
        }
        Ok(())
    }

    /// Writes it; where the client takes long to read it, lets go of all that lies behind.
    async fn tell_event(&mut self, told: Value) -> Result<(), Gone> {
        let telling = self.client.tell("event", told);
        tokio::pin!(telling);
        tokio::select! {
            told = &mut telling => return told,
            () = tokio::time::sleep(SLOW) => {}
        }
        self.batch = VecDeque::new();
        self.subscription = None;
        telling.await
    }

    /// Another history took the place: its events come from the first on.
    async fn begin_anew(&mut self) -> Result<(), Gone> {
        self.history = self.subscription.as_ref().map(|subscription| subscription.history().to_owned()).unwrap_or_default();
        (self.seq, self.told_missed) = (0, 0);
        self.tell_active(true).await
    }

    /// Whether it stays so; else the client hears once that there is trouble.
    async fn is_over(&mut self, error: bus::Error) -> Result<bool, Gone> {
        let is_over = matches!(error.history(), Some(history::Error::Newer { .. }));
        let told = json!({"error": {"code": -32_603, "message": with_causes(&error)}});
        if is_over {
            self.client.tell("terminated", told).await?;
        } else if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(%error, "cannot follow the history; trying again");
            self.client.tell("error", told).await?;
        }
        Ok(is_over)
    }

    async fn tell_active(&mut self, truncated: bool) -> Result<(), Gone> {
        let cursor = self.place(self.seq);
        self.client.tell("active", json!({"cursor": cursor, "truncated": truncated})).await
    }

    /// Moves over what the subscription looked at and is not wanted.
    fn look_through(&mut self) {
        if let Some(subscription) = self.subscription.as_ref().filter(|_| self.batch.is_empty()) {
            self.seq = self.seq.max(subscription.cursor());
        }
    }

    fn place(&self, seq: u64) -> String {
        Cursor::at(&Position { history: self.history.clone(), ..Position::default() }, seq).to_string()
    }

    /// Where that cannot be read, it is told rather twice than not at all.
    async fn settled_before(&self, event: &Arc<Event>) -> bool {
        let (kind, event) = (self.request.kind, Arc::clone(event));
        if kind != OccurrenceKind::Settled {
            return false;
        }
        let read = self.bus.read_few(move |reader| at_rest::settled_before(reader, kind, &event)).await;
        read.inspect_err(|error| tracing::debug!(%error, "whether a coder was at rest is not known")).unwrap_or(false)
    }

    async fn coder(&self, id: &str) -> Option<CoderView> {
        let id = id.to_owned();
        let read = self.bus.read_few(move |reader| reader.coder(&id)).await;
        read.inspect_err(|error| tracing::debug!(%error, "a coder is not told with its event")).ok().flatten()
    }
}

impl StreamClient {
    /// Ends once it is written.
    async fn tell(&self, what: &str, mut params: Value) -> Result<(), Gone> {
        params["_meta"] = json!({SUBSCRIPTION_ID: self.id});
        let notification = CustomNotification::new(format!("notifications/events/{what}"), Some(params));
        let sending = self.peer.send_notification(ServerNotification::CustomNotification(notification));
        let sent: Result<(), ServiceError> = tokio::select! {
            () = self.cancelled.cancelled() => return Err(Gone),
            sent = sending => sent,
        };
        sent.map_err(|_| Gone)
    }
}
