//! The floors of whatever goes between processes, each a process of this binary: rmcp with one tool that echoes, a pipe's echo,
//! and somebody else who appends.

use std::{
    io::{BufRead, Write},
    process::{Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

use ai_coder_events::{
    event::{Draft, EventType},
    history::{Durability, Options, Writer},
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult, ServerCapabilities, ServerConfig},
    service::RequestContext,
};
use serde_json::{Value, json};

pub const CODER: &str = "bench";
const SERVER: &str = "echo-server";
const PIPE: &str = "echo-pipe";
const APPENDER: &str = "appender";

/// Becomes one of the processes, where the first argument names one.
pub fn became() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [SERVER] => serve(),
        [PIPE] => each_line(str::to_owned),
        [APPENDER, db, durability] => append(db, durability),
        _ => return false,
    }
    true
}

pub fn server() -> Command {
    this(&[SERVER])
}

pub fn pipe() -> Command {
    this(&[PIPE])
}

/// Appends one event of [`CODER`] for each line, and tells when it began to and when that was done, in nanoseconds since 1970.
pub fn appender(db: &str, durability: &str) -> Command {
    this(&[APPENDER, db, durability])
}

pub fn nanos_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

fn this(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a bench has a file"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn each_line(mut answer: impl FnMut(&str) -> String) {
    let mut stdout = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = answer(&line.expect("text"));
        writeln!(stdout, "{answer}").and_then(|()| stdout.flush()).expect("somebody reads");
    }
}

fn append(db: &str, durability: &str) {
    let mut options = Options::new(db);
    options.durability = if durability == "full" { Durability::Full } else { Durability::Normal };
    let mut writer = Writer::new(&options);
    let mut turn = 0_u64;
    each_line(|_| {
        turn += 1;
        // A step of its life: clients are told of those at once.
        let kind = if turn.is_multiple_of(2) { EventType::Resumed } else { EventType::Paused };
        let draft = Draft::new(kind, CODER).with("turn", turn);
        let begun = nanos_now();
        writer.append(vec![draft.into()]).expect("the bench's history can be written");
        format!("{begun} {}", nanos_now())
    });
}

/// As bare as rmcp is, on the same kind of runtime and the same streams as ours.
fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let running = Echo.serve(rmcp::transport::io::stdio_pipes()).await.expect("a client");
        running.waiting().await.expect("the loop ends");
    });
    runtime.shutdown_background();
}

struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    /// Structured content and the same as text, with `chars` of text in each.
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let chars = request.arguments.as_ref().and_then(|given| given.get("chars")).and_then(Value::as_u64).unwrap_or(0);
        Ok(CallToolResult::structured(json!({"text": "x".repeat(chars as usize)})).into())
    }
}
