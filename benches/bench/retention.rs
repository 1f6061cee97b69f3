//! What retention does to who writes beside it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use ai_coder_events::history::{Options, Reader, Retention, Writer};

use super::{
    recording::{fill, realistic},
    times::Times,
};

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
