//! No input breaks a promise: what the fuzz targets kept, changed anywhere, and drafts that no parser would make.

use std::{fs, path::Path, sync::LazyLock};

use ai_coder_events::event::{Body, Draft, EventType, Key, Progress, Provider, Resource, Time};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::checks;

/// What a text may hold that does harm: whole secrets and halves of them, what hides, what commands.
fn text() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "token=",
        "\"password\":\"",
        "--secret ",
        "Authorization: Basic ",
        "bearer a1b2c3d4",
        "sk-ant-api03-AbCd_1234",
        "ghp_abcdefghijklmnop",
        "eyJhbGciOi.abcd",
        "://u:p@",
        "-----BEGIN PRIVATE KEY-----",
        "[redacted: token]",
        "[redacted: ",
        "\u{1b}[31m",
        "\u{1b}]0;",
        "\u{7}",
        "\u{9b}",
        "\u{85}",
        "\u{2028}",
        "\u{202e}",
        "\u{200b}",
        "\u{200d}",
        "\u{1f469}",
        "\u{fe0f}",
        "\u{e0041}",
        "\r\n\t\0",
        "'",
        "\\",
        " ",
        "rm -rf ./a",
        "claude-code",
    ]);
    prop::collection::vec(prop_oneof![4 => parts.prop_map(str::to_owned), 1 => any::<String>()], 0..8)
        .prop_map(|parts| parts.concat())
}

/// A value that a field of another type, or of another size, may suddenly have.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => prop::sample::select(vec![
            json!(null),
            json!(true),
            json!([]),
            json!({}),
            json!([{ "": {} }, []]),
            json!({ "token": ["a", { "b": "c" }], "seq": 1 }),
            json!("x".repeat(20_000)),
            (0..40).fold(json!(1), |inner, _| json!([inner])),
            (0..40).fold(json!(1), |inner, _| json!({ "a": inner })),
        ]),
    ]
}

/// Where to change something, as a fraction of all places, and into what; `None` takes it out.
type Change = (prop::sample::Index, Option<Value>);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec((any::<prop::sample::Index>(), prop::option::weighted(0.8, value())), 1..4)
}

/// `input` with its JSON changed: each line of it, after the byte that names the channel.
fn changed(input: &[u8], named: usize, changes: &[Change]) -> Vec<u8> {
    let (name, lines) = input.split_at(named.min(input.len()));
    let lines = lines.split(|&byte| byte == b'\n').map(|line| match serde_json::from_slice::<Value>(line) {
        Ok(mut value) if value.is_object() => {
            for (place, change) in changes {
                let mut left = place.index(places(&value));
                put(&mut value, &mut left, change);
            }
            value.to_string().into_bytes()
        }
        _ => line.to_vec(),
    });
    [name, &lines.collect::<Vec<_>>().join(&b'\n')].concat()
}

/// How many members and items there are, all the way down; at least one, so that there is a place.
fn places(value: &Value) -> usize {
    fn count(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(|item| 1 + count(item)).sum(),
            Value::Object(object) => object.values().map(|member| 1 + count(member)).sum(),
            _ => 0,
        }
    }
    count(value).max(1)
}

/// Changes the member or item that is `left` places from here.
fn put(value: &mut Value, left: &mut usize, change: &Option<Value>) -> bool {
    match value {
        Value::Array(items) => {
            for at in 0..items.len() {
                if *left == 0 {
                    match change {
                        Some(change) => items[at] = change.clone(),
                        None => drop(items.remove(at)),
                    }
                    return true;
                }
                *left -= 1;
                if put(&mut items[at], left, change) {
                    return true;
                }
            }
            false
        }
        Value::Object(object) => {
            let names: Vec<String> = object.keys().cloned().collect();
            for name in names {
                if *left == 0 {
                    match change {
                        Some(change) => object.insert(name, change.clone()),
                        None => object.remove(&name),
                    };
                    return true;
                }
                *left -= 1;
                if put(&mut object[&name], left, change) {
                    return true;
                }
            }
            false
        }
        _ => false,
    }
}

/// The kept inputs of a target.
fn kept(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| kept("event_json"));
static PAYLOADS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| kept("source_payload"));
static CONVERSATIONS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| kept("mcp_lines"));
static BODIES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| kept("otlp_body"));

fn number() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(prop_oneof![any::<f64>(), 0.0..=1.0, prop::sample::select(vec![f64::NAN, f64::INFINITY, -0.0, 1e300])])
}

fn draft() -> impl Strategy<Value = Draft> {
    let field = || prop::option::of(text());
    let data = prop::collection::vec((prop_oneof![text(), "seq|type|token|stage|data|[a-z]{1,4}"], value()), 0..5);
    let key = prop_oneof![
        Just(Key::None),
        text().prop_map(Key::Id),
        text().prop_map(Key::Natural),
        (text(), text()).prop_map(|(natural, repeat)| Key::Either { natural, repeat }),
        (prop::collection::vec(text(), 1..3), prop::option::of(text()), prop::option::of(text()))
            .prop_map(|(ids, older, repeat)| Key::Several { ids, older, repeat }),
    ];
    let time = prop::option::of(prop_oneof![any::<i64>(), 0..checks::accepted::now().micros()]);
    let texts = (field(), field(), field(), field());
    let kind = prop::sample::select(EventType::ALL);
    (kind, texts, (number(), any::<Option<u64>>(), time), data, key).prop_map(
        |(kind, (name, source, line, text), (number, count, time), data, key)| {
            let body = match kind.body() {
                Body::Progress(_) => Body::Progress(Progress { progress: number, stage: line, text, ..Progress::default() }),
                Body::Provider(_) => Body::Provider(Provider {
                    model: line,
                    error_message: text,
                    cost_usd: number,
                    duration: count,
                    ..Provider::default()
                }),
                Body::Resource(_) => Body::Resource(Resource { cpu_percent: number, memory_mb: count, ..Resource::default() }),
                other => other,
            };
            Draft {
                coder_name: name,
                source,
                timestamp: time.map(Time::from_micros),
                body,
                data: data.into_iter().collect(),
                key,
                ..Draft::new(kind, "fix-auth")
            }
        },
    )
}

proptest! {
    #[test]
    fn a_draft_breaks_nothing(draft in draft()) {
        drop(checks::accepted::check(draft));
    }

    #[test]
    fn a_line_changed_anywhere_breaks_nothing(line in prop::sample::select(&LINES[..]), changes in changes()) {
        checks::event_json::check(&changed(&line, 0, &changes));
    }

    #[test]
    fn a_payload_changed_anywhere_breaks_nothing(payload in prop::sample::select(&PAYLOADS[..]), changes in changes()) {
        checks::source_payload::check(&changed(&payload, 1, &changes));
    }

    #[test]
    fn a_conversation_changed_anywhere_breaks_nothing(lines in prop::sample::select(&CONVERSATIONS[..]), changes in changes()) {
        checks::mcp_lines::check(&changed(&lines, 1, &changes));
    }

    #[test]
    fn an_export_changed_anywhere_breaks_nothing(body in prop::sample::select(&BODIES[..]), changes in changes()) {
        checks::otlp_body::check(&changed(&body, 1, &changes));
    }
}
