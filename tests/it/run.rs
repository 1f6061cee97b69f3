//! `run`: the command must not notice, and the history must know.

mod same;
mod terminal;

use std::{
    fs,
    io::{Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::home::{Home, Running, Said};

/// Long enough that only what never happens runs into it.
const LIMIT: Duration = Duration::from_secs(20);

/// A home with an empty folder to work in.
struct Place {
    home: Home,
}

impl Place {
    fn new() -> Place {
        let home = Home::new();
        fs::create_dir(home.path().join("work")).unwrap();
        Place { home }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.home.path().join("work")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.home.command(&["run"]);
        command.args(words).current_dir(self.folder()).env("PATH", "/usr/bin:/bin");
        command
    }

    fn script(&self, script: &str) -> Command {
        self.command(&["--id", "it", "--", "sh", "-c", script])
    }

    fn run(&self, script: &str) -> Said {
        Said::of(self.script(script).stdin(Stdio::null()).output().unwrap())
    }

    /// As a job of its own, as shells do it: where nobody could continue it, the kernel would not let it be stopped.
    fn spawn(&self, script: &str) -> Running {
        let mut command = self.script(script);
        command.process_group(0);
        Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Everything recorded, oldest first.
    fn events(&self) -> Vec<Value> {
        self.home.json(&["list", "--limit", "0", "--order", "oldest", "--detail", "full"])
    }

    fn of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["type"] == format!("ai_coder_{kind}")).collect()
    }

    /// The types recorded, without what depends on time.
    fn life(&self) -> Vec<String> {
        let steps = ["created", "started", "paused", "resumed", "completed", "failed", "stopped"];
        let short = |event: Value| event["type"].as_str().unwrap().trim_start_matches("ai_coder_").to_owned();
        self.events().into_iter().map(short).filter(|kind| steps.contains(&kind.as_str())).collect()
    }
}

/// Waits until `holds`; what it was waiting for is in the panic.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LIMIT, "{what} did not happen");
        thread::sleep(Duration::from_millis(5));
    }
}

fn wait(running: &mut Running) -> ExitStatus {
    let mut status = None;
    until("its end", || {
        status = running.0.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}

/// Reads until `expected` has come.
fn read_until(from: &mut impl Read, expected: &str) {
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !String::from_utf8_lossy(&said).contains(expected) {
        assert_eq!(from.read(&mut byte).unwrap(), 1, "ended before `{expected}`: {}", String::from_utf8_lossy(&said));
        said.push(byte[0]);
    }
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap().success());
}

fn stdout(running: &mut Running) -> std::process::ChildStdout {
    running.0.stdout.take().unwrap()
}

#[test]
fn the_exit_code_is_the_commands() {
    let place = Place::new();
    fs::write(place.folder().join("text"), "no program").unwrap();
    let check = |words: &[&str], code: i32, life: &[&str]| {
        let mut all = vec!["--id", "it", "--"];
        all.extend(words);
        let place = Place { home: Home::new() };
        fs::create_dir(place.folder()).unwrap();
        fs::write(place.folder().join("text"), "no program").unwrap();
        let output = place.command(&all).output().unwrap();
        // As a shell tells it.
        let ended = output.status.code().or_else(|| output.status.signal().map(|signal| 128 + signal));
        assert_eq!(ended, Some(code), "{words:?}: {output:?}");
        assert_eq!(place.life(), life, "{words:?}");
    };
    check(&["true"], 0, &["created", "started", "completed", "stopped"]);
    check(&["sh", "-c", "exit 3"], 3, &["created", "started", "failed", "stopped"]);
    check(&["sh", "-c", "kill -9 $$"], 137, &["created", "started", "failed", "stopped"]);
    check(&["no-such-program"], 127, &["created", "failed", "stopped"]);
    check(&["./text"], 126, &["created", "failed", "stopped"]);
    check(&["/"], 126, &["created", "failed", "stopped"]);
}

#[test]
fn only_a_command_that_is_none_is_told_on_stderr() {
    let place = Place::new();
    let said = Said::of(place.command(&["no-such-program", "--db"]).output().unwrap());
    let expected = "ai-coder-events run: `no-such-program` was not found: check the name and PATH\n";
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", expected));
    let said = Said::of(place.command(&["--id", "a b", "true"]).output().unwrap());
    assert_eq!(said.code, Some(2), "{}", said.stderr);
}

#[test]
fn streams_pass_byte_for_byte() {
    let place = Place::new();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut child =
        place.script("tee /dev/stderr").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = bytes.clone();
    let writing = thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout == bytes, "{} bytes came out of stdout", output.stdout.len());
    assert!(output.stderr == bytes, "{} bytes came out of stderr", output.stderr.len());
    assert_eq!(place.life(), ["created", "started", "completed", "stopped"]);
}

