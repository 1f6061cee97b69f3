//! What each coder did in a window of time that pans and zooms: when it worked, waited and ended, and what stood out.
//!
//! The history is read for one window at a time, while the timeline is shown; what is committed meanwhile comes by itself.

mod mark;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::{
    aggregate::CoderView,
    event::{Event, Micros, Status, Time},
};

pub use mark::{Mark, TimelineSlot, coders_of};

/// How far a window reaches.
const SPANS: [(Micros, &str); 6] = [
    (15 * Time::MINUTE, "15m"),
    (Time::HOUR, "1h"),
    (6 * Time::HOUR, "6h"),
    (Time::DAY, "1d"),
    (3 * Time::DAY, "3d"),
    (7 * Time::DAY, "7d"),
];

/// Marks of one window, the newest of them: some megabytes, and far more than a screen has cells.
pub const MARKS_MAX: usize = 20_000;
/// Coders of one window whose state before it is looked up.
pub const BEFORE_MAX: usize = 200;

/// The marks of a window that are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarksWanted {
    pub number: u64,
    pub from: Time,
    pub to: Time,
    /// Coders that the view knows.
    pub known: Vec<CoderSpan>,
}

/// How long a coder was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoderSpan {
    pub coder_id: String,
    first: Time,
    last: Time,
}

impl CoderSpan {
    /// Who rests may go on at any time, but was not seen since.
    pub fn of(coder: &CoderView, now: Time) -> Option<CoderSpan> {
        let rests = phase_of(coder) == TimelineSlot::Absent;
        let last = coder.ended_at.or(coder.last_activity.filter(|_| rests)).unwrap_or(now).min(now);
        Some(CoderSpan { coder_id: coder.coder_id.clone(), first: coder.first_activity?, last })
    }

    /// Whether it was there before this moment and after.
    pub fn holds(&self, at: Time) -> bool {
        self.first < at && at <= self.last
    }
}

/// What was read of them.
#[derive(Debug)]
pub struct MarksRead {
    pub number: u64,
    /// And before the window, the last one that says what its coder did when it began.
    pub marks: Vec<(String, Mark)>,
    /// Coders with marks that the view did not know.
    pub others: Vec<CoderView>,
    /// All there are: not more than are read at once, and in time.
    pub is_whole: bool,
}

#[derive(Debug)]
pub struct Timeline {
    /// Place in [`SPANS`].
    span: usize,
    /// Where the window ends; none: now, whenever that is.
    end: Option<Time>,
    marks: HashMap<String, Vec<Mark>>,
    count: usize,
    others: Vec<CoderView>,
    /// Not all marks of the window are here.
    is_partial: bool,
    /// A mark that stands out: whose, and its seq.
    cursor: Option<(String, u64)>,
    asked: u64,
    is_reading: bool,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline {
            span: 1,
            end: None,
            marks: HashMap::new(),
            count: 0,
            others: Vec::new(),
            is_partial: false,
            cursor: None,
            asked: 0,
            is_reading: false,
        }
    }
}

