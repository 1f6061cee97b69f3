//! Load: much at once, for long, and still nothing lost and memory bounded.
//!
//! `cargo test` runs these small; `scripts/soak SECONDS` runs the same for that long at the size the promises name, and prints
//! what it measured. Time is printed, never asserted, except for limits that only a hang passes.

#![allow(clippy::print_stdout, reason = "a soak prints its figures; a test's are shown only with `--nocapture`")]

mod coders;
mod deaf;
mod streams;
mod sustained;
mod waiting;

use std::time::{Duration, Instant};

/// How much, how often and how long.
struct Size {
    /// For how long events are written.
    load: Duration,
    events_per_second: u64,
    /// What retention keeps: less than is written, so that it really takes something.
    kept: u64,
    /// For how long a client stops reading.
    silence: Duration,
    /// How many answers it has asked for by then.
    asked: u64,
    coders: u64,
}

const SHORT: Size = Size {
    load: Duration::from_secs(3),
    events_per_second: 2_000,
    kept: 1_500,
    silence: Duration::from_secs(1),
    asked: 300,
    coders: 3_000,
};

/// Short, unless the environment says how many seconds.
fn size() -> Size {
    let Ok(given) = std::env::var("AI_CODER_EVENTS_SOAK_SECONDS") else { return SHORT };
    let load = Duration::from_secs(given.parse().expect("seconds as a whole number"));
    let events_per_second = 10_000;
    Size {
        load,
        events_per_second,
        // Twenty seconds' worth in a run of minutes.
        kept: (load.as_secs() * events_per_second / 5).min(200_000),
        silence: (load / 10).min(Duration::from_secs(60)),
        asked: 3_000,
        coders: 100_000,
    }
}

/// How often the least busy half, 99 in 100, and 999 in 1000 of something took at most this, and the worst.
fn percentiles(mut micros: Vec<u32>) -> String {
    micros.sort_unstable();
    let at = |fraction: f64| micros.get((micros.len() as f64 * fraction) as usize).or(micros.last()).copied().unwrap_or(0);
    let ms = |micros: u32| f64::from(micros) / 1_000.0;
    format!("p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, max {:.1} ms", ms(at(0.5)), ms(at(0.99)), ms(at(0.999)), ms(at(1.0)))
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let since = Instant::now();
    let done = work();
    println!("{what}: {:.3} s", since.elapsed().as_secs_f64());
    done
}

#[cfg(target_os = "linux")]
fn machine_load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').take(3).collect::<Vec<_>>().join(" ")
}

#[cfg(not(target_os = "linux"))]
fn machine_load() -> String {
    "unknown".into()
}
