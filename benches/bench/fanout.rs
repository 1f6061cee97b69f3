//! One process: from an append to its subscribers.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use ai_coder_events::{
    bus::{Begin, Bus, Delivery},
    event::Draft,
    filter::Filter,
    history::{Entry, Options, Reader, Writer},
};
use tokio::runtime::Runtime;

use super::{
    recording::{batches, plain, realistic},
    times::median,
};

const BATCH: usize = 128;
const EVENTS: usize = 100_000;
const ROUNDS: usize = 3;

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Producers and subscribers at once, each a thread; nobody may miss an event, or see two in the wrong order.
pub fn fanout() {
    for (name, draft) in [("plain drafts", plain as fn(usize) -> Draft), ("captured hooks and session logs", realistic)] {
        for (producers, subscribers) in [(1, 1), (1, 8), (8, 8)] {
            let rates = (0..ROUNDS).map(|round| round_of(draft, producers, subscribers, round * EVENTS)).collect();
            let rate = median(rates);
            let deliveries = rate * subscribers as f64;
            println!(
                "{name}: {producers} producers, {subscribers} subscribers: {rate:.0} events/s, {deliveries:.0} deliveries/s"
            );
        }
    }
    println!("resident at most: {} MB", peak_mb());
}

/// Events a second until the last subscriber had the last one.
fn round_of(draft: fn(usize) -> Draft, producers: usize, subscribers: usize, from: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options::new(folder.path().join("history.db"));
    Writer::new(&options).append(vec![realistic(0).into()]).expect("the bench's history can be written");
    let bus = Bus::new(options.clone());
    let share = EVENTS / producers;
    let shares: Vec<Vec<Vec<Entry>>> = (0..producers).map(|n| batches(draft, from + n * share, share, BATCH)).collect();
    let written = AtomicBool::new(false);
    let begun = Instant::now();
    thread::scope(|scope| {
        let listening: Vec<_> = (0..subscribers)
            .map(|_| {
                let mut subscription = bus.subscribe(Filter::default(), Begin::After(0));
                let (written, options) = (&written, &options);
                scope.spawn(move || {
                    runtime().block_on(async {
                        let (mut last, mut count, mut end) = (0, 0, u64::MAX);
                        while last < end {
                            if end == u64::MAX && written.load(Ordering::Acquire) {
                                end = Reader::new(options).position().expect("readable").head;
                                continue;
                            }
                            let wait = Duration::from_millis(10);
                            let Ok(batch) = tokio::time::timeout(wait, subscription.next_batch(256)).await else { continue };
                            for delivery in batch.expect("the bus is open").expect("readable") {
                                let Delivery::Event(event) = delivery else { panic!("nothing was removed") };
                                assert_eq!(event.seq, last + 1, "in order, none lost");
                                last = event.seq;
                                count += 1;
                            }
                        }
                        count
                    })
                })
            })
            .collect();
        let producing: Vec<_> = shares
            .into_iter()
            .map(|share| {
                let bus = bus.clone();
                scope.spawn(move || {
                    runtime().block_on(async {
                        for batch in share {
                            bus.publish(batch).await.expect("the bench's history can be written");
                        }
                    });
                })
            })
            .collect();
        producing.into_iter().for_each(|producer| producer.join().expect("it wrote"));
        written.store(true, Ordering::Release);
        let counts: Vec<u64> = listening.into_iter().map(|listener| listener.join().expect("it heard everything")).collect();
        counts.into_iter().min().unwrap_or_default() as f64 / begun.elapsed().as_secs_f64()
    })
}

/// The most memory this process ever had, where the system tells.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
