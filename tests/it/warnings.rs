//! What a coder is warned of by itself: that it repeats itself, and what it spends; and `check-budget`, which says so to scripts.

use serde_json::{Value, json};

use crate::home::{Home, Said};

/// A call of a tool that ended so many seconds after the hour.
fn call(command: &str, second: u64, error: Option<&str>) -> Value {
    let at = format!("2026-11-29T10:{:02}:{:02}Z", second / 60, second % 60);
    let mut call = json!({"type": "progress", "coder_id": "a", "timestamp": at, "description": format!("Bash: {command}"),
        "tool_name": "Bash", "command": command});
    if let Some(error) = error {
        (call["failed"], call["exit_code"], call["error"]) = (true.into(), 1.into(), error.into());
    }
    call
}

fn fails(second: u64) -> Value {
    call("npm test", second, Some("expected 3, got 4\nfinished in 0.53s"))
}

/// The warnings of this kind that these events give cause to, told in this order.
fn warnings(home: &Home, kind: &str, events: &[Value]) -> Vec<Value> {
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    told(home, kind)
}

fn told(home: &Home, kind: &str) -> Vec<Value> {
    let mut told = home.json(&["list", "--type", "system_warning", "--limit", "0", "--order", "oldest"]);
    told.retain(|event| event["warning"] == kind);
    told
}

/// Some orders of so many things, the given one first.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let steps = [1, 2, 3, 5, 7, 11].into_iter().filter(|&step| step == 1 || !count.is_multiple_of(step));
    let mut orders: Vec<Vec<usize>> = steps.map(|step| (0..count).map(|n| n * step % count).collect()).collect();
    orders.push((0..count).rev().collect());
    orders
}

fn in_every_order(events: &[Value], expected: usize) {
    for order in orders(events.len()) {
        let home = Home::new();
        let shuffled: Vec<Value> = order.iter().map(|&n| events[n].clone()).collect();
        let told = warnings(&home, "loop", &shuffled);
        assert_eq!(told.len(), expected, "{order:?}: {told:?}");
        assert_eq!(home.run(&["check"]).code, Some(0), "{order:?}");
    }
}

#[test]
fn the_same_call_that_fails_alike_five_times_in_ten_minutes_is_a_loop_told_once() {
    in_every_order(&[0, 60, 120, 180].map(fails), 0);
    in_every_order(&[0, 60, 120, 180, 240].map(fails), 1);
    in_every_order(&(0..13).map(|n| fails(n * 20)).collect::<Vec<_>>(), 1);
    // Not within ten minutes.
    in_every_order(&[0, 200, 400, 600, 800].map(fails), 0);
    // Another input, another outcome, or one that went well in between.
    let others = (0..5).map(|n| call(&format!("npm test {n}"), n, Some("x"))).collect::<Vec<_>>();
    in_every_order(&others, 0);
    let others = (0..5).map(|n| call("npm test", n, Some(&format!("expected {n}")))).collect::<Vec<_>>();
    in_every_order(&others, 0);
    let mut around = [0, 20, 40, 60, 100, 120, 140, 160].map(fails).to_vec();
    around.push(call("npm test", 80, None));
    // Where that is heard of before the fifth; later, a warning was a fact when it was given.
    let heard = around.len() - 1;
    for order in orders(around.len()).into_iter().chain([vec![8, 0, 1, 2, 3, 4, 5, 6, 7], vec![0, 8, 7, 6, 5, 4, 3, 2, 1]]) {
        let in_time = order.iter().position(|&n| n == heard).is_some_and(|place| place < 5);
        let shuffled: Vec<Value> = order.iter().map(|&n| around[n].clone()).collect();
        let told = warnings(&Home::new(), "loop", &shuffled);
        assert!(told.len() <= usize::from(!in_time), "{order:?}: {told:?}");
    }
    // Two streaks are two loops.
    let mut two = (0..5).map(|n| fails(n * 10)).chain((0..5).map(|n| fails(100 + n * 10))).collect::<Vec<_>>();
    two.push(call("npm test", 80, None));
    in_every_order(&two[..5], 1);
    let home = Home::new();
    let mut told = two[..5].to_vec();
    told.push(two[10].clone());
    told.extend_from_slice(&two[5..10]);
    assert_eq!(warnings(&home, "loop", &told).len(), 2);
}

