//! The history against a plain model: random actions, with crash and reopen between any two.

use proptest::prelude::*;

use crate::{
    event::{Draft, EventType, Key, Time},
    filter::Filter,
    history::{Entry, Outcome, Reader, Retention, Writer},
};

use super::{super::record::append::Append, Lab};

#[derive(Clone, Debug)]
enum Action {
    /// Drafts of (type, coder, key or none, seconds into the past).
    Append(Vec<(usize, u8, Option<u8>, u16)>),
    /// The same by another writer.
    AppendElsewhere(Vec<(usize, u8, Option<u8>, u16)>),
    /// A transaction that dies before its commit.
    Crash(Vec<(usize, u8, Option<u8>, u16)>),
    Reopen,
    Prune(u64),
    Tidy(u32),
}

fn drafts() -> impl Strategy<Value = Vec<(usize, u8, Option<u8>, u16)>> {
    let draft = (0..EventType::ALL.len() - 3, 0..4_u8, proptest::option::weighted(0.3, 0..6_u8), any::<u16>());
    proptest::collection::vec(draft, 1..12)
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        8 => drafts().prop_map(Action::Append),
        3 => drafts().prop_map(Action::AppendElsewhere),
        2 => drafts().prop_map(Action::Crash),
        2 => Just(Action::Reopen),
        2 => (0..30_u64).prop_map(Action::Prune),
        1 => (0..200_000_u32).prop_map(Action::Tidy),
    ];
    proptest::collection::vec(action, 1..25)
}

fn entries(lab: &Lab, given: &[(usize, u8, Option<u8>, u16)]) -> Vec<Entry> {
    let draft = |&(kind, coder, key, ago): &(usize, u8, Option<u8>, u16)| {
        let draft = Draft::new(EventType::ALL[kind], format!("coder-{coder}"));
        let key = key.map_or(Key::None, |key| Key::Natural(format!("{kind}/{coder}/{key}")));
        Entry::from(Draft { key, timestamp: Some(lab.now().plus(-i64::from(ago) * Time::SECOND)), ..draft })
    };
    given.iter().map(draft).collect()
}

/// What the model knows: every (seq, type, coder) that was acknowledged, and where retention stands.
#[derive(Default)]
struct Model {
    retained: Vec<(u64, EventType, String)>,
    total: u64,
}

impl Model {
    /// Takes over what the log has beyond the model; it must hold every acknowledged seq, and only derived events besides.
    fn learn(&mut self, lab: &mut Lab, outcomes: &[Outcome]) -> Result<(), TestCaseError> {
        let known = self.retained.last().map_or(0, |last| last.0);
        let head_before = known.max(lab.reader.position().expect("readable").floor);
        let log = lab.log();
        let news: Vec<_> = log.iter().filter(|event| event.seq > head_before).collect();
        for outcome in outcomes {
            if let Outcome::Appended { seq, .. } = outcome {
                prop_assert!(news.iter().any(|event| event.seq == *seq && !event.kind.is_derived()), "seq {seq} is lost");
            }
        }
        let acknowledged = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Appended { .. })).count();
        let derived = news.iter().filter(|event| event.kind.is_derived()).count();
        prop_assert_eq!(news.len(), acknowledged + derived, "the log holds what nobody was promised");
        self.total += news.len() as u64;
        self.retained.extend(news.into_iter().map(|event| (event.seq, event.kind, event.coder_id.clone())));
        Ok(())
    }

    fn compare(&self, lab: &mut Lab) -> Result<(), TestCaseError> {
        let log: Vec<_> = lab.log().into_iter().map(|event| (event.seq, event.kind, event.coder_id)).collect();
        prop_assert_eq!(&log, &self.retained);
        let stats = lab.reader.stats(&Default::default()).expect("readable");
        prop_assert_eq!(stats.total_events, self.total);
        prop_assert_eq!(lab.checkup(false).problems, Vec::<String>::new());
        Ok(())
    }
}

fn crash(writer: &mut Writer, entries: Vec<Entry>) {
    let died: Result<(), _> = writer.transact_with_cache(|db, options, kept| {
        let mut append = Append::begin(db, options, kept)?;
        for entry in entries {
            append.take(entry.check(options), options.clock.now())?;
        }
        append.finish()?;
        Err(rusqlite::Error::InvalidQuery)
    });
    assert!(died.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn random_actions_leave_what_the_model_holds(actions in actions()) {
        let mut lab = Lab::new();
        let mut elsewhere = Writer::new(&lab.options);
        let mut model = Model::default();
        for action in actions {
            match action {
                Action::Append(given) => {
                    let entries = entries(&lab, &given);
                    let outcomes = lab.writer.append(entries).expect("writable");
                    model.learn(&mut lab, &outcomes)?;
                }
                Action::AppendElsewhere(given) => {
                    let outcomes = elsewhere.append(entries(&lab, &given)).expect("writable");
                    model.learn(&mut lab, &outcomes)?;
                }
                Action::Crash(given) => {
                    let entries = entries(&lab, &given);
                    crash(&mut lab.writer, entries);
                }
                Action::Reopen => {
                    lab.writer = Writer::new(&lab.options);
                    lab.reader = Reader::new(&lab.options);
                }
                Action::Prune(max_events) => {
                    lab.writer.prune(&Retention { max_events: Some(max_events), ..Retention::default() }).expect("writable");
                    let left: Vec<u64> = lab.reader.after(0, &Filter::default(), 0).expect("readable").events.iter().map(|event| event.seq).collect();
                    model.retained.retain(|(seq, ..)| left.contains(seq));
                    prop_assert_eq!(left.len(), model.retained.len());
                }
                Action::Tidy(seconds) => {
                    lab.wait(i64::from(seconds) * Time::SECOND);
                    lab.writer.tidy().expect("writable");
                }
            }
            model.compare(&mut lab)?;
        }
    }
}
