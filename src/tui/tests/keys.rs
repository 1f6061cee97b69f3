//! What keys and events do to the state.

use std::time::Duration;

use insta::assert_snapshot;
use ratatui::layout::Size;

use crate::tui::state::Focus;

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
    lab.give(ViewInput::Events { events, behind: 0, missed: None });
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
    let first = lab.state.update(ViewInput::Key(KeyEvent::from(KeyCode::Char('e'))));
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
    let newest = |lab: &Lab| lab.state.alerts.newest().map(|alert| lab.state.told_alert(alert));
    assert_eq!(newest(&lab).as_deref(), Some("migrate-db: failure alert: 3 failures within ten minutes"));
    for coder in ["fix-auth", "another"] {
        for _ in 0..3 {
            lab.record(now(), Draft::new(EventType::Failed, coder));
        }
    }
    deliver(&mut lab, 0);
    assert_eq!(lab.state.alerts.len(), 3);
    // One after the other, the newest first; what was seen does not come again.
    lab.press("a");
    assert_eq!((lab.state.alerts.len(), newest(&lab).is_some_and(|text| text.starts_with("fix-auth"))), (2, true));
    deliver(&mut lab, 0);
    assert_eq!(lab.state.alerts.len(), 2);
    lab.press("A");
    deliver(&mut lab, 0);
    assert!(lab.state.alerts.is_empty());
}

#[test]
fn from_an_alert_to_its_event_and_what_led_to_it() {
    let mut lab = Lab::captured(100, 24);
    lab.press("!<enter>");
    let screen = lab.screen();
    assert!(screen.contains("failure alert: 3 failures") && screen.contains("because of event"), "{screen}");
    assert!(screen.contains("failed: disk full"), "{screen}");
    lab.press("<esc>");
    // It is its coder's list, on the row that tells the alert.
    assert_eq!(lab.state.chosen().map(|coder| coder.coder_id.as_str()), Some("migrate-db"));
    assert_eq!((lab.state.focus, lab.state.log.is_following()), (Focus::Events, false));
    assert_eq!(lab.state.log.current().map(|event| event.kind), Some(EventType::Failed));
    lab.give(ViewInput::Opened { seq: 9999, event: None, cause: None });
    assert_eq!(lab.state.notice.as_deref(), Some("event 9999 is not kept any more"));
}

#[test]
fn what_was_seen_is_listed_with_when_and_can_be_had_back() {
    let mut lab = Lab::captured(100, 24);
    lab.press("a");
    assert!(lab.state.alerts.is_empty());
    lab.give(ViewInput::Tick(now().plus(7 * Time::MINUTE)));
    lab.press("!");
    assert_snapshot!("alerts_seen", lab.screen());
    lab.press("a<esc>");
    assert_eq!(lab.state.alerts.len(), 1);
    lab.press("!a");
    assert!(lab.state.alerts.is_empty() && lab.screen().contains("seen 0s ago"), "{}", lab.screen());
    // No place is passed, and what is not there is not opened.
    lab.press("jjGk<esc>");
    let mut empty = Lab::empty(80, 24);
    empty.open();
    assert_eq!(empty.press("!a<enter>j"), []);
    assert!(empty.screen().contains("none in the last hour"));
}

#[test]
fn what_somebody_saw_elsewhere_is_seen_here() {
    let mut lab = Lab::captured(80, 24);
    let head = *shown(&lab).last().expect("events");
    lab.record(now(), Draft::new(EventType::Seen, "migrate-db"));
    deliver(&mut lab, head);
    assert!(lab.state.alerts.is_empty());
    // Another view that begins then knows it from the history.
    lab.state = ViewState::new(now(), lab.state.size, "", Filter::default());
    lab.open();
    assert_eq!((lab.state.alerts.is_empty(), lab.state.alerts.all().count()), (true, 1));
}

