//! The keeper: who starts it, what it takes, when it leaves, and that nobody waits for it.

mod folders;
mod following;

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::home::{Home, Running, Said, feed};

/// Long enough that only what never comes runs into it.
const LIMIT: Duration = Duration::from_secs(60);
const LOGS: &str = include_str!("../fixtures/otlp/claude-code-logs.json");

/// A home whose hooks start keepers, which end with it.
struct KeptHome(Home);

impl KeptHome {
    fn new() -> KeptHome {
        KeptHome::with("")
    }

    fn with(keeper: &str) -> KeptHome {
        let home = Home::new();
        home.configure(&format!("[hook]\nbudget_ms = 10000\n[keeper]\n{keeper}\n"));
        KeptHome(home)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.0.command(words);
        command.env_remove("AI_CODER_EVENTS_KEEPER");
        command
    }

    fn hook_command(&self) -> Command {
        let mut command = self.0.hook_program(&["claude-code"]);
        command.env_remove("AI_CODER_EVENTS_KEEPER");
        command
    }

    fn hook(&self, payload: &Value) {
        silent(&feed(self.hook_command(), payload.to_string().as_bytes()));
    }

    fn begin(&self, session: &str) {
        self.hook(&json!({"hook_event_name": "SessionStart", "session_id": session, "cwd": "/repo/shop", "source": "startup"}));
    }

    fn status(&self) -> Value {
        let said = feed(self.command(&["keep", "--status", "--json"]), b"");
        let status: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
        assert_eq!(said.code, Some(i32::from(status["running"] != true)), "{status}");
        status
    }

    /// What it says of itself once that is so.
    fn status_when(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        wait_for(|| Some(self.status()).filter(|status| is_so(status)))
    }

    fn running(&self) -> Value {
        self.status_when(|status| status["running"] == true)
    }

    fn pid(&self) -> u64 {
        self.running()["pid"].as_u64().unwrap()
    }

    /// Returns when its lock is free: its threads do not all end at once.
    fn kill(&self) {
        kill(self.pid(), "-KILL");
        let seat = fs::File::open(self.0.history().with_extension("keeper")).unwrap();
        wait_for(|| seat.try_lock().ok());
    }

    fn secret(&self) -> String {
        fs::read_to_string(self.0.history().with_extension("secret")).unwrap().trim().to_owned()
    }
}

impl Drop for KeptHome {
    fn drop(&mut self) {
        feed(self.command(&["keep", "--stop"]), b"");
    }
}

fn silent(said: &Said) {
    assert_eq!(*said, Said { code: Some(0), stdout: String::new(), stderr: String::new() });
}

fn wait_for<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "it does not come");
        thread::sleep(Duration::from_millis(20));
    }
}

fn kill(pid: u64, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

fn is_there(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn post(port: u64, path: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
}

/// What one says that receives, and one that cannot: all that there is to tell.
pub fn told_statuses() -> [Value; 2] {
    let home = KeptHome::new();
    home.begin("a");
    let port = home.running()["port"].as_u64().unwrap();
    assert_eq!(post(port, &format!("/k/{}/v1/logs", home.secret()), LOGS), 200);
    let without = KeptHome::with(&format!("port = {port}"));
    without.begin("a");
    [home.status_when(|status| status["exports"] == 1), without.running()]
}

#[test]
fn the_first_hook_starts_it_and_no_other() {
    let home = KeptHome::new();
    assert_eq!(home.status(), json!({"running": false}));
    home.begin("a");
    let first = home.running();
    home.begin("b");
    home.hook(&json!({"hook_event_name": "SessionEnd", "session_id": "b", "reason": "other"}));
    assert_eq!(home.status()["pid"], first["pid"]);
    assert_eq!(first["version"], env!("CARGO_PKG_VERSION"));
    let said = feed(home.command(&["keep"]), b"");
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    assert!(said.stderr.contains(&format!("kept already, by process {}", first["pid"])), "{}", said.stderr);

    let pid = home.pid();
    silent(&feed(home.command(&["keep", "--stop"]), b""));
    wait_for(|| (!is_there(pid)).then_some(()));
    let said = feed(home.command(&["keep", "--status"]), b"");
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), "no keeper is at work: the next hook starts one\n"));
}

