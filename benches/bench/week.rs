//! A week on a machine with four agents: 247 coders, 24,500 events. The captured records of tests/fixtures, lived again in
//! other sessions, projects and files at other times, by a generator with a fixed seed; and a few sessions of the last hour,
//! made of captured hooks, that the questions are about.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::SystemTime,
};

use ai_coder_events::{
    event::{Body, Draft, EventType, Key, Time},
    history::{Clock, Entry, Options, Reader, Writer},
    process::Process,
    source::{Agent, HookContext, Transcript, read_hook},
};
use regex::Regex;
use serde_json::{Value, json};

const CODERS: usize = 247;
const EVENTS: usize = 24_500;
/// Of them, what the sessions of the last hour have.
const PRESENT_EVENTS: usize = 43;
const SEED: u64 = 0x5eed_0fa7_7ee4;
/// The last so many seconds of the week belong to the sessions that are asked about.
const LAST_HOUR: i64 = 3_600;

/// What a record is made of, and the session and file that it names.
struct Captured {
    agent: Agent,
    fixture: &'static str,
    /// As the agent calls the file.
    name: &'static str,
    session: &'static str,
    of_a_hundred: u64,
}

const RECORDS: &[Captured] = &[
    captured(Agent::ClaudeCode, "claude-code/main.transcript", "/p/S.jsonl", "bc3dcad7-a00c-4e95-b2f3-4393269863a1", 32),
    captured(Agent::ClaudeCode, "claude-code/tasks.transcript", "/p/S.jsonl", "02e40b45-11d3-4bca-97bd-1292e0b28074", 18),
    captured(Agent::ClaudeCode, "claude-code/429.transcript", "/p/S.jsonl", "e11b7876-d849-4778-808b-24a191f2fda7", 2),
    captured(
        Agent::Codex,
        "codex/main/rollout-2026-11-22T18-58-41-01a2049f-f440-71d3-8039-ea526877782a",
        "rollout-2026-11-22T18-58-41-S.jsonl",
        "01a2049f-f440-71d3-8039-ea526877782a",
        16,
    ),
    captured(
        Agent::Codex,
        "codex/patch/rollout-2026-11-22T19-01-19-01a204a2-5da4-7bc1-8fd4-c422b2741489",
        "rollout-2026-11-22T19-01-19-S.jsonl",
        "01a204a2-5da4-7bc1-8fd4-c422b2741489",
        16,
    ),
    captured(Agent::Gemini, "gemini/session", "/p/S.jsonl", "b7ae9ad1-09d3-4fbc-8110-2b2996c95c51", 8),
    captured(Agent::Copilot, "copilot/events", "/p/S/events.jsonl", "0bd2bb9c-c14a-43ab-b0d7-2af01f57facb", 8),
];

const fn captured(agent: Agent, fixture: &'static str, name: &'static str, session: &'static str, of_a_hundred: u64) -> Captured {
    Captured { agent, fixture, name, session, of_a_hundred }
}

const PROJECTS: [&str; 8] = ["shop", "docs", "billing", "mobile", "infra", "search", "site", "reports"];
const FILES: [&str; 12] = [
    "auth.rs",
    "cart.rs",
    "session.rs",
    "store.rs",
    "main.rs",
    "lib.rs",
    "routes.rs",
    "mailer.rs",
    "cache.rs",
    "report.rs",
    "api.rs",
    "jobs.rs",
];
const VERBS: [&str; 6] = ["Fix", "Refactor", "Document", "Test", "Speed up", "Review"];
const THINGS: [&str; 9] = [
    "the session store so that tokens expire",
    "the flaky checkout test",
    "how refunds are booked twice when the provider answers late",
    "the search index rebuild",
    "the mail templates for invoices",
    "the deploy script of the staging cluster",
    "pagination of the orders table",
    "the cache keys of the catalogue",
    "error messages of the import",
];

