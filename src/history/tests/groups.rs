//! Rows by model, tool, coder and hour against a plain count, while events are removed, minutes become hours and coders go.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::{Lab, draft};
use crate::{
    aggregate::{GroupKey, GroupKeys, GroupRow},
    event::{Draft, EventType, Key, Time},
    history::{
        GroupQuery, Groups, Retention,
        store::{ledger::Ledger, schema},
    },
};

fn groups(lab: &mut Lab, by: &str, since: Option<Time>) -> Groups {
    let keys = GroupKeys::parse(by.split(',')).expect("keys");
    let hour_of = |time: Time| time.to_string()[..13].to_owned();
    lab.reader.groups(&GroupQuery { keys, coder: None, since, until: None, hour_of: &hour_of }).expect("readable")
}

fn object(fields: serde_json::Value) -> Draft {
    Draft::from_object(fields.as_object().cloned().expect("an object")).expect("valid")
}

#[derive(Clone, Debug)]
enum Action {
    /// A call of one of some coders to one of some models, so many minutes ago; with a cost, or one that is told by the next.
    Call(u8, u8, u16, Option<u8>),
    /// The last call turns out to have cost something.
    Cost,
    /// A tool's call, which failed or not.
    Tool(u8, u8, bool),
    Stop(u8),
    Prune(u64),
    Tidy,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let call = (0..4_u8, 0..3_u8, 0..3000_u16, proptest::option::of(1..9_u8));
    let action = prop_oneof![
        8 => call.prop_map(|(coder, model, ago, cost)| Action::Call(coder, model, ago, cost)),
        3 => Just(Action::Cost),
        3 => (0..4_u8, 0..3_u8, any::<bool>()).prop_map(|(coder, tool, failed)| Action::Tool(coder, tool, failed)),
        4 => (0..4_u8).prop_map(Action::Stop),
        3 => (0..4_u64).prop_map(Action::Prune),
        3 => Just(Action::Tidy),
    ];
    proptest::collection::vec(action, 1..40)
}

/// What is counted by hand: calls, input tokens and dollars of a model, calls and failures of a tool.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    models: BTreeMap<String, (u64, u64, u64)>,
    tools: BTreeMap<String, (u64, u64)>,
}

impl Counted {
    fn read(lab: &mut Lab, since: Option<Time>) -> Counted {
        let told = |row: &GroupRow, key: GroupKey| row.get(key).unwrap_or_default().to_owned();
        let model = |row: &GroupRow| {
            let dollars = row.usage.cost_usd.unwrap_or(0.0) as u64;
            (told(row, GroupKey::Model), (row.usage.api_calls, row.usage.tokens.input, dollars))
        };
        let tool = |row: &GroupRow| (told(row, GroupKey::Tool), (row.tool_calls, row.tool_calls_failed));
        Counted {
            models: groups(lab, "model", since).rows.iter().map(model).collect(),
            tools: groups(lab, "tool", since).rows.iter().map(tool).collect(),
        }
    }
}

#[derive(Default)]
struct Run {
    counted: Counted,
    calls: u64,
    /// The last call, if it has no cost yet.
    open: Option<(u64, u8, u8, Time)>,
}

impl Run {
    fn call(&mut self, lab: &mut Lab, call: u64, (coder, model, at): (u8, u8, Time), cost: Option<u8>) {
        let mut fields =
            json!({"type": "api_call", "coder_id": format!("c{coder}"), "model": format!("m{model}"), "input_tokens": 10});
        if let Some(cost) = cost {
            fields["cost_usd"] = cost.into();
        }
        let key = Key::Natural(format!("call {call}"));
        lab.append(Draft { key, timestamp: Some(at), ..object(fields) });
    }

