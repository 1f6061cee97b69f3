//! `notify`: whether the command that tells a person works.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::notifier::{NotifyMessage, TIME_MAX, run};
use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::{Invocation, print::json_line};

/// Try the command that tells you when an agent waits, fails or is done
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct NotifyArgs {
    /// Run it once with a message that says so
    #[arg(long, required = true)]
    test: bool,
}

const EXAMPLES: &str = "\
[notify] in config.toml says which command it is; it is run without a shell:
  command = [\"notify-send\", \"{title}\", \"{body}\"]
  on = [\"waiting\", \"failed\", \"settled\", \"file_conflict\", \"loop\", \"budget\"]
  quiet = \"22:00-07:00\"
The keeper, and every server and receiver, tells; each fact is told once.

Examples:
  ai-coder-events notify --test";

impl NotifyArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        let command = &call.config.notify.command;
        let Some(program) = command.first() else {
            bail!("nobody is told of anything: no command is configured; give one as `command` under [notify] in config.toml");
        };
        let message = NotifyMessage::new("Test: ai-coder-events", "This is how you will be told of what agents need.");
        run(command, &message, TIME_MAX).context("the command of [notify] does not work")?;
        let mut out = io::stdout().lock();
        if call.json {
            json_line(&mut out, &json!({"told": true, "program": program}))?;
        } else {
            writeln!(out, "`{program}` was run with a test message and said that it went well")?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
