//! Screens, as pictures in `snapshots/`.

use insta::assert_snapshot;
use ratatui::style::{Color, Modifier};

use super::*;

#[test]
fn small_and_large() {
    assert_snapshot!("80x24", Lab::captured(80, 24).screen());
    assert_snapshot!("120x40", Lab::captured(120, 40).screen());
}

#[test]
fn without_colour_and_beyond_ascii_nothing_is_lost() {
    let mut lab = Lab::captured(80, 24);
    lab.theme = Theme { colour: false, unicode: false, zone: TimeZone::UTC };
    assert_snapshot!("ascii", lab.screen());
    lab.press("t");
    assert_snapshot!("ascii_timeline", lab.screen());
    lab.press("t?");
    let screens = [lab.screen(), {
        lab.press("<esc>");
        lab.screen()
    }];
    let foreign: String = screens.concat().chars().filter(|c| !c.is_ascii()).collect();
    // What was recorded is shown as it is.
    assert_eq!(foreign, "");
    let buffer = lab.buffer();
    assert!(buffer.content.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
    assert!(buffer.content.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)));
}

#[test]
fn colours_are_the_terminals_own_sixteen_and_never_a_background() {
    let mut lab = Lab::captured(120, 40);
    lab.press("t");
    let timeline = lab.buffer();
    lab.press("t");
    let own = [Color::Reset, Color::Red, Color::Green, Color::Yellow, Color::Blue, Color::Magenta, Color::Cyan];
    for cell in lab.buffer().content.iter().chain(&timeline.content) {
        assert!(own.contains(&cell.fg) && cell.bg == Color::Reset, "{cell:?}");
    }
    let screen = lab.screen();
    let (y, line) = screen.lines().enumerate().find(|(_, line)| line.starts_with("✗ failed")).expect("who failed is shown");
    assert_eq!(lab.buffer()[(2, u16::try_from(y).expect("small"))].fg, Color::Red, "{line}");
}

#[test]
fn events_of_one_coder_standing_still() {
    let mut lab = Lab::captured(100, 24);
    lab.press("jj<tab>kkk");
    assert_snapshot!("one_coder", lab.screen());
}

#[test]
fn one_event_in_full() {
    let mut lab = Lab::captured(80, 24);
    lab.press("<tab>/step 1<enter><enter>jj");
    // Ids follow from the history, which is another each time.
    let masked = |line: &str| if line.contains("id\": \"0") { "  (an id)".to_owned() } else { line.to_owned() };
    assert_snapshot!("detail", lab.screen().lines().map(masked).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_last_hour() {
    let mut lab = Lab::captured(120, 30);
    lab.press("t");
    assert_snapshot!("timeline", lab.screen());
}

#[test]
fn who_loops_or_spent_its_budget_and_the_event_beside_the_list() {
    let mut lab = Lab::empty(200, 24);
    lab.options.budget.per_coder_usd = Some(1.0);
    let at = |minutes: i64| now().plus(-minutes * Time::MINUTE);
    for (coder, minutes) in [("again", 30), ("dear", 20), ("over", 25)] {
        lab.record(at(minutes), Draft::new(EventType::Started, coder));
    }
    for coder in ["again", "over"] {
        for number in 0..6 {
            let call = json!({ "type": "progress", "coder_id": coder, "tool_name": "Bash", "tool_use_id": format!("{coder}{number}"),
                "description": "Bash: npm test", "command": "npm test", "failed": true, "exit_code": 1,
                "error": "Error: expected 3 to be 4" });
            lab.record(at(9 - number), draft(call));
        }
    }
    let call = json!({ "type": "api_call", "coder_id": "dear", "model": "claude-opus-5-5", "provider": "anthropic",
        "input_tokens": 90_000, "cost_usd": 1.2, "request_id": "req_1" });
    lab.record(at(3), draft(call));
    // Why somebody should look is told of one that is over, too.
    lab.record(at(2), Draft::new(EventType::Stopped, "over"));
    lab.open();
    assert_snapshot!("warned", lab.screen());
    lab.press("t");
    assert_snapshot!("warned_timeline", lab.screen());
}

#[test]
fn a_filter_that_is_wrong_says_why() {
    let mut lab = Lab::captured(100, 16);
    lab.press("/type:faled<enter>");
    assert_snapshot!("wrong_filter", lab.screen());
}

#[test]
fn errors_only() {
    let mut lab = Lab::captured(100, 24);
    lab.press("e");
    assert_snapshot!("errors", lab.screen());
}

#[test]
fn help() {
    let mut lab = Lab::captured(80, 24);
    lab.press("?");
    let screen = lab.screen();
    assert!(screen.lines().skip(2).all(|line| !line.contains('…')), "{screen}");
    assert_snapshot!("help", screen);
}

#[test]
fn before_the_first_event_it_says_how_to_begin() {
    let mut lab = Lab::empty(80, 24);
    assert_snapshot!("reading", lab.screen());
    lab.open();
    assert_snapshot!("nothing_yet", lab.screen());
}

#[test]
fn a_history_that_cannot_be_read_is_said() {
    let mut lab = Lab::empty(80, 12);
    lab.give(ViewInput::Trouble("history `/tmp/h.db` is not a database".into()));
    assert_snapshot!("trouble", lab.screen());
}

#[test]
fn no_size_and_no_text_breaks_it() {
    for (width, height) in [(0, 0), (1, 1), (39, 24), (40, 10), (41, 11), (200, 10), (80, 300)] {
        let mut lab = Lab::captured(width, height);
        for keys in ["", "t", "?", "<esc>t", "<tab><enter>", "<esc>/größe 漢字 👩‍👩‍👧 ", "<esc>jjjjG"] {
            lab.press(keys);
            let screen = lab.screen();
            assert_eq!(screen.split('\n').count(), usize::from(height).max(1), "{width}x{height} after {keys}");
        }
    }
}

#[test]
fn what_another_program_wrote_moves_no_cursor() {
    let mut lab = Lab::empty(80, 24);
    lab.record(now(), output("harmless"));
    let db = rusqlite::Connection::open(&lab.options.path).expect("opens");
    db.execute_batch(r#"UPDATE event SET body = replace(body, 'harmless', '\u001b[2J\u0007\u202eevil')"#).expect("written");
    drop(db);
    lab.open();
    let screen = lab.screen();
    assert!(screen.contains("evil") && !screen.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{screen}");
}
