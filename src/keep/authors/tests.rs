use serde_json::{Value, json};

use super::*;
use crate::event::Progress;

/// Seconds after some moment.
fn at(seconds: f64) -> Time {
    Time::from_micros(1_800_000_000 * Time::SECOND + (seconds * 1e6) as Micros)
}

/// What happened, each at its second.
struct Scene {
    authors: Authors,
    seq: u64,
    last: Option<Event>,
}

impl Scene {
    /// Coders that began a turn in `/w` at second 0.
    fn of(coders: &[&str]) -> Scene {
        let mut scene = Scene { authors: Authors::default(), seq: 0, last: None };
        for coder in coders {
            scene.hear(coder, EventType::Started, 0.0, json!({"cwd": "/w"}));
        }
        scene
    }

    fn hear(&mut self, coder: &str, kind: EventType, second: f64, data: Value) -> &mut Scene {
        self.event(coder, kind, second, data, None)
    }

    fn event(&mut self, coder: &str, kind: EventType, second: f64, data: Value, path: Option<&str>) -> &mut Scene {
        self.seq += 1;
        let source = data.get("source").and_then(Value::as_str).unwrap_or("claude-code").to_owned();
        let event = Event {
            seq: self.seq,
            id: self.seq.to_string(),
            kind,
            coder_id: coder.into(),
            coder_name: None,
            timestamp: at(second),
            received_at: at(second),
            source: Some(source),
            body: match kind.body() {
                Body::Progress(fields) => {
                    let description = data.get("call").and_then(Value::as_str).map(str::to_owned);
                    Body::Progress(Progress { stage: Some("Bash".into()), description, ..fields })
                }
                body => body,
            },
            data: data.as_object().cloned().unwrap_or_default(),
            completes: None,
        };
        self.authors.hear(&event, path.map(PathBuf::from), |folder| folder.into());
        self.last = Some(event);
        self
    }

    /// A command that took so many seconds.
    fn shell(&mut self, coder: &str, end: f64, took: f64) -> &mut Scene {
        self.hear(coder, EventType::Progress, end, json!({"tool_name": "Bash", "duration_ms": (took * 1e3) as i64}))
    }

    /// A command that is told from its beginning, and of which the hook of its end is heard then.
    fn shell_from_to(&mut self, coder: &str, begin: f64, end: Option<f64>) -> &mut Scene {
        self.shell_from_for(coder, begin, 0.05, end)
    }

    /// One that is said to have taken so long, though its end is heard of later.
    fn shell_from_for(&mut self, coder: &str, begin: f64, took: f64, end: Option<f64>) -> &mut Scene {
        self.hear(coder, EventType::Progress, begin, json!({"tool_name": "Bash", "running": true}));
        let Some(end) = end else { return self };
        let mut event = self.last.clone().expect("heard");
        event.completes = Some(event.seq);
        event.data = json!({"running": false, "duration_ms": (took * 1e3) as i64}).as_object().cloned().expect("an object");
        event.received_at = at(end);
        self.seq += 1;
        event.seq = self.seq;
        self.authors.hear(&event, None, |folder| folder.into());
        self
    }

    /// One whose duration nobody tells.
    fn shell_of_unknown_length(&mut self, coder: &str, end: f64) -> &mut Scene {
        self.hear(coder, EventType::Progress, end, json!({"tool_name": "bash"}))
    }

    /// A tool that told of `/w/f`.
    fn writes(&mut self, coder: &str, end: f64) -> &mut Scene {
        self.hear(coder, EventType::Progress, end, json!({"tool_name": "Write"}));
        self.event(coder, EventType::FileModified, end, json!({"tool_name": "Write"}), Some("/w/f"))
    }

    /// Anything else, such as a call of the model.
    fn goes_on(&mut self, coder: &str, second: f64) -> &mut Scene {
        self.hear(coder, EventType::ApiCall, second, json!({}))
    }

    fn ends_turn(&mut self, coder: &str, second: f64) -> &mut Scene {
        self.hear(coder, EventType::Completed, second, json!({}))
    }

