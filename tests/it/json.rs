//! docs/json.md is what `--json` prints: every key of its examples is printed, every printed key stands in it, and what is not said
//! to be absent at times is always there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

use serde_json::Value;

use crate::home::{Home, Running, json_lines};

/// Something of everything that a coder, the statistics and an event can tell.
const RICH: &[&str] = &[
    r#"{"type":"created","coder_id":"fix-auth","coder_name":"Fix auth","parent_coder_id":"lead","project":"/repo","branch":"main","timestamp":"2026-11-22T19:20:00Z"}"#,
    r#"{"type":"started","coder_id":"fix-auth","timestamp":"2026-11-22T19:20:01Z"}"#,
    r#"{"id":"e3","type":"progress","coder_id":"fix-auth","coder_name":"Fix auth","progress":0.42,"stage":"testing","description":"rewriting the session store","turn":17,"timestamp":"2026-11-22T19:21:00.123456Z"}"#,
    r#"{"type":"milestone","coder_id":"fix-auth","milestone":"tests pass","timestamp":"2026-11-22T19:21:10Z"}"#,
    r#"{"type":"api_call","coder_id":"fix-auth","tokens_used":100,"input_tokens":60,"output_tokens":40,"cost_usd":0.25,"timestamp":"2026-11-22T19:21:20Z"}"#,
    r#"{"type":"api_error","coder_id":"fix-auth","error_code":"529","timestamp":"2026-11-22T19:21:30Z"}"#,
    r#"{"type":"rate_limit","coder_id":"fix-auth","timestamp":"2026-11-22T19:21:40Z"}"#,
    r#"{"type":"resource_usage","coder_id":"fix-auth","memory_mb":512,"cpu_percent":80,"timestamp":"2026-11-22T19:21:45Z"}"#,
    r#"{"type":"file_modified","coder_id":"fix-auth","file_path":"/repo/src/session.rs","timestamp":"2026-11-22T19:21:50Z"}"#,
    r#"{"type":"file_modified","coder_id":"docs","source":"claude-code","file_path":"/repo/src/session.rs","timestamp":"2026-11-22T19:21:55Z"}"#,
    r#"{"type":"paused","coder_id":"fix-auth","reason":"permission","request":"npm publish","timestamp":"2026-11-22T19:22:00Z"}"#,
    r#"{"type":"failed","coder_id":"review","error_message":"no such page","timestamp":"2026-11-22T19:22:10Z"}"#,
    r#"{"type":"prompt","coder_id":"fix-auth","text":"Fix the session store","timestamp":"2026-11-22T19:20:02Z"}"#,
    r#"{"type":"output","coder_id":"fix-auth","stream":"assistant","text":"The tests pass.","timestamp":"2026-11-22T19:21:05Z"}"#,
    r#"{"type":"stopped","coder_id":"review","timestamp":"2026-11-22T19:22:11Z"}"#,
    r#"{"type":"progress","coder_id":"fix-auth","stage":"Bash","description":"Bash: npm test","tool_name":"Bash","running":true,"timestamp":"2026-11-22T19:20:30Z"}"#,
    r#"{"type":"api_call","coder_id":"fix-auth","model":"claude-opus-4-6","input_tokens":20,"timestamp":"2026-11-22T19:21:21Z"}"#,
    r#"{"type":"api_call","coder_id":"fix-auth","model":"our-own","input_tokens":20,"timestamp":"2026-11-22T19:21:22Z"}"#,
    r#"{"type":"progress","coder_id":"fix-auth","stage":"Bash","tool_name":"Bash","failed":true,"duration_ms":1500,"timestamp":"2026-11-22T19:21:05Z"}"#,
];

/// What has keys of its own: not compared below.
const OPEN: &[&str] = &["data", "keeper", "schema", "events_by_type", "events_by_coder", "errors_by_code"];

/// A command of docs/json.md.
#[derive(Default)]
struct Section {
    examples: Vec<Value>,
    /// Keys that it says may be absent.
    optional: BTreeSet<String>,
}

fn sections() -> BTreeMap<String, Section> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md");
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut command = String::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        if let Some(name) = line.strip_prefix("## ") {
            command = name.trim_matches('`').to_owned();
        } else if line.starts_with('{') {
            let example = serde_json::from_str(line).unwrap_or_else(|error| panic!("{command}: {error}"));
            sections.entry(command.clone()).or_default().examples.push(example);
        } else if let Some(cell) = line.strip_prefix("| `").and_then(|row| row.split(" |").next()) {
            let keys = cell.split(", ").map(|key| key.trim_matches('`').to_owned());
            sections.entry(command.clone()).or_default().optional.extend(keys);
        }
    }
    sections
}

