//! A coder at a moment of its life: who says something, and when.

use std::sync::Arc;

use crate::event::Time;

use super::{
    Agent, HookContext, Refusal,
    coder::{CoderIdentity, print},
    fact::{Fact, Told},
};

/// A session, or one of its subagents, at a moment of it.
#[derive(Clone, Debug)]
pub(super) struct CoderMoment {
    pub who: Arc<CoderIdentity>,
    pub at: Option<Time>,
}

impl CoderMoment {
    /// A session at no moment that is known.
    ///
    /// # Errors
    /// [`Refusal`] where `id` cannot be part of a coder's id.
    pub fn new(agent: Agent, id: &str, folder: Option<&str>, context: &HookContext) -> Result<CoderMoment, Refusal> {
        Ok(CoderMoment { who: CoderIdentity::new(agent, id, context)?.in_folder(folder), at: None })
    }

    pub fn at(self, at: Option<Time>) -> CoderMoment {
        CoderMoment { at, ..self }
    }

    pub fn says(&self, fact: Fact) -> Told {
        self.who.says(self.at, fact)
    }

    /// Known by `natural` where the channel has the ids, and by `repeat` in any case.
    pub fn known<const N: usize>(&self, fact: Fact, natural: Option<[&str; N]>, repeat: &[&str]) -> Told {
        self.says(fact).known_by(self.who.either(natural, repeat))
    }

    /// What was asked of it; hooks have no id of it, records have.
    pub fn asked(&self, id: Option<&str>, prompt: &str) -> Told {
        let asked = Fact::asked(prompt, self.who.asker());
        self.known(asked, id.map(|id| ["asked", id]), &["asked", &print(prompt)])
    }

    /// That a turn began with it.
    pub fn prompted(&self, id: Option<&str>, prompt: &str) -> Told {
        self.known(Fact::Prompted, id.map(|id| ["prompt", id]), &["prompt", &print(prompt)])
    }

    /// The end of a session's process.
    pub fn stopped(&self, reason: Option<&str>) -> Told {
        self.says(Fact::ended(reason)).known_by(self.who.repeat(&["stopped"]))
    }
}
