//! Subscriptions: replay, follow, gaps, idling.

use super::*;

#[tokio::test]
async fn defect_07_readers_of_any_speed_see_every_event_once_and_in_order() {
    const PRODUCERS: u64 = 8;
    const EACH: u64 = 200;
    const ALL: usize = (PRODUCERS * EACH) as usize;
    let place = Place::new();
    let bus = place.bus();

    let mut one_by_one = bus.subscribe(Filter::default(), Begin::After(0));
    let mut in_batches = bus.subscribe(Filter::default(), Begin::After(0));
    let mut slow = bus.subscribe(Filter::default(), Begin::After(0));
    let mut of_one_coder = bus.subscribe(Filter::coder("coder-3"), Begin::After(0));
    let one_by_one = tokio::spawn(async move { next_seqs(&mut one_by_one, ALL).await });
    let in_batches = tokio::spawn(async move {
        let mut seqs = Vec::new();
        while seqs.len() < ALL {
            let batch = within(in_batches.next_batch(64)).await.expect("open").expect("reads");
            assert!((1..=64).contains(&batch.len()));
            seqs.extend(batch.iter().map(|delivery| match delivery {
                Delivery::Event(event) => event.seq,
                Delivery::Missed(_) | Delivery::Replaced => panic!("{delivery:?}"),
            }));
        }
        seqs
    });
    let slow = tokio::spawn(async move {
        let mut seqs = Vec::new();
        while seqs.len() < ALL {
            settle().await;
            seqs.push(next_event(&mut slow).await.seq);
        }
        seqs
    });

    let producers = (0..PRODUCERS).map(|producer| {
        let bus = bus.clone();
        tokio::spawn(async move {
            let (coder, mut given, mut next) = (format!("coder-{producer}"), Vec::new(), 0);
            while next < EACH {
                let end = EACH.min(next + 1 + (next + producer) % 7);
                given.extend(seqs(&bus.publish(entries(&coder, next..end)).await.expect("publishes")));
                next = end;
            }
            given
        })
    });
    let mut given = Vec::new();
    for producer in within(join_all(producers)).await {
        given.push(producer.expect("no panic"));
    }

    let expected: Vec<u64> = (1..=ALL as u64).collect();
    for (name, reader) in [("one by one", one_by_one), ("in batches", in_batches), ("slow", slow)] {
        assert_eq!(reader.await.expect("no panic"), expected, "{name}");
    }
    // Each caller was given the seqs of its own entries, in its own order.
    for (n, &seq) in given[3].iter().enumerate() {
        let event = next_event(&mut of_one_coder).await;
        assert_eq!((event.seq, event.data["n"].as_u64()), (seq, Some(n as u64)));
    }
}

#[tokio::test]
async fn a_cursor_replays_and_then_follows() {
    let place = Place::new();
    let bus = place.bus();
    bus.publish(entries("a", 0..600)).await.expect("publishes");
    let mut subscription = bus.subscribe(Filter::default(), Begin::After(100));
    let reader = tokio::spawn(async move { (next_seqs(&mut subscription, 800).await, subscription.cursor()) });
    for n in 600..900 {
        bus.publish(vec![entry("a", n)]).await.expect("publishes");
    }
    assert_eq!(reader.await.expect("no panic"), ((101..=900).collect(), 900));
}

