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

pub(super) struct Input<R> {
    reader: R,
    ended: CancellationToken,
    /// The last line has no end yet.
    in_line: bool,
}

impl<R> Input<R> {
    /// `ended` is cancelled when input ends.
    pub fn new(reader: R, ended: CancellationToken) -> Input<R> {
        Input { reader, ended, in_line: false }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Input<R> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.reader).poll_read(context, buffer);
        if polled.is_ready() {
            match buffer.filled()[before..].last() {
                Some(&last) => self.in_line = last != b'\n',
                // rmcp drops a last line without a newline; a script that sends one still wants its answer.
                None if self.in_line && buffer.remaining() > 0 => {
                    self.in_line = false;
                    buffer.put_slice(b"\n");
                }
                None => self.ended.cancel(),
            }
        }
        polled
    }
}
