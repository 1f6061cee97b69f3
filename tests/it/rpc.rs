//! A client of either protocol era: raw JSON-RPC lines over the pipes of a real `serve`.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::home::{Home, Running};

/// Longer than anything here takes; a hang then fails with a message.
const LIMIT: Duration = Duration::from_secs(30);

/// How a client speaks.
#[derive(Clone, Debug)]
pub enum Era {
    /// A handshake for this version.
    Handshake(&'static str),
    /// Every request for itself, with these capabilities.
    Modern(Value),
}

pub fn old() -> Era {
    Era::Handshake("2025-11-25")
}

pub fn modern() -> Era {
    Era::Modern(json!({}))
}

pub struct Client {
    child: Running,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    era: Era,
    last_id: u64,
    /// What came without being asked for, in order, until a test takes it.
    notices: Vec<Value>,
    /// Answers that came before they were waited for.
    early: Vec<Value>,
}

impl Client {
    /// Starts `serve` with these flags and says hello.
    pub fn start(home: &Home, flags: &[&str], era: Era) -> Client {
        let mut client = Client::silent(home, flags, era.clone());
        if let Era::Handshake(version) = era {
            let hello = client.request(
                "initialize",
                json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}),
            );
            assert_eq!(hello["result"]["protocolVersion"], version);
            client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        }
        client
    }

    pub fn silent(home: &Home, flags: &[&str], era: Era) -> Client {
        let mut command = home.command(&[&["serve"], flags].concat());
        let mut child = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let (stdin, stdout) = (child.0.stdin.take(), child.0.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let line = line.unwrap();
                let message: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                // An answer bears the id of its request, whatever that is.
                let id = message.get("id").unwrap_or(&Value::Null).to_string();
                assert_eq!(line.matches(is_unwelcome).count(), id.matches(is_unwelcome).count(), "{line:?}");
                message
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(name, _)| *name != "id")
                    .for_each(|(_, value)| assert_clean(value));
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Client { child, stdin, lines, era, last_id: 0, notices: Vec::new(), early: Vec::new() }
    }

    /// A client that has said hello and reads nothing after that.
    pub fn deaf(home: &Home) -> Client {
        let mut command = home.command(&["serve"]);
        let mut child = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let stdin = child.0.stdin.take();
        let (_, lines) = mpsc::channel();
        let era = Era::Handshake("2025-11-25");
        let mut client = Client { child, stdin, lines, era, last_id: 0, notices: Vec::new(), early: Vec::new() };
        client.begin(
            "initialize",
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}),
        );
        // It is up once it has said hello; from then on nothing is read.
        let mut hello = [0];
        client.child.0.stdout.as_mut().unwrap().read_exact(&mut hello).unwrap();
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().expect("input is open").write_all(bytes).unwrap();
    }

    pub fn send(&mut self, message: &Value) {
        let stdin = self.stdin.as_mut().expect("input is open");
        writeln!(stdin, "{message}").unwrap();
    }

    /// Sends a request without waiting; its id.
    pub fn begin(&mut self, method: &str, mut params: Value) -> u64 {
        self.last_id += 1;
        if let Era::Modern(capabilities) = &self.era {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities.clone();
            params["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({"name": "test", "version": "1"});
        }
        self.send(&json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}));
        self.last_id
    }

    /// The whole answer to a request.
    pub fn answer(&mut self, id: u64) -> Value {
        self.answer_to(&id.into())
    }

    pub fn answer_to(&mut self, id: &Value) -> Value {
        if let Some(at) = self.early.iter().position(|message| message["id"] == *id) {
            return self.early.remove(at);
        }
        loop {
            let message = self.lines.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("no answer to {id}"));
            match message.get("id") {
                Some(answered) if answered == id => return message,
                Some(_) => self.early.push(message),
                None => self.notices.push(message),
            }
        }
    }

    /// The next so many answers, to whatever request.
    pub fn next_answers(&mut self, count: usize) -> Vec<Value> {
        let mut answers: Vec<Value> = self.early.drain(..self.early.len().min(count)).collect();
        while answers.len() < count {
            let message = self.lines.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("{} of {count} answers", answers.len()));
            if message.get("id").is_some() { answers.push(message) } else { self.notices.push(message) }
        }
        answers
    }

    /// The next list of answers.
    pub fn list(&mut self) -> Vec<Value> {
        loop {
            match self.lines.recv_timeout(LIMIT).expect("a list") {
                Value::Array(list) => return list,
                other => self.notices.push(other),
            }
        }
    }

    /// The next error that says of no request that it answers it.
    pub fn error_without_id(&mut self) -> Value {
        let is_it = |message: &Value| message.get("id").is_none_or(Value::is_null) && message.get("error").is_some();
        if let Some(at) = self.notices.iter().position(is_it) {
            return self.notices.remove(at);
        }
        loop {
            let message = self.lines.recv_timeout(LIMIT).expect("an error without an id");
            match message.get("id") {
                _ if is_it(&message) => return message,
                Some(_) => self.early.push(message),
                None => self.notices.push(message),
            }
        }
    }

    /// The notification of this method that belongs to the subscription `id`.
    pub fn notice_of(&mut self, method: &str, id: u64) -> Value {
        loop {
            let notice = self.notice(method);
            if notice["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == id {
                return notice;
            }
        }
    }

    pub fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        self.answer(id)
    }

    /// The result of a request that succeeds.
    pub fn result(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.request(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The code of a request that fails.
    pub fn error_code(&mut self, method: &str, params: Value) -> i64 {
        let answer = self.request(method, params);
        answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("{method} succeeded: {answer}"))
    }

    pub fn begin_call(&mut self, tool: &str, arguments: Value) -> u64 {
        self.begin("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// The structured content of a call that succeeds, once it was compared with the text.
    pub fn called(&mut self, id: u64) -> Value {
        let answer = self.answer(id);
        let result = &answer["result"];
        assert_eq!(result["isError"], false, "{answer}");
        let text = result["content"][0]["text"].as_str().expect("text");
        let structured = result["structuredContent"].clone();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), structured);
        assert!(text.chars().count() < 40_000 && structured.to_string().chars().count() < 40_000, "{}", text.len());
        structured
    }

    pub fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let id = self.begin_call(tool, arguments);
        self.called(id)
    }

    /// What a call that fails tells the model.
    pub fn refused(&mut self, tool: &str, arguments: Value) -> String {
        let id = self.begin_call(tool, arguments);
        let answer = self.answer(id);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert!(answer["result"].get("structuredContent").is_none(), "{answer}");
        answer["result"]["content"][0]["text"].as_str().expect("text").to_owned()
    }

    /// Waits for a notification of this method; what came before it is dropped.
    pub fn notice(&mut self, method: &str) -> Value {
        let is_it = |message: &Value| message["method"] == method;
        if let Some(at) = self.notices.iter().position(is_it) {
            return self.notices.drain(..=at).next_back().unwrap();
        }
        self.notices.clear();
        loop {
            let message = self.lines.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("no {method}"));
            if message.get("id").is_some() {
                self.early.push(message);
            } else if is_it(&message) {
                return message;
            }
        }
    }

    /// Takes the notifications that came by now.
    pub fn notices(&mut self) -> Vec<Value> {
        let (answers, notices): (Vec<_>, Vec<_>) = self.lines.try_iter().partition(|message| message.get("id").is_some());
        self.early.extend(answers);
        self.notices.drain(..).chain(notices).collect()
    }

    /// Megabytes of memory the server ever held; 0 where the system does not tell.
    pub fn memory_peak_mb(&self) -> u64 {
        memory_peak_mb(self.child.0.id())
    }

    /// Takes no more answers from a deaf client's server: whatever it writes from here on fails.
    pub fn close_output(&mut self) {
        drop(self.child.0.stdout.take());
    }

    /// Ends its input, and says how and how quickly it ended.
    pub fn close(&mut self) -> (ExitStatus, Duration) {
        drop(self.stdin.take());
        self.ended()
    }

    pub fn signal(&mut self, name: &str) -> (ExitStatus, Duration) {
        let process = self.child.0.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &process]).status().unwrap().success());
        self.ended()
    }

    /// Says how it ended by itself, and how quickly.
    pub fn ended(&mut self) -> (ExitStatus, Duration) {
        let since = Instant::now();
        (end_of(&mut self.child.0), since.elapsed())
    }
}

/// Nothing in any text moves a cursor, turns text round, or hides.
pub fn assert_clean(value: &Value) {
    match value {
        Value::String(text) => assert!(!text.contains(is_unwelcome), "{text:?}"),
        Value::Array(items) => items.iter().for_each(assert_clean),
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            assert!(!name.contains(is_unwelcome), "{name:?}");
            assert_clean(value);
        }),
        _ => {}
    }
}

fn is_unwelcome(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{061C}' | '\u{200B}' | '\u{200C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
}

/// Megabytes of memory a process ever held; 0 where the system does not tell.
pub fn memory_peak_mb(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

fn end_of(child: &mut Child) -> ExitStatus {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(since.elapsed() < LIMIT, "it does not end");
        thread::sleep(Duration::from_millis(1));
    }
}
