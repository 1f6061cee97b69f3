//! Rows that somebody else wrote into: readers pass them over and count, writers go on, and repair mends.

use super::{Lab, draft};
use crate::{
    event::{Draft, EventType, Family, Time},
    filter::{Filter, TypeSet},
    history::{Outcome, Query, Retention},
};

/// Five events, on which this was done.
fn damaged(sql: &str) -> Lab {
    let mut lab = Lab::new();
    lab.append(draft(EventType::Created, "a"));
    lab.append_all((0..3).map(|_| Draft::workspace("a", "modify", "/src/lib.rs")));
    lab.append(draft(EventType::Output, "b"));
    lab.writer.transact(|db| db.execute_batch(sql)).expect(sql);
    // As another process finds it.
    lab.writer = super::Writer::new(&lab.options);
    lab.reader = super::Reader::new(&lab.options);
    lab
}

const ROWS: &[&str] = &[
    "UPDATE event SET type = 99 WHERE seq = 3",
    "UPDATE event SET type = 300 WHERE seq = 3",
    "UPDATE event SET type = -1 WHERE seq = 3",
    "UPDATE event SET type = 9223372036854775807 WHERE seq = 3",
    "UPDATE event SET body = '{' WHERE seq = 3",
    "UPDATE event SET body = '{\"file_size\":-1}' WHERE seq = 3",
    "UPDATE event SET body = CAST(x'ff' AS TEXT) WHERE seq = 3",
    "UPDATE event SET at = 9223372036854775807 WHERE seq = 3",
    "UPDATE event SET received = -9223372036854775808 WHERE seq = 3",
    "UPDATE event SET id = x'01' WHERE seq = 3",
    "UPDATE event SET completes = -5 WHERE seq = 3",
    "UPDATE event SET seq = 9223372036854775807 WHERE seq = 3",
    "UPDATE event SET seq = -7 WHERE seq = 3",
];

#[test]
fn a_row_that_cannot_be_read_is_passed_over_counted_and_mended() {
    for sql in ROWS {
        let mut lab = damaged(sql);
        assert_eq!((lab.facts().len(), lab.log().len()), (4, 4), "{sql}");
        let within = !sql.contains("SET seq");
        assert_eq!(lab.reader.unreadable() > 0, within, "{sql}");
        let at = |filter| Query { filter, ..Query::default() };
        for filter in [
            Filter { types: Some(TypeSet::family(Family::Workspace)), ..Filter::default() },
            Filter { since: Some(lab.now().plus(-Time::DAY)), path: Some("/src".into()), ..Filter::default() },
            Filter { coders: vec!["a".into()], text: Some("lib".into()), ..Filter::default() },
        ] {
            assert_eq!(lab.reader.page(&at(filter)).expect(sql).events.len(), 2, "{sql}");
        }
        assert!(matches!(lab.append(Draft::workspace("a", "modify", "/src/lib.rs")), Outcome::Appended { seq: 6, .. }), "{sql}");
        assert!(!lab.checkup(false).problems.is_empty(), "{sql}");
        let checkup = lab.checkup(true);
        assert!(checkup.repaired && checkup.salvaged.is_none(), "{sql}: {checkup:?}");
        lab.assert_sound();
        let told = lab.reader.rejected().expect(sql);
        assert!(told.len() == 1 && told[0].reason.starts_with("nothing could be read of event"), "{sql}: {told:?}");
        assert_eq!(lab.facts().len(), 5, "{sql}");
    }
}

#[test]
fn retention_takes_a_row_that_cannot_be_read_along() {
    for sql in ROWS {
        let mut lab = damaged(sql);
        let retention = Retention { max_events: Some(1), ..Retention::default() };
        lab.reader.prunable(&retention).expect(sql);
        lab.writer.prune(&retention).expect(sql);
        assert!(lab.facts().len() <= 2, "{sql}");
        lab.checkup(true);
        lab.assert_sound();
    }
}

#[test]
fn an_event_of_a_coder_that_is_not_there_gets_one() {
    let mut lab = damaged("UPDATE event SET coder = 999 WHERE seq = 3");
    assert_eq!((lab.facts().len(), lab.reader.unreadable()), (4, 1));
    assert!(lab.checkup(true).repaired);
    lab.assert_sound();
    let owner = lab.facts().into_iter().find(|event| event.seq == 3).map(|event| event.coder_id);
    assert_eq!(owner.as_deref(), Some("unknown-999"));
}

#[test]
fn where_the_history_stands_is_told_by_its_events_where_the_ledger_cannot() {
    for sql in [
        "UPDATE ledger SET head = 9223372036854775807",
        "UPDATE ledger SET head = 4398046511103",
        "UPDATE ledger SET head = -1",
        "UPDATE ledger SET head = 0",
        "UPDATE ledger SET head = 4",
        "UPDATE ledger SET floor = 9223372036854775807",
        "UPDATE ledger SET floor = -3",
        "UPDATE ledger SET rows = 9223372036854775807",
        "UPDATE ledger SET rows = -1",
    ] {
        let mut lab = damaged(sql);
        assert_eq!((lab.facts().len(), lab.log().len()), (5, 5), "{sql}");
        assert_eq!(lab.reader.position().expect(sql).head, 5, "{sql}");
        assert!(!lab.checkup(false).problems.is_empty(), "{sql}");
        let mut written = damaged(sql);
        assert!(matches!(written.append(draft(EventType::Output, "b")), Outcome::Appended { seq: 6, .. }), "{sql}");
        assert_eq!(written.reader.after(5, &Filter::default(), 0).expect(sql).events.len(), 1, "{sql}");
        for lab in [&mut lab, &mut written] {
            lab.checkup(true);
            lab.assert_sound();
        }
    }
}
