//! Appending: what one process writes in a second.

use std::time::Instant;

use ai_coder_events::history::{Options, Writer};

use super::{
    recording::{fill, realistic},
    times::Times,
};

pub fn append() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options::new(folder.path().join("history.db"));
    let events = 200_000;
    let begun = Instant::now();
    fill(&options, events);
    println!("batches of 1,024: {:.0} events/s", events as f64 / begun.elapsed().as_secs_f64());
    let bytes = std::fs::metadata(&options.path).map_or(0, |metadata| metadata.len());
    println!("on disk: {:.0} bytes an event", bytes as f64 / events as f64);

    let mut writer = Writer::new(&options);
    let mut times = Times::default();
    for n in 0..5000 {
        times.measure(|| writer.append(vec![realistic(n).into()]).expect("the bench's history can be written"));
    }
    println!("one event a transaction: {times}");
}
