//! What a burst or a scan does to who writes.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use ai_coder_events::{
    bus::Bus,
    filter::Filter,
    history::{Entry, Options, Query, Reader, Writer},
};

use super::{
    fanout::runtime,
    recording::{fill, realistic},
    times::Times,
};

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
                reader.page(&Query { filter: text, limit: 50, before: Some(100_000), ..Query::default() }).expect("readable");
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
