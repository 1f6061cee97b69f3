//! `[notify]`: a person's command is run once for each fact, whoever is there, with nothing but text.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, thread, time::Duration, time::Instant};

use serde_json::json;

use crate::{
    home::{Home, Said},
    rpc::{Client, modern},
};

/// A command that notes each argument in a file, and what it has noted.
fn herald(home: &Home) -> (PathBuf, PathBuf) {
    let (program, noted) = (home.path().join("herald"), home.path().join("noted"));
    fs::write(&program, format!("#!/bin/sh\nprintf '%s|%s\\n' \"$1\" \"$2\" >> '{}'\n", noted.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (program, noted)
}

fn lines(noted: &PathBuf) -> Vec<String> {
    fs::read_to_string(noted).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// What is noted once there are so many lines.
fn wait_for(noted: &PathBuf, count: usize) -> Vec<String> {
    let since = Instant::now();
    while lines(noted).len() < count {
        assert!(since.elapsed() < Duration::from_secs(30), "{:?}", lines(noted));
        thread::yield_now();
    }
    lines(noted)
}

#[test]
fn each_fact_is_told_once_however_many_processes_live() {
    let home = Home::new();
    let (program, noted) = herald(&home);
    let command = json!([program, "{title}", "{body}"]);
    home.configure(&format!("[notify]\ncommand = {command}\non = [\"waiting\", \"failed\", \"loop\"]\n"));
    home.record(&[r#"{"type":"started","coder_id":"a","coder_name":"Fix auth"}"#]);
    let mut servers: Vec<Client> = (0..3).map(|_| Client::start(&home, &[], modern())).collect();
    servers.iter_mut().for_each(|server| drop(server.call("list_ai_coders", json!({}))));
    home.record(&[
        r#"{"type":"paused","coder_id":"a","reason":"permission","request":"rm -rf \"$HOME\" `id`; {title}"}"#,
        r#"{"type":"completed","coder_id":"a"}"#,
        r#"{"type":"failed","coder_id":"b","error_message":"-o /etc/passwd","timestamp":"2026-11-22T19:21:00Z"}"#,
        r#"{"type":"failed","coder_id":"c","error_message":"@/etc/passwd"}"#,
    ]);
    // Two processes may tell at a time.
    let mut told = wait_for(&noted, 2);
    told.sort_unstable();
    assert_eq!(told[0], "Failed: c|Coder c: failed: @/etc/passwd");
    assert!(told[1].starts_with("Waits for you: Fix auth|Coder a: "), "{told:?}");
    assert!(!told[1].contains(['"', '`', '$', '{']), "{told:?}");
    // Whoever was second had its chance by then: it is told, and only once.
    home.record(&[r#"{"type":"failed","coder_id":"d"}"#]);
    assert_eq!(wait_for(&noted, 3).len(), 3);
    servers.iter_mut().for_each(|server| assert!(server.close().0.success()));
    assert_eq!(lines(&noted).len(), 3);
    assert_eq!(home.run(&["check"]).code, Some(0));
}

#[test]
fn a_command_is_tried_and_where_it_fails_doctor_says_so() {
    let home = Home::new();
    let test = |home: &Home| {
        let Said { code, stdout, stderr } = home.run(&["notify", "--test"]);
        (code, stdout, stderr)
    };
    let (code, _, stderr) = test(&home);
    assert!(code == Some(1) && stderr.contains("no command is configured; give one as `command` under [notify]"), "{stderr}");
    assert_eq!(home.run(&["notify"]).code, Some(2));
    let (program, noted) = herald(&home);
    home.configure(&format!("[notify]\ncommand = {}\n", json!([program, "{title}"])));
    assert_eq!(test(&home).0, Some(0));
    assert_eq!(lines(&noted), ["Test: ai-coder-events|"]);
    for (wrong, named) in
        [("on = [\"wating\"]", "waiting, failed, settled"), ("quiet = \"night\"", "such as 22:00-07:00"), ("cmd = 1", "`cmd`")]
    {
        home.configure(&format!("[notify]\n{wrong}\n"));
        let Said { code, stderr, .. } = home.run(&["stats"]);
        assert!(code == Some(1) && stderr.contains(named), "{wrong}: {stderr}");
    }
    home.configure("[notify]\ncommand = [\"false\"]\n");
    let (code, _, stderr) = test(&home);
    assert!(code == Some(1) && stderr.contains("`false` ended with"), "{stderr}");
    let mut server = Client::start(&home, &[], modern());
    server.call("list_ai_coders", json!({}));
    home.record(&[r#"{"type":"failed","coder_id":"a"}"#]);
    let since = Instant::now();
    while !home.run(&["doctor"]).stdout.contains("you were not told of something") {
        assert!(since.elapsed() < Duration::from_secs(30));
    }
    assert!(home.run(&["doctor"]).stdout.contains("ai-coder-events notify --test"));
    assert!(server.close().0.success());
}
