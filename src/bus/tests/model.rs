//! Random actions against what each subscription was promised.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Action {
    Publish {
        coder: usize,
        count: u64,
        elsewhere: bool,
    },
    Prune {
        keep: u64,
    },
    Subscribe {
        coder: Option<usize>,
        back: u64,
    },
    Read {
        subscription: usize,
        max: usize,
    },
    Leave {
        subscription: usize,
    },
    /// The process dies and another one goes on: each reader from the cursor it had.
    Crash,
}

const CODERS: [&str; 3] = ["a", "b", "c"];

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0..CODERS.len(), 1..400_u64, any::<bool>()).prop_map(|(coder, count, elsewhere)| Action::Publish { coder, count, elsewhere }),
        1 => (0..1000_u64).prop_map(|keep| Action::Prune { keep }),
        3 => (proptest::option::of(0..CODERS.len()), 0..900_u64).prop_map(|(coder, back)| Action::Subscribe { coder, back }),
        6 => (any::<usize>(), 1..300_usize).prop_map(|(subscription, max)| Action::Read { subscription, max }),
        1 => any::<usize>().prop_map(|subscription| Action::Leave { subscription }),
        2 => Just(Action::Crash),
    ]
}

/// What a subscription was promised, and what it got.
struct Record {
    subscription: Subscription,
    after: u64,
    coder: Option<usize>,
    got: Vec<Delivery>,
}

impl Record {
    /// `coders[n]` is the coder of seq n + 1.
    fn check(&self, coders: &[usize]) {
        let (mut seqs, mut gaps) = (Vec::new(), Vec::new());
        for delivery in &self.got {
            match delivery {
                Delivery::Event(event) => seqs.push(event.seq),
                Delivery::Missed(missed) => gaps.push(*missed),
                Delivery::Replaced => panic!("nobody replaced it"),
            }
        }
        assert!(seqs.is_sorted_by(|a, b| a < b), "once and in order: {seqs:?}");
        let promised = (self.after + 1..).zip(&coders[self.after as usize..]);
        let promised: Vec<u64> =
            promised.filter(|(_, coder)| self.coder.is_none_or(|wanted| wanted == **coder)).map(|(seq, _)| seq).collect();
        assert!(seqs.iter().all(|seq| promised.contains(seq)), "only what was asked for");
        let told = |seq: &u64| seqs.contains(seq) || gaps.iter().any(|gap| gap.after < *seq && *seq <= gap.through);
        let lost: Vec<&u64> = promised.iter().filter(|seq| !told(seq)).collect();
        assert!(lost.is_empty(), "lost without a word: {lost:?}");
    }
}

fn filter(coder: Option<usize>) -> Filter {
    coder.map_or_else(Filter::default, |coder| Filter::coder(CODERS[coder]))
}

async fn play(actions: Vec<Action>) {
    let place = Place::new();
    let (mut bus, other) = (place.bus(), place.bus());
    let (mut coders, mut records) = (Vec::new(), Vec::<Record>::new());
    for action in actions {
        match action {
            Action::Publish { coder, count, elsewhere } => {
                let bus = if elsewhere { &other } else { &bus };
                bus.publish(entries(CODERS[coder], 0..count)).await.expect("publishes");
                coders.extend((0..count).map(|_| coder));
            }
            Action::Prune { keep } => {
                let retention = Retention { max_events: Some(keep), ..Retention::default() };
                Writer::new(&place.options()).prune(&retention).expect("prunes");
            }
            Action::Subscribe { coder, back } => {
                let after = (coders.len() as u64).saturating_sub(back);
                let subscription = bus.subscribe(filter(coder), if back == 0 { Begin::Now } else { Begin::After(after) });
                records.push(Record { subscription, after, coder, got: Vec::new() });
            }
            Action::Read { subscription, max } if !records.is_empty() => {
                let at = subscription % records.len();
                let record = &mut records[at];
                settle().await;
                if let Some(batch) = record.subscription.next_batch(max).now_or_never().flatten() {
                    record.got.extend(batch.expect("reads"));
                }
            }
            Action::Leave { subscription } if !records.is_empty() => {
                records.swap_remove(subscription % records.len());
            }
            Action::Crash => {
                bus = place.bus();
                for Record { subscription, coder, .. } in &mut records {
                    *subscription = bus.subscribe(filter(*coder), Begin::After(subscription.cursor()));
                }
            }
            Action::Read { .. } | Action::Leave { .. } => {}
        }
    }
    bus.shutdown().await;
    for mut record in records {
        while let Some(batch) = within(record.subscription.next_batch(100)).await {
            record.got.extend(batch.expect("reads"));
        }
        record.check(&coders);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_subscription_gets_what_it_was_promised(actions in proptest::collection::vec(action(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(play(actions));
    }
}
