//! A hook in trouble: whatever the history, the disk, the home and stdin are like, it exits 0, says nothing, takes no longer
//! than its deadline, and what could not be written waits in a spool that is taken in once, in order.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    home::{Home, Running, Said, feed, json_lines},
    rpc::{Client, modern},
};

/// The deadline is 250 ms; the rest is for a machine that is busy with other tests. What has no deadline takes far longer.
const IN_TIME: Duration = Duration::from_secs(3);

fn payload(session: &str, event: &str) -> String {
    json!({"session_id": session, "transcript_path": "/t.jsonl", "cwd": "/repo/shop", "hook_event_name": event,
           "source": "startup", "prompt": "go on", "prompt_id": format!("{session}-1")})
    .to_string()
}

/// A home whose hooks have the default budget.
fn hasty() -> Home {
    let home = Home::new();
    home.configure("");
    home
}

#[track_caller]
fn silent(command: Command, input: &[u8]) {
    let began = Instant::now();
    let said = feed(command, input);
    assert_eq!(said, Said { code: Some(0), stdout: String::new(), stderr: String::new() });
    assert!(began.elapsed() < IN_TIME, "it took {:?}", began.elapsed());
}

#[track_caller]
fn hook(home: &Home, session: &str, event: &str) {
    silent(home.command(&["hook", "claude-code"]), payload(session, event).as_bytes());
}

/// Spool files below `folder`.
fn spooled(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { spooled(&path) } else { usize::from(path.extension().is_some_and(|it| it == "jsonl")) })
        .sum()
}

