//! A client of either era over HTTP: raw requests to a real `serve --http`. HTTP/1.0, so that an answer ends with its connection
//! and its body is what was written.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::home::{Home, Running};

const LIMIT: Duration = Duration::from_secs(30);
pub const MODERN: &str = "2026-07-28";

pub struct HttpServer {
    process: Running,
    pub address: String,
    pub token: String,
    /// What it said of where it listens.
    pub said: String,
}

pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: String,
}

/// An answer that is read while it is written.
pub struct EventStream(BufReader<TcpStream>);

impl HttpServer {
    pub fn start(home: &Home, flags: &[&str]) -> HttpServer {
        let mut server = HttpServer::of(home.command(&[&["serve", "--http", "127.0.0.1:0"], flags].concat()));
        let token = std::fs::read_to_string(home.history().with_extension("token")).unwrap();
        token.trim().clone_into(&mut server.token);
        server
    }

    /// Its token is still to be told.
    pub fn of(mut command: Command) -> HttpServer {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut process = Running(child);
        let mut stderr = BufReader::new(process.0.stderr.take().unwrap());
        let (mut said, begin) = (String::new(), "serving MCP at http://");
        while !said.lines().last().unwrap_or_default().starts_with(begin) {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
        }
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        let address = said.lines().last().and_then(|line| line.strip_prefix(begin)?.split('/').next()).unwrap().to_owned();
        HttpServer { process, address, token: String::new(), said }
    }

    /// A header that is given stands in for the one that is sent anyway; given empty, there is none.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let (bearer, length) = (format!("Bearer {}", self.token), body.len().to_string());
        let usual = [
            ("Host", self.address.as_str()),
            ("Authorization", &bearer),
            ("Accept", "application/json, text/event-stream"),
            ("Content-Type", "application/json"),
            ("Content-Length", &length),
        ];
        let is_given = |name: &str| headers.iter().any(|(given, _)| *given == name);
        let all = usual.iter().filter(|(name, _)| !is_given(name)).chain(headers.iter().filter(|(_, value)| !value.is_empty()));
        let head: String = all.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        // It may be refused before it is read.
        drop(stream.write_all(format!("{method} {path} HTTP/1.0\r\n{head}\r\n{body}").as_bytes()));
        stream
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        Answer::of(self.send(method, path, headers, body))
    }

    pub fn post(&self, headers: &[(&str, &str)], message: &Value) -> Answer {
        self.ask("POST", "/mcp", headers, &message.to_string())
    }

    /// The id of a new session.
    pub fn begin_session(&self) -> String {
        let client = json!({"name": "test", "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        let hello = self.post(&[], &json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
        assert_eq!(hello.message()["result"]["protocolVersion"], "2025-11-25", "{}", hello.body);
        let session = hello.header("mcp-session-id").expect("a session").to_owned();
        let done = self.post(&[("Mcp-Session-Id", &session)], &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        assert_eq!(done.status, 202, "{}", done.body);
        session
    }

    /// What is sent for a request of `era`: a session's id, or [`MODERN`].
    pub fn request(&self, era: &str, id: u64, method: &str, mut params: Value) -> TcpStream {
        let message = |params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string();
        if era != MODERN {
            return self.send("POST", "/mcp", &[("Mcp-Session-Id", era)], &message(params));
        }
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let name = ["name", "uri"].iter().find_map(|key| params[*key].as_str()).unwrap_or_default().to_owned();
        let headers = [("MCP-Protocol-Version", MODERN), ("Mcp-Method", method), ("Mcp-Name", &name)];
        self.send("POST", "/mcp", &headers, &message(params))
    }

    pub fn answer(&self, era: &str, method: &str, params: Value) -> Value {
        Answer::of(self.request(era, 7, method, params)).message()
    }

    pub fn call(&self, era: &str, tool: &str, arguments: Value) -> Value {
        self.answer(era, "tools/call", json!({"name": tool, "arguments": arguments}))["result"].take()
    }

    pub fn listen(&self, session: &str) -> EventStream {
        EventStream::of(self.send("GET", "/mcp", &[("Mcp-Session-Id", session)], ""))
    }

    pub fn pid(&self) -> u32 {
        self.process.0.id()
    }

    pub fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Answer {
    pub fn of(stream: TcpStream) -> Answer {
        let mut text = String::new();
        let read = BufReader::new(stream).read_to_string(&mut text);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{read:?} {text}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{head}"));
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The last message of the body, be it JSON or a stream of events.
    pub fn message(&self) -> Value {
        let last = self.body.lines().filter_map(|line| line.strip_prefix("data: ")).rfind(|data| !data.is_empty());
        let text = last.unwrap_or(&self.body);
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {} {}", self.head, self.body))
    }
}

impl EventStream {
    pub fn of(stream: TcpStream) -> EventStream {
        let mut stream = EventStream(BufReader::new(stream));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(stream.0.read_line(&mut head).unwrap(), 0, "{head}");
        }
        assert!(head.contains(" 200 ") && head.contains("text/event-stream"), "{head}");
        stream
    }

    /// The next message; `None` at the end.
    pub fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line).expect("in time") == 0 {
                return None;
            }
            if let Some(data) = line.trim_end().strip_prefix("data: ").filter(|data| !data.is_empty()) {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }

    /// The next notification of this method.
    pub fn notice(&mut self, method: &str) -> Value {
        loop {
            let message = self.next().unwrap_or_else(|| panic!("no {method}"));
            if message["method"] == method {
                return message;
            }
        }
    }
}