/// Numbers that are the same every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 33) % end
    }

    fn of(&mut self, list: &[&'static str]) -> &'static str {
        list[self.below(list.len() as u64) as usize]
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!("{:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff, b >> 52, b & 0xffff_ffff_ffff)
    }
}

/// The sessions that the questions are about.
pub struct Present {
    /// Its tests failed in the last hour.
    pub failed: String,
    /// Works, and is to end.
    pub working: String,
}

/// Fills a history that does not exist yet.
pub fn fill(path: &Path) -> Present {
    let now = Time::from(SystemTime::now());
    let clock = Arc::new(AtomicI64::new(now.micros()));
    let told = Arc::clone(&clock);
    let options = Options { clock: Clock::new(move || Time::from_micros(told.load(Ordering::Relaxed))), ..Options::new(path) };
    let mut week =
        Week { writer: Writer::new(&options), reader: Reader::new(&options), clock, numbers: Numbers(SEED), events: 0, now };
    let mut lives: Vec<Life> = (0..CODERS - PRESENT).map(|_| Life::of(&mut week.numbers, now)).collect();
    lives.sort_by_key(|life| life.start);
    for (index, life) in lives.iter().enumerate() {
        // What is left is shared among those that are left.
        let share = (EVENTS - PRESENT_EVENTS - week.events) / (lives.len() - index);
        week.live(life, share);
    }
    week.present()
}

/// Coders of [`Week::present`].
const PRESENT: usize = 6;

struct Week {
    writer: Writer,
    reader: Reader,
    clock: Arc<AtomicI64>,
    numbers: Numbers,
    events: usize,
    now: Time,
}

/// One session of the past.
struct Life {
    record: &'static Captured,
    session: String,
    project: &'static str,
    task: String,
    start: Time,
    /// Seconds between two of its events.
    pace: i64,
}

impl Life {
    fn of(numbers: &mut Numbers, now: Time) -> Life {
        let mut place = numbers.below(100);
        let record = RECORDS.iter().find(|record| {
            let is_it = place < record.of_a_hundred;
            place = place.saturating_sub(record.of_a_hundred);
            is_it
        });
        let ago = LAST_HOUR + 7_200 + numbers.below(7 * 86_400 - 10_800) as i64;
        Life {
            record: record.unwrap_or(&RECORDS[0]),
            session: numbers.uuid(),
            project: numbers.of(&PROJECTS),
            task: format!("{} {}", numbers.of(&VERBS), numbers.of(&THINGS)),
            start: now.plus(-ago * Time::SECOND),
            pace: 5 + numbers.below(60) as i64,
        }
    }

    /// The record once more, as this session would have kept it in its `turn`th turn.
    fn drafts(&self, turn: usize, numbers: &mut Numbers) -> Vec<Draft> {
        let Captured { agent, fixture, name, session, .. } = *self.record;
        let text = fs::read_to_string(format!("{}/tests/fixtures/{fixture}.jsonl", env!("CARGO_MANIFEST_DIR")))
            .expect("a fixture of this repository");
        let ids = Regex::new(r"\b(toolu_|req_|msg_|call_|resp_|rs_|fc_|chatcmpl-)[A-Za-z0-9_]+").expect("a pattern");
        let files = Regex::new(r"/home/dev/work/demo/[a-z]+\.[a-z]+").expect("a pattern");
        let of_turn = numbers.next();
        let text = ids.replace_all(&text, format!("${{0}}x{of_turn:016x}"));
        let text =
            files.replace_all(&text, |_: &regex::Captures<'_>| format!("/home/dev/{}/src/{}", self.project, numbers.of(&FILES)));
        let text = text.replace("/home/dev/work/demo", &format!("/home/dev/{}", self.project)).replace(session, &self.session);
        let mut log = Transcript::new(agent, &name.replace('S', &self.session)).expect("a record's name");
        let mut drafts: Vec<Draft> = text.lines().flat_map(|line| log.line(line.as_bytes()).unwrap_or_default()).collect();
        drafts.extend(log.end());
        for draft in &mut drafts {
            if let (EventType::Prompt, Body::Progress(fields)) = (draft.kind, &mut draft.body) {
                fields.text = Some(if turn == 0 { self.task.clone() } else { format!("Go on with step {turn}") });
            }
            draft.key = of_the_turn(std::mem::take(&mut draft.key), of_turn);
        }
        drafts
    }
}

/// What a record knows by ids of its session alone is another fact in another turn.
fn of_the_turn(key: Key, turn: u64) -> Key {
    let fact = |key: String| format!("{key}-{turn:x}");
    match key {
        Key::Natural(natural) => Key::Natural(fact(natural)),
        Key::Repeat(repeat) => Key::Repeat(fact(repeat)),
        Key::Either { natural, repeat } => Key::Either { natural: fact(natural), repeat: fact(repeat) },
        Key::Several { ids, older, repeat } => {
            Key::Several { ids: ids.into_iter().map(fact).collect(), older: older.map(fact), repeat: repeat.map(fact) }
        }
        other => other,
    }
}

impl Week {
    fn live(&mut self, life: &Life, events: usize) {
        let (until, mut at) = (self.events + events, life.start);
        let mut turn = 0;
        while self.events < until {
            for draft in life.drafts(turn, &mut self.numbers) {
                at = at.plus(life.pace * Time::SECOND);
                if self.events < until && at < self.now.plus(-LAST_HOUR * Time::SECOND) {
                    self.append(Draft { timestamp: Some(at), ..draft }, at);
                }
            }
            turn += 1;
            if at >= self.now.plus(-LAST_HOUR * Time::SECOND) {
                break;
            }
        }
        let coder = format!("{}:{}", life.record.agent.name(), life.session);
        self.append(Draft { timestamp: Some(at), ..Draft::new(EventType::Stopped, coder) }, at);
    }

    fn append(&mut self, draft: Draft, at: Time) {
        self.clock.store(at.micros(), Ordering::Relaxed);
        self.writer.append(vec![Entry::from(draft)]).expect("the bench's history can be written");
        // Those that rules derive count too.
        self.events = self.reader.position().expect("it can be read").head as usize;
    }

    /// What a hook of Claude Code was given, so many seconds ago.
    fn hook(&mut self, session: &str, seconds_ago: i64, event: &str, fields: Value) {
        let mut payload = json!({
            "session_id": session, "transcript_path": format!("/home/dev/.claude/projects/-home-dev-shop/{session}.jsonl"),
            "cwd": "/home/dev/shop", "permission_mode": "default", "hook_event_name": event,
        });
        payload.as_object_mut().expect("an object").extend(fields.as_object().cloned().expect("an object"));
        let at = self.now.plus(-seconds_ago * Time::SECOND);
        let drafts = read_hook(Agent::ClaudeCode, payload.to_string().as_bytes(), &HookContext::default()).expect("a known hook");
        for draft in drafts {
            self.append(Draft { timestamp: Some(at), ..draft }, at);
        }
    }

    fn begin(&mut self, seconds_ago: i64, task: &str) -> String {
        let session = self.numbers.uuid();
        self.hook(&session, seconds_ago, "SessionStart", json!({"source": "startup", "model": "claude-opus-5-5"}));
        let prompt = self.numbers.uuid();
        self.hook(&session, seconds_ago - 5, "UserPromptSubmit", json!({"prompt_id": prompt, "prompt": task}));
        session
    }

    fn edit(&mut self, session: &str, seconds_ago: i64, file: &str) {
        let path = format!("/home/dev/shop/{file}");
        let id = format!("toolu_{:016x}", self.numbers.next());
        let lines = [
            " fn check(token: &Token) -> bool {",
            "-    token.is_some()",
            "+    token.is_some_and(|token| !token.is_over())",
            " }",
        ];
        self.hook(session, seconds_ago, "PostToolUse", json!({
            "tool_name": "Edit", "tool_use_id": id, "duration_ms": 5,
            "tool_input": {"file_path": path, "old_string": "is_some()", "new_string": "is_some_and(…)", "replace_all": false},
            "tool_response": {"filePath": path, "structuredPatch": [{"oldStart": 10, "oldLines": 3, "newStart": 10, "newLines": 3, "lines": lines}]},
        }));
    }

    fn test(&mut self, session: &str, seconds_ago: i64) {
        let id = format!("toolu_{:016x}", self.numbers.next());
        let noise = "   Compiling shop v0.3.1 (/home/dev/shop)\n".repeat(20);
        let error = format!(
            "Exit code 101\n{noise}running 42 tests\ntest auth::expires ... FAILED\n\nfailures:\n\n---- auth::expires stdout ----\n\
             thread 'auth::expires' panicked at src/auth.rs:118:9:\nassertion `left == right` failed\n  left: 401\n right: 200\n\n\
             test result: FAILED. 41 passed; 1 failed; 0 ignored\nerror: test failed, to rerun pass `--lib`"
        );
        self.hook(
            session,
            seconds_ago,
            "PostToolUseFailure",
            json!({
                "tool_name": "Bash", "tool_use_id": id, "is_interrupt": false, "duration_ms": 8_100, "error": error,
                "tool_input": {"command": "cargo test --lib auth", "description": "Run the tests of auth"},
            }),
        );
    }

    fn present(mut self) -> Present {
        let failed = self.begin(3_000, "Let tokens expire after a day");
        for (seconds_ago, file) in
            [(2_900, "src/auth.rs"), (2_700, "src/session.rs"), (1_200, "src/auth.rs"), (900, "docs/tokens.md")]
        {
            self.edit(&failed, seconds_ago, file);
        }
        for seconds_ago in [2_500, 1_000] {
            self.test(&failed, seconds_ago);
        }
        self.hook(
            &failed,
            600,
            "Stop",
            json!({"last_assistant_message": "One test still fails: auth::expires gets 401 where it expects 200."}),
        );

        let working = self.begin(1_500, "Rename the columns of the orders table");
        self.edit(&working, 40, "src/store.rs");
        let asking = self.begin(800, "Deploy the shop to staging");
        let command = json!({"command": "kubectl apply -f deploy/staging.yaml"});
        self.hook(&asking, 420, "PermissionRequest", json!({"tool_name": "Bash", "tool_input": command}));
        let silent = self.begin(1_900, "Find out why the nightly import takes an hour");
        self.edit(&silent, 1_700, "src/jobs.rs");
        let limited = self.begin(9_000, "Translate the mail templates");
        self.hook(
            &limited,
            7_900,
            "StopFailure",
            json!({"error": "rate_limit", "last_assistant_message": "API Error: Rate limit reached"}),
        );

        // Who asks: its process started the server.
        let me = self.begin(700, "Report on the other agents");
        self.edit(&me, 650, "src/auth.rs");
        let process = Process::of(std::process::id()).and_then(|process| serde_json::to_value(process).ok());
        let at = self.now.plus(-600 * Time::SECOND);
        let alive = Draft::new(EventType::Started, format!("claude-code:{me}")).with_some("process", process);
        self.append(Draft { timestamp: Some(at), ..alive }, at);
        let id = |session: &str| format!("claude-code:{session}");
        Present { failed: id(&failed), working: id(&working) }
    }
}
