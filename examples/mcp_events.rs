//! A client of the protocol's events extension: prints every coder that comes to rest, and goes on after a crash.
//!
//! ```sh
//! cargo run --example mcp_events -- cursor.txt
//! ```
//!
//! `events/stream` is one request that stays open: first `active` comes, then an `event` for each occurrence and a
//! `heartbeat` where nothing happens. Each has a cursor. Whoever keeps the last one (here in a file) and begins the next
//! stream with it misses nothing, however long it was away; where retention was faster, `truncated` says so.

#![allow(clippy::print_stdout, reason = "to print is what this example does")]

use std::{
    env,
    error::Error,
    fs,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("usage: mcp_events FILE")?;
    let unfinished = format!("{file}.new");
    // Nothing kept means from now on.
    let cursor = fs::read_to_string(&file).ok();
    let mut server = Command::new("ai-coder-events").arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (input, output) = (server.stdin.take(), server.stdout.take().ok_or("no stdout")?);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/events": {}}},
        "io.modelcontextprotocol/clientInfo": {"name": "mcp_events", "version": "1"},
    });
    let params = json!({"_meta": meta, "name": "coder.settled", "arguments": {}, "cursor": cursor});
    // The stream lasts as long as the server's input is open.
    let mut input = input.ok_or("no stdin")?;
    writeln!(input, "{}", json!({"jsonrpc": "2.0", "id": 1, "method": "events/stream", "params": params}))?;

    for line in BufReader::new(output).lines() {
        let message: Value = serde_json::from_str(&line?)?;
        let params = &message["params"];
        match message["method"].as_str() {
            Some("notifications/events/active") if params["truncated"] == true => println!("some events are gone"),
            Some("notifications/events/active") => println!("waiting"),
            Some("notifications/events/event") => {
                let (data, coder) = (&params["data"], &params["data"]["coder"]);
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                println!("{} is {}: {}", text(&data["coder_id"]), text(&coder["status"]), text(&data["summary"]));
            }
            Some(_) => {}
            None => return Err(message["error"]["message"].to_string().into()),
        }
        // Once it is dealt with: what was not, comes again. Whole or not at all: half a cursor would be none.
        if let Some(cursor) = params["cursor"].as_str() {
            fs::write(&unfinished, cursor)?;
            fs::rename(&unfinished, &file)?;
        }
    }
    Ok(())
}
