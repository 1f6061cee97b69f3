//! One process: from an append to its subscribers, and what a burst or a scan does to who writes.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use ai_coder_events::{
    bus::{Bus, Delivery, From},
    event::Draft,
    filter::Filter,
    history::{Entry, Options, Query, Reader, Retention, Writer},
};
use tokio::runtime::Runtime;

use super::{
    recording::{batches, fill, plain, realistic},
    times::{Times, median},
};

const BATCH: usize = 128;
const EVENTS: usize = 100_000;
const ROUNDS: usize = 3;

fn runtime() -> Runtime {
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
                let mut subscription = bus.subscribe(Filter::default(), From::After(0));
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

/// What a writer waits for while another connection scans, and in bursts of eight writers.
pub fn latency() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options::new(folder.path().join("history.db"));
    fill(&options, 1_000_000);
    let mut writer = Writer::new(&options);
    let quiet = singles(&mut writer, 2_000_000);
    println!("one event a transaction, quiet: {quiet}");
    let ended = AtomicBool::new(false);
    let (scanned, scans) = thread::scope(|scope| {
        let scanner = scope.spawn(|| {
            let mut reader = Reader::new(&options);
            let mut scans = 0;
            while !ended.load(Ordering::Acquire) {
                let text = Filter { text: Some("no such text anywhere".to_owned()), ..Filter::default() };
                reader.page(&Query { filter: text, limit: 50, scan_max: 100_000, ..Query::default() }).expect("readable");
                scans += 1;
            }
            scans
        });
        let times = singles(&mut writer, 2_100_000);
        ended.store(true, Ordering::Release);
        (times, scanner.join().expect("it scanned"))
    });
    println!("beside {scans} scans of 100,000 events: {scanned}");

    let bus = Bus::new(options);
    let mut burst = Times::default();
    thread::scope(|scope| {
        let bursts: Vec<_> = (0..8)
            .map(|n| {
                let bus = bus.clone();
                let entries: Vec<Entry> = (0..1_000).map(|at| realistic(3_000_000 + n * 1_000 + at).into()).collect();
                scope.spawn(move || {
                    runtime().block_on(async {
                        let begun = Instant::now();
                        let answered = entries.into_iter().map(|entry| {
                            let bus = &bus;
                            async move {
                                bus.publish(vec![entry]).await.expect("the bench's history can be written");
                                begun.elapsed()
                            }
                        });
                        futures::future::join_all(answered).await
                    })
                })
            })
            .collect();
        burst.0.extend(bursts.into_iter().flat_map(|burst| burst.join().expect("it wrote")));
    });
    println!("eight producers, a thousand events each at once: {burst}");
}

fn singles(writer: &mut Writer, from: usize) -> Times {
    let mut times = Times::default();
    for n in from..from + 5_000 {
        let entry = vec![realistic(n).into()];
        times.measure(|| writer.append(entry).expect("the bench's history can be written"));
    }
    times
}

/// Retention takes a million events away while one writer goes on.
pub fn retention() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options::new(folder.path().join("history.db"));
    fill(&options, 1_500_000);
    let mut writer = Writer::new(&options);
    let quiet = paced(&mut writer, 5_000_000, &|count| count < 2_000);
    let ended = AtomicBool::new(false);
    let (times, pruned, took) = thread::scope(|scope| {
        let pruning = scope.spawn(|| {
            let begun = Instant::now();
            let head = Reader::new(&options).position().expect("readable").head;
            let kept = Retention { max_events: Some(head.saturating_sub(1_000_000)), ..Retention::default() };
            let pruned = Writer::new(&options).prune(&kept).expect("the bench's history can be written");
            ended.store(true, Ordering::Release);
            (pruned.removed, begun.elapsed())
        });
        let times = paced(&mut writer, 6_000_000, &|_| !ended.load(Ordering::Acquire));
        let (pruned, took) = pruning.join().expect("it pruned");
        (times, pruned, took)
    });
    println!("one event each millisecond, quiet: {quiet}");
    println!("while {pruned} events go in {:.1} s: {times}", took.as_secs_f64());
    let p99 = |mut times: Times| times.quantile(0.99).as_secs_f64();
    println!("p99 while retention works: {:.1} x quiet", p99(times) / p99(quiet));
}

/// A thousand a second, as long as `goes_on` says with the number written so far.
fn paced(writer: &mut Writer, from: usize, goes_on: &dyn Fn(usize) -> bool) -> Times {
    let mut times = Times::default();
    let mut count = 0;
    while goes_on(count) {
        let entry = vec![realistic(from + count).into()];
        times.measure(|| writer.append(entry).expect("the bench's history can be written"));
        count += 1;
        thread::sleep(Duration::from_millis(1));
    }
    times
}

/// The most memory this process ever had, where the system tells.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
