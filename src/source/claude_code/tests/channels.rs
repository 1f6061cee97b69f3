//! One fact, one event: all channels of a captured run, in many orders, give the run's own totals.

use std::collections::BTreeMap;

use super::*;
use crate::event::{Body, Provider};

/// What the history does with keys and conditions, in a few lines.
#[derive(Default)]
struct Model {
    facts: Vec<Fact>,
    coders: BTreeMap<String, (Time, Status)>,
}

struct Fact {
    kind: EventType,
    coder_id: String,
    time: Time,
    natural: Option<String>,
    repeat: Option<String>,
    body: Body,
}

impl Model {
    fn take(&mut self, draft: Draft, arrival: Time) {
        let time = draft.timestamp.unwrap_or(arrival);
        let status = self.coders.get(&draft.coder_id).map(|&(_, status)| status);
        let holds = match &draft.only_if {
            None => true,
            Some(Condition::Unknown) => status.is_none(),
            Some(Condition::Known) => status.is_some(),
            Some(Condition::Status(statuses)) => status.is_some_and(|status| statuses.contains(&status)),
        };
        if !holds {
            return;
        }
        let (natural, repeat) = match draft.key {
            Key::Natural(natural) => (Some(natural), None),
            Key::Either { natural, repeat } => (Some(natural), Some(repeat)),
            Key::Repeat(repeat) => (None, Some(repeat)),
            Key::Id(_) | Key::None => panic!("a fact without a key: {:?}", draft.kind),
        };
        let same = |fact: &&mut Fact| {
            let is_near = fact.time.since(time).abs() < Key::REPEAT_WITHIN;
            let either = natural.is_none() || fact.natural.is_none();
            (natural.is_some() && fact.natural == natural) || (either && is_near && repeat.is_some() && fact.repeat == repeat)
        };
        if let Some(fact) = self.facts.iter_mut().find(same) {
            assert_eq!((fact.kind, &fact.coder_id), (draft.kind, &draft.coder_id), "{:?}", fact.natural);
            fact.body.fill(&draft.body);
            fact.natural = fact.natural.take().or(natural);
            fact.repeat = fact.repeat.take().or(repeat);
            return;
        }
        self.enter(&draft.coder_id, draft.kind, time);
        self.facts.push(Fact { kind: draft.kind, coder_id: draft.coder_id, time, natural, repeat, body: draft.body });
    }

    fn enter(&mut self, coder_id: &str, kind: EventType, time: Time) {
        let entered = match kind {
            EventType::Created => Status::Created,
            EventType::Paused => Status::Paused,
            EventType::Completed => Status::Completed,
            EventType::Failed => Status::Failed,
            EventType::Stopped => Status::Stopped,
            _ => Status::Running,
        };
        let is_life = kind.family() == crate::event::Family::Lifecycle;
        let (at, status) = self.coders.entry(coder_id.to_owned()).or_insert((time, entered));
        let is_over = kind == EventType::Stopped && matches!(status, Status::Completed | Status::Failed);
        if is_life && time >= *at && !is_over {
            (*at, *status) = (time, entered);
        }
    }

    fn count(&self, kind: EventType) -> usize {
        self.facts.iter().filter(|fact| fact.kind == kind).count()
    }

    /// Input, output, read from the cache, written to it, and billionths of a dollar.
    fn usage(&self) -> [u64; 5] {
        let calls = self.facts.iter().filter_map(|fact| match &fact.body {
            Body::Provider(call) => Some(call),
            _ => None,
        });
        let figures = |call: &Provider| {
            let cost = call.cost_usd.map(|usd| (usd * 1e9).round() as u64);
            [call.input_tokens, call.output_tokens, call.cache_read_tokens, call.cache_write_tokens, cost]
                .map(Option::unwrap_or_default)
        };
        calls.map(figures).fold([0; 5], |sum, call| std::array::from_fn(|at| sum[at] + call[at]))
    }
}

/// A draft and when it arrives.
type Told = (Time, Draft);

