//! Handlers, and what their panics may touch.

use super::*;

#[tokio::test]
async fn a_handlers_panic_ends_that_handler_alone() {
    let place = Place::new();
    let bus = place.bus();
    let seen: Arc<Mutex<Vec<u64>>> = Arc::default();
    let seen_by_the_weak: Arc<Mutex<Vec<u64>>> = Arc::default();
    let (note, weak_note) = (Arc::clone(&seen), Arc::clone(&seen_by_the_weak));
    let handler = bus.handle(Filter::default(), Begin::Now, move |event| note.lock().expect("no panic").push(event.seq));
    let weak = bus.handle(Filter::default(), Begin::Now, move |event| {
        assert_ne!(event.seq, 3, "the third is too much");
        weak_note.lock().expect("not held").push(event.seq);
    });
    for n in 0..10 {
        bus.publish(vec![entry("a", n)]).await.expect("publishes");
    }
    within(weak.ended()).await;
    bus.shutdown().await;
    within(handler.ended()).await;
    assert_eq!(*seen.lock().expect("no panic"), (1..=10).collect::<Vec<_>>());
    assert_eq!(*seen_by_the_weak.lock().expect("no panic"), [1, 2]);
}

/// Runs the test above as a process of its own.
#[test]
fn defect_19_a_handlers_panic_leaves_stdout_alone() {
    let test = std::env::current_exe().expect("this test");
    let ran = std::process::Command::new(test)
        .args(["--exact", "bus::tests::handling::a_handlers_panic_ends_that_handler_alone", "--nocapture"])
        .output()
        .expect("runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(stdout.contains("1 passed"), "{stdout}");
    assert!(!stdout.contains("the third is too much"), "{stdout}");
    assert!(stderr.contains("the third is too much"), "{stderr}");
}

#[tokio::test]
async fn a_dropped_handler_is_unsubscribed() {
    let place = Place::new();
    let bus = place.bus();
    let handler = bus.handle(Filter::default(), Begin::Now, |_| panic!("never called"));
    drop(handler);
    settle().await;
    assert!(bus.rooms.tail.live().waiters.is_empty());
    bus.publish(entries("a", 0..1)).await.expect("publishes");
}
