//! Standard input and output as the protocol's transport: non-blocking where the parent gave pipes or sockets.
//!
//! Blocking standard streams cost a thread hand-off per message. rmcp serves pipes without it; Node-like parents hand
//! over socket pairs, which need a `UnixStream`.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use rmcp::transport::io::{StdioReader, StdioWriter, stdio_pipes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Must be called inside a runtime that drives I/O.
pub(super) fn open() -> (StdioInput, StdioOutput) {
    #[cfg(unix)]
    if let Some((input, output)) = sockets() {
        return (StdioInput::Socket(input), StdioOutput::Socket(output));
    }
    let (input, output) = stdio_pipes();
    (StdioInput::Stdio(input), StdioOutput::Stdio(output))
}

pub(super) enum StdioInput {
    Stdio(StdioReader),
    #[cfg(unix)]
    Socket(tokio::net::UnixStream),
}

pub(super) enum StdioOutput {
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

impl AsyncRead for StdioInput {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            StdioInput::Stdio(stream) => Pin::new(stream).poll_read(context, buffer),
            #[cfg(unix)]
            StdioInput::Socket(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for StdioOutput {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            StdioOutput::Stdio(stream) => Pin::new(stream).poll_write(context, bytes),
            #[cfg(unix)]
            StdioOutput::Socket(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            StdioOutput::Stdio(stream) => Pin::new(stream).poll_flush(context),
            #[cfg(unix)]
            StdioOutput::Socket(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            StdioOutput::Stdio(stream) => Pin::new(stream).poll_shutdown(context),
            #[cfg(unix)]
            StdioOutput::Socket(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
