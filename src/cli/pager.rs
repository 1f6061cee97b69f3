//! What is longer than a terminal's screen goes through the reader's pager; anywhere else it is written as it comes.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    process::{Child, Command, Stdio},
};

use ai_coder_events::config::Environment;
use terminal_size::{Height, terminal_size_of};

/// Where nothing else is said: it leaves what fits on the screen alone, keeps colours and the screen as it was.
const USUAL: &str = "less";
/// What only a shell understands.
const FOR_A_SHELL: &[char] =
    &['|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '"', '\'', '*', '?', '[', '#', '~', '=', '%', '{'];
const OPTIONS_OF_USUAL: (&str, &str) = ("LESS", "FRX");

/// Holds back one screen, and starts the pager once there is more.
pub struct Pager {
    held: Vec<u8>,
    lines: usize,
    to: Destination,
}

enum Destination {
    /// Not known before there are more lines than this.
    Undecided {
        screen: usize,
        command: OsString,
    },
    Stdout,
    Child(Child),
}

impl Pager {
    pub fn of_stdout(environment: &Environment) -> Pager {
        let screen = if io::IsTerminal::is_terminal(&io::stdout()) { terminal_size_of(io::stdout()) } else { None };
        let command = environment.pager.clone().unwrap_or_else(|| USUAL.into());
        let to = match screen {
            Some((_, Height(lines))) if command != "cat" && !Environment::is_dumb() => {
                Destination::Undecided { screen: usize::from(lines), command }
            }
            _ => Destination::Stdout,
        };
        Pager { held: Vec::new(), lines: 0, to }
    }

    /// What was held back is written, and the pager waited for: it has the terminal as long as somebody reads. `told` is how the
    /// telling went; who left the pager before its end has what was wanted.
    ///
    /// # Errors
    /// Those of `told`, and where it cannot be written.
    pub fn finish(mut self, told: anyhow::Result<()>) -> anyhow::Result<()> {
        let written = self.flush();
        let Destination::Child(mut child) = self.to else {
            told?;
            return Ok(written?);
        };
        drop(child.stdin.take());
        child.wait()?;
        match told {
            Err(error) if !is_left(&error) => Err(error),
            _ => Ok(()),
        }
    }

    fn decide(&mut self) {
        if let Destination::Undecided { screen, command } = &self.to
            && self.lines + 1 > *screen
        {
            // A pager that does not start is no reason to tell nothing.
            self.to = start(command).map_or(Destination::Stdout, Destination::Child);
        }
    }
}

fn is_left(error: &anyhow::Error) -> bool {
    let is_broken = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is_broken))
}

/// As a shell understands it: `PAGER='less -S'`. One that needs no shell is started without: so it is seen where there is none.
fn start(command: &OsStr) -> Option<Child> {
    let mut pager = match command.to_str().filter(|line| !line.contains(FOR_A_SHELL)) {
        Some(line) => {
            let mut words = line.split_whitespace();
            let mut pager = Command::new(words.next()?);
            pager.args(words);
            pager
        }
        None => {
            let mut line = OsString::from("exec ");
            line.push(command);
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(line);
            shell
        }
    };
    let (name, options) = OPTIONS_OF_USUAL;
    if Environment::has_no(name) {
        pager.env(name, options);
    }
    pager.stdin(Stdio::piped()).spawn().ok()
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines += bytes.iter().filter(|&&byte| byte == b'\n').count();
        self.decide();
        if let Destination::Child(Child { stdin: Some(pipe), .. }) = &mut self.to {
            if !self.held.is_empty() {
                pipe.write_all(&std::mem::take(&mut self.held))?;
            }
            pipe.write_all(bytes)?;
            return Ok(bytes.len());
        }
        self.held.extend_from_slice(bytes);
        if matches!(self.to, Destination::Stdout) && self.held.len() >= WRITE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let held = std::mem::take(&mut self.held);
        match &mut self.to {
            Destination::Child(Child { stdin: Some(pipe), .. }) => pipe.write_all(&held),
            _ => {
                let mut out = io::stdout().lock();
                out.write_all(&held)?;
                out.flush()
            }
        }
    }
}

/// Where there is no pager, so much is written at once.
const WRITE_BYTES: usize = 64 * 1024;
