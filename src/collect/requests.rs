//! From a request to its answer.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::post,
};
use futures::StreamExt;
use tokio::sync::{Semaphore, TryAcquireError, mpsc};

use crate::{
    bus::Bus,
    history::{Entry, Rejection},
    http::{AccessRules, Peer},
};

use super::{
    answer::{self, Encoding, RefusedRequest},
    body::{self, Packing},
    export::{self, Export, SOURCE},
    signal::Signal,
    tally::ExportTally,
};

/// Requests in work: each may hold a body. A machine's agents send a few a second at most.
const IN_WORK_MAX: usize = 16;
/// Bodies read apart at a time: as values they take several times their bytes.
const READ_APART_MAX: usize = 1;
/// Exporters give up after ten seconds: an answer before that has them send again what could not be written.
const WRITING: Duration = Duration::from_secs(5);
/// A place is free again in milliseconds, a history that is locked or full in seconds.
const RETRY_SECONDS_ROOM: u32 = 1;
const RETRY_SECONDS_HISTORY: u32 = 5;

/// What every request is given.
struct ExportHandler {
    bus: Bus,
    room: Semaphore,
    /// KiB of bodies.
    bodies: Arc<Semaphore>,
    reading: Arc<Semaphore>,
    tally: Arc<ExportTally>,
}

/// Who is asked, and what is told of it.
struct Porter {
    access: Arc<AccessRules>,
    tally: Arc<ExportTally>,
}

pub(super) fn router(bus: Bus, access: Arc<AccessRules>, tally: Arc<ExportTally>) -> Router {
    let (room, bodies) = (Semaphore::new(IN_WORK_MAX), Arc::new(Semaphore::new(body::BODIES_KIB_MAX)));
    let reading = Arc::new(Semaphore::new(READ_APART_MAX));
    let has_secret = access.secret.is_some();
    let porter = Arc::new(Porter { access, tally: Arc::clone(&tally) });
    let handler = Arc::new(ExportHandler { bus, room, bodies, reading, tally });
    let export = |signal: Signal| {
        post(
            move |State(handler): State<Arc<ExportHandler>>, request: Request| async move { handler.answer(signal, request).await },
        )
    };
    let routes = Router::new().route("/v1/logs", export(Signal::Logs));
    let routes = if has_secret {
        let skip = |signal: Signal| post(async move |request: Request| skip(signal, request).await);
        let routes = routes.route("/v1/metrics", skip(Signal::Metrics)).route("/v1/traces", skip(Signal::Traces));
        Router::new().nest("/k/{secret}", routes)
    } else {
        routes.route("/v1/metrics", export(Signal::Metrics)).route("/v1/traces", export(Signal::Traces))
    };
    routes
        .fallback(async || RefusedRequest::new(StatusCode::NOT_FOUND, "here are /v1/logs, /v1/metrics and /v1/traces"))
        .method_not_allowed_fallback(async || RefusedRequest::new(StatusCode::METHOD_NOT_ALLOWED, "exports are sent by POST"))
        .layer(middleware::from_fn_with_state(porter, guard))
        .with_state(handler)
}

async fn guard(
    State(porter): State<Arc<Porter>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let Porter { access, tally } = &*porter;
    if !access.knows(request.uri().path()) {
        tally.count_strayed();
        return RefusedRequest::new(StatusCode::NOT_FOUND, "nothing is received here").into_response();
    }
    match access.admit(request.headers(), peer.is_stranger) {
        Ok(()) => next.run(request).await,
        Err((status, reason)) => {
            tally.count_refused();
            RefusedRequest::new(status, reason).into_response()
        }
    }
}

/// Read to its end, so that the connection serves again, and dropped.
async fn skip(signal: Signal, request: Request) -> Response {
    let encoding = Encoding::of(request.headers()).unwrap_or(Encoding::Json);
    let mut body = request.into_body().into_data_stream();
    let reading = async {
        let mut bytes = 0;
        while let Some(Ok(chunk)) = body.next().await {
            bytes += chunk.len();
            if bytes > body::BODY_BYTES_MAX {
                break;
            }
        }
    };
    // Whoever breaks off or takes too long is told the same.
    drop(tokio::time::timeout(body::READING, reading).await);
    answer::success(signal, encoding, answer::RejectedRecords::default())
}