#[tokio::test]
async fn a_reader_that_stops_holds_no_more_than_a_page() {
    let place = Place::new();
    let bus = place.bus();
    let large = |n: u64| {
        let draft = Draft::new(EventType::Milestone, "a").with("text", "x".repeat(200_000)).with("n", n);
        Entry::Draft(Box::new(draft))
    };
    bus.publish((0..20).map(large).collect()).await.expect("publishes");
    let mut subscription = bus.subscribe(Filter::default(), Begin::After(0));
    let mut seqs = Vec::new();
    while seqs.len() < 20 {
        let batch = within(subscription.next_batch(100)).await.expect("open").expect("reads");
        assert!(batch.len() <= 5, "a page is bounded by its bytes: {}", batch.len());
        seqs.extend(batch.iter().map(|delivery| match delivery {
            Delivery::Event(event) => event.seq,
            Delivery::Missed(_) | Delivery::Replaced => panic!("{delivery:?}"),
        }));
        assert_eq!(subscription.cursor(), seqs[seqs.len() - 1]);
    }
    assert_eq!(seqs, (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_filter_on_texts_holds_for_replay_and_following_alike() {
    let place = Place::new();
    let bus = place.bus();
    let progress = |description: &str| Entry::Draft(Box::new(Draft::progress("a", 0.5, "stage", description)));
    let texts = ["needle 1", "hay", "Needle 2", "hay"];
    bus.publish(texts.map(progress).into()).await.expect("publishes");
    let filter = Filter { text: Some("needle".into()), ..Filter::default() };
    let mut subscription = bus.subscribe(filter, Begin::After(0));
    assert_eq!(next_seqs(&mut subscription, 2).await, [1, 3]);
    for seq in [5, 9] {
        let (found, published) = tokio::join!(
            next_event(&mut subscription),
            bus.publish(texts[2..].iter().chain(&texts[1..2]).chain(&texts[1..2]).copied().map(progress).collect())
        );
        assert_eq!(found.seq, seq);
        published.expect("publishes");
    }
}

#[tokio::test]
async fn now_begins_when_subscribing() {
    let place = Place::new();
    let bus = place.bus();
    let mut before_all = bus.subscribe(Filter::default(), Begin::Now);
    bus.publish(entries("a", 0..3)).await.expect("publishes");
    let mut subscription = bus.subscribe(Filter::default(), Begin::Now);
    bus.publish(entries("a", 3..4)).await.expect("publishes");
    assert_eq!(next_event(&mut subscription).await.seq, 4);
    assert_eq!(next_event(&mut before_all).await.seq, 1);
}

#[tokio::test]
async fn another_process_is_heard() {
    let place = Place::new();
    let (here, there) = (place.bus(), place.bus());
    let mut subscription = here.subscribe(Filter::coder("a"), Begin::Now);
    assert!(subscription.next().now_or_never().is_none(), "it waits before there is a history");
    for n in 1..=20 {
        there.publish(vec![entry("b", n), entry("a", n)]).await.expect("publishes");
        assert_eq!(next_event(&mut subscription).await.seq, 2 * n);
    }
}

#[tokio::test]
async fn a_lost_bell_costs_no_event() {
    let place = Place::new();
    let (deaf, other) = (Bus::with_bell(place.options(), None), place.bus());
    let mut subscription = deaf.subscribe(Filter::default(), Begin::Now);
    for n in 1..=2 {
        let waiting = async { next_event(&mut subscription).await.seq };
        let (seq, published) = tokio::join!(waiting, other.publish(vec![entry("a", n)]));
        assert_eq!((seq, seqs(&published.expect("publishes"))), (n, vec![n]));
    }
}

#[tokio::test]
async fn a_cursor_below_retention_is_told_of_the_gap_once() {
    let place = Place::new();
    let bus = place.bus();
    bus.publish(entries("a", 0..1000)).await.expect("publishes");
    let retention = Retention { max_events: Some(600), ..Retention::default() };
    Writer::new(&place.options()).prune(&retention).expect("prunes");
    let floor = bus.read(|reader| reader.position()).await.expect("reads").floor;
    assert!(floor > 2, "retention removed something");

    let mut subscription = bus.subscribe(Filter::default(), Begin::After(2));
    let first = within(subscription.next()).await;
    assert!(matches!(first, Some(Ok(Delivery::Missed(Missed { after: 2, through }))) if through == floor), "{first:?}");
    assert_eq!(subscription.cursor(), floor);
    bus.publish(entries("a", 1000..1001)).await.expect("publishes");
    let following: Vec<u64> = (floor + 1..=1001).collect();
    assert_eq!(next_seqs(&mut subscription, following.len()).await, following);
}

#[tokio::test]
async fn defect_12_a_coders_subscription_sees_all_types() {
    let place = Place::new();
    let bus = place.bus();
    let given: Vec<EventType> = EventType::ALL.iter().copied().filter(|kind| !kind.is_derived()).collect();
    let mut subscription = bus.subscribe(Filter::coder("a"), Begin::Now);
    let drafts = given.iter().map(|&kind| Entry::Draft(Box::new(Draft::new(kind, "a")))).collect();
    bus.publish(drafts).await.expect("publishes");
    let mut seen = Vec::new();
    while seen.len() < given.len() {
        let kind = next_event(&mut subscription).await.kind;
        if !kind.is_derived() {
            seen.push(kind);
        }
    }
    assert_eq!(seen, given);
}

#[tokio::test]
async fn shutdown_ends_subscriptions_after_what_is_committed() {
    let place = Place::new();
    let bus = place.bus();
    let far_behind = bus.subscribe(Filter::default(), Begin::After(0));
    let of_nobody = bus.subscribe(Filter::coder("nobody"), Begin::After(0));
    let waiting = bus.subscribe(Filter::default(), Begin::Now);
    let waiting = tokio::spawn(rest(waiting));
    bus.publish(entries("a", 0..700)).await.expect("publishes");
    settle().await;
    bus.shutdown().await;
    let seqs = |deliveries: Vec<Delivery>| -> Vec<u64> {
        let seq = |delivery: &Delivery| match delivery {
            Delivery::Event(event) => event.seq,
            Delivery::Missed(_) | Delivery::Replaced => panic!("{delivery:?}"),
        };
        deliveries.iter().map(seq).collect()
    };
    let all: Vec<u64> = (1..=700).collect();
    assert_eq!(seqs(waiting.await.expect("no panic")), all);
    assert_eq!(seqs(rest(far_behind).await), all);
    assert_eq!(seqs(rest(of_nobody).await), [0; 0]);
    assert_eq!(seqs(rest(bus.subscribe(Filter::default(), Begin::After(690))).await), (691..=700).collect::<Vec<_>>());
    within(bus.shutdown()).await;
}

#[tokio::test]
async fn defect_12_idle_subscribers_of_other_coders_are_not_woken() {
    const IDLE: usize = 1000;
    let place = Place::new();
    let bus = place.bus();
    let polls: Arc<AtomicUsize> = Arc::default();
    let mut idle: Vec<_> = (0..IDLE)
        .map(|n| {
            let mut subscription = bus.subscribe(Filter::coder(format!("idle-{n}")), Begin::Now);
            let mut next = Box::pin(async move { (next_event(&mut subscription).await.seq, subscription) });
            let polls = Arc::clone(&polls);
            tokio::spawn(poll_fn(move |context| {
                polls.fetch_add(1, Ordering::Relaxed);
                next.as_mut().poll(context)
            }))
        })
        .collect();
    let mut quiet = bus.subscribe(Filter::coder("quiet"), Begin::Now);
    let mut busy = bus.subscribe(Filter::coder("busy"), Begin::Now);
    bus.publish(vec![entry("busy", 0)]).await.expect("publishes");
    // The tail runs once this has arrived.
    next_event(&mut busy).await;
    let waiters_idle = || bus.rooms.tail.live().waiters.idle();
    // The tail calls everyone when it finds the history; only then do they sit down for good.
    until(|| {
        let live = bus.rooms.tail.live();
        live.ring.through() >= 1 && live.waiters.idle() >= IDLE
    })
    .await;

    let polls_before = polls.load(Ordering::Relaxed);
    for n in 0..100 {
        bus.publish(vec![entry("busy", n)]).await.expect("publishes");
        next_event(&mut busy).await;
    }
    settle().await;
    assert_eq!(polls.load(Ordering::Relaxed) - polls_before, 0, "none of them was woken");
    assert_eq!(waiters_idle(), IDLE);

    bus.publish(vec![entry("idle-7", 0)]).await.expect("publishes");
    let (seq, woken) = within(&mut idle[7]).await.expect("no panic");
    assert_eq!((seq, woken.cursor()), (102, 102));
    within(async {
        while quiet.next().now_or_never().is_none() && quiet.cursor() < 102 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    bus.publish(vec![entry("busy", 0)]).await.expect("publishes");
    next_event(&mut busy).await;
    assert_eq!(quiet.cursor(), 103, "nothing was for it, and yet it knows how far it is");
    drop((woken, quiet, busy));
    idle.iter().for_each(tokio::task::JoinHandle::abort);
    within(join_all(idle.into_iter().enumerate().filter(|(n, _)| *n != 7).map(|(_, task)| task))).await;
    assert!(bus.rooms.tail.live().waiters.is_empty());
}

#[tokio::test]
async fn a_subscription_given_up_while_it_waits_loses_nothing() {
    let place = Place::new();
    let bus = place.bus();
    let mut subscription = bus.subscribe(Filter::default(), Begin::Now);
    for n in 1..=50 {
        tokio::task::yield_now().await;
        let early = subscription.next().now_or_never();
        assert!(early.is_none(), "{n}");
        bus.publish(vec![entry("a", n)]).await.expect("publishes");
        assert_eq!(next_event(&mut subscription).await.seq, n);
    }
}

#[tokio::test]
async fn a_replay_given_up_again_and_again_still_gets_on() {
    let place = Place::new();
    let bus = place.bus();
    bus.publish(entries("a", 0..1000)).await.expect("publishes");
    let mut subscription = bus.subscribe(Filter::default(), Begin::After(0));
    let mut seqs = Vec::new();
    within(async {
        while seqs.len() < 1000 {
            match subscription.next().now_or_never() {
                Some(Some(Ok(Delivery::Event(event)))) => seqs.push(event.seq),
                Some(other) => panic!("no event: {other:?}"),
                None => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    assert_eq!(seqs, (1..=1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_tail_ends_when_nobody_is_subscribed_and_starts_again() {
    let place = Place::new();
    let bus = place.bus();
    for n in 1..=3 {
        let mut subscription = bus.subscribe(Filter::default(), Begin::Now);
        let (seq, published) = tokio::join!(next_seqs(&mut subscription, 1), bus.publish(vec![entry("a", n)]));
        assert_eq!(seq, seqs(&published.expect("publishes")));
        assert!(bus.rooms.tail.live().tail.is_some());
        drop(subscription);
        until(|| bus.rooms.tail.live().tail.is_none()).await;
    }
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_told_and_followed_once_it_can() {
    let place = Place::new();
    let broken = "this is no database, and long enough to be taken for a broken one ".repeat(100);
    std::fs::write(place.path(), broken).expect("writes");
    let bus = place.bus();
    let mut subscription = bus.subscribe(Filter::default(), Begin::After(0));
    for _ in 0..2 {
        let answer = within(subscription.next()).await;
        assert!(matches!(answer, Some(Err(Error::History(_)))), "{answer:?}");
    }
    std::fs::remove_file(place.path()).expect("removes");
    for n in 1..=3 {
        bus.publish(vec![entry("a", n)]).await.expect("publishes");
        assert_eq!(next_event(&mut subscription).await.seq, n);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_history_in_the_place_of_another_is_followed_from_its_own_beginning() {
    let place = Place::new();
    let bus = place.bus();
    let mut before = bus.subscribe(Filter::default(), Begin::Now);
    for n in 0..5 {
        bus.publish(vec![entry("old", n)]).await.expect("publishes");
        next_event(&mut before).await;
    }
    for file in ["history.db", "history.db-wal", "history.db-shm"] {
        std::fs::remove_file(place.path().with_file_name(file)).expect("deleted");
    }
    bus.publish(vec![entry("new", 0)]).await.expect("publishes");
    let mut after = bus.subscribe(Filter::default(), Begin::Now);
    for seq in 2..5 {
        // It must be waiting already: whoever looks after the commit reads the history anyway.
        let publish = async {
            until(|| bus.rooms.tail.live().waiters.idle() > 0).await;
            bus.publish(vec![entry("new", seq)]).await.expect("publishes");
        };
        let (event, ()) = tokio::join!(next_event(&mut after), publish);
        assert_eq!(event.seq, seq);
    }
}

#[tokio::test]
async fn another_history_in_its_place_is_told_and_followed_from_its_beginning() {
    let place = Place::new();
    let bus = place.bus();
    bus.publish(entries("old", 0..20)).await.expect("publishes");
    let mut told = bus.subscribe(Filter::default(), Begin::Now);
    let mut untold = bus.subscribe(Filter::default(), Begin::After(18));
    let mut absent = bus.subscribe(Filter::coder("new"), Begin::After(20));
    assert_eq!(next_seqs(&mut untold, 2).await, [19, 20]);
    // All of them wait at the head.
    for waiting in [&mut told, &mut untold, &mut absent] {
        assert!(tokio::time::timeout(Duration::from_millis(50), waiting.next()).await.is_err());
    }
    place.remove_history();
    let other = place.bus();
    other.publish(entries("new", 0..3)).await.expect("publishes");
    for waiting in [&mut told, &mut untold, &mut absent] {
        let first = within(waiting.next()).await.expect("open").expect("reads");
        assert!(matches!(first, Delivery::Replaced), "{first:?}");
        assert_eq!(next_seqs(waiting, 3).await, [1, 2, 3]);
    }
    other.publish(entries("new", 3..4)).await.expect("publishes");
    for waiting in [&mut told, &mut untold, &mut absent] {
        assert_eq!(next_seqs(waiting, 1).await, [4]);
    }
}
