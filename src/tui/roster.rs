//! The coders on the screen: in which order, and who works for whom.

use std::{cmp::Reverse, collections::HashMap};

use crate::{
    aggregate::{Attention, CoderView},
    event::{Micros, Status, Time},
};

/// What the coders are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Who needs a person first.
    #[default]
    Attention,
    Activity,
    Name,
    Cost,
    Tokens,
}

impl Sort {
    const ALL: [Sort; 5] = [Sort::Attention, Sort::Activity, Sort::Name, Sort::Cost, Sort::Tokens];

    #[must_use]
    pub fn next(self) -> Sort {
        let at = Sort::ALL.iter().position(|&sort| sort == self).unwrap_or(0);
        Sort::ALL[(at + 1) % Sort::ALL.len()]
    }

    pub const fn name(self) -> &'static str {
        match self {
            Sort::Attention => "attention",
            Sort::Activity => "activity",
            Sort::Name => "name",
            Sort::Cost => "cost",
            Sort::Tokens => "tokens",
        }
    }
}

/// What is said of a coder in one word: its status, or why a person should look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Failed,
    Waiting,
    Stalled,
    Limited,
    Conflict,
    Looping,
    OverBudget,
    Running,
    Created,
    Completed,
    Stopped,
    Deleted,
}

impl Standing {
    pub fn of(coder: &CoderView) -> Standing {
        let needs = |attention| coder.needs_attention.contains(&attention);
        let is_over = matches!(coder.status, Status::Stopped | Status::Deleted);
        match coder.status {
            Status::Failed => Standing::Failed,
            _ if !is_over && (coder.waiting.is_some() || coder.status == Status::Paused) => Standing::Waiting,
            _ if !is_over && coder.stalled => Standing::Stalled,
            // Why somebody should look at it is told of one that has ended too.
            _ if needs(Attention::RateLimited) => Standing::Limited,
            _ if needs(Attention::FileConflict) => Standing::Conflict,
            _ if needs(Attention::Looping) => Standing::Looping,
            _ if needs(Attention::OverBudget) => Standing::OverBudget,
            Status::Deleted => Standing::Deleted,
            Status::Stopped => Standing::Stopped,
            Status::Completed => Standing::Completed,
            Status::Created => Standing::Created,
            Status::Running | Status::Paused => Standing::Running,
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Standing::Failed => "failed",
            Standing::Waiting => "waiting",
            Standing::Stalled => "stalled",
            Standing::Limited => "limited",
            Standing::Conflict => "conflict",
            Standing::Looping => "looping",
            Standing::OverBudget => "budget",
            Standing::Running => "running",
            Standing::Created => "created",
            Standing::Completed => "done",
            Standing::Stopped => "stopped",
            Standing::Deleted => "deleted",
        }
    }
}

/// One coder, in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub coder: CoderView,
    /// How many coders it works under.
    pub depth: usize,
    /// It needs a person who has not seen it yet.
    pub is_urgent: bool,
}

/// Who needs a person stands first, then who is at work, then who rests; what ended stands last, and what failed long ago, or
/// under the eyes of a person, behind all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Urgent,
    AtWork,
    AtRest,
    Ended,
    OldFailure,
}

impl Rank {
    fn of(coder: &CoderView) -> Rank {
        match Standing::of(coder) {
            _ if !coder.needs_attention.is_empty() => Rank::Urgent,
            Standing::Running
            | Standing::Created
            | Standing::Limited
            | Standing::Conflict
            | Standing::Looping
            | Standing::OverBudget => Rank::AtWork,
            Standing::Waiting | Standing::Stalled => Rank::AtRest,
            Standing::Completed if coder.ended_at.is_none() => Rank::AtRest,
            Standing::Completed | Standing::Stopped | Standing::Deleted => Rank::Ended,
            Standing::Failed => Rank::OldFailure,
        }
    }
}

/// `coders` in order: each below the one it works for, and a family where its most urgent member stands.
pub fn arrange(coders: Vec<CoderView>, sort: Sort) -> Vec<Row> {
    let places: HashMap<&str, usize> = coders.iter().enumerate().map(|(at, coder)| (coder.coder_id.as_str(), at)).collect();
    let parents: Vec<Option<usize>> = coders.iter().map(|coder| places.get(coder.parent_coder_id.as_deref()?).copied()).collect();
    // Who names itself, or others that name each other, has no end of them.
    let above = |at: usize| std::iter::successors(parents[at], |&above| parents[above]).take(DEPTH_MAX + 1).count();
    let mut children: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    for (at, &parent) in parents.iter().enumerate() {
        children.entry(parent.filter(|_| above(at) <= DEPTH_MAX)).or_default().push(at);
    }
    let mut order = Vec::with_capacity(coders.len());
    let family = CoderTree { keys: coders.iter().map(|coder| key(coder, sort)).collect(), children, by_name: sort == Sort::Name };
    family.place(None, 0, &mut order);
    let mut coders: Vec<Option<CoderView>> = coders.into_iter().map(Some).collect();
    let row = |(at, depth): (usize, usize)| {
        coders[at].take().map(|coder: CoderView| Row { is_urgent: !coder.needs_attention.is_empty(), coder, depth })
    };
    order.into_iter().filter_map(row).collect()
}

