//! What passes between the client and rmcp, message by message.
//!
//! rmcp gives up on a client that sends anything but requests before the conversation has begun, reads on however many
//! answers a client leaves unread, and lets go of handlers that still have something to send when input ends. Here what is
//! no request is passed over until then, a client that does not take its answers is not read from until it does, and the
//! end of input is told once every request has its answer.

use std::{
    collections::HashSet,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rmcp::{
    RoleServer,
    model::{ClientNotification, ContentBlock, JsonRpcMessage, RequestId, ResourceContents, ServerResult},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::{Transport, async_rw::AsyncRwTransport},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
};

use super::input::Input;

/// How much may wait to be read by the client: thousands of short answers, so that a client may write all its requests
/// before it reads, and yet a bound on memory.
const UNREAD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a short answer takes until it is written, its task included; measured with `tools/list`.
const ANSWER_BYTES: usize = 16 * 1024;
/// Structured content is a tree of the same JSON as the text beside it, and takes several times the room.
const TREE_BYTES_PER_BYTE: usize = 6;

pub(super) struct Conversation<R: AsyncRead + Unpin, W: AsyncWrite> {
    stream: AsyncRwTransport<RoleServer, Input<R>, W>,
    begun: bool,
    /// What rmcp was given and has not answered.
    unanswered: HashSet<RequestId>,
    /// Nothing more can be read.
    ended: bool,
    unread: Arc<Unread>,
}

/// What was answered but is not written yet.
#[derive(Default)]
struct Unread {
    bytes: AtomicUsize,
    written: Notify,
}

/// One message that waits to be written; dropped, it does so no more.
struct Waiting {
    unread: Arc<Unread>,
    bytes: usize,
}

impl<R, W> Conversation<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    pub fn new(input: Input<R>, output: W) -> Conversation<R, W> {
        let stream = AsyncRwTransport::new(input, output);
        Conversation { stream, begun: false, unanswered: HashSet::new(), ended: false, unread: Arc::default() }
    }
}

impl<R, W> Transport<RoleServer> for Conversation<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(&mut self, message: TxJsonRpcMessage<RoleServer>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let answered = match &message {
            JsonRpcMessage::Response(response) => {
                self.begun |= matches!(response.result, ServerResult::InitializeResult(_));
                Some(&response.id)
            }
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        if let Some(id) = answered {
            self.unanswered.remove(id);
        }
        let waiting = Waiting::new(&self.unread, weight(&message));
        let send = self.stream.send(message);
        async move {
            let sent = send.await;
            drop(waiting);
            sent
        }
    }

    /// Cancel-safe, as rmcp asks.
    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        // Until the conversation has begun, rmcp answers each request before it asks for the next message.
        self.begun |= !self.unanswered.is_empty();
        loop {
            while self.unread.bytes.load(Ordering::Acquire) > UNREAD_BYTES_MAX {
                self.unread.written.notified().await;
            }
            let message = if self.ended { None } else { self.stream.receive().await };
            match &message {
                None if self.unanswered.is_empty() => return None,
                None => {
                    self.ended = true;
                    // rmcp drops this, sends an answer, and asks again.
                    return std::future::pending().await;
                }
                Some(JsonRpcMessage::Request(request)) => {
                    self.unanswered.insert(request.id.clone());
                }
                Some(_) if !self.begun => {
                    tracing::debug!("a message before the conversation has begun is passed over");
                    continue;
                }
                Some(JsonRpcMessage::Notification(notification)) => {
                    // What is cancelled has no answer.
                    if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                        && let Some(id) = &cancelled.params.request_id
                    {
                        self.unanswered.remove(id);
                    }
                }
                Some(_) => {}
            }
            return message;
        }
    }

    fn close(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        self.stream.close()
    }
}

impl Waiting {
    fn new(unread: &Arc<Unread>, bytes: usize) -> Waiting {
        unread.bytes.fetch_add(bytes, Ordering::AcqRel);
        Waiting { unread: unread.clone(), bytes }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.unread.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.unread.written.notify_one();
    }
}

/// About how much memory `message` takes until it is written.
fn weight(message: &TxJsonRpcMessage<RoleServer>) -> usize {
    let texts = match message {
        JsonRpcMessage::Response(response) => match &response.result {
            ServerResult::CallToolResult(result) => {
                let text = |block: &ContentBlock| block.as_text().map_or(0, |text| text.text.len());
                result.content.iter().map(text).sum::<usize>() * TREE_BYTES_PER_BYTE
            }
            ServerResult::ReadResourceResult(result) => {
                let text = |contents: &ResourceContents| match contents {
                    ResourceContents::TextResourceContents { text, .. } => text.len(),
                    _ => 0,
                };
                result.contents.iter().map(text).sum()
            }
            _ => 0,
        },
        _ => 0,
    };
    ANSWER_BYTES + texts
}