fn hooks(run: &str) -> Vec<Told> {
    let told = |line: Value| {
        let time = Time::from_micros(line["received_unix_ns"].as_i64().expect("a time") / 1_000);
        read(&line["payload"]).into_iter().map(move |draft| (time, draft))
    };
    fixture(run).into_iter().flat_map(told).collect()
}

/// A line without a time arrives with the next one that has one; the stream ends with the process, after its last hook and its
/// last export.
fn stream(run: &str) -> Vec<Told> {
    let mut next = hooks(run).last().expect("a run has hooks").0;
    let mut told = Vec::new();
    for (line, drafts) in stream_of(run).into_iter().rev() {
        next = line["timestamp"].as_str().and_then(Time::parse).unwrap_or(next);
        told.extend(drafts.into_iter().rev().map(|draft| (next, draft)));
    }
    told.reverse();
    told
}

fn logs(run: &str) -> Vec<Told> {
    let drafts = logs_of(run).into_iter().flat_map(|log| read_telemetry(&log).expect("understood"));
    drafts.map(|draft| (draft.timestamp.expect("records have times"), draft)).collect()
}

fn transcript(run: &str) -> Vec<Told> {
    let mut drafts = transcript_of(run, "");
    if run == "subagent" {
        drafts.extend(transcript_of("subagent.agent-a99b76bbf3cc5e5fd", "/b6838c7b/subagents/agent-a99b76bbf3cc5e5fd.jsonl"));
    }
    drafts.into_iter().map(|draft| (draft.timestamp.expect("lines have times"), draft)).collect()
}

fn model_of<'t>(channels: impl IntoIterator<Item = &'t Vec<Told>>) -> Model {
    let mut model = Model::default();
    for (arrival, draft) in channels.into_iter().flatten() {
        model.take(draft.clone(), *arrival);
    }
    model
}

fn orders(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let first = |&first: &usize| {
        let rest: Vec<usize> = items.iter().copied().filter(|&item| item != first).collect();
        orders(&rest).into_iter().map(move |rest| [vec![first], rest].concat())
    };
    items.iter().flat_map(first).collect()
}

struct Expected {
    run: &'static str,
    usage: [u64; 5],
    counts: &'static [(EventType, usize)],
}

use EventType::{
    ApiCall, Completed, Created, Failed, FileCreated, FileDeleted, FileModified, Milestone, Progress, RateLimit, Resumed,
    Started, Stopped,
};

/// As each run's own `result` and `cost-state` say.
const RUNS: &[Expected] = &[
    Expected {
        run: "main",
        usage: [7_000, 210, 25_000, 1_500, 44_700_000],
        counts: &[
            (ApiCall, 5),
            (Created, 1),
            (Started, 1),
            (Completed, 1),
            (Failed, 0),
            (Stopped, 1),
            (Resumed, 0),
            (RateLimit, 0),
            (FileCreated, 1),
            (FileModified, 1),
            (FileDeleted, 1),
            (Progress, 4),
            (EventType::Output, 6),
        ],
    },
    Expected {
        run: "subagent",
        usage: [5_000, 168, 20_000, 1_200, 33_360_000],
        counts: &[
            (ApiCall, 4),
            (Created, 2),
            (Started, 2),
            (Completed, 2),
            (Failed, 0),
            (Stopped, 2),
            (Resumed, 0),
            (Progress, 2),
        ],
    },
    Expected {
        run: "429",
        usage: [1_200, 42, 5_000, 300, 8_140_000],
        counts: &[
            (ApiCall, 1),
            (Created, 1),
            (Started, 1),
            (Completed, 1),
            (Stopped, 1),
            (Resumed, 0),
            (RateLimit, 2),
            (EventType::Output, 1),
        ],
    },
    Expected {
        run: "429fatal",
        usage: [0; 5],
        counts: &[
            (ApiCall, 0),
            (Created, 1),
            (Started, 1),
            (Completed, 0),
            (Failed, 1),
            (Stopped, 1),
            (Resumed, 0),
            (RateLimit, 3),
            (EventType::Output, 1),
        ],
    },
    Expected {
        run: "killTERM",
        usage: [1_200, 42, 5_000, 300, 8_140_000],
        counts: &[
            (ApiCall, 1),
            (Created, 1),
            (Started, 1),
            (Completed, 0),
            (Failed, 0),
            (Stopped, 1),
            (Resumed, 0),
            (Progress, 1),
        ],
    },
    Expected {
        run: "tasks",
        usage: [5_400, 168, 20_000, 1_200, 34_960_000],
        counts: &[
            (ApiCall, 4),
            (Created, 1),
            (Started, 1),
            (Completed, 1),
            (Stopped, 1),
            (Resumed, 0),
            (Progress, 3),
            (EventType::Output, 4),
        ],
    },
];

