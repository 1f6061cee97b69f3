//! The watchdog: no hook lasts longer than it may, whatever hangs, and what can be spooled is not lost with it.
//!
//! The recording itself runs on the main thread: handing it to another one and waiting for it costs a hook a tenth of what
//! it costs at all. So it is the watchdog that ends the process where the recording does not.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc::sync_channel},
    thread,
    time::{Duration, Instant},
};

use super::Error;
use crate::{
    config::HOOK_BUDGET,
    history::{self, Entry, Options, Writer},
    stderr::{complain, with_causes},
};

/// Kept back from waiting for a busy history, to spool in its stead.
const SPOOLING: Duration = Duration::from_millis(40);
/// How much longer the process lasts where spooling has begun and the machine is busy. Then it ends, whatever hangs.
const GRACE: Duration = Duration::from_millis(750);

/// How long a process that nobody waits for may take to read a long log: some gigabytes.
const LINGERING: Duration = Duration::from_secs(60);

/// What the recording and its watchdog know of each other.
#[derive(Debug)]
pub struct Watchdog {
    /// Another process waits for this one.
    is_apart: bool,
    stand: Mutex<Stand>,
    changed: Condvar,
}

#[derive(Debug)]
struct Stand {
    /// From when on the time counts.
    started: Instant,
    /// A configuration that cannot even be read gets the time that the default allows.
    budget: Duration,
    stage: Stage,
    /// Whether the history took after all what was given up, once it has answered.
    late: Option<bool>,
}

#[derive(Debug)]
enum Stage {
    /// It reads, or spools what the history refused.
    Preparing,
    /// What the history has not taken by the end of this stage is spooled in its stead.
    Writing(Box<(Options, Vec<Entry>)>),
    /// All is kept. Closing may move a long write-ahead log into the database: for as long as there is time.
    Closing,
    /// The watchdog spools; the recording has nothing more to say.
    GivenUp,
}

impl Stand {
    fn writing_ends(&self) -> Instant {
        self.started + self.budget.saturating_sub(SPOOLING)
    }

    fn deadline(&self) -> Instant {
        self.started + self.budget
    }

    fn end(&self) -> Instant {
        self.deadline() + GRACE
    }
}

