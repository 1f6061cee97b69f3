//! What a hook costs its agent: from spawn to exit, the event durable. Beside it what it cannot do without: a process at all
//! (`/bin/true`), and a process of its program (`--version`); the same as a command of the whole program; and what a hook as a script
//! would cost before it does anything.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use ai_coder_events::history::Options;

use super::{
    growth::SIZES,
    recording::fill,
    server::{Server, hook_program, program},
    times::Times,
};

const ROUNDS: usize = 300;
/// An interpreter takes long, and is only there for comparison.
const SCRIPT_EVERY: usize = 10;
const SCRIPT: &str = "import json, sys; json.load(sys.stdin)";

pub fn hook() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let large = Options::new(folder.path().join("large.db"));
    fill(&large, SIZES[1]);
    let empty = folder.path().join("empty.db");
    for (name, db) in [("empty", &empty), ("a million events", &large.path)] {
        measure(&format!("{name}, alone"), db);
        let server = Server::start(db, &[]);
        measure(&format!("{name}, a server beside it"), db);
        drop(server);
    }
}

/// In turn, so that a noisy moment touches all of them.
fn measure(name: &str, db: &Path) {
    let [mut truth, mut start, mut python, mut hook, mut command] = [const { Times(Vec::new()) }; 5];
    for round in 0..ROUNDS {
        let payload_of = |id: &str| {
            format!(
                r#"{{"hook_event_name":"PostToolUse","session_id":"bench","cwd":"/w","tool_name":"Edit","tool_use_id":"{id}{round}-{name}",
                 "tool_input":{{"file_path":"/w/src/lib.rs"}},"tool_response":{{"filePath":"/w/src/lib.rs"}},"duration_ms":3}}"#
            )
        };
        let (payload, other_payload) = (payload_of("t"), payload_of("c"));
        truth.measure(|| run(Command::new("/bin/true"), &payload));
        start.measure(|| {
            let mut version = hook_program(db);
            version.arg("--version");
            run(version, &payload);
        });
        if round % SCRIPT_EVERY == 0 {
            python.measure(|| {
                let mut script = Command::new("python3");
                script.args(["-c", SCRIPT]);
                run(script, &payload);
            });
        }
        // As Claude Code tells its hooks.
        let pid = std::process::id().to_string();
        hook.measure(|| {
            let mut hook = hook_program(db);
            hook.arg("claude-code").env("CLAUDE_PID", &pid);
            run(hook, &payload);
        });
        command.measure(|| {
            let mut hook = program(db, &[]);
            hook.args(["hook", "claude-code"]).env("CLAUDE_PID", &pid);
            run(hook, &other_payload);
        });
    }
    let p50 = |times: &mut Times| times.quantile(0.5).as_secs_f64();
    let (floor, started, script, ours) = (p50(&mut truth), p50(&mut start), p50(&mut python), p50(&mut hook));
    let whole = p50(&mut command);
    println!("{name}: hook {hook}; /bin/true {truth}; --version {start}; as a command {command}; python3 {python}");
    println!(
        "  hook is {:.2} x /bin/true, of which {:.2} x is its program's start; as a command {:.2} x; {:.2} x python3",
        ours / floor,
        started / floor,
        whole / floor,
        ours / script
    );
}

fn run(mut command: Command, payload: &str) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    // `/bin/true` may be gone before it is written to.
    drop(stdin.write_all(payload.as_bytes()));
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}
