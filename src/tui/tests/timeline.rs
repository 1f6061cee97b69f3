//! The timeline over a real history: days back, from mark to mark, into the event.

use super::*;

/// Three days with one coder each, and a session of the last hour.
fn days() -> Lab {
    let mut lab = Lab::captured(120, 30);
    let before = |days: i64, minutes: i64| now().plus(-days * Time::DAY + minutes * Time::MINUTE);
    for days in [1, 2, 3] {
        let id = format!("day-{days}");
        let with = |kind: &str, key: &str, text: &str| draft(json!({ "type": kind, "coder_id": id, key: text }));
        lab.record(before(days, 0), with("started", "reason", "startup"));
        lab.record(before(days, 30), with("paused", "reason", "permission"));
        lab.record(before(days, 60), with("resumed", "reason", "answer"));
        lab.record(before(days, 90), with("rate_limit", "error_message", "slow down"));
        lab.record(before(days, 120), with("failed", "error_message", "no way out"));
    }
    lab.refresh();
    lab
}

#[test]
fn days_back_marks_are_what_they_are() {
    let mut lab = days();
    lab.press("t------");
    assert_eq!(lab.state.timeline.span_word(), "7d");
    insta::assert_snapshot!("timeline_7d", lab.screen());
    lab.press("++<left><left>");
    let screen = lab.screen();
    assert!(screen.contains("day-1") && !screen.contains("day-3"), "{screen}");
    insta::assert_snapshot!("timeline_1d_back", screen);
    lab.press("0");
    assert!(lab.screen().contains("the last 1d"));
}

#[test]
fn enter_opens_the_event_of_a_mark() {
    let mut lab = days();
    lab.press("t--<left>,");
    let screen = lab.screen();
    let told = screen.lines().rev().nth(1).expect("the line below").to_owned();
    assert!(told.contains("day-1") && told.contains("failed: no way out"), "{told}");
    lab.press("<enter>");
    assert!(lab.screen().contains("of day-1") && lab.screen().contains("failed: no way out"), "{}", lab.screen());
    lab.press("<esc>,,");
    let screen = lab.screen();
    assert!(screen.contains("paused (permission)") || screen.contains("waits"), "{screen}");
    // Back step by step: the cursor, the timeline.
    lab.press("<esc>");
    assert!(lab.state.shows_timeline);
    lab.press("<esc>");
    assert!(!lab.state.shows_timeline);
}

#[test]
fn in_the_timeline_the_cursor_passes_over_who_was_not_there() {
    let mut lab = days();
    lab.press("t--<left>");
    let chosen = |lab: &Lab| lab.state.chosen().map(|coder| coder.coder_id.clone());
    lab.press("j");
    assert_eq!(chosen(&lab).as_deref(), Some("day-1"));
    lab.press("jjjjG");
    assert_eq!(chosen(&lab).as_deref(), Some("day-1"), "nobody else was there then");
    lab.press("k");
    assert_eq!(chosen(&lab), None);
}

#[test]
fn a_step_that_comes_before_the_marks_waits_for_them() {
    let mut lab = days();
    let asked = lab.state.update(ViewInput::Key(KeyEvent::from(KeyCode::Char('t'))));
    lab.press(",");
    assert_eq!(lab.state.notice, None);
    lab.answer(asked);
    assert!(lab.state.timeline.current(now()).is_some());
}

#[test]
fn what_happens_while_it_is_shown_appears() {
    let mut lab = days();
    lab.press("t");
    let head = Reader::new(&lab.options).position().expect("readable").head;
    lab.record(now(), draft(json!({ "type": "failed", "coder_id": "fix-auth", "error_message": "just now" })));
    let batch = Reader::new(&lab.options).after(head, &Filter::default(), 0).expect("readable");
    let events = batch.events.into_iter().map(Arc::new).collect();
    lab.give(ViewInput::Events { events, behind: 0, missed: None });
    lab.press(",");
    assert!(lab.screen().contains("fix-auth failed: just now"), "{}", lab.screen());
}

#[test]
fn a_coder_that_is_not_among_the_latest_has_a_row_where_it_was() {
    let mut lab = days();
    let mut overview = feed::overview_of(&mut Reader::new(&lab.options)).expect("readable");
    overview.coders.retain(|coder| !coder.coder_id.starts_with("day-"));
    lab.state = ViewState::new(now(), lab.state.size, "", Filter::default());
    lab.give(ViewInput::Overview(Box::new(overview)));
    lab.press("t-----,");
    assert!(lab.state.timeline_rows().iter().any(|coder| coder.coder_id == "day-2"));
    assert!(lab.screen().contains("day-2"), "{}", lab.screen());
}

#[test]
fn a_conflict_is_a_mark_of_both_coders() {
    let mut lab = Lab::empty(100, 24);
    for coder in ["one", "two"] {
        lab.record(now().plus(-5 * Time::MINUTE), Draft::new(EventType::Started, coder));
        let change = json!({ "type": "file_modified", "coder_id": coder, "file_path": "/w/a.rs" });
        lab.record(now().plus(-4 * Time::MINUTE), draft(change));
    }
    lab.open();
    lab.press("t+");
    let screen = lab.screen();
    let rows = screen.lines().filter(|line| (line.starts_with("one") || line.starts_with("two")) && line.contains('≠'));
    assert_eq!(rows.count(), 2, "{screen}");
}
