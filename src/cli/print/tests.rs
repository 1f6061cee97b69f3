//! Cells and times.

use super::*;

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