#[test]
fn an_act_is_one_row_as_it_comes_and_as_it_is_read() {
    let call = |id: &str, more: Value| {
        let mut event = json!({ "type": "progress", "coder_id": "fix-auth", "tool_name": "Edit", "tool_use_id": id,
            "description": "Edit: src/a.rs" });
        event.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        draft(event)
    };
    let file = |id: &str| {
        draft(json!({ "type": "file_modified", "coder_id": "fix-auth", "file_path": "/w/src/a.rs", "tool_name": "Edit",
            "tool_use_id": id, "lines_added": 3, "lines_removed": 1 }))
    };
    let mut lab = Lab::captured(100, 30);
    let head = *shown(&lab).last().expect("events");
    let told = |lab: &Lab| {
        let acts = lab.state.log.shown(0, usize::MAX);
        acts.iter().filter(|act| act.event.seq > head).map(|act| lab.state.told(act)).collect::<Vec<_>>()
    };
    lab.record(now(), call("t1", json!({})));
    deliver(&mut lab, head);
    assert_eq!(told(&lab), ["Edit: src/a.rs"]);
    // Who stands on the row of the call stands on what tells it then.
    lab.press("<tab>");
    lab.state.log.hold();
    lab.record(now(), file("t1"));
    deliver(&mut lab, head + 1);
    assert_eq!(told(&lab), ["edited /w/src/a.rs +3 −1"]);
    assert_eq!(lab.state.log.current().map(|event| event.seq), Some(head + 2));
    lab.record(now(), call("t2", json!({ "failed": true })));
    lab.record(now(), file("t2"));
    deliver(&mut lab, head + 2);
    let live = told(&lab);
    assert_eq!(live, ["edited /w/src/a.rs +3 −1", "Edit failed: src/a.rs", "edited /w/src/a.rs +3 −1"]);
    lab.press("e");
    lab.press("e");
    assert_eq!(told(&lab), live, "read anew");
}

#[test]
fn copying_takes_what_is_under_the_cursor() {
    let mut lab = Lab::captured(80, 24);
    let Effect::Copy(text) = lab.press("<tab>y").remove(0) else { panic!("not copied") };
    let event: Value = serde_json::from_str(&text).expect("JSON");
    // The turn that failed: its alert has no row of its own.
    assert_eq!(
        (event["type"].as_str(), event["seq"].as_u64()),
        (Some("ai_coder_failed"), shown(&lab).last().map(|last| last - 1))
    );
    lab.record(now(), output("x".repeat(100_000)));
    deliver(&mut lab, event["seq"].as_u64().expect("a seq") + 1);
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
    lab.give(ViewInput::Tick(now().plus(Time::SECOND / 2)));
    assert!(!lab.state.is_changed());
    lab.give(ViewInput::Tick(now().plus(Time::SECOND)));
    assert!(lab.state.is_changed());
}

#[test]
fn a_smaller_screen_keeps_the_cursor_in_sight() {
    let mut lab = Lab::captured(120, 40);
    lab.press("<tab>kkkkkkkkkk");
    lab.give(ViewInput::Resize(Size { width: 80, height: 24 }));
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
    assert_eq!(lab.refresh(), [Effect::Begin]);
    assert_eq!((rows(&lab), shown(&lab)), (vec!["another".to_owned()], vec![1]));
    lab.record(now(), Draft::new(EventType::Completed, "another"));
    deliver(&mut lab, 1);
    assert_eq!((shown(&lab).last(), lab.state.alerts.len()), (Some(&3), 0));
}

#[test]
fn once_the_history_can_be_read_again_the_page_is_asked_for_again() {
    let mut lab = Lab::captured(80, 24);
    let lost = lab.state.ask();
    lab.give(ViewInput::Trouble("busy".into()));
    assert!(lab.state.is_loading() && shown(&lab).is_empty());
    lab.refresh();
    assert!(!shown(&lab).is_empty() && lab.state.trouble.is_none());
    lab.answer(vec![lost]);
    assert!(!shown(&lab).is_empty());
}

