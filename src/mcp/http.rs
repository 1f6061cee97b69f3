//! The protocol over HTTP, where standard input and output do not reach: dev containers, programs that are started apart.
//!
//! ```text
//! request ─▶ http: Host, Origin, token ─▶ session: known, with room ─▶ body: bounded ─▶ line: an answer for what cannot be read
//!         ◀─ rmcp: one answer, or a stream of events ◀─ one `Server` a session (to 2025-11-25) or a request (2026-07-28) ◀────┘
//! ```
//!
//! It promises: nobody gets in without the token; what clients have it hold is bounded, connections, sessions, open requests
//! and bodies; when it ends, whoever waits is answered. Who sends a request is not known here but by what it says itself.

mod counted;
mod open_session;
mod sessions;

use std::{io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use rmcp::{
    ErrorData,
    model::{JsonRpcError, RequestId},
    transport::{StreamableHttpServerConfig, StreamableHttpService},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    bus::Bus,
    http::{AccessRules, BodyBounds, ConnectionBounds, guarded, read_body},
    text::mend_surrogates,
};

use self::sessions::Sessions;

use super::{
    ServeOptions,
    context::{ClientWay, ServeContext},
    line::{self, Incoming, MESSAGE_BYTES_MAX},
    open_requests::OpenRequests,
    server::Server,
};

/// Where clients send to.
pub const HTTP_PATH: &str = "/mcp";
/// Each stream and each call takes a connection of its own. A call waits 55 s before a word of its answer is written; what
/// waits longer tells of its progress.
pub const HTTP_BOUNDS: ConnectionBounds = ConnectionBounds {
    connections_max: 512,
    idle: Duration::from_secs(90),
    answered: Duration::from_secs(75),
    asks_whose: false,
};
const BODY: BodyBounds = BodyBounds { bytes_max: MESSAGE_BYTES_MAX, within: Duration::from_secs(10) };
/// All bodies that are answered at a time, as over standard input.
const BODIES_KIB_MAX: usize = 4 << 10;

/// The server as a guest of a port.
pub struct HttpServer {
    service: StreamableHttpService<Server, Sessions>,
    sessions: Arc<Sessions>,
    /// KiB of them.
    bodies: Arc<Semaphore>,
}

impl HttpServer {
    /// Whoever waits is answered once `closing` is cancelled; the bus is shut down by the caller.
    ///
    /// Must run in a tokio runtime with time.
    pub fn new(bus: Bus, options: ServeOptions, closing: CancellationToken) -> HttpServer {
        let sessions = Arc::new(Sessions::new(closing.clone()));
        tokio::spawn(sessions::end_idle(Arc::clone(&sessions)));
        let context = ServeContext::new(bus, options, ClientWay::Http, closing, OpenRequests::default());
        let template = Server::new(context);
        // Who may come in was asked already.
        let config = StreamableHttpServerConfig::default().disable_allowed_hosts().with_max_request_body_bytes(MESSAGE_BYTES_MAX);
        let factory = move || io::Result::Ok(template.again());
        let service = StreamableHttpService::new(factory, Arc::clone(&sessions), config);
        HttpServer { service, sessions, bodies: Arc::new(Semaphore::new(BODIES_KIB_MAX)) }
    }

    /// Lets in whom `access` lets in.
    pub fn routes(self, access: AccessRules) -> Router {
        guarded(Router::new().route(HTTP_PATH, any(answer)).with_state(Arc::new(self)), access)
    }

    async fn take(&self, request: Request) -> Response {
        let session = match self.sessions.of(request.headers()) {
            Ok(session) => session,
            Err(full) => return later(&full.to_string()),
        };
        let (mut head, body) = request.into_parts();
        let (bytes, place) = match read_body(&head.headers, body, BODY, &self.bodies).await {
            Ok(read) => read,
            Err(unread) if unread.status() == StatusCode::SERVICE_UNAVAILABLE => return later(&unread.to_string()),
            Err(unread) => return (unread.status(), unread.to_string()).into_response(),
        };
        // Clients cut text in the middle of a character.
        let text = mend_surrogates(&bytes);
        let text = text.trim_start_matches('\u{feff}');
        let begun = match line::read(text.as_bytes()) {
            Incoming::Message(message) => match &session {
                Some(session) => session.begin(&message, text.len()).map_err(|(id, why)| (Some(id), why)),
                None => Ok(None),
            },
            Incoming::Refused(id, why) => Err((id, why)),
            Incoming::List(_) | Incoming::Nothing => Err((None, ErrorData::parse_error("the body is no message", None))),
        };
        let begun = match begun {
            Ok(begun) => begun,
            Err((id, why)) => return refused(id, why),
        };
        // It is free again once nothing holds the request any more.
        head.extensions.insert(Arc::new(place));
        let answer = self.service.handle(Request::from_parts(head, Body::from(text.to_owned()))).await;
        if let (Some(session), Some(id)) = (&session, begun)
            && answer.status() != StatusCode::OK
        {
            session.end(&id);
        }
        answer.map(Body::new)
    }
}

async fn answer(State(server): State<Arc<HttpServer>>, request: Request) -> Response {
    if request.method() == Method::POST {
        return server.take(request).await;
    }
    server.service.handle(request).await.map(Body::new)
}

fn refused(id: Option<RequestId>, why: ErrorData) -> Response {
    let error = serde_json::to_string(&JsonRpcError::new(id, why)).expect("an error has only JSON values");
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], error).into_response()
}

fn later(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, HeaderValue::from_static("1"))], why.to_owned()).into_response()
}