#[test]
fn a_life_is_recorded_with_its_details() {
    let place = Place::new();
    let mut command =
        place.command(&["--name", "Build it", "--", "sh", "-c", "echo one; echo 'two \x1b[31mred\x1b[0m' >&2; exit 3"]);
    let said = Said::of(command.env("AI_CODER_ID", "outer").output().unwrap());
    assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (Some(3), "one\n", "two \u{1b}[31mred\u{1b}[0m\n"));
    let events = place.events();
    let id = events[0]["coder_id"].as_str().unwrap();
    assert!(id.starts_with("sh-"), "{id}");
    for event in &events {
        assert_eq!((&event["coder_id"], &event["coder_name"], &event["source"]), (&id.into(), &"Build it".into(), &"run".into()));
        assert_eq!(event["data"]["parent_coder_id"], "outer", "a run inside a run is a coder of its own");
    }
    let started = &place.of("started")[0];
    assert!(started["data"]["pid"].as_u64().is_some_and(|pid| pid > 0), "{started}");
    assert_eq!(started["data"]["cwd"], place.folder().to_str().unwrap());
    assert!(started["data"]["command"].as_str().unwrap().starts_with("sh -c 'echo one"), "{started}");
    let failed = &place.of("failed")[0];
    assert_eq!((&failed["data"]["exit_code"], &failed["error_message"]), (&3.into(), &"two red".into()));
    let mut output: Vec<_> = place.of("output").iter().map(|event| (event["stream"].clone(), event["text"].clone())).collect();
    output.sort_by_key(|(stream, _)| stream.to_string());
    assert_eq!(output, [("stderr".into(), "two red\n".into()), ("stdout".into(), "one\n".into())]);
    let coder = &place.home.json(&["coders"])[0];
    assert_eq!((&coder["status"], coder["ended_at"].is_null()), (&"failed".into(), false));
}

#[test]
fn the_command_knows_whom_it_works_for() {
    let place = Place::new();
    let said = place.run("echo $AI_CODER_ID:$AI_CODER_NAME:$AI_CODER_EVENTS_DB");
    assert_eq!(said.stdout, format!("it:sh:{}\n", place.home.history().display()));
}

#[test]
fn a_run_with_a_known_id_goes_on_with_it() {
    let place = Place::new();
    place.run("true");
    place.run("false");
    let expected = ["created", "started", "completed", "stopped", "started", "failed", "stopped"];
    assert_eq!(place.life(), expected);
}

#[test]
fn without_room_for_a_wrapper_the_command_takes_its_place() {
    let place = Place::new();
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        r#"ulimit -n 16; "$0" run --id it -- sh -c 'echo $PPID; exit 3'; echo $?"#,
        env!("CARGO_BIN_EXE_ai-coder-events"),
    ]);
    shell.current_dir(place.folder()).env_clear().env("HOME", place.home.path()).env("PATH", "/usr/bin:/bin");
    let shell = shell.env("AI_CODER_EVENTS_DB", place.home.history()).stdout(Stdio::piped()).spawn().unwrap();
    let parent = shell.id();
    assert_eq!(Said::of(shell.wait_with_output().unwrap()).stdout, format!("{parent}\n3\n"));
    assert_eq!(place.life(), ["created", "started"]);
    let reason = place.of("started")[0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("runs unrecorded, without room for a wrapper: Too many open files"), "{reason}");
}

#[test]
fn signals_reach_the_command() {
    for (name, number) in [("TERM", 15), ("INT", 2), ("HUP", 1), ("QUIT", 3), ("USR1", 10), ("USR2", 12)] {
        // No shell traps what was ignored when it began, as a script's `cargo test &` begins.
        if is_ignored_here(number) {
            writeln!(std::io::stderr(), "skipped: SIG{name} is ignored where these tests were started").unwrap();
            continue;
        }
        let place = Place::new();
        let mut running =
            place.spawn(&format!("trap 'echo got {name}; exit 5' {name}; echo ready; while :; do sleep 0.01; done"));
        let mut stdout = stdout(&mut running);
        read_until(&mut stdout, "ready\n");
        signal(name, running.0.id());
        read_until(&mut stdout, &format!("got {name}\n"));
        assert_eq!(wait(&mut running).code(), Some(5), "{name} is {number}");
        assert_eq!(place.of("failed")[0]["data"]["exit_code"], 5);
    }
}

