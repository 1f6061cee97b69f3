//! The port, and the one task that draws what all who look are shown.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{
        Html, IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
    routing::get,
};
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    bus::{Begin, Bus, Delivery, Error as BusError},
    event::{Micros, Time},
    filter::Filter,
    http::{ConnectionBounds, Error, HostRule, HttpPort, Peer, is_local},
    page::{LIVE_SCRIPT, LiveParts, STYLE},
};

use super::{
    door::LiveDoor,
    feed::{LiveFeed, LiveReading},
};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct LiveFilter {
    /// As it was asked for.
    pub words: String,
    pub filter: Filter,
    /// How far back the lanes go.
    pub span: Micros,
    pub zone: TimeZone,
}

/// A port that is listened on already, and shows the page once it [serves](LiveServer::serve).
pub struct LiveServer {
    port: HttpPort,
    door: LiveDoor,
}

/// Pages that are open, and what they ask for besides. Whose they are is asked where only this machine reaches the address.
const CONNECTIONS_MAX: usize = 64;
const BOUNDS: ConnectionBounds = ConnectionBounds {
    connections_max: CONNECTIONS_MAX,
    idle: Duration::from_secs(60),
    answered: Duration::from_secs(10),
    asks_whose: true,
};
/// How often a page is told that the server is there.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// No more than once in this time is drawn what happens.
const DRAWN_EVERY: Duration = Duration::from_secs(1);
/// Ages grow where nothing happens.
const AGED_AFTER: Duration = Duration::from_secs(10);
/// Longer than that nobody looked.
const OLD_AFTER: Duration = Duration::from_secs(12);
/// Before a history that cannot be read is asked again.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Events that are folded at once.
const BATCH: usize = 1024;
/// Nothing but what this server has beside the page; pictures set places by their own style.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl LiveServer {
    /// Port 0 takes any that is free.
    ///
    /// # Errors
    /// Where the address is taken.
    pub async fn bind(address: SocketAddr) -> Result<LiveServer, Error> {
        let port = HttpPort::bind(address).await?;
        let hosts = if is_local(address) { HostRule::Loopback } else { HostRule::Any };
        let door = LiveDoor::new(hosts, port.address().port());
        Ok(LiveServer { port, door })
    }

    /// What a person opens.
    pub fn address(&self) -> String {
        format!("http://{}/?token={}", self.port.address(), self.door.token())
    }

    /// Shows it until `ended`.
    ///
    /// # Errors
    /// Where the listener fails.
    pub async fn serve(self, bus: Bus, shown: LiveFilter, ended: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let (sender, drawn) = watch::channel(None);
        let words = shown.words.clone();
        let drawing = tokio::spawn(draw(bus, shown, sender));
        let site = Arc::new(LiveSite { door: self.door, words, drawn });
        let routes = Router::new()
            .route("/", get(page))
            .route("/changes", get(changes))
            .route("/page.css", get(async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)))
            .route("/live.js", get(async || ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], LIVE_SCRIPT)))
            .layer(middleware::from_fn_with_state(Arc::clone(&site), guard))
            .with_state(site);
        // Those who look are told nothing more, so that their connections end.
        let ended = async move {
            ended.await;
            drawing.abort();
        };
        self.port.serve(routes, BOUNDS, ended).await
    }
}

struct LiveSite {
    door: LiveDoor,
    words: String,
    /// `None` until it was drawn for the first time.
    drawn: watch::Receiver<Option<Drawing>>,
}

#[derive(Clone)]
struct Drawing {
    parts: Arc<LiveParts>,
    at: Instant,
}

#[derive(Deserialize)]
struct Given {
    token: Option<String>,
}

