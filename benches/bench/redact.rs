//! What redaction costs a text, beside one `RegexSet` of the same expressions, which only says whether there is anything.

use std::{
    fs,
    hint::black_box,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use ai_coder_events::text::Redactor;
use regex::RegexSet;
use serde_json::Value;

/// Each text is redacted for this long, so that a text of any size is measured as well.
const MEASURED: Duration = Duration::from_millis(400);
const ROUNDS: usize = 5;
/// Told to a process of its own which first call to measure.
const COLD: &str = "BENCH_REDACT_COLD";
const TOKEN: &str = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
/// What a search for secrets stops at, and no secret among it.
const TRIGGERS: &str = "sk-ant- sk- AIza ghp_ glpat- xoxb hooks.slack.com AKIA sk_live_ npm_ hf_ pypi-AgE xai- hvs. SG. dop_v1_ \
    eyJ authorization bearer a://b@c %3A%2F%2F %40 curl -u token: secret= password: key= --token ";

pub fn redact() {
    if let Ok(what) = std::env::var(COLD) {
        println!("{}", first_call(&what).as_nanos());
        return;
    }
    let plain = fixtures();
    let with_secrets: Vec<String> = plain
        .iter()
        .enumerate()
        .map(|(no, text)| if no % 10 == 0 { format!("{text} TOKEN={TOKEN}") } else { text.clone() })
        .collect();
    let output = "test session::tests::rejects_an_expired_token ... ok (see https://docs.rs/x, 12 tokens)\n";
    let set = RegexSet::new(Redactor::expressions()).expect("they compile one by one");
    measure("payload strings, no secret", &plain, &set);
    measure("payload strings, a secret in each tenth", &with_secrets, &set);
    measure("a tool's output of 1 MiB", &[output.repeat((1 << 20) / output.len())], &set);
    measure("worst: every trigger, no secret, 64 KiB", &[TRIGGERS.repeat((64 << 10) / TRIGGERS.len())], &set);
    for (what, about) in [
        ("plain", "no trigger"),
        ("token", "one kind of secret"),
        ("assignment", "an assignment"),
        ("set", "the set alone, compiled and asked"),
    ] {
        let mut times: Vec<u64> = (0..20).map(|_| in_a_process_of_its_own(what)).collect();
        times.sort_unstable();
        println!("first call in a fresh process, {about}: median {:.3} ms", times[times.len() / 2] as f64 / 1e6);
    }
}

/// In turn, so that a noisy moment touches all of them.
fn measure(name: &str, texts: &[String], set: &RegexSet) {
    let kib = texts.iter().map(String::len).sum::<usize>() as f64 / 1024.0;
    let redactor = Redactor::default();
    let each = |run: &dyn Fn(&str)| {
        let begun = Instant::now();
        let mut passes = 0.0;
        while begun.elapsed() < MEASURED / ROUNDS as u32 {
            texts.iter().for_each(|text| run(text));
            passes += 1.0;
        }
        begun.elapsed().as_nanos() as f64 / (kib * passes)
    };
    let mut best = [f64::MAX; 3];
    for _ in 0..ROUNDS {
        let costs = [
            each(&|text| drop(black_box(redactor.redact(text)))),
            each(&|text| _ = black_box(set.is_match(text))),
            each(&|text| drop(black_box(set.matches(text)))),
        ];
        best.iter_mut().zip(costs).for_each(|(best, cost)| *best = best.min(cost));
    }
    let [ours, is_match, matches] = best;
    println!("{name} ({kib:.0} KiB): {ours:.0} ns a KiB; RegexSet is_match {is_match:.0}, matches {matches:.0}");
    println!("  redaction is {:.2} x is_match, {:.2} x matches", ours / is_match, ours / matches);
}

/// Every text of the fixtures.
fn fixtures() -> Vec<String> {
    fn texts_of(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| texts_of(item, found)),
            Value::Object(object) => object.values().for_each(|value| texts_of(value, found)),
            _ => {}
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/claude-code");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the fixtures are there") {
        let text = fs::read_to_string(entry.expect("readable").path()).expect("readable");
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).for_each(|line| texts_of(&line, &mut found));
    }
    found
}

fn in_a_process_of_its_own(what: &str) -> u64 {
    let program = std::env::current_exe().expect("a bench has a file");
    let output = Command::new(program).arg("redact").env(COLD, what).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().last().and_then(|line| line.parse().ok()).expect("it prints nanoseconds")
}

fn first_call(what: &str) -> Duration {
    let text = match what {
        "token" => format!("see {TOKEN} here"),
        "assignment" => "DB_PASSWORD=hunter2 ./run".to_owned(),
        _ => "running cargo test --workspace in /home/dev/work/demo".to_owned(),
    };
    let expressions = Redactor::expressions();
    let begun = Instant::now();
    if what == "set" {
        let set = RegexSet::new(expressions).expect("they compile one by one");
        black_box(set.is_match(&text));
    } else {
        black_box(Redactor::default().redact(&text));
    }
    begun.elapsed()
}