#[test]
fn a_call_that_fails_while_it_is_told_twice_counts_once_and_is_warned_of_to_people() {
    let home = Home::new();
    let now = |n: usize| {
        json!({"type": "progress", "coder_id": "a", "description": "Bash: make", "tool_name": "Bash",
        "command": "make", "failed": true, "exit_code": 2, "error": "no rule", "id": format!("call-{n}")})
    };
    let told = warnings(&home, "loop", &(0..5).flat_map(|n| [now(n), now(n)]).take(9).collect::<Vec<_>>());
    assert_eq!(told.len(), 1);
    assert!(told[0]["message"].as_str().is_some_and(|text| text.ends_with("5 times within ten minutes: Bash: make")), "{told:?}");
    assert_eq!((&told[0]["cause_seq"], &told[0]["coder_id"]), (&json!(5), &json!("a")));
    let coder = &home.json(&["coders"])[0];
    assert_eq!(coder["needs_attention"], json!(["looping"]));
    assert!(home.ok(&["coders", "--needs-attention"]).contains("repeats itself"));
    home.record(&[r#"{"type":"seen","coder_id":"a"}"#]);
    assert_eq!(home.json(&["coders"])[0].get("needs_attention"), None);
    // What is exported and taken in elsewhere is the same there.
    let other = Home::new();
    let exported = home.ok(&["list", "--json", "--limit", "0", "--order", "oldest"]);
    assert_eq!(other.feed(&["emit", "-"], exported.as_bytes()).code, Some(0));
    assert_eq!(other.json(&["stats"])[0]["events_by_type"], home.json(&["stats"])[0]["events_by_type"]);
}

fn spends(coder: &str, usd: f64, tokens: u64) -> Value {
    json!({"type": "api_call", "coder_id": coder, "input_tokens": tokens, "cost_usd": usd})
}

#[test]
fn a_budget_is_warned_of_at_80_and_100_percent_once_each() {
    let home = Home::new();
    home.configure("[budget]\nper_day_usd = 10\nper_coder_tokens = 1000\n");
    assert_eq!(warnings(&home, "budget", &[spends("a", 5.0, 100)]).len(), 0);
    let told = warnings(&home, "budget", &[spends("b", 3.5, 100)]);
    assert_eq!(
        told.iter().map(|event| (&event["data"]["budget"], &event["data"]["percent"])).collect::<Vec<_>>(),
        [(&json!("per_day_usd"), &json!(80))]
    );
    assert!(told[0]["message"].as_str().is_some_and(|text| text.contains("$8.50 of $10.00")), "{told:?}");
    assert_eq!(warnings(&home, "budget", &[spends("a", 1.0, 100), spends("b", 0.25, 10)]).len(), 1);
    assert_eq!(warnings(&home, "budget", &[spends("a", 9.0, 100), spends("a", 9.0, 100)]).len(), 2);
    let told = warnings(&home, "budget", &[spends("a", 1.0, 5_000)]);
    assert_eq!(
        (told.len(), &told[3]["data"]["budget"], &told[3]["data"]["percent"]),
        (4, &json!("per_coder_tokens"), &json!(100))
    );
    assert_eq!(warnings(&home, "budget", &[spends("a", 1.0, 5_000), spends("b", 1.0, 1)]).len(), 4);
    assert!(home.ok(&["coders", "--needs-attention"]).contains("over budget"));
    assert_eq!(home.run(&["check"]).code, Some(0));
    home.configure("[budget]\nper_day_usd = -1\n");
    assert!(home.run(&["stats"]).stderr.contains("`budget.per_day_usd` is -1"));
}

#[test]
fn check_budget_says_in_one_line_what_was_spent() {
    let home = Home::new();
    home.record(&[&spends("fix-auth", 1.25, 1_000).to_string(), &spends("b", 0.25, 500).to_string()]);
    let check = |words: &[&str], code: i32, line: &str| {
        let Said { code: ended, stdout, stderr } = home.run(&[&["check-budget"], words].concat());
        assert_eq!((ended, stderr.as_str(), stdout.lines().count()), (Some(code), "", 1), "{words:?}");
        assert!(stdout.starts_with(line), "{words:?}: {stdout}");
    };
    check(&["--max-usd", "1.50"], 0, "within budget: $1.50 of $1.50, 1,500 tokens since ");
    check(&["--max-usd", "1.49"], 3, "over budget: $1.50 of $1.49");
    check(&["--max-tokens", "1499"], 3, "over budget: $1.50, 1,500 of 1,499 tokens");
    check(&["--max-tokens", "1500", "--max-usd", "0"], 3, "over budget");
    check(&["--max-usd", "1.25", "--coder", "fix-auth"], 0, "within budget: $1.25 of $1.25, 1,000 tokens by fix-auth");
    let answer = &home.json(&["check-budget", "--max-usd", "2"])[0];
    assert_eq!((&answer["over"], &answer["spent_usd"], &answer["spent_tokens"]), (&json!(false), &json!(1.5), &json!(1_500)));
    assert_eq!(home.run(&["check-budget"]).code, Some(2));
    assert_eq!(home.run(&["check-budget", "--max-usd", "many"]).code, Some(2));
    assert_eq!(home.run(&["check-budget", "--max-usd", "1", "--coder", "nobody"]).code, Some(1));
    home.configure("[budget]\nper_day_usd = 1\nper_coder_tokens = 900\n");
    check(&[], 3, "over budget: $1.50 of $1.00");
    check(&["--coder", "b"], 0, "within budget: $0.25, 500 of 900 tokens by b");
    home.record(&[r#"{"type":"api_call","coder_id":"c","model":"claude-opus-4-6","input_tokens":1000000}"#]);
    check(&["--max-usd", "100"], 0, "within budget: ~$6.50 of $100.00 (in part an estimate by list prices)");
}
