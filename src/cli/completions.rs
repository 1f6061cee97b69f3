//! `completions`: what a shell needs to complete commands and flags, out of their definitions.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{
    Args, CommandFactory,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
};
use clap_complete::{Shell, generate};

use super::{Cli, PROGRAM};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// Whose: bash, zsh, fish, elvish, powershell
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events completions bash > ~/.local/share/bash-completion/completions/ai-coder-events
  ai-coder-events completions zsh > ~/.zfunc/_ai-coder-events     # with `fpath+=~/.zfunc` before `compinit`
  ai-coder-events completions fish > ~/.config/fish/completions/ai-coder-events.fish";

impl CompletionsArgs {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        // It panics where it cannot write, and a reader may go away.
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), PROGRAM, &mut script);
        if self.shell == Shell::Bash {
            script = agreeing(&String::from_utf8(script)?).into_bytes();
        }
        let mut out = io::stdout().lock();
        out.write_all(&script)?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// `script` with one name for each of its states. Where a program has a hyphen in its name, clap_complete 4.6 looks for commands under
/// another name than it found them by, and completes nothing behind them (<https://github.com/clap-rs/clap/issues/6421>).
/// A script that agrees with itself is left as it is.
fn agreeing(script: &str) -> String {
    let searched = format!("{}__subcmd__", PROGRAM.replace('-', "__subcmd__"));
    let found = format!("{}__subcmd__", PROGRAM.replace('-', "__"));
    script.replace(&searched, &found)
}

/// Any text; a shell offers these. For what tells by itself what is wrong with others.
#[derive(Clone)]
pub struct Offered(pub Vec<&'static str>);

impl TypedValueParser for Offered {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_agrees_with_itself_stays() {
        let mended = "ai__coder__events,list) cmd=\"ai__coder__events__subcmd__list\" ;; ai__coder__events__subcmd__list) opts=";
        assert_eq!(agreeing(mended), mended);
        assert_eq!(agreeing("ai__subcmd__coder__subcmd__events__subcmd__list)"), "ai__coder__events__subcmd__list)");
    }
}