fn is_ignored_here(number: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map_or("0", str::trim);
    u64::from_str_radix(mask, 16).unwrap() >> (number - 1) & 1 == 1
}

#[test]
fn an_end_that_was_asked_for_is_no_failure() {
    let place = Place::new();
    let mut running = place.spawn("echo ready; exec sleep 60");
    read_until(&mut stdout(&mut running), "ready\n");
    signal("TERM", running.0.id());
    assert_eq!(wait(&mut running).signal(), Some(15));
    assert_eq!(place.life(), ["created", "started", "stopped"]);
    assert_eq!(place.of("stopped")[0]["reason"], "SIGTERM");
}

#[test]
fn an_ignored_signal_stays_ignored() {
    let place = Place::new();
    let mut shell = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_ai-coder-events");
    shell.args(["-c", r#"trap '' HUP; exec "$0" run -- sh -c 'kill -HUP $$; echo alive'"#, program]);
    shell.current_dir(place.folder()).env_clear().env("HOME", place.home.path()).env("PATH", "/usr/bin:/bin");
    assert_eq!(Said::of(shell.output().unwrap()).stdout, "alive\n");
}

#[test]
fn stop_and_continue_are_pauses() {
    let place = Place::new();
    let mut running = place.spawn("echo $$; while :; do sleep 0.01; done");
    let mut pid = String::new();
    let mut stdout = stdout(&mut running);
    let mut byte = [0];
    while stdout.read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        pid.push(char::from(byte[0]));
    }
    let command: u32 = pid.parse().unwrap();
    // The command alone: the wrapper goes on.
    signal("STOP", command);
    until("a pause", || place.life().ends_with(&["paused".to_owned()]));
    signal("CONT", command);
    until("a resumption", || place.life().ends_with(&["resumed".to_owned()]));
    // The wrapper stops with the command, as a shell's job does.
    let wrapper = running.0.id();
    signal("TSTP", wrapper);
    until("both to stop", || is_stopped(wrapper) && is_stopped(command));
    assert_eq!(place.life().last().unwrap(), "paused", "it is written before the wrapper stops");
    signal("CONT", wrapper);
    until("a resumption", || place.life().ends_with(&["resumed".to_owned()]));
    until("both to go on", || !is_stopped(wrapper) && !is_stopped(command));
    assert_eq!(place.life(), ["created", "started", "paused", "resumed", "paused", "resumed"]);
    assert_eq!(place.of("paused")[0]["reason"], "stopped by SIGSTOP");
    signal("KILL", command);
    assert_eq!(wait(&mut running).signal(), Some(9));
}

fn is_stopped(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.rsplit(')').next().unwrap().starts_with(" T"))
}

#[test]
fn files_are_recorded_as_git_sees_them() {
    let place = Place::new();
    let folder = place.folder();
    fs::create_dir_all(folder.join("target")).unwrap();
    fs::create_dir_all(folder.join(".git")).unwrap();
    fs::write(folder.join(".gitignore"), "target/\n*.log\n").unwrap();
    fs::write(folder.join("old.txt"), "old").unwrap();
    fs::write(folder.join("gone.txt"), "gone").unwrap();
    place.run(
        "echo hi > new.txt; echo other > old.txt; rm gone.txt; echo x > target/a.o; echo x > b.log; echo x > .git/index; \
         mkdir -p deep/er; echo deep > deep/er/c.txt; echo x > temp; rm temp; echo saved > .swp; mv .swp saved.txt",
    );
    let told = |kind: &str| {
        let mut paths: Vec<String> = place.of(kind).iter().map(|event| below(&folder, event)).collect();
        paths.sort();
        paths
    };
    assert_eq!(told("file_created"), ["deep/er/c.txt", "new.txt", "saved.txt"]);
    assert_eq!(told("file_modified"), ["old.txt"]);
    assert_eq!(told("file_deleted"), ["gone.txt"]);
    let new = place.of("file_created").into_iter().find(|event| below(&folder, event) == "new.txt").unwrap();
    let expected = "blake3:3ba8afcb3f8ca9ac3fbb4c4bca8c0a9e2b7ee3b8ba2e0a0c0a0cbf0b5cdc7f7f";
    assert_eq!((&new["operation"], &new["file_size"]), (&"create".into(), &3.into()));
    let hash = new["content_hash"].as_str().unwrap();
    assert!(hash.starts_with("blake3:") && hash.len() == expected.len(), "{hash}");
    assert_eq!(place.of("workspace_sync"), Vec::<Value>::new());
}