impl Timeline {
    pub fn span_word(&self) -> &'static str {
        SPANS[self.span].1
    }

    /// From when to when it reaches.
    pub fn window(&self, now: Time) -> (Time, Time) {
        let to = self.end.unwrap_or(now);
        (to.plus(-SPANS[self.span].0), to)
    }

    pub fn ends_now(&self) -> bool {
        self.end.is_none()
    }

    pub fn is_reading(&self) -> bool {
        self.is_reading
    }

    /// Whether not all marks of the window are here.
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Coders that have marks here and are not among the latest.
    pub fn others(&self) -> &[CoderView] {
        &self.others
    }

    /// Nearer or farther, around the mark under the cursor, else around the middle; whether that is another window.
    pub fn zoom(&mut self, nearer: bool, now: Time) -> bool {
        let span = if nearer { self.span.saturating_sub(1) } else { (self.span + 1).min(SPANS.len() - 1) };
        if span == self.span {
            return false;
        }
        let (from, to) = self.window(now);
        let marked = self.current(now).map(|(_, mark)| mark.at);
        // Who looks at now goes on doing so, unless what is looked at would leave the window.
        let (middle, half) = (marked.unwrap_or(from.plus(to.since(from) / 2)), SPANS[span].0 / 2);
        let stays = marked.is_none_or(|at| at >= to.plus(-SPANS[span].0));
        self.span = span;
        if self.end.is_some() || !stays {
            self.end_at(middle.plus(half), now);
        }
        true
    }

    /// By half a window; whether that is another one.
    pub fn pan(&mut self, earlier: bool, now: Time) -> bool {
        let half = SPANS[self.span].0 / 2;
        let (_, to) = self.window(now);
        if !earlier && self.end.is_none() {
            return false;
        }
        let end = to.plus(if earlier { -half } else { half });
        if end.since(Time::from_micros(0)) < SPANS[self.span].0 {
            return false;
        }
        self.end_at(end, now);
        true
    }

    /// Back to now; whether that is another window.
    pub fn go_to_now(&mut self) -> bool {
        self.cursor = None;
        self.end.take().is_some()
    }

    fn end_at(&mut self, end: Time, now: Time) {
        self.end = (end < now).then_some(end);
    }

    /// What is to be read of this window; `known` are the coders of the view.
    pub fn ask<'c>(&mut self, known: impl Iterator<Item = &'c CoderView>, now: Time) -> MarksWanted {
        self.asked += 1;
        self.is_reading = true;
        (self.marks, self.count, self.others) = (HashMap::new(), 0, Vec::new());
        let (from, to) = self.window(now);
        MarksWanted { number: self.asked, from, to, known: known.filter_map(|coder| CoderSpan::of(coder, now)).collect() }
    }

    /// What was read, unless another window was asked for since.
    pub fn replace(&mut self, read: MarksRead, now: Time) {
        if read.number != self.asked {
            return;
        }
        (self.others, self.is_partial, self.is_reading) = (read.others, !read.is_whole, false);
        // What was committed since is here already.
        read.marks.into_iter().for_each(|(coder_id, mark)| self.insert(&coder_id, mark));
        self.forget(now);
    }

    /// Forgets everything but where it looks.
    pub fn close(&mut self) {
        let (span, end, asked) = (self.span, self.end, self.asked + 1);
        *self = Timeline { span, end, asked, ..Timeline::default() };
    }

    /// Takes an event, whichever; those that came already are known by their seq.
    pub fn add(&mut self, event: &Event) {
        let Some(mark) = Mark::of(event).filter(|mark| self.end.is_none_or(|end| mark.at <= end)) else { return };
        coders_of(event).into_iter().for_each(|coder_id| self.insert(coder_id, mark.clone()));
    }

    fn insert(&mut self, coder_id: &str, mark: Mark) {
        let marks = match self.marks.get_mut(coder_id) {
            Some(marks) => marks,
            None => self.marks.entry(coder_id.to_owned()).or_default(),
        };
        if let Err(place) = marks.binary_search(&mark) {
            marks.insert(place, mark);
            self.count += 1;
        }
        if self.count > MARKS_MAX {
            self.halve();
        }
    }

    /// Too much happened: the older half goes.
    fn halve(&mut self) {
        let mut times: Vec<Time> = self.marks.values().flatten().map(|mark| mark.at).collect();
        times.sort_unstable();
        let from = times[times.len() / 2];
        self.forget_before(from);
        self.is_partial = true;
    }

    /// Forgets what left the window.
    pub fn forget(&mut self, now: Time) {
        self.forget_before(self.window(now).0);
    }

    fn forget_before(&mut self, from: Time) {
        self.marks.retain(|_, marks| {
            // How it began says the last one before that begins or ends something.
            let before = marks.partition_point(|mark| mark.at < from);
            let phase = marks[..before].iter().rfind(|mark| mark.phase_after().is_some()).cloned();
            drop(marks.splice(..before, phase));
            !marks.is_empty()
        });
        self.count = self.marks.values().map(Vec::len).sum();
    }

    /// Whether the coder was there in the window.
    pub fn shows(&self, coder: &CoderView, now: Time) -> bool {
        let (from, to) = self.window(now);
        self.in_window(&coder.coder_id, from, to).next().is_some()
            || CoderSpan::of(coder, now).is_some_and(|span| span.first <= to && span.last >= from)
    }

    fn in_window(&self, coder_id: &str, from: Time, to: Time) -> impl DoubleEndedIterator<Item = &Mark> {
        let marks = self.marks.get(coder_id).map_or(&[][..], Vec::as_slice);
        let first = marks.partition_point(|mark| mark.at < from);
        marks[first..].iter().take_while(move |mark| mark.at <= to).collect::<Vec<_>>().into_iter()
    }

    /// The mark under the cursor, and whose it is.
    pub fn current(&self, now: Time) -> Option<(&str, &Mark)> {
        let (coder_id, seq) = self.cursor.as_ref()?;
        let (from, to) = self.window(now);
        self.in_window(coder_id, from, to).find(|mark| mark.seq == *seq).map(|mark| (coder_id.as_str(), mark))
    }

    /// To the mark before or behind, of these coders; from nowhere, to the newest. Whether there is one.
    pub fn step<'c>(&mut self, earlier: bool, coders: impl Iterator<Item = &'c str>, now: Time) -> bool {
        let (from, to) = self.window(now);
        let here = self.current(now).map(|(coder_id, mark)| (mark.at, mark.seq, coder_id.to_owned()));
        let marks = coders.flat_map(|coder_id| {
            let stands_out = self.in_window(coder_id, from, to).filter(|mark| mark.slot.is_some());
            stands_out.map(move |mark| (mark.at, mark.seq, coder_id.to_owned()))
        });
        let next = match (here, earlier) {
            (None, _) => marks.max(),
            (Some(here), true) => marks.filter(|mark| *mark < here).max(),
            (Some(here), false) => marks.filter(|mark| *mark > here).min(),
        };
        let Some((_, seq, coder_id)) = next else { return false };
        self.cursor = Some((coder_id, seq));
        true
    }

    /// Takes the cursor away; whether there was one.
    pub fn leave(&mut self) -> bool {
        self.cursor.take().is_some()
    }

    /// Which of `width` cells this moment is in.
    pub fn cell(&self, at: Time, now: Time, width: usize) -> usize {
        let (from, span) = (self.window(now).0, SPANS[self.span].0);
        (at.since(from).clamp(0, span - 1) as u128 * width as u128 / span as u128) as usize
    }

    /// The window in `width` cells.
    pub fn row(&self, coder: &CoderView, now: Time, width: usize) -> Vec<TimelineSlot> {
        let mut cells = vec![TimelineSlot::Absent; width];
        let Some(first_activity) = coder.first_activity.filter(|_| width > 0) else { return cells };
        let (from, to) = self.window(now);
        let cell_at = |at: Time| self.cell(at, now, width);
        let marks = self.marks.get(&coder.coder_id).map_or(&[][..], Vec::as_slice);
        // Before the first mark: what must have been, where it was there already.
        let first = marks.iter().find(|mark| mark.phase_after().is_some() && mark.at <= to);
        let mut phase = match first {
            Some(mark) => mark.phase_before(),
            None if self.ends_now() => phase_of(coder),
            None => TimelineSlot::Running,
        };
        let mut since = first_activity.max(from);
        for mark in marks.iter().filter(|mark| mark.at <= to) {
            if let Some(next) = mark.phase_after() {
                fill(&mut cells, phase, cell_at(since), cell_at(mark.at));
                (phase, since) = (next, mark.at.max(from));
            }
        }
        let end = CoderSpan::of(coder, now).map_or(to, |span| span.last.min(to));
        if since <= end {
            fill(&mut cells, phase, cell_at(since), cell_at(end) + 1);
        }
        if let Some(silent) = coder.last_activity.filter(|&last| coder.stalled && last <= to) {
            fill(&mut cells, TimelineSlot::Silent, cell_at(silent.max(from)), cell_at(end) + 1);
        }
        for mark in self.in_window(&coder.coder_id, from, to) {
            if let Some(slot) = mark.slot {
                let here = &mut cells[cell_at(mark.at)];
                *here = slot.max(*here);
            }
        }
        cells
    }
}

fn fill(cells: &mut [TimelineSlot], phase: TimelineSlot, from: usize, to: usize) {
    let to = to.min(cells.len());
    if phase != TimelineSlot::Absent && from < to {
        cells[from..to].iter_mut().for_each(|cell| *cell = phase.max(*cell));
    }
}

/// What one does of whom no event of the window says it.
fn phase_of(coder: &CoderView) -> TimelineSlot {
    match coder.status {
        Status::Created | Status::Running => TimelineSlot::Running,
        Status::Paused => TimelineSlot::Waiting,
        Status::Completed | Status::Failed | Status::Stopped | Status::Deleted => TimelineSlot::Absent,
    }
}
