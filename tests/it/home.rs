//! A private home for the real binary: its own state, configuration and time zone, nothing from outside.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

pub struct Home {
    folder: TempDir,
}

/// What a finished run said.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    /// Hooks have all the time they need: on a machine that is busy with other tests they would leave in the spool what a
    /// test looks for in the history.
    pub fn new() -> Home {
        let home = Home { folder: tempfile::tempdir().unwrap() };
        home.configure("[hook]\nbudget_ms = 10000\n");
        home
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the history lies unless a flag or a variable says otherwise.
    pub fn history(&self) -> PathBuf {
        self.path().join("state/ai-coder-events/history.db")
    }

    pub fn configure(&self, text: &str) {
        let folder = self.path().join("config/ai-coder-events");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.toml"), text).unwrap();
    }

    pub fn command(&self, words: &[&str]) -> Command {
        self.at_home(Command::new(env!("CARGO_BIN_EXE_ai-coder-events")), words)
    }

    /// The hook's own program, which takes the words behind `hook`.
    pub fn hook_program(&self, words: &[&str]) -> Command {
        self.at_home(Command::new(env!("CARGO_BIN_EXE_ai-coder-events-hook")), words)
    }

    fn at_home(&self, mut command: Command, words: &[&str]) -> Command {
        command.args(words).env_clear().current_dir(self.path());
        // Most tests look at what was written, and leave nobody behind: those of the keeper ask for one.
        command.env("AI_CODER_EVENTS_KEEPER", "off");
        command.env("HOME", self.path()).env("TZ", "UTC").env("TMPDIR", self.path().join("tmp"));
        for (variable, folder) in [("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config"), ("XDG_RUNTIME_DIR", "runtime")] {
            command.env(variable, self.path().join(folder));
        }
        command
    }

    pub fn run(&self, words: &[&str]) -> Said {
        self.feed(words, b"")
    }

    /// Runs it on this input, and waits for its end.
    pub fn feed(&self, words: &[&str], input: &[u8]) -> Said {
        feed(self.command(words), input)
    }

    /// Its stdout, where it must succeed without a word on stderr.
    pub fn ok(&self, words: &[&str]) -> String {
        let Said { code, stdout, stderr } = self.run(words);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{words:?} said: {stdout}");
        stdout
    }

    /// Its stdout as JSON lines.
    pub fn json(&self, words: &[&str]) -> Vec<Value> {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        json_lines(&self.ok(&words))
    }

    /// Records these JSON lines, each of which must be new.
    pub fn record(&self, lines: &[&str]) {
        let Said { code, stderr, .. } = self.feed(&["emit", "-"], lines.join("\n").as_bytes());
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
    }
}

pub fn feed(mut command: Command, input: &[u8]) -> Said {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A child that ends early leaves the rest unread: not this side's concern.
    let writing = thread::spawn(move || drop(stdin.write_all(&input)));
    let said = Said::of(child.wait_with_output().unwrap());
    writing.join().unwrap();
    said
}

impl Said {
    pub fn of(Output { status, stdout, stderr }: Output) -> Said {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }
}

pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// A child that a failing test does not leave behind.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