impl Expected {
    fn check(&self, model: &Model, order: &str) {
        assert_eq!(model.usage(), self.usage, "{}: {order}", self.run);
        self.check_counts(model, order, |_| true);
    }

    fn check_counts(&self, model: &Model, order: &str, asked: impl Fn(EventType) -> bool) {
        for &(kind, count) in self.counts.iter().filter(|(kind, _)| asked(*kind)) {
            assert_eq!(model.count(kind), count, "{}: {kind}, {order}", self.run);
        }
    }
}

#[test]
fn all_channels_in_any_order_give_the_runs_totals() {
    for expected in RUNS {
        let run = expected.run;
        let live = hooks(run);
        let others = [stream(run), logs(run), transcript(run)];
        for order in orders(&[0, 1, 2]) {
            let told = order.iter().map(|&at| &others[at]);
            expected.check(&model_of(std::iter::once(&live).chain(told.clone())), &format!("hooks, {order:?}"));
            // Hooks judge by what is recorded when they arrive, and a prompt after the end is another turn's.
            let late = model_of(told.chain([&live]));
            assert_eq!(late.usage(), expected.usage, "{run}: {order:?}, hooks");
            expected.check_counts(&late, &format!("{order:?}, hooks"), |kind| kind != Resumed);
        }
        let mut as_it_happened: Vec<Told> = [&live, &others[0], &others[1]].into_iter().flatten().cloned().collect();
        as_it_happened.sort_by_key(|(time, _)| *time);
        expected.check(&model_of([&as_it_happened, &others[2]]), "as it happened");
    }
}

#[test]
fn one_channel_alone_knows_the_totals_it_was_told() {
    for expected in RUNS {
        let run = expected.run;
        let in_one_file = run != "subagent";
        let cost_known = |usage: [u64; 5]| if in_one_file { usage } else { [usage[0], usage[1], usage[2], usage[3], 0] };
        let imported = model_of([&transcript(run)]).usage();
        assert_eq!(cost_known(imported), cost_known(expected.usage), "{run}: transcript");
        assert_eq!(model_of([&logs(run)]).usage(), expected.usage, "{run}: logs");
        // A stream that breaks off has no result.
        if run != "killTERM" {
            assert_eq!(model_of([&stream(run)]).usage(), expected.usage, "{run}: stream");
        }
    }
    // A subagent's own file does not say what it cost, and the session's share is no more than its own.
    assert_eq!(model_of([&transcript("subagent")]).usage()[4], 16_680_000);
}

#[test]
fn each_channel_alone_tells_a_whole_life() {
    for expected in RUNS {
        let life = |kind| matches!(kind, Created | Started | Completed | Failed | Stopped | Resumed | RateLimit);
        expected.check_counts(&model_of([&stream(expected.run)]), "stream", life);
        expected.check_counts(&model_of([&transcript(expected.run)]), "transcript", life);
    }
}

#[test]
fn what_is_told_again_is_nothing_new() {
    for expected in RUNS {
        let channels = [hooks(expected.run), stream(expected.run), logs(expected.run), transcript(expected.run)];
        expected.check(&model_of(channels.iter().chain(&channels[1..])), "twice");
    }
}

#[test]
fn a_terminal_session_has_no_stream() {
    let model = model_of([&hooks("tui"), &logs("tui")]);
    assert_eq!(model.usage(), [6_700, 210, 25_000, 1_500, 43_500_000]);
    let counts = [ApiCall, Created, Completed, Stopped, Milestone, FileCreated, FileDeleted].map(|kind| model.count(kind));
    assert_eq!(counts, [5, 1, 1, 1, 1, 1, 1]);
}
