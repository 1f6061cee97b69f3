//! `completions`: what a shell needs to complete commands and flags, out of their definitions.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, PROGRAM};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Completions {
    /// Whose: bash, zsh, fish, elvish, powershell
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events completions bash > ~/.local/share/bash-completion/completions/ai-coder-events
  ai-coder-events completions zsh > ~/.zfunc/_ai-coder-events     # with `fpath+=~/.zfunc` before `compinit`
  ai-coder-events completions fish > ~/.config/fish/completions/ai-coder-events.fish";

impl Completions {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        // It panics where it cannot write, and a reader may go away.
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), PROGRAM, &mut script);
        let mut out = io::stdout().lock();
        out.write_all(&script)?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
