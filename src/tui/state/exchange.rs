//! What comes to the view, and what it wants done outside.

use std::sync::Arc;

use ratatui::{crossterm::event::KeyEvent, layout::Size};

use crate::{
    aggregate::{CoderView, Stats},
    event::{Event, Micros, Time},
    filter::Filter,
    history::{Minutes, Missed},
    tui::timeline::{MarksRead, MarksWanted},
};

/// What happens to the screen.
#[derive(Debug)]
pub enum ViewInput {
    Key(KeyEvent),
    Paste(String),
    Resize(Size),
    /// It is so late now.
    Tick(Time),
    /// Just committed, in order; how far behind that is, and what retention took before it was read.
    Events {
        events: Vec<Arc<Event>>,
        behind: Micros,
        missed: Option<Missed>,
    },
    Overview(Box<Overview>),
    /// Coders that need a person, whether or not they are among the latest.
    Needing(Vec<CoderView>),
    Loaded(Loaded),
    /// How much each coder did in each of the last minutes.
    Minutes(Minutes),
    /// Alerts of the last hour, and who was seen, oldest first.
    Past(Vec<Event>),
    /// What stood out in the timeline's window.
    Marks(MarksRead),
    /// An event that was asked for, with the one that it was derived from; none: it is gone.
    Opened {
        seq: u64,
        event: Option<Box<Event>>,
        cause: Option<Box<Event>>,
    },
    /// What a coder did, which was asked for.
    Brief {
        coder_id: String,
        text: String,
    },
    /// What the filter that was typed means, or why it means nothing.
    Parsed {
        text: String,
        filter: Result<Filter, String>,
    },
    /// A word to the person.
    Told(String),
    /// Something of the history cannot be read, and why; the overview is tried again, and once it can be read, all else.
    Trouble(String),
}

/// The coders and the sums, as the history tells them at one moment.
#[derive(Debug)]
pub struct Overview {
    /// Which history; empty while there is none.
    pub history: String,
    pub coders: Vec<CoderView>,
    pub stats: Stats,
}

/// A page of events that was asked for.
#[derive(Debug)]
pub struct Loaded {
    /// Of the question.
    pub number: u64,
    /// Oldest first.
    pub events: Vec<Event>,
    /// The newest seq there was.
    pub through: u64,
    /// They lie before what is shown, and belong in front of it.
    pub is_older: bool,
    /// Before which seq more is to be looked for; none where nothing is.
    pub older: Option<u64>,
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Quit,
    /// Ctrl-C.
    Interrupt,
    Suspend,
    Load(Wanted),
    /// Another history, or the same after trouble: follow it from now on, read its alerts and minutes.
    Begin,
    /// What this filter means is to be found out: whose name it has, and which day is today.
    Parse(String),
    /// Into the clipboard.
    Copy(String),
    /// A person saw to these coders.
    See(Vec<String>),
    /// What this coder did is to be read.
    Brief(String),
    /// The timeline's window is to be read.
    Marks(MarksWanted),
    /// This event is to be shown in full.
    Open(u64),
}

/// A page of events to be read: the newest ones, or those before a seq.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub number: u64,
    pub filter: Filter,
    pub before: Option<u64>,
}
