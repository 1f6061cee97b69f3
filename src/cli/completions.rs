//! `completions`: what a shell needs to complete commands and flags, out of their definitions.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::{
    history::{CodersQuery, Reader},
    text,
};
use anyhow::Context;
use clap::{
    Args, CommandFactory,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
};
use clap_complete::{Shell, generate};

use super::{Cli, Invocation, PROGRAM, UNREADABLE};

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
  ai-coder-events completions zsh > ~/.zfunc/_ai-coder-events
  ai-coder-events completions fish > ~/.config/fish/completions/ai-coder-events.fish

Zsh looks there with `fpath+=~/.zfunc` before `compinit`.";

impl CompletionsArgs {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        // It panics where it cannot write, and a reader may go away.
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), PROGRAM, &mut script);
        let made = String::from_utf8(script)?;
        let script = match self.shell {
            Shell::Bash => agreeing(&made) + BASH,
            Shell::Zsh => asking_for_coders(&made),
            Shell::Fish => made + FISH,
            _ => made,
        };
        let mut out = io::stdout().lock();
        out.write_all(script.as_bytes())?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What the definitions cannot tell: which coders there are now, and how what `run` wraps is completed.
const BASH: &str = r#"
_ai_coder_events_now() {
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" index
    if [[ "${prev}" == --coder || ( "${COMP_CWORD}" -eq 2 && "${cur}" != -* && " show brief " == *" ${prev} "* ) ]]; then
        COMPREPLY=($(compgen -W "$(ai-coder-events offer 2>/dev/null | cut -f1)" -- "${cur}"))
        return 0
    fi
    if [[ "${COMP_WORDS[1]}" == run ]]; then
        for (( index = 2; index < COMP_CWORD; index++ )); do
            if [[ "${COMP_WORDS[index]}" == -- ]]; then
                if declare -F _command_offset > /dev/null; then
                    _command_offset $(( index + 1 ))
                elif (( index + 1 == COMP_CWORD )); then
                    COMPREPLY=($(compgen -c -- "${cur}"))
                else
                    COMPREPLY=($(compgen -f -- "${cur}"))
                fi
                return 0
            fi
        done
    fi
    _ai__coder__events "$@"
}
complete -F _ai_coder_events_now -o bashdefault -o default ai-coder-events
"#;
const FISH: &str = r#"complete -c ai-coder-events -n "__fish_ai_coder_events_using_subcommand list follow stats emit" -l coder -x -a "(ai-coder-events offer 2>/dev/null)"
complete -c ai-coder-events -n "__fish_ai_coder_events_using_subcommand show brief" -f -a "(ai-coder-events offer 2>/dev/null)"
function __ai_coder_events_wrapped
    set -l words (commandline -opc) (commandline -ct)
    set -l end (contains -i -- -- $words)
    if test -z "$end"
        set end 2
        string match -q -- '-*' "$words[-1]"
        and return
    end
    test (count $words) -gt $end
    or return
    set -l command (string escape -- $words[(math $end + 1)..-1])
    test -n "$words[-1]"
    or set command[-1] ""
    complete "--do-complete="(string join ' ' -- $command)
end
complete -c ai-coder-events -n "__fish_ai_coder_events_using_subcommand run" -x -a "(__ai_coder_events_wrapped)"
"#;
const ZSH: &str = r#"_ai-coder-events_coders() {
    local -a coders
    coders=("${(@f)$(ai-coder-events offer 2>/dev/null | sed 's/:/\:/g; s/	/:/')}")
    _describe coder coders
}
"#;

/// `script` for zsh, with coders where one is named.
fn asking_for_coders(script: &str) -> String {
    let asked = ":_ai-coder-events_coders' \\";
    let is_of_coder = |line: &str| line.contains(":CODER:") || line.starts_with("':what --") || line.starts_with("':coder --");
    let mut lines: Vec<String> = script
        .lines()
        .map(|line| match line.strip_suffix(":_default' \\").filter(|_| is_of_coder(line)) {
            Some(asks) => format!("{asks}{asked}"),
            None => line.to_owned(),
        })
        .collect();
    // The first line tells zsh what the file is for.
    lines.insert(1, ZSH.to_owned());
    lines.join("\n") + "\n"
}

/// The coders that a shell offers, each with what it is about
#[derive(Debug, Args)]
pub struct OfferArgs {}

/// More are no help to choose from.
const CODERS_OFFERED: usize = 50;

impl OfferArgs {
    pub fn run(&self, call: &Invocation) -> anyhow::Result<ExitCode> {
        let query = CodersQuery { limit: CODERS_OFFERED, ..CodersQuery::default() };
        let coders = Reader::new(&call.config.history).coders(&query).context(UNREADABLE)?;
        let mut out = io::stdout().lock();
        for coder in &coders {
            let about = coder.title.as_deref().or(coder.coder_name.as_deref()).unwrap_or_default();
            writeln!(out, "{}\t{}", text::clean_line(&coder.handle), text::excerpt(about, 60))?;
        }
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
