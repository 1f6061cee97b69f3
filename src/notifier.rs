//! Telling a person, by a command of their own: who waits, failed, came to rest, repeats itself, or spends too much.
//!
//! Each fact is told once, however many processes live: who tells it claims it in the history first. It promises that a
//! recorded text is nothing but an argument there: no shell is between, and what scripts give a meaning is taken out. It
//! refuses to know what the command does; it is given some seconds.

mod message;
mod run;

use std::{
    sync::mpsc::{self, Receiver, SyncSender, TrySendError},
    thread,
    time::Duration,
};

use crate::{
    bus::{Begin, Bus, Handler},
    event::{Body, Event, EventType, Micros, Time},
    filter::{Filter, TypeSet},
    history::{Options, Reader, Writer},
};

pub use message::{NotifyMessage, QuietHours};
pub use run::{NotifyFailure, run};

/// The command, and what it is for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NotifySettings {
    /// The program and its arguments, in which `{title}` and `{body}` stand for the message. Empty: nobody is told.
    pub command: Vec<String>,
    pub on: Vec<NotifyOn>,
    pub quiet: Option<QuietHours>,
}

/// Of what a person may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyOn {
    Waiting,
    Failed,
    Settled,
    FileConflict,
    Loop,
    Budget,
}

impl NotifyOn {
    pub const ALL: [NotifyOn; 6] =
        [NotifyOn::Waiting, NotifyOn::Failed, NotifyOn::Settled, NotifyOn::FileConflict, NotifyOn::Loop, NotifyOn::Budget];

    pub const fn name(self) -> &'static str {
        match self {
            NotifyOn::Waiting => "waiting",
            NotifyOn::Failed => "failed",
            NotifyOn::Settled => "settled",
            NotifyOn::FileConflict => "file_conflict",
            NotifyOn::Loop => "loop",
            NotifyOn::Budget => "budget",
        }
    }

    pub fn parse(name: &str) -> Option<NotifyOn> {
        NotifyOn::ALL.into_iter().find(|on| on.name() == name)
    }

    /// What an event is to a person.
    fn of(event: &Event) -> Option<NotifyOn> {
        match (event.kind, &event.body) {
            _ if event.completes.is_some() => None,
            (EventType::Paused, _) => Some(NotifyOn::Waiting),
            (EventType::Failed, _) => Some(NotifyOn::Failed),
            (EventType::Completed | EventType::Stopped, _) => Some(NotifyOn::Settled),
            (EventType::SystemWarning, Body::Derived(fields)) => fields.warning.as_deref().and_then(NotifyOn::parse),
            _ => None,
        }
    }
}

/// What is told: the rest of a person's day is no news any more, and an import is none at all.
const NEWS_FOR: Micros = 5 * Time::MINUTE;
/// Facts that wait for the command; a person to whom more is owed looks anyway.
const WAITING_MAX: usize = 256;

/// Tells for as long as it is held.
#[must_use = "dropping the guard ends it"]
pub struct PersonNotifier {
    _hearing: Option<Handler>,
}

/// Hears of what is committed from now on. Must run in a tokio runtime.
pub fn start(bus: &Bus, options: &Options, settings: NotifySettings) -> PersonNotifier {
    if settings.command.is_empty() || settings.on.is_empty() {
        return PersonNotifier { _hearing: None };
    }
    let (facts, told) = mpsc::sync_channel(WAITING_MAX);
    let options = options.clone();
    let telling = thread::Builder::new().name("notifier".into()).spawn({
        let settings = settings.clone();
        move || tell_all(&told, &options, &settings)
    });
    if let Err(error) = telling {
        tracing::warn!("nobody is notified: failed to start a thread: {error}");
        return PersonNotifier { _hearing: None };
    }
    let kinds = [EventType::Paused, EventType::Failed, EventType::Completed, EventType::Stopped, EventType::SystemWarning];
    let filter = Filter { types: Some(TypeSet::of(&kinds)), ..Filter::default() };
    let hearing = bus.handle(filter, Begin::Now, move |event| {
        if let Some(on) = NotifyOn::of(&event).filter(|on| settings.on.contains(on)) {
            hand_over(&facts, on, &event);
        }
    });
    PersonNotifier { _hearing: Some(hearing) }
}

type Telling = (NotifyOn, std::sync::Arc<Event>);

fn hand_over(facts: &SyncSender<Telling>, on: NotifyOn, event: &std::sync::Arc<Event>) {
    if let Err(TrySendError::Full(_)) = facts.try_send((on, event.clone())) {
        tracing::warn!(seq = event.seq, "too much waits to be told already: this is not");
    }
}

/// One after the other, until nobody hears any more.
fn tell_all(facts: &Receiver<Telling>, options: &Options, settings: &NotifySettings) {
    let (mut reader, mut writer) = (Reader::new(options), Writer::new(options));
    while let Ok((on, event)) = facts.recv() {
        let now: Time = std::time::SystemTime::now().into();
        let is_news = now.since(event.timestamp) < NEWS_FOR && settings.quiet.is_none_or(|quiet| !quiet.holds(now));
        if !is_news {
            continue;
        }
        // What it is called is better told than its id, but is not worth a failure.
        let coder = reader.coder(&event.coder_id).ok().flatten();
        if on == NotifyOn::Settled && coder.as_ref().is_some_and(|coder| coder.parent_coder_id.is_some()) {
            continue;
        }
        match writer.claim_telling(event.seq) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a person is not told: it could not be claimed");
                continue;
            }
        }
        let message = NotifyMessage::of(on, &event, coder.as_ref());
        if let Err(failure) = run(&settings.command, &message, TIME_MAX) {
            tracing::warn!(%failure, "a person was not told");
            if let Err(error) = writer.note_telling_failed(event.seq, &failure.to_string()) {
                tracing::debug!(error = &error as &dyn std::error::Error, "that is not remembered");
            }
        }
    }
}

/// What a command that shows a message may take; one that sends it over a network too.
pub const TIME_MAX: Duration = Duration::from_secs(10);
