//! The last hour of each coder: when it worked, waited and ended, and what stood out.

use std::collections::HashMap;

use crate::{
    aggregate::CoderView,
    event::{Event, EventType, Micros, Time},
    filter::TypeSet,
};

/// How far back the timeline reaches.
pub const SPAN: Micros = Time::HOUR;

/// Marks kept of one coder: more cannot be told apart in an hour's row.
const MARKS_MAX: usize = 1000;

/// What a coder did in one cell of its row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimelineSlot {
    #[default]
    Absent,
    Running,
    Waiting,
    Stopped,
    Milestone,
    Completed,
    /// An error, a limit or a failure: it hides what else happened then.
    Trouble,
}

/// Lifecycle, milestones and errors of the last hour, by coder.
#[derive(Debug, Default)]
pub struct Timeline {
    marks: HashMap<String, Vec<Mark>>,
}

/// Ordered by time, then by order of commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    at: Time,
    seq: u64,
    kind: EventType,
}

impl Timeline {
    /// What the rows are made of.
    pub fn types() -> TypeSet {
        use EventType::*;
        TypeSet::family(crate::event::Family::Lifecycle)
            .with(Milestone)
            .with(ApiError)
            .with(RateLimit)
            .with(ResourceLimit)
            .with(FailureAlert)
            .with(SystemWarning)
    }

    /// Takes an event, whichever; those that came already are known by their seq.
    pub fn add(&mut self, event: &Event) {
        if !Timeline::types().contains(event.kind) || event.completes.is_some() {
            return;
        }
        let marks = self.marks.entry(event.coder_id.clone()).or_default();
        let mark = Mark { at: event.timestamp, seq: event.seq, kind: event.kind };
        if let Err(place) = marks.binary_search(&mark) {
            marks.insert(place, mark);
            if marks.len() > MARKS_MAX {
                marks.remove(0);
            }
        }
    }

    /// Forgets what lies more than an hour back.
    pub fn forget(&mut self, now: Time) {
        let from = now.plus(-SPAN);
        self.marks.retain(|_, marks| {
            // How the hour began says the last one before that begins or ends something.
            let before = marks.partition_point(|mark| mark.at < from);
            let phase = marks[..before].iter().rfind(|mark| phase_after(mark.kind).is_some()).copied();
            drop(marks.splice(..before, phase));
            marks.last().is_some_and(|mark| mark.at >= from)
        });
    }

