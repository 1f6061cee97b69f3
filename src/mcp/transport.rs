//! What passes between the client and rmcp, line by line.
//!
//! rmcp gives up on a client that sends anything but requests before the conversation has begun, leaves requests it cannot
//! read without an answer, takes in however many requests a client sends and answers a client leaves unread, and lets go
//! of handlers that still have something to send when input ends. Here what is no request is passed over until then, every
//! request is answered where its id can be read, a client that asks faster than it is answered, or does not take its
//! answers, is not read from until that is made up for, and the end of input is told once every request has its answer.

use std::{
    collections::VecDeque,
    future, io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rmcp::{
    ErrorData, RoleServer,
    model::{ClientNotification, JsonRpcError, JsonRpcMessage, RequestId, ServerResult},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    sync::{Mutex, Notify},
};

use crate::text::LineSplitter;

use super::{
    batch::{self, Batches},
    input::ClientInput,
    line::{self, Incoming, LINE_BYTES_MAX},
    open_requests::OpenRequests,
    tool_result,
};

/// How much may wait to be read by the client: thousands of short answers, so that a client may write all its requests
/// before it reads, and yet a bound on memory.
const UNREAD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What an answer takes beside its text until it is written: the task that writes it.
const ANSWER_BYTES: usize = 4 * 1024;

pub(super) struct LineTransport<R, W> {
    input: BufReader<ClientInput<R>>,
    output: Arc<Mutex<Option<W>>>,
    /// What there is of the present line: a `receive` that is given up is taken up by the next one.
    line: LineSplitter,
    begun: bool,
    /// Nothing more can be read.
    ended: bool,
    open_requests: OpenRequests,
    unread: Arc<Unread>,
    /// What is left of a list, each with its length.
    listed: VecDeque<(usize, Incoming)>,
    /// Lists are read as such, and answered by lists.
    takes_lists: bool,
    batches: Batches,
}

/// What was answered but is not written yet.
#[derive(Default)]
struct Unread {
    bytes: AtomicUsize,
    written: Notify,
}

/// One message that waits to be written; dropped, it does so no more.
struct UnreadMessage {
    unread: Arc<Unread>,
    bytes: usize,
}

impl<R, W> LineTransport<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    pub fn new(input: ClientInput<R>, output: W, open_requests: OpenRequests) -> LineTransport<R, W> {
        LineTransport {
            input: BufReader::new(input),
            output: Arc::new(Mutex::new(Some(output))),
            line: LineSplitter::new(LINE_BYTES_MAX, 0),
            begun: false,
            ended: false,
            open_requests,
            unread: Arc::default(),
            listed: VecDeque::new(),
            takes_lists: false,
            batches: Batches::default(),
        }
    }

    /// The next line and its length; `None` at the end of input. Cancel-safe: between taking bytes and keeping them nothing waits.
    async fn next_line(&mut self) -> io::Result<Option<(usize, Incoming)>> {
        loop {
            let chunk = self.input.fill_buf().await?;
            let (is_end, was_whole) = (chunk.is_empty(), self.line.line().is_whole);
            let taken = self.line.take(chunk);
            self.input.consume(taken);
            let line = self.line.line();
            if was_whole && !line.is_whole {
                // Its sender may wait for the answer before it ends the line; the rest is passed over.
                return Ok(Some((0, line::too_long())));
            }
            // A script may leave out the last newline, and still wants its answer.
            if line.is_ended || is_end {
                let reads = if self.takes_lists { line::read_lists } else { line::read };
                let read = (line.is_whole && line.bytes > 0).then(|| (line.text.len(), reads(line.text)));
                self.line.clear();
                if is_end || read.is_some() {
                    return Ok(read);
                }
            }
        }
    }

    /// Answers in place of rmcp.
    fn refuse(&mut self, id: Option<RequestId>, why: ErrorData) {
        send_aside(self.write(&JsonRpcMessage::error(why, id)));
    }

    /// What comes of a list comes one by one.
    fn take_list(&mut self, bytes: usize, list: Vec<Incoming>) {
        let asks = |message: &Incoming| match message {
            Incoming::Message(message) => match &**message {
                JsonRpcMessage::Request(request) => Some(request.id.clone()),
                _ => None,
            },
            Incoming::Refused(id, _) => id.clone(),
            Incoming::List(_) | Incoming::Nothing => None,
        };
        self.batches.begin(list.iter().filter_map(asks).collect());
        let each = bytes / list.len().max(1);
        self.listed.extend(list.into_iter().map(|message| (each, message)));
    }

    fn write(
        &mut self,
        message: &TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static + use<R, W> {
        let text = tool_result::line(message).map(|line| self.batches.pass(message, line));
        self.write_text(text)
    }

    /// `None` where there is nothing to write yet.
    fn write_text(
        &self,
        text: serde_json::Result<Option<Vec<u8>>>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static + use<R, W> {
        let output = self.output.clone();
        let bytes = text.as_ref().ok().and_then(|text| text.as_ref().map(Vec::len));
        let waiting = UnreadMessage::new(&self.unread, ANSWER_BYTES + bytes.unwrap_or(0));
        async move {
            let Some(text) = text? else { return Ok(()) };
            let mut output = output.lock().await;
            let Some(output) = &mut *output else { return Err(io::ErrorKind::NotConnected.into()) };
            output.write_all(&text).await?;
            let written = output.flush().await;
            drop(waiting);
            written
        }
    }

    /// What rmcp is to see of a message.
    fn admit(&mut self, bytes: usize, message: RxJsonRpcMessage<RoleServer>) -> Option<RxJsonRpcMessage<RoleServer>> {
        match &message {
            JsonRpcMessage::Request(request) => {
                if !self.open_requests.begin(&request.id, bytes) {
                    let why = ErrorData::invalid_request("another request with this id is not answered yet", None);
                    self.refuse(Some(request.id.clone()), why);
                    return None;
                }
                Some(message)
            }
            _ if !self.begun => None,
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    // What is cancelled has no answer.
                    self.open_requests.end(id);
                    let rest = self.batches.forgive(id);
                    let sending = self.write_text(Ok(rest));
                    send_aside(sending);
                }
                Some(message)
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => Some(message),
        }
    }
}

impl<R, W> Transport<RoleServer> for LineTransport<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(&mut self, message: TxJsonRpcMessage<RoleServer>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let sending = self.write(&message);
        match &message {
            JsonRpcMessage::Response(response) => {
                if let ServerResult::InitializeResult(hello) = &response.result {
                    self.begun = true;
                    self.takes_lists = hello.protocol_version.as_str() == batch::VERSION;
                }
                self.open_requests.end(&response.id);
            }
            JsonRpcMessage::Error(JsonRpcError { id: Some(id), .. }) => self.open_requests.end(id),
            _ => {}
        }
        sending
    }

    /// Cancel-safe, as rmcp asks.
    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        // Until the conversation has begun, rmcp answers each request before it asks for the next message.
        self.begun |= !self.open_requests.is_empty();
        while !self.ended || !self.listed.is_empty() {
            while self.unread.bytes.load(Ordering::Acquire) > UNREAD_BYTES_MAX {
                self.unread.written.notified().await;
            }
            self.open_requests.room().await;
            let next = match self.listed.pop_front() {
                Some(listed) => Ok(Some(listed)),
                None => self.next_line().await,
            };
            match next {
                Ok(Some((bytes, Incoming::Message(message)))) => match self.admit(bytes, *message) {
                    Some(message) => return Some(message),
                    None => tracing::debug!("a message is passed over"),
                },
                Ok(Some((_, Incoming::Refused(id, why)))) => self.refuse(id, why),
                Ok(Some((bytes, Incoming::List(list)))) => self.take_list(bytes, list),
                Ok(Some((_, Incoming::Nothing))) => {}
                Ok(None) => self.ended = true,
                Err(error) => {
                    tracing::debug!(%error, "the input cannot be read any more");
                    self.ended = true;
                }
            }
        }
        if !self.open_requests.is_empty() {
            // rmcp drops this, sends an answer, and asks again.
            return future::pending().await;
        }
        None
    }

    async fn close(&mut self) -> io::Result<()> {
        drop(self.output.lock().await.take());
        Ok(())
    }
}

fn send_aside(sending: impl Future<Output = io::Result<()>> + Send + 'static) {
    tokio::spawn(async move {
        if let Err(error) = sending.await {
            tracing::debug!(%error, "an answer was not sent");
        }
    });
}

impl UnreadMessage {
    fn new(unread: &Arc<Unread>, bytes: usize) -> UnreadMessage {
        unread.bytes.fetch_add(bytes, Ordering::AcqRel);
        UnreadMessage { unread: unread.clone(), bytes }
    }
}

impl Drop for UnreadMessage {
    fn drop(&mut self) {
        self.unread.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.unread.written.notify_one();
    }
}
