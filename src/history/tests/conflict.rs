//! Files that two coders change at a time.

use super::{Lab, draft};
use crate::{
    aggregate::Attention,
    event::{Body, Draft, EventType, Time},
    history::{CodersQuery, StatsQuery},
};

fn change(coder: &str, path: &str) -> Draft {
    Draft::workspace(coder, "modify", path)
}

/// The messages of the warnings so far.
fn warnings(lab: &mut Lab) -> Vec<String> {
    let told = |body| match body {
        Body::Derived(fields) if fields.warning.as_deref() == Some("file_conflict") => fields.message,
        _ => None,
    };
    lab.log().into_iter().filter_map(|event| told(event.body)).collect()
}

/// Each file in conflict and who changed it.
fn conflicts(lab: &mut Lab) -> Vec<(String, Vec<String>)> {
    let stats = lab.reader.stats(&StatsQuery::default()).expect("reads");
    stats.file_conflicts.into_iter().map(|conflict| (conflict.file_path, conflict.coder_ids)).collect()
}

#[test]
fn two_unfinished_coders_on_one_file_are_warned_once_and_both_need_attention() {
    let mut lab = Lab::new();
    lab.append_all([change("a", "/w/lib.rs"), change("b", "/w/main.rs"), change("c", "/w/c.rs")]);
    assert!(warnings(&mut lab).is_empty());
    lab.wait(4 * Time::MINUTE);
    lab.append_all([change("b", "/w/lib.rs"), change("a", "/w/lib.rs"), change("b", "/w/lib.rs")]);
    assert_eq!(warnings(&mut lab), ["/w/lib.rs is changed by both a and b"]);
    assert_eq!(conflicts(&mut lab), [("/w/lib.rs".to_owned(), vec!["a".to_owned(), "b".to_owned()])]);

    let attention = lab.reader.coders(&CodersQuery { needs_attention: true, ..CodersQuery::default() }).expect("reads");
    let ids: Vec<&str> = attention.iter().map(|coder| coder.coder_id.as_str()).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    for coder in &attention {
        assert_eq!(coder.needs_attention, [Attention::FileConflict]);
        assert_eq!(coder.file_conflicts.len(), 1);
    }

    lab.append(draft(EventType::Stopped, "a"));
    assert!(conflicts(&mut lab).is_empty(), "a coder that is over is in nobody's way");
    assert!(lab.reader.coder("b").expect("reads").expect("known").file_conflicts.is_empty());
    lab.assert_sound();
}

/// A record is read some moments after it was written, and its coder may be gone by then.
#[test]
fn who_has_left_by_the_time_a_change_is_heard_of_was_in_the_way_then() {
    let check = |left: &[&str], changed: i64, expected: usize| {
        let mut lab = Lab::new();
        let began = lab.now();
        let at = |draft: Draft, second: i64| Draft { timestamp: Some(began.plus(second * Time::SECOND)), ..draft };
        lab.append_all([at(draft(EventType::Started, "b"), 0), at(change("a", "/w/f"), 1)]);
        lab.wait(Time::MINUTE);
        lab.append_all(left.iter().map(|coder| at(draft(EventType::Stopped, coder), 10)));
        lab.append(at(change("b", "/w/f"), changed));
        assert_eq!(warnings(&mut lab).len(), expected, "{left:?} {changed}");
        lab.assert_sound();
    };
    check(&[], 5, 1);
    check(&["a"], 5, 1);
    check(&["a", "b"], 5, 1);
    check(&["a"], 15, 0);
    check(&["b"], 15, 0);
}