    /// The hour that ends `now` in `width` cells.
    pub fn row(&self, coder: &CoderView, now: Time, width: usize) -> Vec<TimelineSlot> {
        let mut cells = vec![TimelineSlot::Absent; width];
        if width == 0 {
            return cells;
        }
        let from = now.plus(-SPAN);
        let cell_at = |at: Time| (at.since(from).clamp(0, SPAN - 1) as u128 * width as u128 / SPAN as u128) as usize;
        let marks = self.marks.get(&coder.coder_id).map_or(&[][..], Vec::as_slice);
        // Before the first mark: what must have been, where it was there already.
        let first = marks.iter().find(|mark| phase_after(mark.kind).is_some());
        let mut phase = match first {
            Some(mark) if mark.kind == EventType::Started && ended_before(coder, marks) => TimelineSlot::Absent,
            Some(mark) => phase_before(mark.kind),
            None => phase_of(coder),
        };
        let Some(first_activity) = coder.first_activity else { return cells };
        let mut since = first_activity.max(from);
        let end = coder.ended_at.unwrap_or(now).min(now);
        for mark in marks {
            if let Some(next) = phase_after(mark.kind) {
                fill(&mut cells, phase, cell_at(since), cell_at(mark.at.min(now)));
                (phase, since) = (next, mark.at.max(from));
            }
        }
        if phase != TimelineSlot::Absent && since <= end {
            fill(&mut cells, phase, cell_at(since), cell_at(end) + 1);
        }
        for mark in marks.iter().filter(|mark| from <= mark.at && mark.at <= now) {
            if let Some(cell) = stands_out(mark.kind) {
                let here = &mut cells[cell_at(mark.at)];
                *here = cell.max(*here);
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

/// What a coder does from such an event on.
fn phase_after(kind: EventType) -> Option<TimelineSlot> {
    match kind {
        EventType::Created | EventType::Started | EventType::Resumed => Some(TimelineSlot::Running),
        EventType::Paused => Some(TimelineSlot::Waiting),
        EventType::Completed | EventType::Failed | EventType::Stopped | EventType::Deleted => Some(TimelineSlot::Absent),
        _ => None,
    }
}

/// And what it did until then.
fn phase_before(kind: EventType) -> TimelineSlot {
    match kind {
        EventType::Created => TimelineSlot::Absent,
        EventType::Resumed => TimelineSlot::Waiting,
        _ => TimelineSlot::Running,
    }
}

/// Whether it ended before these marks, as it seems: more ends of it are known than they tell.
fn ended_before(coder: &CoderView, marks: &[Mark]) -> bool {
    let is_end = |kind: EventType| phase_after(kind) == Some(TimelineSlot::Absent);
    let ends = EventType::ALL.iter().filter(|kind| is_end(**kind)).filter_map(|kind| coder.events_by_type.get(kind.name()));
    ends.sum::<u64>() > marks.iter().filter(|mark| is_end(mark.kind)).count() as u64
}

/// What one does of whom no event of the hour says it.
fn phase_of(coder: &CoderView) -> TimelineSlot {
    use crate::event::Status;
    match coder.status {
        Status::Created | Status::Running => TimelineSlot::Running,
        Status::Paused => TimelineSlot::Waiting,
        Status::Completed | Status::Failed | Status::Stopped | Status::Deleted => TimelineSlot::Absent,
    }
}

fn stands_out(kind: EventType) -> Option<TimelineSlot> {
    match kind {
        EventType::Milestone => Some(TimelineSlot::Milestone),
        EventType::Completed => Some(TimelineSlot::Completed),
        EventType::Stopped | EventType::Deleted => Some(TimelineSlot::Stopped),
        EventType::Failed
        | EventType::ApiError
        | EventType::RateLimit
        | EventType::ResourceLimit
        | EventType::FailureAlert
        | EventType::SystemWarning => Some(TimelineSlot::Trouble),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::{aggregate::Coder, event::Draft, text::Redactor};

    use super::*;

    const HOUR: i64 = Time::HOUR;

    /// The row of a coder with these events, so many minutes ago each, one cell for six minutes. The view began so many
    /// minutes ago, and read an hour back.
    fn row_since(begun: i64, events: &[(EventType, i64)]) -> String {
        let now = Time::from_micros(100 * HOUR);
        let (mut timeline, mut state) = (Timeline::default(), Coder::default());
        for (seq, (kind, minutes)) in (1..).zip(events) {
            let draft = Draft { timestamp: Some(now.plus(-minutes * Time::MINUTE)), ..Draft::new(*kind, "a") };
            let event = draft.check(now, &Redactor::default()).expect("valid").into_event(seq, format!("e{seq}"));
            state.fold(&event);
            if *minutes <= begun + 60 {
                timeline.add(&event);
            }
            timeline.forget(event.timestamp);
        }
        timeline.forget(now);
        let letter = |cell| match cell {
            TimelineSlot::Absent => ' ',
            TimelineSlot::Running => '=',
            TimelineSlot::Waiting => '.',
            TimelineSlot::Milestone => 'm',
            TimelineSlot::Completed => 'c',
            TimelineSlot::Stopped => 's',
            TimelineSlot::Trouble => '!',
        };
        timeline
            .row(&state.view("a", now, &crate::price::Prices::default(), 0, Vec::new()), now, 10)
            .into_iter()
            .map(letter)
            .collect()
    }

    #[test]
    fn a_row_tells_the_hour() {
        use EventType::*;
        let check = |events: &[(EventType, i64)], expected: &str| assert_eq!(row_since(300, events), expected, "{events:?}");
        check(&[], "          ");
        check(&[(Started, 33)], "    ======");
        check(&[(Started, 33), (Completed, 15), (Stopped, 15)], "    ===c  ");
        check(&[(Started, 45), (Paused, 27), (Resumed, 15)], "  ===..===");
        check(&[(Started, 300)], "==========");
        check(&[(Started, 300), (Paused, 3)], "=========.");
        check(&[(Started, 300), (Paused, 200)], "..........");
        check(&[(Started, 300), (Paused, 200), (Resumed, 15)], ".......===");
        check(&[(Started, 45), (Milestone, 33), (ApiError, 21), (Failed, 3)], "  ==m=!==!");
        check(&[(Started, 300), (Completed, 290)], "          ");
        // What stood out does not hide what it did.
        check(&[(Started, 300), (Completed, 90), (Milestone, 70), (Started, 9)], "        ==");
        check(&[(Started, 300), (Paused, 90), (Milestone, 70), (Resumed, 9)], "........==");
    }

    #[test]
    fn a_row_tells_what_was_before_from_the_sums() {
        use EventType::*;
        let check = |events: &[(EventType, i64)], expected: &str| assert_eq!(row_since(0, events), expected, "{events:?}");
        let session = [(Created, 180), (Started, 179), (Completed, 150), (Stopped, 149)];
        check(&session, "          ");
        check(&[&session[..], &[(Started, 9)]].concat(), "        ==");
        check(&[&session[..], &[(Started, 33), (Completed, 21), (Started, 9)]].concat(), "    ==c ==");
        // It begins anew where it was, as sessions that are compacted do.
        check(&[(Created, 180), (Started, 179), (Started, 9)], "==========");
        check(&[(Created, 180), (Started, 9), (Completed, 3)], "=========c");
        check(&[(Started, 180), (Paused, 150), (Resumed, 9)], "........==");
    }
}
