//! What agents pay for six questions about a week (`week`), asked as the server itself says; and for an hour in which nothing
//! happens. Tokens are those of o200k, of the structured content that agents hand their model.

use std::path::Path;

use serde_json::{Value, json};
use tiktoken_rs::CoreBPE;

use super::{
    server::{Server, program},
    week,
};

pub fn tokens() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let db = folder.path().join("history.db");
    let present = week::fill(&db);
    let tokenizer = tiktoken_rs::o200k_base().expect("it is part of the crate");
    let mut asking = Asking { server: Server::start(&db, &[]), tokenizer, calls: Vec::new() };
    let stats = asking.server.call("get_ai_coder_stats", &json!({}))["structuredContent"].clone();
    println!("{} coders, {} events", stats["coders_total"], stats["total_events"]);

    println!("question: calls, characters, tokens (wanted)");
    asking.call("list_ai_coders", json!({}));
    asking.tell("which agents are running, is anyone stuck?", "1, 2500");

    asking.call("brief_ai_coder", json!({"coder_id": "Let tokens expire after a day", "since": "1h"}));
    asking.tell("what did X change in the last hour, why did it fail?", "1 or 2, 2000");

    let end = ["emit", "completed", "--coder", &present.working];
    asking.call_while("subscribe_coder", json!({"coder_id": present.working, "until": ["settled"]}), &db, &end);
    asking.call("brief_ai_coder", json!({"coder_id": present.working}));
    asking.tell("wait until X is done, then summarise", "2, 1800");

    asking.call("list_ai_coder_events", json!({"path": "shop/src/auth.rs", "not_coder": "me", "since": "24h", "limit": 1}));
    asking.tell("has anyone else touched src/auth.rs?", "1, 500");

    asking.call("get_ai_coder_stats", json!({"group_by": ["model"], "since": "today"}));
    asking.tell("what have we spent today, on which model?", "1, 500");

    let limit = ["emit", "rate_limit", "--coder", &present.failed, "--set", "provider=anthropic"];
    asking.call_while("subscribe_coder", json!({"coder_id": "*", "until": ["rate_limit"]}), &db, &limit);
    asking.tell("tell me when any coder hits a rate limit", "1, 151");

    asking.call("get_ai_coder_stats", json!({}));
    asking.tell("(plain statistics)", "1, 1000");
    asking.server.request("prompts/get", &json!({"name": "standup"}));
    let standup = asking.server.answer()["messages"].to_string();
    println!("/standup: {} characters, {} tokens (3000)", standup.chars().count(), asking.count(&standup));
    asking.server.request("tools/list", &json!({}));
    let tools = asking.server.answer()["tools"].to_string();
    println!("tools/list: {} characters, {} tokens (3000)", tools.chars().count(), asking.count(&tools));
    asking.idle_hour(&present.failed);
}

struct Asking {
    server: Server,
    tokenizer: CoreBPE,
    /// What each call of a question was answered.
    calls: Vec<String>,
}

impl Asking {
    fn count(&self, text: &str) -> usize {
        self.tokenizer.encode_ordinary(text).len()
    }

    fn call(&mut self, tool: &str, arguments: Value) {
        let answer = self.server.call(tool, &arguments);
        self.took(answer);
    }

    /// While the call waits, this happens.
    fn call_while(&mut self, tool: &str, arguments: Value, db: &Path, happens: &[&str]) {
        self.server.request("tools/call", &json!({"name": tool, "arguments": arguments}));
        assert!(program(db, &[]).args(happens).output().expect("it starts").status.success(), "{happens:?}");
        let answer = self.server.answer();
        self.took(answer);
    }

    fn took(&mut self, answer: Value) {
        assert_ne!(answer["isError"], true, "{answer}");
        self.calls.push(answer["structuredContent"].to_string());
    }

    fn tell(&mut self, question: &str, wanted: &str) {
        let calls = std::mem::take(&mut self.calls);
        let chars: usize = calls.iter().map(|answer| answer.chars().count()).sum();
        let tokens: usize = calls.iter().map(|answer| self.count(answer)).sum();
        println!("{question} {}, {chars}, {tokens} ({wanted})", calls.len());
        if std::env::var_os("BENCH_TOKENS_SHOW").is_some() {
            calls.iter().for_each(|answer| println!("  {answer}"));
        }
    }

    /// Worked out from one wait in vain: what is sent and answered, as often as an hour takes.
    fn idle_hour(&mut self, coder: &str) {
        let now = self.server.call("subscribe_coder", &json!({"coder_id": coder}))["structuredContent"].clone();
        let mut arguments = json!({"coder_id": coder, "cursor": now["cursor"], "wait_ms": 0});
        let idle = self.server.call("subscribe_coder", &arguments)["structuredContent"].to_string();
        println!("an idle answer: {} tokens (60): {idle}", self.count(&idle));
        for (how, wait_ms, wanted) in [("with a progress token", 600_000, 2_000), ("as a task", 3_600_000, 100)] {
            arguments["wait_ms"] = wait_ms.into();
            let calls = 3_600_000 / wait_ms;
            let tokens = calls * (self.count(&arguments.to_string()) + self.count(&idle));
            println!("an hour in which nothing happens, {how}: {calls} calls, {tokens} tokens ({wanted})");
        }
    }
}
