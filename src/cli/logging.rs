//! What long-lived commands log, to stderr only and redacted.

use std::io::{self, IsTerminal};

use ai_coder_events::stderr::RedactedLog;
use tracing_subscriber::EnvFilter;

/// Stdout belongs to the protocol and stderr to the client's log: only what someone must know. To rmcp every
/// mistake of a client is a warning, and each answer that its client did not wait for an error.
const LOG_DEFAULT: &str = "rmcp::service=off,rmcp=error,warn";

pub fn log_to_stderr(filter: Option<&str>) {
    let given = filter.unwrap_or(LOG_DEFAULT);
    let (filter, wrong) = match EnvFilter::try_new(given) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(LOG_DEFAULT), Some(error)),
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(io::stderr().is_terminal()).with_writer(|| RedactedLog).init();
    if let Some(error) = wrong {
        tracing::warn!("log filter `{given}` is not valid, using `{LOG_DEFAULT}`: {error}");
    }
}
