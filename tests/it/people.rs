//! What people see on a terminal: rows that fit, days, ages, charts, progress; colours unless they want none.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::home::Home;

type Terminal = Box<dyn MasterPty + Send>;
type Begun = Box<dyn Child + Send + Sync>;

/// Months ago whenever this runs; the ids are as long as agents make them.
const HOUR: &[&str] = &[
    r#"{"id":"e1","type":"created","coder_id":"claude-code:02e40b45-11d3-4bca-97bd-1292e0b28074","timestamp":"2026-01-21T10:00:00Z"}"#,
    r#"{"id":"e2","type":"progress","coder_id":"claude-code:02e40b45-11d3-4bca-97bd-1292e0b28074","progress":0.42,"stage":"editing","description":"Rewriting the session store\nline by line","timestamp":"2026-01-22T10:10:00Z"}"#,
    r#"{"id":"e3","type":"milestone","coder_id":"修正","milestone":"テスト合格テスト合格テスト合格","timestamp":"2026-01-22T10:20:00Z"}"#,
];

/// Begins this on a terminal of so many columns.
fn begin(home: &Home, columns: u16, words: &[&str], environment: &[(&str, &str)]) -> (Terminal, Begun) {
    let pair = native_pty_system().openpty(PtySize { rows: 24, cols: columns, ..PtySize::default() }).unwrap();
    let plain = home.command(words);
    let mut command = CommandBuilder::new(plain.get_program());
    command.args(plain.get_args());
    command.env_clear();
    command.env("TERM", "xterm");
    command.cwd(home.path());
    for (name, value) in plain.get_envs() {
        command.env(name, value.unwrap());
    }
    environment.iter().for_each(|(name, value)| command.env(name, value));
    let child = pair.slave.spawn_command(command).unwrap();
    (pair.master, child)
}

/// The rest of what a terminal is sent.
fn rest(terminal: &Terminal) -> String {
    let mut said = Vec::new();
    // Linux says so when the last program has closed its end.
    if let Err(error) = terminal.try_clone_reader().unwrap().read_to_end(&mut said) {
        assert!(error.raw_os_error() == Some(5) || error.kind() == ErrorKind::UnexpectedEof, "{error}");
    }
    String::from_utf8(said).unwrap()
}

/// All that a terminal of so many columns is sent, whatever the stream; its line ends are a terminal's.
fn on_terminal(home: &Home, columns: u16, words: &[&str], environment: &[(&str, &str)]) -> String {
    let (terminal, mut child) = begin(home, columns, words, environment);
    let said = rest(&terminal);
    assert!(child.wait().unwrap().success(), "{words:?}: {said}");
    said.replace("\r\n", "\n")
}

fn plainly(home: &Home, columns: u16, words: &[&str]) -> String {
    on_terminal(home, columns, words, &[("NO_COLOR", "1")])
}

fn recorded(lines: &[&str]) -> Home {
    let home = Home::new();
    home.record(lines);
    home
}

#[test]
fn rows_fit_and_days_stand_above_them() {
    let home = recorded(HOUR);
    for columns in [1, 5, 12, 30] {
        let said = plainly(&home, columns, &["list"]);
        assert!(said.lines().all(|line| line.chars().count() <= columns.into()), "{columns}: {said}");
    }
    let expected = "\
Wednesday 2026-01-21
1  10:00:00  claude-code 02e40b  created
Thursday 2026-01-22
2  10:10:00  claude-code 02e40b  progress 42 % (editing): Rew…
3  10:20:00  修正                milestone テスト合格テスト合…
";
    let said = plainly(&home, 62, &["list"]);
    assert_eq!(said, expected, "{said}");
    // Whole where there is room.
    let wide = plainly(&home, 160, &["list", "2"]);
    let row = "2  10:10:00  claude-code 02e40b  \
               progress 42 % (editing): Rewriting the session store line by line\n";
    assert_eq!(wide, format!("Thursday 2026-01-22\n{row}"));
}