/// Whose connection it is, from which page, and what a browser may do with the answer.
async fn guard(
    State(site): State<Arc<LiveSite>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let mut answer = match site.door.admit(request.headers(), peer.is_stranger) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

async fn page(State(site): State<Arc<LiveSite>>, Query(given): Query<Given>, headers: HeaderMap) -> Response {
    if let Some(token) = given.token {
        let Some(cookie) = site.door.cookie_for(&token) else {
            return (StatusCode::FORBIDDEN, "this token is wrong: open the address that `watch --web` printed").into_response();
        };
        // A page of our own leads on: a cookie that is kept from other sites' links is kept from their redirects too. And the
        // token leaves the address.
        let on = "<!doctype html><meta http-equiv=refresh content=\"0;url=/\"><title>ai-coder-events</title>";
        return ([(header::SET_COOKIE, cookie)], Html(on)).into_response();
    }
    if let Err(refused) = site.door.knows(&headers) {
        return refused.into_response();
    }
    // Where nobody looked for a while, it is drawn anew for this one.
    let is_of_now = |drawing: &Option<Drawing>| drawing.as_ref().is_some_and(|drawing| drawing.at.elapsed() < OLD_AFTER);
    match site.drawn.clone().wait_for(is_of_now).await.ok().and_then(|drawing| drawing.clone()) {
        Some(drawing) => Html(drawing.parts.page(&site.words)).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// What has become another since the page was drawn, or since this was told last: whatever was missed meanwhile is in it.
async fn changes(State(site): State<Arc<LiveSite>>, headers: HeaderMap) -> Response {
    if let Err(refused) = site.door.knows(&headers) {
        return refused.into_response();
    }
    let told = (site.drawn.clone(), LiveParts::default());
    let stream = futures::stream::unfold(told, |(mut drawn, told)| async move {
        loop {
            let now = drawn.borrow_and_update().as_ref().map(|drawing| Arc::clone(&drawing.parts));
            if let Some(now) = now.filter(|now| **now != told) {
                let data = serde_json::to_string(&now.changed_since(&told)).ok()?;
                return Some((Ok::<_, Infallible>(sse::Event::default().data(data)), (drawn, LiveParts::clone(&now))));
            }
            drawn.changed().await.ok()?;
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)).into_response()
}

/// Draws for as long as somebody could look.
async fn draw(bus: Bus, shown: LiveFilter, drawn: watch::Sender<Option<Drawing>>) {
    while !drawn.is_closed() {
        if let Err(error) = follow(&bus, &shown, &drawn).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the page stands still: the history cannot be read");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

/// From what is there on, until another history takes its place or retention was faster.
async fn follow(bus: &Bus, shown: &LiveFilter, drawn: &watch::Sender<Option<Drawing>>) -> Result<(), BusError> {
    let (filter, begun) = (shown.filter.clone(), now());
    let from = begun.plus(-shown.span);
    let (mut feed, head, history) = bus.read(move |reader| LiveFeed::read(reader, filter, from, begun)).await?;
    let mut events = bus.subscribe(feed.coders(), Begin::After(head)).of(&history);
    let mut tick = interval(DRAWN_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut has_changed = true;
    loop {
        tokio::select! {
            batch = events.next_batch(BATCH) => {
                let Some(batch) = batch else { return Ok(()) };
                for delivery in batch? {
                    match delivery {
                        Delivery::Event(event) => feed.take(event),
                        Delivery::Missed(_) | Delivery::Replaced => return Ok(()),
                    }
                }
                has_changed = true;
            }
            _ = tick.tick() => {
                let is_aged = drawn.borrow().as_ref().is_none_or(|drawing| drawing.at.elapsed() >= AGED_AFTER);
                // Each who looks has a receiver besides the site's own.
                if drawn.receiver_count() > 1 && (has_changed || is_aged) {
                    has_changed = false;
                    let midnight = midnight(&shown.zone);
                    let reading: LiveReading = bus.read(move |reader| LiveFeed::ask(reader, midnight)).await?;
                    let now = now();
                    let parts = LiveParts::of(&feed.tell(reading, now.plus(-shown.span), now, &shown.zone));
                    drawn.send_replace(Some(Drawing { parts: Arc::new(parts), at: Instant::now() }));
                }
            }
        }
    }
}

fn now() -> Time {
    Time::from_micros(Timestamp::now().as_microsecond())
}

fn midnight(zone: &TimeZone) -> Time {
    let today = Timestamp::now().to_zoned(zone.clone());
    Time::from_micros(today.start_of_day().unwrap_or(today).timestamp().as_microsecond())
}
