//! The main job on one screen: hooks record, an agent asks over MCP, and a live event arrives while it waits.
//!
//! `scripts/quickstart` builds and runs it. It works in a folder of its own that is removed at the end.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a demonstration prints")]

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

const FINISHED: &str = include_str!("../tests/fixtures/claude-code/main.jsonl");
const FAILED: &str = include_str!("../tests/fixtures/claude-code/429fatal.jsonl");

fn main() -> Outcome<()> {
    let program = Program::in_folder(&tempfile::tempdir()?.keep())?;
    heading("A captured Claude Code run, hook by hook, into a fresh history");
    let begun = Instant::now();
    let hooks = program.feed(FINISHED)? + program.feed(FAILED)?;
    println!("{hooks} payloads through `ai-coder-events hook claude-code` in {} ms", begun.elapsed().as_millis());
    program.show(&["list", "--order", "oldest", "--limit", "8"])?;

    let mut agent = Agent::start(&program)?;
    heading("An agent asks over MCP: who is there?");
    let coders = agent.call("list_ai_coders", json!({}))?;
    for coder in coders["coders"].as_array().into_iter().flatten() {
        println!(
            "{}  {}  {} s ago  {}  {}",
            text(coder, "handle"),
            text(coder, "status"),
            coder["age_s"],
            text(coder, "title"),
            list(coder, "needs_attention")
        );
    }
    heading("What went wrong?");
    for event in agent.events(json!({"event_types": ["failed", "api_error", "rate_limit", "derived"]}))? {
        println!("{}  {}  {}", event["seq"], text(&event, "coder_id"), text(&event, "summary"));
    }
    for event in agent.events(json!({"text": "nonexistent"}))? {
        println!("{}  {}  {}", event["seq"], text(&event, "coder_id"), text(&event, "summary"));
    }
    heading("The counts");
    let stats = agent.call("get_ai_coder_stats", json!({}))?;
    println!("{} events, {} a minute: {}", stats["total_events"], stats["events_per_minute"], stats["events_by_type"]);

    heading("A live event, while the agent waits in subscribe_coder");
    let now = agent.call("subscribe_coder", json!({"coder_id": "fix-auth"}))?;
    println!("cursor {}, coder not seen yet: {}", text(&now, "cursor"), now["coder"].is_null());
    agent.ask("subscribe_coder", json!({"coder_id": "fix-auth", "cursor": now["cursor"], "wait_ms": 20_000}))?;
    // Long enough for the call to be waiting: the point is to see it wake.
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    program.show(&["emit", "progress", "--coder", "fix-auth", "--set", "progress=0.42", "--set", "stage=editing"])?;
    let answer = agent.answer()?;
    for event in answer["events"].as_array().into_iter().flatten() {
        println!("subscribe_coder answers: {}", text(event, "summary"));
    }
    println!(
        "{} ms after `emit` was started, in another process; next cursor {}",
        begun.elapsed().as_millis(),
        text(&answer, "cursor")
    );
    drop(agent);
    fs::remove_dir_all(&program.folder)?;
    println!("\nTo record your own: install it as the README shows, then `ai-coder-events setup claude-code`.");
    Ok(())
}

fn heading(title: &str) {
    println!("\n── {title}");
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn list(value: &Value, name: &str) -> String {
    let names = value[name].as_array().into_iter().flatten().filter_map(Value::as_str);
    let joined = names.collect::<Vec<_>>().join(", ");
    if joined.is_empty() { joined } else { format!("needs attention: {joined}") }
}

/// The binary, on a history of its own.
struct Program {
    folder: PathBuf,
    binary: PathBuf,
}

impl Program {
    fn in_folder(folder: &Path) -> Outcome<Program> {
        // Examples are built into a folder beside the binary.
        let binary = std::env::current_exe()?.ancestors().nth(2).ok_or("no target folder")?.join("ai-coder-events");
        Ok(Program { folder: folder.to_owned(), binary })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.env("AI_CODER_EVENTS_DB", self.folder.join("history.db")).env("XDG_CONFIG_HOME", &self.folder);
        // The folder goes away with this program.
        command.env("AI_CODER_EVENTS_KEEPER", "off");
        command
    }

    /// Pipes each captured payload into a hook process of its own, as the agent would.
    fn feed(&self, captured: &str) -> Outcome<usize> {
        for line in captured.lines() {
            let payload = serde_json::from_str::<Value>(line)?["payload"].to_string();
            let mut hook = self.command().args(["hook", "claude-code"]).stdin(Stdio::piped()).spawn()?;
            hook.stdin.take().ok_or("no stdin")?.write_all(payload.as_bytes())?;
            if !hook.wait()?.success() {
                return Err("a hook failed".into());
            }
        }
        Ok(captured.lines().count())
    }

    fn show(&self, arguments: &[&str]) -> Outcome<()> {
        println!("$ ai-coder-events {}", arguments.join(" "));
        if self.command().args(arguments).status()?.success() { Ok(()) } else { Err("a command failed".into()) }
    }
}

/// A client of `serve`, as an agent's MCP client is.
struct Agent {
    server: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    asked: u64,
}

impl Agent {
    fn start(program: &Program) -> Outcome<Agent> {
        let mut server = program.command().arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (stdin, stdout) = (server.stdin.take(), server.stdout.take().ok_or("no stdout")?);
        let mut agent = Agent { server, stdin, stdout: BufReader::new(stdout), asked: 0 };
        let client = json!({"name": "quickstart", "version": "1"});
        agent.request("initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}))?;
        agent.result()?;
        agent.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        Ok(agent)
    }

    fn write(&mut self, message: &Value) -> Outcome<()> {
        writeln!(self.stdin.as_mut().ok_or("closed")?, "{message}")?;
        Ok(())
    }

    fn request(&mut self, method: &str, params: Value) -> Outcome<()> {
        self.asked += 1;
        self.write(&json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params}))
    }

    fn result(&mut self) -> Outcome<Value> {
        loop {
            let mut line = String::new();
            if self.stdout.read_line(&mut line)? == 0 {
                return Err("the server went away".into());
            }
            let message: Value = serde_json::from_str(&line)?;
            if message["id"] == json!(self.asked) {
                return Ok(message["result"].clone());
            }
        }
    }

    fn ask(&mut self, tool: &str, arguments: Value) -> Outcome<()> {
        println!("→ {tool} {arguments}");
        self.request("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    fn answer(&mut self) -> Outcome<Value> {
        let result = self.result()?;
        if result["isError"] == json!(true) {
            return Err(result["content"][0]["text"].to_string().into());
        }
        Ok(result["structuredContent"].clone())
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Outcome<Value> {
        self.ask(tool, arguments)?;
        self.answer()
    }

    fn events(&mut self, filter: Value) -> Outcome<Vec<Value>> {
        let mut answer = self.call("list_ai_coder_events", filter)?;
        // Whose they are is told once, where all are one's.
        let of_all = answer["coder_id"].take();
        let mut events = answer["events"].as_array().cloned().unwrap_or_default();
        events.iter_mut().filter(|_| of_all.is_string()).for_each(|event| event["coder_id"] = of_all.clone());
        Ok(events)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if let Err(error) = self.server.wait() {
            eprintln!("the server did not end: {error}");
        }
    }
}