#[test]
fn what_is_no_conflict() {
    let check = |name: &str, drafts: Vec<Draft>, wait: i64, then: Draft| {
        let mut lab = Lab::new();
        lab.append_all(drafts);
        lab.wait(wait * Time::MINUTE);
        lab.append(then);
        assert_eq!(warnings(&mut lab), Vec::<String>::new(), "{name}");
    };
    let under = |parent: &str, draft: Draft| draft.with("parent_coder_id", parent);
    check("one coder", vec![change("a", "/w/f")], 0, change("a", "/w/f"));
    check("two files", vec![change("a", "/w/f")], 0, change("b", "/w/g"));
    check("half an hour and more", vec![change("a", "/w/f")], 31, change("b", "/w/f"));
    check("the other is over", vec![change("a", "/w/f"), draft(EventType::Failed, "a")], 0, change("b", "/w/f"));
    check("a coder and its subagent", vec![change("a", "/w/f")], 0, under("a", change("a/1", "/w/f")));
    check("a coder and its run", vec![under("run", change("a", "/w/f"))], 0, change("run", "/w/f"));
    let grandchild = vec![under("run", draft(EventType::Started, "a")), under("a", change("a/1", "/w/f"))];
    check("a subagent and the run around it", grandchild, 0, change("run", "/w/f"));
    let watched = |coder| Draft { source: Some("run".into()), ..change(coder, "/w/f") };
    check("a watcher sees what another did", vec![change("a", "/w/f")], 0, watched("b"));
    check("the other way round", vec![watched("b")], 0, change("a", "/w/f"));
    check("a folder looked at anew", vec![Draft::workspace("a", "sync", "/w")], 0, Draft::workspace("b", "sync", "/w"));
}

#[test]
fn a_history_of_the_first_schema_is_read_as_it_is_and_brought_up_to_date_by_an_append() {
    let mut lab = Lab::new();
    lab.append_all([change("a", "/w/f"), change("b", "/w/f")]);
    let older = "ALTER TABLE base DROP COLUMN evicted; ALTER TABLE ledger DROP COLUMN parts_since; ALTER TABLE ledger DROP COLUMN states_since; DROP TABLE failed_call; DROP TABLE given; DROP TABLE record_read; DROP TABLE told; ALTER TABLE coder DROP COLUMN told_at; DROP TABLE interest; DROP TABLE news; DROP TABLE watch; DROP TABLE copy; DROP TABLE sum; DROP TABLE report; ALTER TABLE ledger DROP COLUMN session_keys; DROP TABLE repeat; DROP INDEX touch_by_time; DROP TABLE alias; DROP TABLE conflict; DROP TABLE taken; DROP INDEX failure_unalerted; DROP INDEX path_by_name; PRAGMA user_version = 1;";
    lab.writer.outside_transaction(|db| db.execute_batch(older)).expect("as it was");
    assert_eq!(lab.facts().len(), 3);
    assert!(conflicts(&mut lab).is_empty());
    assert!(lab.reader.coder("a").expect("reads").is_some());
    lab.append(change("a", "/w/f"));
    assert_eq!(conflicts(&mut lab).len(), 1);
    assert_eq!(warnings(&mut lab).len(), 1, "it was raised before");
    lab.assert_sound();
}

#[test]
fn of_the_coders_on_one_file_some_are_named() {
    let mut lab = Lab::new();
    for n in 0..40 {
        lab.append(change(&format!("coder-{n}"), "/w/Cargo.lock"));
    }
    let [(_, named)] = &conflicts(&mut lab)[..] else { panic!("one file") };
    assert_eq!(named.len(), 20);
}

/// Most changed last come first, and those of coders that are over are left out, however many there are.
#[test]
fn the_latest_conflicts_are_found_among_many() {
    let mut lab = Lab::new();
    for n in 0..30 {
        let (over, one, other) = (format!("over-{n}"), format!("one-{n}"), format!("other-{n}"));
        let path = format!("/w/{n}.rs");
        lab.wait(Time::SECOND);
        lab.append_all([change(&one, &path), change(&other, &path), change(&over, "/w/all.rs"), change(&over, &path)]);
        lab.append(draft(EventType::Stopped, &over));
    }
    let expected: Vec<_> =
        (10..30).rev().map(|n| (format!("/w/{n}.rs"), vec![format!("one-{n}"), format!("other-{n}")])).collect();
    assert_eq!(conflicts(&mut lab), expected);
    lab.append(change("one-3", "/w/4.rs"));
    let (path, named) = conflicts(&mut lab).swap_remove(0);
    assert_eq!(path, "/w/4.rs");
    assert_eq!(named, ["one-3", "one-4", "other-4"].map(str::to_owned));
}
