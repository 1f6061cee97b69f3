//! Retention: what goes, what stays, and that nothing is forgotten.

use crate::{
    event::{Draft, EventType, Time},
    filter::Filter,
    history::{Missed, Retention, StatsQuery},
};

use super::{Lab, draft, shorts};

fn counts(lab: &mut Lab) -> (u64, std::collections::BTreeMap<String, u64>) {
    let stats = lab.reader.stats(&StatsQuery::default()).expect("readable");
    (stats.total_events, stats.events_by_type)
}

fn filled(events: usize) -> Lab {
    let mut lab = Lab::new();
    lab.append_all([draft(EventType::Created, "living"), draft(EventType::Created, "done")]);
    for _ in 0..events {
        lab.append_all([draft(EventType::Output, "living"), Draft::progress("done", 0.5, "editing", "half")]);
    }
    lab.append_all([draft(EventType::Completed, "done"), draft(EventType::Stopped, "done")]);
    lab
}

#[test]
fn defect_10_and_14_state_and_totals_outlive_their_events() {
    let mut lab = filled(20);
    let before = (counts(&mut lab), lab.reader.coder("done").expect("readable"));
    let pruned = lab.writer.prune(&Retention { max_events: Some(3), ..Retention::default() }).expect("writable");
    assert_eq!((pruned.removed, pruned.kept), (42, 3));
    // The living coder's `created` stays although it is the oldest event.
    assert_eq!(shorts(&lab.log()), [(1, "created"), (44, "completion_metrics"), (45, "stopped")]);
    assert_eq!((counts(&mut lab), lab.reader.coder("done").expect("readable")), before);
    lab.assert_sound();
    let head = lab.reader.position().expect("readable").head;
    lab.append(draft(EventType::Output, "living"));
    assert_eq!(lab.reader.position().expect("readable").head, head + 1);
}

#[test]
fn what_is_newest_goes_last_whoever_lives() {
    // One living coder tells of nothing but its life, and many others live.
    let mut lab = Lab::new();
    lab.append_all((0..600).map(|no| draft([EventType::Paused, EventType::Resumed][no % 2], "restless")));
    lab.append_all((0..300).map(|no| draft(EventType::Started, &format!("living-{no}"))));
    lab.append_all((0..100).map(|_| draft(EventType::Output, "busy")));
    let newest: Vec<_> = shorts(&lab.log()).into_iter().rev().take(180).collect();
    lab.writer.prune(&Retention { max_events: Some(200), ..Retention::default() }).expect("writable");
    let left = shorts(&lab.log());
    assert_eq!(left.len(), 200);
    assert_eq!(left.iter().rev().take(180).cloned().collect::<Vec<_>>(), newest);
    // The first steps of the restless one are among the tenth that is protected, and no more of it.
    assert_eq!(left.iter().filter(|(seq, _)| *seq <= 600).count(), 8);
    lab.assert_sound();
}

#[test]
fn progress_adds_up_to_what_was_removed() {
    let mut lab = filled(100);
    let mut told = Vec::new();
    let retention = Retention { max_events: Some(3), ..Retention::default() };
    let pruned = lab.writer.prune_telling(&retention, &mut |removed| told.push(removed)).expect("writable");
    assert_eq!((told.iter().sum::<u64>(), pruned.removed), (202, 202));
    assert!(told.len() > 2, "as it goes on: {told:?}");
}

#[test]
fn a_check_tells_how_far_it_is() {
    let mut lab = filled(1200);
    let mut told = Vec::new();
    let checkup = lab.writer.check_telling(false, &mut |done, of| told.push((done, of))).expect("readable");
    assert_eq!((checkup.events, told), (2405, vec![(1000, 2405), (2000, 2405)]));
}

#[test]
fn age_is_event_time() {
    let mut lab = Lab::new();
    let old = lab.now().plus(-100 * Time::DAY);
    lab.append_all((0..5).map(|_| Draft { timestamp: Some(old), ..draft(EventType::Output, "a") }));
    lab.append(draft(EventType::Output, "a"));
    let retention = Retention { max_age: Some(90 * Time::DAY), ..Retention::default() };
    let planned = lab.reader.prunable(&retention).expect("readable");
    assert_eq!((planned.removed, planned.kept), (5, 1));
    assert_eq!(lab.log().len(), 6);
    let pruned = lab.writer.prune(&retention).expect("writable");
    assert_eq!((pruned.removed, pruned.kept), (5, 1));
    lab.assert_sound();
}

