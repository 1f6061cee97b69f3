//! What a page of a session is made of.

use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::{
    aggregate::CoderView,
    event::{Status, Time},
    story::StoryTurn,
};

use super::figures;

/// A coder and its story.
pub struct SessionTold<'z> {
    pub coder: CoderView,
    /// What it is called.
    pub name: String,
    pub turns: Vec<StoryTurn>,
    pub subagents: Vec<SessionTold<'z>>,
    /// How many more subagents it had than are told.
    pub subagents_more: usize,
    pub zone: &'z TimeZone,
}

impl SessionTold<'_> {
    pub fn title(&self) -> &str {
        self.coder.title.as_deref().unwrap_or(&self.name)
    }

    /// Its own, and those of its subagents.
    pub(super) fn all_turns(&self) -> Box<dyn Iterator<Item = &StoryTurn> + '_> {
        Box::new(self.turns.iter().chain(self.subagents.iter().flat_map(SessionTold::all_turns)))
    }

    pub(super) fn began(&self) -> Option<Time> {
        self.turns.first().map(|turn| turn.began).or(self.coder.first_activity)
    }

    pub(super) fn ended(&self) -> Option<Time> {
        self.turns.iter().map(|turn| turn.ended).max().or(self.coder.last_activity)
    }

    /// Those of its subagents that began in the `nth` turn, counted from one; the last takes those that began later.
    pub(super) fn subagents_of(&self, nth: usize) -> impl Iterator<Item = &SessionTold<'_>> {
        let (index, last) = (nth - 1, self.turns.len().saturating_sub(1));
        self.subagents.iter().filter(move |subagent| {
            let began = subagent.began();
            let is_in = |turn: &StoryTurn| began.is_none_or(|began| began <= turn.ended);
            // The turn before tells most of those that belong to an earlier one: there may be thousands of turns.
            (index == last || is_in(&self.turns[index])) && !self.turns[..index].iter().rev().any(is_in)
        })
    }
}

/// A status, in its colour.
pub fn badge(status: Status) -> Markup {
    html! { span.badge.(status.name()) { (status.name()) } }
}

/// That there were more than are told.
pub(super) fn more_subagents(told: &SessionTold<'_>) -> Markup {
    html! {
        @if told.subagents_more > 0 { p.sum { "and " (figures::count(told.subagents_more as u64, "more subagent")) } }
    }
}
