//! `ai-coder-events-hook AGENT [EVENT]`: the same as `ai-coder-events hook`, as a program of its own. Agents start it for every
//! step they take, and the less a program holds, the sooner it begins and ends.

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::hook::{self, HookCall};

const ABOUT: &str = concat!(
    env!("CARGO_PKG_NAME"),
    "-hook ",
    env!("CARGO_PKG_VERSION"),
    ": what agents call; `ai-coder-events hook --help` says more"
);

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().collect();
    let Some(call) = HookCall::of_program(&arguments) else {
        // Whoever asked may be gone.
        drop(writeln!(io::stdout(), "{ABOUT}"));
        return ExitCode::SUCCESS;
    };
    hook::run(&call)
}
