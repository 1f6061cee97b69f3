//! `man`: manual pages, out of the definitions of the commands: one that holds all of them, and one a command.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use ai_coder_events::text;
use anyhow::{Context, bail};
use clap::{Args, Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use super::{Cli, PROGRAM};

/// Print the manual page, or that of a command
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ManArgs {
    /// Only of this command
    #[arg(value_name = "COMMAND", conflicts_with = "into")]
    command: Option<String>,

    /// Write a page for the program and one for each command into this folder
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events man | man -l -
  ai-coder-events man list | man -l -
  ai-coder-events man --into ~/.local/share/man/man1
  ai-coder-events man > ~/.local/share/man/man1/ai-coder-events.1";

impl ManArgs {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let mut program = Cli::command();
        program.build();
        if let Some(folder) = &self.into {
            let write = |name: &str, page: String| {
                let path = folder.join(format!("{name}.1"));
                fs::write(&path, page).with_context(|| format!("failed to write `{}`", path.display()))
            };
            write(PROGRAM, page(&program)?)?;
            for command in commands(&program) {
                write(&format!("{PROGRAM}-{}", command.get_name()), page_of(command)?)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let page = match &self.command {
            None => page(&program)?,
            Some(name) => match commands(&program).find(|command| command.get_name() == name) {
                Some(command) => page_of(command)?,
                None => bail!("no command `{}`: `{PROGRAM} --help` lists them", text::excerpt(name, 80)),
            },
        };
        let mut out = io::stdout().lock();
        out.write_all(page.as_bytes())?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn commands(program: &Command) -> impl Iterator<Item = &Command> {
    program.get_subcommands().filter(|command| command.get_name() != "help" && !command.is_hide_set())
}

/// What holds for every command; of its own codes its description tells.
const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Done. A reader that goes away, as head does, is no failure."),
    ("1", "Failed: the message on standard error says what, why and what next."),
    ("2", "Wrong usage."),
    ("130", "Ended by Ctrl-C, where it would have gone on."),
];
const ENVIRONMENT: &[(&str, &str)] = &[
    ("AI_CODER_EVENTS_DB", "The history, where --db does not name one."),
    ("AI_CODER_ID, AI_CODER_NAME", "The coder that events are of, where nothing else says so; run sets them for what it wraps."),
    ("AI_CODER_EVENTS_KEEPER", "off: hooks start no keeper."),
    ("AI_CODER_EVENTS_TOKEN", "What those who send to collect must know."),
    ("AI_CODER_EVENTS_LOG", "What long-lived commands log, as a filter: debug."),
    ("NO_COLOR", "No colours."),
    ("PAGER", "What shows a story that is longer than the screen."),
    (
        "XDG_STATE_HOME, XDG_CONFIG_HOME, XDG_RUNTIME_DIR",
        "Where state, configuration and what lives as long as a login are kept.",
    ),
];
const FILES: &[(&str, &str)] = &[
    (
        "~/.local/state/ai-coder-events/history.db",
        "The history; beside it its log, the bell, the spool, the feed and the keeper's lock.",
    ),
    ("~/.config/ai-coder-events/config.toml", "The configuration; absent is fine, an unknown key is an error that names it."),
];

fn lists(page: &mut Vec<u8>) -> io::Result<()> {
    for (heading, entries) in [("EXIT STATUS", EXIT_STATUS), ("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)] {
        let mut roff = Roff::new();
        roff.control("SH", [heading]);
        for (name, about) in entries {
            roff.control("TP", []).text([bold(*name)]).text([roman(*about)]);
        }
        roff.to_writer(page)?;
    }
    Ok(())
}

/// The page of one command.
fn page_of(command: &Command) -> io::Result<String> {
    let name = format!("{PROGRAM}-{}", command.get_name());
    // What the program's own definition was built with names it in full.
    let man = Man::new(command.clone()).title(name);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    Roff::new().control("SH", ["NOTES"]).to_writer(&mut page)?;
    as_it_stands(command).to_writer(&mut page)?;
    lists(&mut page)?;
    Ok(escaped(&String::from_utf8_lossy(&page)))
}

fn page(program: &Command) -> io::Result<String> {
    let mut page = Vec::new();
    let man = Man::new(program.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    Roff::new().control("SH", ["COMMANDS"]).to_writer(&mut page)?;
    for command in commands(program) {
        render_command(command, &mut page)?;
    }
    Roff::new().control("SH", ["NOTES"]).to_writer(&mut page)?;
    as_it_stands(program).to_writer(&mut page)?;
    lists(&mut page)?;
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
