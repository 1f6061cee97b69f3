//! The sessions of clients that begin with a handshake: how many there may be, and how long one lives that nobody uses.
//!
//! rmcp keeps them, and would end one that is only listened to, and let clients open as many as they like. Here a session ends
//! when for a while no request of it was open and nobody listened, or when another one needs its place.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::HeaderMap;
use futures::{Stream, StreamExt};
use rmcp::{
    model::{ClientJsonRpcMessage, ServerJsonRpcMessage},
    transport::{
        common::server_side_http::ServerSseMessage,
        streamable_http_server::{
            SessionId, SessionManager,
            session::local::{LocalSessionManager, LocalSessionManagerError},
        },
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    counted::CountedTransport,
    open_session::{OpenSession, SessionStream},
};

/// More clients than a machine has; each holds a task, what it subscribed to, and some messages to be sent again.
const SESSIONS_MAX: usize = 100;
/// So long nobody asks and nobody listens: its client is gone, or comes again by another handshake.
const IDLE: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_secs(60);
const SESSION_HEADER: &str = "mcp-session-id";
const VERSION_HEADER: &str = "mcp-protocol-version";
/// From this version on there are none.
const WITHOUT_SESSIONS: &str = "2026-07-28";

pub(super) struct Sessions {
    local: LocalSessionManager,
    open: Mutex<HashMap<SessionId, Arc<OpenSession>>>,
    /// Nobody listens beyond this.
    closing: CancellationToken,
}

/// There is no place for it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPlace {
    #[error("there are as many sessions as there may be: end some by DELETE")]
    Sessions,
    #[error("too many requests of this session are not answered yet")]
    Requests,
}

/// Ends sessions that nobody uses, until all end.
pub(super) async fn end_idle(sessions: Arc<Sessions>) {
    loop {
        tokio::select! {
            () = sessions.closing.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        for id in sessions.idle(IDLE) {
            sessions.end(&id).await;
        }
    }
}

impl Sessions {
    pub fn new(closing: CancellationToken) -> Sessions {
        let mut local = LocalSessionManager::default();
        local.session_config.keep_alive = None;
        Sessions { local, open: Mutex::default(), closing }
    }

    /// The session that a request is of; `None` where it is of none, or of one that is over, as rmcp will say.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub fn of(&self, headers: &HeaderMap) -> Result<Option<Arc<OpenSession>>, NoPlace> {
        if let Some(id) = headers.get(SESSION_HEADER).and_then(|id| id.to_str().ok()) {
            let session = self.open().get(id).cloned();
            return if session.as_ref().is_some_and(|session| session.is_full()) { Err(NoPlace::Requests) } else { Ok(session) };
        }
        let begins_one = headers.get(VERSION_HEADER).is_none_or(|version| version.as_bytes() < WITHOUT_SESSIONS.as_bytes());
        let is_full = begins_one && self.open().len() >= SESSIONS_MAX && self.idle(Duration::ZERO).is_empty();
        if is_full { Err(NoPlace::Sessions) } else { Ok(None) }
    }

    /// Those that nobody has used for so long, the longest first.
    fn idle(&self, least: Duration) -> Vec<SessionId> {
        let open = self.open();
        let idle = open.iter().filter_map(|(id, session)| Some((session.idle().filter(|idle| *idle >= least)?, id.clone())));
        let mut idle: Vec<_> = idle.collect();
        idle.sort_by_key(|(idle, _)| Reverse(*idle));
        idle.into_iter().map(|(_, id)| id).collect()
    }

    async fn end(&self, id: &SessionId) {
        if let Err(error) = self.close_session(id).await {
            tracing::debug!(%error, "a session did not end as it should");
        }
    }

    fn open_stream(&self, id: &SessionId) -> Option<SessionStream> {
        Some(self.open().get(id)?.open_stream())
    }

    /// A panic elsewhere leaves it whole: each change is one insert or remove.
    fn open(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<OpenSession>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What only listens ends when all does.
    fn listening(
        &self,
        id: &SessionId,
        stream: impl Stream<Item = ServerSseMessage> + Send + Sync + 'static,
    ) -> impl Stream<Item = ServerSseMessage> + Send + Sync + 'static {
        let closing = self.closing.clone();
        held(self.open_stream(id), stream).take_until(async move { closing.cancelled().await })
    }
}

/// `stream`, which holds its place for as long as it is there.
fn held(
    place: Option<SessionStream>,
    stream: impl Stream<Item = ServerSseMessage> + Send + Sync + 'static,
) -> impl Stream<Item = ServerSseMessage> + Send + Sync + 'static {
    stream.inspect(move |_| place.iter().for_each(SessionStream::touch))
}

impl SessionManager for Sessions {
    type Error = LocalSessionManagerError;
    type Transport = CountedTransport<<LocalSessionManager as SessionManager>::Transport>;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        if self.open().len() >= SESSIONS_MAX
            && let Some(longest) = self.idle(Duration::ZERO).first()
        {
            self.end(longest).await;
        }
        let (id, inner) = self.local.create_session().await?;
        let session = Arc::new(OpenSession::new());
        self.open().insert(id.clone(), Arc::clone(&session));
        Ok((id, CountedTransport { inner, session }))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.local.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.local.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.open().remove(id);
        self.local.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        Ok(held(self.open_stream(id), self.local.create_stream(id, message).await?))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.local.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        Ok(self.listening(id, self.local.create_standalone_stream(id).await?))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        Ok(self.listening(id, self.local.resume(id, last_event_id).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_nobody_uses_is_idle_and_goes_first() {
        let sessions = Sessions::new(CancellationToken::new());
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(sessions.create_session().await.expect("a session").0);
        }
        assert_eq!(sessions.idle(Duration::ZERO).len(), 3);
        assert_eq!(sessions.idle(IDLE), []);
        let held = sessions.open_stream(&ids[0]);
        assert_eq!(sessions.idle(Duration::ZERO), ids[1..]);
        drop(held);
        assert_eq!(sessions.idle(Duration::ZERO), [&ids[1..], &ids[..1]].concat(), "it was used last");
        sessions.end(&ids[1]).await;
        assert_eq!(sessions.idle(Duration::ZERO).len(), 2);
        assert!(!sessions.has_session(&ids[1]).await.expect("no error"));
    }

    #[tokio::test]
    async fn where_all_are_in_use_nobody_begins_another_one() {
        let sessions = Sessions::new(CancellationToken::new());
        let mut held = Vec::new();
        for _ in 0..SESSIONS_MAX {
            let (id, _) = sessions.create_session().await.expect("a session");
            held.push(sessions.open_stream(&id).expect("open"));
        }
        let of_version = |version: &str| HeaderMap::from_iter([(VERSION_HEADER.parse().unwrap(), version.parse().unwrap())]);
        let begins = |headers: &HeaderMap| sessions.of(headers).map(drop);
        assert_eq!(begins(&HeaderMap::new()), Err(NoPlace::Sessions));
        assert_eq!(begins(&of_version("2025-11-25")), Err(NoPlace::Sessions));
        assert_eq!(begins(&of_version("2026-07-28")), Ok(()), "it has no sessions");
        held.pop();
        assert_eq!(begins(&HeaderMap::new()), Ok(()));
        sessions.create_session().await.expect("in the place of the one that is idle");
        assert_eq!(sessions.open().len(), SESSIONS_MAX);
    }
}
