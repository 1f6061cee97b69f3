//! `watch --web`: who may look, what the page says, and that it follows whoever writes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::home::{Home, Running};

/// A page that is shown.
struct Shown {
    watch: Running,
    _said: BufReader<ChildStdout>,
    host: String,
    token: String,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// What follows comes within this.
const LIMIT: Duration = Duration::from_secs(60);
const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&</td>";

impl Shown {
    fn start(home: &Home, words: &[&str]) -> Shown {
        let mut command = home.command(&[&["watch", "--web"], words].concat());
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut watch = Running(child);
        let mut said = BufReader::new(watch.0.stdout.take().unwrap());
        let mut address = String::new();
        said.read_line(&mut address).unwrap();
        let (host, token) = address.trim_end().strip_prefix("http://").unwrap().split_once("/?token=").unwrap();
        Shown { watch, _said: said, host: host.to_owned(), token: token.to_owned() }
    }

    fn ask(&self, path: &str, headers: &[(&str, &str)]) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut head = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head.push_str(&format!("Host: {}\r\n", self.host));
        }
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        BufReader::new(stream)
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut whole = String::new();
        self.ask(path, headers).read_to_string(&mut whole).unwrap();
        let (head, body) = whole.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{whole}"));
        Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), head: head.to_lowercase(), body: body.to_owned() }
    }

    fn cookie(&self) -> String {
        let answer = self.get(&format!("/?token={}", self.token), &[]);
        let cookie =
            answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap_or_else(|| panic!("{}", answer.head));
        assert!(cookie.contains("; httponly; samesite=strict"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }
}

/// The next parts that the server tells.
fn parts(stream: &mut BufReader<TcpStream>) -> Value {
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ended");
        if let Some(data) = line.strip_prefix("data: ") {
            return serde_json::from_str(data).unwrap();
        }
    }
}

#[test]
fn nobody_sees_anything_without_the_address_that_was_printed() {
    let home = Home::new();
    home.record(&[r#"{"type":"started","coder_id":"secret-work"}"#]);
    let shown = Shown::start(&home, &[]);
    let cookie = shown.cookie();
    let check = |path: &str, headers: &[(&str, &str)], status: u16| {
        let answer = shown.get(path, headers);
        assert_eq!(answer.status, status, "{path} {headers:?}: {}", answer.body);
        assert_eq!(answer.body.contains("secret-work"), status == 200 && path == "/", "{path} {headers:?}");
        for policy in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "nosniff", "no-store"] {
            assert!(answer.head.contains(policy), "{path}: {policy}: {}", answer.head);
        }
    };
    check("/", &[("Cookie", &cookie)], 200);
    check("/", &[], 403);
    check("/changes", &[], 403);
    check("/?token=", &[], 403);
    check(&format!("/?token={}0", shown.token), &[], 403);
    check("/", &[("Cookie", &format!("{cookie}0"))], 403);
    for path in ["/", "/changes"] {
        check(path, &[("Cookie", &cookie), ("Host", "rebound.example.com")], 403);
        check(path, &[("Cookie", &cookie), ("Origin", "https://example.com")], 403);
        check(path, &[("Cookie", &cookie), ("Sec-Fetch-Site", "cross-site")], 403);
    }
    check("/../history.db", &[("Cookie", &cookie)], 404);
    let script = shown.get("/live.js", &[]);
    assert!(script.body.contains("EventSource") && script.head.contains("text/javascript"), "{}", script.head);
    assert_eq!(shown.get("/page.css", &[]).status, 200);
}

#[test]
fn the_page_follows_whoever_writes_and_shows_markup_as_text() {
    let home = Home::new();
    let line =
        |kind: &str, more: &str| format!(r#"{{"type":"{kind}","coder_id":"a","coder_name":{}{more}}}"#, Value::from(HOSTILE));
    home.record(&[&line("started", ""), &line("prompt", &format!(r#","text":{}"#, Value::from(HOSTILE)))]);
    let shown = Shown::start(&home, &["type:prompt"]);
    let cookie = shown.cookie();
    let page = shown.get("/", &[("Cookie", &cookie)]);
    assert_eq!(page.status, 200);
    let escaped = "&lt;img src=x onerror=alert(1)&gt;";
    assert!(page.body.contains(escaped) && page.body.contains("running") && !page.body.contains("<img"), "{}", page.body);

    let mut stream = shown.ask("/changes", &[("Cookie", &cookie)]);
    let all = parts(&mut stream);
    let names: Vec<_> = all.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["coders", "events", "facts", "lanes", "title"]);
    assert_eq!(all["title"], "coders");
    assert!(!all.to_string().contains("<img"), "{all}");
    // Another process writes; only what became another is told.
    home.record(&[&line("output", r#","text":"not asked for""#), &line("paused", r#","reason":"permission""#)]);
    let changed = loop {
        let changed = parts(&mut stream);
        assert_eq!(changed.get("events"), None, "{changed}");
        if changed["title"] == "(1) coders" {
            break changed;
        }
    };
    assert!(changed["coders"].as_str().unwrap().contains("waits for permission"), "{changed}");
    home.record(&[&line("prompt", r#","text":"go on""#)]);
    while !parts(&mut stream)["events"]
        .as_str()
        .is_some_and(|events| events.contains("go on") && !events.contains("not asked for"))
    {}
    // Who comes back has all of it.
    let mut again = shown.ask("/changes", &[("Cookie", &cookie), ("Last-Event-ID", "7")]);
    assert!(parts(&mut again)["events"].as_str().unwrap().contains("go on"));
    assert_eq!(home.json(&["stats"])[0]["total_events"], 5, "nothing is written");
}

#[test]
fn ctrl_c_ends_it_whoever_looks() {
    let home = Home::new();
    let mut shown = Shown::start(&home, &[]);
    let cookie = shown.cookie();
    let mut stream = shown.ask("/changes", &[("Cookie", &cookie)]);
    parts(&mut stream);
    let process = shown.watch.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &process]).status().unwrap().success());
    assert_eq!(shown.watch.0.wait().unwrap().code(), Some(130));
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
}

#[test]
fn a_wrong_address_is_told() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = home.run(&["watch", "--web", &address]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("choose another address"), "{said:?}");
    let said = home.run(&["watch", "--web", "127.0.0.1"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(home.run(&["watch", "--open"]).code, Some(2));
}