#[test]
fn forty_hooks_at_once_start_one() {
    let home = KeptHome::new();
    let hooks: Vec<Child> = (0..40)
        .map(|nth| {
            let mut hook = home.hook_command().stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            let payload =
                json!({"hook_event_name": "SessionStart", "session_id": format!("s{nth}"), "cwd": "/w", "source": "startup"});
            hook.stdin.take().unwrap().write_all(payload.to_string().as_bytes()).unwrap();
            hook
        })
        .collect();
    hooks.into_iter().for_each(|hook| assert!(Running(hook).0.wait().unwrap().success()));
    home.running();
    assert_eq!(keepers_of(home.0.path()).len(), 1);
    assert_eq!(home.0.json(&["coders", "--limit", "0"]).len(), 40);
}

/// The processes whose command names this home's history.
fn keepers_of(home: &Path) -> Vec<u64> {
    let is_keeper = |command: &[u8]| {
        let command = String::from_utf8_lossy(command);
        command.contains("\0keep\0") && command.contains(home.to_str().unwrap())
    };
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.unwrap();
        let pid: u64 = entry.file_name().to_str()?.parse().ok()?;
        is_keeper(&fs::read(entry.path().join("cmdline")).ok()?).then_some(pid)
    });
    processes.filter(|pid| is_there(*pid)).collect()
}

#[test]
fn who_kills_it_finds_another_at_the_next_hook() {
    let home = KeptHome::new();
    home.begin("a");
    let first = home.pid();
    home.kill();
    home.begin("b");
    assert_ne!(home.pid(), first);
    assert_eq!(home.0.json(&["coders"]).len(), 2);
    home.0.ok(&["check"]);
}

#[test]
fn what_agents_export_is_recorded_under_the_secret_alone() {
    let home = KeptHome::new();
    home.begin("a");
    let port = home.running()["port"].as_u64().expect("it receives");
    let secret = home.secret();
    assert_eq!(post(port, &format!("/k/{secret}/v1/logs"), LOGS), 200);
    for skipped in ["metrics", "traces"] {
        assert_eq!(post(port, &format!("/k/{secret}/v1/{skipped}"), "no export"), 200, "it is not even read");
    }
    let wrong = format!("/k/{}/v1/logs", "0".repeat(32));
    for path in ["/v1/logs", &wrong, "/k//v1/logs", "/"] {
        assert_eq!(post(port, path, LOGS), 404, "{path}");
    }
    assert_eq!(post(port, &format!("/k/{secret}/v1/other"), "{}"), 404);
    assert_ne!(home.0.json(&["list", "--type", "api_call"]), [] as [Value; 0]);
    let status = home.status_when(|status| status["strayed"] == 4);
    assert_eq!((&status["exports"], &status["last_export"].is_string()), (&json!(1), &true), "{status}");
    let told = feed(home.command(&["keep", "--status"]), b"").stdout;
    assert!(told.contains("turned away without the secret: 4 requests"), "{told}");
    assert!(!told.contains(&secret) && !fs::read_to_string(home.0.history().with_extension("keeper")).unwrap().contains(&secret));
}

/// The port listens before the keeper does: nothing is refused while it starts.
#[test]
fn an_export_that_comes_at_once_is_taken() {
    for _ in 0..5 {
        let home = KeptHome::new();
        let setup = feed(home.command(&["setup", "claude-code", "--json"]), b"");
        let endpoint =
            setup.stdout.split("http://127.0.0.1:").nth(1).expect("an endpoint").split('\\').next().unwrap().to_owned();
        let (port, path) = endpoint.split_once('/').unwrap();
        home.begin("a");
        assert_eq!(post(port.parse().unwrap(), &format!("/{path}/v1/logs"), LOGS), 200);
    }
}

