//! What is recorded: drafts as real runs make them.

use ai_coder_events::{
    event::{Draft, EventType},
    history::{Entry, Options, Writer},
};

pub const CODERS: usize = 100;

/// A hundred coders, types in the proportions of a real run: mostly output, progress and files, little of the rest.
pub fn realistic(n: usize) -> Draft {
    let coder = format!("claude-code:00000000-0000-4000-8000-{:012}", n % CODERS);
    match n % 20 {
        0 => Draft::new(EventType::Started, coder),
        1..=6 => Draft::progress(coder, (n % 1000) as f64 / 1000.0, "Bash", "Bash: cargo test --workspace --all-features"),
        7..=9 => Draft::workspace(coder, "modify", &format!("/home/dev/work/demo/src/module_{}.rs", n % 500)),
        10..=12 => Draft::provider(coder, "anthropic", "claude-opus-5-5").with("request_id", format!("req_{n:012}")),
        13 => Draft::resource(coder, 512, 80.0, 20),
        _ => Draft::new(EventType::Output, coder).with("text", "test session::tests::rejects_an_expired_token ... ok\n"),
    }
}

pub fn fill(options: &Options, events: usize) {
    fill_with(options, events, realistic);
}

pub fn fill_with(options: &Options, events: usize, draft: impl Fn(usize) -> Draft) {
    let mut writer = Writer::new(options);
    for start in (0..events).step_by(1024) {
        let batch = (start..events.min(start + 1024)).map(|n| Entry::from(draft(n))).collect();
        writer.append(batch).expect("the bench's history can be written");
    }
}
