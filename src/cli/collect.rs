//! `collect`: what agents export as OTLP over HTTP, taken in until Ctrl-C.

use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode};

use ai_coder_events::{
    bus::Bus,
    collect::{Receiver, Token},
    notifier, upkeep,
};
use anyhow::{Context, anyhow};
use clap::Args;

use super::{
    Invocation,
    interrupt::EndSignals,
    listen::{address, tell_address, token_of, wrong_or_failed},
    logging::log_to_stderr,
    runtime::block_on,
};

/// Take in what agents export as OpenTelemetry: OTLP over HTTP, protobuf or JSON
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CollectArgs {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4318", value_parser = address)]
    listen: SocketAddr,

    /// A file with the token that senders must give [default: $AI_CODER_EVENTS_TOKEN]
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,

    /// Let other users of this machine in too: whoever reaches the port may then write this history
    #[arg(long)]
    open: bool,
}

const EXAMPLES: &str = "\
Without a token, only what you run yourself may send here: other users of the machine are refused, unless `--open`
lets them in. An address that other machines can reach is refused unless a token is set; senders then give it as
`Authorization: Bearer <token>`. What it could not understand, `ai-coder-events rejected` lists.

Examples:
  ai-coder-events collect
  CLAUDE_CODE_ENABLE_TELEMETRY=1 OTEL_LOGS_EXPORTER=otlp OTEL_METRICS_EXPORTER=otlp \\
    OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 claude
  ai-coder-events collect --listen 0.0.0.0:4318 --token-file ~/token

Ctrl-C ends it, with exit code 130.";

impl CollectArgs {
    pub fn run(self, call: Invocation) -> anyhow::Result<ExitCode> {
        log_to_stderr(call.environment.log.as_deref());
        block_on(self.collect(call))?.map(ExitCode::from)
    }

    /// Answers with the exit code.
    async fn collect(self, call: Invocation) -> anyhow::Result<u8> {
        let token = match &self.token_file {
            Some(path) => Some(token_in(path)?),
            None => token_of(&call),
        };
        let receiver = Receiver::bind(self.listen, token).await.map_err(|error| wrong_or_failed("collect", error))?;
        let receiver = if self.open { receiver.open() } else { receiver };
        let options = call.config.history;
        let bus = Bus::new(options.clone());
        let telling = notifier::start(&bus, &options, call.config.notify);
        let upkeep = upkeep::start(&bus, &options, call.config.retention);
        // Heard from here on: whoever reads that we listen may end us.
        let (ending, mut code) = EndSignals::listen()?.ending();
        tell_address(receiver.address());
        let served = receiver.serve(bus.clone(), ending).await.context("failed to serve");
        drop(telling);
        bus.shutdown().await;
        upkeep.stop();
        served.map(|()| code.try_recv().unwrap_or_default())
    }
}

fn token_in(path: &PathBuf) -> anyhow::Result<Token> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read the token in `{}`", path.display()))?;
    Token::new(&text).ok_or_else(|| anyhow!("`{}` holds no token: write one into it", path.display()))
}
