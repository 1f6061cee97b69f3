//! Which coder is meant, and what coders are called.

use crate::{
    event::{Body, Draft, EventType, Progress},
    history::{Meant, Unclear},
};

use super::{Lab, draft};

#[test]
fn a_coder_is_who_an_id_a_handle_a_name_or_a_title_says() {
    let mut lab = Lab::new();
    let create = |id: &str, name: &str| Draft { coder_name: Some(name.to_owned()), ..draft(EventType::Created, id) };
    lab.append_all([
        create("claude-code:7f3c1b22-aaaa", "payments"),
        create("codex:7f3c9999-bbbb", "payments"),
        create("claude-code:7f3c1b22-aaaa/a99b", "reviewer"),
        create("gemini:0199", "docs"),
        create("gemini:0200", "docs"),
        draft(EventType::Stopped, "gemini:0200"),
    ]);
    lab.append(Draft {
        body: Body::Progress(Progress { text: Some("Write the manual\nand so on".into()), ..Progress::default() }),
        ..draft(EventType::Prompt, "gemini:0199")
    });
    let mut one = |said: &str| match lab.reader.which(said).expect("readable") {
        Meant::One(id) => id,
        Meant::Unclear(Unclear { candidates, is_ambiguous, .. }) => {
            let told = candidates.into_iter().map(|coder| coder.handle).collect::<Vec<_>>().join(" ");
            format!("{} {told}", if is_ambiguous { "several:" } else { "nobody:" })
        }
    };
    assert_eq!(one("claude-code:7f3c1b22-aaaa"), "claude-code:7f3c1b22-aaaa");
    assert_eq!(one(" 7f3c1b "), "claude-code:7f3c1b22-aaaa");
    assert_eq!(one("7f3c1b/1"), "claude-code:7f3c1b22-aaaa/a99b");
    assert_eq!(one("Reviewer"), "claude-code:7f3c1b22-aaaa/a99b");
    assert_eq!(one("write the manual"), "gemini:0199");
    assert_eq!(one("docs"), "gemini:0199", "the only one that is not finished");
    assert_eq!(one("payments"), "several: 7f3c99 7f3c1b");
    assert_eq!(one("7f3c"), "several: 7f3c99 7f3c1b");
    assert_eq!(one("paymnets"), "nobody: 7f3c99 7f3c1b");
    assert_eq!(one(""), "nobody: ");
    let handles = lab.reader.handles().expect("readable");
    assert_eq!(handles.of("claude-code:7f3c1b22-aaaa/a99b"), "7f3c1b/1");
    lab.append(draft(EventType::Created, "codex:7f3c1b22-cccc"));
    let view = |lab: &mut Lab, id: &str| lab.reader.coder(id).expect("readable").expect("known").handle;
    assert_eq!(view(&mut lab, "claude-code:7f3c1b22-aaaa"), "7f3c1b22-a", "a new coder shares its beginning");
    assert_eq!(handles.of("claude-code:7f3c1b22-aaaa"), "7f3c1b", "who holds the handles of before keeps them");
}