/// Who works under more coders than this stands for itself.
const DEPTH_MAX: usize = 8;

/// Who works for whom, by place in the list: no deeper than that, and nobody for itself.
struct CoderTree {
    keys: Vec<SortKey>,
    children: HashMap<Option<usize>, Vec<usize>>,
    /// Its most urgent member says nothing about a name.
    by_name: bool,
}

impl CoderTree {
    fn place(&self, parent: Option<usize>, depth: usize, order: &mut Vec<(usize, usize)>) {
        let mut here: Vec<(&SortKey, usize)> = self.below(parent).map(|at| (self.least(at), at)).collect();
        here.sort();
        for (_, at) in here {
            order.push((at, depth));
            self.place(Some(at), depth + 1, order);
        }
    }

    fn below(&self, parent: Option<usize>) -> impl Iterator<Item = usize> {
        self.children.get(&parent).into_iter().flatten().copied()
    }

    /// The key of the one that stands first, of it and all below.
    fn least(&self, at: usize) -> &SortKey {
        let own = &self.keys[at];
        if self.by_name {
            return own;
        }
        self.below(Some(at)).map(|child| self.least(child)).fold(own, Ord::min)
    }
}

/// Least first: its rank, how urgent, how late, how much, what it is called.
type SortKey = (Option<Rank>, Option<Standing>, Reverse<Micros>, Reverse<u64>, String);

fn key(coder: &CoderView, sort: Sort) -> SortKey {
    let activity = coder.last_activity.map_or(0, Time::micros);
    let (none, id) = (Reverse(0), coder.coder_id.clone());
    match sort {
        Sort::Attention => {
            let standing = Standing::of(coder);
            let rank = Rank::of(coder);
            // Of those at rest and those that ended, the latest first.
            let urgency = matches!(rank, Rank::Urgent).then_some(standing);
            // Who is at work keeps its place: rows that change places with each event cannot be read.
            let is_at_work = matches!(standing, Standing::Running | Standing::Created);
            let since = if is_at_work { coder.created_at.map_or(0, Time::micros) } else { activity };
            (Some(rank), urgency, Reverse(since), Reverse(0), id)
        }
        Sort::Activity => (None, None, Reverse(activity), Reverse(0), id),
        Sort::Name => (None, None, none, Reverse(0), name(coder)),
        Sort::Cost => (None, None, none, Reverse(coder.usage.cost().map_or(0, |usd| (usd * 1e6) as u64)), id),
        Sort::Tokens => (None, None, none, Reverse(coder.usage.tokens.total), id),
    }
}

/// What a coder is called: its name with its handle, since sessions in one folder share theirs.
pub fn name(coder: &CoderView) -> String {
    match own_name(coder) {
        Some(name) => format!("{name} {}", handle(coder)),
        None => handle(coder).to_owned(),
    }
}

/// What it is called besides its handle.
pub fn own_name(coder: &CoderView) -> Option<&str> {
    coder.coder_name.as_deref().filter(|name| *name != handle(coder) && *name != coder.coder_id)
}

/// What every command takes for it.
pub fn handle(coder: &CoderView) -> &str {
    if coder.handle.is_empty() { &coder.coder_id } else { &coder.handle }
}