#[test]
fn a_coder_that_is_no_longer_among_the_latest_stays_chosen() {
    let mut lab = Lab::captured(80, 24);
    lab.press("jj<tab>k");
    let (chosen, at) = (lab.state.chosen().cloned().expect("chosen"), lab.state.log.at());
    let mut overview = feed::overview_of(&mut Reader::new(&lab.options)).expect("readable");
    overview.coders.retain(|coder| coder.coder_id != chosen.coder_id);
    assert_eq!(lab.give(ViewInput::Overview(Box::new(overview))), []);
    assert_eq!(lab.state.chosen().map(|coder| &coder.coder_id), Some(&chosen.coder_id));
    assert_eq!((lab.state.log.at(), lab.state.log.is_following()), (at, false));
}

#[test]
fn another_coder_than_the_typed_one_has_none_of_its_events() {
    let mut lab = Lab::captured(80, 24);
    lab.press("/coder:fix-auth<enter>");
    assert!(shown(&lab).len() > 3);
    let other = rows(&lab).iter().position(|id| id != "fix-auth").expect("there are others");
    lab.press(&"j".repeat(other + 1));
    assert_eq!(shown(&lab), Vec::<u64>::new());
}

#[test]
fn control_with_a_letter_is_not_the_letter() {
    let mut lab = Lab::captured(80, 24);
    assert_eq!(lab.press("<c-q><c-a><c-e><c-s><c-t>"), []);
    assert!(!lab.state.alerts.is_empty() && !lab.state.errors_only && !lab.state.shows_timeline);
}

#[test]
fn what_is_rare_is_looked_for_to_the_beginning() {
    let mut lab = Lab::empty(80, 24);
    lab.time_max = Duration::ZERO;
    let text = |n: usize| if n % 1000 == 7 { "a needle" } else { "hay" };
    let drafts = (0..3000).map(|n| output(text(n)).into()).collect();
    Writer::new(&lab.options).append(drafts).expect("written");
    lab.open();
    lab.press("/needle<enter>");
    assert_eq!(shown(&lab), [8, 1008, 2008]);
    assert!(!lab.state.is_loading() && lab.state.log.older().is_none());
}

#[test]
fn a_screen_higher_than_the_window_holds_large_events_asks_no_further() {
    let mut lab = Lab::empty(80, 300);
    for _ in 0..120 {
        let drafts = vec![output("x".repeat(200_000)).into()];
        Writer::new(&lab.options).append(drafts).expect("written");
    }
    lab.open();
    assert!(!lab.state.is_loading() && shown(&lab).len() < lab.state.panes().event_rows() && lab.state.log.older().is_some());
}

#[test]
fn how_far_behind_it_is_shows_until_it_is_not() {
    let mut lab = Lab::captured(80, 24);
    let late = |lab: &mut Lab, behind| {
        lab.give(ViewInput::Events { events: Vec::new(), behind, missed: None });
        lab.screen().lines().next().expect("a head line").to_owned()
    };
    assert!(late(&mut lab, 3 * Time::SECOND).contains("3s behind"));
    assert!(late(&mut lab, Time::SECOND / 2).contains("live"));
    late(&mut lab, 3 * Time::SECOND);
    // Nothing came for a second: there is nothing more to wait for.
    lab.give(ViewInput::Tick(now()));
    lab.give(ViewInput::Tick(now().plus(Time::SECOND)));
    assert!(lab.screen().contains("live"));
}

#[test]
fn a_tick_does_not_hide_what_changed_before() {
    let mut lab = Lab::captured(80, 24);
    lab.state.was_drawn();
    lab.press("j");
    lab.give(ViewInput::Tick(now()));
    assert!(lab.state.is_changed());
}

#[test]
fn no_size_loses_the_cursor() {
    let mut lab = Lab::captured(80, 24);
    lab.press("<tab>kk");
    for height in (1..24).rev().chain(1..24) {
        lab.give(ViewInput::Resize(Size { width: 80, height }));
        lab.screen();
        let panes = lab.state.panes();
        assert!(height < 10 || panes.event_rows() >= 2, "{panes:?}");
    }
    for width in [40, 39, 1, 0, 80] {
        lab.give(ViewInput::Resize(Size { width, height: 10 }));
        lab.press("kj<enter>jj<esc>");
        lab.screen();
    }
}