impl ExportHandler {
    async fn answer(&self, signal: Signal, request: Request) -> Response {
        let Some(encoding) = Encoding::of(request.headers()) else {
            let reason = "`Content-Type` must be application/x-protobuf or application/json";
            return RefusedRequest::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason).into_response();
        };
        match self.take(signal, encoding, request).await {
            Ok(rejected) => {
                self.tally.count_export(rejected.records);
                answer::success(signal, encoding, rejected)
            }
            Err(refused) => {
                self.tally.count_refused();
                tracing::warn!(status = refused.status.as_u16(), "an export was not taken: {refused}");
                refused.response(encoding)
            }
        }
    }

    async fn take(
        &self,
        signal: Signal,
        encoding: Encoding,
        request: Request,
    ) -> Result<answer::RejectedRecords, RefusedRequest> {
        let _place = self.room.try_acquire().map_err(|error| match error {
            TryAcquireError::NoPermits => RefusedRequest::later(RETRY_SECONDS_ROOM, "too many requests at once"),
            TryAcquireError::Closed => unreachable!("nobody closes the room"),
        })?;
        let (head, body) = request.into_parts();
        let packing = Packing::of(&head.headers)?;
        let (bytes, _bodies) = match body::read(&head.headers, body, &self.bodies).await {
            Ok(read) => read,
            // It comes again.
            Err(refused) if refused.retry_after_seconds.is_some() => return Err(refused),
            Err(refused) => return Err(self.lost(refused, String::new()).await),
        };
        let turn = Arc::clone(&self.reading).acquire_owned().await.expect("nobody closes the semaphore");
        let (parts, mut came) = mpsc::channel(1);
        let read = tokio::task::spawn_blocking(move || {
            // The next one may be read apart while the last part of this one is written.
            let _turn = turn;
            read(signal, encoding, packing, bytes, &mut |part: Export| parts.blocking_send(part).is_ok())
        });
        let mut rejected = answer::RejectedRecords::default();
        while let Some(Export { entries, origin, .. }) = came.recv().await {
            let outcomes = self.publish(entries).await?;
            rejected.add(origin.rejected(&outcomes));
        }
        match read.await {
            Ok(Ok(())) => Ok(rejected),
            Ok(Err((refused, head))) => Err(self.lost(refused, head).await),
            Err(_) => {
                let defect = RefusedRequest::new(StatusCode::INTERNAL_SERVER_ERROR, "a defect in the recorder: please report it");
                Err(self.lost(defect, String::new()).await)
            }
        }
    }

    async fn publish(&self, entries: Vec<Entry>) -> Result<Vec<crate::history::Outcome>, RefusedRequest> {
        match tokio::time::timeout(WRITING, self.bus.publish(entries)).await {
            Ok(Ok(outcomes)) => Ok(outcomes),
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "failed to write the history");
                Err(RefusedRequest::later(RETRY_SECONDS_HISTORY, "the history cannot be written now"))
            }
            Err(_) => Err(RefusedRequest::later(RETRY_SECONDS_HISTORY, "the history is busy")),
        }
    }

    /// An exporter does not send again what was refused for good: it is kept as far as it is here.
    async fn lost(&self, refused: RefusedRequest, input: String) -> RefusedRequest {
        let rejection = Rejection { source: SOURCE.to_owned(), reason: refused.reason.clone(), input };
        match self.publish(vec![rejection.into()]).await {
            Ok(_) => refused,
            // Then it may come again, and be kept then.
            Err(later) => later,
        }
    }
}

/// From bytes to entries, part by part; what is refused with its head.
pub(super) fn read(
    signal: Signal,
    encoding: Encoding,
    packing: Packing,
    bytes: Vec<u8>,
    take: &mut dyn FnMut(Export) -> bool,
) -> Result<(), (RefusedRequest, String)> {
    let head = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(Rejection::INPUT_BYTES_SEEN)]).into_owned();
    let bytes = packing.unpack(bytes).map_err(|refused| (refused, String::new()))?;
    export::read(signal, encoding, &bytes, take).map_err(|refused| (refused, head(&bytes)))
}