/// Paths of all keys in `value`, such as `history.head`; those in an array without its numbers.
fn keys(value: &Value, below: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = if below.is_empty() { name.clone() } else { format!("{below}.{name}") };
                if !OPEN.contains(&name.as_str()) {
                    keys(value, &path, found);
                }
                found.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, below, found)),
        _ => {}
    }
}

fn keys_of<'v>(values: impl IntoIterator<Item = &'v Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    values.into_iter().for_each(|value| keys(value, "", &mut found));
    found
}

/// `printed` where there is much to tell, `bare` where there is little.
#[track_caller]
fn check(sections: &mut BTreeMap<String, Section>, command: &str, printed: &[Value], bare: &[Value]) {
    let Section { examples, optional } = sections.remove(command).unwrap_or_else(|| panic!("`{command}` is not documented"));
    // What `coders` prints is compared there.
    let own = |keys: BTreeSet<String>| -> BTreeSet<String> {
        keys.into_iter().filter(|key| command != "stats" || !key.starts_with("coders.")).collect()
    };
    let (documented, printed) = (own(keys_of(&examples)), own(keys_of(printed)));
    assert_eq!(documented, printed, "`{command}`: what docs/json.md shows, and what is printed");
    let unknown: Vec<_> = optional.difference(&documented).collect();
    assert!(unknown.is_empty(), "`{command}`: {unknown:?} may be absent, and is in no example");
    assert!(!bare.is_empty(), "`{command}` prints nothing to compare");
    for line in bare {
        let there = keys_of([line]);
        let is_optional = |key: &str| optional.iter().any(|optional| key == optional || key.starts_with(&format!("{optional}.")));
        // What lies within something that is absent, or in an array that is empty, is absent with it.
        let is_in_nothing = |key: &str| {
            key.rsplit_once('.').is_some_and(|(outer, _)| !there.iter().any(|key| key.starts_with(&format!("{outer}."))))
        };
        for key in documented.iter().filter(|key| !is_optional(key) && !is_in_nothing(key)) {
            assert!(there.contains(key), "`{command}`: `{key}` is always there, docs/json.md says, but not in {line}");
        }
    }
}