#[test]
fn a_coder_that_was_seen_needs_nobody() {
    let mut lab = Lab::captured(80, 24);
    assert_eq!((lab.state.needing_count(), rows(&lab)[0].as_str()), (1, "migrate-db"));
    lab.press("ja");
    assert_eq!((lab.state.needing_count(), lab.state.alerts.len()), (0, 0));
    assert_eq!(rows(&lab).last().map(String::as_str), Some("migrate-db"), "an old story");
    lab.record(now(), Draft::new(EventType::Failed, "fix-auth"));
    lab.record(now(), Draft::new(EventType::Paused, "another"));
    lab.refresh();
    assert_eq!(lab.state.needing_count(), 2);
    lab.press("A");
    assert_eq!(lab.state.needing_count(), 0);
}

#[test]
fn the_coders_are_narrowed_as_one_types() {
    let mut lab = Lab::captured(120, 40);
    let all = rows(&lab).len();
    lab.press("nfix");
    assert_eq!(rows(&lab), ["fix-auth"]);
    lab.press("x");
    assert_eq!(rows(&lab), [""; 0]);
    lab.press("<backspace>-AUTH<enter>");
    assert_eq!((rows(&lab), lab.state.overlay.is_none()), (vec!["fix-auth".to_owned()], true));
    assert!(lab.screen().contains("“fix-AUTH”"));
    lab.press("<esc>");
    assert_eq!(rows(&lab).len(), all);
    lab.press("nstopped<esc>");
    assert_eq!(rows(&lab).len(), all);
}

#[test]
fn what_is_finished_or_works_for_another_can_be_hidden_but_not_who_needs_a_person() {
    let mut lab = Lab::captured(120, 40);
    lab.press("h");
    assert_eq!(rows(&lab), ["migrate-db", "fix-auth"]);
    lab.press("hz");
    assert!(lab.state.rows.iter().all(|row| row.depth == 0) && rows(&lab).len() == 7);
    lab.press("z");
    assert_eq!(rows(&lab).len(), 8);
}

#[test]
fn the_chosen_coder_that_is_hidden_is_chosen_no_more() {
    let mut lab = Lab::captured(120, 40);
    lab.press("G");
    let chosen = lab.state.chosen().map(|coder| coder.coder_id.clone()).expect("the last one");
    lab.press("nfix");
    assert_eq!(lab.state.chosen(), None);
    assert!(shown(&lab).len() > 3 && lab.state.log.events().iter().any(|event| event.coder_id == chosen), "everybody's");
}

#[test]
fn a_filter_takes_what_coders_are_called_and_tells_words_that_are_no_keys() {
    let mut lab = Lab::captured(120, 40);
    lab.press("/coder:b6838c<enter>");
    assert!(!shown(&lab).is_empty());
    assert!(lab.state.log.events().iter().all(|event| event.coder_id == "claude-code:b6838c7b-49b9-4672-93d3-6a98a2651cf4"));
    lab.press("<esc>/coder:nobody-at-all<enter>");
    assert!(lab.screen().contains("unknown coder `nobody-at-all`"), "{}", lab.screen());
    lab.press("<esc>/status:failed<enter>");
    assert_eq!(lab.state.notice.as_deref(), Some("`status:` is no key: looked for as text"));
    lab.press("<esc>/type:failed https://a.b<enter>");
    assert_eq!(lab.state.notice, None);
}

#[test]
fn a_coder_in_full_is_its_brief_with_its_json_behind() {
    let mut lab = Lab::captured(120, 40);
    lab.press("j<enter>");
    assert!(lab.screen().contains("failed    the turn (× 3)"), "{}", lab.screen());
    lab.press("v");
    assert!(lab.screen().contains("\"coder_id\": \"migrate-db\""), "{}", lab.screen());
}
