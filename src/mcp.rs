//! The MCP server: what agents and editors ask of the history, over standard input and output, any other stream, or HTTP.
//!
//! Speaks both eras of the protocol on one connection: the handshake up to 2025-11-25 and the self-contained requests of
//! 2026-07-28. Promises: every call is answered, also one that panics; no answer is longer than clients take; a client
//! that stops reading holds up nobody but itself; the end of input ends every wait at once. Only this room knows rmcp.

mod address;
mod arguments;
mod batch;
mod board;
mod budget;
mod caller;
mod client_gone;
mod coders_cursor;
mod context;
mod cursor;
mod detail;
mod events;
mod http;
mod input;
mod line;
mod naming;
mod notices;
mod open_requests;
mod progress;
mod prompts;
mod ranked;
mod resources;
mod server;
mod skill;
mod stdio;
#[cfg(test)]
mod tests;
mod told_coder;
mod told_events;
mod tool_error;
mod tool_result;
mod tools;
mod transport;
mod unclear;
mod untrusted;

use std::time::Duration;

use rmcp::{ServiceExt, service::ServerInitializeError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::{
    bus::Bus,
    signals::{self, Signals},
};

use self::{
    context::{ClientWay, ServeContext},
    input::ClientInput,
    open_requests::OpenRequests,
    server::Server,
    transport::LineTransport,
};

pub use self::http::{HTTP_BOUNDS, HTTP_PATH, HttpServer};

/// How long answers under way may take once the conversation ends. rmcp itself gives them five seconds, but then waits for
/// a client that does not read as long as it likes.
const FAREWELL: Duration = Duration::from_secs(6);
/// The same after a signal: whoever sent it wants the process gone, and kills it next.
const FAREWELL_AT_SIGNAL: Duration = Duration::from_secs(1);

/// How the server behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServeOptions {
    /// Offers no tool that writes.
    pub read_only: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    #[error("the client did not begin with a request of the protocol")]
    Handshake(#[source] Box<ServerInitializeError>),
    #[error("the protocol's loop failed")]
    Loop(#[source] tokio::task::JoinError),
}

/// Serves the client at the other end of standard input and output, until it goes away, be it without a word, or a signal comes.
///
/// Must run in a tokio runtime with I/O and time; a current-thread one keeps answers in order. Where standard input is
/// neither pipe nor socket, a blocking read may outlive this: shut the runtime down in the background.
///
/// # Errors
/// [`ServeError`]; a client that goes away, at whatever point, is a success.
pub async fn serve(bus: Bus, options: ServeOptions) -> Result<(), ServeError> {
    let mut signals = Signals::listen(&[signals::TERMINATE, signals::INTERRUPT, signals::HANGUP]).map_err(ServeError::Signals)?;
    let ends = Ends::default();
    let served = {
        let (input, output) = stdio::open();
        let serving = converse(bus.clone(), options, &ends, input, output);
        tokio::pin!(serving);
        let called_off = async {
            tokio::select! {
                _ = signals.next() => {}
                () = client_gone::wait() => tracing::debug!("the client is gone"),
            }
        };
        tokio::select! {
            served = &mut serving => served,
            () = called_off => {
                ends.closing.cancel();
                ends.stopping.cancel();
                serving.await
            }
        }
    };
    bus.shutdown().await;
    served
}

/// Serves one client over any two streams, until `input` ends; the bus stays open for others.
///
/// Must run in a tokio runtime with time.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// use ai_coder_events::{bus::Bus, history::Options, mcp::{ServeOptions, serve_streams}};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let bus = Bus::new(Options::new(folder.path().join("history.db")));
/// let (mut client, server) = tokio::io::duplex(1 << 16);
/// let (input, output) = tokio::io::split(server);
/// client.write_all(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).await.unwrap();
/// client.shutdown().await.unwrap();
///
/// serve_streams(bus, ServeOptions::default(), input, output).await.unwrap();
/// let mut answer = String::new();
/// client.read_to_string(&mut answer).await.unwrap();
/// assert_eq!(answer, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
/// # });
/// ```
///
/// # Errors
/// As [`serve`].
pub async fn serve_streams<R, W>(bus: Bus, options: ServeOptions, input: R, output: W) -> Result<(), ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    converse(bus, options, &Ends::default(), input, output).await
}

/// The two ways in which a conversation ends.
#[derive(Default)]
struct Ends {
    /// At the end of input and at a signal: whoever waits answers now.
    closing: CancellationToken,
    /// At a signal: no more input is read. At the end of input rmcp still answers what it has read.
    stopping: CancellationToken,
}

async fn converse<R, W>(bus: Bus, options: ServeOptions, ends: &Ends, input: R, output: W) -> Result<(), ServeError>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let open_requests = OpenRequests::default();
    let transport = LineTransport::new(ClientInput::new(input, ends.closing.clone()), output, open_requests.clone());
    let server = Server::new(ServeContext::new(bus, options, ClientWay::Stream, ends.closing.clone(), open_requests));
    match server.serve_with_ct(transport, ends.stopping.clone()).await {
        Ok(running) => {
            let overdue = async {
                ends.closing.cancelled().await;
                let signalled = async {
                    ends.stopping.cancelled().await;
                    tokio::time::sleep(FAREWELL_AT_SIGNAL).await;
                };
                tokio::select! {
                    () = tokio::time::sleep(FAREWELL) => {}
                    () = signalled => {}
                }
            };
            tokio::select! {
                ended = running.waiting() => ended.map(drop).map_err(ServeError::Loop),
                () = overdue => {
                    tracing::warn!("the client did not take its last answers");
                    Ok(())
                }
            }
        }
        Err(
            ServerInitializeError::ConnectionClosed(_)
            | ServerInitializeError::Cancelled
            | ServerInitializeError::TransportError { .. },
        ) => Ok(()),
        Err(error) => Err(ServeError::Handshake(Box::new(error))),
    }
}
