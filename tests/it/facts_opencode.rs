//! opencode's plugin events, as captured.

use ai_coder_events::source::Agent;

use crate::channels::{check_that_nothing_panics, hook, hooks, lines, tally};

#[test]
fn the_events_of_a_run() {
    assert_eq!(
        lines(&hooks(Agent::Opencode, "opencode/main.jsonl")),
        [
            "created #created",
            "started #started",
            "resumed (prompt) #event:evt_204a6a7d7001383JJxKIYXCls9 ?pcfsd",
            "titled Mock title #title:b814062e-efc1-542f-ab07-c894a046ad22",
            "titled Mock title #title:b814062e-efc1-542f-ab07-c894a046ad22",
            "resumed (prompt) #event:evt_204a6af0d001TIAGv8v9pyxuAa ?pcfsd",
            "write running: /home/dev/work/demo/hello.txt #tool:call_mock5",
            "said: Step 1 #message:prt_204a6af6d001IK55qYelIXCGcr",
            "write: /home/dev/work/demo/hello.txt #tool:call_mock5",
            "new file /home/dev/work/demo/hello.txt +2 #tool:call_mock5:file",
            "api call (1,560 tokens, $0.0007) #api:prt_204a6b056001RUPXP9ABeO53oX",
            "resumed (prompt) #event:evt_204a6b0e9001pb2ny6uaauM3L4 ?pcfsd",
            "titled Mock title #title:b814062e-efc1-542f-ab07-c894a046ad22",
            "resumed (prompt) #event:evt_204a6b1c2001FYQP9UmCvepBBo ?pcfsd",
            "edit running: /home/dev/work/demo/hello.txt #tool:call_mock8",
            "said: Step 2 #message:prt_204a6b1ea001csOVQW7l8zgxhG",
            "edit running: /home/dev/work/demo/hello.txt #tool:call_mock8",
            "edit: /home/dev/work/demo/hello.txt #tool:call_mock8",
            "edited /home/dev/work/demo/hello.txt +1 −1 #tool:call_mock8:file",
            "api call (1,560 tokens, $0.0007) #api:prt_204a6b2ee001HlUBCunUZeGz8C",
            "resumed (prompt) #event:evt_204a6b320001yyPDmW3k2sFtkg ?pcfsd",
            "titled Mock title #title:b814062e-efc1-542f-ab07-c894a046ad22",
            "resumed (prompt) #event:evt_204a6b3b6001YdMQlpD2ZT64zM ?pcfsd",
            "progress 50 % (todo): a #event:evt_204a6b3fa001n5FMsLsc2RTifa",
            "todowrite running #tool:call_mock11",
            "said: Step 3 #message:prt_204a6b3de001BUq6a5mkQ6e5C3",
            "todowrite #tool:call_mock11",
            "api call (1,560 tokens, $0.0007) #api:prt_204a6b4cb00138maq0mcRlgDhq",
            "resumed (prompt) #event:evt_204a6b543001ZA1S4aIZqWlDFF ?pcfsd",
            "titled Mock title #title:b814062e-efc1-542f-ab07-c894a046ad22",
            "resumed (prompt) #event:evt_204a6b638001ru1p9ua5PGh0Os ?pcfsd",
            "bash running: rm hello.txt && ls -la #tool:call_mock14",
            "said: Step 4 #message:prt_204a6b678001leIYmXGcUYk8u2",
            "bash running: rm hello.txt && ls -la #tool:call_mock14",
            "bash running: rm hello.txt && ls -la #tool:call_mock14",
            "bash: rm hello.txt && ls -la #tool:call_mock14",
            "deleted hello.txt #tool:call_mock14:file",
            "output (stdout): total 12 drwxr-xr-x  3 root root 4096 Nov 22 19:06 . drwxr-xr-x 15 root root 4096 Nov 22 19:04 .. drwxr-xr-x  7 root … #tool:call_mock14:stdout",
            "api call (1,560 tokens, $0.0007) #api:prt_204a6b8ed0011CZIGLKiHATbN7",
            "resumed (prompt) #event:evt_204a6b94f001uH4rWzfMRnhsTE ?pcfsd",
            "titled Mock title #title:b814062e-efc1-542f-ab07-c894a046ad22",
            "resumed (prompt) #event:evt_204a6b9d0001x7ax3T7U5MJZ4s ?pcfsd",
            "said: All done. #message:prt_204a6ba0e001Trq6hof2NEbH3B",
            "api call (1,560 tokens, $0.0007) #api:prt_204a6ba660012gjBInQbCev575",
            "resource usage #context:prt_204a6ba660012gjBInQbCev575",
            "resumed (prompt) #event:evt_204a6bacd001qJvL7g2HpAKWuz ?pcfsd",
            "completed #event:evt_204a6bad5002zT71qr7m9EG442 ?cr",
            "completed #event:evt_204a6bad5002zT71qr7m9EG442 ?unknown",
            "titled Mock title #title:b814062e-efc1-542f-ab07-c894a046ad22"
        ]
    );
    let tally = tally(&hooks(Agent::Opencode, "opencode/main.jsonl"));
    assert_eq!(
        tally.into_iter().collect::<Vec<_>>(),
        [
            ("api_call", 5),
            ("completed", 1),
            ("completion_metrics", 1),
            ("created", 1),
            ("file_created", 1),
            ("file_deleted", 1),
            ("file_modified", 1),
            ("output", 6),
            ("progress", 6),
            ("resource_usage", 1),
            ("started", 1),
            ("tokens", 7800),
            ("tokens cached", 5000),
            ("tokens in", 2500),
            ("tokens out", 300)
        ]
    );
}

#[test]
fn no_payload_panics() {
    check_that_nothing_panics(Agent::Opencode, "opencode/main.jsonl");
}

#[test]
fn what_failed_does_not_succeed_after_all_and_a_command_that_failed_is_told_as_such() {
    let told = |payload: serde_json::Value| hook(Agent::Opencode, &payload);
    let session = |kind: &str, more: serde_json::Value| {
        let mut properties = serde_json::json!({"sessionID": "s"});
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::json!({"id": format!("evt_{kind}"), "type": kind, "properties": properties})
    };
    let error = serde_json::json!({"error": {"name": "APIError", "data": {"statusCode": 400, "message": "no"}}});
    let busy = session("session.status", serde_json::json!({"status": {"type": "busy"}}));
    let life = [busy, session("session.error", error), session("session.idle", serde_json::json!({}))];
    let found = tally(&life.into_iter().flat_map(told).collect::<Vec<_>>());
    assert_eq!((found.get("failed"), found.get("completed")), (Some(&1), None), "{found:?}");

    let part = serde_json::json!({"part": {"sessionID": "s", "id": "p", "type": "tool", "tool": "bash", "callID": "c",
        "state": {"status": "completed", "input": {"command": "exit 3"}, "output": "", "metadata": {"exit": 3}}}});
    let failed = told(session("message.part.updated", part)).remove(0);
    assert_eq!((&failed.data["failed"], &failed.data["exit_code"]), (&true.into(), &3.into()));
}
