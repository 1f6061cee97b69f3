//! Ids can be computed: who sends one first, or one that another's fact has, hides nothing and is told.

use serde_json::Value;

use super::{Lab, draft};
use crate::{
    event::{Draft, EventType, Key, Time},
    history::{Outcome, Retention},
};

const NATURAL: &str = "claude-code::file:toolu_1";

/// An event that somebody sends with the id that stands for `natural`.
fn sent(kind: EventType, coder: &str, natural: &str) -> Draft {
    Draft { key: Key::Id(Key::id_of(natural)), ..draft(kind, coder) }
}

/// A file that `coder` wrote, as its hook tells it.
fn told(key: Key, coder: &str) -> Draft {
    Draft { key, ..Draft::workspace(coder, "create", "/src/lib.rs") }
}

fn several(ids: &[&str]) -> Key {
    Key::Several { ids: ids.iter().map(|id| (*id).to_owned()).collect(), older: None, repeat: None }
}

/// Every form of key that stands for [`NATURAL`].
fn keys() -> [Key; 5] {
    let (natural, repeat) = (NATURAL.to_owned(), "wrote it".to_owned());
    [
        Key::Natural(natural.clone()),
        Key::Either { natural: natural.clone(), repeat: repeat.clone() },
        several(&[NATURAL, "line:u1"]),
        several(&["line:u1", NATURAL]),
        Key::Several { ids: vec![natural], older: None, repeat: Some(repeat) },
    ]
}

fn rejections(lab: &mut Lab) -> usize {
    lab.reader.rejected().expect("readable").len()
}

/// Fed into a history of its own, as `list --json | emit -` does; outcomes of what is not refused.
fn copied(lab: &mut Lab) -> (Lab, Vec<Outcome>) {
    let mut copy = Lab::new();
    let drafts = lab.facts().into_iter().map(|event| match serde_json::to_value(&event) {
        Ok(Value::Object(object)) => Draft::from_object(object).expect("it was recorded"),
        other => panic!("{other:?}"),
    });
    let outcomes = copy.append_all(drafts.collect::<Vec<_>>());
    (copy, outcomes)
}

#[test]
fn a_claimed_id_hides_no_fact_of_another_coder_or_type() {
    for key in keys() {
        for (kind, coder) in [
            (EventType::FileCreated, "evil"),
            (EventType::Output, "a"),
            (EventType::Output, "evil"),
            (EventType::Created, "evil"),
        ] {
            let case = format!("{key:?}, claimed as {kind} of {coder}");
            let mut lab = Lab::new();
            lab.append(sent(kind, coder, NATURAL));
            let Outcome::Appended { seq, .. } = lab.append(told(key.clone(), "a")) else { panic!("{case}") };
            assert!(
                matches!(lab.append(told(key.clone(), "a")), Outcome::Duplicate { seq: again, .. } if again == seq),
                "{case}"
            );
            let written = lab.facts().into_iter().filter(|it| it.kind == EventType::FileCreated && it.coder_id == "a").count();
            assert_eq!((written, rejections(&mut lab)), (1, 1), "{case}");
            lab.assert_sound();
            let (mut copy, outcomes) = copied(&mut lab);
            assert!(outcomes.iter().all(|it| matches!(it, Outcome::Appended { .. })), "{case}: {outcomes:?}");
            assert!(matches!(copy.append(told(key.clone(), "a")), Outcome::Duplicate { .. }), "{case}, copied");
            assert_eq!((copy.facts().len(), rejections(&mut copy)), (lab.facts().len(), 0), "{case}, copied");
        }
    }
}

#[test]
fn who_sends_another_fact_with_a_known_id_is_refused_and_nothing_is_changed() {
    for key in keys() {
        let mut lab = Lab::new();
        lab.append(told(key.clone(), "a"));
        for (kind, coder) in [(EventType::FileCreated, "evil"), (EventType::Output, "a")] {
            let Outcome::Rejected(invalid) = lab.append(sent(kind, coder, NATURAL)) else { panic!("{key:?}") };
            assert!(invalid.to_string().contains("`id` is that of event 1"), "{invalid}");
        }
        let same = lab.append(sent(EventType::FileCreated, "a", NATURAL));
        assert!(matches!(same, Outcome::Duplicate { seq: 1, .. } | Outcome::Completed { seq: 1, .. }), "{key:?}: {same:?}");
        assert_eq!((lab.facts().len(), rejections(&mut lab)), (1, 2), "{key:?}");
        lab.assert_sound();
    }
    let mut lab = Lab::new();
    let mine = |kind, coder| Draft { key: Key::Id("mine".into()), ..draft(kind, coder) };
    lab.append(mine(EventType::Output, "a"));
    assert!(matches!(lab.append(mine(EventType::Output, "b")), Outcome::Rejected(_)));
    assert!(matches!(lab.append(mine(EventType::Started, "a")), Outcome::Rejected(_)));
}

