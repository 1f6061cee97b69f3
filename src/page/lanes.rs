//! What coders were doing, span by span, as their events tell it.

use std::collections::HashMap;

use crate::event::{Body, Event, EventType, Family, Lifecycle, Micros, Time};

/// A working coder that is silent for longer is not known to work.
const SILENT_AFTER: Micros = 5 * Time::MINUTE;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LaneState {
    Running,
    /// For a person.
    Waiting,
    /// At work as far as is known, and nothing was heard of it.
    Silent,
    RateLimited,
    Failed,
}

impl LaneState {
    pub const ALL: [LaneState; 5] =
        [LaneState::Running, LaneState::Waiting, LaneState::Silent, LaneState::RateLimited, LaneState::Failed];

    pub const fn name(self) -> &'static str {
        match self {
            LaneState::Running => "running",
            LaneState::Waiting => "waiting",
            LaneState::Silent => "silent",
            LaneState::RateLimited => "rate limited",
            LaneState::Failed => "failed",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSpan {
    pub state: LaneState,
    pub began: Time,
    pub ended: Time,
}

/// A coder's spans, and its milestones.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    pub coder_id: String,
    pub spans: Vec<LaneSpan>,
    pub milestones: Vec<(Time, String)>,
}

impl Lane {
    /// How long it was in that state.
    pub fn time(&self, state: LaneState) -> Micros {
        self.spans.iter().filter(|span| span.state == state).map(|span| span.ended.since(span.began)).sum()
    }

    /// Takes away what was before `from`.
    fn cut(&mut self, from: Time) {
        self.spans.retain(|span| span.ended > from || (span.ended == from && span.state == LaneState::Failed));
        self.spans.iter_mut().for_each(|span| span.began = span.began.max(from));
        self.milestones.retain(|(at, _)| *at >= from);
    }
}

/// Takes events in whatever order they were recorded.
#[derive(Debug, Default)]
pub struct Lanes {
    coders: HashMap<String, Vec<(Time, LaneMove)>>,
}

/// What an event says of where a coder stands.
#[derive(Clone, Debug, PartialEq)]
enum LaneMove {
    To(LaneState),
    Rest,
    Fail,
    Milestone(String),
    /// It does something.
    Stir,
}

impl Lanes {
    /// The types that say more than that a coder does something: who knows those of the time before knows where each stood.
    pub fn turns() -> &'static [EventType] {
        use EventType::{Completed, Created, Deleted, Failed, Milestone, Paused, Prompt, RateLimit, Resumed, Started, Stopped};
        &[Created, Started, Resumed, Prompt, Paused, Completed, Stopped, Deleted, Failed, RateLimit, Milestone]
    }

    pub fn add(&mut self, event: &Event) {
        if let Some(told) = LaneMove::told_by(event) {
            self.push(&event.coder_id, event.timestamp, told);
        }
    }

    /// The coder did something then, whatever it was.
    pub fn stir(&mut self, coder_id: &str, at: Time) {
        self.push(coder_id, at, LaneMove::Stir);
    }

    fn push(&mut self, coder_id: &str, at: Time, told: LaneMove) {
        if !self.coders.contains_key(coder_id) {
            self.coders.insert(coder_id.to_owned(), Vec::new());
        }
        let Some(moves) = self.coders.get_mut(coder_id) else { return };
        // Of many one after the other, what lies between two that no silence parts says nothing.
        if let [.., (first, LaneMove::Stir), (last, LaneMove::Stir)] = &mut moves[..]
            && told == LaneMove::Stir
            && *first <= *last
            && *last <= at
            && at.since(*first) <= SILENT_AFTER
        {
            *last = at;
            return;
        }
        moves.push((at, told));
    }

    /// Leaves of what was before `from` no more than where each coder stood.
    pub fn forget(&mut self, from: Time) {
        self.coders.retain(|_, moves| {
            let is_turn = |told: &LaneMove| !matches!(told, LaneMove::Stir | LaneMove::Milestone(_));
            let stood = moves.iter().filter(|(at, told)| *at < from && is_turn(told)).map(|(at, _)| *at).max();
            moves.retain(|(at, told)| *at >= from || (Some(*at) == stood && matches!(told, LaneMove::To(_))));
            !moves.is_empty()
        });
    }