#[test]
fn changes_that_are_not_told_are_counted() {
    const FILES: usize = 6_000;
    let place = Place::new();
    place.run(&format!("seq {FILES} | xargs touch"));
    let told = place.of("file_created").len();
    let syncs = place.of("workspace_sync");
    let unfinished = syncs.iter().filter(|sync| sync["operation"] == "unfinished");
    let counted = |sync: &Value| sync["data"]["reason"].as_str().unwrap().split_once(" more changes")?.0.parse::<usize>().ok();
    // Where even the folder could not be read in time, that is told.
    match unfinished.map(counted).collect::<Option<Vec<usize>>>() {
        Some(counts) => assert_eq!(told + counts.iter().sum::<usize>(), FILES, "{syncs:?}"),
        None => assert!(told < FILES, "{syncs:?}"),
    }
}

fn below(folder: &Path, event: &Value) -> String {
    Path::new(event["file_path"].as_str().unwrap()).strip_prefix(folder).unwrap().to_str().unwrap().to_owned()
}

#[test]
fn the_historys_own_files_are_not_the_commands() {
    let place = Place::new();
    let mut command = place.command(&["--id", "it", "--db", "own.db", "--", "sh", "-c", "echo x > mine.txt"]);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    let db = place.folder().join("own.db");
    let created = place.home.json(&["--db", db.to_str().unwrap(), "list", "--type", "file_created"]);
    let paths: Vec<String> = created.iter().map(|event| below(&place.folder(), event)).collect();
    assert_eq!(paths, ["mine.txt"]);
}

