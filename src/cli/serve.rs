//! `serve`: the MCP server on stdin and stdout, or over HTTP, and upkeep of the history beside it.

mod http;

use std::{io, net::SocketAddr, process::ExitCode, time::Duration};

use ai_coder_events::{
    bus::Bus,
    collect::{Receiver, Token},
    history::{self, Options},
    mcp, notifier, upkeep,
};
use anyhow::Context;
use clap::Args;
use tokio::{sync::oneshot, task::JoinHandle};

use self::http::HttpPlace;
use super::{Invocation, listen, logging::log_to_stderr, runtime::block_on};

/// Serve the history to agents and editors over MCP, on stdin and stdout or over HTTP
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// Record nothing: no `emit_ai_coder_event`, no `watch_ai_coder`, no upkeep
    #[arg(long)]
    read_only: bool,

    /// Serve over HTTP there instead, such as 127.0.0.1:7331, until a signal; stdin and stdout are left alone
    #[arg(long, value_name = "ADDR", value_parser = listen::address)]
    http: Option<SocketAddr>,

    /// A name by which clients may call this machine over HTTP, beside its addresses and localhost
    #[arg(long, value_name = "HOST", value_parser = http::host, requires = "http")]
    allow_host: Vec<String>,

    /// Also take in what agents export as OTLP over HTTP, such as 127.0.0.1:4318; may be the address of `--http`
    #[arg(long, value_name = "ADDR", value_parser = listen::address, conflicts_with = "read_only")]
    collect: Option<SocketAddr>,

    /// Where the history is damaged, set it aside and begin a new one
    #[arg(long, conflicts_with = "read_only")]
    fresh_if_broken: bool,
}

const EXAMPLES: &str = "\
An MCP client starts it and ends it; any number may run at once on one history.

Over HTTP any number of clients come to http://ADDR/mcp, each with the header `Authorization: Bearer TOKEN`. The token is
AI_CODER_EVENTS_TOKEN, else one that is made and kept beside the history; `doctor` shows it. SIGINT and SIGTERM end it,
with exit code 0.

Examples:
  claude mcp add ai-coder-events -- ai-coder-events serve
  ai-coder-events serve --http 127.0.0.1:7331 --collect 127.0.0.1:7331
  ai-coder-events serve --http 0.0.0.0:7331 --allow-host host.docker.internal
  ai-coder-events serve --collect 127.0.0.1:4318
  AI_CODER_EVENTS_LOG=debug ai-coder-events serve --read-only 2> serve.log";

impl ServeArgs {
    pub fn run(self, call: Invocation) -> anyhow::Result<ExitCode> {
        log_to_stderr(call.environment.log.as_deref());
        block_on(self.serve(call))?.map(|()| ExitCode::SUCCESS)
    }

    async fn serve(self, call: Invocation) -> anyhow::Result<()> {
        // Before anything is served: wrong usage is told by the exit code.
        let is_shared = self.http.is_some() && self.http == self.collect;
        let http = match self.http {
            Some(address) => Some(HttpPlace::find(address, is_shared, &self.allow_host, &call).await?),
            None => None,
        };
        let place = match self.collect.filter(|_| !is_shared) {
            Some(address) => Some(ReceivingPlace {
                receiver: listen::bind_or_warn(address, &call).await?,
                address,
                token: listen::token_of(&call),
            }),
            None => None,
        };
        let options = call.config.history;
        if self.fresh_if_broken {
            begin_anew_if_broken(&options);
        }
        let bus = Bus::new(options.clone());
        let telling = (!self.read_only).then(|| notifier::start(&bus, &options, call.config.notify.clone()));
        let upkeep = (!self.read_only).then(|| upkeep::start(&bus, &options, call.config.retention));
        let collecting = place.map(|place| Collecting::start(place, &bus));
        let serving = mcp::ServeOptions { read_only: self.read_only };
        let served = match http {
            Some(place) => place.serve(bus, serving).await,
            None => mcp::serve(bus, serving).await.context("the MCP server failed"),
        };
        if let Some(collecting) = collecting {
            collecting.end().await;
        }
        drop((upkeep, telling));
        served
    }
}

/// Whatever comes of it, the server starts: it tells its client what is wrong with the history.
fn begin_anew_if_broken(options: &Options) {
    match history::set_aside_if_broken(options) {
        Ok(None) => {}
        Ok(Some(kept_as)) => {
            let kept_as = kept_as.display();
            tracing::error!(
                "the history is damaged and was set aside, a new one begins: `ai-coder-events check --repair --db {kept_as}` saves what can be read of it"
            );
        }
        Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "failed to look whether the history is damaged"),
    }
}

/// A receiver at work beside the server.
struct Collecting {
    ending: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

/// Where to receive.
struct ReceivingPlace {
    /// None where another has the address.
    receiver: Option<Receiver>,
    address: SocketAddr,
    token: Option<Token>,
}

/// Between two attempts at an address that another has: its server may end with its agent at any moment.
const AGAIN: Duration = Duration::from_secs(2);

impl ReceivingPlace {
    /// The receiver, as soon as there can be one.
    async fn receiver(self) -> Receiver {
        if let Some(receiver) = self.receiver {
            return receiver;
        }
        loop {
            tokio::time::sleep(AGAIN).await;
            if let Ok(receiver) = Receiver::bind(self.address, self.token.clone()).await {
                tracing::info!("collecting OTLP at http://{} from now on", receiver.address());
                return receiver;
            }
        }
    }
}

impl Collecting {
    fn start(place: ReceivingPlace, bus: &Bus) -> Collecting {
        let (ending, mut ended) = oneshot::channel();
        let bus = bus.clone();
        let serving = async move {
            tokio::select! {
                _ = &mut ended => Ok(()),
                receiver = place.receiver() => receiver.serve(bus, async { drop(ended.await) }).await,
            }
        };
        Collecting { ending, serving: tokio::spawn(serving) }
    }

    /// What is in work is answered, be it that the exporter shall come again.
    async fn end(self) {
        drop(self.ending);
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the receiver failed: {error}"),
            Err(error) => tracing::error!("the receiver ended: {error}"),
        }
    }
}