    /// All that did something in that time, in order of their beginnings; what is open at its end lasts until then.
    pub fn between(&self, from: Time, until: Time) -> Vec<Lane> {
        let finish = |(coder_id, moves): (&String, &Vec<(Time, LaneMove)>)| {
            let mut moves: Vec<&(Time, LaneMove)> = moves.iter().collect();
            moves.sort_by_key(|(at, _)| *at);
            let mut open = OpenLane {
                lane: Lane { coder_id: coder_id.clone(), spans: Vec::new(), milestones: Vec::new() },
                state: None,
                last: until,
                has_ended: false,
            };
            for (at, told) in moves {
                open.take(*at, told);
            }
            open.note_silence(until);
            open.rest(until);
            open.lane.cut(from);
            Some(open.lane).filter(|lane| !lane.spans.is_empty() || !lane.milestones.is_empty())
        };
        let mut lanes: Vec<Lane> = self.coders.iter().filter_map(finish).collect();
        let began = |lane: &Lane| lane.spans.first().map(|span| span.began);
        lanes.sort_by(|one, other| (began(one), &one.coder_id).cmp(&(began(other), &other.coder_id)));
        lanes
    }
}

impl LaneMove {
    fn told_by(event: &Event) -> Option<LaneMove> {
        use EventType::{
            Completed, Created, Deleted, Failed, Milestone, Paused, Prompt, RateLimit, ResourceUsage, Resumed, Seen, Started,
            Stopped,
        };
        Some(match event.kind {
            Seen | ResourceUsage => return None,
            _ if event.kind.family() == Family::Derived => return None,
            Created | Started | Resumed | Prompt => LaneMove::To(LaneState::Running),
            Paused if is_for_a_person(event) => LaneMove::To(LaneState::Waiting),
            Paused | Completed | Stopped | Deleted => LaneMove::Rest,
            Failed => LaneMove::Fail,
            RateLimit => LaneMove::To(LaneState::RateLimited),
            Milestone => LaneMove::Milestone(milestone(event)),
            _ => LaneMove::Stir,
        })
    }
}

#[derive(Debug)]
struct OpenLane {
    lane: Lane,
    state: Option<(LaneState, Time)>,
    /// When it was heard of last.
    last: Time,
    /// It came to rest.
    has_ended: bool,
}

impl OpenLane {
    fn take(&mut self, at: Time, told: &LaneMove) {
        self.note_silence(at);
        match told {
            LaneMove::To(state) => (self.has_ended, ()) = (false, self.turn(*state, at)),
            LaneMove::Rest => (self.has_ended, ()) = (true, self.rest(at)),
            LaneMove::Fail => {
                (self.has_ended, ()) = (true, self.rest(at));
                self.close(LaneState::Failed, at, at);
            }
            LaneMove::Milestone(milestone) => self.lane.milestones.push((at, milestone.clone())),
            // What it does while it waits says nothing else of that; what comes behind its end belongs to that.
            LaneMove::Stir if self.has_ended || matches!(self.state, Some((LaneState::Waiting, _))) => {}
            LaneMove::Stir => self.turn(LaneState::Running, at),
        }
        self.last = at;
    }

    fn turn(&mut self, state: LaneState, at: Time) {
        if self.state.is_none_or(|(now, _)| now != state) {
            self.rest(at);
            self.state = Some((state, at));
        }
    }

    fn rest(&mut self, at: Time) {
        if let Some((state, since)) = self.state.take() {
            self.close(state, since, at);
        }
    }

    fn note_silence(&mut self, at: Time) {
        if let Some((state @ (LaneState::Running | LaneState::RateLimited), since)) = self.state
            && at.since(self.last) > SILENT_AFTER
        {
            self.close(state, since, self.last);
            self.close(LaneState::Silent, self.last, at);
            self.state = Some((LaneState::Running, at));
        }
    }

    fn close(&mut self, state: LaneState, began: Time, ended: Time) {
        if ended > began || state == LaneState::Failed {
            self.lane.spans.push(LaneSpan { state, began, ended });
        }
    }
}

fn is_for_a_person(event: &Event) -> bool {
    matches!(&event.body, Body::Lifecycle(Lifecycle { reason: Some(reason), .. }) if reason == "permission" || reason == "question")
}

