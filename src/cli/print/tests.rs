//! Rows, cells and times.

use ai_coder_events::{event::Draft, text::Redactor};

use super::*;

fn event(seq: u64, coder: &str) -> Event {
    let now = Time::parse("2026-11-22T19:21:00Z").unwrap();
    Draft::progress(coder, 0.5, "testing", "").check(now, &Redactor::default()).unwrap().into_event(seq, "e".into())
}

#[test]
fn rows_are_aligned_and_plain_without_a_terminal() {
    let events = [event(9, "a"), event(10, "long-one")];
    assert_eq!(
        rows(None, &events),
        "9   2026-11-22 19:21:00  a         progress 50 % (testing)\n\
         10  2026-11-22 19:21:00  long-one  progress 50 % (testing)\n"
    );
}

fn rows(screen: Option<usize>, events: &[Event]) -> String {
    let mut out = Vec::new();
    let console = Console::plain_utc(screen);
    let rows: Vec<_> = events.iter().map(|event| console.event_row(event, None)).collect();
    let mut columns = Columns::new(LAST_OF_EVENTS_PERCENT);
    columns.fit(&console, &rows);
    rows.iter().for_each(|row| console.row(&mut out, &columns, row).unwrap());
    String::from_utf8(out).unwrap()
}

#[test]
fn a_row_fits_into_a_terminal() {
    let check = |screen: usize, expected: &str| {
        let said = rows(Some(screen), &[event(9, "a"), event(10, "claude-code:6f/修正/a99b")]);
        assert_eq!(said, expected);
        assert!(said.lines().all(|line| fit::columns(line) <= screen), "{said}");
    };
    check(
        80,
        " 9  19:21:00  a                         progress 50 % (testing)\n\
         10  19:21:00  claude-code:6f/修正/a99b  progress 50 % (testing)\n",
    );
    check(
        50,
        " 9  19:21:00  a               progress 50 % (test…\n\
         10  19:21:00  claude-…/a99b   progress 50 % (test…\n",
    );
}

#[test]
fn a_row_fits_into_any_window() {
    for screen in 0..=60 {
        let said = rows(Some(screen), &[event(9, "a"), event(10, "claude-code:6f/修正/a99b")]);
        assert_eq!(said.lines().count(), 2);
        for line in said.lines() {
            assert!(fit::columns(line) <= screen && !line.ends_with(' '), "{screen}: {line:?}");
            assert!(
                !line.contains(':') || line.contains("19:21:00") || line.contains("code:"),
                "{screen}: half a time: {line:?}"
            );
        }
    }
    check_rows(20, " 9  a       progres…\n10  cla…9b  progres…\n");
    check_rows(3, "pr…\npr…\n");
}

#[track_caller]
fn check_rows(screen: usize, expected: &str) {
    let said = rows(Some(screen), &[event(9, "a"), event(10, "claude-code:6f/修正/a99b")]);
    assert_eq!(said, expected);
}

#[test]
fn empty_cells_are_not_painted() {
    let console = Console { colour: true, ..Console::plain_utc(Some(40)) };
    let mut out = Vec::new();
    let row = |words: [&str; 3]| words.map(|word| cell(word, Tint::Bold)).into_iter().collect::<Vec<_>>();
    console.table(&mut out, &[row(["a", "b", "c"]), row(["", "", "c"])]).unwrap();
    let bold = ansi(Tint::Bold);
    let b = |word: &str| format!("{bold}{word}{bold:#}");
    assert_eq!(String::from_utf8(out).unwrap(), format!("{}  {}  {}\n      {}\n", b("a"), b("b"), b("c"), b("c")));
}

#[test]
fn a_terminal_without_unicode_is_sent_none_of_ours() {
    let console = Console { unicode: false, ..Console::plain_utc(Some(12)) };
    let mut out = Vec::new();
    let bars = [chart::sparkline(&[0, 1, 2, 3, 4, 5, 6, 7]), chart::bar(9, 16, 4)];
    console.table(&mut out, &bars.map(|bar| vec![cell(bar, Tint::Cyan)])).unwrap();
    console.line(&mut out, "… and 780 more: `coders`", Tint::Plain).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), ".:-=+*%#\n##-\n~ and 780 m~\n");
}

#[test]
fn ages_are_told_where_they_are_short() {
    let now = Time::parse("2026-11-22T19:21:00Z").unwrap();
    let check = |time: &str, expected: &str| {
        assert_eq!(Console::plain_utc(Some(80)).when(Time::parse(time).unwrap(), now), expected, "{time}");
    };
    check("2026-11-22T19:21:00Z", "now");
    check("2026-11-22T19:21:01Z", "now");
    check("2026-11-22T19:20:48Z", "12s ago");
    check("2026-11-22T19:17:30Z", "3m ago");
    check("2026-11-21T19:22:00Z", "23h ago");
    check("2026-11-21T19:21:00Z", "Nov 21 19:21");
    check("2026-11-22T19:30:00Z", "Nov 22 19:30");
    check("2026-01-02T07:05:00Z", "Jan  2 07:05");
    check("2025-12-31T23:59:00Z", "2025-12-31");
    assert_eq!(Console::plain_utc(None).when(now, now), "2026-11-22 19:21:00");
}

#[test]
fn full_detail_shows_each_field_once() {
    let mut out = Vec::new();
    Console::plain_utc(None).event_fields(&mut out, &event(9, "a")).unwrap();
    let expected = "    id: e\n    type: ai_coder_progress\n    timestamp: 2026-11-22T19:21:00.000000Z\n    \
                    received_at: 2026-11-22T19:21:00.000000Z\n    progress: 0.5\n    stage: testing\n";
    let mut lines: Vec<_> = std::str::from_utf8(&out).unwrap().lines().collect();
    let mut expected: Vec<_> = expected.lines().collect();
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}
