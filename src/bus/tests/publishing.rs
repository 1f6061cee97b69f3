//! Groups, bounds, errors, shutdown.

use super::*;

#[tokio::test]
async fn defect_09_shutdown_commits_what_was_accepted() {
    let place = Place::new();
    let bus = place.bus();
    let publishes = join_all((0..900).map(|n| bus.publish(vec![entry("a", n)])));
    // Polled first and without yielding: all 900 are in the queue when the bus shuts down.
    let (answers, ()) = within(async { tokio::join!(tokio::task::unconstrained(publishes), bus.shutdown()) }).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 900);
    assert_eq!(place.head(), 900);
    assert!(matches!(bus.publish(entries("a", 0..1)).await, Err(Error::Closed)));
    assert_eq!(place.head(), 900);
}

#[tokio::test]
async fn defect_08_a_full_queue_makes_publishers_wait() {
    let place = Place::new();
    let stuck = Arc::new(AtomicBool::new(true));
    let clock = Clock::new({
        let stuck = Arc::clone(&stuck);
        move || {
            while stuck.load(Ordering::Relaxed) && is_writer() {
                std::thread::yield_now();
            }
            std::time::SystemTime::now().into()
        }
    });
    let bus = Bus::new(Options { clock, ..place.options() });
    let publishers: Vec<_> = (0..40)
        .map(|n| {
            let bus = bus.clone();
            tokio::spawn(async move { bus.publish(entries("a", n * 512..(n + 1) * 512)).await })
        })
        .collect();
    settle().await;
    // Eight times 512 entries fit, those included that the writer has in hand.
    assert_eq!(bus.rooms.publisher.accepted_entries(), 4096);
    assert!(publishers.iter().all(|publisher| !publisher.is_finished()));
    stuck.store(false, Ordering::Relaxed);
    for publisher in within(join_all(publishers)).await {
        assert_eq!(publisher.expect("no panic").expect("publishes").len(), 512);
    }
    assert_eq!(within(bus.publish(entries("a", 0..5000))).await.expect("publishes").len(), 5000, "more than the queue holds");
    assert_eq!(place.head(), 25_480);
    assert_eq!(bus.rooms.publisher.accepted_entries(), 0);
}

fn is_writer() -> bool {
    std::thread::current().name() == Some("bus-writer")
}

#[tokio::test]
async fn a_panic_while_checking_or_writing_is_an_answer_and_the_next_call_works() {
    let place = Place::new();
    let broken = Arc::new(std::sync::Mutex::new(Some(false)));
    let clock = Clock::new({
        let broken = Arc::clone(&broken);
        move || {
            let broken = *broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            assert!(broken != Some(is_writer()), "the clock is broken");
            std::time::SystemTime::now().into()
        }
    });
    let set = |broken_in| *broken.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = broken_in;
    let bus = Bus::new(Options { clock, ..place.options() });
    for (in_writer, expected) in
        [(false, "the check panicked: the clock is broken"), (true, "the writer panicked: the clock is broken")]
    {
        set(Some(in_writer));
        let error = bus.publish(entries("a", 0..1)).await.expect_err("the clock is broken");
        assert_eq!(error.to_string(), expected);
        set(None);
        assert_eq!(bus.publish(entries("a", 0..1)).await.expect("publishes").len(), 1);
    }
}

#[tokio::test]
async fn a_panic_while_reading_is_an_answer_and_the_next_call_works() {
    let place = Place::new();
    let bus = place.bus();
    bus.publish(entries("a", 0..1)).await.expect("publishes");
    let error = bus.read(|_| -> Result<(), history::Error> { panic!("no") }).await.expect_err("it panics");
    assert_eq!(error.to_string(), "a read panicked: no");
    assert_eq!(bus.read(|reader| reader.position()).await.expect("reads").head, 1);
}

#[tokio::test]
async fn a_history_that_cannot_be_written_is_everyones_error() {
    let place = Place::new();
    std::fs::write(place.folder.path().join("file"), "no folder").expect("writes");
    let bus = Bus::new(Options::new(place.folder.path().join("file").join("history.db")));
    let answers = within(join_all((0..3).map(|n| bus.publish(vec![entry("a", n)])))).await;
    for answer in answers {
        assert!(matches!(answer, Err(Error::History(_))), "{answer:?}");
    }
}
