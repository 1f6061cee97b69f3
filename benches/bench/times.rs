//! Durations of one thing done many times.

use std::time::{Duration, Instant};

/// Durations of one thing done many times.
#[derive(Default)]
pub struct Times(pub Vec<Duration>);

impl Times {
    pub fn measure<T>(&mut self, work: impl FnOnce() -> T) {
        let begun = Instant::now();
        let done = work();
        self.0.push(begun.elapsed());
        drop(done);
    }

    pub fn p50(&mut self) -> f64 {
        self.quantile(0.5).as_secs_f64()
    }

    pub fn p99(&mut self) -> f64 {
        self.quantile(0.99).as_secs_f64()
    }

    pub fn quantile(&mut self, share: f64) -> Duration {
        self.0.sort();
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = Times(self.0.clone());
        let (p50, p99) = (sorted.quantile(0.5), sorted.quantile(0.99));
        write!(f, "p50 {:.3} ms, p99 {:.3} ms", p50.as_secs_f64() * 1e3, p99.as_secs_f64() * 1e3)
    }
}

pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