    /// Whose a change of `/w/f` is, in a word, judged so many seconds later.
    fn author(&self, second: f64, later: f64) -> String {
        let seen = SeenChange { place: "/w/f".into(), root: "/w".into(), at: at(second), is_dated: true };
        match self.authors.author(&seen, at(second + later)) {
            Author::Told => "told".to_owned(),
            Author::Open => "open".to_owned(),
            Author::Coder { coder_id, .. } => coder_id,
            Author::Unknown(at_work) => format!("unknown {}", at_work.join(" ")).trim().to_owned(),
        }
    }
}

#[test]
fn a_command_changed_what_changed_in_its_time() {
    let mut scene = Scene::of(&["a"]);
    scene.goes_on("a", 9.0).shell("a", 12.0, 2.0).goes_on("a", 13.0);
    for (second, later, expected) in [
        (11.0, 1.0, "open"),
        (11.0, 3.0, "a"),
        (12.1, 3.0, "a"),
        // A hook comes a moment after the command's end: as much earlier the command may have begun, but not before it was asked for.
        (9.5, 6.0, "a"),
        (8.9, 3.0, "open"),
        (8.9, 6.0, "unknown"),
        (12.5, 6.0, "unknown"),
    ] {
        assert_eq!(scene.author(second, later), expected, "{second} + {later}");
    }
}

#[test]
fn where_nothing_says_how_long_a_command_took_it_began_after_what_was_before() {
    let mut scene = Scene::of(&["a"]);
    scene.goes_on("a", 9.0).shell_of_unknown_length("a", 12.0).goes_on("a", 13.0);
    assert_eq!(scene.author(9.1, 6.0), "a");
    assert_eq!(scene.author(8.9, 6.0), "unknown");
}

#[test]
fn what_a_tool_told_is_told() {
    let mut scene = Scene::of(&["a"]);
    scene.goes_on("a", 9.0).writes("a", 12.0).shell("a", 16.0, 1.0).goes_on("a", 20.0);
    assert_eq!(scene.author(11.9, 3.0), "told");
    assert_eq!(scene.author(15.5, 3.0), "a", "by the command behind it");
    assert_eq!(scene.author(12.5, 8.0), "told", "a hook of the agent's formats it");
    assert_eq!(scene.author(17.5, 8.0), "unknown", "that is too late for it");
}

#[test]
fn what_a_tool_told_is_told_though_its_beginning_was_heard_of_late() {
    let mut scene = Scene::of(&["a", "b"]);
    scene.shell_from_for("b", 10.0, 0.2, Some(10.3)).goes_on("a", 9.5);
    let write = json!({"tool_name": "Write", "tool_use_id": "t", "running": true});
    scene.hear("a", EventType::Progress, 10.101, write);
    let mut end = scene.last.clone().expect("heard");
    (end.completes, end.seq, end.received_at) = (Some(end.seq), 100, at(10.15));
    end.data = json!({"running": false, "duration_ms": 5}).as_object().cloned().expect("an object");
    scene.authors.hear(&end, None, |folder| folder.into());
    let told = json!({"tool_name": "Write", "tool_use_id": "t"});
    scene.event("a", EventType::FileModified, 10.15, told, Some("/w/f"));
    assert_eq!(scene.author(10.1, 3.0), "told");
}

#[test]
fn where_another_had_a_command_at_work_too_nobody_knows() {
    let mut scene = Scene::of(&["a", "b"]);
    scene.shell("a", 12.0, 2.0).goes_on("a", 13.0);
    assert_eq!(scene.author(11.0, 3.0), "open", "what b was at is not known yet");
    assert_eq!(scene.author(11.0, 300.0), "unknown a b", "nor is it later");
    scene.goes_on("b", 13.0);
    assert_eq!(scene.author(11.0, 3.0), "a", "b called its model");
    scene.shell("b", 14.0, 4.0);
    assert_eq!(scene.author(11.0, 4.0), "unknown a b");
}

#[test]
fn a_command_that_only_reads_changed_nothing() {
    let mut scene = Scene::of(&["a", "b"]);
    let reads = json!({"tool_name": "Bash", "duration_ms": 4000, "call": "Bash: git diff | head -20"});
    scene.hear("b", EventType::Progress, 14.0, reads).shell("a", 12.0, 2.0).goes_on("a", 15.0);
    assert_eq!(scene.author(11.0, 4.0), "a");
    assert_eq!(scene.author(13.5, 6.0), "unknown");
}