#[test]
fn the_byte_bound_wins_over_living_coders_and_gives_bytes_back() {
    let mut lab = Lab::new();
    for _ in 0..200 {
        lab.append_all((0..10).map(|_| draft(EventType::Paused, "living").with("note", "x".repeat(400))));
    }
    let bound = 256 * 1024;
    let pruned = lab.writer.prune(&Retention { max_bytes: Some(bound), ..Retention::default() }).expect("writable");
    assert!(pruned.bytes_before > bound && pruned.bytes_after <= bound, "{pruned:?}");
    assert!(pruned.removed > 0 && pruned.kept > 0, "{pruned:?}");
    lab.assert_sound();
}

#[test]
fn a_reader_below_retention_is_told_what_it_missed() {
    let mut lab = filled(5);
    lab.writer.prune(&Retention { max_events: Some(2), ..Retention::default() }).expect("writable");
    let floor = lab.reader.position().expect("readable").floor;
    let batch = lab.reader.after(4, &Filter::default(), 0).expect("readable");
    assert_eq!(batch.missed, Some(Missed { after: 4, through: floor }));
    assert_eq!(lab.reader.after(floor, &Filter::default(), 0).expect("readable").missed, None);
}

#[test]
fn defect_14_coders_beyond_the_bound_are_evicted_once_nothing_of_them_is_left() {
    let mut lab = Lab::new();
    for n in 0..30 {
        lab.append_all([draft(EventType::Output, &format!("c{n}")), draft(EventType::Stopped, &format!("c{n}"))]);
        lab.wait(Time::SECOND);
    }
    lab.append(draft(EventType::Started, "living"));
    lab.writer.prune(&Retention { max_events: Some(0), ..Retention::default() }).expect("writable");
    lab.writer.tidy_to(10).expect("writable");
    let stats = lab.reader.stats(&StatsQuery::default()).expect("readable");
    assert_eq!((stats.coders_total, stats.total_events), (10, 61));
    assert!(stats.events_by_coder.contains_key("living") && stats.events_by_coder.contains_key("c29"));
    lab.assert_sound();
}

#[test]
fn paths_go_with_the_last_coder_that_touched_them() {
    let mut lab = Lab::new();
    for n in 0..20 {
        let coder = format!("c{n}");
        let paths = ["/own".to_owned() + &coder, "/shared".to_owned()];
        lab.append_all(paths.map(|path| Draft::workspace(coder.as_str(), "modify", &path)));
        lab.append(draft(EventType::Stopped, &coder));
        lab.wait(Time::SECOND);
    }
    lab.writer.prune(&Retention { max_events: Some(0), ..Retention::default() }).expect("writable");
    lab.writer.tidy_to(5).expect("writable");
    let left = lab.writer.transact(|db| db.query_row("SELECT count(*) FROM path", [], |row| row.get::<_, u64>(0)));
    assert_eq!(left.expect("readable"), 5 + 1);
    lab.assert_sound();
}

#[test]
fn check_finds_and_repairs_aggregates_that_are_wrong() {
    let mut lab = filled(5);
    lab.writer.prune(&Retention { max_events: Some(6), ..Retention::default() }).expect("writable");
    let truth = lab.reader.stats(&StatsQuery::default()).expect("readable").events_by_type;
    lab.writer
        .transact(|db| db.execute_batch("UPDATE ledger SET totals = '{}', rows = 99; UPDATE coder SET state = '{}'; DELETE FROM bucket WHERE base IS NULL; DELETE FROM zone"))
        .expect("writable");
    let found = lab.checkup(false);
    assert!(found.problems.len() >= 4, "{found:?}");
    let repaired = lab.checkup(true);
    assert!(repaired.repaired, "{:?}", lab.checkup(false));
    lab.assert_sound();
    assert_eq!(lab.reader.stats(&StatsQuery::default()).expect("readable").events_by_type, truth);
}

#[test]
fn totals_that_cannot_be_read_are_put_right_where_they_are() {
    let mut lab = Lab::new();
    lab.append_all([draft(EventType::Started, "a"), draft(EventType::Output, "a")]);
    lab.writer.transact(|db| db.execute_batch("UPDATE ledger SET totals = 'nonsense'")).expect("writable");
    let problems = lab.checkup(false).problems;
    assert_eq!(problems, ["the totals are not what base and events add up to"]);
    let repaired = lab.checkup(true);
    assert!(repaired.repaired && repaired.salvaged.is_none(), "{repaired:?}");
    assert_eq!(lab.reader.stats(&StatsQuery::default()).expect("readable").total_events, 2);
}
