//! OTLP over HTTP in: what agents export becomes events.
//!
//! ```text
//! request ─▶ access: Host, Origin, token ─▶ room: a place, or 503 ─▶ body: bounded, unpacked ─▶ records ─▶ drafts
//!         ◀─ 200 with what was rejected of it ◀─ bus: one transaction an export ◀─────────────────────────┘
//! ```
//!
//! It promises: a 200 comes after the commit; what cannot be taken now is answered with 503 and `Retry-After`, so that the
//! exporter sends it again and nothing is lost; what cannot be understood is kept as a rejection and told; no browser and,
//! beyond this machine, nobody without the token gets in; what is held in memory is bounded.
//! It refuses to know what a record means: that is [`source`](crate::source)'s to say.

mod access;
mod answer;
mod body;
mod connections;
mod export;
mod fields;
mod found_record;
mod json;
mod neighbour;
mod producer;
mod records;
mod requests;
mod signal;
mod tally;
#[cfg(test)]
mod tests;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;

use crate::{bus::Bus, history::Entry};

use access::AccessRules;
use connections::{CONNECTIONS_MAX, Connections, IDLE, Peer};
pub use {
    access::Token,
    answer::{Encoding, RefusedRequest},
    body::Packing,
    signal::Signal,
    tally::ExportTally,
};

/// How long requests in work may take to end once they should: their exporters send again what was not answered.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why nothing can be received.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Whoever reaches the address could write the history.
    #[error("`{address}` can be reached from other machines: set a token, or listen on 127.0.0.1")]
    Open { address: SocketAddr },
    #[error("failed to listen on `{address}`: choose another address, or end the program that has it")]
    Listen { address: SocketAddr, source: io::Error },
}

/// What the body of a request says, without a request: what a [`Receiver`] publishes for it.
///
/// ```
/// use ai_coder_events::collect::{Encoding, Packing, Signal, understand};
///
/// assert_eq!(understand(Signal::Logs, Encoding::Json, Packing::Plain, b"{}".into()), Ok(vec![]));
/// let refused = understand(Signal::Logs, Encoding::Json, Packing::Plain, b"[]".into()).unwrap_err();
/// assert_eq!(refused.to_string(), "the body is no OTLP in JSON");
/// ```
///
/// # Errors
/// [`RefusedRequest`] where it is no export, or too large once unpacked.
pub fn understand(signal: Signal, encoding: Encoding, packing: Packing, body: Vec<u8>) -> Result<Vec<Entry>, RefusedRequest> {
    let mut entries = Vec::new();
    let mut take = |export: export::Export| {
        entries.extend(export.entries);
        true
    };
    requests::read(signal, encoding, packing, body, &mut take).map_err(|(refused, _)| refused)?;
    Ok(entries)
}

/// A receiver that listens already, and answers once it [serves](Receiver::serve).
#[derive(Debug)]
pub struct Receiver {
    listener: TcpListener,
    address: SocketAddr,
    access: AccessRules,
    tally: Arc<ExportTally>,
}

impl Receiver {
    /// Port 0 takes any that is free. On loopback without a token other users of the machine are kept out, where the system tells
    /// whose a connection is.
    ///
    /// # Errors
    /// Where other machines reach the address and no token keeps them out, and where the address is taken.
    pub async fn bind(address: SocketAddr, token: Option<Token>) -> Result<Receiver, Error> {
        let is_local = address.ip().to_canonical().is_loopback();
        if !is_local && token.is_none() {
            return Err(Error::Open { address });
        }
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Receiver {
            listener,
            address,
            access: AccessRules { token, is_local, secret: None, is_open: false },
            tally: Arc::default(),
        })
    }

    /// Lets other users of this machine in, where no token keeps them out: they may then write this history.
    #[must_use]
    pub fn open(mut self) -> Receiver {
        self.access.is_open = true;
        self
    }

    /// The keeper's: on a port that listens already, under a path that only who knows `secret` finds. It takes logs; agents that
    /// cannot leave out their metrics and traces are answered that all is well.
    ///
    /// # Errors
    /// Where it is no listener of ours.
    pub fn of_listener(listener: std::net::TcpListener, secret: Token, tally: Arc<ExportTally>) -> io::Result<Receiver> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        Ok(Receiver {
            listener,
            address,
            access: AccessRules { token: None, is_local: true, secret: Some(secret), is_open: false },
            tally,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `ended`, and then finishes those in work.
    ///
    /// # Errors
    /// Where the listener fails.
    pub async fn serve(self, bus: Bus, ended: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let (ending, mut overdue) = tokio::sync::watch::channel(());
        let ended = async move {
            ended.await;
            drop(ending);
        };
        let overdue = async move {
            while overdue.changed().await.is_ok() {}
            tokio::time::sleep(FAREWELL).await;
        };
        let asks_whose = self.access.is_local && self.access.asks_whose();
        let app = requests::router(bus, Arc::new(self.access), self.tally).into_make_service_with_connect_info::<Peer>();
        let connections = Connections::new(self.listener, CONNECTIONS_MAX, IDLE, asks_whose);
        tokio::select! {
            served = axum::serve(connections, app).with_graceful_shutdown(ended).into_future() => served,
            () = overdue => Ok(()),
        }
    }
}
