//! What a client sends, and the moment at which it ends.
//!
//! When input ends, a token tells everyone who waits: rmcp itself would wait seconds for handlers that still run, and a
//! watching client always has one.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::CancellationToken;

pub(super) struct ClientInput<R> {
    reader: R,
    ended: CancellationToken,
}

impl<R> ClientInput<R> {
    /// `ended` is cancelled when input ends.
    pub fn new(reader: R, ended: CancellationToken) -> ClientInput<R> {
        ClientInput { reader, ended }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for ClientInput<R> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.reader).poll_read(context, buffer);
        if polled.is_ready() && buffer.filled().len() == before {
            self.ended.cancel();
        }
        polled
    }
}
