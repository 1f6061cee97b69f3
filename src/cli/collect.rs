//! `collect`: what agents export as OTLP over HTTP, taken in until Ctrl-C.

use std::{
    fs,
    io::{self, Write},
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    process::ExitCode,
};

use ai_coder_events::{
    bus::Bus,
    collect::{Error, Receiver, Token},
    upkeep,
};
use anyhow::{Context, anyhow};
use clap::{Args, error::ErrorKind};

use super::{Call, INTERRUPTED, serve::log_to_stderr, usage};

/// Take in what agents export as OpenTelemetry: OTLP over HTTP, protobuf or JSON
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Collect {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4318", value_parser = address)]
    listen: SocketAddr,

    /// A file with the token that senders must give [default: $AI_CODER_EVENTS_TOKEN]
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
}

const EXAMPLES: &str = "\
An address that other machines can reach is refused unless a token is set; senders then give it as
`Authorization: Bearer <token>`. What it could not understand, `ai-coder-events rejected` lists.

Examples:
  ai-coder-events collect
  CLAUDE_CODE_ENABLE_TELEMETRY=1 OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=otlp \\
    OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 claude
  ai-coder-events collect --listen 0.0.0.0:4318 --token-file ~/.config/collect-token

Ctrl-C ends it, with exit code 130.";

impl Collect {
    pub fn run(self, call: Call) -> anyhow::Result<ExitCode> {
        log_to_stderr(call.environment.log.as_deref());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to start")?;
        let collected = runtime.block_on(self.collect(call));
        runtime.shutdown_background();
        collected.map(|()| ExitCode::from(INTERRUPTED))
    }

    async fn collect(self, call: Call) -> anyhow::Result<()> {
        let token = match &self.token_file {
            Some(path) => Some(token_in(path)?),
            None => token_of(&call),
        };
        let receiver = Receiver::bind(self.listen, token).await.map_err(|error| wrong_or_failed("collect", error))?;
        let options = call.config.history;
        let bus = Bus::new(options.clone());
        let upkeep = upkeep::start(&bus, &options, call.config.retention);
        // Heard from here on: whoever reads that we listen may end us.
        let interrupted = interrupted()?;
        tell(receiver.address());
        let served = receiver.serve(bus.clone(), interrupted).await.context("failed to serve");
        bus.shutdown().await;
        upkeep.stop();
        served
    }
}

/// For `serve`: a taken port is told and no more; `None` then.
///
/// # Errors
/// Where the address is open to other machines and no token is set.
pub async fn bind_or_warn(address: SocketAddr, call: &Call) -> anyhow::Result<Option<Receiver>> {
    match Receiver::bind(address, token_of(call)).await {
        Ok(receiver) => {
            tell(receiver.address());
            Ok(Some(receiver))
        }
        Err(error @ Error::Open { .. }) => Err(wrong_or_failed("serve", error)),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not collecting");
            Ok(None)
        }
    }
}

/// `127.0.0.1:4318`, or a name with a port.
///
/// # Errors
/// Where it is none, or the name is not known.
pub fn address(given: &str) -> Result<SocketAddr, String> {
    let wrong = |_| format!("`{given}` is no address to listen on: give HOST:PORT, such as 127.0.0.1:4318");
    let found: Vec<SocketAddr> = given.to_socket_addrs().map_err(wrong)?.collect();
    // Exporters' defaults say 127.0.0.1, or a name that they look up in the same way.
    let chosen = found.iter().find(|address| address.is_ipv4()).or(found.first());
    chosen.copied().ok_or_else(|| format!("`{given}` has no address"))
}

fn token_of(call: &Call) -> Option<Token> {
    call.environment.token.as_deref().and_then(Token::new)
}

fn token_in(path: &PathBuf) -> anyhow::Result<Token> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read the token in `{}`", path.display()))?;
    Token::new(&text).ok_or_else(|| anyhow!("`{}` holds no token: write one into it", path.display()))
}

fn wrong_or_failed(command: &str, error: Error) -> anyhow::Error {
    match error {
        Error::Open { .. } => {
            let next = "AI_CODER_EVENTS_TOKEN holds it, or for `collect` a file named by `--token-file`";
            usage(Some(command), ErrorKind::ValueValidation, &format!("{error}; {next}"))
        }
        Error::Listen { .. } => error.into(),
    }
}

fn tell(address: SocketAddr) {
    // Where nobody reads stderr, nobody has to know.
    drop(writeln!(io::stderr(), "collecting OTLP at http://{address}"));
}

/// Ends at the next Ctrl-C.
#[cfg(unix)]
fn interrupted() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupts = signal(SignalKind::interrupt()).context("failed to wait for Ctrl-C")?;
    Ok(async move {
        interrupts.recv().await;
    })
}

#[cfg(not(unix))]
fn interrupted() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        let check = |given: &str, expected: Option<&str>| {
            assert_eq!(address(given).ok(), expected.map(|address| address.parse().unwrap()), "{given}");
        };
        check("127.0.0.1:4318", Some("127.0.0.1:4318"));
        check("[::1]:0", Some("[::1]:0"));
        check("localhost:80", Some("127.0.0.1:80"));
        for wrong in ["127.0.0.1", "4318", "", "127.0.0.1:99999"] {
            check(wrong, None);
        }
    }
}
