//! What is known of one session: which of its requests are not answered yet, who listens, when it was last used.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use rmcp::{
    ErrorData, RoleServer,
    model::{ClientNotification, JsonRpcMessage, RequestId},
    service::RxJsonRpcMessage,
};
use tokio::time::{Duration, Instant};

use crate::mcp::open_requests::OpenRequests;

/// Requests that are not answered yet, calls that wait among them.
const OPEN_MAX: usize = 200;

pub(super) struct OpenSession {
    requests: OpenRequests,
    /// Answers on their way, and who listens.
    streams: AtomicUsize,
    used: Mutex<Instant>,
}

/// A stream of a session; while there is one, the session is in use.
pub(super) struct SessionStream(Arc<OpenSession>);

impl OpenSession {
    pub fn new() -> OpenSession {
        OpenSession { requests: OpenRequests::default(), streams: AtomicUsize::new(0), used: Mutex::new(Instant::now()) }
    }

    pub fn is_full(&self) -> bool {
        self.requests.len() >= OPEN_MAX
    }

    /// The id under which `message` is to be answered, if it is: it is open from here on.
    ///
    /// # Errors
    /// Which request is not taken, and why.
    pub fn begin(
        &self,
        message: &RxJsonRpcMessage<RoleServer>,
        bytes: usize,
    ) -> Result<Option<RequestId>, (RequestId, ErrorData)> {
        match message {
            JsonRpcMessage::Request(request) => {
                if self.requests.begin(&request.id, bytes) {
                    return Ok(Some(request.id.clone()));
                }
                let why = ErrorData::invalid_request("another request with this id is not answered yet", None);
                Err((request.id.clone(), why))
            }
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    // What is cancelled has no answer.
                    self.end(id);
                }
                Ok(None)
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => Ok(None),
        }
    }

    pub fn end(&self, id: &RequestId) {
        self.requests.end(id);
        self.touch();
    }

    pub fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub fn open_stream(self: &Arc<OpenSession>) -> SessionStream {
        self.streams.fetch_add(1, Ordering::AcqRel);
        SessionStream(Arc::clone(self))
    }

    /// For how long nobody has used it; `None` where somebody does.
    pub fn idle(&self) -> Option<Duration> {
        let is_used = self.streams.load(Ordering::Acquire) > 0 || !self.requests.is_empty();
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        (!is_used).then(|| used.elapsed())
    }
}

impl SessionStream {
    pub fn touch(&self) {
        self.0.touch();
    }
}

impl Drop for SessionStream {
    fn drop(&mut self) {
        self.0.touch();
        self.0.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_open_until_it_is_answered_or_cancelled() {
        let session = OpenSession::new();
        let begin = |message: serde_json::Value| session.begin(&serde_json::from_value(message).expect("a message"), 1);
        let ping = |id: usize| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
        let cancel = |id: usize| json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
        for id in 0..OPEN_MAX {
            assert!(!session.is_full());
            assert_eq!(begin(ping(id)), Ok(Some(RequestId::Number(id as i64))));
        }
        assert!(session.is_full() && session.idle().is_none());
        assert_eq!(begin(ping(7)).map_err(|(id, _)| id), Err(RequestId::Number(7)));
        assert_eq!(begin(cancel(7)), Ok(None));
        assert!(!session.is_full());
        assert!(begin(ping(7)).is_ok(), "its id is free again");
        (0..OPEN_MAX).for_each(|id| session.end(&RequestId::Number(id as i64)));
        assert!(session.idle().is_some());
        let stream = Arc::new(session);
        let held = stream.open_stream();
        assert!(stream.idle().is_none());
        drop(held);
        assert!(stream.idle().is_some());
    }
}