impl Watchdog {
    pub fn new(started: Instant, is_apart: bool) -> Watchdog {
        let stand = Stand { started, budget: HOOK_BUDGET, stage: Stage::Preparing, late: None };
        Watchdog { is_apart, stand: Mutex::new(stand), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Stand> {
        self.stand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn allow(&self, budget: Duration) {
        if budget != HOOK_BUDGET {
            #[cfg(unix)]
            if self.is_apart {
                super::apart::tell_budget(budget);
            }
            self.lock().budget = budget;
            self.changed.notify_one();
        }
    }

    /// Lets go of whoever waits for this process, if it is another that does.
    pub fn release(&self) -> bool {
        #[cfg(unix)]
        if self.is_apart {
            super::apart::tell_over();
        }
        self.is_apart
    }

    /// The time counts from then on, for what nobody waits for.
    #[cfg(unix)]
    pub fn begin_at(&self, then: Instant) {
        self.lock().started = then;
        self.changed.notify_one();
    }

    /// When writing must be over; `None` where it is over already, and the watchdog may have looked.
    pub fn begin_writing(&self, options: &Options, entries: &[Entry]) -> Option<Instant> {
        let mut stand = self.lock();
        let ends = stand.writing_ends();
        if Instant::now() >= ends {
            return None;
        }
        stand.stage = Stage::Writing(Box::new((options.clone(), entries.to_vec())));
        Some(ends)
    }

    /// Does not return where the watchdog has given the writing up: it ends the process.
    pub fn end_writing(&self, kept: bool) {
        let mut stand = self.lock();
        if matches!(stand.stage, Stage::GivenUp) {
            stand.late = Some(kept);
            drop(stand);
            self.changed.notify_one();
            loop {
                thread::park();
            }
        }
        stand.stage = if kept { Stage::Closing } else { Stage::Preparing };
    }

    /// Says it to the agent: by way of whoever it waits for.
    pub fn say(&self, answer: &str) {
        #[cfg(unix)]
        if self.is_apart {
            return super::apart::tell_answer(answer);
        }
        // The agent may be gone.
        drop(writeln!(io::stdout(), "{answer}"));
    }

    /// For what comes too late to be written.
    pub fn spool_in_time(&self, options: Options, entries: Vec<Entry>) {
        let stand = self.lock();
        let (deadline, end) = (stand.deadline(), stand.end());
        drop(stand);
        spool_until(deadline, end, options, entries);
    }

    /// Ends the process where the recording does not in time.
    pub fn guard(&self) {
        let mut stand = self.lock();
        loop {
            let now = Instant::now();
            let (writing_ends, deadline, end) = (stand.writing_ends(), stand.deadline(), stand.end());
            let due = match stand.stage {
                Stage::Writing(_) => writing_ends,
                // It may begin to write until then.
                Stage::Preparing if now < writing_ends => writing_ends,
                Stage::Preparing | Stage::GivenUp => end,
                Stage::Closing => deadline,
            };
            if now < due {
                (stand, _) = self.changed.wait_timeout(stand, due - now).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let stage = std::mem::replace(&mut stand.stage, Stage::GivenUp);
            drop(stand);
            let spooled = match stage {
                Stage::Writing(kept) => Some((spool_until(deadline, end, kept.0.clone(), kept.1), kept.0)),
                Stage::Closing => None,
                Stage::Preparing | Stage::GivenUp => {
                    tell_lost();
                    None
                }
            };
            // A process that hangs does not end by being told to.
            self.release();
            if let Some((Some(spooled), options)) = spooled {
                self.shorten_log(&options, &spooled);
            }
            end_process();
        }
    }
}

impl Watchdog {
    /// Where the log is so long that reading it takes longer than a hook may, hooks alone would begin to read it again and again, and
    /// spool for ever. Nobody waits for this process any more: it reads the log to its end, and moves it into the database.
    fn shorten_log(&self, options: &Options, spooled: &Path) {
        if !self.is_apart || !options.has_long_log() {
            return;
        }
        let answered = self.changed.wait_timeout_while(self.lock(), LINGERING, |stand| stand.late.is_none());
        let (stand, _) = answered.unwrap_or_else(PoisonError::into_inner);
        let late = stand.late;
        drop(stand);
        if late.is_none() {
            return;
        }
        // It is there already.
        if late == Some(true)
            && let Err(error) = fs::remove_file(spooled)
        {
            tracing::debug!("what was spooled is there twice: {error}");
        }
        if let Err(error) = Writer::new(options).with_patience(LINGERING).shorten_log() {
            tracing::debug!("the log stays long: {}", with_causes(&error));
        }
    }
}

#[expect(clippy::exit, reason = "the one thread that could return from `main` hangs")]
fn end_process() -> ! {
    std::process::exit(0)
}

/// Not by way of the configuration, which may be what hangs. Where even this cannot be said, nothing is left to do.
fn tell_lost() {
    drop(writeln!(io::stderr(), "ai-coder-events hook: the payload is lost: nothing could be written in time"));
}

/// Spools what the history did not take in time, until `end`, whatever hangs; into which file.
fn spool_until(deadline: Instant, end: Instant, options: Options, entries: Vec<Entry>) -> Option<PathBuf> {
    let (spooled, outcome) = sync_channel(1);
    let spooling = thread::Builder::new().spawn(move || {
        spooled.try_send(spool(&options, entries, deadline).map_err(Error::TooLate)).unwrap_or_default();
    });
    match spooling.map(|_| outcome.recv_timeout(end.saturating_duration_since(Instant::now()))) {
        Ok(Ok(Ok(path))) => return Some(path),
        Ok(Ok(Err(error))) => complain(&format!("ai-coder-events hook: {}", with_causes(&error))),
        Ok(Err(_)) | Err(_) => tell_lost(),
    }
    None
}

/// For a history that did not answer: the disk it lies on may hang, and the spool beside it with it.
fn spool(options: &Options, entries: Vec<Entry>, deadline: Instant) -> Result<PathBuf, history::Error> {
    let (spooled, outcome) = sync_channel(1);
    let beside = (options.clone(), entries.clone());
    let spooling = thread::Builder::new().spawn(move || {
        spooled.try_send(history::spool(&beside.0, beside.1)).unwrap_or_default();
    });
    match spooling.map(|_| outcome.recv_timeout(deadline.saturating_duration_since(Instant::now()))) {
        Ok(Ok(spooled)) => spooled,
        _ => history::spool_elsewhere(options, entries),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_begins_only_where_time_is_left_beside_that_for_spooling() {
        let options = Options::new("h.db");
        let started = Instant::now();
        let watchdog = Watchdog::new(started, false);
        watchdog.allow(Duration::from_secs(10));
        assert_eq!(watchdog.begin_writing(&options, &[]), Some(started + Duration::from_secs(10) - SPOOLING));
        watchdog.end_writing(true);
        assert!(matches!(watchdog.lock().stage, Stage::Closing));
        watchdog.allow(SPOOLING);
        assert_eq!(watchdog.begin_writing(&options, &[]), None);
    }
}
