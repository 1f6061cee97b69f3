//! `serve`: the MCP server on stdin and stdout, and upkeep of the history beside it.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use ai_coder_events::{bus::Bus, mcp, upkeep};
use anyhow::Context;
use clap::Args;
use tracing_subscriber::EnvFilter;

use super::Call;

/// Serve the history to agents and editors over MCP, on stdin and stdout
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Serve {
    /// Record nothing: no `emit_ai_coder_event`, no upkeep
    #[arg(long)]
    read_only: bool,
}

const EXAMPLES: &str = "\
An MCP client starts it and ends it; any number may run at once on one history.

Examples:
  claude mcp add ai-coder-events -- ai-coder-events serve
  AI_CODER_EVENTS_LOG=debug ai-coder-events serve --read-only 2> serve.log";

/// Stdout belongs to the protocol and stderr to the client's log: only what someone must know. To rmcp every
/// mistake of a client is a warning.
const LOG_DEFAULT: &str = "warn,rmcp=error";

impl Serve {
    pub fn run(self, call: Call) -> anyhow::Result<ExitCode> {
        log_to_stderr(call.environment.log.as_deref());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to start")?;
        let served = runtime.block_on(self.serve(call));
        // A read of stdin that nobody will answer must not hold up the end.
        runtime.shutdown_background();
        served.map(|()| ExitCode::SUCCESS)
    }

    async fn serve(self, call: Call) -> anyhow::Result<()> {
        let options = call.config.history;
        let bus = Bus::new(options.clone());
        let upkeep = (!self.read_only).then(|| upkeep::start(&bus, &options, call.config.retention));
        let served = mcp::serve(bus, mcp::ServeOptions { read_only: self.read_only }).await.context("the MCP server failed");
        drop(upkeep);
        served
    }
}

fn log_to_stderr(filter: Option<&str>) {
    let given = filter.unwrap_or(LOG_DEFAULT);
    let (filter, wrong) = match EnvFilter::try_new(given) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(LOG_DEFAULT), Some(error)),
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(io::stderr().is_terminal()).with_writer(io::stderr).init();
    if let Some(error) = wrong {
        tracing::warn!("log filter `{given}` is not valid, using `{LOG_DEFAULT}`: {error}");
    }
}
