//! How many may be connected at a time, and for how long without a word: nobody holds a place that others wait for.

use std::{
    future::Future,
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep},
};

use super::neighbour::is_another_users;

/// What a port allows its guests.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionBounds {
    /// Those beyond wait in the system's queue.
    pub connections_max: usize,
    /// How long nothing may be read or written.
    pub idle: Duration,
    /// A request is read within this, head and body, and the first of its answer written: whoever sends it byte by byte holds a
    /// place no longer.
    pub answered: Duration,
    /// Whether it matters whose they are.
    pub asks_whose: bool,
}

impl ConnectionBounds {
    /// What both of two guests of one port need.
    #[must_use]
    pub fn and(self, other: ConnectionBounds) -> ConnectionBounds {
        ConnectionBounds {
            connections_max: self.connections_max + other.connections_max,
            idle: self.idle.max(other.idle),
            answered: self.answered.max(other.answered),
            asks_whose: self.asks_whose || other.asks_whose,
        }
    }
}

pub(super) struct Connections {
    listener: TcpListener,
    room: Arc<Semaphore>,
    bounds: ConnectionBounds,
}

impl Connections {
    pub fn new(listener: TcpListener, bounds: ConnectionBounds) -> Connections {
        Connections { listener, room: Arc::new(Semaphore::new(bounds.connections_max)), bounds }
    }
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Another user of this machine.
    pub is_stranger: bool,
}

impl Connected<IncomingStream<'_, Connections>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Peer {
        stream.io().peer
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let place = Arc::clone(&self.room).acquire_owned().await.expect("nobody closes the semaphore");
        // Waits where the system has no handles left, rather than failing.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let ConnectionBounds { idle, answered, asks_whose, .. } = self.bounds;
        let is_stranger = asks_whose && stream.local_addr().is_ok_and(|own| is_another_users(address, own));
        let silent = Box::pin(tokio::time::sleep(idle));
        let peer = Peer { is_stranger };
        (Connection { stream, silent, idle, asked: None, answered, peer, _place: place }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends where nothing was read or written for too long, or a request takes too long to be answered.
pub(super) struct Connection {
    stream: TcpStream,
    silent: Pin<Box<Sleep>>,
    idle: Duration,
    /// When a request began that nothing was answered to.
    asked: Option<Instant>,
    answered: Duration,
    peer: Peer,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    fn heard(&mut self) {
        let until = Instant::now() + self.idle;
        let until = self.asked.map_or(until, |asked| until.min(asked + self.answered));
        self.silent.as_mut().reset(until);
    }

    /// Where there is nothing to do: is it for too long?
    fn poll_silence<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.silent.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "nothing was sent for too long")))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match pin!(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending => self.poll_silence(context),
            done => {
                self.asked.get_or_insert_with(Instant::now);
                self.heard();
                done
            }
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match pin!(&mut self.stream).poll_write(context, bytes) {
            Poll::Pending => self.poll_silence(context),
            done => {
                self.asked = None;
                self.heard();
                done
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        pin!(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn bounds(connections_max: usize, idle: Duration) -> ConnectionBounds {
        ConnectionBounds { connections_max, idle, answered: Duration::from_secs(30), asks_whose: false }
    }

    #[tokio::test]
    async fn who_sends_a_request_byte_by_byte_makes_room() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bounds = ConnectionBounds { answered: Duration::from_millis(300), ..bounds(1, Duration::from_secs(60)) };
        let connections = Connections::new(listener, bounds);
        let app = axum::Router::new().route("/", axum::routing::get(async || "here"));
        let serving = tokio::spawn(axum::serve(connections, app).into_future());
        let mut slow = TcpStream::connect(address).await.unwrap();
        // One answered in time leaves it as it was.
        slow.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut some = [0; 12];
        slow.read_exact(&mut some).await.unwrap();
        assert_eq!(&some, b"HTTP/1.1 200");
        let dripping = async {
            while slow.write_all(b"G").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), dripping).await.expect("it is cut off");
        serving.abort();
    }

    #[tokio::test]
    async fn who_says_nothing_makes_room() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Connections::new(listener, bounds(2, Duration::from_millis(50)));
        let app = axum::Router::new().route("/", axum::routing::get(async || "here"));
        let serving = tokio::spawn(axum::serve(connections, app).into_future());
        let mut silent = Vec::new();
        for _ in 0..2 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        // In the system's queue until the others are cut off.
        let mut third = TcpStream::connect(address).await.unwrap();
        third.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(Duration::from_secs(30), third.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"), "{answer}");
        let mut rest = [0; 1];
        assert_eq!(silent[0].read(&mut rest).await.unwrap(), 0, "it was cut off");
        serving.abort();
    }
}
