//! The real binary: `serve`, spoken to over its stdio, and `emit -`, line by line.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

pub fn program(db: &Path, environment: &[(&str, &Path)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ai-coder-events"));
    command.arg("--db").arg(db).envs(environment.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.env("AI_CODER_EVENTS_KEEPER", "off");
    command
}

pub fn hook_program(db: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ai-coder-events-hook"));
    command.arg("--db").arg(db).env("AI_CODER_EVENTS_KEEPER", "off");
    command
}

/// `serve`, spoken to over its stdio.
pub struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    id: u64,
}

impl Server {
    /// Returns once the server answered `initialize`.
    pub fn start(db: &Path, environment: &[(&str, &Path)]) -> Server {
        let mut command = program(db, environment);
        command.arg("serve");
        Server::run(command)
    }

    /// Without a word of a handshake.
    pub fn spoken_to(mut command: Command) -> Server {
        let mut child = command.spawn().expect("the binary starts");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("piped"));
        Server { child, stdin, stdout: BufReader::new(stdout), id: 0 }
    }

    /// The same for any command that serves.
    pub fn run(command: Command) -> Server {
        let mut server = Server::spoken_to(command);
        let client = json!({"name": "bench", "version": "1"});
        server.request("initialize", &json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}));
        server.answer();
        server.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        server
    }

    pub fn write(&mut self, message: &Value) {
        let stdin = self.stdin.as_mut().expect("open until drop");
        writeln!(stdin, "{message}").and_then(|()| stdin.flush()).expect("the server reads");
    }

    pub fn request(&mut self, method: &str, params: &Value) {
        self.id += 1;
        self.write(&json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params}));
    }

    /// Of the next request.
    pub fn next_id(&self) -> u64 {
        self.id + 1
    }

    pub fn answer(&mut self) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).expect("the server writes text"), 0, "the server went away");
            let message: Value = serde_json::from_str(&line).expect("the server writes JSON");
            if message["id"] == json!(self.id) {
                return message["result"].clone();
            }
        }
    }

    /// The next line, whatever it is, in `line`.
    pub fn read_line(&mut self, line: &mut String) {
        line.clear();
        assert_ne!(self.stdout.read_line(line).expect("the server writes text"), 0, "the server went away");
    }

    pub fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.request("tools/call", &json!({"name": tool, "arguments": arguments}));
        self.answer()
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub fn send_subscribe(&mut self, arguments: &Value) {
        self.request("tools/call", &json!({"name": "subscribe_coder", "arguments": arguments}));
    }

    pub fn structured(&mut self) -> Value {
        self.answer()["structuredContent"].clone()
    }

    pub fn subscribe(&mut self, arguments: &Value) -> Value {
        self.send_subscribe(arguments);
        self.structured()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.child.wait().expect("the server ends with its input");
    }
}

/// `emit -`, one line at a time.
pub struct Emitter {
    child: Child,
    stdin: Option<ChildStdin>,
    receipts: BufReader<ChildStdout>,
}

impl Emitter {
    pub fn start(db: &Path, environment: &[(&str, &Path)]) -> Emitter {
        let mut child = program(db, environment).args(["--json", "emit", "-"]).spawn().expect("the binary starts");
        let (stdin, receipts) = (child.stdin.take(), child.stdout.take().expect("piped"));
        Emitter { child, stdin, receipts: BufReader::new(receipts) }
    }

    pub fn write(&mut self, turn: usize) {
        let line = json!({"type": "progress", "coder_id": "bench", "progress": 0.5, "stage": "editing", "turn": turn});
        let stdin = self.stdin.as_mut().expect("open until drop");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).expect("emit reads");
    }

    pub fn read_receipt(&mut self) {
        let mut line = String::new();
        assert_ne!(self.receipts.read_line(&mut line).expect("emit writes text"), 0, "emit went away");
    }

    pub fn emit(&mut self, turn: usize) {
        self.write(turn);
        self.read_receipt();
    }
}

impl Drop for Emitter {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.child.wait().expect("emit ends with its input");
    }
}
