//! OTLP over HTTP in: what agents export becomes events.
//!
//! ```text
//! request ─▶ http: Host, Origin, token ─▶ room: a place, or 503 ─▶ body: bounded, unpacked ─▶ records ─▶ drafts
//!         ◀─ 200 with what was rejected of it ◀─ bus: one transaction an export ◀─────────────────────────┘
//! ```
//!
//! It promises: a 200 comes after the commit; what cannot be taken now is answered with 503 and `Retry-After`, so that the
//! exporter sends it again and nothing is lost; what cannot be understood is kept as a rejection and told; no browser and,
//! beyond this machine, nobody without the token gets in; what is held in memory is bounded.
//! It refuses to know what a record means: that is [`source`](crate::source)'s to say.

mod answer;
mod body;
mod export;
mod fields;
mod found_record;
mod json;
mod producer;
mod records;
mod requests;
mod signal;
mod tally;
#[cfg(test)]
mod tests;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;

use crate::{
    bus::Bus,
    history::Entry,
    http::{AccessRules, ConnectionBounds, HostRule, HttpPort, is_local},
};

pub use crate::http::{Error, Token};
pub use {
    answer::{Encoding, RefusedRequest},
    body::Packing,
    signal::Signal,
    tally::ExportTally,
};

/// Exporters hold one connection each, send every few seconds to a minute, and connect again where they were cut off. A body alone
/// has ten seconds, and its answer five.
const BOUNDS: ConnectionBounds = ConnectionBounds {
    connections_max: 128,
    idle: Duration::from_secs(90),
    answered: Duration::from_secs(30),
    asks_whose: false,
};

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
    port: HttpPort,
    access: AccessRules,
    tally: Arc<ExportTally>,
    beside: Option<(Router, ConnectionBounds)>,
}

impl Receiver {
    /// Port 0 takes any that is free. On loopback without a token other users of the machine are kept out, where the system tells
    /// whose a connection is.
    ///
    /// # Errors
    /// Where other machines reach the address and no token keeps them out, and where the address is taken.
    pub async fn bind(address: SocketAddr, token: Option<Token>) -> Result<Receiver, Error> {
        let hosts = if is_local(address) { HostRule::Loopback } else { HostRule::Any };
        if hosts == HostRule::Any && token.is_none() {
            return Err(Error::Open { address });
        }
        Ok(Receiver {
            port: HttpPort::bind(address).await?,
            access: AccessRules { token, hosts, secret: None, is_open: false },
            tally: Arc::default(),
            beside: None,
        })
    }

    /// Lets other users of this machine in, where no token keeps them out: they may then write this history.
    #[must_use]
    pub fn open(mut self) -> Receiver {
        self.access.is_open = true;
        self
    }

    /// Another guest of the same port, which says itself whom it lets in.
    #[must_use]
    pub fn beside(mut self, routes: Router, bounds: ConnectionBounds) -> Receiver {
        self.beside = Some((routes, bounds));
        self
    }

    /// The keeper's: on a port that listens already, under a path that only who knows `secret` finds. It takes logs; agents that
    /// cannot leave out their metrics and traces are answered that all is well.
    ///
    /// # Errors
    /// Where it is no listener of ours.
    pub fn of_listener(listener: std::net::TcpListener, secret: Token, tally: Arc<ExportTally>) -> io::Result<Receiver> {
        let access = AccessRules { token: None, hosts: HostRule::Loopback, secret: Some(secret), is_open: false };
        Ok(Receiver { port: HttpPort::of_listener(listener)?, access, tally, beside: None })
    }

    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Answers requests until `ended`, and then finishes those in work.
    ///
    /// # Errors
    /// Where the listener fails.
    pub async fn serve(self, bus: Bus, ended: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let asks_whose = self.access.hosts == HostRule::Loopback && self.access.asks_whose();
        let own = ConnectionBounds { asks_whose, ..BOUNDS };
        let routes = requests::router(bus, Arc::new(self.access), self.tally);
        let (routes, bounds) = match self.beside {
            Some((beside, bounds)) => (routes.merge(beside), own.and(bounds)),
            None => (routes, own),
        };
        self.port.serve(routes, bounds, ended).await
    }
}