/// What it is about: what it waits for, else its title, else what it does.
pub fn task(coder: &CoderView) -> &str {
    let request = coder.waiting.as_ref().and_then(|waiting| waiting.request.as_deref());
    request.or(coder.title.as_deref()).or(coder.description.as_deref()).or(coder.milestone.as_deref()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::aggregate::Coder;

    use super::*;

    fn coder(id: &str, status: Status, parent: Option<&str>, last: Micros) -> CoderView {
        let mut view = Coder::default().view(id, Time::from_micros(0), &crate::price::Prices::default(), 0, Vec::new());
        view.status = status;
        view.parent_coder_id = parent.map(str::to_owned);
        view.last_activity = Some(Time::from_micros(last));
        view.created_at = Some(Time::from_micros(0));
        // Nobody has seen it.
        view.needs_attention = match status {
            Status::Failed => vec![Attention::Failed],
            Status::Paused => vec![Attention::Waiting],
            _ => Vec::new(),
        };
        view
    }

    /// The same, long ago or seen.
    fn settled(coder: CoderView) -> CoderView {
        CoderView { needs_attention: Vec::new(), ..coder }
    }

    fn ids(rows: &[Row]) -> Vec<(&str, usize)> {
        rows.iter().map(|row| (row.coder.coder_id.as_str(), row.depth)).collect()
    }

    #[test]
    fn who_needs_a_person_stands_first() {
        let mut stalled = coder("stalled", Status::Running, None, 1);
        stalled.stalled = true;
        stalled.needs_attention.push(Attention::Stalled);
        let mut limited = coder("limited", Status::Running, None, 9);
        limited.needs_attention.push(Attention::RateLimited);
        let coders = vec![
            coder("done", Status::Completed, None, 50),
            coder("runs", Status::Running, None, 99),
            limited,
            stalled,
            coder("waits", Status::Paused, None, 3),
            coder("failed", Status::Failed, None, 2),
        ];
        let rows = arrange(coders, Sort::Attention);
        assert_eq!(ids(&rows), ["failed", "waits", "stalled", "limited", "runs", "done"].map(|id| (id, 0)));
    }

    #[test]
    fn a_family_stands_where_its_most_urgent_member_would() {
        let coders = vec![
            coder("b", Status::Running, None, 1),
            coder("a", Status::Running, None, 1),
            coder("b2", Status::Failed, Some("b"), 1),
            coder("b1", Status::Completed, Some("b"), 1),
            coder("lost", Status::Completed, Some("gone"), 1),
        ];
        let rows = arrange(coders, Sort::Attention);
        assert_eq!(ids(&rows), [("b", 0), ("b2", 1), ("b1", 1), ("a", 0), ("lost", 0)]);
    }

    #[test]
    fn an_old_failure_stands_behind_what_is_going_on() {
        let coders = vec![
            settled(coder("failed", Status::Failed, None, 100)),
            coder("stopped", Status::Stopped, None, 99),
            coder("done", Status::Completed, None, 2),
            settled(coder("seen", Status::Paused, None, 3)),
            coder("runs", Status::Running, None, 1),
        ];
        let rows = arrange(coders, Sort::Attention);
        assert_eq!(ids(&rows), ["runs", "seen", "done", "stopped", "failed"].map(|id| (id, 0)));
        assert!(rows.iter().all(|row| !row.is_urgent));
    }

    proptest! {
        #[test]
        fn each_coder_has_one_row_whoever_its_parent_is(parents in proptest::collection::vec(0..12_usize, 0..12), sort in 0..5_usize) {
            let coders: Vec<_> = parents
                .iter()
                .enumerate()
                .map(|(at, parent)| coder(&format!("c{at}"), Status::Running, Some(&format!("c{parent}")), 0))
                .collect();
            let mut rows: Vec<_> = arrange(coders, Sort::ALL[sort]).into_iter().map(|row| row.coder.coder_id).collect();
            rows.sort();
            let mut expected: Vec<_> = (0..parents.len()).map(|at| format!("c{at}")).collect();
            expected.sort();
            prop_assert_eq!(rows, expected);
        }

        #[test]
        fn no_family_that_needs_a_person_stands_behind_one_that_does_not(
            given in proptest::collection::vec((0..40_usize, 0..4_usize, any::<bool>()), 0..40),
        ) {
            let statuses = [Status::Failed, Status::Paused, Status::Running, Status::Completed];
            let coders: Vec<_> = given
                .iter()
                .enumerate()
                .map(|(at, &(parent, status, is_old))| {
                    let coder = coder(&format!("c{at}"), statuses[status], Some(&format!("c{parent}")), 0);
                    if is_old { settled(coder) } else { coder }
                })
                .collect();
            let rows = arrange(coders, Sort::Attention);
            prop_assert_eq!(rows.len(), given.len());
            prop_assert!(rows.iter().all(|row| row.depth <= DEPTH_MAX));
            let families = rows.chunk_by(|_, next| next.depth > 0).map(|family| family.iter().any(|row| row.is_urgent));
            prop_assert!(families.collect::<Vec<_>>().is_sorted_by(|urgent, next| urgent >= next));
        }
    }

    #[test]
    fn who_works_too_deep_or_in_a_circle_stands_for_itself() {
        let chain = (0..12).map(|at: usize| {
            let parent = at.checked_sub(1).map(|parent| format!("c{parent:02}"));
            let status = if at == 10 { Status::Failed } else { Status::Running };
            coder(&format!("c{at:02}"), status, parent.as_deref(), 0)
        });
        let circle = [
            coder("x", Status::Paused, Some("y"), 0),
            coder("y", Status::Completed, Some("x"), 0),
            coder("under", Status::Running, Some("x"), 0),
        ];
        let rows = arrange(chain.chain(circle).collect(), Sort::Attention);
        let deep = (0..9).map(|at| (format!("c{at:02}"), at));
        let flat = |ids: &[&str]| ids.iter().map(|id| (id.to_string(), 0)).collect::<Vec<_>>();
        let expected: Vec<_> = flat(&["c10", "x"]).into_iter().chain(deep).chain(flat(&["c09", "c11", "under", "y"])).collect();
        let expected: Vec<_> = expected.iter().map(|(id, depth)| (id.as_str(), *depth)).collect();
        assert_eq!(ids(&rows), expected);
    }
}
