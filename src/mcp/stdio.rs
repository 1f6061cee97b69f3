//! Standard input and output as the protocol's transport: non-blocking where the parent gave pipes or sockets.
//!
//! Blocking standard streams cost a thread hand-off per message. rmcp serves pipes without it; Node-like parents hand
//! over socket pairs, which need a `UnixStream`. When input ends, a token tells everyone who waits: rmcp itself would
//! wait seconds for handlers that still run, and a watching client always has one.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use rmcp::transport::io::{StdioReader, StdioWriter, stdio_pipes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

/// Must be called inside a runtime that drives I/O. `ended` is cancelled when input ends.
pub(super) fn open(ended: CancellationToken) -> (Input, Output) {
    #[cfg(unix)]
    if let Some((input, output)) = sockets() {
        return (Input::new(Reader::Socket(input), ended), Output::Socket(output));
    }
    let (input, output) = stdio_pipes();
    (Input::new(Reader::Stdio(input), ended), Output::Stdio(output))
}

pub(super) struct Input {
    reader: Reader,
    ended: CancellationToken,
}

impl Input {
    fn new(reader: Reader, ended: CancellationToken) -> Input {
        Input { reader, ended }
    }
}

enum Reader {
    Stdio(StdioReader),
    #[cfg(unix)]
    Socket(tokio::net::UnixStream),
}

pub(super) enum Output {
    Stdio(StdioWriter),
    #[cfg(unix)]
    Socket(tokio::net::UnixStream),
}

/// Both standard streams as sockets; `None` where one of them is none.
#[cfg(unix)]
fn sockets() -> Option<(tokio::net::UnixStream, tokio::net::UnixStream)> {
    use std::os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{fs::FileTypeExt, net::UnixStream},
    };
    let socket = |stream: BorrowedFd<'_>| {
        let file = std::fs::File::from(stream.try_clone_to_owned().ok()?);
        if !file.metadata().ok()?.file_type().is_socket() {
            return None;
        }
        let socket = UnixStream::from(OwnedFd::from(file));
        socket.set_nonblocking(true).ok()?;
        tokio::net::UnixStream::from_std(socket).ok()
    };
    Some((socket(io::stdin().as_fd())?, socket(io::stdout().as_fd())?))
}

impl AsyncRead for Input {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = match &mut self.reader {
            Reader::Stdio(stream) => Pin::new(stream).poll_read(context, buffer),
            #[cfg(unix)]
            Reader::Socket(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        if polled.is_ready() && buffer.filled().len() == before {
            self.ended.cancel();
        }
        polled
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Output::Stdio(stream) => Pin::new(stream).poll_write(context, bytes),
            #[cfg(unix)]
            Output::Socket(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Output::Stdio(stream) => Pin::new(stream).poll_flush(context),
            #[cfg(unix)]
            Output::Socket(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Output::Stdio(stream) => Pin::new(stream).poll_shutdown(context),
            #[cfg(unix)]
            Output::Socket(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
