//! What is not to be recorded is taken out of a draft before anything is written of it.

use super::{Body, DataKey, Draft, EventType, Progress};

/// What of a coder's work is recorded: each kind of text can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// What was asked.
    pub prompts: bool,
    /// What the model says, and what its tools print.
    pub outputs: bool,
    /// What changes of files were.
    pub diffs: bool,
    /// What the model thinks.
    pub thinking: bool,
}

impl Default for Recording {
    fn default() -> Recording {
        Recording { prompts: true, outputs: true, diffs: true, thinking: false }
    }
}

/// Keys of `data` that hold what was asked.
const OF_PROMPTS: &[DataKey] = &[DataKey::Title];
/// Keys of `data` that hold what was said or printed.
const OF_OUTPUTS: &[DataKey] = &[DataKey::LastAssistantMessage, DataKey::Question, DataKey::Error, DataKey::Output];
/// Keys of `data` that hold what changed in files.
const OF_DIFFS: &[DataKey] = &[DataKey::Diff];

impl Recording {
    /// Everything that a person may say or be told is recorded, so that input that was refused may be kept too.
    pub fn keeps_all_words(self) -> bool {
        self.prompts && self.outputs && self.diffs
    }

    /// What is left of `draft`.
    pub fn of(self, mut draft: Draft) -> Option<Draft> {
        let is_thought = matches!(&draft.body, Body::Progress(said) if said.stream.as_deref() == Some(Progress::OF_THOUGHT));
        match draft.kind {
            EventType::Prompt if !self.prompts => return None,
            EventType::Output if is_thought && !self.thinking => return None,
            EventType::Output if !is_thought && !self.outputs => return None,
            _ => {}
        }
        let unwanted = [(self.prompts, OF_PROMPTS), (self.outputs, OF_OUTPUTS), (self.diffs, OF_DIFFS)];
        for key in unwanted.into_iter().filter(|(wanted, _)| !wanted).flat_map(|(_, keys)| keys) {
            draft.data.remove(key.name());
        }
        if let Body::Progress(fields) = &mut draft.body
            && fields.milestone.as_deref() == Some(Progress::COMPACTED)
            && !(self.prompts && self.outputs)
        {
            // The summary of a context tells what was asked and said in it.
            fields.description = None;
        }
        // A title alone was all it told.
        let is_nothing = draft.kind == EventType::Progress && draft.data.is_empty() && draft.body == draft.kind.body();
        (self.prompts || !is_nothing).then_some(draft)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(kind: EventType, stream: Option<&str>) -> Draft {
        let fields = Progress { stream: stream.map(str::to_owned), text: Some("words".to_owned()), ..Progress::default() };
        Draft { body: Body::Progress(fields), ..Draft::new(kind, "a") }
    }

    #[test]
    fn each_kind_of_words_can_be_left_out() {
        let all = Recording { thinking: true, ..Recording::default() };
        let kept = |wanted: Recording| {
            [
                said(EventType::Prompt, None),
                said(EventType::Output, Some("assistant")),
                said(EventType::Output, Some("stdout")),
                said(EventType::Output, Some("thinking")),
            ]
            .map(|draft| wanted.of(draft).is_some())
        };
        assert_eq!(kept(all), [true; 4]);
        assert_eq!(kept(Recording::default()), [true, true, true, false]);
        assert_eq!(kept(Recording { prompts: false, ..all }), [false, true, true, true]);
        assert_eq!(kept(Recording { outputs: false, ..all }), [true, false, false, true]);
    }

    #[test]
    fn of_milestones_only_what_a_context_held_is_left_out() {
        let reached = |name: &str| {
            let fields =
                Progress { milestone: Some(name.to_owned()), description: Some("words".to_owned()), ..Progress::default() };
            Draft { body: Body::Progress(fields), ..Draft::new(EventType::Milestone, "a") }
        };
        let described = |recording: Recording, name: &str| match recording.of(reached(name)).map(|draft| draft.body) {
            Some(Body::Progress(fields)) => fields.description.is_some(),
            other => panic!("it is recorded: {other:?}"),
        };
        let otherwise = Recording::default();
        let check = |recording, expected: [bool; 2]| {
            assert_eq!([Progress::COMPACTED, "tests pass"].map(|name| described(recording, name)), expected, "{recording:?}");
        };
        check(otherwise, [true, true]);
        check(Recording { diffs: false, ..otherwise }, [true, true]);
        check(Recording { outputs: false, ..otherwise }, [false, true]);
        check(Recording { prompts: false, ..otherwise }, [false, true]);
    }

    #[test]
    fn what_is_told_beside_is_left_out_too() {
        let silent = Recording { prompts: false, outputs: false, diffs: false, thinking: false };
        let over = Draft::new(EventType::Completed, "a").with(DataKey::LastAssistantMessage, "done").with(DataKey::Cwd, "/w");
        assert_eq!(silent.of(over).map(|draft| json!(draft.data)), Some(json!({"cwd": "/w"})));
        let titled = Draft::new(EventType::Progress, "a").with(DataKey::Title, "Fix auth");
        assert_eq!(silent.of(titled), None);
    }
}
