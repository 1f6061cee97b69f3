//! One port that speaks HTTP: who may come in, how many at a time, and how it ends. What is answered there, its guests say.
//!
//! It promises: no page of a browser gets in, and nobody from elsewhere without the token; nobody holds a place that others
//! wait for; what is in work when it ends is answered, or given up soon.

mod access;
mod body;
mod connections;
mod neighbour;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tokio::net::TcpListener;

use connections::Connections;
pub use {
    access::{AccessRules, HostRule, Token},
    body::{BodyBounds, UnreadBody, read_body},
    connections::{ConnectionBounds, Peer},
};

/// How long requests in work may take to end once they should: who sent them sends again what was not answered.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why nothing can be received.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Whoever reaches the address could write the history.
    #[error("`{address}` can be reached from other machines: set a token, or listen on 127.0.0.1")]
    Open { address: SocketAddr },
    #[error("failed to listen on `{address}`: choose another address, or end the program that has it")]
    Listen { address: SocketAddr, source: io::Error },
}

/// A port that is listened on already, and answers once it [serves](HttpPort::serve).
#[derive(Debug)]
pub struct HttpPort {
    listener: TcpListener,
    address: SocketAddr,
}

impl HttpPort {
    /// Port 0 takes any that is free.
    ///
    /// # Errors
    /// Where the address is taken.
    pub async fn bind(address: SocketAddr) -> Result<HttpPort, Error> {
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(HttpPort { listener, address })
    }

    /// # Errors
    /// Where it is no listener of ours.
    pub fn of_listener(listener: std::net::TcpListener) -> io::Result<HttpPort> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(HttpPort { listener: TcpListener::from_std(listener)?, address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `ended`, and then finishes those in work.
    ///
    /// # Errors
    /// Where the listener fails.
    pub async fn serve(
        self,
        routes: Router,
        bounds: ConnectionBounds,
        ended: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let (ending, mut overdue) = tokio::sync::watch::channel(());
        let ended = async move {
            ended.await;
            drop(ending);
        };
        let overdue = async move {
            while overdue.changed().await.is_ok() {}
            tokio::time::sleep(FAREWELL).await;
        };
        let routes = routes.into_make_service_with_connect_info::<Peer>();
        let connections = Connections::new(self.listener, bounds);
        tokio::select! {
            served = axum::serve(connections, routes).with_graceful_shutdown(ended).into_future() => served,
            () = overdue => Ok(()),
        }
    }
}

/// Whether only this machine reaches `address`.
pub fn is_local(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Lets in whom `access` lets in; with a token, whose connection it is does not matter.
pub fn guarded(routes: Router, access: AccessRules) -> Router {
    routes.layer(middleware::from_fn_with_state(Arc::new(access), guard))
}

async fn guard(State(access): State<Arc<AccessRules>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut answer = match access.admit(request.headers(), false) {
        Ok(()) => next.run(request).await,
        // A browser asks before a page may send the token, and cannot send it with that.
        Err((StatusCode::UNAUTHORIZED, _)) if asks_before(&request) => StatusCode::NO_CONTENT.into_response(),
        Err((status, reason)) => (status, reason).into_response(),
    };
    if answer.status() == StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(origin) = origin.filter(|_| answer.status() != StatusCode::FORBIDDEN) {
        let_read(origin, answer.headers_mut());
    }
    answer
}

fn asks_before(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// A page whose origin was let in may read what it is answered, by `fetch`'s rules.
fn let_read(origin: HeaderValue, headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
        // A star stands for all but the token's.
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, *"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "*"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
