//! What keys and events do to the state.

use ratatui::layout::Size;

use super::*;

/// Ids of the rows, in order.
fn rows(lab: &Lab) -> Vec<String> {
    lab.state.rows.iter().map(|row| row.coder.coder_id.clone()).collect()
}

fn shown(lab: &Lab) -> Vec<u64> {
    lab.state.log.events().iter().map(|event| event.seq).collect()
}

/// What was committed since, as the bus would hand it out.
fn deliver(lab: &mut Lab, after: u64) {
    let batch = Reader::new(&lab.options).after(after, &Filter::default(), 0).expect("readable");
    let events = batch.events.into_iter().map(Arc::new).collect();
    lab.give(Input::Events { events, behind: 0, missed: None });
}

#[test]
fn quit_interrupt_and_suspend() {
    let mut lab = Lab::captured(80, 24);
    assert_eq!(lab.press("q"), [Effect::Quit]);
    assert_eq!(lab.press("<c-c>"), [Effect::Interrupt]);
    assert_eq!(lab.press("<c-z>"), [Effect::Suspend]);
    // A q that is typed into a filter is a letter; Ctrl-C always ends.
    assert_eq!(lab.press("/q"), []);
    assert_eq!(lab.press("<c-c>"), [Effect::Interrupt]);
}

#[test]
fn choosing_a_coder_shows_its_events_alone() {
    let mut lab = Lab::captured(80, 24);
    let first = rows(&lab)[0].clone();
    lab.press("j");
    assert_eq!(lab.state.chosen().map(|coder| coder.coder_id.clone()), Some(first.clone()));
    assert!(lab.state.log.events().iter().all(|event| event.coder_id == first) && !shown(&lab).is_empty());
    lab.press("g");
    assert_eq!(lab.state.chosen(), None);
}

#[test]
fn the_chosen_coder_stays_chosen_however_the_rows_move() {
    let mut lab = Lab::captured(80, 24);
    lab.press("jjj");
    let chosen = lab.state.chosen().map(|coder| coder.coder_id.clone());
    for _ in 0..5 {
        lab.press("s");
        assert_eq!(lab.state.chosen().map(|coder| coder.coder_id.clone()), chosen);
    }
    lab.record(now(), Draft::new(EventType::Failed, "fix-auth"));
    lab.refresh();
    assert_eq!(lab.state.chosen().map(|coder| coder.coder_id.clone()), chosen);
}

#[test]
fn what_is_committed_appears_where_it_is_wanted() {
    let mut lab = Lab::captured(80, 24);
    let head = *shown(&lab).last().expect("events");
    lab.record(now(), output("needle"));
    deliver(&mut lab, head);
    assert_eq!(shown(&lab).last(), Some(&(head + 1)));
    lab.press("/needle<enter>");
    assert_eq!(shown(&lab), [head + 1]);
    lab.record(now(), output("hay"));
    lab.record(now(), output("another needle"));
    deliver(&mut lab, head + 1);
    assert_eq!(shown(&lab), [head + 1, head + 3]);
    lab.press("<esc>");
    assert!(shown(&lab).len() > 3 && lab.state.filter_text.is_empty());
}

#[test]
fn a_page_that_is_not_wanted_any_more_is_not_shown() {
    let mut lab = Lab::captured(80, 24);
    let first = lab.state.update(Input::Key(KeyEvent::from(KeyCode::Char('e'))));
    lab.press("e");
    let before = shown(&lab);
    lab.answer(first);
    assert_eq!(shown(&lab), before);
}

#[test]
fn a_wrong_filter_stays_to_be_mended() {
    let mut lab = Lab::captured(80, 24);
    lab.press("/type:faled<enter>");
    assert_eq!(lab.state.filter_text, "");
    lab.press("<backspace><backspace><backspace><backspace><backspace>failed<enter>");
    assert_eq!(lab.state.filter_text, "type:failed");
    assert!(lab.state.log.events().iter().all(|event| event.kind == EventType::Failed) && shown(&lab).len() == 3);
}

