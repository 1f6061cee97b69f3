//! What is recorded: the captured runs of tests/fixtures, lived again and again by a hundred coders at a time.

use std::{fs, sync::LazyLock};

use ai_coder_events::{
    event::{Body, Draft, EventType, Key},
    history::{Entry, Options, Writer},
    source::{Agent, HookContext, Transcript, read_hook},
};
use serde_json::Value;

/// How often a coder lives through its run: captured runs are short.
const TURNS: usize = 20;
/// Coders that work at the same time.
pub const CODERS: usize = 100;

/// Hooks of Claude Code, then session logs of Codex.
const HOOKS: [&str; 5] = ["main", "tui", "subagent", "tasks", "429"];
const ROLLOUTS: [&str; 2] = [
    "main/rollout-2026-11-22T18-58-41-01a2049f-f440-71d3-8039-ea526877782a",
    "patch/rollout-2026-11-22T19-01-19-01a204a2-5da4-7bc1-8fd4-c422b2741489",
];

/// One captured run after the other.
static LIVES: LazyLock<Vec<Draft>> =
    LazyLock::new(|| HOOKS.iter().flat_map(hooks).chain(ROLLOUTS.iter().flat_map(rollout)).collect());

/// The `n`th draft as a program sends it that has no ids of its own: progress, output, files and calls, no keys, no conditions.
pub fn plain(n: usize) -> Draft {
    let coder = format!("builder-{:02}", n % CODERS);
    // Of each coder, something of everything.
    match n / CODERS % 20 {
        0 => Draft::new(EventType::Started, coder),
        1..=6 => Draft::progress(coder, (n % 1000) as f64 / 1000.0, "Bash", "Bash: cargo test --workspace --all-features"),
        7..=9 => Draft::workspace(coder, "modify", &format!("/home/dev/work/{:02}/src/module_{}.rs", n % CODERS, n % 500)),
        10..=12 => Draft::provider(coder, "anthropic", "claude-opus-5-5").with("request_id", format!("req_{n:012}")),
        13 => Draft::resource(coder, 512, 80.0, 20),
        _ => Draft::new(EventType::Output, coder).with("text", "test session::tests::rejects_an_expired_token ... ok\n"),
    }
}

/// The `n`th draft: of coder `n % CODERS`, who lives one run after the other, each as a new coder.
pub fn realistic(n: usize) -> Draft {
    let (slot, step) = (n % CODERS, n / CODERS);
    // Not all at the same place of the same run.
    let step = step + slot * 3;
    let (turn, draft) = (step / LIVES.len(), LIVES[step % LIVES.len()].clone());
    relived(draft, &format!("{slot:02}-{:04}", turn / TURNS), &format!("{slot:02}-{turn}"), &format!("/home/dev/work/{slot:02}/"))
}

/// The same at another turn of another session, in a workspace that is its slot's own.
fn relived(mut draft: Draft, life: &str, turn: &str, workspace: &str) -> Draft {
    if let Body::Workspace(fields) = &mut draft.body
        && let Some(path) = &mut fields.file_path
    {
        *path = path.replace("/home/dev/work/", workspace);
    }
    let coder = |id: &str| format!("{id}-{life}");
    let fact = |key: &str| format!("{key}-{turn}");
    draft.coder_id = coder(&draft.coder_id);
    if let Some(Value::String(parent)) = draft.data.get_mut("parent_coder_id") {
        *parent = coder(parent);
    }
    draft.key = match draft.key {
        Key::Natural(natural) => Key::Natural(fact(&natural)),
        Key::Repeat(repeat) => Key::Repeat(fact(&repeat)),
        Key::Either { natural, repeat } => Key::Either { natural: fact(&natural), repeat: fact(&repeat) },
        Key::Several { ids, older, repeat } => Key::Several {
            ids: ids.iter().map(|id| fact(id)).collect(),
            older: older.map(|older| fact(&older)),
            repeat: repeat.map(|repeat| fact(&repeat)),
        },
        other => other,
    };
    draft
}

fn fixture(name: &str) -> String {
    fs::read_to_string(format!("{}/tests/fixtures/{name}.jsonl", env!("CARGO_MANIFEST_DIR")))
        .expect("a fixture of this repository")
}

fn hooks(name: &&str) -> Vec<Draft> {
    let told = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("fixtures are JSON");
        read_hook(Agent::ClaudeCode, line["payload"].to_string().as_bytes(), &HookContext::default()).expect("a known hook")
    };
    fixture(&format!("claude-code/{name}")).lines().flat_map(told).collect()
}

fn rollout(name: &&str) -> Vec<Draft> {
    let mut log = Transcript::new(Agent::Codex, &format!("{name}.jsonl")).expect("the name of a rollout");
    let text = fixture(&format!("codex/{name}"));
    let mut drafts: Vec<Draft> = text.lines().flat_map(|line| log.line(line.as_bytes()).expect("a known line")).collect();
    drafts.extend(log.end());
    // As it happens, not as it happened.
    drafts.into_iter().map(|draft| Draft { timestamp: None, ..draft }).collect()
}

/// Entries for `events` from the `from`th on, in batches.
pub fn batches(draft: fn(usize) -> Draft, from: usize, events: usize, batch: usize) -> Vec<Vec<Entry>> {
    (from..from + events)
        .step_by(batch)
        .map(|start| (start..(from + events).min(start + batch)).map(|n| Entry::from(draft(n))).collect())
        .collect()
}

pub fn fill(options: &Options, events: usize) {
    fill_with(options, events, realistic);
}

pub fn fill_with(options: &Options, events: usize, draft: impl Fn(usize) -> Draft) {
    let mut writer = Writer::new(options);
    for start in (0..events).step_by(1024) {
        let batch = (start..events.min(start + 1024)).map(|n| Entry::from(draft(n))).collect();
        writer.append(batch).expect("the bench's history can be written");
    }
}
