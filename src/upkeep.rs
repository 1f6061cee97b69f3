//! What long-lived processes do in the background: notice who is gone, take in the spool, hold retention, tidy up.
//!
//! It promises to harm nobody: only what waits in the spool creates a history; an error is logged and the next round tries again.
//! Several processes may do this at once: the history serialises them. It refuses to decide what is kept, or how.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    bus::Bus,
    history::{Options, Retention, Writer},
    import,
    wake::Seat,
};

mod gone;

use gone::Watchman;

/// The time between two rounds. A spooled event may wait this long; a bound may be passed by a minute's events.
const ROUND_EVERY: Duration = Duration::from_secs(60);

/// The time between two looks at the processes of coders. Who is missed twice is gone.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Clients start a server just to see whether it answers: such a one must be gone before upkeep takes a lock.
const FIRST_ROUND_AFTER: Duration = Duration::from_secs(1);

/// Keeps the rounds going; dropping it ends them after the step they are at.
#[must_use = "dropping the guard ends the upkeep"]
pub struct Upkeep {
    /// Never sent to: the thread hears it being dropped.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Told of coders whose process is gone, before that is written down: what they left may still be read.
pub type LastWords = Box<dyn FnMut(&[String]) + Send>;

/// The first round begins a moment later.
pub fn start(bus: &Bus, options: &Options, retention: Retention) -> Upkeep {
    start_with(bus, options, retention, Box::new(|_| {}))
}

/// The same, and `last_words` are heard before a coder's end is told.
pub fn start_with(bus: &Bus, options: &Options, retention: Retention, last_words: LastWords) -> Upkeep {
    let (alive, ended) = mpsc::channel();
    let (bus, options) = (bus.clone(), options.clone());
    let run = move || run(&bus, &options, &retention, last_words, &ended);
    let thread = thread::Builder::new().name("upkeep".into()).spawn(run);
    match thread {
        Ok(thread) => Upkeep { alive: Some(alive), thread: Some(thread) },
        Err(error) => {
            tracing::warn!("no upkeep: failed to start a thread: {error}");
            Upkeep { alive: None, thread: None }
        }
    }
}

impl Upkeep {
    /// Ends the rounds and waits for the step they are at.
    pub fn stop(mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the upkeep thread panicked");
        }
    }
}

fn run(bus: &Bus, options: &Options, retention: &Retention, mut last_words: LastWords, ended: &Receiver<()>) {
    let (mut writer, mut watchman) = (Writer::new(options), Watchman::new(options));
    let (mut pause, mut next_round) = (FIRST_ROUND_AFTER, Instant::now());
    while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        pause = LOOK_EVERY;
        let round = AssertUnwindSafe(|| {
            look_after(&mut watchman, &mut writer, &mut last_words, bus);
            if Instant::now() >= next_round {
                next_round = Instant::now() + ROUND_EVERY;
                keep_up(&mut writer, bus, retention, ended);
            }
        });
        if catch_unwind(round).is_err() {
            tracing::error!("a round of upkeep panicked, trying again later");
            (writer, watchman) = (Writer::new(options), Watchman::new(options));
        }
    }
}

fn look_after(watchman: &mut Watchman, writer: &mut Writer, last_words: &mut LastWords, bus: &Bus) {
    match watchman.look(writer, last_words) {
        Ok(true) => bus.poke(),
        Ok(false) => {}
        Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "failed to look after coders' processes"),
    }
}

/// One round; each step stands for itself, so that one that fails does not hold up the others.
fn keep_up(writer: &mut Writer, bus: &Bus, retention: &Retention, ended: &Receiver<()>) {
    let steps: [(&str, RoundStep); 4] = [
        ("take in the feed", |writer, bus, _| {
            // The keeper reads it as it grows.
            if !Seat::is_held(writer.options()) && !import::feeds(writer.options()).is_empty() {
                import::take_in_feeds(writer.options())?;
                bus.poke();
            }
            Ok(())
        }),
        ("take in the spool", |writer, bus, _| {
            if writer.take_in_spool()? > 0 {
                bus.poke();
            }
            Ok(())
        }),
        ("hold retention", |writer, _, retention| {
            let pruned = writer.prune(retention)?;
            if pruned.removed > 0 {
                tracing::info!("retention removed {} events", pruned.removed);
            }
            Ok(())
        }),
        ("tidy the history", |writer, _, _| Ok(writer.tidy()?)),
    ];
    for (name, step) in steps {
        if ended.try_recv() == Err(mpsc::TryRecvError::Disconnected) {
            return;
        }
        if let Err(error) = step(writer, bus, retention) {
            tracing::warn!(error = &error as &dyn std::error::Error, "failed to {name}, trying again later");
        }
    }
}

type RoundStep = fn(&mut Writer, &Bus, &Retention) -> Result<(), import::Error>;

#[cfg(test)]
mod tests {
    use crate::{
        bus::{Begin, Delivery},
        event::{Draft, EventType},
        filter::Filter,
        history::{self, Entry, Reader},
    };

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn entries(count: u64) -> Vec<Entry> {
        (0..count).map(|n| Entry::Draft(Box::new(Draft::new(EventType::Output, "a").with("n", n)))).collect()
    }

    #[tokio::test]
    async fn the_spool_is_taken_in_and_its_readers_hear_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options::new(folder.path().join("history.db"));
        let bus = Bus::new(options.clone());
        bus.publish(entries(1)).await.expect("publishes");
        let mut subscription = bus.subscribe(Filter::default(), Begin::Now);
        history::spool(&options, entries(2)).expect("spools");

        let upkeep = start(&bus, &options, Retention::default());
        for seq in [2, 3] {
            let delivery = tokio::time::timeout(LIMIT, subscription.next()).await.expect("in time");
            assert!(matches!(&delivery, Some(Ok(Delivery::Event(event))) if event.seq == seq), "{delivery:?}");
        }
        let stopping = Instant::now();
        upkeep.stop();
        assert!(stopping.elapsed() < ROUND_EVERY / 2, "it does not wait for the next round");
    }

    #[tokio::test]
    async fn retention_is_held() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options::new(folder.path().join("history.db"));
        let bus = Bus::new(options.clone());
        bus.publish(entries(2000)).await.expect("publishes");
        let upkeep = start(&bus, &options, Retention { max_events: Some(500), ..Retention::default() });
        let deadline = Instant::now() + LIMIT;
        let mut reader = Reader::new(&options);
        while reader.position().expect("reads").floor == 0 {
            assert!(Instant::now() < deadline, "retention is held in time");
            std::thread::yield_now();
        }
        upkeep.stop();
    }

    #[tokio::test]
    async fn a_missing_history_stays_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options::new(folder.path().join("history.db"));
        start(&Bus::new(options.clone()), &options, Retention::default()).stop();
        assert_eq!(folder.path().read_dir().expect("reads").count(), 0);
    }
}
