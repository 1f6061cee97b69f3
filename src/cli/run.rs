//! `run`: a command with a coder's record. Exits as the command does; what troubles the recorder stays out of its streams.

use std::{ffi::OsString, panic, path::Path, process::ExitCode};

use ai_coder_events::{
    config::{Config, Environment},
    event::check_coder_id,
    run::{self, NotStarted, RunCoder},
    stderr::complain,
};
use clap::{Args, ValueEnum, ValueHint};

/// Run a command and record its life, output, files and resources
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// What people call it [default: the command's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The coder's id [default: the command's name and something unique]
    #[arg(long, value_name = "ID", value_parser = coder_id)]
    id: Option<String>,

    /// Whether an agent's JSON on stdout is read for what it says
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    format: Format,

    /// Record it when all its processes together hold more memory than this
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
    limit_memory: Option<u64>,

    /// The command and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, allow_hyphen_values = true, value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

const EXAMPLES: &str = "\
Exits with the command's own code, or dies of the signal that ended it; 127 where it was not found, 126 where
it could not be executed. Streams, signals, terminal and window size are the command's; it finds itself as
AI_CODER_ID, AI_CODER_NAME and AI_CODER_EVENTS_DB in its environment.

Examples:
  ai-coder-events run -- make test
  ai-coder-events run --name 'Fix auth' -- claude -p 'fix the login'
  ai-coder-events run --id nightly --limit-memory 4096 -- ./nightly.sh";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Claude Code's, Codex's and Gemini's JSON streams are known
    Auto,
    /// Output is only output
    None,
}

impl RunArgs {
    pub fn run(self, db: Option<&Path>, environment: Environment) -> anyhow::Result<ExitCode> {
        // Stderr is the command's: not even a defect of the recorder may be heard on it.
        panic::set_hook(Box::new(|_| {}));
        // A broken configuration, or no place for a history, is no reason not to run.
        let history = Config::for_hook(db, &environment).ok().map(|config| config.history);
        let program = &self.command[0];
        let run = run::Run {
            coder: RunCoder::new(program, self.id, self.name, environment.coder_id),
            command: self.command,
            reads_stream: self.format == Format::Auto,
            memory_limit_mb: self.limit_memory,
            history,
        };
        match run::run(run) {
            Ok(end) => Ok(ExitCode::from(run::end_like(end))),
            Err(not_started) => Ok(report(not_started)),
        }
    }
}

/// There is no command whose stderr it would be.
fn report(not_started: NotStarted) -> ExitCode {
    let code = not_started.exit_code();
    complain(&format!("ai-coder-events run: {:#}", anyhow::Error::new(not_started)));
    ExitCode::from(code)
}

fn coder_id(given: &str) -> Result<String, String> {
    check_coder_id(given).map_err(|invalid| invalid.to_string())?;
    Ok(given.to_owned())
}
