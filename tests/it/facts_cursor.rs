//! Cursor's hooks, as its documentation shows them: no run of it was captured.

use ai_coder_events::source::Agent;

use crate::channels::{check_that_nothing_panics, hooks, lines};

#[test]
fn the_documented_hooks() {
    assert_eq!(
        lines(&hooks(Agent::Cursor, "cursor/hooks.jsonl")),
        [
            "created #created",
            "started #started",
            "prompt: please write hello.txt",
            "resumed (prompt) ?pcfsd",
            "new file /home/dev/work/demo/hello.txt +1",
            "Write: /home/dev/work/demo/hello.txt #tool:toolu_01",
            "output (stdout): 1 passing ",
            "Shell failed: false #tool:toolu_02",
            "created /sub_1 #agent:sub_1:created",
            "started /sub_1 #agent:sub_1:started",
            "resource limit",
            "said: Done.",
            "api call claude-4.5-sonnet (6,542 tokens) #api:490b90b7-a2ce-4c2c-bb76-cb77b125df2f",
            "completed",
            "failed (error)",
            "paused (interrupted)",
            "stopped (user_close)"
        ]
    );
}

#[test]
fn no_payload_panics() {
    check_that_nothing_panics(Agent::Cursor, "cursor/hooks.jsonl");
}