#[test]
fn coders_have_headings_and_ages() {
    let home = recorded(HOUR);
    home.ok(&["emit", "paused", "--coder", "review", "--at", "3m", "--set", "reason=permission"]);
    let said = plainly(&home, 80, &["coders"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["coder", "status", "active", "works", "on"]);
    assert!(lines[1].starts_with("review ") && lines[1].contains("waits for permission 3m"), "{said}");
    assert!(lines[1].contains("m ago") && (lines[2].contains("Jan 22 10:20") || lines[2].contains("2026-01-22")), "{said}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80) && said.contains('…'), "{said}");
}

#[test]
fn nearly_done_is_not_done() {
    let home = Home::new();
    home.ok(&["emit", "progress", "--coder", "a", "--set", "progress=0.996", "--set", "stage=testing"]);
    let said = plainly(&home, 80, &["coders"]);
    assert!(said.contains("99 % · testing"), "{said}");
    home.ok(&["emit", "progress", "--coder", "a", "--set", "progress=1", "--set", "stage=testing"]);
    let said = plainly(&home, 80, &["coders"]);
    assert!(said.contains("100 % · testing"), "{said}");
}

#[test]
fn events_of_any_seqs_line_up() {
    let home = Home::new();
    home.record(&[r#"{"type":"output","coder_id":"a","timestamp":"2026-01-22T10:00:00Z"}"#; 14]);
    let said = plainly(&home, 80, &["list", "1", "14", "9"]);
    let rows: Vec<&str> = said.lines().skip(1).collect();
    let begins = [" 1  10:00:00  a", "14  10:00:00  a", " 9  10:00:00  a"];
    assert!(rows.len() == 3 && rows.iter().zip(begins).all(|(row, begin)| row.starts_with(begin)), "{said}");
}

#[test]
fn who_has_no_history_is_told_how_it_begins() {
    let home = Home::new();
    for words in [&["list"][..], &["coders"], &["stats"]] {
        let hint = "no events yet: `ai-coder-events setup claude-code` begins";
        assert_eq!(plainly(&home, 80, words).matches(hint).count(), 1, "{words:?}");
        assert!(!plainly(&home, 80, &[words, &["--json"]].concat()).contains(hint), "{words:?}");
        // No word on stderr elsewhere.
        home.ok(words);
    }
    home.ok(&["emit", "started", "--coder", "a"]);
    assert!(!plainly(&home, 80, &["list", "--coder", "a", "--failed"]).contains("no events yet"));
}

#[test]
fn statistics_are_drawn() {
    let home = recorded(HOUR);
    for age in ["5m", "4m", "4m"] {
        home.ok(&["emit", "output", "--coder", "a", "--at", age]);
    }
    let said = plainly(&home, 80, &["stats"]);
    assert!(said.contains("\nthe last 60 minutes, at most 2 events a minute\n▁▁▁▁"), "{said}");
    let line = said.lines().find(|line| line.starts_with("▁▁▁▁")).unwrap();
    assert!(line.chars().count() == 60 && line.contains("▅█▁"), "{said}");
    let bar = said.lines().find(|line| line.starts_with("ai_coder_output")).unwrap();
    assert_eq!(bar, format!("ai_coder_output     3  {}", "█".repeat(40)), "{said}");
    let alone = plainly(&home, 80, &["stats", "--coder", "修正"]);
    assert!(!alone.contains("the last 60 minutes"), "nothing was, nothing is drawn: {alone}");
}

#[test]
fn colours_are_for_terminals_and_for_who_wants_them() {
    let home = recorded(HOUR);
    for words in [&["list"][..], &["coders"], &["stats"]] {
        assert!(on_terminal(&home, 80, words, &[]).contains("\x1b["), "{words:?}");
        assert!(!plainly(&home, 80, words).contains('\x1b'), "{words:?}");
        assert!(!home.ok(words).contains('\x1b'), "{words:?}");
        assert!(!on_terminal(&home, 80, words, &[("TERM", "dumb")]).contains('\x1b'), "{words:?}");
    }
}

#[test]
fn a_terminal_without_unicode_is_sent_none_of_our_signs() {
    let home = recorded(&HOUR[..2]);
    home.ok(&["emit", "progress", "--coder", "a", "--set", "progress=0.5", "--set", "stage=testing", "--set", "description=x"]);
    let said = |words: &[&str], locale: &str| on_terminal(&home, 50, words, &[("NO_COLOR", "1"), ("LC_ALL", locale)]);
    for words in [&["list"][..], &["coders"], &["stats"]] {
        assert!(said(words, "POSIX").is_ascii() && !said(words, "C.UTF-8").is_ascii(), "{words:?}: {}", said(words, "POSIX"));
    }
    assert!(said(&["coders"], "C").contains("50 % - te"), "{}", said(&["coders"], "C"));
}

#[test]
fn long_work_shows_its_progress() {
    let home = recorded(HOUR);
    transcript(&home);
    let check = |words: &[&str], shown: &str, told: &str| {
        let said = plainly(&home, 80, words);
        let last = said.lines().last().unwrap();
        assert!(said.contains(shown), "{words:?}: {said:?}");
        // The bar is gone before the answer comes.
        assert!(last.rsplit('\r').next().unwrap().trim_start_matches("\x1b[2K").starts_with(told), "{words:?}: {said:?}");
        assert!(!plainly(&home, 80, &[words, &["--json"]].concat()).contains(shown), "{words:?}: not for programs");
    };
    check(&["check"], "reading the file", "3 events, 2 coders: all is well");
    check(&["import", "claude-code"], "14", "1 file, 2 lines: 0 new events");
    let said = plainly(&home, 80, &["prune", "--max-events", "2"]);
    assert!(said.contains("1/1 events"), "{said:?}");
    assert!(said.ends_with("on disk\n"), "{said:?}");
}

#[test]
fn ctrl_c_leaves_no_bar_behind() {
    let home = recorded(HOUR);
    let lock = rusqlite::Connection::open(home.history()).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    // What is to be taken in from the spool waits for the lock.
    home.configure("");
    home.feed(&["hook", "claude-code"], br#"{"hook_event_name":"Stop","session_id":"s1"}"#);
    let (terminal, mut child) = begin(&home, 80, &["check"], &[]);
    let mut reader = terminal.try_clone_reader().unwrap();
    let (mut shown, mut some) = (Vec::new(), [0; 256]);
    while !String::from_utf8_lossy(&shown).contains("reading the file") {
        let count = reader.read(&mut some).unwrap();
        shown.extend(&some[..count]);
    }
    terminal.take_writer().unwrap().write_all(b"\x03").unwrap();
    let after = rest(&terminal);
    let (_, line) = after.rsplit_once("\x1b[2K").unwrap_or_else(|| panic!("nothing is taken away: {after:?}"));
    assert!(!line.contains("reading"), "{after:?}");
    assert_eq!(child.wait().unwrap().exit_code(), 130, "{after:?}");
}

#[test]
fn bars_fit_into_a_narrow_window() {
    let home = recorded(HOUR);
    let said = plainly(&home, 30, &["prune", "--max-events", "2"]);
    let drawn = said.split(['\r', '\n']).filter(|line| line.contains("events") && !line.contains("kept"));
    let widths: Vec<usize> = drawn.map(|line| line.trim_start_matches("\x1b[2K").chars().count()).collect();
    assert!(!widths.is_empty() && widths.iter().all(|width| *width <= 30), "{widths:?} {said:?}");
}

#[test]
fn a_story_longer_than_the_screen_goes_through_the_pager() {
    let home = recorded(crate::show::SESSION);
    let pager = ("PAGER", "sed 's/^/| /'");
    let plain = [("NO_COLOR", "1"), ("PATH", "/usr/bin:/bin"), pager];
    let long = on_terminal(&home, 100, &["show", "demo"], &plain);
    assert!(long.lines().count() > 24 && long.lines().all(|line| line.starts_with("| ")), "{long}");
    let short = on_terminal(&home, 100, &["show", "6"], &plain);
    assert!(!short.contains("| "), "{short}");
    assert!(!home.ok(&["show", "demo"]).contains("| "), "no pager in a pipe");
    let wrapped = on_terminal(&home, 30, &["show", "demo"], &plain);
    assert!(wrapped.lines().all(|line| line.chars().count() <= 30 + 2), "{wrapped}");
    let none = on_terminal(&home, 100, &["show", "demo"], &[("NO_COLOR", "1"), ("PAGER", "/nowhere")]);
    assert_eq!(none, long.replace("| ", ""), "a story needs no pager");
}

fn transcript(home: &Home) {
    let folder = home.path().join(".claude/projects/-home-dev-demo");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("s1.jsonl"), "broken\nbroken\n").unwrap();
}