fn sessions(home: &Home) -> Vec<String> {
    let mut ids: Vec<String> =
        home.json(&["coders"]).iter().map(|coder| coder["coder_id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn a_history_that_is_locked_all_the_while() {
    let home = hasty();
    home.ok(&["emit", "created", "--coder", "other"]);
    let lock = rusqlite::Connection::open(home.history()).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for event in ["SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"] {
        hook(&home, "s1", event);
    }
    assert_eq!(spooled(home.path()), 4);
    lock.execute_batch("ROLLBACK").unwrap();
    drop(lock);
    assert_eq!(home.json(&["check"])[0]["problems"], json!([]));
    let types: Vec<Value> = home
        .json(&["list", "--coder", "claude-code:s1", "--order", "oldest"])
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(types.first(), Some(&json!("ai_coder_created")), "{types:?}");
    assert_eq!(types.last(), Some(&json!("ai_coder_stopped")), "{types:?}");
    assert_eq!((spooled(home.path()), home.json(&["check"])[0]["spool_taken_in"].clone()), (0, json!(0)), "once");
}

/// SQLite's own patience does not cover this lock: it is asked for in a loop that may last ten seconds.
#[cfg(unix)]
#[test]
fn a_lock_that_has_no_time_limit_of_its_own() {
    let home = hasty();
    hook(&home, "s1", "SessionStart");
    home.ok(&["check"]);
    let shared =
        fs::File::options().read(true).write(true).create(true).truncate(false).open(home.history().with_extension("db-shm"));
    let shared = shared.unwrap();
    rustix::fs::fcntl_lock(&shared, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    hook(&home, "s2", "SessionStart");
    drop(shared);
    home.ok(&["check"]);
    assert_eq!(sessions(&home), ["claude-code:s1", "claude-code:s2"]);
}

#[test]
fn a_history_that_is_corrupt_or_no_history() {
    let home = hasty();
    fs::create_dir_all(home.history().parent().unwrap()).unwrap();
    fs::write(home.history(), "no database".repeat(999)).unwrap();
    hook(&home, "s1", "SessionStart");
    assert_eq!(spooled(home.path()), 1);
    fs::remove_file(home.history()).unwrap();
    home.ok(&["check"]);
    assert_eq!(sessions(&home), ["claude-code:s1"]);
}

/// Two programs on one history: the older one stops writing, says so, and spools.
#[test]
fn a_history_of_a_newer_program() {
    let home = hasty();
    hook(&home, "s1", "SessionStart");
    home.ok(&["check"]);
    // A server of the older program has it open.
    let mut server = Client::start(&home, &[], modern());
    server.call("list_ai_coders", json!({}));
    let newer = rusqlite::Connection::open(home.history()).unwrap();
    let known: u32 = newer.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    newer.pragma_update(None, "user_version", known + 1).unwrap();

    hook(&home, "s2", "SessionStart");
    assert_eq!(spooled(home.path()), 1);
    let told = server.refused("emit_ai_coder_event", json!({"type": "created", "coder_id": "late"}));
    let said = home.run(&["emit", "created", "--coder", "late"]);
    for told in [told, said.stderr] {
        assert!(told.contains("install the newer ai-coder-events"), "{told}");
    }
    assert_eq!(said.code, Some(1));

    newer.pragma_update(None, "user_version", known).unwrap();
    home.ok(&["check"]);
    assert_eq!(sessions(&home), ["claude-code:s1", "claude-code:s2"], "and nothing of what was refused");
}

#[test]
fn every_kind_of_stdin() {
    let home = hasty();
    let run = |redirection: &str| {
        let mut command = home.command(&["hook", "claude-code"]);
        let program = command.get_program().to_owned();
        let environment: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        let mut shell = Command::new("sh");
        shell.env_clear().current_dir(home.path()).envs(environment.into_iter().filter_map(|(name, value)| Some((name, value?))));
        shell.args(["-c", &format!("exec \"$0\" hook claude-code {redirection}")]).arg(program);
        command = shell;
        silent(command, b"");
    };
    run("<&-");
    run("</dev/null");
    run("</dev/zero");
    run("</dev/urandom");
    run("<.");
    let kept = |home: &Home| {
        home.ok(&["check"]);
        home.json(&["rejected"]).len()
    };
    assert_eq!(kept(&home), 5);
    let huge = [&b"{\"tool_response\":\""[..], &vec![b'x'; 100 << 20]].concat();
    silent(home.command(&["hook", "claude-code"]), &huge);
    silent(home.command(&["hook", "claude-code"]), &[b"{\"hook_event_name\":\"", &[0xff_u8; 70_000][..]].concat());
    // On a machine under load the deadline may pass while a hook writes: then the spool has the same once more, and nothing is lost.
    let kept = kept(&home);
    assert!((7..=9).contains(&kept), "{kept} of 7");
}

#[test]
fn a_home_that_is_missing_or_cannot_be_written() {
    let home = hasty();
    // A file where a folder would have to be, for root too; and a folder of the kernel's.
    fs::write(home.path().join("file"), "").unwrap();
    for (n, place) in [home.path().join("file/home"), "/proc/home".into()].into_iter().enumerate() {
        let mut command = home.command(&["hook", "claude-code"]);
        command.env("HOME", &place).env_remove("XDG_STATE_HOME").env_remove("XDG_CONFIG_HOME");
        silent(command, payload("s1", "SessionStart").as_bytes());
        assert_eq!(spooled(&home.path().join("runtime")), n + 1, "{}", place.display());
    }
    let mut command = home.command(&["hook", "claude-code"]);
    command.env("HOME", "/proc/home").env_remove("XDG_STATE_HOME").env_remove("XDG_RUNTIME_DIR");
    fs::create_dir(home.path().join("tmp")).unwrap();
    silent(command, payload("s1", "SessionStart").as_bytes());
    assert_eq!(spooled(&home.path().join("tmp")), 1, "where there is no runtime folder, the temporary one serves");
}

/// As after `su`: the variable still names the folder of the user before.
#[test]
fn a_runtime_folder_that_cannot_be_used() {
    let home = hasty();
    fs::create_dir(home.path().join("tmp")).unwrap();
    let mut command = home.command(&["hook", "claude-code"]);
    command.env("XDG_STATE_HOME", "/proc/nowhere").env("XDG_RUNTIME_DIR", "/proc/nowhere");
    silent(command, payload("s1", "SessionStart").as_bytes());
    assert_eq!(spooled(&home.path().join("tmp")), 1);
}

#[cfg(unix)]
#[test]
fn a_configuration_that_would_be_waited_for() {
    let home = hasty();
    let path = home.path().join("config/ai-coder-events/config.toml");
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    hook(&home, "s1", "SessionStart");
    fs::remove_file(&path).unwrap();
    home.ok(&["check"]);
    assert_eq!(sessions(&home), ["claude-code:s1"]);
}

/// The one thing that a hook tells: that a payload is lost, and why.
#[test]
fn where_nothing_can_be_written_at_all() {
    let home = hasty();
    let mut command = home.command(&["hook", "claude-code"]);
    for variable in ["XDG_STATE_HOME", "XDG_RUNTIME_DIR", "TMPDIR", "HOME"] {
        command.env(variable, "/proc/nowhere");
    }
    let said = feed(command, payload("s1", "SessionStart").as_bytes());
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""));
    assert!(said.stderr.contains("payload is lost") && said.stderr.lines().count() == 1, "{}", said.stderr);
}

/// A shell with the state folder on a file system of its own, which goes with it, and the program as `$0`; `None` where that
/// is not allowed here.
#[cfg(target_os = "linux")]
fn on_a_disk(home: &Home, mounted: &str, script: &str) -> Option<Command> {
    let state = home.path().join("state");
    fs::create_dir_all(&state).unwrap();
    let may = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs"]).arg(&state).stderr(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        // Nothing to try where file systems cannot be mounted; `faults` stands in for it.
        return None;
    }
    let plain = home.command(&[]);
    let mut command = Command::new("unshare");
    command.env_clear().current_dir(home.path());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let script = format!("mount -t tmpfs -o {mounted} tmpfs state && {{ {script}; }}");
    command.args(["-rm", "sh", "-c", &script]).arg(plain.get_program());
    Some(command)
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_or_read_only() {
    let hook = r#"exec "$0" hook claude-code"#;
    let filled = |bytes: u32| format!("{{ head -c {bytes} /dev/zero >state/fill; }} 2>/dev/null; {hook}");
    for (mounted, script) in [("size=64k", filled(65_536)), ("size=64k", filled(40_000)), ("ro", hook.to_owned())] {
        let home = hasty();
        let Some(command) = on_a_disk(&home, mounted, &script) else { return };
        silent(command, payload("s1", "SessionStart").as_bytes());
        assert_eq!(spooled(&home.path().join("runtime")), 1, "{mounted}: {script}");
        // The disk is gone, and another one has room.
        home.ok(&["check"]);
        assert_eq!(sessions(&home), ["claude-code:s1"]);
    }
}

/// Whoever writes to a frozen disk cannot be ended, by nobody; and nobody waits for that.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_frozen() {
    let home = hasty();
    let state = home.path().join("state");
    fs::create_dir_all(&state).unwrap();
    let quiet = |program: &str, arguments: &[&str]| {
        let path = "/usr/sbin:/usr/bin:/sbin:/bin";
        let mut command = Command::new(program);
        command.args(arguments).current_dir(home.path()).env("PATH", path).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let made = quiet("truncate", &["-s", "16M", "disk"]) && quiet("mkfs.ext4", &["-q", "disk"]);
    if !(made && quiet("mount", &["-o", "loop", "disk", "state"])) {
        // Nothing to try where file systems cannot be mounted.
        return;
    }
    hook(&home, "s1", "SessionStart");
    let is_frozen = quiet("fsfreeze", &["-f", "state"]);
    let began = Instant::now();
    let said = feed(home.command(&["hook", "claude-code"]), payload("s2", "SessionStart").as_bytes());
    let took = began.elapsed();
    let spooled_elsewhere = spooled(&home.path().join("runtime"));
    assert!(!is_frozen || quiet("fsfreeze", &["-u", "state"]));
    let taken_in = home.run(&["check"]);
    let known = sessions(&home);
    // Who still writes, leaves.
    until("nobody to write to it", || quiet("umount", &["state"]));
    assert_eq!((said.code, said.stderr.as_str(), taken_in.code), (Some(0), "", Some(0)), "{}", taken_in.stdout);
    assert_eq!(known, ["claude-code:s1", "claude-code:s2"]);
    if is_frozen {
        assert!(took < IN_TIME && spooled_elsewhere == 1, "{took:?}, {spooled_elsewhere} spooled");
    }
}

/// `ulimit -f`: the system ends whoever makes a file larger, unless told not to.
#[cfg(unix)]
#[test]
fn files_that_may_not_grow() {
    for (blocks, is_kept) in [(0, false), (8, true)] {
        let home = hasty();
        let mut shell = Command::new("sh");
        let command = home.command(&[]);
        shell.env_clear().current_dir(home.path());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.args(["-c", &format!("ulimit -f {blocks}; \"$0\" hook claude-code")]).arg(command.get_program());
        let said = feed(shell, payload("s1", "SessionStart").as_bytes());
        assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{}", said.stderr);
        assert_eq!(said.stderr.contains("payload is lost"), !is_kept, "{}", said.stderr);
        if is_kept {
            home.ok(&["check"]);
            assert_eq!(sessions(&home), ["claude-code:s1"]);
        }
    }
}

/// Whoever opens a history alone reads its whole log: hooks that have less time than that would never end it.
#[test]
fn a_log_that_takes_longer_to_read_than_a_hook_may() {
    const LOG_BYTES: u64 = 96 << 20;
    let home = Home::new();
    home.record(&[r#"{"type":"created","coder_id":"other"}"#]);
    let log = home.history().with_extension("db-wal");
    let script = "import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1]); db.execute('PRAGMA wal_autocheckpoint = 0'); db.execute('PRAGMA cache_size = 10')
while not os.path.exists(sys.argv[1] + '-wal') or os.path.getsize(sys.argv[1] + '-wal') < int(sys.argv[2]):
    db.executescript('BEGIN; CREATE TABLE long (x); INSERT INTO long SELECT zeroblob(4000000); DROP TABLE long; COMMIT')
os.kill(os.getpid(), 9)";
    let writing = Command::new("python3").args(["-c", script]).arg(home.history()).arg(LOG_BYTES.to_string()).status();
    if !writing.is_ok_and(|status| status.code().is_none()) {
        return;
    }
    assert!(fs::metadata(&log).unwrap().len() >= LOG_BYTES);
    home.configure("[hook]\nbudget_ms = 90\n");
    until("a short log", || {
        // Not each of them begins to write in its time.
        silent(home.command(&["hook", "claude-code"]), payload("s1", "SessionStart").as_bytes());
        fs::metadata(&log).map_or(0, |log| log.len()) < 1 << 20
    });
    home.ok(&["check"]);
    assert_eq!(sessions(&home), ["claude-code:s1", "other"]);
    assert_eq!(home.json(&["list", "--coder", "claude-code:s1", "--type", "created"]).len(), 1);
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A receipt is the acknowledgement: nobody gets one for what did not fit, and what fitted before is there.
#[cfg(target_os = "linux")]
#[test]
fn who_emits_to_a_disk_that_becomes_full_is_told() {
    let home = Home::new();
    let line = |n| json!({"type": "output", "coder_id": "a", "id": format!("n{n}"), "text": "x".repeat(500)}).to_string() + "\n";
    // Twice what fits, however it is cut into transactions.
    let sent = 6000;
    let lines: String = (0..sent).map(line).collect();
    let script = r#""$0" emit - --json; "$0" list --json --limit 0"#;
    let Some(command) = on_a_disk(&home, "size=1500k", script) else { return };
    let Said { code, stdout, stderr } = feed(command, lines.as_bytes());
    assert!(code == Some(0) && stderr.contains("the disk is full"), "{stderr}");
    let (receipts, listed): (Vec<Value>, Vec<Value>) = json_lines(&stdout).into_iter().partition(|it| it.get("line").is_some());
    let ids =
        |lines: &[Value]| -> BTreeSet<String> { lines.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect() };
    assert!(!receipts.is_empty() && receipts.len() < sent, "{} receipts", receipts.len());
    assert_eq!(ids(&receipts), ids(&listed));
}

/// The next process that stays takes it in without being asked.
#[test]
fn a_server_takes_in_what_hooks_left() {
    let home = hasty();
    home.ok(&["emit", "created", "--coder", "other"]);
    let lock = rusqlite::Connection::open(home.history()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    hook(&home, "s1", "SessionStart");
    lock.execute_batch("ROLLBACK").unwrap();
    let mut server = Client::start(&home, &[], modern());
    let cursor = server.call("subscribe_coder", json!({"coder_id": "claude-code:s1"}))["cursor"].take();
    let watch = server.call("subscribe_coder", json!({"coder_id": "claude-code:s1", "cursor": cursor, "wait_ms": 20_000}));
    assert_eq!(watch["coder"]["status"], "running", "{watch}");
}

/// Hooks of many agents at once, while somebody holds the lock again and again: each event is there, once.
#[test]
fn many_hooks_on_a_busy_history() {
    let home = hasty();
    home.ok(&["emit", "created", "--coder", "other"]);
    let lock = rusqlite::Connection::open(home.history()).unwrap();
    lock.busy_timeout(Duration::from_secs(30)).unwrap();
    let sessions_max = 24;
    let mut hooks: Vec<Running> = Vec::new();
    for n in 0..sessions_max {
        if n % 8 == 0 {
            lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        }
        let mut command = home.command(&["hook", "claude-code"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, payload(&format!("s{n:02}"), "SessionStart").as_bytes()).unwrap();
        hooks.push(Running(child));
        if n % 8 == 7 {
            hooks.iter_mut().skip(n - 7).take(4).for_each(|hook| assert!(hook.0.wait().unwrap().success()));
            lock.execute_batch("ROLLBACK").unwrap();
        }
    }
    hooks.iter_mut().for_each(|hook| assert!(hook.0.wait().unwrap().success()));
    home.ok(&["check"]);
    let expected: Vec<String> = (0..sessions_max).map(|n| format!("claude-code:s{n:02}")).chain(["other".to_owned()]).collect();
    assert_eq!(sessions(&home), expected);
    assert_eq!(home.json(&["list", "--type", "created", "--limit", "0"]).len(), sessions_max + 1);
}
