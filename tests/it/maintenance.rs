//! `prune`, `check`, `rejected`.

use std::io::Write;

use serde_json::json;

use crate::{
    home::{Home, Said},
    rpc::{Client, modern, old},
};

fn outputs(home: &Home, count: u64) {
    let line = |n: u64| format!(r#"{{"type":"output","coder_id":"a","text":"line {n}","timestamp":"2026-11-22T10:00:00Z"}}"#);
    let lines: Vec<String> = (1..=count).map(line).collect();
    home.record(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn prune_removes_the_oldest_and_totals_survive() {
    let home = Home::new();
    outputs(&home, 10);
    let dry = home.json(&["prune", "--max-events", "4", "--dry-run"]).remove(0);
    assert_eq!((&dry["removed"], &dry["kept"], &dry["dry_run"]), (&json!(6), &json!(4), &json!(true)));
    assert_eq!(home.json(&["list"]).len(), 10);

    assert!(home.ok(&["prune", "--max-events", "4", "--dry-run"]).starts_with("would remove 6 events, 4 kept, "));
    assert!(home.ok(&["prune", "--max-events", "4"]).starts_with("removed 6 events, 4 kept, "));
    let kept = home.json(&["list"]);
    assert_eq!((kept.len(), &kept[3]["seq"]), (4, &json!(7)));
    assert_eq!(home.json(&["stats"])[0]["total_events"], 10);
    assert_eq!(home.json(&["check"])[0]["problems"], json!([]));
}

#[test]
fn prune_without_a_bound_takes_the_configured_retention() {
    let home = Home::new();
    outputs(&home, 10);
    home.configure("[retention]\nmax_age = \"none\"\nmax_events = 3\n");
    assert_eq!(home.json(&["prune", "--dry-run"])[0]["removed"], 7);
    assert_eq!(home.json(&["prune", "--dry-run", "--max-events", "9"])[0]["removed"], 1);
}

#[test]
fn a_healthy_history_is_clean() {
    let home = Home::new();
    outputs(&home, 3);
    assert_eq!(home.ok(&["check"]), "3 events, 1 coder: all is well\n");
    let checkup = home.json(&["check", "--repair"]).remove(0);
    assert_eq!(checkup, json!({"events": 3, "coders": 1, "spool_taken_in": 0, "problems": [], "repaired": false}));
}

#[test]
fn nothing_is_created_by_looking_or_taking_away() {
    let home = Home::new();
    for words in [
        &["prune", "--max-events", "1"][..],
        &["check"],
        &["check", "--repair"],
        &["rejected", "--clear"],
        &["rejected"],
        &["list"],
        &["stats"],
        &["coders"],
    ] {
        home.ok(words);
        assert!(!home.path().join("state").exists(), "{words:?}");
    }
    let pruned = json!({"removed": 0, "kept": 0, "bytes_before": 0, "bytes_after": 0, "dry_run": false});
    assert_eq!(home.json(&["prune", "--max-events", "1"]), [pruned]);
}

/// Overwrites an eighth of the history's file, in the middle.
fn damage(home: &Home) {
    let closed = rusqlite::Connection::open(home.history()).unwrap();
    closed.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(closed);
    let mut bytes = std::fs::read(home.history()).unwrap();
    let middle = bytes.len() / 2;
    let length = bytes.len() / 8;
    bytes[middle..middle + length].fill(0xa5);
    std::fs::write(home.history(), &bytes).unwrap();
}

#[test]
fn damage_is_told_and_repair_saves_what_can_be_read() {
    let home = Home::new();
    outputs(&home, 2000);
    damage(&home);
    let Said { code, stdout, stderr } = home.run(&["check", "--json"]);
    let checkup = crate::home::json_lines(&stdout).remove(0);
    assert!(code == Some(1) && checkup["problems"] != json!([]) && checkup["repaired"] == json!(false), "{stdout}");
    assert!(stderr.contains("problem") && stderr.contains("`check --repair`"), "{stderr}");

    let checkup = home.json(&["check", "--repair"]).remove(0);
    let salvaged = &checkup["salvaged"];
    let (events, lost) = (salvaged["events"].as_u64().unwrap(), salvaged["lost"].as_u64().unwrap());
    assert!(checkup["repaired"] == json!(true) && events > 500 && events + lost == 2000, "{checkup}");
    assert!(std::path::Path::new(salvaged["kept_as"].as_str().unwrap()).exists());
    assert_eq!(home.json(&["list", "--limit", "0"]).len() as u64, events);
    let told = home.json(&["rejected"]).remove(0);
    assert!(told["reason"].as_str().unwrap().contains(&format!("{lost} events could not be read and are lost")), "{told}");
    assert_eq!(home.json(&["check"])[0]["problems"], json!([]));

    damage(&home);
    let said = home.run(&["check", "--repair"]);
    assert!(said.code == Some(0) && said.stdout.contains(" salvaged into a new history, "), "{}{}", said.stdout, said.stderr);
}

/// Somebody wrote into the history by other means.
#[test]
fn a_row_of_an_unknown_type_and_a_head_beyond_all_are_told_and_mended() {
    let home = Home::new();
    outputs(&home, 5);
    let db = rusqlite::Connection::open(home.history()).unwrap();
    db.execute_batch("UPDATE event SET type = 99 WHERE seq = 3; UPDATE ledger SET head = 9223372036854775807").unwrap();
    drop(db);
    let listed = home.run(&["list", "--json"]);
    assert_eq!((listed.code, listed.stdout.lines().count()), (Some(0), 4));
    assert!(
        listed.stderr.contains("1 event left out") && listed.stderr.contains("`ai-coder-events check --repair`"),
        "{}",
        listed.stderr
    );
    for words in [&["stats"][..], &["coders"], &["prune", "--dry-run"]] {
        assert_eq!(home.run(words).code, Some(0), "{words:?}");
    }
    assert_eq!(home.run(&["check"]).code, Some(1));
    assert_eq!(home.json(&["emit", "started", "--coder", "a"])[0]["seq"], 6);
    let mut client = Client::start(&home, &[], modern());
    assert_eq!(client.call("list_ai_coder_events", json!({}))["events"].as_array().map(Vec::len), Some(5));
    assert!(client.close().0.success());
    assert_eq!(home.json(&["check", "--repair"])[0]["repaired"], true);
    assert!(home.json(&["rejected"])[0]["input"].as_str().unwrap().contains("line 3"));
    assert_eq!((home.json(&["list"]).len(), home.json(&["check"])[0]["problems"].clone()), (5, json!([])));
}

#[test]
fn what_never_was_a_history_cannot_be_repaired() {
    let home = Home::new();
    std::fs::write(home.path().join("notes.db"), "no database, but long enough to look like one".repeat(99)).unwrap();
    for words in [&["--db", "notes.db", "check"][..], &["--db", "notes.db", "check", "--repair"]] {
        let Said { code, stdout, stderr } = home.run(&[words, &["--json"]].concat());
        let checkup = crate::home::json_lines(&stdout).remove(0);
        let problems = checkup["problems"].as_array().map_or(0, Vec::len);
        assert!(code == Some(1) && problems > 0 && checkup["repaired"] == json!(false), "{words:?}: {stdout}{stderr}");
        assert!(stderr.contains("problem") && !stderr.contains("`ai-coder-events check`"), "{stderr}");
    }
}

/// The server says what is wrong, and begins anew only where that was asked for.
#[test]
fn a_server_on_a_damaged_history() {
    let home = Home::new();
    outputs(&home, 10);
    std::fs::write(home.history(), "lost".repeat(9999)).unwrap();
    for suffix in ["-wal", "-shm"] {
        std::fs::remove_file(home.history().with_extension(format!("db{suffix}"))).unwrap_or_default();
    }
    for era in [old(), modern()] {
        let mut client = Client::start(&home, &[], era);
        for (tool, arguments) in
            [("list_ai_coder_events", json!({})), ("emit_ai_coder_event", json!({"type": "created", "coder_id": "a"}))]
        {
            let told = client.refused(tool, arguments);
            assert!(told.contains("is damaged") && told.contains("`check --repair`"), "{told}");
        }
        assert!(client.close().0.success());
    }
    assert_eq!(std::fs::read_to_string(home.history()).unwrap(), "lost".repeat(9999));

    let mut client = Client::start(&home, &["--fresh-if-broken"], modern());
    let empty = client.call("list_ai_coder_events", json!({}));
    assert_eq!((&empty["events"], &empty["head"]), (&json!([]), &json!(0)));
    assert_eq!(client.call("emit_ai_coder_event", json!({"type": "created", "coder_id": "a"}))["seq"], 1);
    assert!(client.close().0.success());
    let kept = std::fs::read_dir(home.history().parent().unwrap()).unwrap();
    let kept = kept.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains(".broken-")).count();
    assert_eq!(kept, 1);
    // A history that is well stays.
    let mut client = Client::start(&home, &["--fresh-if-broken"], old());
    assert_eq!(client.call("list_ai_coder_events", json!({}))["head"], 1);
}

#[test]
fn a_file_that_is_no_history_is_exit_1() {
    let home = Home::new();
    std::fs::write(
        home.path().join("notes.db"),
        "these are my notes, not a database, and they are long enough to look like one".repeat(99),
    )
    .unwrap();
    for words in [
        &["--db", "notes.db", "check"][..],
        &["--db", "notes.db", "list"],
        &["--db", "notes.db", "emit", "created", "--coder", "a"],
    ] {
        let Said { code, stderr, .. } = home.run(words);
        assert_eq!(code, Some(1), "{words:?}: {stderr}");
        assert!(stderr.contains("history"), "{stderr}");
    }
}

#[test]
fn rejections_are_listed_and_cleared() {
    let home = Home::new();
    assert_eq!(home.feed(&["emit", "-"], b"no json\n{\"type\":\"created\"}\n").code, Some(1));
    let kept = home.json(&["rejected"]);
    let shown: Vec<_> = kept.iter().map(|kept| (kept["source"].clone(), kept["input"].clone())).collect();
    assert_eq!(shown, [(json!("emit"), json!("no json")), (json!("emit"), json!(r#"{"type":"created"}"#))]);
    let (said, reason) = (home.ok(&["rejected"]), kept[1]["reason"].as_str().unwrap());
    assert!(said.contains(reason) && said.contains("\n    no json\n"), "{said}");
    assert_eq!(home.ok(&["rejected", "--clear"]), "forgot 2 rejections\n");
    assert_eq!(home.json(&["rejected"]), [json!(null); 0]);
    assert_eq!(home.json(&["rejected", "--clear"]), [json!({"cleared": 0})]);
}

#[test]
fn a_long_rejected_input_is_cut_after_its_secrets_are_gone() {
    let home = Home::new();
    let check = |filler: &str, count: usize| {
        let secret = format!("sk-ant-api03-{}", "Ab3".repeat(40));
        let line = format!("{} {secret} {}\n", filler.repeat(count), filler.repeat(9000));
        assert_eq!(home.feed(&["emit", "-"], line.as_bytes()).code, Some(1));
        let kept = home.json(&["rejected"]).pop().unwrap()["input"].as_str().unwrap().to_owned();
        assert!(kept.len() <= 4096 && kept.len() > 4000, "{} bytes of {filler}", kept.len());
        assert!(!kept.contains("sk-ant"), "{}", &kept[kept.len() - 50..]);
    };
    check("x", 4060);
    check("é", 2030);
    check("\u{1F680}", 1015);
}

#[test]
fn a_value_that_cannot_be_read_is_a_problem_that_repair_mends() {
    let home = Home::new();
    outputs(&home, 10);
    rusqlite::Connection::open(home.history()).unwrap().execute("UPDATE coder SET state = 'nonsense'", []).unwrap();
    let Said { code, stdout, .. } = home.run(&["check", "--json"]);
    assert!(code == Some(1) && !stdout.contains(r#""problems":[]"#), "{stdout}");
    assert_eq!(home.json(&["check", "--repair"])[0]["repaired"], true);
    assert_eq!(home.ok(&["check"]), "10 events, 1 coder: all is well\n");
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let home = Home::new();
    let path = home.path().join("shop.db");
    // Many number their schemas, with numbers that ours has, had, or will have.
    for version in [0, 1, 3, 99] {
        let shop = format!("CREATE TABLE orders (id); PRAGMA user_version = {version};");
        rusqlite::Connection::open(&path).unwrap().execute_batch(&shop).unwrap();
        let before = std::fs::read(&path).unwrap();
        for words in [
            &["emit", "created", "--coder", "a"][..],
            &["list"],
            &["check"],
            &["check", "--repair"],
            &["prune", "--max-events", "1"],
        ] {
            let Said { code, stderr, .. } = home.run(&[&["--db", "shop.db"], words].concat());
            assert!(code == Some(1) && stderr.contains("another program's database"), "{version} {words:?}: {stderr}");
        }
        let mut client = Client::start(&home, &["--db", "shop.db", "--fresh-if-broken"], modern());
        assert!(client.refused("list_ai_coder_events", json!({})).contains("another program's database"));
        assert!(client.close().0.success());
        assert!(std::fs::read(&path).unwrap() == before, "{version}");
        std::fs::remove_file(&path).unwrap();
    }
}

/// The log is taken away under a server: by its name, before it writes again and before it ends, and by a reader that makes a new one.
#[test]
fn a_log_that_is_taken_away_takes_nothing_along() {
    let log = |home: &Home| home.history().with_extension("db-wal");
    let outputs_of = |home: &Home| home.json(&["list", "--type", "output"]).len();
    let emit = |client: &mut Client| {
        client.call("emit_ai_coder_event", json!({"type": "output", "coder_id": "a", "text": "kept"}));
    };
    for (written_after, looked_at) in [(0, false), (2, false), (0, true), (2, true)] {
        let home = Home::new();
        let mut client = Client::start(&home, &[], modern());
        (0..3).for_each(|_| emit(&mut client));
        std::fs::remove_file(log(&home)).unwrap();
        if looked_at {
            // It finds a log without what the index says of it, and says so, or what was in the database by then.
            home.run(&["list"]);
        }
        (0..written_after).for_each(|_| emit(&mut client));
        assert!(client.close().0.success());
        assert_eq!(outputs_of(&home), 3 + written_after, "{written_after} written after, looked at: {looked_at}");
        home.ok(&["check"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_history_without_a_log_where_nothing_can_be_written_is_told_in_words() {
    let home = Home::new();
    let folder = home.path().join("mounted");
    home.ok(&["--db", "mounted/history.db", "emit", "started", "--coder", "a"]);
    let db = rusqlite::Connection::open(folder.join("history.db")).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(db);
    let script = "mount --bind mounted mounted && mount -o remount,ro,bind mounted && exec \"$@\"";
    let inner = home.command(&["--db", "mounted/history.db"]);
    let apart = |words: &[&str]| {
        let mut command = std::process::Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]).args(words).current_dir(home.path());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        crate::home::feed(command, b"")
    };
    if apart(&["true"]).code != Some(0) {
        writeln!(std::io::stderr(), "skipped: this machine lets nobody mount anything").unwrap();
        return;
    }
    let program = inner.get_program().to_str().unwrap();
    for words in [&["list"][..], &["stats"], &["check"], &["emit", "started", "--coder", "a"]] {
        let said = apart(&[&[program, "--db", "mounted/history.db"], words].concat());
        assert!(said.code == Some(1) && said.stderr.contains("copy the history"), "{words:?}: {}", said.stderr);
        assert!(!said.stderr.contains("failed: unable"), "{words:?}: {}", said.stderr);
    }
}