/// Whoever opened and closed the database would drop the locks that the recorder holds on it; the next process to go would take
/// the log with it, and what is recorded later would be gone.
#[test]
fn the_historys_own_files_are_left_alone_under_any_name() {
    let script = "ln -s \"$AI_CODER_EVENTS_DB\" soft; echo x > mine.txt; n=0
        recorded() { $EVENTS list --json --type file_created | grep -q $1; }
        until recorded mine.txt; do n=$((n+1)); test $n -lt 500 || exit 9; done
        ln \"$AI_CODER_EVENTS_DB\" hard; echo y > yours.txt
        until recorded yours.txt; do n=$((n+1)); test $n -lt 500 || exit 9; done
        test -e \"$AI_CODER_EVENTS_DB-wal\" && echo kept";
    for spelling in ["../work/h.db", "../alias/h.db", "../elsewhere/h.db"] {
        let place = Place::new();
        fs::create_dir(place.home.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(place.folder(), place.home.path().join("alias")).unwrap();
        let mut command = place.command(&["--id", "it", "--db", spelling, "--", "sh", "-c", script]);
        let said = Said::of(command.env("EVENTS", env!("CARGO_BIN_EXE_ai-coder-events")).output().unwrap());
        assert_eq!((said.code, said.stdout.as_str()), (Some(0), "kept\n"), "{spelling}: {}", said.stderr);
        let db = place.folder().join(spelling);
        let events = place.home.json(&["--db", db.to_str().unwrap(), "list", "--coder", "it", "--order", "oldest"]);
        let files = events.iter().filter(|event| event["file_path"].is_string());
        let names: Vec<String> = files.map(|event| below(&place.folder(), event)).collect();
        assert_eq!(names, ["mine.txt", "yours.txt"], "{spelling}");
        assert_eq!(events.last().unwrap()["type"], "ai_coder_stopped", "{spelling}");
    }
}

#[test]
fn a_flood_of_output_is_bounded_and_counted() {
    let place = Place::new();
    let output = place.script("yes 0123456789 | head -c 20000000").output().unwrap();
    assert_eq!(output.stdout.len(), 20_000_000);
    let events = place.of("output");
    assert!(events.len() < 100, "{} events", events.len());
    let suppressed: u64 = events.iter().filter_map(|event| event["data"]["suppressed_bytes"].as_u64()).sum();
    let recorded: u64 = events.iter().filter_map(|event| event["text"].as_str()).map(|text| text.len() as u64).sum();
    assert!(suppressed > 19_000_000, "{suppressed}");
    assert_eq!(suppressed + recorded, 20_000_000);
}

#[test]
fn a_history_in_trouble_is_the_recorders_own() {
    let check = |trouble: &str, place: &Place, command: &mut Command| {
        let said = Said::of(command.stdin(Stdio::null()).output().unwrap());
        let expected = Said { code: Some(7), stdout: "out\n".into(), stderr: "err\n".into() };
        assert_eq!(said, expected, "{trouble} in {}", place.home.path().display());
    };
    let script = "echo out; echo err >&2; exit 7";

    let place = Place::new();
    fs::create_dir_all(place.home.history()).unwrap();
    check("a folder in its place", &place, &mut place.script(script));

    let place = Place::new();
    fs::create_dir_all(place.home.history().parent().unwrap()).unwrap();
    fs::write(place.home.history(), "this is no database, only some text that is in the way").unwrap();
    check("no database", &place, &mut place.script(script));

    let place = Place::new();
    check("a device without space", &place, place.script(script).env("AI_CODER_EVENTS_DB", "/dev/full"));

    let place = Place::new();
    place.home.configure("nonsense = [");
    check("a broken configuration", &place, &mut place.script(script));

    let place = Place::new();
    // Unset, it is looked up where users are listed, and is a real one.
    check("no home", &place, place.script(script).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", ""));
}

#[test]
fn a_locked_history_gets_its_events_later() {
    let place = Place::new();
    place.home.record(&[r#"{"type":"progress","coder_id":"other"}"#]);
    let lock = rusqlite::Connection::open(place.home.history()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let said = place.run("echo out; exit 7");
    assert_eq!(said, Said { code: Some(7), stdout: "out\n".into(), stderr: String::new() });
    lock.execute_batch("ROLLBACK").unwrap();
    drop(lock);
    assert_eq!(place.life(), [""; 0]);
    place.home.ok(&["check"]);
    let mut life = place.life();
    life.sort();
    assert_eq!(life, ["created", "failed", "started", "stopped"]);
    assert_eq!(place.of("output")[0]["text"], "out\n");
}

#[test]
fn a_reader_that_goes_away_ends_the_command_as_a_pipe_does() {
    let place = Place::new();
    let mut running = place.spawn("yes; echo $? >&2");
    let mut stdout = stdout(&mut running);
    let mut some = [0; 100];
    stdout.read_exact(&mut some).unwrap();
    drop(stdout);
    let mut stderr = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(stderr.ends_with("141\n"), "{stderr}");
    assert_eq!(wait(&mut running).code(), Some(0));
}

#[test]
fn the_wrappers_death_does_not_end_the_command() {
    let place = Place::new();
    let done = place.home.path().join("done");
    let mut running = place.spawn(&format!("echo ready; read wait; echo went on > {}", done.display()));
    read_until(&mut stdout(&mut running), "ready\n");
    signal("KILL", running.0.id());
    wait(&mut running);
    running.0.stdin.take().unwrap().write_all(b"\n").unwrap();
    until("the command to go on", || fs::read_to_string(&done).is_ok_and(|text| text == "went on\n"));
}

#[test]
fn what_runs_on_in_the_background_keeps_its_output() {
    let place = Place::new();
    let go = place.home.path().join("go");
    let script = format!("(while ! test -e {}; do sleep 0.01; done; echo late) & echo early", go.display());
    let mut running = place.spawn(&script);
    let mut stdout = stdout(&mut running);
    read_until(&mut stdout, "early\n");
    assert_eq!(wait(&mut running).code(), Some(0), "it is not waited for");
    fs::write(&go, "").unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "late\n");
}

#[test]
fn memory_over_its_limit_is_told() {
    let place = Place::new();
    let mut command = place.command(&["--id", "it", "--limit-memory", "1", "--", "sh", "-c", "read wait"]);
    let mut running: Child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the limit", || !place.of("resource_limit").is_empty());
    drop(running.stdin.take());
    running.wait().unwrap();
    let limit = &place.of("resource_limit")[0];
    assert_eq!((&limit["data"]["limit"], &limit["data"]["limit_mb"]), (&"memory".into(), &1.into()));
    assert!(limit["memory_mb"].as_u64().is_some_and(|memory| memory > 1), "{limit}");
    assert_eq!(place.of("resource_usage")[0]["data"]["processes"], 1);
}