#[test]
fn it_leaves_after_the_last_sign_of_life() {
    let home = KeptHome::with("leaves_after = \"1s\"");
    let mut agent = Command::new("sleep").arg("600").spawn().map(Running).unwrap();
    let mut hook = home.hook_command();
    hook.env("CLAUDE_PID", agent.0.id().to_string());
    silent(&feed(hook, br#"{"hook_event_name":"SessionStart","session_id":"a","cwd":"/w","source":"startup"}"#));
    let pid = home.pid();
    // One that began later, for whom no agent lives, leaves.
    let idle = KeptHome::with("leaves_after = \"1s\"");
    idle.begin("a");
    let idle = idle.pid();
    wait_for(|| (!is_there(idle)).then_some(()));
    assert!(is_there(pid), "an agent lives");
    agent.0.kill().unwrap();
    agent.0.wait().unwrap();
    wait_for(|| (!is_there(pid)).then_some(()));
    assert_eq!(home.0.json(&["coders"])[0]["status"], "failed", "its end is on the record");
    home.begin("b");
    assert_ne!(home.pid(), pid);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let home = KeptHome::new();
    let port = {
        home.begin("a");
        let port = home.running()["port"].as_u64().unwrap();
        feed(home.command(&["keep", "--stop"]), b"");
        port
    };
    let foreign = TcpListener::bind(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    home.begin("b");
    let status = home.running();
    assert_eq!(status["port"], Value::Null);
    assert!(status["no_port"].as_str().unwrap().contains(&format!("port {port} is another program's")), "{status}");
    drop(foreign);
}

#[test]
fn who_wants_none_has_none() {
    let home = KeptHome::with("enabled = false");
    home.begin("a");
    let told = feed(home.command(&["keep", "--status"]), b"").stdout;
    assert_eq!(told, "no keeper is at work, and hooks start none: it is switched off\n");
    assert!(!home.0.history().with_extension("keeper").exists());
    let setup = feed(home.command(&["setup", "gemini"]), b"");
    assert!(!setup.stdout.contains("otlpEndpoint"), "{}", setup.stdout);

    let home = KeptHome::new();
    let mut hook = home.hook_command();
    hook.env("AI_CODER_EVENTS_KEEPER", "off");
    silent(&feed(hook, br#"{"hook_event_name":"SessionStart","session_id":"a","cwd":"/w","source":"startup"}"#));
    assert!(!home.0.history().with_extension("keeper").exists());
}

/// An agent waits until its hook's output is closed, and whoever started the agent until the agent's is.
#[test]
fn nobody_waits_for_it() {
    let home = KeptHome::new();
    let hook = home.hook_command();
    let mut shell = Command::new("sh");
    // Another descriptor that the agent left open: the reader of this pipe sees its end only when nobody has it.
    shell.args(["-c", "exec 9>&1; \"$0\" claude-code"]).arg(hook.get_program()).env_clear().current_dir(home.0.path());
    shell.envs(hook.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let started = Instant::now();
    let said = feed(shell, br#"{"hook_event_name":"SessionStart","session_id":"a","cwd":"/w","source":"startup"}"#);
    silent(&said);
    assert!(started.elapsed() < LIMIT / 2);
    let pid = home.pid();
    let session = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = session.rsplit_once(") ").unwrap().1.split(' ').nth(3).unwrap().to_owned();
    assert_eq!(session, pid.to_string(), "it has a session of its own");
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("CLAUDE_"), "nothing of the agent's");
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
}

#[test]
fn an_older_one_makes_way() {
    let home = KeptHome::new();
    home.begin("a");
    let pid = home.pid();
    let file = home.0.history().with_extension("keeper");
    let mut status: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    status["version"] = "0.0.9".into();
    fs::write(&file, status.to_string()).unwrap();
    home.begin("b");
    wait_for(|| (!is_there(pid)).then_some(()));
    home.begin("c");
    assert_ne!(home.pid(), pid);
}

/// By another process: one that this one holds open for writing, and children of other tests with it, cannot be started.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").args([from, to]).status().unwrap().success());
}

#[test]
fn a_program_in_the_place_of_its_own_takes_over() {
    let home = KeptHome::new();
    let folder = home.0.path().join("bin");
    fs::create_dir(&folder).unwrap();
    for program in [env!("CARGO_BIN_EXE_ai-coder-events"), env!("CARGO_BIN_EXE_ai-coder-events-hook")] {
        copy(Path::new(program), &folder.join(Path::new(program).file_name().unwrap()));
    }
    let hook = home.hook_command();
    let mut command = Command::new(folder.join("ai-coder-events-hook"));
    command.args(hook.get_args()).env_clear().envs(hook.get_envs().filter_map(|(name, value)| Some((name, value?))));
    silent(&feed(command, br#"{"hook_event_name":"SessionStart","session_id":"a","cwd":"/w","source":"startup"}"#));
    let before = home.running();
    let (new, old) = (folder.join("new"), folder.join("ai-coder-events"));
    copy(&old, &new);
    fs::rename(&new, &old).unwrap();
    let after = home.status_when(|status| status["running"] == true && status["since"] != before["since"]);
    assert_eq!((&after["pid"], &after["port"]), (&before["pid"], &before["port"]), "the same process, another program");
    assert_eq!(post(after["port"].as_u64().unwrap(), &format!("/k/{}/v1/logs", home.secret()), LOGS), 200);
}
