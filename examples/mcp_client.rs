//! A client of `serve`, in any language as short as here: watches one coder over MCP until its work is done.
//!
//! ```sh
//! cargo run --example mcp_client -- fix-auth
//! ```
//!
//! MCP over stdio is one JSON-RPC message a line. The loop at the end of [`main`] is how every client follows a coder: the
//! first call answers at once with its state and a cursor, each later one waits for what comes after the cursor of the last
//! answer. Nothing is lost between two calls, however long they lie apart.

#![allow(clippy::print_stdout, reason = "to print is what this example does")]

use std::{
    env,
    error::Error,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

struct Server {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    last_id: u64,
}

impl Server {
    /// Starts it and shakes hands. The history is the one that `ai-coder-events` uses by itself: `AI_CODER_EVENTS_DB`, say.
    fn start() -> Result<Server, Box<dyn Error>> {
        let mut process = Command::new("ai-coder-events").arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take().ok_or("no stdout")?);
        let mut server = Server { process, stdin, stdout: BufReader::new(stdout), last_id: 0 };
        let client = json!({"name": "mcp_client", "version": "1"});
        server.ask("initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}))?;
        server.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        Ok(server)
    }

    fn send(&mut self, message: &Value) -> Result<(), Box<dyn Error>> {
        Ok(writeln!(self.stdin.as_mut().ok_or("closed")?, "{message}")?)
    }

    /// The answer to a request; notifications that come before it are passed over.
    fn ask(&mut self, method: &str, params: Value) -> Result<Value, Box<dyn Error>> {
        self.last_id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}))?;
        loop {
            let mut line = String::new();
            if self.stdout.read_line(&mut line)? == 0 {
                return Err("the server went away".into());
            }
            let mut message: Value = serde_json::from_str(&line)?;
            if message["id"] == self.last_id {
                return if message["error"].is_null() {
                    Ok(message["result"].take())
                } else {
                    Err(message["error"].to_string().into())
                };
            }
        }
    }

    /// What a tool answers, as data; the same is in `content` as text, for models.
    fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, Box<dyn Error>> {
        let mut result = self.ask("tools/call", json!({"name": tool, "arguments": arguments}))?;
        if result["isError"] == true {
            return Err(result["content"][0]["text"].to_string().into());
        }
        Ok(result["structuredContent"].take())
    }

    /// The end of its input is how a server is told to go.
    fn stop(mut self) -> Result<(), Box<dyn Error>> {
        drop(self.stdin.take());
        self.process.wait()?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let coder = env::args().nth(1).ok_or("usage: mcp_client CODER")?;
    let mut server = Server::start()?;
    let mut answer = server.call("subscribe_coder", json!({"coder_id": coder}))?;
    println!("now {}", answer["coder"]["status"].as_str().unwrap_or("unknown"));
    while !matches!(answer["coder"]["status"].as_str(), Some("completed" | "failed" | "stopped")) {
        let arguments = json!({"coder_id": coder, "cursor": answer["cursor"], "wait_ms": 20_000});
        answer = server.call("subscribe_coder", arguments)?;
        for event in answer["events"].as_array().into_iter().flatten() {
            println!("{} {}", event["seq"], event["summary"].as_str().unwrap_or_default());
        }
    }
    server.stop()
}
