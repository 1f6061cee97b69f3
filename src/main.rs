//! The program: parses, runs, and maps the outcome to an exit code. 0 done, 1 failed, 2 wrong usage.

use std::{io, process::ExitCode};

use ai_coder_events::{
    hook::{self, HookCall},
    stderr::{cleaned, complain},
};

mod cli;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    // An agent takes a failing hook for trouble of its own: a hook never gets as far as a usage error.
    if let Some(call) = HookCall::of_command(&arguments) {
        return hook::run(&call);
    }
    match cli::run(arguments) {
        Ok(code) => code,
        Err(error) => report(error),
    }
}

/// Prints the whole chain, once.
fn report(error: anyhow::Error) -> ExitCode {
    let error = match error.downcast::<clap::Error>() {
        Ok(usage) => {
            // Nowhere is left to say it when even this cannot be printed.
            if usage.use_stderr() && cleaned(&usage.to_string()) != usage.to_string() {
                complain(usage.to_string().trim_end());
            } else {
                drop(usage.print());
            }
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
        Err(other) => other,
    };
    // `… | head` has what it wanted.
    let reader_left = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(reader_left) {
        return ExitCode::SUCCESS;
    }
    complain(&format!("ai-coder-events: {error:#}"));
    ExitCode::FAILURE
}