/// Of a coder that did more than a brief tells.
fn briefs() -> Vec<Value> {
    let home = Home::new();
    home.record(RICH);
    let at = r#""timestamp":"2026-11-22T19:21:12Z""#;
    let failed =
        r#""type":"progress","coder_id":"fix-auth","tool_name":"Bash","failed":true,"exit_code":1,"error":"Error: expected 3""#;
    let mut lines = vec![format!(r#"{{"type":"stopped","coder_id":"docs",{at}}}"#)];
    for n in 0..12 {
        lines.push(format!(r#"{{"type":"created","coder_id":"claude-code:7f3c1b22/a{n}","coder_name":"explore","parent_coder_id":"fix-auth",{at}}}"#));
        lines.push(format!(r#"{{{failed},"description":"Bash: {}",{at}}}"#, n / 2));
        lines.push(format!(
            r#"{{"type":"file_modified","coder_id":"fix-auth","file_path":"/repo/{n}","lines_added":3,"lines_removed":1,{at}}}"#
        ));
        lines.push(format!(r#"{{"type":"prompt","coder_id":"fix-auth","text":"{n}",{at}}}"#));
    }
    home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let stalled = r#"{"type":"started","coder_id":"silent","source":"codex","timestamp":"2026-11-22T19:00:00Z"}"#;
    home.record(&[stalled, r#"{"type":"failed","coder_id":"just-now"}"#]);
    let brief = |words: &[&str]| home.json(&[&["brief"], words].concat());
    [
        brief(&["fix-auth"]),
        brief(&["fix-auth", "--since", "2026-11-22T19:00:00Z"]),
        brief(&["docs"]),
        brief(&["silent"]),
        brief(&["just-now"]),
    ]
    .concat()
}

#[test]
fn the_documented_lines_are_those_printed() {
    let rich = Home::new();
    rich.record(RICH);
    let bare = Home::new();
    bare.record(&[r#"{"type":"output","coder_id":"a"}"#]);
    let sections = &mut sections();
    let progress = rich.json(&["list", "--coder", "fix-auth", "--type", "progress"]);
    let mut listed = progress.clone();
    listed.extend(rich.json(&["list", "3", "--detail", "summary"]));
    check(sections, "list", &listed, &bare.json(&["list"]));

    let (mut receipts, one) = (Vec::new(), rich.json(&["emit", "output", "--coder", "idle"]));
    check(sections, "emit", &one, &one);
    receipts.extend(json_lines(
        &rich.feed(&["emit", "-", "--json"], b"{\"type\":\"output\",\"coder_id\":\"idle\"}\nbroken\n").stdout,
    ));
    check(sections, "emit -", &receipts, &receipts);
    let mut rejected = rich.json(&["rejected"]);
    let stats = rich.json(&["stats", "--since", "2026-11-22T00:00:00Z"]);
    check(sections, "stats", &stats, &Home::new().json(&["stats"]));
    let by = |keys: &str| rich.json(&["stats", "--by", keys]);
    let rows: Vec<Value> =
        ["model,agent,project,branch,coder,day,hour", "coder", "tool", "type"].into_iter().flat_map(by).collect();
    check(sections, "stats --by", &rows, &bare.json(&["stats", "--by", "coder"]));
    let mut coders = rich.json(&["coders"]);
    // `idle` is the last one that was heard of, and only `docs` stalls.
    assert_eq!(coders.len(), 4);
    coders.retain(|coder| coder["coder_id"] != "idle");
    check(sections, "coders", &coders, &bare.json(&["coders"]));
    let story = Home::new();
    story.record(crate::show::SESSION);
    let asked = Home::new();
    asked.record(&[r#"{"type":"prompt","coder_id":"a","text":"go"}"#]);
    check(sections, "show", &story.json(&["show", "demo"]), &asked.json(&["show", "a"]));
    check(sections, "brief", &briefs(), &bare.json(&["brief", "a"]));
    let looked =
        [crate::doctor::working(), Home::new()].map(|home| json_lines(&home.run(&["doctor", "--json"]).stdout).remove(0));
    check(sections, "doctor", &looked, &looked);
    let types = rich.json(&["types"]);
    check(sections, "types", &types, &types);
    rejected.extend(rich.json(&["rejected", "--clear"]));
    check(sections, "rejected", &rejected, &rejected);

    let record = rich.path().join("s1.jsonl");
    fs::write(&record, "broken\n").unwrap();
    let imported = rich.json(&["import", "claude-code", record.to_str().unwrap()]);
    check(sections, "import", &imported, &imported);
    let pruned = rich.json(&["prune", "--max-events", "14"]);
    check(sections, "prune", &pruned, &rich.json(&["prune", "--dry-run"]));
    let checkup = rich.json(&["check"]);
    check(sections, "check", &checkup, &checkup);
    let told = Home::new();
    told.configure("[notify]\ncommand = [\"true\"]\n");
    let told = told.json(&["notify", "--test"]);
    check(sections, "notify --test", &told, &told);
    let budget = |home: &Home, words: &[&str]| home.json(&[&["check-budget"], words].concat());
    let spent = ["--since", "2026-11-22", "--coder", "fix-auth", "--max-usd", "20", "--max-tokens", "100000"];
    let least = [budget(&bare, &["--coder", "a", "--max-usd", "1"]), budget(&bare, &["--max-tokens", "1"])].concat();
    check(sections, "check-budget", &budget(&rich, &spent), &least);

    #[cfg(unix)]
    check(sections, "keep --status", &crate::keep::told_statuses(), &[serde_json::json!({"running": false})]);

    // What was removed is told first; then the event of the example, once more.
    rich.record(&[&RICH[2].replace("e3", "e99")]);
    let mut following = rich.command(&["follow", "--json", "--after", "0", "--type", "progress"]);
    let mut following = Running(following.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(following.0.stdout.take().unwrap()).lines();
    let mut followed: Vec<Value> = Vec::new();
    let mut next = || -> Value { serde_json::from_str(&lines.next().expect("follow goes on").unwrap()).unwrap() };
    while followed.last().is_none_or(|line| line["id"] != "e99") {
        followed.push(next());
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut file = rich.history().into_os_string();
        file.push(suffix);
        fs::remove_file(file).unwrap();
    }
    rich.record(&[&RICH[2].replace("e3", "e100")]);
    followed.push(next());
    assert!(followed.iter().any(|line| line["missed"].is_object()), "{followed:?}");
    let Section { examples, .. } = sections.remove("follow").expect("`follow` is documented");
    assert_eq!(keys_of(&examples), keys_of(&followed));
    assert!(sections.is_empty(), "no test prints {:?}", sections.keys());
}