fn milestone(event: &Event) -> String {
    let Body::Progress(fields) = &event.body else { return String::new() };
    fields.description.clone().or_else(|| fields.milestone.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::{event::Draft, text::Redactor};

    use super::*;

    #[test]
    fn spans_follow_the_events() {
        let mut lanes = Lanes::default();
        let now = Time::parse("2026-11-22T12:00:00Z").expect("valid");
        let at = |minute: i64| Time::parse("2026-11-22T10:00:00Z").expect("valid").plus(minute * Time::MINUTE);
        for (seq, (minute, line)) in (1..).zip([
            (0, r#"{"type":"started","coder_id":"a"}"#),
            (2, r#"{"type":"paused","coder_id":"a","reason":"permission"}"#),
            (30, r#"{"type":"resumed","coder_id":"a"}"#),
            (31, r#"{"type":"output","coder_id":"a","text":"x"}"#),
            (41, r#"{"type":"output","coder_id":"a","text":"y"}"#),
            (42, r#"{"type":"rate_limit","coder_id":"a"}"#),
            (43, r#"{"type":"output","coder_id":"a","text":"z"}"#),
            (44, r#"{"type":"failed","coder_id":"a"}"#),
            (50, r#"{"type":"output","coder_id":"a","text":"after its end"}"#),
        ]) {
            let draft = Draft { timestamp: Some(at(minute)), ..Draft::parse(line).expect(line) };
            lanes.add(&draft.check(now, &Redactor::default()).expect(line).into_event(seq, format!("e{seq}")));
        }
        let lanes = lanes.between(at(0), now);
        let [Lane { spans, .. }] = &lanes[..] else { panic!("{lanes:?}") };
        let told: Vec<_> = spans
            .iter()
            .map(|span| (span.state.name(), span.began.since(at(0)) / Time::MINUTE, span.ended.since(at(0)) / Time::MINUTE))
            .collect();
        assert_eq!(
            told,
            [
                ("running", 0, 2),
                ("waiting", 2, 30),
                ("running", 30, 31),
                ("silent", 31, 41),
                ("running", 41, 42),
                ("rate limited", 42, 43),
                ("running", 43, 44),
                ("failed", 44, 44),
            ]
        );
    }

    #[test]
    fn whoever_stood_there_before_stands_there_still() {
        let start = Time::parse("2026-11-22T10:00:00Z").expect("valid");
        let at = |minute: i64| start.plus(minute * Time::MINUTE);
        let mut lanes = Lanes::default();
        for (minute, line) in [
            (0, r#"{"type":"started","coder_id":"at-work"}"#),
            (1, r#"{"type":"started","coder_id":"done"}"#),
            (2, r#"{"type":"paused","coder_id":"waits","reason":"permission"}"#),
            (3, r#"{"type":"completed","coder_id":"done"}"#),
        ] {
            let draft = Draft { timestamp: Some(at(minute)), ..Draft::parse(line).expect(line) };
            lanes.add(&draft.check(at(minute), &Redactor::default()).expect(line).into_event(1, line.to_owned()));
        }
        // A thousand words a minute are as many as keep the silence away.
        (0..60_000).for_each(|nth| lanes.stir("at-work", at(0).plus(nth * Time::SECOND / 16)));
        assert!(lanes.coders["at-work"].len() < 30, "{}", lanes.coders["at-work"].len());
        let told = |lanes: &Lanes| -> Vec<String> {
            let spans = |lane: &Lane| {
                lane.spans
                    .iter()
                    .map(|span| format!("{} {}", span.state.name(), span.ended.since(span.began) / Time::MINUTE))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            lanes.between(at(30), at(60)).iter().map(|lane| format!("{}: {}", lane.coder_id, spans(lane))).collect()
        };
        assert_eq!(told(&lanes), ["at-work: running 30", "waits: waiting 30"]);
        lanes.forget(at(30));
        assert_eq!(told(&lanes), ["at-work: running 30", "waits: waiting 30"]);
        assert!(!lanes.coders.contains_key("done"));
    }

    #[test]
    fn all_time_counts_of_however_many_turns() {
        let mut lanes = Lanes::default();
        let start = Time::parse("2026-11-22T10:00:00Z").expect("valid");
        for turn in 0..2_000 {
            for (second, line) in [(0, r#"{"type":"started","coder_id":"a"}"#), (10, r#"{"type":"completed","coder_id":"a"}"#)] {
                let at = start.plus((turn * 20 + second) * Time::SECOND);
                let draft = Draft { timestamp: Some(at), ..Draft::parse(line).expect(line) };
                lanes.add(&draft.check(at, &Redactor::default()).expect(line).into_event(1, format!("{at}")));
            }
        }
        let lanes = lanes.between(start, start.plus(Time::DAY));
        let worked: Vec<Micros> = lanes.iter().map(|lane| lane.time(LaneState::Running) / Time::SECOND).collect();
        assert_eq!(worked, [20_000]);
    }
}
