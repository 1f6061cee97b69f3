//! What passes between the client and rmcp, message by message.
//!
//! rmcp gives up on a client whose first message is no request, and reads on however many answers a client leaves
//! unread. Here a stray message before the first request is passed over, and a client that does not take its answers is
//! not read from until it does.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rmcp::{
    RoleServer,
    model::{ContentBlock, JsonRpcMessage, ResourceContents, ServerResult},
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
        Conversation { stream: AsyncRwTransport::new(input, output), begun: false, unread: Arc::default() }
    }
}

impl<R, W> Transport<RoleServer> for Conversation<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(&mut self, message: TxJsonRpcMessage<RoleServer>) -> impl Future<Output = io::Result<()>> + Send + 'static {
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
        loop {
            while self.unread.bytes.load(Ordering::Acquire) > UNREAD_BYTES_MAX {
                self.unread.written.notified().await;
            }
            let message = self.stream.receive().await?;
            self.begun |= matches!(message, JsonRpcMessage::Request(_));
            if self.begun {
                return Some(message);
            }
            tracing::debug!("a message before the first request is passed over");
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