#[test]
fn alerts_stay_until_they_were_seen_and_then_away() {
    let mut lab = Lab::captured(80, 24);
    let alerts = lab.state.alerts.clone();
    assert!(alerts.iter().any(|alert| alert.text.contains("migrate-db: failure alert")), "{alerts:?}");
    lab.press("a");
    assert_eq!(lab.state.alerts, []);
    let head = *shown(&lab).last().expect("events");
    deliver(&mut lab, 0);
    assert_eq!(lab.state.alerts, [], "seen is seen");
    for _ in 0..3 {
        lab.record(now(), Draft::new(EventType::Failed, "fix-auth"));
    }
    deliver(&mut lab, head);
    assert_eq!(lab.state.alerts.len(), 1);
}

#[test]
fn copying_takes_what_is_under_the_cursor() {
    let mut lab = Lab::captured(80, 24);
    let Effect::Copy(text) = lab.press("<tab>y").remove(0) else { panic!("not copied") };
    let event: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(event["seq"].as_u64(), shown(&lab).last().copied());
    lab.record(now(), output("x".repeat(100_000)));
    deliver(&mut lab, event["seq"].as_u64().expect("a seq"));
    assert_eq!(lab.press("y"), []);
    assert_eq!(lab.state.notice.as_deref(), Some("too long for a terminal's clipboard"));
}

#[test]
fn the_log_scrolls_back_through_all_there_is() {
    let mut lab = Lab::empty(80, 24);
    let drafts = (0..1200).map(|n| output(format!("line {n}")).into()).collect();
    Writer::new(&lab.options).append(drafts).expect("written");
    lab.open();
    assert_eq!(shown(&lab), (701..=1200).collect::<Vec<_>>());
    lab.press("<tab><home>");
    assert_eq!(shown(&lab).first(), Some(&201));
    lab.press("<home><home>");
    assert_eq!((shown(&lab).first(), lab.state.log.at()), (Some(&1), Some(0)));
    assert!(!lab.state.log.is_following());
    lab.press("G");
    assert!(lab.state.log.is_following());
}

#[test]
fn nothing_redraws_unless_something_changed() {
    let mut lab = Lab::captured(80, 24);
    lab.state.was_drawn();
    lab.give(Input::Tick(now().plus(Time::SECOND / 2)));
    assert!(!lab.state.is_changed());
    lab.give(Input::Tick(now().plus(Time::SECOND)));
    assert!(lab.state.is_changed());
}

#[test]
fn a_smaller_screen_keeps_the_cursor_in_sight() {
    let mut lab = Lab::captured(120, 40);
    lab.press("<tab>kkkkkkkkkk");
    lab.give(Input::Resize(Size { width: 80, height: 24 }));
    let (at, height) = (lab.state.log.at().expect("events"), lab.state.panes().event_rows());
    let first = lab.state.log.first_shown(height);
    assert!((first..first + height).contains(&at), "{at} is not among {first}..{}", first + height);
}

#[test]
fn another_history_in_its_place_is_shown_from_its_beginning() {
    let mut lab = Lab::captured(80, 24);
    for file in std::fs::read_dir(lab.options.path.parent().expect("a folder")).expect("readable").flatten() {
        std::fs::remove_file(file.path()).expect("removable");
    }
    lab.record(now(), Draft::new(EventType::Started, "another"));
    assert_eq!(lab.refresh(), [Effect::Recall]);
    assert_eq!((rows(&lab), shown(&lab)), (vec!["another".to_owned()], vec![1]));
    lab.record(now(), Draft::new(EventType::Completed, "another"));
    deliver(&mut lab, 1);
    assert_eq!((shown(&lab).last(), lab.state.alerts.len()), (Some(&3), 0));
}

#[test]
fn once_the_history_can_be_read_again_the_page_is_asked_for_again() {
    let mut lab = Lab::captured(80, 24);
    let lost = lab.state.ask();
    lab.give(Input::Trouble("busy".into()));
    assert!(lab.state.is_loading() && shown(&lab).is_empty());
    lab.refresh();
    assert!(!shown(&lab).is_empty() && lab.state.trouble.is_none());
    lab.answer(vec![lost]);
    assert!(!shown(&lab).is_empty());
}