    fn act(&mut self, lab: &mut Lab, action: Action) {
        match action {
            Action::Call(coder, model, ago, cost) => {
                let at = lab.now().plus(-i64::from(ago) * Time::MINUTE);
                self.calls += 1;
                self.call(lab, self.calls, (coder, model, at), cost);
                let counted = self.counted.models.entry(format!("m{model}")).or_default();
                *counted = (counted.0 + 1, counted.1 + 10, counted.2 + u64::from(cost.unwrap_or(0)));
                self.open = cost.is_none().then_some((self.calls, coder, model, at));
            }
            Action::Cost => {
                let Some((call, coder, model, at)) = self.open.take() else { return };
                self.call(lab, call, (coder, model, at), Some(7));
                if let Some(counted) = self.counted.models.get_mut(&format!("m{model}")) {
                    counted.2 += 7;
                }
            }
            Action::Tool(coder, tool, failed) => {
                let name = format!("t{tool}");
                let fields = json!({"type": "progress", "coder_id": format!("c{coder}"), "tool_name": name, "failed": failed});
                lab.append(object(fields));
                let counted = self.counted.tools.entry(name).or_default();
                *counted = (counted.0 + 1, counted.1 + u64::from(failed));
            }
            Action::Stop(coder) => drop(lab.append(draft(EventType::Stopped, &format!("c{coder}")))),
            Action::Prune(max_events) => {
                let retention = Retention { max_events: Some(max_events), ..Retention::default() };
                lab.writer.prune(&retention).expect("writable");
                // What is gone cannot be completed.
                self.open = None;
            }
            Action::Tidy => {
                lab.wait(13 * Time::HOUR);
                lab.writer.tidy_to(1).expect("writable");
                self.open = None;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_is_removed_rows_add_up(actions in actions()) {
        let mut lab = Lab::new();
        let since = lab.now().plus(-60 * Time::DAY);
        let mut run = Run::default();
        for action in actions {
            run.act(&mut lab, action);
            for since in [None, Some(since)] {
                prop_assert_eq!(&Counted::read(&mut lab, since), &run.counted, "since {:?}", since);
            }
            let calls: u64 = run.counted.models.values().map(|(calls, ..)| calls).sum();
            for by in ["coder", "agent", "day", "hour", "coder,model"] {
                let Groups { rows, sum, .. } = groups(&mut lab, by, None);
                prop_assert_eq!(rows.iter().map(|row| row.usage.api_calls).sum::<u64>(), calls, "by {}", by);
                prop_assert_eq!(sum.usage.api_calls, calls, "the sum by {}", by);
            }
            prop_assert_eq!(lab.checkup(false).problems, Vec::<String>::new());
        }
    }
}

#[test]
fn a_history_of_before_is_sound_and_counts_on() {
    let mut lab = Lab::new();
    let call = || object(json!({"type": "api_call", "coder_id": "a", "model": "m", "input_tokens": 10}));
    let asked = || object(json!({"type": "prompt", "coder_id": "a", "text": "Fix the session store"}));
    lab.append_all([asked(), call(), call()]);
    // As schema 6 left it: nobody counted models, or knew what was asked.
    let back = "UPDATE ledger SET totals = json_remove(totals, '$.n.b'); UPDATE coder SET state = json_remove(state, '$.n.b', '$.ti', '$.mo', '$.go', '$.ob');
                ALTER TABLE ledger DROP COLUMN states_since;
                UPDATE bucket SET tally = json_remove(tally, '$.b');
                ALTER TABLE ledger DROP COLUMN parts_since; ALTER TABLE base DROP COLUMN evicted; DROP TABLE failed_call; DROP TABLE given; DROP TABLE record_read; DROP TABLE told; ALTER TABLE coder DROP COLUMN told_at; DROP TABLE interest; DROP TABLE news; DROP TABLE watch; PRAGMA user_version = 6;";
    lab.writer.transact(|db| db.execute_batch(back)).expect("writable");
    let model = |lab: &mut Lab| {
        let Groups { rows, .. } = groups(lab, "model", None);
        rows.into_iter().map(|row| (row.model.unwrap_or_default(), row.usage.api_calls)).collect::<Vec<_>>()
    };
    assert_eq!(model(&mut lab), [("unknown".to_owned(), 2)], "a reader migrates nothing");
    lab.assert_sound();
    lab.writer = super::Writer::new(&lab.options);
    lab.append(call());
    lab.writer
        .transact(|db| {
            assert!(schema::knows_parts(db)?);
            Ok(())
        })
        .expect("readable");
    assert_eq!(model(&mut lab), [("unknown".to_owned(), 2), ("m".to_owned(), 1)]);
    lab.assert_sound();
    lab.writer.prune(&Retention { max_events: Some(2), ..Retention::default() }).expect("writable");
    lab.assert_sound();
    assert!(lab.checkup(true).problems.is_empty());
    assert_eq!(model(&mut lab), [("m".to_owned(), 2), ("unknown".to_owned(), 1)], "those that are retained are counted anew");
    lab.assert_sound();
    let title = lab.reader.coder("a").expect("readable").and_then(|coder| coder.title);
    assert_eq!(title.as_deref(), Some("Fix the session store"), "what is removed is folded too");
    let states_since = lab.writer.transact(Ledger::states_since).expect("readable");
    assert_eq!(states_since, 0, "what is folded anew is compared to the letter");
}

#[test]
fn a_tool_that_ends_later_is_one_call() {
    let mut lab = Lab::new();
    let told = |fields: serde_json::Value| {
        let mut object = json!({"type": "progress", "coder_id": "a", "tool_name": "Bash", "description": "Bash: make"});
        object.as_object_mut().expect("an object").extend(fields.as_object().cloned().expect("an object"));
        Draft { key: Key::Natural("tool 1".to_owned()), ..self::object(object) }
    };
    lab.append(told(json!({"running": true})));
    lab.wait(3 * Time::SECOND);
    lab.append(told(json!({"failed": true, "duration_ms": 2500})));
    lab.append(told(json!({"failed": true, "duration_ms": 2500})));
    let rows = groups(&mut lab, "tool", None).rows;
    let told = |row: &GroupRow| (row.tool.clone(), row.tool_calls, row.tool_calls_failed, row.tool_duration_ms);
    assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), [(Some("Bash".to_owned()), 1, 1, 2500)]);
    lab.assert_sound();
}
