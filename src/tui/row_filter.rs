//! Which coders are shown, of those there are.

use crate::aggregate::CoderView;

use super::roster::{Standing, name};

/// What the person does not want to look at. Who needs a person is shown whatever it is, unless it is not what was typed.
#[derive(Debug, Default)]
pub struct RowFilter {
    /// Words that stand in what is told of a coder, in any order and case.
    pub words: String,
    pub hides_finished: bool,
    /// Subagents stand in their parents' rows.
    pub folds_subagents: bool,
}

impl RowFilter {
    pub fn keeps(&self, coder: &CoderView) -> bool {
        let is_urgent = !coder.needs_attention.is_empty();
        let is_finished =
            matches!(Standing::of(coder), Standing::Completed | Standing::Failed | Standing::Stopped | Standing::Deleted);
        self.has_words(coder)
            && (is_urgent || !(self.hides_finished && is_finished))
            && (is_urgent || !(self.folds_subagents && coder.parent_coder_id.is_some()))
    }

    fn has_words(&self, coder: &CoderView) -> bool {
        if self.words.trim().is_empty() {
            return true;
        }
        let optional = [&coder.title, &coder.source, &coder.project, &coder.branch, &coder.model, &coder.stage];
        let told = optional.into_iter().flatten().map(String::as_str);
        let called = name(coder);
        let texts =
            told.chain([&*called, &*coder.coder_id, Standing::of(coder).word()]).collect::<Vec<_>>().join("\n").to_lowercase();
        self.words.to_lowercase().split_whitespace().all(|word| texts.contains(word))
    }

    /// What is said of it above the rows.
    pub fn told(&self) -> Vec<String> {
        let words = (!self.words.is_empty()).then(|| format!("“{}”", self.words));
        let finished = self.hides_finished.then(|| "without finished".to_owned());
        let folded = self.folds_subagents.then(|| "without subagents".to_owned());
        [words, finished, folded].into_iter().flatten().collect()
    }
}