#[test]
fn what_was_copied_is_the_fact_that_a_source_tells_later() {
    for key in keys() {
        let mut lab = Lab::new();
        lab.append(told(key.clone(), "a"));
        let (mut copy, _) = copied(&mut lab);
        // Known by one id alone, since a copy has but one.
        let known = !matches!(&key, Key::Several { ids, .. } if ids[0] != NATURAL);
        let natural = if known { NATURAL } else { "line:u1" };
        assert!(matches!(copy.append(told(key.clone(), "a")), Outcome::Duplicate { seq: 1, .. }), "{key:?}");
        // The source vouches for it: what stands in a fork's record is a copy again.
        assert!(matches!(copy.append(told(several(&[natural]), "fork")), Outcome::Duplicate { seq: 1, .. }), "{key:?}");
        assert_eq!((copy.facts().len(), rejections(&mut copy)), (1, 0), "{key:?}");
        copy.assert_sound();
    }
}

#[test]
fn alerts_are_raised_whoever_claims_their_ids() {
    let failed = |n: u8| Draft { key: Key::Id(format!("f{n}")), ..draft(EventType::Failed, "a") };
    let alerts = |lab: &mut Lab| {
        let wanted = [EventType::FailureAlert, EventType::SystemWarning, EventType::CompletionMetrics];
        lab.facts().into_iter().filter(|it| it.coder_id == "a" && wanted.contains(&it.kind)).count()
    };
    let mut lab = Lab::new();
    for (kind, cause) in [("failure_alert", "f3"), ("system_warning", "limited"), ("completion_metrics", "done")] {
        lab.append(sent(EventType::Output, "evil", &format!("ai_coder_{kind}:{cause}")));
    }
    lab.append_all((1..=3).map(failed));
    lab.append(Draft { key: Key::Id("limited".into()), ..draft(EventType::RateLimit, "a") });
    lab.append(Draft { key: Key::Id("done".into()), ..draft(EventType::Completed, "a") });
    assert_eq!((alerts(&mut lab), rejections(&mut lab)), (3, 3));
    lab.assert_sound();
    let (mut copy, outcomes) = copied(&mut lab);
    assert!(!outcomes.iter().any(|it| matches!(it, Outcome::Rejected(_))), "{outcomes:?}");
    assert_eq!(alerts(&mut copy), 3, "the rules raise them there too, and they are the same");
}

#[test]
fn an_id_that_the_history_will_make_itself_is_refused_and_one_that_it_made_is_not() {
    let mut lab = Lab::new();
    let Outcome::Appended { id, .. } = lab.append(draft(EventType::Output, "a")) else { panic!("not appended") };
    let tag = lab.writer.transact(|db| Ok(crate::history::store::ledger::Ledger::load(db)?.tag)).expect("readable");
    let claim = |at: Time, seq| Draft { key: Key::Id(tag.id(at, seq)), ..draft(EventType::Output, "evil") };
    assert!(matches!(lab.append(claim(lab.now(), 2)), Outcome::Rejected(_)));
    assert!(matches!(lab.append(claim(lab.now().plus(Time::SECOND), 900)), Outcome::Rejected(_)));
    lab.wait(Time::SECOND);
    // As after a restored copy of the history, which lacks what an export has.
    assert!(matches!(lab.append(claim(lab.now().plus(-Time::SECOND), 900)), Outcome::Appended { .. }));
    lab.writer.prune(&Retention { max_events: Some(0), ..Retention::default() }).expect("pruned");
    let again = Draft { key: Key::Id(id.clone()), ..draft(EventType::Output, "a") };
    assert!(matches!(lab.append(again), Outcome::Appended { id: same, .. } if same == id));
    let left: u64 =
        lab.writer.outside_transaction(|db| db.query_row("SELECT count(*) FROM given", [], |row| row.get(0))).expect("readable");
    assert_eq!(left, 0, "a removed event leaves no mark");
    lab.assert_sound();
}