#[test]
fn who_is_in_no_turn_or_silent_for_long_has_no_command_at_work() {
    let mut scene = Scene::of(&["a", "b", "c"]);
    scene.ends_turn("b", 1.0);
    scene.hear("d", EventType::Started, 0.0, json!({"cwd": "/elsewhere"}));
    scene.shell("a", 700.0, 1.0).goes_on("a", 710.0);
    assert_eq!(scene.author(699.5, 3.0), "a", "c is silent for ten minutes, d is elsewhere");
}

#[test]
fn a_subagent_works_in_its_parents_folder_and_does_not_wait_for_it() {
    let mut scene = Scene::of(&["a"]);
    scene.hear("a/1", EventType::Started, 1.0, json!({"parent_coder_id": "a"})).shell("a/1", 5.0, 2.0).goes_on("a/1", 6.0);
    assert_eq!(scene.author(4.0, 3.0), "a/1");
}

#[test]
fn what_no_command_changed_is_nobodys_once_no_report_can_come() {
    let mut scene = Scene::of(&["a"]);
    assert_eq!(scene.author(1.0, 500.0), "open", "a may have a command at work");
    assert_eq!(scene.author(1.0, 700.0), "unknown a");
    scene.ends_turn("a", 3.0);
    assert_eq!(scene.author(4.0, 3.0), "open", "a report may be late");
    assert_eq!(scene.author(4.0, 6.0), "unknown");
}

#[test]
fn what_a_keeper_saw_is_seen_once_and_a_run_says_nothing() {
    let mut scene = Scene::of(&["a"]);
    let seen = json!({"source": "keep", "tool_name": "Bash"});
    scene.ends_turn("a", 9.0).event("a", EventType::FileModified, 10.0, seen, Some("/w/f"));
    assert_eq!(scene.author(10.0, 6.0), "told");
    assert_eq!(scene.author(10.1, 6.0), "unknown", "that is another change");
    scene.event("r", EventType::FileModified, 20.0, json!({"source": "run"}), Some("/w/f"));
    assert_eq!(scene.author(20.0, 6.0), "unknown");
}

#[test]
fn a_command_that_goes_on_is_at_work_already() {
    let mut scene = Scene::of(&["a", "b"]);
    scene.shell_from_to("b", 1.0, Some(2.0));
    scene.shell_from_to("a", 10.0, None);
    assert_eq!(scene.author(500.0, 1.0), "open");
    assert_eq!(scene.author(500.0, 3.0), "a", "b would have told that a command of it began");
    assert_eq!(scene.author(9.5, 3.0), "a", "the hook may have been late");
    assert_eq!(scene.author(8.5, 6.0), "unknown");
    scene.shell_from_to("b", 499.0, None);
    assert_eq!(scene.author(500.0, 3.0), "unknown a b");
    scene.ends_turn("a", 510.0);
    assert_eq!(scene.author(511.0, 3.0), "b", "nothing of a's goes on behind its turn");
}

#[test]
fn a_command_that_a_person_is_asked_for_is_not_at_work() {
    let mut scene = Scene::of(&["a"]);
    scene.shell_from_to("a", 10.0, None).hear("a", EventType::Paused, 10.1, json!({}));
    assert_eq!(scene.author(20.0, 6.0), "unknown");
    let mut scene = Scene::of(&["a"]);
    scene.hear("a", EventType::Paused, 10.1, json!({})).shell_from_to("a", 10.0, Some(30.0));
    assert_eq!(scene.author(20.0, 6.0), "unknown", "it took 50 ms of the time since it was asked for");
    assert_eq!(scene.author(29.9, 6.0), "a");
}

#[test]
fn whose_command_was_over_by_then_had_none_at_work_though_it_is_heard_of_late() {
    let mut scene = Scene::of(&["a", "b"]);
    scene.shell_from_for("b", 10.0, 0.4, Some(12.0)).shell_from_for("a", 10.8, 0.3, Some(11.2));
    assert_eq!(scene.author(11.0, 3.0), "a");
    // It waited for a hook or a person first, and nobody else's was at work.
    assert_eq!(scene.author(11.8, 3.0), "b");
}
