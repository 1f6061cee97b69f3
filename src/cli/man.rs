//! `man`: the manual page, out of the definitions of the commands: one page that holds all of them.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use super::Cli;

/// Print the manual page
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events man | man -l -
  ai-coder-events man > ~/.local/share/man/man1/ai-coder-events.1";

impl ManArgs {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let mut out = io::stdout().lock();
        out.write_all(page(Cli::command())?.as_bytes())?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn page(mut program: Command) -> io::Result<String> {
    program.build();
    let mut page = Vec::new();
    let man = Man::new(program.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    Roff::new().control("SH", ["COMMANDS"]).to_writer(&mut page)?;
    for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
        render_command(command, &mut page)?;
    }
    Roff::new().control("SH", ["NOTES"]).to_writer(&mut page)?;
    as_it_stands(&program).to_writer(&mut page)?;
    Ok(escaped(&String::from_utf8_lossy(&page)))
}

/// What every formatter reads, and shows in any locale.
fn escaped(page: &str) -> String {
    let escape = |c: char| match c {
        '…' => "...".to_owned(),
        c if c.is_ascii() => c.to_string(),
        c => format!("\\[u{:04X}]", u32::from(c)),
    };
    page.chars().map(escape).collect()
}

fn render_command(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    // What holds for all commands is said once.
    let own = command.clone().mut_args(|flag| {
        let is_common = flag.is_global_set() || flag.get_id() == "help";
        flag.hide(is_common)
    });
    let man = Man::new(own);
    Roff::new().control("SS", [command.get_name()]).to_writer(page)?;
    unheaded(page, |out| man.render_description_section(out))?;
    Roff::new().control("PP", []).to_writer(page)?;
    unheaded(page, |out| man.render_synopsis_section(out))?;
    unheaded(page, |out| man.render_options_section(out))?;
    as_it_stands(command).to_writer(page)
}

/// A section below the command's heading, without one of its own.
fn unheaded(page: &mut Vec<u8>, render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let mut section = Vec::new();
    render(&mut section)?;
    let lines = section.split_inclusive(|&byte| byte == b'\n').filter(|line| !line.starts_with(b".SH "));
    page.extend(lines.flatten());
    Ok(())
}

/// What help shows below the flags, line by line.
fn as_it_stands(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("PP", []).control("nf", []);
    for line in command.get_after_help().map(ToString::to_string).unwrap_or_default().lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff
}
